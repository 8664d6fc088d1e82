/*
 * Reading, writing and walking, within a transaction.
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

bool
mds_lmdb_get(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t *value)
{
    MDB_val k = mds_lmdb_val(key);
    MDB_val v;
    int     code;

    /* LMDB takes neither an empty key nor a long one: none such is stored. */
    if (lmdb->code != 0 || key.len == 0 || key.len > MDS_LMDB_KEY_MAX) {
        return false;
    }

    if (lmdb->proxy != NULL) {
        return mds_lmdb_proxy_get(lmdb, table, key, value);
    }

    code = mdb_get(lmdb->txn, lmdb->tables[table], &k, &v);

    if (code != 0) {
        lmdb->code = code == MDB_NOTFOUND ? 0 : code;
        return false;
    }

    *value = mds_lmdb_str(v);
    return true;
}

static void *
mds_lmdb_store(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, MDB_val *value,
               unsigned flags)
{
    MDB_val k = mds_lmdb_val(key);

    if (lmdb->code == 0) {
        lmdb->code = mdb_put(lmdb->txn, lmdb->tables[table], &k, value, flags);
    }

    return lmdb->code == 0 ? value->mv_data : NULL;
}

void
mds_lmdb_put(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t value)
{
    MDB_val v = mds_lmdb_val(value);

    if (lmdb->proxy != NULL) {
        mds_lmdb_proxy_put(lmdb, table, key, value);
        return;
    }

    (void) mds_lmdb_store(lmdb, table, key, &v, 0);
}

void
mds_lmdb_append(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                mds_str_t value)
{
    MDB_val v = mds_lmdb_val(value);

    (void) mds_lmdb_store(lmdb, table, key, &v, MDB_APPEND);
}

void *
mds_lmdb_append_room(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                     size_t value_bytes)
{
    MDB_val v = { value_bytes, NULL };

    return mds_lmdb_store(lmdb, table, key, &v, MDB_APPEND | MDB_RESERVE);
}

void
mds_lmdb_delete(mds_lmdb_t *lmdb, unsigned table, mds_str_t key)
{
    MDB_val k = mds_lmdb_val(key);
    int     code;

    if (lmdb->proxy != NULL) {
        mds_lmdb_proxy_delete(lmdb, table, key);
        return;
    }

    if (lmdb->code == 0) {
        code = mdb_del(lmdb->txn, lmdb->tables[table], &k, NULL);
        lmdb->code = code == MDB_NOTFOUND ? 0 : code;
    }
}

void
mds_lmdb_drop(mds_lmdb_t *lmdb, const char *name, bool *changed)
{
    MDB_dbi dbi;

    if (lmdb->code == 0) {
        lmdb->code = mdb_dbi_open(lmdb->txn, name, 0, &dbi);

        if (lmdb->code == MDB_NOTFOUND) {
            lmdb->code = 0;
            return;
        }
    }

    if (lmdb->code == 0) {
        lmdb->code = mdb_drop(lmdb->txn, dbi, 1);
        *changed = true;
    }
}

uint64_t
mds_lmdb_count(mds_lmdb_t *lmdb, unsigned table)
{
    MDB_stat stat;

    if (lmdb->proxy != NULL) {
        return mds_lmdb_proxy_count(lmdb, table);
    }

    if (lmdb->code == 0) {
        lmdb->code = mdb_stat(lmdb->txn, lmdb->tables[table], &stat);
    }

    return lmdb->code == 0 ? stat.ms_entries : 0;
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
    cursor->table = table;

    if (lmdb->code == 0 && lmdb->proxy == NULL) {
        lmdb->code
            = mdb_cursor_open(lmdb->txn, lmdb->tables[table], &cursor->cursor);
    }

    return cursor;
}

bool
mds_lmdb_next(mds_lmdb_cursor_t *cursor, mds_str_t *key, mds_str_t *value)
{
    MDB_val       k, v;
    MDB_cursor_op op;
    int           code;

    if (cursor == NULL) {
        return false;
    }

    if (cursor->lmdb->proxy != NULL) {
        return mds_lmdb_proxy_next(cursor, key, value);
    }

    if (cursor->cursor == NULL || cursor->lmdb->code != 0) {
        return false;
    }

    k = cursor->from;
    op = cursor->begun ? MDB_NEXT : k.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST;
    code = mdb_cursor_get(cursor->cursor, &k, &v, op);
    cursor->begun = true;

    if (code != 0) {
        cursor->lmdb->code = code == MDB_NOTFOUND ? 0 : code;
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

    mds_lmdb_proxy_walk_end(cursor);
    free(cursor);
}
