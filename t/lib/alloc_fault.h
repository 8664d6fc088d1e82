/*
 * Memory that runs short on command. Linked into a test program, or preloaded
 * into any other, alloc_fault.c takes the place of malloc() and its kin and of
 * mmap(), for the program and all its libraries, counts the calls, and lets
 * those fail that it is told to.
 *
 * It is told by a page of numbers: a variable here, or, where ALLOC_FAULT names a
 * file, that file, mapped, so that a test steers another process (AllocFault.pm).
 */

#ifndef ALLOC_FAULT_H
#define ALLOC_FAULT_H

#include <stdint.h>

#define ALLOC_FAULT_PLACES_MAX 8000

typedef struct {
    int64_t pid;    /* whose calls count; 0: nobody's, -1: everybody's */
    int64_t from;   /* the calls that fail, from 1; 0: none */
    int64_t to;
    int64_t inside; /* 1: calls count below the nginx module alone */
    int64_t note;   /* 1: places are noted */
    int64_t calls;  /* so far */
    int64_t failed;
    int64_t live;   /* allocations of the process that were not given back */

    /* The first call of each place: of each way to come to an allocation. */
    int64_t place_count;
    int64_t places[ALLOC_FAULT_PLACES_MAX];
} alloc_fault_t;

extern alloc_fault_t *alloc_fault;

#endif
