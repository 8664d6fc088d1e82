/*
 * Visits all admissions, and all read marks, for an edge that is to share them.
 */

#include "base/mds_endian.h"
#include "state/mds_read_marks.h"
#include "state/mds_state_internal.h"
#include "state/mds_window.h"

/* Visits the admissions of one window, whose keys begin with its number. */
static mds_status_t
mds_window_visit(mds_lmdb_t *lmdb, mds_str_t key, mds_admission_visit_t visit,
                 void *data, mds_error_t *err)
{
    mds_window_t       window;
    uint8_t            prefix[4];
    mds_str_t          from = { sizeof(prefix), (const char *) prefix };
    mds_str_t          id, when;
    mds_lmdb_cursor_t *cursor;
    mds_status_t       status = mds_window_get(lmdb, key, err, &window);

    if (status != MDS_OK) {
        return status;
    }

    mds_store_be32(prefix, window.number);
    cursor = mds_lmdb_walk(lmdb, MDS_STATE_ADMISSIONS, from);

    while (status == MDS_OK && mds_lmdb_next(cursor, &id, &when)
           && mds_str_starts(id, from) && when.len == 8)
    {
        id.data += sizeof(prefix);
        id.len -= sizeof(prefix);
        status
            = visit(data, key, id,
                    (int64_t) mds_load_be64((const uint8_t *) when.data), err);
    }

    mds_lmdb_walk_end(cursor);
    return status;
}

mds_status_t
mds_state_visit_admissions(mds_state_t *state, mds_admission_visit_t visit,
                           void *data, mds_error_t *err)
{
    mds_lmdb_t        *lmdb = state->env.reader;
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_WINDOWS, mds_null_str);
    mds_str_t    key, value;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_window_visit(lmdb, key, visit, data, err);
    }

    mds_lmdb_walk_end(cursor);
    return status == MDS_OK ? mds_lmdb_status(lmdb, err) : status;
}

mds_status_t
mds_state_visit_read_marks(mds_state_t *state, mds_read_marks_visit_t visit,
                           void *data, mds_error_t *err)
{
    mds_lmdb_t        *lmdb = state->env.reader;
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_MARKS, mds_null_str);
    mds_str_t        key, value;
    mds_read_marks_t marks;
    mds_status_t     status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_state_get_read_marks(state, key, err, &marks);

        if (status == MDS_OK) {
            status = visit(data, key, &marks, err);
        }
    }

    mds_lmdb_walk_end(cursor);
    return status == MDS_OK ? mds_lmdb_status(lmdb, err) : status;
}
