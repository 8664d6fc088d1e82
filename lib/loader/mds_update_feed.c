/*
 * Makes the feed of the generation that a change has put in force, for edges.
 */

#include "base/mds_time.h"
#include "feed/mds_feed_publish.h"
#include "loader/mds_update.h"

/* How long after an edge has asked a change without a key is warned of. */
#define MDS_UPDATE_FED_MS (INT64_C(30) * 86400 * 1000)

static mds_status_t
mds_update_publish_feed(mds_update_t *u, const mds_key_t *key, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    mds_catalog_t      *catalog;
    mds_status_t        status
        = mds_catalog_open(u->loader->depot, u->serial, false, err, &catalog);

    if (status == MDS_OK) {
        status = mds_feed_publish(u->loader->depot, catalog, key, u->now_ms,
                                  change->head_ttl_ms, err);
        mds_catalog_close(catalog);
    }

    return status;
}

mds_status_t
mds_update_feed(mds_update_t *u)
{
    const mds_change_t *change = u->change;
    const mds_key_t    *key
        = change->head_key != NULL ? change->head_key : change->key;
    mds_error_t err;

    if (key == NULL) {
        return mds_feed_is_followed(u->loader->depot,
                                    u->now_ms - MDS_UPDATE_FED_MS)
                   ? mds_update_warn(u, &err,
                                     "edges do not get this change before a key"
                                     " signs it: run `mdsctl head`, and set"
                                     " $MDS_KEY or $MDS_HEAD_KEY")
                   : MDS_OK;
    }

    /* The change is made. If an earlier one was made without a key, this head
     * brings both. */
    return mds_update_publish_feed(u, key, &err) == MDS_OK
               ? MDS_OK
               : mds_update_warn(u, &err, "edges do not get this change: %s",
                                 err.text);
}
