/*
 * mds_siphash: SipHash-2-4, a hash of short strings under a secret key
 * (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
 */

#ifndef MDS_SIPHASH_H
#define MDS_SIPHASH_H

#include "base/mds_base.h"

#define MDS_SIPHASH_KEY 16 /* bytes */
#define MDS_SIPHASH_LANES 8

/* Returns the eight bytes of the digest, read as a little-endian number. */
uint64_t mds_siphash(const uint8_t key[MDS_SIPHASH_KEY], mds_str_t data);

/*
 * Hashes the same bytes under many keys side by side, in the wide registers of
 * a processor that has them. The keys lie one behind the other, their number
 * is a multiple of MDS_SIPHASH_LANES, and there are as many digests; each is
 * what mds_siphash() returns.
 */
void mds_siphash_lanes(const uint8_t *keys, size_t count, mds_str_t data,
                       uint64_t *digests);

#endif
