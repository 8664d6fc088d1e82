/*
 * Parses and writes the JSON of a root.
 */

#include "trust/mds_root.h"

#include "base/mds_digest.h"
#include "base/mds_time.h"

/* Reads a member that must be a time. */
static mds_status_t
mds_root_read_time(const mds_json_t *json, const char *key, const char *what,
                   mds_error_t *err, int64_t *ms)
{
    return mds_time_parse(mds_json_get_string(json, key), ms)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "%s: /%s is not a time such as"
                          " 2026-12-01T00:00:00Z",
                          what, key);
}

/* Reads "keys", each once by its id and once by its bytes. */
static mds_status_t
mds_root_read_keys(const mds_json_t *json, const char *what, mds_error_t *err,
                   mds_root_t *root)
{
    const mds_json_t *keys = mds_json_get(json, "keys");

    if (!mds_json_is_object(keys) || mds_json_size(keys) > MDS_ROOT_KEYS_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "%s: /keys must be an object of at most %d", what,
                        MDS_ROOT_KEYS_MAX);
    }

    for (mds_json_member_t *m = mds_json_first(keys); m != NULL;
         m = mds_json_next(keys, m))
    {
        mds_public_t *key = &root->keys[root->key_count];
        mds_str_t     id = mds_json_key(m);
        size_t        len;

        if (!mds_keyid_parse(id, key->keyid)
            || !mds_base64_parse(mds_json_string(mds_json_value(m)), key->key,
                                 sizeof(key->key), &len)
            || len != sizeof(key->key))
        {
            return mds_fail(err, MDS_INVALID,
                            "%s: /keys/%.*s is not a key: 16 upper-case hex"
                            " digits, and 32 bytes in base64",
                            what, MDS_STR(id));
        }

        for (unsigned i = 0; i < root->key_count; i++) {
            if (memcmp(root->keys[i].key, key->key, sizeof(key->key)) == 0) {
                return mds_fail(err, MDS_INVALID,
                                "%s: /keys/%.*s is another id of a key that is"
                                " there",
                                what, MDS_STR(id));
            }
        }

        root->key_count++;
    }

    return MDS_OK;
}

/* Finds the place of a key that a role names. */
static bool
mds_root_find_place(const mds_root_t *root, mds_str_t id, unsigned *place)
{
    uint8_t keyid[MDS_KEYID_BYTES];

    if (!mds_keyid_parse(id, keyid)) {
        return false;
    }

    for (unsigned i = 0; i < root->key_count; i++) {
        if (memcmp(root->keys[i].keyid, keyid, sizeof(keyid)) == 0) {
            *place = i;
            return true;
        }
    }

    return false;
}

static mds_status_t
mds_root_read_role(const mds_json_t *json, const char *name, const char *what,
                   mds_error_t *err, mds_root_t *root, mds_root_role_t *role)
{
    const mds_json_t *keyids = mds_json_get(json, "keyids");
    int64_t           threshold = mds_json_get_integer(json, "threshold");

    if (!mds_json_is_array(keyids) || mds_json_size(keyids) > MDS_ROOT_KEYS_MAX)
    {
        return mds_fail(err, MDS_INVALID,
                        "%s: /roles/%s/keyids must be an array of at most %d",
                        what, name, MDS_ROOT_KEYS_MAX);
    }

    for (size_t i = 0; i < mds_json_size(keyids); i++) {
        mds_str_t id = mds_json_string(mds_json_at(keyids, i));
        unsigned  place = 0;
        bool      known = mds_root_find_place(root, id, &place);

        for (unsigned j = 0; known && j < role->count; j++) {
            if (role->keys[j] == place) {
                return mds_fail(err, MDS_INVALID,
                                "%s: /roles/%s/keyids/%zu: the key is named"
                                " twice",
                                what, name, i);
            }
        }

        if (!known) {
            return mds_fail(err, MDS_INVALID,
                            "%s: /roles/%s/keyids/%zu is not a key of /keys",
                            what, name, i);
        }

        role->keys[role->count++] = place;
    }

    /* What is beyond, mds_root_check() refuses. */
    role->threshold = threshold < 0 || threshold > MDS_ROOT_KEYS_MAX
                          ? 0
                          : (unsigned) threshold;

    return MDS_OK;
}

