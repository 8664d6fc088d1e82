/*
 * The border to LMDB without LMDB: whoever calls fuzz_table…() gets this in
 * place of lib/mds_lmdb*.c, so that all of mds_lmdb.h has to be here (else the
 * linker finds both, and says so). Values lie in memory of just their size, and
 * die when the record is put again, as they do there.
 */

#include "fuzz.h"
#include "lmdb/mds_lmdb_remote.h"

#define RECORDS_MAX 256

typedef struct {
    unsigned  table;
    mds_str_t key;
    mds_str_t value;
} record_t;

struct mds_lmdb_s {
    bool open; /* a transaction is */
};

struct mds_lmdb_cursor_s {
    unsigned table;
    size_t   at;
};

static struct mds_lmdb_s        envs[FUZZ_LAYERS];
static struct mds_lmdb_cursor_s cursors[8];
static size_t                   cursor_count;
static record_t                 records[RECORDS_MAX];
static size_t                   record_count;

static mds_str_t
copy(mds_str_t bytes)
{
    char *made = malloc(bytes.len > 0 ? bytes.len : 1);

    fuzz_must(made != NULL);
    if (bytes.len > 0) {
        memcpy(made, bytes.data, bytes.len);
    }

    return (mds_str_t){ bytes.len, made };
}

static void
drop(record_t *record)
{
    free((char *) record->key.data);
    free((char *) record->value.data);
}

/* The first record at or above the key. */
static size_t
find(unsigned table, mds_str_t key, bool *same)
{
    size_t i = 0;
    int    order = -1;

    while (i < record_count
           && (records[i].table < table
               || (records[i].table == table
                   && (order = mds_str_cmp(records[i].key, key)) < 0)))
    {
        i++;
    }

    *same = i < record_count && records[i].table == table && order == 0;
    return i;
}

void
fuzz_table_clear(void)
{
    while (record_count > 0) {
        drop(&records[--record_count]);
    }

    cursor_count = 0;
}

void
fuzz_table_put(unsigned table, mds_str_t key, mds_str_t value)
{
    bool   same;
    size_t i = find(table, key, &same);
    /* Both may be views into the record that goes. */
    record_t made = { table, copy(key), copy(value) };

    if (same) {
        drop(&records[i]);

    } else {
        fuzz_must(record_count < RECORDS_MAX);
        memmove(records + i + 1, records + i,
                (record_count++ - i) * sizeof(*records));
    }

    records[i] = made;
}

mds_str_t
fuzz_table_get(unsigned table, mds_str_t key)
{
    bool   same;
    size_t i = find(table, key, &same);

    return same ? records[i].value : mds_null_str;
}

struct mds_lmdb_s *
fuzz_table(void)
{
    return &envs[0];
}

struct mds_lmdb_s *
fuzz_layer(unsigned i)
{
    fuzz_must(i < FUZZ_LAYERS);
    return &envs[i];
}

/* The tables of all environments are numbered one after the other. */
static unsigned
number(const mds_lmdb_t *lmdb, unsigned table)
{
    return (unsigned) (lmdb - envs) * MDS_LMDB_TABLES_MAX + table;
}

/* --- mds_lmdb.h */

mds_status_t
mds_lmdb_open(const char *path, mds_lmdb_mode_t mode, const char *const *names,
              unsigned table_count, uint64_t map_bytes, mds_error_t *err,
              mds_lmdb_t **lmdb)
{
    (void) path, (void) mode, (void) names, (void) table_count;
    (void) map_bytes, (void) err;
    *lmdb = &envs[0];
    return MDS_OK;
}

mds_status_t
mds_lmdb_share(mds_lmdb_t *lmdb, mds_error_t *err, mds_lmdb_t **shared)
{
    (void) err;
    *shared = lmdb;
    return MDS_OK;
}

const mds_file_id_t *
mds_lmdb_file_id(const mds_lmdb_t *lmdb)
{
    static const mds_file_id_t mark;

    (void) lmdb;
    return &mark;
}

mds_status_t
mds_lmdb_check(const mds_lmdb_t *lmdb, mds_error_t *err)
{
    (void) lmdb, (void) err;
    return MDS_OK;
}

void
mds_lmdb_clear_stale_readers(mds_lmdb_t *lmdb)
{
    (void) lmdb;
}

void
mds_lmdb_close(mds_lmdb_t *lmdb)
{
    (void) lmdb;
}

static mds_status_t
begin(mds_lmdb_t *lmdb)
{
    lmdb->open = true;
    return MDS_OK;
}

mds_status_t
mds_lmdb_read(mds_lmdb_t *lmdb, mds_error_t *err)
{
    (void) err;
    return begin(lmdb);
}

