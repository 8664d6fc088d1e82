/* Visits the records of the journal: apps, deltas and sizes. */

#include "loader/mds_journal_internal.h"

mds_status_t
mds_journal_end_visit(mds_journal_t *journal, mds_lmdb_cursor_t *cursor,
                      mds_status_t status, mds_error_t *err)
{
    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(journal->lmdb, err) : status;
}

mds_status_t
mds_journal_visit_apps(mds_journal_t *journal, mds_journal_visit_t visit,
                       void *data, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_APPS, mds_null_str);
    mds_str_t    app, state;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &app, &state)) {
        status = visit(data, app, err);
    }

    return mds_journal_end_visit(journal, cursor, status, err);
}

mds_status_t
mds_journal_visit_deltas(mds_journal_t            *journal,
                         mds_journal_delta_visit_t visit, void *data,
                         mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_DELTAS, mds_null_str);
    mds_str_t         key, value;
    mds_delta_key_t   ends;
    mds_delta_entry_t entry;
    mds_status_t      status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        if (key.len != sizeof(ends) || value.len != sizeof(entry)) {
            status
                = mds_fail(err, MDS_DAMAGED,
                           "journal: an entry of a delta has a wrong length");
            break;
        }

        memcpy(&ends, key.data, sizeof(ends));
        memcpy(&entry, value.data, sizeof(entry));
        status = visit(data, &ends.from, &ends.to, &entry, err);
    }

    return mds_journal_end_visit(journal, cursor, status, err);
}

mds_status_t
mds_journal_visit_sizes(mds_journal_t *journal, mds_journal_size_visit_t visit,
                        void *data, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_SIZES, mds_null_str);
    mds_str_t    key, value;
    mds_sha256_t sha256;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        if (key.len != sizeof(sha256)) {
            status = mds_fail(err, MDS_DAMAGED,
                              "journal: the record of a size has a wrong key");
            break;
        }

        memcpy(&sha256, key.data, sizeof(sha256));
        status = visit(data, &sha256, err);
    }

    return mds_journal_end_visit(journal, cursor, status, err);
}
