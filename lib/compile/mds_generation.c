/*
 * Writes a generation of the catalog to a temporary file, and renames it once
 * it is validated.
 *
 * How many files a generation has is a trade: the fewer a change writes, the
 * more often the small ones have to be merged. A small generation is written
 * whole. Else the file has what differs from the generation before, and takes
 * over the records of its top, until that has grown; then those of the middle,
 * too; and in the end those of the base.
 */

#include "compile/mds_generation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "base/mds_intern.h"
#include "catalog/mds_list_record.h"
#include "catalog/mds_validate.h"
#include "lmdb/mds_seal.h"

/* A base that is smaller is written anew by each change. */
#ifndef MDS_GENERATION_BASE_MIN
#    define MDS_GENERATION_BASE_MIN ((uint64_t) 256 << 10)
#endif

/* The sizes to which a top and a middle grow: at least these, and so many parts
 * of the base. */
#ifndef MDS_GENERATION_TOP_MIN
#    define MDS_GENERATION_TOP_MIN ((uint64_t) 96 << 10)
#    define MDS_GENERATION_MIDDLE_MIN ((uint64_t) 256 << 10)
#endif
#define MDS_GENERATION_TOP_PARTS 256
#define MDS_GENERATION_MIDDLE_PARTS 64

/* What every record begins with. */
typedef struct MDS_PACKED {
    uint32_t tag;
    uint32_t bytes;
    uint64_t check;
    uint32_t number; /* older generations have one */
} mds_generation_head_t;

_Static_assert(offsetof(mds_record_t, number)
                   == offsetof(mds_generation_head_t, number),
               "records and lists begin alike");
_Static_assert(offsetof(mds_list_record_t, number)
                   == offsetof(mds_generation_head_t, number),
               "records and lists begin alike");

struct mds_generation_s {
    mds_lmdb_t        *lmdb;
    char              *depot;
    mds_path_t         path; /* unfinished */
    mds_catalog_meta_t meta;
    mds_catalog_t     *before;   /* NULL: there is none */
    unsigned           merged;   /* layers of it that are copied */
    bool               is_layer; /* stands on the others */
    mds_intern_t      *put;      /* keys, each behind a byte of its table */
    mds_buffer_t       replaced; /* mds_generation_removal_t */
    mds_status_t       status;   /* of memory */
};

static void
mds_generation_free(mds_generation_t *generation)
{
    mds_lmdb_close(generation->lmdb);
    mds_intern_free(generation->put);
    mds_buffer_free(&generation->replaced);
    free(generation->depot);
    free(generation);
}

void
mds_generation_abort(mds_generation_t *generation)
{
    if (generation != NULL) {
        unlink(generation->path.text);
        mds_generation_free(generation);
    }
}

static uint64_t
mds_generation_larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/*
 * Decides how many layers of the generation before are merged into this one,
 * which stands on the rest. The file of a top that has grown becomes a middle.
 */
static void
mds_generation_plan(mds_generation_t *generation)
{
    const mds_chain_files_t *files = mds_catalog_files(generation->before);
    unsigned                 base = files->count - 1;
    uint64_t                 base_bytes = files->seals[base].file_id.bytes;
    uint64_t                 top_bytes = files->seals[0].file_id.bytes;
    uint64_t                 middle_bytes
        = top_bytes + (base == 2 ? files->seals[1].file_id.bytes : 0);
    uint64_t top_max
        = mds_generation_larger(MDS_GENERATION_TOP_MIN,
                                base_bytes / MDS_GENERATION_TOP_PARTS);
    uint64_t middle_max
        = mds_generation_larger(MDS_GENERATION_MIDDLE_MIN,
                                base_bytes / MDS_GENERATION_MIDDLE_PARTS);

    if (base_bytes < MDS_GENERATION_BASE_MIN) {
        generation->merged = files->count;

    } else if (base == 0) {
        generation->merged = 0;

    } else if (top_bytes <= top_max) {
        generation->merged = 1;

    } else if (middle_bytes <= middle_max) {
        generation->merged = base == 2 ? 2 : 0;

    } else {
        generation->merged = files->count;
    }

    generation->is_layer = generation->merged < files->count;
}

