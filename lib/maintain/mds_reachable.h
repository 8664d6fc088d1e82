/*
 * mds_reachable: a set of digests, of the stored files that something names.
 *
 * Failures stick: mds_reachable_status() returns the first. Memory is 32 bytes
 * for each digest that was added.
 */

#ifndef MDS_REACHABLE_H
#define MDS_REACHABLE_H

#include "base/mds_digest.h"
#include "catalog/mds_catalog.h"
#include "sign/mds_sign.h"
#include "json/mds_json.h"

typedef struct {
    mds_sha256_t *items; /* sorted when it is searched */
    size_t        count, room;
    bool          sorted;
    bool          keys; /* set by the caller: see mds_reachable_json() */
    mds_status_t  status;
} mds_reachable_t; /* all zero: empty */

void         mds_reachable_free(mds_reachable_t *set);
mds_status_t mds_reachable_status(const mds_reachable_t *set, mds_error_t *err);

void mds_reachable_add(mds_reachable_t *set, const mds_sha256_t *sha256);

/*
 * Adds every string in the value, at any depth, that is a digest. With
 * set->keys, also adds the keys whose ids are there, or in names of signatures:
 * a signature by such a key is needed as long as its file is.
 */
void mds_reachable_json(mds_reachable_t *set, const mds_json_t *json);

/* Adds packages and all that the manifests name, and the lists of all layers: a
 * record that is hidden needs its list as long as its file is in the chain. */
mds_status_t mds_reachable_catalog(mds_reachable_t *set, mds_catalog_t *catalog,
                                   mds_error_t *err) MDS_MUST_CHECK;

bool mds_reachable_has(mds_reachable_t *set, const mds_sha256_t *sha256);
bool mds_reachable_has_key(mds_reachable_t *set,
                           const uint8_t    keyid[MDS_KEYID_BYTES]);

#endif
