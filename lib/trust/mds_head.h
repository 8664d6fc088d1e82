/*
 * mds_head: the signed, expiring statement of what is in force for an app.
 *
 *   { "app": "com.example.shop", "serial": 812, "issued": TIME,
 *     "expires": TIME, "root": 3,
 *     "manifests": { "count": 5120, "sha256": ROOT OF THE TREE } }
 *
 * serial is that of the catalog's change that made the head, and rises with
 * each; root is the newest root that was there then, 0 for none.
 */

#ifndef MDS_HEAD_H
#define MDS_HEAD_H

#include "base/mds_digest.h"
#include "trust/mds_root.h"

#define MDS_HEAD_TYPE "application/vnd.mds.head+json"

/* app is a view of json, which mds_head_free() releases; a head that is to be
 * written needs no json. */
typedef struct {
    mds_json_t  *json;
    mds_str_t    app;
    int64_t      serial;
    int64_t      issued_ms;
    int64_t      expires_ms;
    int64_t      root;
    int64_t      count;
    mds_sha256_t sha256;
} mds_head_t;

/* Parses a head's payload; what names it in messages. MDS_INVALID. */
mds_status_t mds_head_parse(mds_str_t payload, const char *what,
                            mds_error_t *err, mds_head_t *head) MDS_MUST_CHECK;

void mds_head_free(mds_head_t *head);

/* Writes and signs a head, and gives its envelope as compact JSON, which the
 * caller frees. */
mds_status_t
mds_head_sign(const mds_head_t *head, const mds_key_t *key, mds_error_t *err,
              char **text, size_t *len) MDS_MUST_CHECK;

/*
 * Opens a head's envelope as a device does: verifies that a head key of the
 * root has signed it, then parses it. MDS_DENIED: no such key has. Expiry and
 * serial are the caller's to check. The caller frees *head.
 */
mds_status_t
mds_head_open(mds_str_t text, const mds_root_t *root, const char *what,
              mds_error_t *err, mds_head_t *head) MDS_MUST_CHECK;

#endif