static void
mds_generation_fail_memory(mds_generation_t *generation)
{
    generation->status = MDS_NO_MEMORY;
}

/* Copies the records of the layers that are merged, with their tombstones. */
static mds_status_t
mds_generation_merge(mds_generation_t *generation, mds_error_t *err)
{
    mds_catalog_t       *before = generation->before;
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;

    for (unsigned table = MDS_CATALOG_APPS; table < MDS_CATALOG_TABLES; table++)
    {
        mds_catalog_walk(before, table, generation->merged, mds_null_str,
                         &cursor);

        while (mds_catalog_next(&cursor, &key, &value)) {
            mds_lmdb_append(generation->lmdb, table, key, value);
        }

        mds_catalog_walk_end(&cursor);
    }

    return mds_catalog_status(before, err);
}

/* Begins with the records of the generation before. */
static mds_status_t
mds_generation_begin_after(mds_generation_t *generation, mds_error_t *err)
{
    const mds_chain_t *chain = mds_catalog_chain(generation->before);

    generation->meta.list_count = chain->layers[0]->meta.list_count;
    generation->meta.resource_count = chain->layers[0]->meta.resource_count;
    mds_generation_plan(generation);

    return mds_generation_merge(generation, err);
}

mds_status_t
mds_generation_begin(const char *depot, uint64_t serial, int64_t now_ms,
                     mds_catalog_t *before, mds_error_t *err,
                     mds_generation_t **generation)
{
    mds_generation_t *begun = calloc(1, sizeof(*begun));
    mds_status_t      status;

    if (begun == NULL) {
        return mds_fail_memory(err);
    }

    begun->before = before;
    begun->depot = strdup(depot);
    begun->put = mds_intern_new();

    if (begun->depot == NULL || begun->put == NULL) {
        mds_generation_free(begun);
        return mds_fail_memory(err);
    }

    begun->meta = (mds_catalog_meta_t){ .tag = MDS_CATALOG_TAG,
                                        .format = MDS_CATALOG_FORMAT,
                                        .serial = serial,
                                        .created_ms = now_ms };

    status = mds_path(&begun->path, err,
                      "%s/catalog/" MDS_TEMP_PREFIX "%" PRIu64 ".mdb", depot,
                      serial);

    if (status == MDS_OK) {
        (void) unlink(begun->path.text);
        status = mds_lmdb_open(begun->path.text, MDS_LMDB_BUILD,
                               mds_catalog_names, MDS_CATALOG_TABLES,
                               MDS_LMDB_MAP_BYTES, err, &begun->lmdb);
    }

    if (status == MDS_OK) {
        status = mds_lmdb_write(begun->lmdb, err);
    }

    if (status == MDS_OK && before != NULL) {
        status = mds_generation_begin_after(begun, err);
    }

    if (status != MDS_OK) {
        mds_generation_abort(begun);
        return status;
    }

    *generation = begun;
    return MDS_OK;
}

/* --- records */

/* Notes the key of a table as put. Returns whether it was not before. */
static bool
mds_generation_note(mds_generation_t *generation, mds_catalog_table_t table,
                    mds_str_t key)
{
    char bytes[1 + MDS_LMDB_KEY_MAX];
    bool fresh = false;

    if (key.len > MDS_LMDB_KEY_MAX) {
        return true; /* LMDB refuses it */
    }

    bytes[0] = (char) table;
    memcpy(bytes + 1, key.data, key.len);

    if (mds_intern(generation->put, (mds_str_t){ 1 + key.len, bytes }, &fresh)
        == UINT32_MAX)
    {
        mds_generation_fail_memory(generation);
    }

    return fresh;
}

/* Adds to the count of a table's records. */
static void
mds_generation_count(mds_generation_t *generation, mds_catalog_table_t table,
                     uint32_t change)
{
    if (table == MDS_CATALOG_LISTS) {
        generation->meta.list_count += change;
    } else if (table == MDS_CATALOG_RESOURCES) {
        generation->meta.resource_count += change;
    }
}

