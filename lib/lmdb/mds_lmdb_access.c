/*
 * Reads, writes and walks records within a transaction.
 */

#include "lmdb/mds_lmdb_internal.h"

#include <errno.h>
#include <stdlib.h>

static MDB_val
mds_lmdb_val(mds_str_t s)
{
    return (MDB_val){ s.len, (void *) s.data };
}

static mds_str_t
mds_lmdb_str(MDB_val v)
{
    return (mds_str_t){ v.mv_size, v.mv_data };
}

static int
mds_lmdb_record(mds_lmdb_t *lmdb, mds_lmdb_op_t op, unsigned table,
                mds_str_t key, mds_str_t value, uint64_t *number)
{
    return lmdb->remote->ops->record(lmdb->remote, op, table, key, value,
                                     number);
}

/* Returns whether the record was found. Another code than MDB_NOTFOUND is a
 * failure, which is kept in the transaction. */
static bool
mds_lmdb_is_found(mds_lmdb_t *lmdb, int code)
{
    if (code == 0) {
        return true;
    }

    lmdb->code = code == MDB_NOTFOUND ? 0 : code;
    return false;
}

/* It is not inlined: a look-up in this process would take an instruction
 * more. */
static MDS_NOINLINE bool
mds_lmdb_get_remote(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                    mds_str_t *value)
{
    return mds_lmdb_is_found(lmdb, lmdb->remote->ops->get(lmdb->remote, table,
                                                          key, value));
}

bool
mds_lmdb_get(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t *value)
{
    MDB_val k = mds_lmdb_val(key);
    MDB_val v;

    /* LMDB fails for an empty key and for a long one; none such is stored. */
    if (lmdb->code != 0 || key.len == 0 || key.len > MDS_LMDB_KEY_MAX) {
        return false;
    }

    if (lmdb->remote != NULL) {
        return mds_lmdb_get_remote(lmdb, table, key, value);
    }

    if (!mds_lmdb_is_found(lmdb,
                           mdb_get(lmdb->txn, lmdb->tables[table], &k, &v))) {
        return false;
    }

    *value = mds_lmdb_str(v);
    return true;
}

void
mds_lmdb_put(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t value)
{
    MDB_val k = mds_lmdb_val(key);
    MDB_val v = mds_lmdb_val(value);

    if (lmdb->code == 0) {
        lmdb->code
            = lmdb->remote != NULL
                  ? mds_lmdb_record(lmdb, MDS_LMDB_PUT, table, key, value, NULL)
                  : mdb_put(lmdb->txn, lmdb->tables[table], &k, &v, 0);
    }
}

static void *
mds_lmdb_put_val(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, MDB_val value,
                 unsigned flags)
{
    MDB_val k = mds_lmdb_val(key);

    if (lmdb->code == 0) {
        lmdb->code
            = lmdb->remote != NULL
                  ? ENOTSUP
                  : mdb_put(lmdb->txn, lmdb->tables[table], &k, &value, flags);
    }

    return lmdb->code == 0 ? value.mv_data : NULL;
}

void
mds_lmdb_append(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                mds_str_t value)
{
    (void) mds_lmdb_put_val(lmdb, table, key, mds_lmdb_val(value), MDB_APPEND);
}

void *
mds_lmdb_put_room(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                  size_t value_bytes)
{
    return mds_lmdb_put_val(lmdb, table, key, (MDB_val){ value_bytes, NULL },
                            MDB_RESERVE);
}

void
mds_lmdb_delete(mds_lmdb_t *lmdb, unsigned table, mds_str_t key)
{
    MDB_val k = mds_lmdb_val(key);

    if (lmdb->code == 0) {
        (void) mds_lmdb_is_found(
            lmdb, lmdb->remote != NULL
                      ? mds_lmdb_record(lmdb, MDS_LMDB_DELETE, table, key,
                                        mds_null_str, NULL)
                      : mdb_del(lmdb->txn, lmdb->tables[table], &k, NULL));
    }
}

void
mds_lmdb_drop(mds_lmdb_t *lmdb, const char *name, bool *changed)
{
    MDB_dbi dbi;

    if (lmdb->code != 0
        || !mds_lmdb_is_found(lmdb,
                              lmdb->remote != NULL
                                  ? ENOTSUP
                                  : mdb_dbi_open(lmdb->txn, name, 0, &dbi)))
    {
        return;
    }

    lmdb->code = mdb_drop(lmdb->txn, dbi, 1);
    *changed = true;
}

uint64_t
mds_lmdb_count(mds_lmdb_t *lmdb, unsigned table)
{
    MDB_stat stat = { 0 };
    uint64_t count = 0;

    if (lmdb->code != 0) {
        return 0;
    }

    if (lmdb->remote != NULL) {
        lmdb->code = mds_lmdb_record(lmdb, MDS_LMDB_COUNT, table, mds_null_str,
                                     mds_null_str, &count);
        return count;
    }

    lmdb->code = mdb_stat(lmdb->txn, lmdb->tables[table], &stat);
    return stat.ms_entries;
}

mds_lmdb_cursor_t *
mds_lmdb_walk(mds_lmdb_t *lmdb, unsigned table, mds_str_t from)
{
    mds_lmdb_cursor_t *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL) {
        lmdb->code = ENOMEM;
        return NULL;
    }

    cursor->lmdb = lmdb;
    cursor->from = mds_lmdb_val(from);

    if (lmdb->code != 0) {
        return cursor;
    }

    if (lmdb->remote == NULL) {
        lmdb->code
            = mdb_cursor_open(lmdb->txn, lmdb->tables[table], &cursor->cursor);
        return cursor;
    }

    cursor->remote = lmdb->remote->ops->walk(lmdb->remote, table, from);
    lmdb->code = cursor->remote == NULL ? ENOMEM : 0;

    return cursor;
}

bool
mds_lmdb_next(mds_lmdb_cursor_t *cursor, mds_str_t *key, mds_str_t *value)
{
    MDB_val       k, v;
    MDB_cursor_op op;
    mds_lmdb_t   *lmdb;

    if (cursor == NULL || cursor->lmdb->code != 0) {
        return false;
    }

    lmdb = cursor->lmdb;

    if (cursor->remote != NULL) {
        return mds_lmdb_is_found(lmdb, lmdb->remote->ops->next(cursor->remote,
                                                               key, value));
    }

    if (cursor->cursor == NULL) {
        return false;
    }

    k = cursor->from;
    op = cursor->begun ? MDB_NEXT : k.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST;
    cursor->begun = true;

    if (!mds_lmdb_is_found(lmdb, mdb_cursor_get(cursor->cursor, &k, &v, op))) {
        return false;
    }

    *key = mds_lmdb_str(k);
    *value = mds_lmdb_str(v);

    return true;
}

void
mds_lmdb_walk_end(mds_lmdb_cursor_t *cursor)
{
    if (cursor == NULL) {
        return;
    }

    if (cursor->cursor != NULL) {
        mdb_cursor_close(cursor->cursor);
    }

    if (cursor->remote != NULL) {
        cursor->lmdb->remote->ops->walk_end(cursor->remote);
    }

    free(cursor);
}
