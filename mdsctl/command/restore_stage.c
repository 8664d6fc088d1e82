/* restore_stage: makes a depot of a snapshot's files, and verifies it. */

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "catalog/mds_current.h"
#include "command/restore.h"
#include "feed/mds_feed_publish.h"
#include "loader/mds_loader.h"
#include "merkle/mds_tree.h"
#include "state/mds_state.h"

mds_status_t
mdsctl_restore_stage_create(mdsctl_restore_t *r, mds_error_t *err)
{
    static const char *const brought[]
        = { "journal/data.mdb", "journal/lock.mdb", "state/data.mdb",
            "state/lock.mdb", "catalog/0.mdb" };
    mds_status_t status
        = mds_depot_init(r->stage.text, r->owner.uid, r->owner.gid, err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(brought); i++) {
        mds_path_t path;

        status = mds_path(&path, err, "%s/%s", r->stage.text, brought[i]);

        if (status == MDS_OK && unlink(path.text) != 0) {
            status = mds_fail_errno(err, "remove \"%s\"", path.text);
        }
    }

    return status;
}

/* Removes the devices of an older snapshot, which has them in another format:
 * they are learned again. */
static mds_status_t
drop_old_registry(const mdsctl_restore_t *r, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status
        = mds_path(&path, err, "%s/state/devices/data.mdb", r->stage.text);

    return status == MDS_OK && unlink(path.text) != 0 && errno != ENOENT
               ? mds_fail_errno(err, "remove \"%s\"", path.text)
               : status;
}

/* Makes the feed, if the snapshot has its head. A head of another change is
 * dropped; the next change makes one. */
static mds_status_t
link_feed(const mdsctl_restore_t *r, mds_error_t *err)
{
    mds_catalog_t  *catalog;
    mds_feed_head_t head;
    mds_error_t     why;
    mds_status_t    status;

    if (mds_feed_load_head(r->stage.text, &why, &head) != MDS_OK
        || mds_catalog_open(r->stage.text, r->serial, false, &why, &catalog)
               != MDS_OK)
    {
        return MDS_OK;
    }

    status = mds_feed_relink(r->stage.text, catalog, err);
    mds_catalog_close(catalog);

    return status == MDS_CONFLICT ? MDS_OK : status;
}

mds_status_t
mdsctl_restore_stage_finish(mdsctl_restore_t *r, mds_error_t *err)
{
    static const char *const folders[]
        = { "files",   MDS_TREES,       "lists", "catalog",
            "journal", "state/devices", "state", "." };
    mds_current_t *current;
    mds_status_t   status
        = mds_state_create(r->stage.text, r->owner.uid, r->owner.gid, err);

    if (status == MDS_OK) {
        status = drop_old_registry(r, err);
    }

    if (status == MDS_OK && r->readers >= 0) {
        status = mds_depot_set_readers(r->stage.text, r->readers, err);
    }

    if (status == MDS_OK) {
        status = mds_current_open(r->stage.text, true, err, &current);
    }

    if (status == MDS_OK) {
        status = mds_current_advance(current, r->serial, err);
        mds_current_close(current);
    }

    if (status == MDS_OK) {
        status = link_feed(r, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(folders); i++) {
        mds_path_t path;

        status = mds_path(&path, err, "%s/%s", r->stage.text, folders[i]);

        if (status == MDS_OK) {
            status = mds_file_sync_dir(path.text, err);
        }
    }

    return status;
}

static void
report_problem(void *data, const char *where, const char *words)
{
    mdsctl_restore_t *r = data;

    if (r->problems++ == 0) {
        fprintf(stderr, "mdsctl: %s: %s\n", where, words);
    }
}

mds_status_t
mdsctl_restore_stage_verify(mdsctl_restore_t *r, mds_error_t *err)
{
    mds_verify_options_t how = *r->verify;
    mds_verify_result_t  result;
    mds_status_t         status;

    how.progress = r->bar;
    how.saved = true;
    how.problem = report_problem;
    how.data = r;
    status = mds_verify(r->stage.text, &how, err, &result);

    if (status == MDS_OK) {
        mds_json_release(result.keys);
        r->outdated = result.outdated;
    }

    return status == MDS_OK && result.problems > 0
               ? mds_fail(err, MDS_DAMAGED,
                          "the snapshot is not complete: %" PRIu64 " problem%s",
                          result.problems, result.problems > 1 ? "s" : "")
               : status;
}
