/*
 * The journal is an LMDB environment with a table for each kind of record.
 * Records of a fixed size are copied out; JSON is parsed.
 */

#include "loader/mds_journal_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "base/mds_endian.h"
#include "base/mds_file.h"
#include "loader/mds_pid_lock.h"

static const char *const mds_journal_names[MDS_JOURNAL_TABLES] = {
    [MDS_JOURNAL_META] = "meta",           [MDS_JOURNAL_APPS] = "apps",
    [MDS_JOURNAL_PARTS] = "parts",         [MDS_JOURNAL_INDEX] = "index",
    [MDS_JOURNAL_REMOVED] = "removed",     [MDS_JOURNAL_LOG] = "log",
    [MDS_JOURNAL_MANIFESTS] = "manifests", [MDS_JOURNAL_DELTAS] = "deltas",
    [MDS_JOURNAL_SIZES] = "sizes",
};

static void (*mds_journal_waits)(int64_t pid);

void
mds_journal_on_wait(void (*waits)(int64_t pid))
{
    mds_journal_waits = waits;
}

static mds_status_t
mds_journal_open_as(const char *depot, mds_lmdb_mode_t mode, mds_error_t *err,
                    mds_journal_t **journal)
{
    mds_journal_t *opened;
    mds_path_t     path;
    mds_status_t   status = mds_path(&path, err, "%s/journal", depot);

    if (status != MDS_OK) {
        return status;
    }

    opened = calloc(1, sizeof(*opened));
    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    opened->fd = -1;

    if ((status
         = mds_lmdb_open(path.text, mode, mds_journal_names, MDS_JOURNAL_TABLES,
                         MDS_LMDB_MAP_BYTES, err, &opened->lmdb))
            != MDS_OK
        || (status = mds_path(&path, err, "%s/journal/data.mdb", depot))
               != MDS_OK)
    {
        mds_journal_close(opened);
        return status;
    }

    opened->fd = open(path.text, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    *journal = opened;
    return MDS_OK;
}

mds_status_t
mds_journal_open(const char *depot, mds_error_t *err, mds_journal_t **journal)
{
    return mds_journal_open_as(depot, MDS_LMDB_SHARED | MDS_LMDB_EXISTING, err,
                               journal);
}

mds_status_t
mds_journal_create(const char *depot, mds_error_t *err)
{
    mds_journal_t *journal;
    mds_status_t   status
        = mds_journal_open_as(depot, MDS_LMDB_SHARED, err, &journal);

    if (status == MDS_OK) {
        mds_journal_close(journal);
    }

    return status;
}

void
mds_journal_close(mds_journal_t *journal)
{
    if (journal != NULL) {
        mds_lmdb_close(journal->lmdb);
        if (journal->fd >= 0) {
            close(journal->fd);
        }
        free(journal);
    }
}

bool
mds_journal_is_read_only(const mds_journal_t *journal)
{
    return mds_lmdb_is_read_only(journal->lmdb);
}

mds_status_t
mds_journal_read(mds_journal_t *journal, mds_error_t *err)
{
    return mds_lmdb_read(journal->lmdb, err);
}

static void
mds_journal_unlock(mds_journal_t *journal)
{
    if (journal->is_locked) {
        journal->is_locked = false;
        mds_pid_lock_release(journal->fd);
    }
}

mds_status_t
mds_journal_write(mds_journal_t *journal, mds_error_t *err)
{
    mds_status_t status;

    if (mds_journal_waits != NULL && journal->fd >= 0) {
        journal->is_locked = mds_pid_lock_take(journal->fd, mds_journal_waits);
    }

    status = mds_lmdb_write(journal->lmdb, err);

    if (status != MDS_OK) {
        mds_journal_unlock(journal);
    }

    return status;
}

mds_status_t
mds_journal_commit(mds_journal_t *journal, mds_error_t *err)
{
    mds_status_t status = mds_lmdb_commit(journal->lmdb, err);

    mds_journal_unlock(journal);
    return status;
}

void
mds_journal_abort(mds_journal_t *journal)
{
    mds_lmdb_abort(journal->lmdb);
    mds_journal_unlock(journal);
}

mds_status_t
mds_journal_copy(mds_journal_t *journal, int fd, mds_error_t *err)
{
    return mds_lmdb_copy(journal->lmdb, fd, err);
}

/* --- records of a fixed size */

/* Copies a record. False: it is not there, or is of another size. */
static bool
mds_journal_get(mds_journal_t *journal, unsigned table, mds_str_t key,
                void *record, size_t len)
{
    mds_str_t value;

    if (!mds_lmdb_get(journal->lmdb, table, key, &value) || value.len != len) {
        return false;
    }

    memcpy(record, value.data, len);
    return true;
}

static bool
mds_journal_get_number(mds_journal_t *journal, unsigned table, mds_str_t key,
                       uint64_t *number)
{
    uint8_t bytes[8];

    if (!mds_journal_get(journal, table, key, bytes, sizeof(bytes))) {
        return false;
    }

    *number = mds_load_be64(bytes);
    return true;
}

static void
mds_journal_put_number(mds_journal_t *journal, unsigned table, mds_str_t key,
                       uint64_t number)
{
    uint8_t bytes[8];

    mds_store_be64(bytes, number);
    mds_lmdb_put(journal->lmdb, table, key, mds_bytes(bytes, sizeof(bytes)));
}

uint64_t
mds_journal_get_serial(mds_journal_t *journal)
{
    uint64_t serial = 0;

    (void) mds_journal_get_number(journal, MDS_JOURNAL_META, mds_str("serial"),
                                  &serial);
    return serial;
}

void
mds_journal_set_serial(mds_journal_t *journal, uint64_t serial)
{
    mds_journal_put_number(journal, MDS_JOURNAL_META, mds_str("serial"),
                           serial);
}

#define MDS_JOURNAL_STALE_DELTAS mds_str("stale deltas")

bool
mds_journal_has_stale_deltas(mds_journal_t *journal)
{
    uint64_t serial;

    return mds_journal_get_number(journal, MDS_JOURNAL_META,
                                  MDS_JOURNAL_STALE_DELTAS, &serial);
}

void
mds_journal_put_stale_deltas(mds_journal_t *journal, uint64_t serial)
{
    mds_journal_put_number(journal, MDS_JOURNAL_META, MDS_JOURNAL_STALE_DELTAS,
                           serial);
}

void
mds_journal_delete_stale_deltas(mds_journal_t *journal)
{
    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_META, MDS_JOURNAL_STALE_DELTAS);
}