mds_status_t
mds_lmdb_write(mds_lmdb_t *lmdb, mds_error_t *err)
{
    (void) err;
    return begin(lmdb);
}

void
mds_lmdb_abort(mds_lmdb_t *lmdb)
{
    lmdb->open = false;
}

mds_status_t
mds_lmdb_commit(mds_lmdb_t *lmdb, mds_error_t *err)
{
    (void) err;
    mds_lmdb_abort(lmdb);
    return MDS_OK;
}

mds_status_t
mds_lmdb_status(const mds_lmdb_t *lmdb, mds_error_t *err)
{
    (void) lmdb, (void) err;
    return MDS_OK;
}

int
mds_lmdb_code(const mds_lmdb_t *lmdb)
{
    (void) lmdb;
    return 0;
}

bool
mds_lmdb_get(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t *value)
{
    mds_str_t found = fuzz_table_get(number(lmdb, table), key);

    fuzz_must(key.len <= MDS_LMDB_KEY_MAX);

    if (found.data == NULL) {
        return false;
    }

    *value = found;
    return true;
}

void
mds_lmdb_put(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t value)
{
    fuzz_must(key.len > 0 && key.len <= MDS_LMDB_KEY_MAX);
    fuzz_table_put(number(lmdb, table), key, value);
}

void
mds_lmdb_append(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                mds_str_t value)
{
    mds_lmdb_put(lmdb, table, key, value);
}

void *
mds_lmdb_put_room(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                     size_t value_bytes)
{
    (void) lmdb, (void) table, (void) key, (void) value_bytes;
    return NULL;
}

void
mds_lmdb_delete(mds_lmdb_t *lmdb, unsigned table, mds_str_t key)
{
    bool   same;
    size_t i = find(number(lmdb, table), key, &same);

    if (same) {
        drop(&records[i]);
        memmove(records + i, records + i + 1,
                (--record_count - i) * sizeof(*records));
    }
}

uint64_t
mds_lmdb_count(mds_lmdb_t *lmdb, unsigned table)
{
    uint64_t count = 0;

    for (size_t i = 0; i < record_count; i++) {
        count += records[i].table == number(lmdb, table);
    }

    return count;
}

mds_lmdb_cursor_t *
mds_lmdb_walk(mds_lmdb_t *lmdb, unsigned table, mds_str_t from)
{
    bool               same;
    mds_lmdb_cursor_t *cursor = &cursors[cursor_count++];

    fuzz_must(cursor_count <= mds_nelems(cursors));
    table = number(lmdb, table);
    *cursor = (mds_lmdb_cursor_t){ table, find(table, from, &same) };

    return cursor;
}

bool
mds_lmdb_next(mds_lmdb_cursor_t *cursor, mds_str_t *key, mds_str_t *value)
{
    const record_t *record = &records[cursor->at];

    if (cursor->at >= record_count || record->table != cursor->table) {
        return false;
    }

    *key = record->key;
    *value = record->value;
    cursor->at++;

    return true;
}

void
mds_lmdb_walk_end(mds_lmdb_cursor_t *cursor)
{
    (void) cursor;
    cursor_count--;
}

void
mds_lmdb_set_remote(mds_lmdb_remote_open_t opener)
{
    (void) opener;
}

mds_status_t
mds_lmdb_give(mds_lmdb_t *lmdb, int64_t uid, int64_t gid, mds_error_t *err)
{
    (void) lmdb, (void) uid, (void) gid;
    return mds_fail(err, MDS_IO, "no file");
}

mds_status_t
mds_lmdb_copy(mds_lmdb_t *lmdb, int fd, mds_error_t *err)
{
    (void) lmdb, (void) fd;
    return mds_fail(err, MDS_IO, "no file");
}

void
mds_lmdb_enable_reading(void)
{
}

bool
mds_lmdb_is_read_only(const mds_lmdb_t *lmdb)
{
    (void) lmdb;
    return false;
}

uint64_t
mds_lmdb_file_bytes(const mds_lmdb_t *lmdb)
{
    (void) lmdb;
    return 0;
}

mds_status_t
mds_lmdb_room(mds_lmdb_t *lmdb, uint64_t limit_bytes,
              uint64_t enough_pages, mds_error_t *err, mds_lmdb_room_t *room)
{
    (void) lmdb, (void) limit_bytes, (void) err;
    *room = (mds_lmdb_room_t){ 0, enough_pages };
    return MDS_OK;
}

void
mds_lmdb_drop(mds_lmdb_t *lmdb, const char *name, bool *changed)
{
    (void) lmdb, (void) name, (void) changed;
}
