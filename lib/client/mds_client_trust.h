/*
 * mds_client_trust: a device that trusts a root.
 *
 * The root that is built into the device is a file, ROOT.json. Beside it,
 * ROOT.json.seen keeps what the device has seen, as JSON:
 *
 *   { "root": the envelope of the newest root that was followed,
 *     "heads": { APP: the serial of the newest head, … } }
 *
 * The rules are those of docs/client.md, "Trust a root". A failure says what
 * was wrong; MDS_CONFLICT: the edge may have changed between two answers, and
 * is to be asked once more.
 */

#ifndef MDS_CLIENT_TRUST_H
#define MDS_CLIENT_TRUST_H

#include "base/mds_file.h"
#include "merkle/mds_proof.h"
#include "trust/mds_head.h"

/* Versions that are followed at once, at most. */
#define MDS_CLIENT_ROOTS_MAX 1000

typedef struct {
    mds_path_t  seen_path;
    mds_root_t  root; /* the newest */
    mds_json_t *seen; /* as it is stored */
} mds_client_trust_t;

/* Reads ROOT.json and what was seen. The caller frees *trust. */
mds_status_t mds_client_trust_open(const char *path, mds_error_t *err,
                                   mds_client_trust_t *trust) MDS_MUST_CHECK;

/* The same, with what was seen in a file of that path. */
mds_status_t
mds_client_trust_open_with(const char *path, const char *seen, mds_error_t *err,
                           mds_client_trust_t *trust) MDS_MUST_CHECK;

void mds_client_trust_free(mds_client_trust_t *trust);

/* Goes on to the next root, which an edge gave. If it changes the keys of
 * heads, the serials that were seen are forgotten. MDS_INVALID, MDS_DENIED,
 * MDS_CONFLICT: the root is not taken. */
mds_status_t mds_client_trust_follow(mds_client_trust_t *trust, mds_str_t text,
                                     mds_error_t *err) MDS_MUST_CHECK;

/* Fails if the newest root has expired. */
mds_status_t
mds_client_trust_check_root(const mds_client_trust_t *trust, int64_t now_ms,
                            mds_error_t *err) MDS_MUST_CHECK;

/* Verifies the head of an app, and remembers its serial. The caller frees
 * *head. */
mds_status_t
mds_client_trust_take_head(mds_client_trust_t *trust, mds_str_t app,
                           mds_str_t text, int64_t now_ms, mds_error_t *err,
                           mds_head_t *head) MDS_MUST_CHECK;

/* Verifies that the manifest is in the tree of the head. MDS_CONFLICT: it is
 * not; MDS_INVALID: that is not a proof. */
mds_status_t
mds_client_trust_check_proof(const mds_head_t *head, mds_str_t manifest,
                             mds_str_t proof, mds_error_t *err) MDS_MUST_CHECK;

/* Writes ROOT.json.seen, durably. */
mds_status_t mds_client_trust_save(const mds_client_trust_t *trust,
                                   mds_error_t *err) MDS_MUST_CHECK;

#endif
