/*
 * mds_feed_head: the head of the feed, the signed statement of what is in force
 * at an origin. An edge fetches what it names.
 *
 *   { "version": 1, "serial": 812, "issued": TIME, "expires": TIME, "root": 3,
 *     "catalog": [ { "serial": 812, "sha256": …, "size": … }, … ],
 *     "lists": { "count": 2, "sha256": …, "size": … } }
 *
 * catalog has the files of the generation, the top first (mds_chain.h). lists
 * is the index of the lists that these name (mds_feed_lists.h). Roots, heads of
 * apps, the names of trees and of files are records of the generation, and so
 * are covered by its digests: a head takes the same bytes for any catalog. root
 * is the version of the newest root; 0: there is none.
 *
 * A head of a later version is refused before its other members are read.
 */

#ifndef MDS_FEED_HEAD_H
#define MDS_FEED_HEAD_H

#include "base/mds_digest.h"
#include "catalog/mds_chain.h"
#include "trust/mds_root.h"

#define MDS_FEED_HEAD_TYPE "application/vnd.mds.feed+json"
#define MDS_FEED_VERSION 1

/* An object that an edge fetches. */
typedef struct {
    mds_sha256_t sha256;
    uint64_t     bytes;
} mds_feed_object_t;

typedef struct {
    uint64_t          serial;
    int64_t           issued_ms;
    int64_t           expires_ms;
    int64_t           root;
    unsigned          layer_count;
    uint64_t          layer_serials[MDS_LAYERS_MAX]; /* the first is serial */
    mds_feed_object_t layers[MDS_LAYERS_MAX];
    uint64_t          list_count;
    mds_feed_object_t lists; /* the index */
} mds_feed_head_t;

/* Writes and signs a head, and gives its envelope as compact JSON, which the
 * caller frees. */
mds_status_t
mds_feed_head_sign(const mds_feed_head_t *head, const mds_key_t *key,
                   mds_error_t *err, char **text, size_t *len) MDS_MUST_CHECK;

/* Parses a head's payload; what names it in messages. MDS_INCOMPATIBLE: it is
 * of a later version. MDS_INVALID. */
mds_status_t
mds_feed_head_parse(mds_str_t payload, const char *what, mds_error_t *err,
                    mds_feed_head_t *head) MDS_MUST_CHECK;

/* Parses an envelope, and does not verify its signatures. */
mds_status_t
mds_feed_head_read(mds_str_t text, const char *what, mds_error_t *err,
                   mds_feed_head_t *head) MDS_MUST_CHECK;

/*
 * Opens an envelope that `threshold` of the keys must have signed. MDS_DENIED:
 * they have not. Expiry and serial are the caller's to check.
 */
mds_status_t
mds_feed_head_open(mds_str_t text, const mds_public_t *const *keys,
                   size_t count, size_t threshold, const char *what,
                   mds_error_t *err, mds_feed_head_t *head) MDS_MUST_CHECK;

/* Returns whether both name the same files and lists. */
bool mds_feed_head_is_same(const mds_feed_head_t *a, const mds_feed_head_t *b);

#endif
