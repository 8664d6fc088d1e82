/*
 * Finds the entry of the log that is to be reverted.
 */

#include "loader/mds_revert.h"

#include <inttypes.h>

#include "loader/mds_diff.h"
#include "loader/mds_loader_internal.h"

/* Fails if the change is one of roots or heads, which no app has: what devices
 * have seen does not go back. */
static mds_status_t
mds_revert_check_trust(const mds_json_t *entry, uint64_t serial,
                       mds_error_t *err)
{
    const mds_json_t *changes = mds_json_get(entry, "changes");

    for (size_t i = 0; i < mds_json_size(changes); i++) {
        const mds_json_t *change = mds_json_at(changes, i);

        if (mds_diff_is(change, "root")) {
            return mds_fail(err, MDS_CONFLICT,
                            "change %" PRIu64 " cannot be undone: it published"
                            " a root, and a root is only replaced by the next"
                            " one (`mdsctl trust edit`)",
                            serial);
        }

        if (mds_diff_is(change, "head") || mds_diff_is(change, "heads")) {
            return mds_fail(err, MDS_CONFLICT,
                            "change %" PRIu64 " cannot be undone: it signed"
                            " heads, and a head is only replaced by a newer"
                            " one (`mdsctl head`)",
                            serial);
        }
    }

    return MDS_OK;
}

/* Gives the entry of a change that can be reverted, or says why not. */
static mds_status_t
mds_revert_get_entry(mds_journal_t *journal, uint64_t serial, mds_error_t *err,
                     mds_json_t **entry)
{
    mds_json_t  *found;
    mds_status_t status = mds_journal_get_entry(journal, serial, err, &found);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_revert_check_trust(found, serial, err);

    if (status != MDS_OK) {
        mds_json_release(found);
        return status;
    }

    *entry = found;
    return MDS_OK;
}

mds_status_t
mds_revert_find_entry(mds_loader_t *loader, uint64_t serial, mds_error_t *err,
                      mds_json_t **entry)
{
    mds_journal_t *journal = mds_loader_journal(loader);
    uint64_t       last;
    mds_status_t   status = mds_journal_read(journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_revert_get_entry(journal, serial, err, entry);
    last = mds_journal_get_serial(journal);
    mds_journal_abort(journal);

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    return last == 0 ? mds_fail(err, MDS_NOT_FOUND, "nothing was changed yet")
                     : mds_fail(err, MDS_NOT_FOUND,
                                "there is no change %" PRIu64
                                " in the log; the last one is %" PRIu64,
                                serial, last);
}
