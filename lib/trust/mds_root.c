/*
 * Reads, writes and changes roots.
 */

#include "trust/mds_root.h"

#include <inttypes.h>

static const char *const mds_role_names[MDS_ROLES] = { "root", "sign", "head" };

const char *
mds_role_name(mds_role_t role)
{
    return mds_role_names[role];
}

/* --- keys */

static const mds_public_t *
mds_root_find_key(const mds_root_t *root, const uint8_t keyid[MDS_KEYID_BYTES],
                  unsigned *place)
{
    for (unsigned i = 0; i < root->key_count; i++) {
        if (memcmp(root->keys[i].keyid, keyid, MDS_KEYID_BYTES) == 0) {
            *place = i;
            return &root->keys[i];
        }
    }

    return NULL;
}

/* Adds a key that is not there yet, and gives its place. */
static mds_status_t
mds_root_add_key(mds_root_t *root, const mds_public_t *key, mds_error_t *err,
                 unsigned *place)
{
    char                hex[2][MDS_KEYID_HEX + 1];
    const mds_public_t *known = mds_root_find_key(root, key->keyid, place);

    (void) mds_keyid_hex(key->keyid, hex[0]);

    if (known != NULL) {
        return memcmp(known->key, key->key, sizeof(key->key)) == 0
                   ? MDS_OK
                   : mds_fail(err, MDS_INVALID,
                              "there is another key with the id %s", hex[0]);
    }

    for (unsigned i = 0; i < root->key_count; i++) {
        if (memcmp(root->keys[i].key, key->key, sizeof(key->key)) == 0) {
            return mds_fail(err, MDS_INVALID,
                            "%s and %s are ids of the same key",
                            mds_keyid_hex(root->keys[i].keyid, hex[1]), hex[0]);
        }
    }

    if (root->key_count == MDS_ROOT_KEYS_MAX) {
        return mds_fail(err, MDS_INVALID, "there are more than %d keys",
                        MDS_ROOT_KEYS_MAX);
    }

    *place = root->key_count;
    root->keys[root->key_count++] = *key;

    return MDS_OK;
}

static bool
mds_root_role_has(const mds_root_role_t *role, unsigned place)
{
    for (unsigned i = 0; i < role->count; i++) {
        if (role->keys[i] == place) {
            return true;
        }
    }

    return false;
}

mds_status_t
mds_root_add(mds_root_t *root, mds_role_t role, const mds_public_t *key,
             mds_error_t *err)
{
    char             hex[MDS_KEYID_HEX + 1];
    unsigned         place;
    mds_root_role_t *keys = &root->roles[role];
    mds_status_t     status = mds_root_add_key(root, key, err, &place);

    if (status != MDS_OK) {
        return status;
    }

    if (mds_root_role_has(keys, place)) {
        return mds_fail(err, MDS_EXISTS, "role \"%s\" has the key %s already",
                        mds_role_name(role), mds_keyid_hex(key->keyid, hex));
    }

    keys->keys[keys->count++] = place; /* each place at most once */

    return MDS_OK;
}

mds_status_t
mds_root_drop(mds_root_t *root, const uint8_t keyid[MDS_KEYID_BYTES],
              mds_error_t *err)
{
    char     hex[MDS_KEYID_HEX + 1];
    unsigned place;

    if (mds_root_find_key(root, keyid, &place) == NULL) {
        return mds_fail(err, MDS_NOT_FOUND, "there is no key %s in the root",
                        mds_keyid_hex(keyid, hex));
    }

    root->key_count--;
    memmove(&root->keys[place], &root->keys[place + 1],
            (root->key_count - place) * sizeof(root->keys[0]));

    for (unsigned r = 0; r < MDS_ROLES; r++) {
        mds_root_role_t *role = &root->roles[r];
        unsigned         kept = 0;

        for (unsigned i = 0; i < role->count; i++) {
            if (role->keys[i] != place) {
                role->keys[kept++] = role->keys[i] - (role->keys[i] > place);
            }
        }

        role->count = kept;
    }

    return MDS_OK;
}

