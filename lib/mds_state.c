#include "mds_state.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mds_file.h"
#include "mds_lmdb.h"
#include "mds_number.h"
#include "mds_record.h"
#include "mds_request.h"

/* Address space, not disk. */
#define MDS_STATE_MAP_BYTES (UINT64_C(64) << 30)

typedef enum {
    MDS_STATE_WINDOWS,
    MDS_STATE_ADMISSIONS,
    MDS_STATE_TABLES
} mds_state_table_t;

static const char *const mds_state_names[MDS_STATE_TABLES] = {
    [MDS_STATE_WINDOWS] = "windows",
    [MDS_STATE_ADMISSIONS] = "admissions",
};

/* Numbers are big-endian. */
typedef struct MDS_PACKED {
    uint8_t number[4];
    uint8_t count[8];
    uint8_t full_ms[8];
} mds_window_record_t;

#define MDS_ADMISSION_KEY_BYTES (4 + MDS_VALUE_MAX)

struct mds_state_s {
    mds_lmdb_t *reader;
    mds_lmdb_t *writer; /* the same environment */
    bool        reading;
    mds_path_t  data; /* the file that was opened, and which it was */
    dev_t       device;
    ino_t       inode;
};

static mds_status_t
mds_state_open_env(const char *depot, mds_error_t *err, mds_lmdb_t **lmdb)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/state", depot);

    return status == MDS_OK
               ? mds_lmdb_open(path.text, MDS_LMDB_SHARED, mds_state_names,
                               MDS_STATE_TABLES, MDS_STATE_MAP_BYTES, err, lmdb)
               : status;
}

/* LMDB makes both files with one mode; the workers have to write to both. */
static mds_status_t
mds_state_give(const char *depot, const char *name, int64_t uid, int64_t gid,
               mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/state/%s", depot, name);

    if (status != MDS_OK) {
        return status;
    }

    if ((uid >= 0 || gid >= 0)
        && chown(path.text, (uid_t) uid, (gid_t) gid) != 0) {
        return mds_fail_errno(err, "give \"%s\" to the workers", path.text);
    }

    return chmod(path.text, 0660) == 0
               ? MDS_OK
               : mds_fail_errno(err, "chmod \"%s\"", path.text);
}

mds_status_t
mds_state_create(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    mds_lmdb_t  *lmdb;
    mds_status_t status = mds_state_open_env(depot, err, &lmdb);

    if (status != MDS_OK) {
        return status;
    }

    mds_lmdb_close(lmdb);
    status = mds_state_give(depot, "data.mdb", uid, gid, err);

    return status == MDS_OK ? mds_state_give(depot, "lock.mdb", uid, gid, err)
                            : status;
}

/* LMDB would make an empty one of what is not there, and forget everybody. */
static mds_status_t
mds_state_find(mds_state_t *state, const char *depot, mds_error_t *err)
{
    struct stat  st;
    mds_status_t status
        = mds_path(&state->data, err, "%s/state/data.mdb", depot);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(state->data.text, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", state->data.text);
    }

    state->device = st.st_dev;
    state->inode = st.st_ino;

    return MDS_OK;
}

mds_status_t
mds_state_check(const mds_state_t *state, mds_error_t *err)
{
    struct stat st;

    if (stat(state->data.text, &st) != 0) {
        return mds_fail_errno(err, "\"%s\"", state->data.text);
    }

    return st.st_dev == state->device && st.st_ino == state->inode
               ? MDS_OK
               : mds_fail(err, MDS_CONFLICT, "\"%s\" is another file now",
                          state->data.text);
}

