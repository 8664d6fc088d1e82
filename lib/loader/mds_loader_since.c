#include "loader/mds_loader_internal.h"

/*
 * "since" of a state: the serial of the last change of each release, by its
 * id, so that whoever asks since when it is so need not read the whole log.
 */
mds_status_t
mds_loader_since(mds_json_t *state, const mds_json_t *changes, uint64_t serial,
                 mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (mds_json_get(state, "since") == NULL) {
        status = mds_json_set(state, "since", mds_json_object_new());
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(changes); i++) {
        const mds_json_t *change = mds_json_at(changes, i);
        mds_str_t         id = mds_json_string(mds_json_get(change, "id"));

        if (!mds_str_eq(mds_json_string(mds_json_get(change, "what")),
                        mds_str("release")))
        {
            continue;
        }

        if (mds_json_get(change, "after") == NULL) {
            mds_json_delete(mds_json_get(state, "since"), id.data);
        } else {
            status = mds_json_put(mds_json_get(state, "since"), id,
                                  mds_json_integer_new((int64_t) serial));
        }
    }

    return mds_json_done(status, err);
}
