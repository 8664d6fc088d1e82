/*
 * mds_heap: room on the heap for a large document, in huge pages.
 *
 * A document becomes millions of small values. Where each page of 4 KB is
 * touched by a fault of its own, and is looked up in the processor's TLB, that
 * is a third of the CPU time of a command.
 */

#ifndef MDS_HEAP_H
#define MDS_HEAP_H

#include <stddef.h>

/*
 * Grows the heap by so many bytes at once, and asks the kernel for huge pages
 * there. Memory is taken only where it is used; what is freed stays with the
 * process. Nothing happens if that fails. Call it before threads are made.
 */
void mds_heap_reserve(size_t bytes);

#endif
