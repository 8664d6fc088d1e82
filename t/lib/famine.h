/*
 * Memory that runs short on command. Linked into a test program, or preloaded
 * into any other, famine.c takes the place of malloc() and its kin and of
 * mmap(), for the program and all its libraries, counts the calls, and lets
 * those fail that it is told to.
 *
 * It is told by a page of numbers: a variable here, or, where FAMINE names a
 * file, that file, mapped, so that a test steers another process (Famine.pm).
 */

#ifndef FAMINE_H
#define FAMINE_H

#include <stdint.h>

#define FAMINE_PLACES_MAX 8000

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
    int64_t places[FAMINE_PLACES_MAX];
} famine_t;

extern famine_t *famine;

#endif
