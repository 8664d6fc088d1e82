/*
 * Counts the ids of a list: ids beside the base may be in it as well, and count
 * once.
 */

#include "loader/mds_list_count.h"
#include "loader/mds_app_state.h"

#include "idset/mds_idset.h"

/* Counts those of the ids that the base has. */
static mds_status_t
mds_list_count_in_base(mds_idset_t *base, const mds_json_t *ids,
                       mds_error_t *err, uint64_t *count)
{
    mds_status_t status = MDS_OK;
    uint64_t     found = 0;
    bool         in = false;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(ids); i++) {
        mds_str_t id = mds_json_string(mds_json_at(ids, i));

        status = mds_idset_contains(base, mds_id_hash(id), err, &in);
        found += status == MDS_OK && in;
    }

    if (status == MDS_OK) {
        *count = found;
    }

    return status;
}

mds_status_t
mds_list_count_ids(const char *depot_dir, const mds_json_t *content,
                   mds_error_t *err, uint64_t *count)
{
    const mds_json_t *ids = mds_json_get(content, "ids");
    const mds_json_t *without = mds_json_get(content, "without");
    mds_idset_t      *base;
    mds_sha256_t      sha256;
    uint64_t          twice, removed;
    mds_status_t      status;

    if (!mds_sha256_parse(mds_json_get_string(content, "sha256"), &sha256)) {
        *count = mds_json_size(ids);
        return MDS_OK;
    }

    status = mds_idset_open(depot_dir, &sha256, err, &base);

    if (status != MDS_OK) {
        return status;
    }

    if ((status = mds_list_count_in_base(base, ids, err, &twice)) == MDS_OK
        && (status = mds_list_count_in_base(base, without, err, &removed))
               == MDS_OK)
    {
        *count = mds_idset_count(base) + mds_json_size(ids) - twice - removed;
    }

    mds_idset_close(base);
    return status;
}

const mds_json_t *
mds_list_find_content(const mds_json_t *state, mds_str_t name)
{
    const mds_json_t *list
        = mds_json_find(mds_app_state_get(state, "lists"), name);

    return mds_json_get_bool(list, "external")
               ? mds_json_find(mds_json_get(state, "external"), name)
               : list;
}
