/*
 * Windows and their admissions: look-ups for requests, and the admission of one
 * device or user within a transaction.
 */

#include "state/mds_window.h"

#include "base/mds_endian.h"
#include "base/mds_terms.h"
#include "state/mds_state_internal.h"

/* Numbers are big-endian. */
typedef struct MDS_PACKED {
    uint8_t number[4];
    uint8_t count[8];
    uint8_t full_ms[8];
} mds_window_record_t;

#define MDS_ADMISSION_KEY_BYTES (4 + MDS_VALUE_MAX) /* mds_admission_key() */

mds_status_t
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
    window->number = mds_load_be32(record.number);
    window->count = mds_load_be64(record.count);
    window->full_ms = (int64_t) mds_load_be64(record.full_ms);

    return MDS_OK;
}

static void
mds_window_put(mds_lmdb_t *lmdb, mds_str_t key, const mds_window_t *window)
{
    mds_window_record_t record;

    mds_store_be32(record.number, window->number);
    mds_store_be64(record.count, window->count);
    mds_store_be64(record.full_ms, (uint64_t) window->full_ms);
    mds_lmdb_put(lmdb, MDS_STATE_WINDOWS, key,
                 (mds_str_t){ sizeof(record), (const char *) &record });
}

/* Writes the key of an admission. False: the id is too long. */
static bool
mds_admission_key(uint32_t number, mds_str_t id,
                  uint8_t bytes[MDS_ADMISSION_KEY_BYTES], mds_str_t *key)
{
    if (id.len > MDS_ADMISSION_KEY_BYTES - 4) {
        return false;
    }

    mds_store_be32(bytes, number);
    memcpy(bytes + 4, id.data, id.len);
    *key = (mds_str_t){ 4 + id.len, (const char *) bytes };

    return true;
}

static mds_status_t
mds_admission_find(mds_lmdb_t *lmdb, uint32_t number, mds_str_t id,
                   mds_error_t *err, bool *in)
{
    uint8_t      bytes[MDS_ADMISSION_KEY_BYTES];
    mds_str_t    key, when;
    bool         found;
    mds_status_t status = MDS_OK;

    if (number == 0 || !mds_admission_key(number, id, bytes, &key)) {
        *in = false;
        return MDS_OK;
    }

    found = mds_lmdb_get(lmdb, MDS_STATE_ADMISSIONS, key, &when);

    if (!found) {
        status = mds_lmdb_status(lmdb, err);
    }

    if (status == MDS_OK) {
        *in = found;
    }

    return status;
}

mds_status_t
mds_state_get_window(mds_state_t *state, mds_str_t window, mds_error_t *err,
                     mds_window_t *found)
{
    return mds_window_get(state->env.reader, window, err, found);
}

mds_status_t
mds_state_is_admitted(mds_state_t *state, const mds_window_t *window,
                      mds_str_t id, mds_error_t *err, bool *in)
{
    return mds_admission_find(state->env.reader, window->number, id, err, in);
}

/* Adds an admission. A new window's number is one above the number of windows.
 */
static mds_status_t
mds_admission_add(mds_lmdb_t *lmdb, const mds_admission_t *admission,
                  mds_window_t *window, int64_t now_ms, mds_error_t *err)
{
    uint8_t   bytes[MDS_ADMISSION_KEY_BYTES];
    uint8_t   when[8];
    mds_str_t key;

    if (window->number == 0) {
        window->number = (uint32_t) mds_lmdb_count(lmdb, MDS_STATE_WINDOWS) + 1;
    }

    if (!mds_admission_key(window->number, admission->id, bytes, &key)) {
        return mds_fail(err, MDS_INVALID,
                        "state: the id has %zu bytes, at most %d are"
                        " allowed",
                        admission->id.len, MDS_VALUE_MAX);
    }

    window->count++;

    if (window->count >= admission->limit) {
        window->full_ms = now_ms;
    }

    mds_store_be64(when, (uint64_t) now_ms);
    mds_lmdb_put(lmdb, MDS_STATE_ADMISSIONS, key,
                 (mds_str_t){ sizeof(when), (const char *) when });
    mds_window_put(lmdb, admission->window, window);

    return MDS_OK;
}

/* Looks up the window, and whether it has admitted the id. */
static mds_status_t
mds_admission_look(mds_lmdb_t *lmdb, const mds_admission_t *admission,
                   mds_error_t *err, mds_window_t *window, bool *in)
{
    mds_status_t status = mds_window_get(lmdb, admission->window, err, window);

    return status == MDS_OK ? mds_admission_find(lmdb, window->number,
                                                 admission->id, err, in)
                            : status;
}

mds_status_t
mds_window_admit(mds_lmdb_t *lmdb, mds_admission_t *admission, bool shared,
                 int64_t now_ms, mds_error_t *err, bool *changed)
{
    mds_window_t window;
    bool         in = false, may;
    mds_status_t status
        = mds_admission_look(lmdb, admission, err, &window, &in);

    if (status != MDS_OK) {
        return status;
    }

    /* The fleet counts and looks at the clock where the edge shares. */
    may = shared
              ? admission->verdict == MDS_VERDICT_YES
              : window.count < admission->limit && now_ms < admission->until_ms;

    if (!in && may) {
        status = mds_admission_add(lmdb, admission, &window, now_ms, err);
        in = status == MDS_OK;
        *changed = *changed || in;
    }

    if (status == MDS_OK) {
        admission->admitted = in;

        if (shared && admission->verdict == 0) {
            admission->verdict = MDS_VERDICT_UNKNOWN;
        }
    }

    return status;
}

mds_status_t
mds_window_apply_admission(mds_lmdb_t                  *lmdb,
                           const mds_entry_admission_t *admission,
                           mds_error_t *err, bool *changed)
{
    mds_admission_t added = { .window = admission->window,
                              .id = admission->id,
                              .limit = UINT64_MAX };
    mds_window_t    window;
    bool            in = false;
    mds_status_t status = mds_admission_look(lmdb, &added, err, &window, &in);

    if (status != MDS_OK || in) {
        return status;
    }

    *changed = true;
    return mds_admission_add(lmdb, &added, &window, admission->when_ms, err);
}

/* The edge has all admissions then, so that its own count closes the window;
 * the entry says when that was. */
mds_status_t
mds_window_apply_full(mds_lmdb_t *lmdb, const mds_entry_window_full_t *full,
                      mds_error_t *err, bool *changed)
{
    mds_window_t window;
    mds_status_t status = mds_window_get(lmdb, full->window, err, &window);

    if (status == MDS_OK && window.number != 0
        && window.full_ms != full->when_ms) {
        window.full_ms = full->when_ms;
        mds_window_put(lmdb, full->window, &window);
        *changed = true;
    }

    return status;
}
