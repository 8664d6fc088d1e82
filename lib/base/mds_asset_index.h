/*
 * mds_asset_index: the files of an unpacked version (assets), by their paths:
 * the digest of each, its signature, and the files from which there is a delta
 * to it. `mdsctl publish --unpack` writes an index, and nginx reads it.
 *
 *   "mdsaset1", assets[4], deltas[4], public key[32] (zero: not signed)
 *   mds_asset_record_t …   by path
 *   SHA-256 of old file …  each asset has a range of them
 *
 * Numbers are big-endian. The bytes are checked once, and then read in place.
 */

#ifndef MDS_ASSET_INDEX_H
#define MDS_ASSET_INDEX_H

#include "base/mds_buffer.h"
#include "base/mds_digest.h"

#define MDS_ASSET_MAGIC "mdsaset1"
#define MDS_ASSET_KEY_BYTES 32
#define MDS_ASSET_SIGNATURE_BYTES 64
#define MDS_ASSET_INDEX_MAX ((size_t) 64 << 20) /* bytes */

typedef struct __attribute__((packed)) {
    mds_sha256_t path; /* of the path below the version's directory */
    mds_sha256_t sha256;
    uint8_t      signature[MDS_ASSET_SIGNATURE_BYTES];
    uint8_t      hashed; /* the name has a hash: it never means other bytes */
    uint8_t      first[4];
    uint8_t      count[4];
} mds_asset_record_t;

typedef struct {
    const mds_asset_record_t *assets;
    const mds_sha256_t       *deltas;
    uint32_t                  count;
    const uint8_t            *key; /* public; NULL: the assets are not signed */
} mds_asset_index_t;

/* Reads an index in place. False: the bytes are not one. */
bool
mds_asset_index_read(mds_str_t bytes, mds_asset_index_t *index) MDS_MUST_CHECK;

/* Returns the asset of a path, or NULL. */
const mds_asset_record_t *
mds_asset_index_find(const mds_asset_index_t *index, mds_str_t path);

/* Returns whether there is a delta from the file to the asset. */
bool
mds_asset_has_delta(const mds_asset_index_t  *index,
                    const mds_asset_record_t *asset, const mds_sha256_t *from);

/* The part of a name that is a hash of the bytes, as bundlers write it. */
typedef struct {
    size_t at;
    size_t len; /* 0: none */
} mds_asset_hash_t;

/* Finds the hash in the last component of a path: "index-B3xk9_aQ.js",
 * "main.3f2a1b4c.chunk.js". */
mds_asset_hash_t mds_asset_find_hash(mds_str_t path);

#endif
