/*
 * Writes a generation of the catalog to a temporary file, and renames it once
 * it is validated.
 */

#include "compile/mds_generation.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "catalog/mds_list_record.h"
#include "catalog/mds_validate.h"
#include "lmdb/mds_seal.h"

struct mds_generation_s {
    mds_lmdb_t        *lmdb;
    char              *depot;
    mds_path_t         path; /* unfinished */
    mds_catalog_meta_t meta;
};

static void
mds_generation_free(mds_generation_t *generation)
{
    mds_lmdb_close(generation->lmdb);
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

mds_status_t
mds_generation_begin(const char *depot, uint64_t serial, int64_t now_ms,
                     mds_error_t *err, mds_generation_t **generation)
{
    mds_generation_t *begun = calloc(1, sizeof(*begun));
    mds_status_t      status;

    if (begun == NULL || (begun->depot = strdup(depot)) == NULL) {
        free(begun);
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

    if (status != MDS_OK) {
        mds_generation_abort(begun);
        return status;
    }

    *generation = begun;
    return MDS_OK;
}

void
mds_generation_app(mds_generation_t *generation, mds_str_t app,
                   const mds_app_record_t *record)
{
    mds_lmdb_append(generation->lmdb, MDS_CATALOG_APPS, app,
                    (mds_str_t){ sizeof(*record), (const char *) record });
}

/* Adds a copy of the record, and returns it; NULL after a failure. */
static void *
mds_generation_add(mds_generation_t *generation, mds_catalog_table_t table,
                   mds_str_t key, mds_str_t bytes)
{
    void *record
        = mds_lmdb_append_room(generation->lmdb, table, key, bytes.len);

    return record == NULL ? NULL : memcpy(record, bytes.data, bytes.len);
}

void
mds_generation_list(mds_generation_t *generation, mds_str_t key,
                    mds_str_t bytes)
{
    mds_list_record_t *record
        = mds_generation_add(generation, MDS_CATALOG_LISTS, key, bytes);

    if (record != NULL) {
        record->number = generation->meta.list_count++;
        record->check = mds_list_record_sum(record);
    }
}

void
mds_generation_resource(mds_generation_t *generation, mds_str_t key,
                        mds_str_t bytes)
{
    mds_record_t *record
        = mds_generation_add(generation, MDS_CATALOG_RESOURCES, key, bytes);

    if (record != NULL) {
        record->number = generation->meta.resource_count++;
        record->check = mds_record_sum(record);
    }
}

typedef void (*mds_generation_put_t)(mds_generation_t *generation,
                                     mds_str_t key, mds_str_t bytes);

/* The records that take the place of others while an app is copied. */
typedef struct {
    const mds_generation_record_t *next;
    const mds_generation_record_t *end;
} mds_replacements_t;

/* Puts the replacements below a key (NULL: all that are left), and returns
 * whether there is one of the key itself, which is put, too. */
static bool
mds_generation_put_below(mds_generation_t *generation, mds_replacements_t *r,
                         const mds_str_t *key, mds_generation_put_t put)
{
    while (r->next < r->end) {
        int order = key == NULL ? -1 : mds_str_cmp(r->next->key, *key);

        if (order > 0) {
            return false;
        }

        if (r->next->bytes.len > 0) {
            put(generation, r->next->key, r->next->bytes);
        }

        r->next++;

        if (order == 0) {
            return true;
        }
    }

    return false;
}

/* Copies the records whose key begins with app 00, and replaces some. */
static void
mds_generation_copy_table(mds_generation_t *generation, mds_lmdb_t *from,
                          unsigned table, mds_str_t app, mds_replacements_t *r,
                          mds_generation_put_t put)
{
    mds_str_t          prefix = { app.len + 1, app.data };
    mds_lmdb_cursor_t *cursor = mds_lmdb_walk(from, table, prefix);
    mds_str_t          key, value;

    while (mds_lmdb_next(cursor, &key, &value) && mds_str_starts(key, prefix)) {
        if (!mds_generation_put_below(generation, r, &key, put)) {
            put(generation, key, value);
        }
    }

    (void) mds_generation_put_below(generation, r, NULL, put);
    mds_lmdb_walk_end(cursor);
}

mds_status_t
mds_generation_copy(mds_generation_t *generation, mds_catalog_t *from,
                    mds_str_t app, const mds_generation_replace_t *replace,
                    mds_error_t *err)
{
    mds_lmdb_t        *lmdb = mds_catalog_lmdb(from);
    mds_replacements_t lists
        = { replace->lists, replace->lists + replace->list_count };
    mds_replacements_t resources
        = { replace->resources, replace->resources + replace->resource_count };
    char             prefix[MDS_LMDB_KEY_MAX + 1] = "";
    mds_app_record_t record;
    mds_status_t     status = mds_catalog_begin(from, err);

    if (status != MDS_OK) {
        return status;
    }

    /* A key's end is a zero byte, which a view need not have. */
    memcpy(prefix, app.data, app.len);
    app.data = prefix;

    status = mds_catalog_app(from, app, err, &record);

    if (status == MDS_OK) {
        mds_generation_app(generation, app, &record);
        mds_generation_copy_table(generation, lmdb, MDS_CATALOG_LISTS, app,
                                  &lists, mds_generation_list);
        mds_generation_copy_table(generation, lmdb, MDS_CATALOG_RESOURCES, app,
                                  &resources, mds_generation_resource);
        status = mds_lmdb_status(lmdb, err);
    }

    mds_catalog_end(from);

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
mds_generation_close(mds_generation_t *generation, mds_error_t *err)
{
    mds_status_t status;

    mds_lmdb_append(generation->lmdb, MDS_CATALOG_META, mds_str("catalog"),
                    (mds_str_t){ sizeof(generation->meta),
                                 (const char *) &generation->meta });

    status = mds_lmdb_commit(generation->lmdb, err);
    mds_lmdb_close(generation->lmdb);
    generation->lmdb = NULL;

    return status;
}

/* Seals the unfinished file, and reads it as an edge would. */
static mds_status_t
mds_generation_validate(mds_generation_t    *generation,
                        const mds_catalog_t *before, mds_error_t *err,
                        mds_file_id_t *file_id)
{
    uint64_t serial = generation->meta.serial;
    int64_t  trusted_ns
        = before == NULL ? INT64_MIN : mds_catalog_file_id(before)->written_ns;
    uint8_t      identity[32];
    mds_status_t status;

    mds_catalog_identity(serial, identity);
    status = mds_seal_write(generation->path.text, identity, err);

    return status == MDS_OK
               ? mds_validate_file(generation->depot, generation->path.text,
                                   serial, trusted_ns, err, file_id)
               : status;
}

mds_status_t
mds_generation_commit(mds_generation_t *generation, const mds_catalog_t *before,
                      mds_error_t *err, mds_file_id_t *file_id)
{
    mds_path_t    path, dir;
    mds_file_id_t validated;
    mds_status_t  status;

    if ((status = mds_generation_close(generation, err)) != MDS_OK
        || (status
            = mds_generation_validate(generation, before, err, &validated))
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
        *file_id = validated;
    } else {
        (void) unlink(path.text);
    }

    mds_generation_free(generation);
    return status;

failed:
    mds_generation_abort(generation);
    return status;
}

/* Returns whether the file is unfinished, or a generation to be removed. */
static bool
mds_generation_is_old(const char *name, uint64_t serial, unsigned keep)
{
    uint64_t number;

    if (mds_is_temp_name(name)) {
        return true;
    }

    return mds_catalog_parse_name(name, &number)
           && (number > serial || number + keep <= serial);
}

mds_status_t
mds_generation_prune(const char *depot, uint64_t serial, unsigned keep,
                     mds_error_t *err)
{
    mds_path_t     path;
    DIR           *dir;
    struct dirent *entry;
    mds_status_t   status = mds_path(&path, err, "%s/catalog", depot);

    if (status != MDS_OK) {
        return status;
    }

    dir = opendir(path.text);
    if (dir == NULL) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    while ((entry = readdir(dir)) != NULL) {
        if (mds_generation_is_old(entry->d_name, serial, keep)) {
            (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }

    closedir(dir);
    return MDS_OK;
}
