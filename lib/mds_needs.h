/*
 * mds_needs: a set of digests: which stored files something names.
 *
 * Failures stick: mds_needs_status() tells. Memory is 32 bytes for each digest
 * that was added.
 */

#ifndef MDS_NEEDS_H
#define MDS_NEEDS_H

#include "mds_catalog.h"
#include "mds_digest.h"
#include "mds_json.h"
#include "mds_sign.h"

typedef struct {
    mds_sha256_t *items; /* sorted once it is asked */
    size_t        count, room;
    bool          sorted;
    bool          keys; /* to be set by the caller: see mds_needs_json() */
    mds_status_t  status;
} mds_needs_t; /* all zero: empty */

void         mds_needs_free(mds_needs_t *needs);
mds_status_t mds_needs_status(const mds_needs_t *needs, mds_error_t *err);

void mds_needs_add(mds_needs_t *needs, const mds_sha256_t *sha256);

/*
 * Every string in the value, at any depth, that is a digest. With needs->keys,
 * also the keys whose ids are there, or in the names of signatures: what such
 * a key has signed is needed as long as its file is.
 */
void mds_needs_json(mds_needs_t *needs, const mds_json_t *json);

/* Packages, lists, and all that the manifests promise. */
mds_status_t mds_needs_catalog(mds_needs_t *needs, mds_catalog_t *catalog,
                               mds_error_t *err) MDS_MUST_CHECK;

bool mds_needs_has(mds_needs_t *needs, const mds_sha256_t *sha256);
bool
mds_needs_has_key(mds_needs_t *needs, const uint8_t keyid[MDS_KEYID_BYTES]);

#endif
