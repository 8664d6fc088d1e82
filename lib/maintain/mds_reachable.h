/*
 * mds_reachable: a set of digests: which stored files something names.
 *
 * Failures stick: mds_reachable_status() tells. Memory is 32 bytes for each
 * digest that was added.
 */

#ifndef MDS_REACHABLE_H
#define MDS_REACHABLE_H

#include "base/mds_digest.h"
#include "catalog/mds_catalog.h"
#include "sign/mds_sign.h"
#include "json/mds_json.h"

typedef struct {
    mds_sha256_t *items; /* sorted once it is asked */
    size_t        count, room;
    bool          sorted;
    bool          keys; /* to be set by the caller: see mds_reachable_json() */
    mds_status_t  status;
} mds_reachable_t; /* all zero: empty */

void mds_reachable_free(mds_reachable_t *needs);
mds_status_t
mds_reachable_status(const mds_reachable_t *needs, mds_error_t *err);

void mds_reachable_add(mds_reachable_t *needs, const mds_sha256_t *sha256);

/*
 * Every string in the value, at any depth, that is a digest. With needs->keys,
 * also the keys whose ids are there, or in the names of signatures: what such
 * a key has signed is needed as long as its file is.
 */
void mds_reachable_json(mds_reachable_t *needs, const mds_json_t *json);

/* Packages, lists, and all that the manifests promise. */
mds_status_t
mds_reachable_catalog(mds_reachable_t *needs, mds_catalog_t *catalog,
                      mds_error_t *err) MDS_MUST_CHECK;

bool mds_reachable_has(mds_reachable_t *needs, const mds_sha256_t *sha256);
bool mds_reachable_has_key(mds_reachable_t *needs,
                           const uint8_t    keyid[MDS_KEYID_BYTES]);

#endif
