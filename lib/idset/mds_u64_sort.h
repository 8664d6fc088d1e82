/*
 * mds_u64_sort: any number of 64-bit values, put in ascending order, each once,
 * in bounded memory.
 *
 *   values ──▶ array ──sorted──▶ run ─┐
 *                └────sorted──▶ run ─┼─merged──▶ ascending, distinct
 *                     …               ┘
 *
 * Runs go to a temporary file when the array is full; fewer values than that
 * never leave memory. An array of n values takes 16 n bytes: it is sorted into
 * another one and back (radix, 11 bits at a time), and both are the windows of
 * the runs when these are merged.
 */

#ifndef MDS_U64_SORT_H
#define MDS_U64_SORT_H

#include "base/mds_base.h"

/* 128 MiB in all. */
#define MDS_U64_SORT_RUN (8 * 1024 * 1024)

typedef struct mds_u64_sort_s mds_u64_sort_t;

/*
 * dir: where the temporary file goes, if there has to be one; used until
 * mds_u64_sort_free(). run: values in memory at once, MDS_U64_SORT_RUN but in
 * tests.
 */
mds_status_t mds_u64_sort_new(const char *dir, size_t run, mds_error_t *err,
                              mds_u64_sort_t **sort) MDS_MUST_CHECK;

/* NULL is fine; the temporary file goes with it. */
void mds_u64_sort_free(mds_u64_sort_t *sort);

mds_status_t mds_u64_sort_add(mds_u64_sort_t *sort, uint64_t value,
                              mds_error_t *err) MDS_MUST_CHECK;

/* How many were added, doubles too. */
uint64_t mds_u64_sort_count(const mds_u64_sort_t *sort);

/* After the last add, once, before the first next. */
mds_status_t
mds_u64_sort_begin(mds_u64_sort_t *sort, mds_error_t *err) MDS_MUST_CHECK;

/* MDS_NOT_FOUND, without words: there are no more. */
mds_status_t mds_u64_sort_next(mds_u64_sort_t *sort, mds_error_t *err,
                               uint64_t *value) MDS_MUST_CHECK;

#endif