const mds_public_t *
mds_root_find(const mds_root_t *root, mds_role_t role,
              const uint8_t keyid[MDS_KEYID_BYTES])
{
    unsigned            place;
    const mds_public_t *key = mds_root_find_key(root, keyid, &place);

    return key != NULL && mds_root_role_has(&root->roles[role], place) ? key
                                                                       : NULL;
}

bool
mds_root_is_same_role(const mds_root_t *a, const mds_root_t *b, mds_role_t role)
{
    const mds_root_role_t *keys = &a->roles[role];

    if (keys->count != b->roles[role].count) {
        return false;
    }

    for (unsigned i = 0; i < keys->count; i++) {
        const mds_public_t *key = &a->keys[keys->keys[i]];
        const mds_public_t *other = mds_root_find(b, role, key->keyid);

        if (other == NULL
            || memcmp(other->key, key->key, sizeof(key->key)) != 0) {
            return false;
        }
    }

    return true;
}

/* --- checks */

mds_status_t
mds_root_check(const mds_root_t *root, const char *what, mds_error_t *err)
{
    if (root->version < 1 || root->version > MDS_ROOT_VERSION_MAX) {
        return mds_fail(err, MDS_INVALID, "%s: /version must be from 1 to %d",
                        what, MDS_ROOT_VERSION_MAX);
    }

    for (unsigned r = 0; r < MDS_ROLES; r++) {
        const mds_root_role_t *role = &root->roles[r];

        if (role->count == 0) {
            return mds_fail(err, MDS_INVALID, "%s: role \"%s\" has no key",
                            what, mds_role_name(r));
        }

        if (role->threshold < 1 || role->threshold > role->count
            || (r != MDS_ROLE_ROOT && role->threshold != 1))
        {
            return mds_fail(err, MDS_INVALID,
                            "%s: the threshold of role \"%s\" must be %s,"
                            " and is %u",
                            what, mds_role_name(r),
                            r == MDS_ROLE_ROOT ? "from 1 to the number of its"
                                                 " keys"
                                               : "1",
                            role->threshold);
        }
    }

    return MDS_OK;
}

mds_status_t
mds_root_count_signers(const mds_root_t *root, const mds_envelope_t *envelope,
                       mds_error_t *err, size_t *signers)
{
    const mds_root_role_t *role = &root->roles[MDS_ROLE_ROOT];
    const mds_public_t    *keys[MDS_ROOT_KEYS_MAX];

    for (unsigned i = 0; i < role->count; i++) {
        keys[i] = &root->keys[role->keys[i]];
    }

    return mds_envelope_count_signers(envelope, keys, role->count, err,
                                      signers);
}

/* Checks that enough root keys of one root have signed the envelope, which has
 * the root of that version. */
static mds_status_t
mds_root_check_signers(const mds_root_t *root, const mds_envelope_t *envelope,
                       int64_t version, const char *what, mds_error_t *err)
{
    size_t       signers = 0;
    unsigned     wanted = root->roles[MDS_ROLE_ROOT].threshold;
    mds_status_t status = mds_root_count_signers(root, envelope, err, &signers);

    if (status == MDS_OK && signers < wanted) {
        status = mds_fail(err, MDS_DENIED,
                          "%s: version %" PRId64 " has %zu of the %u"
                          " signatures by root keys of version %" PRId64
                          " that it must have",
                          what, version, signers, wanted, root->version);
    }

    return status;
}

mds_status_t
mds_root_check_own(const mds_envelope_t *envelope, const mds_root_t *root,
                   const char *what, mds_error_t *err)
{
    return mds_root_check_signers(root, envelope, root->version, what, err);
}

mds_status_t
mds_root_check_next(const mds_root_t *before, const mds_envelope_t *envelope,
                    const mds_root_t *root, const char *what, mds_error_t *err)
{
    int64_t      next = before == NULL ? 1 : before->version + 1;
    mds_status_t status = MDS_OK;

    if (root->version != next) {
        return mds_fail(err, MDS_CONFLICT,
                        "%s: the next root must have version %" PRId64
                        ", and this one has %" PRId64,
                        what, next, root->version);
    }

    if (before != NULL) {
        status = mds_root_check_signers(before, envelope, root->version, what,
                                        err);
    }

    return status == MDS_OK ? mds_root_check_own(envelope, root, what, err)
                            : status;
}
