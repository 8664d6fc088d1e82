#include "loader/mds_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mds_endian.h"
#include "base/mds_file.h"
#include "lmdb/mds_lmdb.h"

typedef enum {
    MDS_JOURNAL_META,
    MDS_JOURNAL_APPS,
    MDS_JOURNAL_REMOVED,
    MDS_JOURNAL_LOG,
    MDS_JOURNAL_MANIFESTS,
    MDS_JOURNAL_DELTAS,
    MDS_JOURNAL_SIZES,
    MDS_JOURNAL_TABLES
} mds_journal_table_t;

static const char *const mds_journal_names[MDS_JOURNAL_TABLES] = {
    [MDS_JOURNAL_META] = "meta",           [MDS_JOURNAL_APPS] = "apps",
    [MDS_JOURNAL_REMOVED] = "removed",     [MDS_JOURNAL_LOG] = "log",
    [MDS_JOURNAL_MANIFESTS] = "manifests", [MDS_JOURNAL_DELTAS] = "deltas",
    [MDS_JOURNAL_SIZES] = "sizes",
};

/* A loader that waits for so long says so; looks in between. */
#define MDS_JOURNAL_QUIET_LOOKS 20
#define MDS_JOURNAL_LOOK_NS 50000000

struct mds_journal_s {
    mds_lmdb_t *lmdb;
    int         fd; /* of its file, for a lock that tells who has it */
    bool        held;
};

static void (*mds_journal_waits)(int64_t pid);

void
mds_journal_on_wait(void (*waits)(int64_t pid))
{
    mds_journal_waits = waits;
}

mds_status_t
mds_journal_open(const char *depot, mds_error_t *err, mds_journal_t **journal)
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
    status = mds_lmdb_open(path.text, MDS_LMDB_SHARED, mds_journal_names,
                           MDS_JOURNAL_TABLES, MDS_LMDB_MAP_BYTES, err,
                           &opened->lmdb);

    if (status == MDS_OK) {
        status = mds_path(&path, err, "%s/journal/data.mdb", depot);
    }

    if (status == MDS_OK) {
        opened->fd = open(path.text, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    }

    if (status != MDS_OK) {
        mds_journal_close(opened);
        return status;
    }

    *journal = opened;
    return MDS_OK;
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

mds_status_t
mds_journal_read(mds_journal_t *journal, mds_error_t *err)
{
    return mds_lmdb_read(journal->lmdb, err);
}

static bool
mds_journal_lock(mds_journal_t *journal, int how, short type)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };
    int          rc;

    do {
        rc = fcntl(journal->fd, how, &lock);
    } while (rc != 0 && errno == EINTR);

    return rc == 0;
}

/* Who holds the lock; 0: nobody any more, or nobody that is seen from here. */
static int64_t
mds_journal_holder(const mds_journal_t *journal)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

    return fcntl(journal->fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK
                   && lock.l_pid > 0
               ? lock.l_pid
               : 0;
}

/*
 * LMDB's own lock, which is what counts, does not tell who has it: this one is
 * taken before it, for that alone. Where it cannot be had for another reason
 * than that it is held, there is nothing to be told.
 */
static void
mds_journal_queue(mds_journal_t *journal)
{
    const struct timespec look = { .tv_nsec = MDS_JOURNAL_LOOK_NS };

    for (int i = 0; !mds_journal_lock(journal, F_SETLK, F_WRLCK); i++) {
        if (errno != EAGAIN && errno != EACCES) {
            return;
        }

        if (i == MDS_JOURNAL_QUIET_LOOKS) {
            mds_journal_waits(mds_journal_holder(journal));
            journal->held = mds_journal_lock(journal, F_SETLKW, F_WRLCK);
            return;
        }

        (void) nanosleep(&look, NULL);
    }

    journal->held = true;
}

static void
mds_journal_leave(mds_journal_t *journal)
{
    if (journal->held) {
        journal->held = false;
        (void) mds_journal_lock(journal, F_SETLK, F_UNLCK);
    }
}

mds_status_t
mds_journal_write(mds_journal_t *journal, mds_error_t *err)
{
    mds_status_t status;

    if (mds_journal_waits != NULL && journal->fd >= 0) {
        mds_journal_queue(journal);
    }

    status = mds_lmdb_write(journal->lmdb, err);

    if (status != MDS_OK) {
        mds_journal_leave(journal);
    }

    return status;
}

mds_status_t
mds_journal_commit(mds_journal_t *journal, mds_error_t *err)
{
    mds_status_t status = mds_lmdb_commit(journal->lmdb, err);

    mds_journal_leave(journal);
    return status;
}

void
mds_journal_abort(mds_journal_t *journal)
{
    mds_lmdb_abort(journal->lmdb);
    mds_journal_leave(journal);
}

mds_status_t
mds_journal_copy(mds_journal_t *journal, int fd, mds_error_t *err)
{
    return mds_lmdb_copy(journal->lmdb, fd, err);
}

static mds_str_t
mds_bytes(const void *data, size_t len)
{
    return (mds_str_t){ len, data };
}

/* A record of a fixed size; false: not there, or of another size. */
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

uint64_t
mds_journal_get_serial(mds_journal_t *journal)
{
    uint8_t serial[8] = { 0 };

    (void) mds_journal_get(journal, MDS_JOURNAL_META, mds_str("serial"), serial,
                           sizeof(serial));

    return mds_load_be64(serial);
}

