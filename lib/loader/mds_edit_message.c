/* Edits of gray messages; mds_message.c keeps them in the state. */

#include "idset/mds_idset.h"
#include "loader/mds_edit_internal.h"
#include "loader/mds_loader_internal.h"
#include "loader/mds_message.h"

mds_status_t
mds_edit_message_push(mds_loader_t *loader, void *data, mds_json_t *state,
                      mds_error_t *err)
{
    const mds_message_push_t *push = data;
    mds_progress_t *progress = mds_loader_begin_progress(loader, push->users);
    mds_sha256_t    users;
    uint64_t        count, id;
    mds_status_t status = mds_idset_import(loader->depot, push->users, progress,
                                           err, &users, &count);

    mds_loader_end_progress(loader, progress);

    if (status == MDS_OK && count == 0) {
        return mds_fail(err, MDS_INVALID,
                        "/users: \"%s\" has no ids: the message would be for"
                        " nobody",
                        push->users);
    }

    for (size_t i = 0; status == MDS_OK && i < push->target_count; i++) {
        status = mds_message_push(state, push->targets[i].platform,
                                  push->targets[i].version, push->until_ms,
                                  &users, err, &id);
    }

    return status;
}

mds_status_t
mds_edit_message_withdraw(mds_loader_t *loader, void *data, mds_json_t *state,
                          mds_error_t *err)
{
    (void) loader;
    return mds_message_withdraw(state, *(const uint64_t *) data, err);
}
