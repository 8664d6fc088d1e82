/*
 * Parses the versions that a device refuses, and looks for one among them.
 */

#include "evaluate/mds_refused.h"

static void
mds_refused_parse(mds_refused_t *refused)
{
    mds_str_t     rest = refused->rest;
    mds_version_t version;

    while (rest.len > 0) {
        mds_str_t one = mds_str_cut(&rest, ',');
        uint8_t  *next = refused->keys + refused->bytes;

        if (mds_version_parse(one, &version)) {
            if (version.len > UINT8_MAX
                || version.len >= sizeof(refused->keys) - refused->bytes)
            {
                return;
            }

            *next = (uint8_t) version.len;
            memcpy(next + 1, version.key, version.len);
            refused->bytes += 1 + version.len;
        }

        refused->rest = rest;
    }
}

/* Looks for the key among the versions that had no room. */
static bool
mds_refused_rest_has(const mds_refused_t *refused, mds_str_t key)
{
    mds_str_t     rest = refused->rest;
    mds_version_t version;

    while (rest.len > 0) {
        if (mds_version_parse(mds_str_cut(&rest, ','), &version)
            && mds_str_eq(mds_version_key(&version), key))
        {
            return true;
        }
    }

    return false;
}

bool
mds_refused_has(mds_refused_t *refused, mds_str_t key)
{
    const uint8_t *next = refused->keys, *end;

    if (refused->bytes == 0) {
        mds_refused_parse(refused);
    }

    for (end = next + refused->bytes; next < end; next += 1 + *next) {
        if (*next == key.len && memcmp(next + 1, key.data, key.len) == 0) {
            return true;
        }
    }

    return mds_refused_rest_has(refused, key);
}