#define MDS_JOURNAL_ROOT_KEY 9 /* bytes: "root", zero, version */

static mds_str_t
mds_journal_root_key(uint32_t version, char key[MDS_JOURNAL_ROOT_KEY])
{
    memcpy(key, "root", 5);
    mds_store_be32((uint8_t *) key + 5, version);

    return (mds_str_t){ MDS_JOURNAL_ROOT_KEY, key };
}

bool
mds_journal_get_root(mds_journal_t *journal, uint32_t version,
                     mds_str_t *envelope)
{
    char key[MDS_JOURNAL_ROOT_KEY];

    return mds_lmdb_get(journal->lmdb, MDS_JOURNAL_META,
                        mds_journal_root_key(version, key), envelope);
}

void
mds_journal_put_root(mds_journal_t *journal, uint32_t version,
                     mds_str_t envelope)
{
    char key[MDS_JOURNAL_ROOT_KEY];

    mds_lmdb_put(journal->lmdb, MDS_JOURNAL_META,
                 mds_journal_root_key(version, key), envelope);
}

bool
mds_journal_get_size(mds_journal_t *journal, const mds_sha256_t *sha256,
                     uint64_t *compressed_bytes)
{
    return mds_journal_get_number(journal, MDS_JOURNAL_SIZES,
                                  mds_bytes(sha256, sizeof(*sha256)),
                                  compressed_bytes);
}

void
mds_journal_put_size(mds_journal_t *journal, const mds_sha256_t *sha256,
                     uint64_t compressed_bytes)
{
    mds_journal_put_number(journal, MDS_JOURNAL_SIZES,
                           mds_bytes(sha256, sizeof(*sha256)),
                           compressed_bytes);
}

void
mds_journal_delete_size(mds_journal_t *journal, const mds_sha256_t *sha256)
{
    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_SIZES,
                    mds_bytes(sha256, sizeof(*sha256)));
}

bool
mds_journal_get_signature(mds_journal_t *journal, const mds_sha256_t *manifest,
                          mds_manifest_signature_t *made)
{
    return mds_journal_get(journal, MDS_JOURNAL_MANIFESTS,
                           mds_bytes(manifest, sizeof(*manifest)), made,
                           sizeof(*made));
}

void
mds_journal_put_signature(mds_journal_t *journal, const mds_sha256_t *manifest,
                          const mds_manifest_signature_t *made)
{
    mds_lmdb_put(journal->lmdb, MDS_JOURNAL_MANIFESTS,
                 mds_bytes(manifest, sizeof(*manifest)),
                 mds_bytes(made, sizeof(*made)));
}

