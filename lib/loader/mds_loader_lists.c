#include <inttypes.h>
#include <stdio.h>

#include "loader/mds_list_count.h"
#include "loader/mds_loader_internal.h"

/* The count that storing the base found, where nothing was stored (a dry run);
 * else that of the depot. */
static mds_status_t
mds_loader_list_count(const mds_loader_t *loader, const mds_json_t *content,
                      mds_error_t *err, uint64_t *count)
{
    mds_status_t status = mds_list_count(loader->depot, content, err, count);
    const mds_json_t *found;

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    found = mds_json_find(loader->list_counts,
                          mds_json_string(mds_json_get(content, "sha256")));

    if (found == NULL) {
        return status;
    }

    *count = (uint64_t) mds_json_integer(found)
             + mds_json_size(mds_json_get(content, "ids"));

    return MDS_OK;
}

static mds_status_t
mds_loader_list_warn(mds_loader_t *loader, mds_str_t name, uint64_t before,
                     uint64_t after, mds_error_t *err)
{
    char words[MDS_ERROR_BYTES];

    if (after == 0) {
        snprintf(words, sizeof(words),
                 "list \"%.*s\" has no ids now; it had %" PRIu64 " before",
                 MDS_STR(name), before);

    } else if (after < before / 2 + before % 2) {
        snprintf(words, sizeof(words),
                 "list \"%.*s\" loses more than half of its ids: it has"
                 " %" PRIu64 " now, and had %" PRIu64 " before",
                 MDS_STR(name), after, before);

    } else {
        return MDS_OK;
    }

    return mds_json_done(mds_json_append(loader->warnings,
                                         mds_json_string_new(
                                             mds_str_of(words))),
                         err);
}

/* An "ids" of nobody that is new is to be filled later; a file of nobody is
 * hardly meant. */
static mds_status_t
mds_loader_list(mds_loader_t *loader, mds_str_t name, const mds_json_t *before,
                const mds_json_t *after, mds_error_t *err)
{
    const mds_json_t *old = mds_list_content(before, name);
    const mds_json_t *new = mds_list_content(after, name);
    uint64_t     had = 0, has = 0;
    mds_status_t status;

    if (mds_json_equal(old, new)) {
        return MDS_OK;
    }

    status = mds_loader_list_count(loader, new, err, &has);

    if (status == MDS_OK) {
        status = mds_loader_list_count(loader, old, err, &had);
    }

    if (status != MDS_OK
        || (had == 0 && (has > 0 || mds_json_get(new, "sha256") == NULL)))
    {
        return status;
    }

    return mds_loader_list_warn(loader, name, had, has, err);
}

mds_status_t
mds_loader_warn_lists(mds_loader_t *loader, const mds_json_t *before,
                      const mds_json_t *after, mds_error_t *err)
{
    const mds_json_t *lists
        = mds_json_get(mds_json_get(after, "document"), "lists");
    mds_json_member_t *m;
    mds_status_t       status = MDS_OK;

    for (m = mds_json_first(lists); status == MDS_OK && m != NULL;
         m = mds_json_next(lists, m))
    {
        status = mds_loader_list(loader, mds_json_key(m), before, after, err);
    }

    return status;
}
