/*
 * The document in an app's state. Contents of external lists are beside it, so
 * that it can be exported and applied without them.
 */

#include "loader/mds_app_state.h"

bool
mds_package_has_sha256(const mds_json_t *package, const mds_sha256_t *sha256)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_str_eq(mds_json_get_string(package, "sha256"),
                      mds_str_of(mds_sha256_hex(sha256, hex)));
}

const mds_json_t *
mds_app_state_find_package(const mds_json_t *state, const mds_sha256_t *sha256)
{
    const mds_json_t *packages = mds_app_state_get(state, "packages");

    for (size_t i = 0; i < mds_json_size(packages); i++) {
        if (mds_package_has_sha256(mds_json_at(packages, i), sha256)) {
            return mds_json_at(packages, i);
        }
    }

    return NULL;
}

/* Replaces the mark of an external list by the list's content. */
static mds_status_t
mds_app_state_expand_list(mds_json_t *list, const mds_json_t *content)
{
    mds_json_member_t *m;
    mds_status_t       status;

    mds_json_delete(list, "external");
    status = mds_json_set(list, "ids", mds_json_array_new());

    for (m = mds_json_first(content); status == MDS_OK && m != NULL;
         m = mds_json_next(content, m))
    {
        status = mds_json_put(list, mds_json_key(m),
                              mds_json_copy(mds_json_value(m)));
    }

    return status;
}

mds_status_t
mds_app_state_expand_lists(const mds_json_t *state, mds_error_t *err,
                           mds_json_t **document)
{
    static const char *const copied[] = { "lists" };
    mds_json_t *whole = mds_json_copy_members(mds_json_get(state, "document"),
                                              copied, mds_nelems(copied));
    mds_json_t *lists = mds_json_get(whole, "lists");
    mds_json_t *external = mds_json_get(state, "external");
    mds_json_member_t *m;
    mds_status_t       status = whole == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (m = mds_json_first(lists); status == MDS_OK && m != NULL;
         m = mds_json_next(lists, m))
    {
        mds_json_t *list = mds_json_value(m);

        if (mds_json_get_bool(list, "external")) {
            status = mds_app_state_expand_list(list,
                                               mds_json_find(external,
                                                             mds_json_key(m)));
        }
    }

    if (status != MDS_OK) {
        mds_json_release(whole);
        return mds_fail_memory(err);
    }

    *document = whole;
    return MDS_OK;
}
