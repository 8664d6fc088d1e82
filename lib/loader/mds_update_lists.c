/*
 * Warns of lists that lose most of their ids: a truncated export is a common
 * mistake, which nothing else would show.
 */

#include <inttypes.h>

#include "loader/mds_list_count.h"
#include "loader/mds_update.h"

/* Counts the ids of a list. In a dry run, which stores nothing, the count is
 * the one that was found when the list's file was read. */
static mds_status_t
mds_update_count_ids(const mds_update_t *u, const mds_json_t *content,
                     mds_error_t *err, uint64_t *count)
{
    mds_status_t status
        = mds_list_count_ids(u->loader->depot, content, err, count);
    const mds_json_t *found;

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    found
        = mds_json_find(u->list_counts, mds_json_get_string(content, "sha256"));

    if (found == NULL) {
        return status;
    }

    *count = (uint64_t) mds_json_integer(found)
             + mds_json_size(mds_json_get(content, "ids"));

    return MDS_OK;
}

static mds_status_t
mds_update_warn_list(mds_update_t *u, mds_str_t name, mds_error_t *err)
{
    const mds_json_t *old = mds_list_find_content(u->before, name);
    const mds_json_t *new = mds_list_find_content(u->after, name);
    uint64_t     had = 0, has = 0;
    mds_status_t status;

    if (mds_json_equal(old, new)) {
        return MDS_OK;
    }

    status = mds_update_count_ids(u, new, err, &has);

    if (status == MDS_OK) {
        status = mds_update_count_ids(u, old, err, &had);
    }

    if (status != MDS_OK) {
        return status;
    }

    /* A new list with "ids": [] is to be filled later; one with an empty file
     * is probably a mistake. */
    if (has == 0 && (had > 0 || mds_json_get(new, "sha256") != NULL)) {
        return mds_update_warn(u, err,
                               "list \"%.*s\" has no ids now; it had %" PRIu64
                               " before",
                               MDS_STR(name), had);
    }

    if (has < had / 2 + had % 2) {
        return mds_update_warn(u, err,
                               "list \"%.*s\" loses more than half of its ids:"
                               " it has %" PRIu64 " now, and had %" PRIu64
                               " before",
                               MDS_STR(name), has, had);
    }

    return MDS_OK;
}

mds_status_t
mds_update_warn_lists(mds_update_t *u, mds_error_t *err)
{
    const mds_json_t  *lists = mds_app_state_get(u->after, "lists");
    mds_json_member_t *m;
    mds_status_t       status = MDS_OK;

    for (m = mds_json_first(lists); status == MDS_OK && m != NULL;
         m = mds_json_next(lists, m))
    {
        status = mds_update_warn_list(u, mds_json_key(m), err);
    }

    return status;
}