/* Looks up the record that the generation before has. */
static bool
mds_generation_get_before(mds_generation_t   *generation,
                          mds_catalog_table_t table, mds_str_t key,
                          mds_str_t *value)
{
    return generation->before != NULL
           && mds_catalog_get(generation->before, table, key, value);
}

/* Returns whether two records differ in their checksums and numbers at most. */
static bool
mds_generation_is_same(mds_str_t a, mds_str_t b)
{
    const size_t head = offsetof(mds_generation_head_t, check);
    const size_t rest = sizeof(mds_generation_head_t);

    return a.len == b.len && a.len >= rest && memcmp(a.data, b.data, head) == 0
           && memcmp(a.data + rest, b.data + rest, a.len - rest) == 0;
}

void
mds_generation_app(mds_generation_t *generation, mds_str_t app,
                   const mds_app_record_t *record)
{
    mds_str_t value = { sizeof(*record), (const char *) record };
    mds_str_t old;

    (void) mds_generation_note(generation, MDS_CATALOG_APPS, app);

    if (!mds_generation_get_before(generation, MDS_CATALOG_APPS, app, &old)
        || !mds_str_eq(old, value))
    {
        mds_lmdb_put(generation->lmdb, MDS_CATALOG_APPS, app, value);
    }
}

/* Puts a copy of the record, and returns it without a number; NULL: it is there
 * already, or there was a failure. */
static void *
mds_generation_put(mds_generation_t *generation, mds_catalog_table_t table,
                   mds_str_t key, mds_str_t bytes)
{
    mds_generation_head_t *head;
    mds_str_t              old;

    (void) mds_generation_note(generation, table, key);

    if (!mds_generation_get_before(generation, table, key, &old)) {
        mds_generation_count(generation, table, 1);

    } else if (mds_generation_is_same(old, bytes)) {
        return NULL;
    }

    head = mds_lmdb_put_room(generation->lmdb, table, key, bytes.len);

    if (head != NULL) {
        memcpy(head, bytes.data, bytes.len);
        head->number = 0;
    }

    return head;
}

void
mds_generation_list(mds_generation_t *generation, mds_str_t key,
                    mds_str_t bytes)
{
    mds_list_record_t *record
        = mds_generation_put(generation, MDS_CATALOG_LISTS, key, bytes);

    if (record != NULL) {
        record->check = mds_list_record_sum(record);
    }
}

/* Makes the key of a release of the record: app 00 id. */
static mds_str_t
mds_generation_release_key(const mds_record_t *record, uint32_t i,
                           char bytes[MDS_LMDB_KEY_MAX])
{
    const mds_release_record_t *release
        = mds_record_item(record, MDS_TABLE_RELEASES, i);
    mds_str_t resource = mds_record_bytes(record, record->key);
    mds_str_t app = mds_str_cut(&resource, '\0');
    mds_str_t id = mds_record_bytes(record, release->id);

    if (app.len + 1 + id.len > MDS_LMDB_KEY_MAX) {
        return mds_null_str; /* documents have shorter ones */
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);

    return (mds_str_t){ app.len + 1 + id.len, bytes };
}

/* Puts the row of the record's i-th release. */
static void
mds_generation_release(mds_generation_t *generation, const mds_record_t *record,
                       uint32_t i)
{
    const mds_release_record_t *release
        = mds_record_item(record, MDS_TABLE_RELEASES, i);
    char              key_bytes[MDS_LMDB_KEY_MAX];
    char              bytes[sizeof(mds_release_row_t) + MDS_LMDB_KEY_MAX];
    mds_str_t         key = mds_generation_release_key(record, i, key_bytes);
    mds_str_t         resource = mds_record_bytes(record, record->key);
    mds_release_row_t row = { .tag = MDS_RELEASE_ROW_TAG };
    mds_str_t         value = { 0, bytes }, old;

    if (release->halt != MDS_RECORD_NONE) {
        const mds_halt_record_t *halt
            = mds_record_item(record, MDS_TABLE_HALTS, release->halt);

        row.limit = halt->limit;
    }

    (void) mds_str_cut(&resource, '\0');
    value.len = sizeof(row) + resource.len;
    memcpy(bytes, &row, sizeof(row));
    memcpy(bytes + sizeof(row), resource.data, resource.len);
    (void) mds_generation_note(generation, MDS_CATALOG_RELEASES, key);

    if (!mds_generation_get_before(generation, MDS_CATALOG_RELEASES, key, &old)
        || !mds_str_eq(old, value))
    {
        mds_lmdb_put(generation->lmdb, MDS_CATALOG_RELEASES, key, value);
    }
}

