/*
 * Reserves room on the heap. glibc's heap grows by M_TOP_PAD more than an
 * allocation needs, and shrinks if more than M_TRIM_THRESHOLD is free at its
 * end.
 */

#include "base/mds_heap.h"

#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MDS_HUGE_PAGE ((uintptr_t) 2 << 20)
#define MDS_HEAP_BYTES_MAX ((size_t) 1 << 30) /* mallopt() takes an int */

/* glibc's defaults, and the most that it raises the second to by itself. */
#define MDS_TOP_PAD (128 << 10)
#define MDS_MMAP_THRESHOLD (32 << 20)

/* An allocation that glibc makes on the heap, and the number of them that fill
 * what is free at the heap's end to begin with. */
#define MDS_HEAP_STEP ((size_t) 64 << 10)
#define MDS_HEAP_STEPS 16

void
mds_heap_reserve(size_t bytes)
{
    uintptr_t begin = (uintptr_t) sbrk(0), end = begin;
    void     *steps[MDS_HEAP_STEPS] = { NULL };

    bytes = bytes < MDS_HEAP_BYTES_MAX ? bytes : MDS_HEAP_BYTES_MAX;
    mallopt(M_MMAP_THRESHOLD, MDS_MMAP_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_TOP_PAD, (int) bytes);

    for (size_t i = 0; i < MDS_HEAP_STEPS && end == begin; i++) {
        steps[i] = malloc(MDS_HEAP_STEP);
        end = (uintptr_t) sbrk(0);
    }

    for (size_t i = 0; i < MDS_HEAP_STEPS; i++) {
        free(steps[i]);
    }

    mallopt(M_TOP_PAD, MDS_TOP_PAD);

    begin = (begin + MDS_HUGE_PAGE - 1) & ~(MDS_HUGE_PAGE - 1);
    if (end > begin) {
        (void) madvise((void *) begin, end - begin, MADV_HUGEPAGE);
    }
}
