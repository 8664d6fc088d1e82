/*
 * mds_distinct: counts distinct ids in several groups at once, in bounded
 * memory.
 *
 * Up to MDS_DISTINCT_EXACT_MAX pairs of a group and an id the counts are exact:
 * each pair is an entry of a hash table, of at most 256 MiB, which has 64 bits
 * of it; of ten million pairs, two are taken for one with a probability of
 * 3e-6. Beyond that the table is dropped, and the counts are estimates with a
 * standard error of 0.8 %, by HyperLogLog (Flajolet, Fusy, Gandouet, Meunier:
 * "HyperLogLog: the analysis of a near-optimal cardinality estimation
 * algorithm", 2007) with the estimator of Ertl ("New cardinality estimation
 * algorithms for HyperLogLog sketches", 2017), which has no bias for small
 * counts. The registers of a group take 16 KiB, and are kept from the
 * beginning.
 */

#ifndef MDS_DISTINCT_H
#define MDS_DISTINCT_H

#include "base/mds_base.h"

#define MDS_DISTINCT_EXACT_MAX 24000000
#define MDS_DISTINCT_GROUPS_MAX 4096

typedef struct mds_distinct_s mds_distinct_t;

/* exact_max: MDS_DISTINCT_EXACT_MAX, or less for a test. NULL: out of memory.
 */
mds_distinct_t *mds_distinct_new(uint64_t exact_max);

/* NULL is fine. */
void mds_distinct_free(mds_distinct_t *distinct);

/*
 * Adds an id, by its hash, to a group below MDS_DISTINCT_GROUPS_MAX. Returns
 * whether it may be new in it; always true once counts are estimates. *failed
 * is set if memory ran out, and else left.
 */
bool mds_distinct_add(mds_distinct_t *distinct, unsigned group, uint64_t hash,
                      bool *failed);

/* Returns the number of distinct ids of the group. */
uint64_t mds_distinct_count(const mds_distinct_t *distinct, unsigned group);

/* Returns whether the counts are exact. */
bool mds_distinct_is_exact(const mds_distinct_t *distinct);

#endif