void
mds_generation_resource(mds_generation_t *generation, mds_str_t key,
                        mds_str_t bytes)
{
    const mds_record_t *given = (const mds_record_t *) bytes.data;
    mds_record_t       *record
        = mds_generation_put(generation, MDS_CATALOG_RESOURCES, key, bytes);

    if (record != NULL) {
        record->check = mds_record_sum(record);
    }

    for (uint32_t i = 0; i < given->tables[MDS_TABLE_RELEASES].count; i++) {
        mds_generation_release(generation, given, i);
    }
}

/* --- removals, which are made by the commit */

/* What is to be removed unless it is put; the bytes of its key follow. */
typedef struct {
    uint32_t table; /* MDS_CATALOG_TABLES: the key is that of a whole app */
    uint32_t len;
} mds_generation_removal_t;

void
mds_generation_replace(mds_generation_t *generation, mds_catalog_table_t table,
                       mds_str_t key)
{
    mds_generation_removal_t removal = { table, (uint32_t) key.len };

    mds_buffer_add(&generation->replaced, &removal, sizeof(removal));
    mds_buffer_add(&generation->replaced, key.data, key.len);
}

void
mds_generation_replace_app(mds_generation_t *generation, mds_str_t app)
{
    mds_generation_replace(generation, MDS_CATALOG_APPS, app);
    mds_generation_replace(generation, MDS_CATALOG_TABLES, app);
}

static void
mds_generation_remove(mds_generation_t *generation, mds_catalog_table_t table,
                      mds_str_t key)
{
    mds_str_t old;

    if (!mds_generation_note(generation, table, key)
        || !mds_generation_get_before(generation, table, key, &old))
    {
        return;
    }

    mds_generation_count(generation, table, UINT32_MAX);

    if (generation->is_layer) {
        mds_lmdb_put(generation->lmdb, table, key, mds_str(""));
    } else {
        mds_lmdb_delete(generation->lmdb, table, key);
    }
}

/* Removes a resource and its releases. */
static void
mds_generation_remove_resource(mds_generation_t *generation, mds_str_t key)
{
    char      bytes[MDS_LMDB_KEY_MAX];
    mds_str_t old;

    if (mds_generation_get_before(generation, MDS_CATALOG_RESOURCES, key, &old))
    {
        const mds_record_t *record = (const mds_record_t *) old.data;

        for (uint32_t i = 0; i < record->tables[MDS_TABLE_RELEASES].count; i++)
        {
            mds_generation_remove(generation, MDS_CATALOG_RELEASES,
                                  mds_generation_release_key(record, i, bytes));
        }
    }

    mds_generation_remove(generation, MDS_CATALOG_RESOURCES, key);
}

/* Removes all of a table's records whose keys begin with app 00. */
static void
mds_generation_remove_table(mds_generation_t   *generation,
                            mds_catalog_table_t table, mds_str_t app)
{
    char                 bytes[MDS_LMDB_KEY_MAX + 1] = "";
    mds_str_t            prefix = { app.len + 1, bytes };
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;

    if (generation->before == NULL || app.len >= sizeof(bytes)) {
        return;
    }

    memcpy(bytes, app.data, app.len);
    mds_catalog_walk(generation->before, table, MDS_LAYERS_MAX, prefix,
                     &cursor);

    while (mds_catalog_next(&cursor, &key, &value)
           && mds_str_starts(key, prefix)) {
        mds_generation_remove(generation, table, key);
    }

    mds_catalog_walk_end(&cursor);
}