bool
mds_journal_get_delta(mds_journal_t *journal, const mds_sha256_t *from,
                      const mds_sha256_t *to, mds_delta_entry_t *entry)
{
    mds_delta_key_t key = { *from, *to };

    return mds_journal_get(journal, MDS_JOURNAL_DELTAS,
                           mds_bytes(&key, sizeof(key)), entry, sizeof(*entry));
}

void
mds_journal_put_delta(mds_journal_t *journal, const mds_sha256_t *from,
                      const mds_sha256_t *to, const mds_delta_entry_t *entry)
{
    mds_delta_key_t key = { *from, *to };

    mds_lmdb_put(journal->lmdb, MDS_JOURNAL_DELTAS,
                 mds_bytes(&key, sizeof(key)),
                 mds_bytes(entry, sizeof(*entry)));
}

void
mds_journal_delete_delta(mds_journal_t *journal, const mds_sha256_t *from,
                         const mds_sha256_t *to)
{
    mds_delta_key_t key = { *from, *to };

    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_DELTAS,
                    mds_bytes(&key, sizeof(key)));
}

/* --- states of apps */

mds_status_t
mds_journal_get_json(mds_journal_t *journal, unsigned table, mds_str_t key,
                     mds_error_t *err, mds_json_t **json)
{
    mds_str_t    text;
    mds_status_t status;

    if (!mds_lmdb_get(journal->lmdb, table, key, &text)) {
        status = mds_lmdb_status(journal->lmdb, err);
        return status == MDS_OK ? MDS_NOT_FOUND : status;
    }

    return mds_json_parse(text, "journal", err, json);
}

mds_status_t
mds_journal_put_json(mds_journal_t *journal, unsigned table, mds_str_t key,
                     const mds_json_t *json, mds_error_t *err)
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mds_json_dump(json, MDS_JSON_COMPACT, err, &text, &len);

    if (status == MDS_OK) {
        mds_lmdb_put(journal->lmdb, table, key, mds_bytes(text, len));
        free(text);
    }

    return status;
}

/*
 * A record of an app begins with this word if the app is kept by parts. It is
 * no JSON: a program that does not know of parts would take the record for an
 * app that has none, and fails instead, with "invalid token near" the word.
 */
#define MDS_HEAD_MARK "ThisMdsctlIsTooOld "

mds_status_t
mds_journal_get_app(mds_journal_t *journal, mds_str_t app, mds_error_t *err,
                    mds_json_t **head, bool *by_parts)
{
    const mds_str_t mark = mds_str(MDS_HEAD_MARK);
    mds_str_t       text;
    mds_status_t    status;
    bool            is_marked;

    if (!mds_lmdb_get(journal->lmdb, MDS_JOURNAL_APPS, app, &text)) {
        status = mds_lmdb_status(journal->lmdb, err);
        return status == MDS_OK ? MDS_NOT_FOUND : status;
    }

    is_marked = mds_str_starts(text, mark);

    if (is_marked) {
        text.data += mark.len;
        text.len -= mark.len;
    }

    status = mds_json_parse(text, "journal", err, head);

    if (status == MDS_OK) {
        *by_parts = is_marked;
    }

    return status;
}

mds_status_t
mds_journal_put_app(mds_journal_t *journal, mds_str_t app,
                    const mds_json_t *head, mds_error_t *err)
{
    const mds_str_t mark = mds_str(MDS_HEAD_MARK);
    mds_buffer_t    value = { 0 };
    char           *text;
    size_t          len;
    mds_status_t    status
        = mds_json_dump(head, MDS_JSON_COMPACT, err, &text, &len);

    if (status != MDS_OK) {
        return status;
    }

    mds_buffer_add(&value, mark.data, mark.len);
    mds_buffer_add(&value, text, len);
    free(text);

    if (mds_buffer_failed(&value)) {
        status = mds_fail_memory(err);
    } else {
        mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_REMOVED, app);
        mds_lmdb_put(journal->lmdb, MDS_JOURNAL_APPS, app,
                     mds_buffer_str(&value));
    }

    mds_buffer_free(&value);
    return status;
}

mds_status_t
mds_journal_get_removed_app(mds_journal_t *journal, mds_str_t app,
                            mds_error_t *err, mds_json_t **state)
{
    return mds_journal_get_json(journal, MDS_JOURNAL_REMOVED, app, err, state);
}

mds_status_t
mds_journal_remove_app(mds_journal_t *journal, mds_str_t app,
                       const mds_json_t *state, mds_error_t *err)
{
    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_APPS, app);

    return mds_journal_put_json(journal, MDS_JOURNAL_REMOVED, app, state, err);
}
