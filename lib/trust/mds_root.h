/*
 * mds_root: the signed list of the keys that may sign roots, manifests (with
 * packages), and heads.
 *
 *   { "version": 3, "issued": TIME, "expires": TIME,
 *     "keys": { KEYID: BASE64 of 32 bytes, … },
 *     "roles": { "root": { "keyids": [ … ], "threshold": 2 },
 *                "sign": { … }, "head": { … } } }
 *
 * A version is in force once enough keys of the root before it, and enough of
 * its own, have signed it. A key counts once: two ids of the same key, and an
 * id that a role names twice, are refused. A manifest and a head have one
 * signature, so that the threshold of "sign" and "head" is 1.
 */

#ifndef MDS_ROOT_H
#define MDS_ROOT_H

#include "trust/mds_envelope.h"

#define MDS_ROOT_TYPE "application/vnd.mds.root+json"

#define MDS_ROOT_KEYS_MAX 64
#define MDS_ROOT_VERSION_MAX 1000000 /* so that all can be followed */

typedef enum {
    MDS_ROLE_ROOT,
    MDS_ROLE_SIGN,
    MDS_ROLE_HEAD,
    MDS_ROLES
} mds_role_t;

typedef struct {
    unsigned count;
    unsigned keys[MDS_ROOT_KEYS_MAX]; /* indexes into mds_root_t.keys */
    unsigned threshold;
} mds_root_role_t;

typedef struct {
    int64_t         version;
    int64_t         issued_ms;
    int64_t         expires_ms;
    unsigned        key_count;
    mds_public_t    keys[MDS_ROOT_KEYS_MAX];
    mds_root_role_t roles[MDS_ROLES];
} mds_root_t;

/* Returns "root", "sign" or "head". */
const char *mds_role_name(mds_role_t role);

/* Parses a root's payload; what names it in messages. MDS_INVALID. */
mds_status_t mds_root_parse(mds_str_t payload, const char *what,
                            mds_error_t *err, mds_root_t *root) MDS_MUST_CHECK;

/* Parses an envelope and the root in it. The caller frees the envelope. */
mds_status_t
mds_root_open(mds_str_t text, const char *what, mds_error_t *err,
              mds_envelope_t *envelope, mds_root_t *root) MDS_MUST_CHECK;

/* Writes the payload as compact JSON; the caller frees *text. */
mds_status_t mds_root_dump(const mds_root_t *root, mds_error_t *err,
                           char **text, size_t *len) MDS_MUST_CHECK;

/* Fails unless the root says what mds_root_parse() demands: each role has a
 * key, and no threshold is above the number of its keys. */
mds_status_t mds_root_check(const mds_root_t *root, const char *what,
                            mds_error_t *err) MDS_MUST_CHECK;

/* Adds a key to a role. MDS_EXISTS: the role has it. MDS_INVALID: the key is
 * there under another id, or the id with another key. */
mds_status_t
mds_root_add(mds_root_t *root, mds_role_t role, const mds_public_t *key,
             mds_error_t *err) MDS_MUST_CHECK;

/* Removes a key from all roles. MDS_NOT_FOUND: there is none of that id. */
mds_status_t
mds_root_drop(mds_root_t *root, const uint8_t keyid[MDS_KEYID_BYTES],
              mds_error_t *err) MDS_MUST_CHECK;

/* Returns the key of a role by its id; NULL: the role does not have it. */
const mds_public_t *mds_root_find(const mds_root_t *root, mds_role_t role,
                                  const uint8_t keyid[MDS_KEYID_BYTES]);

/* Counts the root keys of `root` that have signed the envelope. */
mds_status_t
mds_root_count_signers(const mds_root_t *root, const mds_envelope_t *envelope,
                       mds_error_t *err, size_t *signers) MDS_MUST_CHECK;

/*
 * Checks that the root in the envelope may follow the one before: it has the
 * next version, and enough signatures by the keys of both. before is NULL for
 * version 1, which has its own alone. MDS_DENIED: too few have signed.
 * MDS_CONFLICT: it has another version.
 */
mds_status_t
mds_root_check_next(const mds_root_t *before, const mds_envelope_t *envelope,
                    const mds_root_t *root, const char *what,
                    mds_error_t *err) MDS_MUST_CHECK;

/* Checks that enough of the root's own keys have signed it. */
mds_status_t
mds_root_check_own(const mds_envelope_t *envelope, const mds_root_t *root,
                   const char *what, mds_error_t *err) MDS_MUST_CHECK;

/* Returns whether a role has the same keys in both roots. */
bool mds_root_is_same_role(const mds_root_t *a, const mds_root_t *b,
                           mds_role_t role);

#endif