mds_status_t
mds_state_open(const char *depot, mds_error_t *err, mds_state_t **state)
{
    mds_state_t *opened = calloc(1, sizeof(*opened));
    mds_status_t status;

    if (opened == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    status = mds_state_find(opened, depot, err);

    if (status == MDS_OK) {
        status = mds_state_open_env(depot, err, &opened->reader);
    }

    if (status == MDS_OK) {
        status = mds_lmdb_share(opened->reader, err, &opened->writer);
    }

    if (status != MDS_OK) {
        mds_state_close(opened);
        return status;
    }

    *state = opened;
    return MDS_OK;
}

void
mds_state_close(mds_state_t *state)
{
    if (state != NULL) {
        mds_lmdb_close(state->writer);
        mds_lmdb_close(state->reader);
        free(state);
    }
}

mds_status_t
mds_state_begin(mds_state_t *state, mds_error_t *err)
{
    mds_status_t status
        = state->reading ? MDS_OK : mds_lmdb_read(state->reader, err);

    if (status == MDS_OK) {
        state->reading = true;
    }

    return status;
}

void
mds_state_end(mds_state_t *state)
{
    if (state->reading) {
        mds_lmdb_abort(state->reader);
        state->reading = false;
    }
}

/* A window that nobody was let into yet has no record. */
static mds_status_t
mds_window_get(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
               mds_window_t *window)
{
    mds_window_record_t record;
    mds_str_t           value;
    mds_status_t        status;

    if (!mds_lmdb_get(lmdb, MDS_STATE_WINDOWS, key, &value)) {
        status = mds_lmdb_status(lmdb, err);
        if (status == MDS_OK) {
            *window = (mds_window_t){ 0 };
        }
        return status;
    }

    if (value.len != sizeof(record)) {
        return mds_fail(err, MDS_DAMAGED, "state: not a window's record");
    }

    memcpy(&record, value.data, sizeof(record));
    window->number = mds_get_u32(record.number);
    window->count = mds_get_u64(record.count);
    window->full_ms = (int64_t) mds_get_u64(record.full_ms);

    return MDS_OK;
}

static void
mds_window_put(mds_lmdb_t *lmdb, mds_str_t key, const mds_window_t *window)
{
    mds_window_record_t record;

    mds_put_u32(record.number, window->number);
    mds_put_u64(record.count, window->count);
    mds_put_u64(record.full_ms, (uint64_t) window->full_ms);
    mds_lmdb_put(lmdb, MDS_STATE_WINDOWS, key,
                 (mds_str_t){ sizeof(record), (const char *) &record });
}

static mds_str_t
mds_admission_key(uint32_t number, mds_str_t id,
                  uint8_t bytes[MDS_ADMISSION_KEY_BYTES])
{
    mds_put_u32(bytes, number);
    memcpy(bytes + 4, id.data, id.len);

    return (mds_str_t){ 4 + id.len, (const char *) bytes };
}

static mds_status_t
mds_admission_find(mds_lmdb_t *lmdb, uint32_t number, mds_str_t id,
                   mds_error_t *err, bool *in)
{
    uint8_t      bytes[MDS_ADMISSION_KEY_BYTES];
    mds_str_t    when;
    bool         found;
    mds_status_t status = MDS_OK;

    if (number == 0 || id.len > MDS_VALUE_MAX) {
        *in = false;
        return MDS_OK;
    }

    found = mds_lmdb_get(lmdb, MDS_STATE_ADMISSIONS,
                         mds_admission_key(number, id, bytes), &when);

    if (!found) {
        status = mds_lmdb_status(lmdb, err);
    }

    if (status == MDS_OK) {
        *in = found;
    }

    return status;
}

mds_status_t
mds_state_window(mds_state_t *state, mds_str_t window, mds_error_t *err,
                 mds_window_t *found)
{
    return mds_window_get(state->reader, window, err, found);
}

mds_status_t
mds_state_admitted(mds_state_t *state, const mds_window_t *window, mds_str_t id,
                   mds_error_t *err, bool *in)
{
    return mds_admission_find(state->reader, window->number, id, err, in);
}

/* Numbers count up: the next one is one above how many windows there are. */
static void
mds_admission_add(mds_lmdb_t *lmdb, const mds_admission_t *admission,
                  mds_window_t *window, int64_t now_ms)
{
    uint8_t bytes[MDS_ADMISSION_KEY_BYTES];
    uint8_t when[8];

    if (window->number == 0) {
        window->number = (uint32_t) mds_lmdb_count(lmdb, MDS_STATE_WINDOWS) + 1;
    }

    window->count++;

    if (window->count >= admission->limit) {
        window->full_ms = now_ms;
    }

    mds_put_u64(when, (uint64_t) now_ms);
    mds_lmdb_put(lmdb, MDS_STATE_ADMISSIONS,
                 mds_admission_key(window->number, admission->id, bytes),
                 (mds_str_t){ sizeof(when), (const char *) when });
    mds_window_put(lmdb, admission->window, window);
}

/* *added: the transaction has something to commit. */
static mds_status_t
mds_admission_try(mds_lmdb_t *lmdb, mds_admission_t *admission, int64_t now_ms,
                  mds_error_t *err, bool *added)
{
    mds_window_t window;
    bool         in = false;
    mds_status_t status = mds_window_get(lmdb, admission->window, err, &window);

    if (status == MDS_OK) {
        status
            = mds_admission_find(lmdb, window.number, admission->id, err, &in);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (!in && window.count < admission->limit && now_ms < admission->until_ms)
    {
        mds_admission_add(lmdb, admission, &window, now_ms);
        *added = true;
        in = true;
    }

    admission->admitted = in;
    return MDS_OK;
}

mds_status_t
mds_state_admit(mds_state_t *state, mds_admission_t *admissions, size_t count,
                int64_t now_ms, mds_error_t *err)
{
    bool         added = false;
    mds_status_t status = mds_state_check(state, err);

    if (status == MDS_OK) {
        status = mds_lmdb_write(state->writer, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_admission_try(state->writer, &admissions[i], now_ms, err,
                                   &added);
    }

    if (status != MDS_OK || !added) {
        mds_lmdb_abort(state->writer);
        return status;
    }

    return mds_lmdb_commit(state->writer, err);
}