void
mds_journal_set_serial(mds_journal_t *journal, uint64_t serial)
{
    uint8_t bytes[8];

    mds_store_be64(bytes, serial);
    mds_lmdb_put(journal->lmdb, MDS_JOURNAL_META, mds_str("serial"),
                 mds_bytes(bytes, sizeof(bytes)));
}

static mds_status_t
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

static mds_status_t
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

mds_status_t
mds_journal_get_app(mds_journal_t *journal, mds_str_t app, mds_error_t *err,
                    mds_json_t **state)
{
    return mds_journal_get_json(journal, MDS_JOURNAL_APPS, app, err, state);
}

mds_status_t
mds_journal_put_app(mds_journal_t *journal, mds_str_t app,
                    const mds_json_t *state, mds_error_t *err)
{
    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_REMOVED, app);

    return mds_journal_put_json(journal, MDS_JOURNAL_APPS, app, state, err);
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

mds_status_t
mds_journal_get_entry(mds_journal_t *journal, uint64_t serial, mds_error_t *err,
                      mds_json_t **entry)
{
    uint8_t key[8];

    mds_store_be64(key, serial);
    return mds_journal_get_json(journal, MDS_JOURNAL_LOG,
                                mds_bytes(key, sizeof(key)), err, entry);
}

mds_status_t
mds_journal_put_entry(mds_journal_t *journal, uint64_t serial,
                      const mds_json_t *entry, mds_error_t *err)
{
    uint8_t key[8];

    mds_store_be64(key, serial);
    return mds_journal_put_json(journal, MDS_JOURNAL_LOG,
                                mds_bytes(key, sizeof(key)), entry, err);
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

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(journal->lmdb, err) : status;
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

static mds_str_t
mds_delta_key(const mds_sha256_t *from, const mds_sha256_t *to, uint8_t key[64])
{
    memcpy(key, from->bytes, 32);
    memcpy(key + 32, to->bytes, 32);

    return mds_bytes(key, 64);
}

bool
mds_journal_get_delta(mds_journal_t *journal, const mds_sha256_t *from,
                      const mds_sha256_t *to, mds_delta_entry_t *note)
{
    uint8_t key[64];

    return mds_journal_get(journal, MDS_JOURNAL_DELTAS,
                           mds_delta_key(from, to, key), note, sizeof(*note));
}

void
mds_journal_put_delta(mds_journal_t *journal, const mds_sha256_t *from,
                      const mds_sha256_t *to, const mds_delta_entry_t *note)
{
    uint8_t key[64];

    mds_lmdb_put(journal->lmdb, MDS_JOURNAL_DELTAS,
                 mds_delta_key(from, to, key), mds_bytes(note, sizeof(*note)));
}

bool
mds_journal_get_size(mds_journal_t *journal, const mds_sha256_t *sha256,
                     uint64_t *compressed_bytes)
{
    uint8_t bytes[8];

    if (!mds_journal_get(journal, MDS_JOURNAL_SIZES,
                         mds_bytes(sha256, sizeof(*sha256)), bytes,
                         sizeof(bytes)))
    {
        return false;
    }

    *compressed_bytes = mds_load_be64(bytes);
    return true;
}

void
mds_journal_put_size(mds_journal_t *journal, const mds_sha256_t *sha256,
                     uint64_t compressed_bytes)
{
    uint8_t bytes[8];

    mds_store_be64(bytes, compressed_bytes);
    mds_lmdb_put(journal->lmdb, MDS_JOURNAL_SIZES,
                 mds_bytes(sha256, sizeof(*sha256)),
                 mds_bytes(bytes, sizeof(bytes)));
}

mds_status_t
mds_journal_visit_deltas(mds_journal_t            *journal,
                         mds_journal_delta_visit_t visit, void *data,
                         mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_DELTAS, mds_null_str);
    mds_str_t    key, value;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        mds_sha256_t      ends[2];
        mds_delta_entry_t note;

        if (key.len != sizeof(ends) || value.len != sizeof(note)) {
            status
                = mds_fail(err, MDS_DAMAGED,
                           "journal: an entry of a delta has a wrong length");
            break;
        }

        memcpy(ends, key.data, sizeof(ends));
        memcpy(&note, value.data, sizeof(note));
        status = visit(data, &ends[0], &ends[1], &note, err);
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(journal->lmdb, err) : status;
}

void
mds_journal_delete_delta(mds_journal_t *journal, const mds_sha256_t *from,
                         const mds_sha256_t *to)
{
    uint8_t key[64];

    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_DELTAS,
                    mds_delta_key(from, to, key));
}

mds_status_t
mds_journal_visit_sizes(mds_journal_t *journal, mds_journal_size_visit_t visit,
                        void *data, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_SIZES, mds_null_str);
    mds_str_t    key, value;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        mds_sha256_t sha256;

        if (key.len != sizeof(sha256)) {
            status = mds_fail(err, MDS_DAMAGED, "journal: no note of a size");
            break;
        }

        memcpy(&sha256, key.data, sizeof(sha256));
        status = visit(data, &sha256, err);
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(journal->lmdb, err) : status;
}

void
mds_journal_delete_size(mds_journal_t *journal, const mds_sha256_t *sha256)
{
    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_SIZES,
                    mds_bytes(sha256, sizeof(*sha256)));
}
