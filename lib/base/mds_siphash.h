/*
 * mds_siphash: SipHash-2-4 of the same bytes under many keys, side by side
 * (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): what takes
 * mds_siphash() (mds_digest.h) one key, this takes all, on a processor with
 * registers that are wide enough.
 */

#ifndef MDS_SIPHASH_H
#define MDS_SIPHASH_H

#include "base/mds_digest.h"

#define MDS_SIPHASH_LANES 8

/*
 * Keys one after the other, in number a multiple of MDS_SIPHASH_LANES, and as
 * many digests, each being what mds_siphash() says.
 */
void mds_siphash_lanes(const uint8_t *keys, size_t count, mds_str_t data,
                       uint64_t *digests);

#endif