static mds_status_t
mds_root_read(const mds_json_t *json, const char *what, mds_error_t *err,
              mds_root_t *root)
{
    const mds_json_t *roles = mds_json_get(json, "roles");
    mds_status_t      status;

    if (!mds_json_is_integer(mds_json_get(json, "version"))) {
        return mds_fail(err, MDS_INVALID, "%s: /version is not an integer",
                        what);
    }

    root->version = mds_json_get_integer(json, "version");

    if ((status
         = mds_root_read_time(json, "issued", what, err, &root->issued_ms))
            != MDS_OK
        || (status
            = mds_root_read_time(json, "expires", what, err, &root->expires_ms))
               != MDS_OK
        || (status = mds_root_read_keys(json, what, err, root)) != MDS_OK)
    {
        return status;
    }

    for (unsigned r = 0; status == MDS_OK && r < MDS_ROLES; r++) {
        status = mds_root_read_role(mds_json_get(roles, mds_role_name(r)),
                                    mds_role_name(r), what, err, root,
                                    &root->roles[r]);
    }

    return status == MDS_OK ? mds_root_check(root, what, err) : status;
}

mds_status_t
mds_root_parse(mds_str_t payload, const char *what, mds_error_t *err,
               mds_root_t *root)
{
    mds_root_t   read = { 0 };
    mds_json_t  *json;
    mds_status_t status = mds_json_parse(payload, what, err, &json);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_root_read(json, what, err, &read);
    mds_json_release(json);

    if (status == MDS_OK) {
        *root = read;
    }

    return status;
}

mds_status_t
mds_root_open(mds_str_t text, const char *what, mds_error_t *err,
              mds_envelope_t *envelope, mds_root_t *root)
{
    mds_envelope_t opened;
    mds_status_t   status
        = mds_envelope_parse(text, MDS_ROOT_TYPE, what, err, &opened);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_root_parse(mds_envelope_payload(&opened), what, err, root);

    if (status != MDS_OK) {
        mds_envelope_free(&opened);
        return status;
    }

    *envelope = opened;
    return MDS_OK;
}

static mds_json_t *
mds_root_keys_to_json(const mds_root_t *root)
{
    mds_json_t *keys = mds_json_object_new();

    for (unsigned i = 0; i < root->key_count; i++) {
        char hex[MDS_KEYID_HEX + 1];
        char base64[mds_base64_len(sizeof(root->keys[i].key)) + 1];

        (void) mds_base64(root->keys[i].key, sizeof(root->keys[i].key), base64);

        if (mds_json_set_str(keys, mds_keyid_hex(root->keys[i].keyid, hex),
                             mds_str_of(base64))
            != MDS_OK)
        {
            mds_json_release(keys);
            return NULL;
        }
    }

    return keys;
}

static mds_json_t *
mds_root_role_to_json(const mds_root_t *root, const mds_root_role_t *role)
{
    mds_json_t *keyids = mds_json_array_new();

    for (unsigned i = 0; i < role->count; i++) {
        char hex[MDS_KEYID_HEX + 1];

        (void) mds_keyid_hex(root->keys[role->keys[i]].keyid, hex);

        if (mds_json_append(keyids, mds_json_string_new(mds_str_of(hex)))
            != MDS_OK) {
            mds_json_release(keyids);
            return NULL;
        }
    }

    return mds_json_pack("{s:o, s:I}", "keyids", keyids, "threshold",
                         (int64_t) role->threshold);
}

mds_status_t
mds_root_dump(const mds_root_t *root, mds_error_t *err, char **text,
              size_t *len)
{
    char        issued[MDS_TIME_BYTES], expires[MDS_TIME_BYTES];
    mds_json_t *roles = mds_json_object_new();
    mds_json_t *json
        = mds_json_pack("{s:I, s:s, s:s, s:o, s:o}", "version", root->version,
                        "issued", mds_time_format(root->issued_ms, issued),
                        "expires", mds_time_format(root->expires_ms, expires),
                        "keys", mds_root_keys_to_json(root), "roles", roles);
    mds_status_t status = json == NULL ? mds_fail_memory(err) : MDS_OK;

    for (unsigned r = 0; status == MDS_OK && r < MDS_ROLES; r++) {
        status = mds_json_done(
            mds_json_set(roles, mds_role_name(r),
                         mds_root_role_to_json(root, &root->roles[r])),
            err);
    }

    if (status == MDS_OK) {
        status = mds_json_dump(json, MDS_JSON_COMPACT, err, text, len);
    }

    mds_json_release(json);
    return status;
}
