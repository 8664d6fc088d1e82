/*
 * mds_u64_sort: sorts any number of 64-bit values, and removes doubles, in
 * bounded memory.
 *
 *   values ──▶ array ──sorted──▶ run ─┐
 *                └────sorted──▶ run ─┼─merged──▶ ascending, distinct
 *                     …               ┘
 *
 * A full array is sorted and written to a temporary file as a run; fewer values
 * stay in memory. An array of n values takes 16 n bytes: a radix sort, by 11
 * bits at a time, moves values between it and a second one. When runs are
 * merged, both arrays hold their windows.
 */

#ifndef MDS_U64_SORT_H
#define MDS_U64_SORT_H

#include "base/mds_base.h"

/* 128 MiB in all. */
#define MDS_U64_SORT_RUN (8 * 1024 * 1024)

typedef struct mds_u64_sort_s mds_u64_sort_t;

/*
 * Creates a sort. dir is the directory of the temporary file, and is used until
 * mds_u64_sort_free(); run is the number of values in memory, MDS_U64_SORT_RUN
 * except in tests.
 */
mds_status_t mds_u64_sort_new(const char *dir, size_t run, mds_error_t *err,
                              mds_u64_sort_t **sort) MDS_MUST_CHECK;

/* Frees the sort, and removes its temporary file. NULL is fine. */
void mds_u64_sort_free(mds_u64_sort_t *sort);

mds_status_t mds_u64_sort_add(mds_u64_sort_t *sort, uint64_t value,
                              mds_error_t *err) MDS_MUST_CHECK;

/* Returns the number of values that were added, with doubles. */
uint64_t mds_u64_sort_count(const mds_u64_sort_t *sort);

/* Ends adding. Call it once, before the first next. */
mds_status_t
mds_u64_sort_begin(mds_u64_sort_t *sort, mds_error_t *err) MDS_MUST_CHECK;

/* Gives the next value. MDS_NOT_FOUND, without a message: there are no more. */
mds_status_t mds_u64_sort_next(mds_u64_sort_t *sort, mds_error_t *err,
                               uint64_t *value) MDS_MUST_CHECK;

#endif