static mds_status_t
mds_generation_remove_all(mds_generation_t *generation, mds_error_t *err)
{
    mds_buffer_t            *replaced = &generation->replaced;
    mds_generation_removal_t removal;
    mds_str_t                key;

    for (size_t at = 0; at < replaced->len && !mds_buffer_failed(replaced);
         at += sizeof(removal) + removal.len)
    {
        memcpy(&removal, replaced->data + at, sizeof(removal));
        key = (mds_str_t){ removal.len, (const char *) replaced->data + at
                                            + sizeof(removal) };

        if (removal.table == MDS_CATALOG_TABLES) {
            mds_generation_remove_table(generation, MDS_CATALOG_LISTS, key);
            mds_generation_remove_table(generation, MDS_CATALOG_RESOURCES, key);
            mds_generation_remove_table(generation, MDS_CATALOG_RELEASES, key);
        } else if (removal.table == MDS_CATALOG_RESOURCES) {
            mds_generation_remove_resource(generation, key);
        } else {
            mds_generation_remove(generation, removal.table, key);
        }
    }

    if (generation->status != MDS_OK || mds_buffer_failed(replaced)) {
        return mds_fail_memory(err);
    }

    return generation->before == NULL
               ? MDS_OK
               : mds_catalog_status(generation->before, err);
}

/* --- the file */

static mds_status_t
mds_generation_close(mds_generation_t *generation, mds_error_t *err)
{
    mds_status_t status = mds_generation_remove_all(generation, err);

    if (status != MDS_OK) {
        return status;
    }

    mds_lmdb_append(generation->lmdb, MDS_CATALOG_META, mds_str("catalog"),
                    (mds_str_t){ sizeof(generation->meta),
                                 (const char *) &generation->meta });

    status = mds_lmdb_commit(generation->lmdb, err);
    mds_lmdb_close(generation->lmdb);
    generation->lmdb = NULL;

    return status;
}

static mds_status_t
mds_generation_seal(mds_generation_t *generation, mds_error_t *err)
{
    uint8_t         identity[MDS_SEAL_IDENTITY];
    mds_seal_link_t below;

    mds_catalog_identity(generation->meta.serial, identity);

    if (generation->is_layer) {
        const mds_chain_files_t *files = mds_catalog_files(generation->before);

        below.number = files->serials[generation->merged];
        memcpy(below.digest, files->seals[generation->merged].digest,
               sizeof(below.digest));
    }

    return mds_seal_write_layer(generation->path.text, identity,
                                generation->is_layer ? &below : NULL, err);
}

/* Seals the unfinished file, and reads it as an edge would. */
static mds_status_t
mds_generation_validate(mds_generation_t *generation, mds_error_t *err,
                        mds_chain_files_t *files)
{
    mds_catalog_t     *before = generation->before;
    const mds_chain_t *known = NULL;
    int64_t            trusted_ns = INT64_MIN;
    mds_status_t       status = mds_generation_seal(generation, err);

    if (before != NULL) {
        known = mds_catalog_chain(before);
        trusted_ns = mds_catalog_files(before)->seals[0].file_id.written_ns;
    }

    return status == MDS_OK
               ? mds_validate_file(generation->depot, generation->path.text,
                                   generation->meta.serial, known, trusted_ns,
                                   err, files)
               : status;
}

mds_status_t
mds_generation_commit(mds_generation_t *generation, mds_error_t *err,
                      mds_chain_files_t *files)
{
    mds_path_t        path, dir;
    mds_chain_files_t validated;
    mds_status_t      status;

    if ((status = mds_generation_close(generation, err)) != MDS_OK
        || (status = mds_generation_validate(generation, err, &validated))
               != MDS_OK
        || (status = mds_path(&dir, err, "%s/catalog", generation->depot))
               != MDS_OK
        || (status = mds_catalog_path(generation->depot,
                                      generation->meta.serial, err, &path))
               != MDS_OK)
    {
        goto failed;
    }

    if (rename(generation->path.text, path.text) != 0) {
        status = mds_fail_errno(err, "rename to \"%s\"", path.text);
        goto failed;
    }

    status = mds_file_sync_dir(dir.text, err);

    if (status == MDS_OK) {
        *files = validated;
    } else {
        (void) unlink(path.text);
    }

    mds_generation_free(generation);
    return status;

failed:
    mds_generation_abort(generation);
    return status;
}
