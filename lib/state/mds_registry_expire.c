/*
 * Forgetting devices: those that were not seen for long, a bounded part of the
 * table at a time, and those that a command names. The registry itself records
 * how far the sweep has come, so that any worker can continue it.
 */

#include "state/mds_registry_internal.h"

#include "base/mds_arena.h"
#include "base/mds_endian.h"

#define MDS_SWEEP_LOOKS 4096 /* devices that a step looks at */
#define MDS_SWEEP_DROPS 512  /* and forgets, in one transaction */
#define MDS_SWEEP_STEPS 8    /* in a row */

/* A round through all devices takes this part of the time after which they are
 * forgotten, and no longer than a day. */
#define MDS_SWEEP_PART 8
#define MDS_SWEEP_ROUND_MS (INT64_C(24) * 3600 * 1000)
#define MDS_SWEEP_PAUSE_MS 1000

/* Numbers are big-endian. */
typedef struct MDS_PACKED {
    uint8_t stepped_ms[8];
    uint8_t dropped[8];
    uint8_t max_bytes[8];
    uint8_t ttl_ms[8];
} mds_notes_record_t;

static const mds_str_t mds_notes_key = mds_str("tend");

/* Keys to be dropped, and where the walk has come to. */
typedef struct {
    mds_arena_t         *arena;
    mds_registry_notes_t notes; /* as they were read */
    bool                 due;
    mds_str_t            keys[MDS_SWEEP_DROPS];
    size_t               count;
    mds_str_t            at; /* empty: all were looked at */
} mds_sweep_t;

mds_status_t
mds_registry_notes(mds_lmdb_t *lmdb, mds_error_t *err,
                   mds_registry_notes_t *notes)
{
    mds_notes_record_t record;
    mds_str_t          value;
    mds_status_t       status;

    if (!mds_lmdb_get(lmdb, MDS_REGISTRY_NOTES, mds_notes_key, &value)) {
        status = mds_lmdb_status(lmdb, err);
        if (status == MDS_OK) {
            *notes = (mds_registry_notes_t){ 0 };
        }
        return status;
    }

    if (value.len < sizeof(record)
        || value.len > sizeof(record) + MDS_DEVICE_KEY_MAX)
    {
        return mds_fail(err, MDS_DAMAGED,
                        "the registry: the record of the sweep is damaged");
    }

    memcpy(&record, value.data, sizeof(record));
    *notes = (mds_registry_notes_t){
        .stepped_ms = (int64_t) mds_load_be64(record.stepped_ms),
        .dropped = mds_load_be64(record.dropped),
        .max_bytes = mds_load_be64(record.max_bytes),
        .ttl_ms = (int64_t) mds_load_be64(record.ttl_ms),
        .at = { value.len - sizeof(record), value.data + sizeof(record) },
    };

    return MDS_OK;
}

static void
mds_notes_put(mds_lmdb_t *lmdb, const mds_registry_notes_t *notes)
{
    uint8_t            bytes[sizeof(mds_notes_record_t) + MDS_DEVICE_KEY_MAX];
    mds_notes_record_t record = { 0 };
    size_t             len = notes->at.len;

    /* Only a damaged file has a longer key; its beginning sorts before it. */
    len = len > MDS_DEVICE_KEY_MAX ? MDS_DEVICE_KEY_MAX : len;

    mds_store_be64(record.stepped_ms, (uint64_t) notes->stepped_ms);
    mds_store_be64(record.dropped, notes->dropped);
    mds_store_be64(record.max_bytes, notes->max_bytes);
    mds_store_be64(record.ttl_ms, (uint64_t) notes->ttl_ms);
    memcpy(bytes, &record, sizeof(record));

    if (len > 0) {
        memcpy(bytes + sizeof(record), notes->at.data, len);
    }

    mds_lmdb_put(lmdb, MDS_REGISTRY_NOTES, mds_notes_key,
                 (mds_str_t){ sizeof(record) + len, (const char *) bytes });
}

/* How long it is from one step to the next. */
static int64_t
mds_sweep_pause(const mds_registry_t *registry, uint64_t devices)
{
    int64_t round_ms = registry->ttl_ms / MDS_SWEEP_PART;
    int64_t steps = (int64_t) (devices / MDS_SWEEP_LOOKS) + 1;

    round_ms = round_ms > MDS_SWEEP_ROUND_MS ? MDS_SWEEP_ROUND_MS : round_ms;

    return round_ms / steps < MDS_SWEEP_PAUSE_MS ? MDS_SWEEP_PAUSE_MS
                                                 : round_ms / steps;
}

static bool
mds_sweep_is_due(const mds_registry_t *registry, uint64_t devices,
                 const mds_registry_notes_t *notes, int64_t now_ms)
{
    int64_t pause_ms = mds_sweep_pause(registry, devices);

    /* A clock that was ahead once must not stop the sweep. */
    return registry->ttl_ms > 0
           && (now_ms >= notes->stepped_ms + pause_ms
               || now_ms < notes->stepped_ms - pause_ms);
}

/* Allows for a refresh: a device seen again within one is not written. */
static bool
mds_device_is_stale(const mds_registry_t *registry, const mds_device_t *device,
                    int64_t now_ms)
{
    return device->seen_ms < now_ms - registry->ttl_ms - registry->refresh_ms;
}

/* Reads on from where the last step came to. A record that cannot be read is
 * of no device that anybody could tell of. */
static void
mds_sweep_collect(const mds_registry_t *registry, mds_lmdb_t *lmdb,
                  int64_t now_ms, mds_sweep_t *sweep)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_REGISTRY_DEVICES, sweep->notes.at);
    mds_str_t key, value, last = mds_null_str;
    size_t    looks = 0;

    while (looks < MDS_SWEEP_LOOKS && sweep->count < MDS_SWEEP_DROPS
           && mds_lmdb_next(cursor, &key, &value))
    {
        mds_device_t device;

        if (mds_device_parse(value, NULL, &device) != MDS_OK
            || mds_device_is_stale(registry, &device, now_ms))
        {
            sweep->keys[sweep->count++] = mds_arena_str(sweep->arena, key);
        }

        last = key;
        looks++;
    }

    if (looks == MDS_SWEEP_LOOKS || sweep->count == MDS_SWEEP_DROPS) {
        sweep->at = mds_arena_str(sweep->arena, last);
    }

    mds_lmdb_walk_end(cursor);
}

/* Reads the record of the sweep and, if a step is due, the next devices,
 * without the lock that writers take. */
static mds_status_t
mds_sweep_look(mds_registry_t *registry, int64_t now_ms, mds_error_t *err,
               mds_sweep_t *sweep)
{
    mds_lmdb_t  *lmdb = registry->env.writer;
    mds_status_t status = mds_lmdb_read(lmdb, err);
    uint64_t     devices;

    if (status != MDS_OK) {
        return status;
    }

    devices = mds_lmdb_count(lmdb, MDS_REGISTRY_DEVICES);
    status = mds_registry_notes(lmdb, err, &sweep->notes);

    if (status == MDS_OK) {
        sweep->notes.at = mds_arena_str(sweep->arena, sweep->notes.at);
        sweep->due = mds_sweep_is_due(registry, devices, &sweep->notes, now_ms);

        if (sweep->due) {
            mds_sweep_collect(registry, lmdb, now_ms, sweep);
        }

        status = mds_lmdb_status(lmdb, err);
    }

    mds_lmdb_abort(lmdb);

    return status == MDS_OK && mds_arena_failed(sweep->arena)
               ? mds_fail_memory(err)
               : status;
}

/* Cuts the step to the room that there is; the next one takes the rest. */
static mds_status_t
mds_sweep_fit(mds_registry_t *registry, mds_error_t *err, mds_sweep_t *sweep)
{
    size_t       fit;
    bool         spare;
    mds_status_t status
        = mds_state_env_fit(&registry->env, registry->limit_bytes,
                            MDS_REGISTRY_WRITE_PAGES, sweep->count, err, &fit,
                            &spare);

    if (status == MDS_OK && fit < sweep->count) {
        sweep->at = fit > 0 ? sweep->keys[fit - 1] : sweep->notes.at;
        sweep->count = fit;
    }

    return status;
}

/* Removes the devices that are still stale: one may have been seen meanwhile.
 */
static void
mds_sweep_drop(mds_registry_t *registry, const mds_sweep_t *sweep,
               int64_t now_ms)
{
    mds_lmdb_t *lmdb = registry->env.writer;

    for (size_t i = 0; i < sweep->count; i++) {
        mds_device_t device = { 0 };
        bool         known;
        mds_status_t status
            = mds_device_get(lmdb, sweep->keys[i], NULL, &device, &known);

        if (status != MDS_OK
            || (known && mds_device_is_stale(registry, &device, now_ms)))
        {
            mds_device_drop(lmdb, sweep->keys[i], device.user);
        }
    }
}

static mds_status_t
mds_sweep_write(mds_registry_t *registry, const mds_sweep_t *sweep,
                uint64_t dropped, int64_t now_ms, mds_error_t *err)
{
    mds_lmdb_t          *lmdb = registry->env.writer;
    mds_registry_notes_t notes;
    mds_status_t         status = mds_state_env_write(&registry->env, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_registry_notes(lmdb, err, &notes);

    /* Otherwise another has gone on from there meanwhile. */
    if (status == MDS_OK && sweep->due
        && notes.stepped_ms == sweep->notes.stepped_ms
        && mds_str_eq(notes.at, sweep->notes.at))
    {
        mds_sweep_drop(registry, sweep, now_ms);
        notes.at = sweep->at;
        notes.stepped_ms = sweep->count == MDS_SWEEP_DROPS ? 0 : now_ms;
    }

    if (status != MDS_OK) {
        mds_lmdb_abort(lmdb);
        return status;
    }

    notes.dropped += dropped;
    notes.max_bytes = registry->max_bytes;
    notes.ttl_ms = registry->ttl_ms;
    mds_notes_put(lmdb, &notes);

    return mds_lmdb_commit(lmdb, err);
}

/* Sets *more if the step removed as many as one may, so that more may be due.
 */
static mds_status_t
mds_sweep_step(mds_registry_t *registry, uint64_t *dropped, int64_t now_ms,
               mds_error_t *err, bool *more)
{
    mds_sweep_t  sweep = { .arena = mds_arena_new() };
    mds_status_t status = sweep.arena == NULL
                              ? mds_fail_memory(err)
                              : mds_sweep_look(registry, now_ms, err, &sweep);

    *more = sweep.due && sweep.count == MDS_SWEEP_DROPS;

    if (status == MDS_OK && sweep.due) {
        status = mds_sweep_fit(registry, err, &sweep);
    }

    if (status == MDS_OK
        && (sweep.due || *dropped > 0 || !registry->limits_saved)) {
        status = mds_sweep_write(registry, &sweep, *dropped, now_ms, err);

        if (status == MDS_OK) {
            registry->limits_saved = true;
            *dropped = 0;
        }
    }

    mds_arena_free(sweep.arena);
    return status;
}

mds_status_t
mds_registry_expire(mds_registry_t *registry, uint64_t *dropped, int64_t now_ms,
                    mds_error_t *err)
{
    bool         more = true;
    mds_status_t status = MDS_OK;

    for (int i = 0; status == MDS_OK && more && i < MDS_SWEEP_STEPS; i++) {
        status = mds_sweep_step(registry, dropped, now_ms, err, &more);
    }

    return status;
}

/* Forgets up to MDS_SWEEP_DROPS devices of a user. They are collected first: a
 * walk does not survive deletions. */
static mds_status_t
mds_forget_some(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                mds_error_t *err, mds_sweep_t *sweep, uint64_t *count)
{
    char               bytes[MDS_OWNER_KEY_MAX];
    mds_lmdb_t        *lmdb = registry->env.writer;
    mds_str_t          prefix, key, value;
    mds_lmdb_cursor_t *cursor;
    mds_status_t       status = mds_state_env_write(&registry->env, err);

    if (status != MDS_OK) {
        return status;
    }

    prefix = mds_owner_key(app, user, mds_null_str, bytes);
    cursor = mds_lmdb_walk(lmdb, MDS_REGISTRY_OWNERS, prefix);

    while (sweep->count < MDS_SWEEP_DROPS && mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        key.data += prefix.len;
        key.len -= prefix.len;
        sweep->keys[sweep->count++] = mds_arena_str(sweep->arena, key);
    }

    mds_lmdb_walk_end(cursor);

    if (mds_arena_failed(sweep->arena)) {
        mds_lmdb_abort(lmdb);
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < sweep->count; i++) {
        char      device[MDS_DEVICE_KEY_MAX];
        mds_str_t id = mds_device_key(app, sweep->keys[i], device);

        if (id.len > 0) {
            mds_device_drop(lmdb, id, user);
        }
    }

    *count += sweep->count;
    return mds_lmdb_commit(lmdb, err);
}

static mds_status_t
mds_forget_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                mds_error_t *err, uint64_t *count)
{
    mds_status_t status = MDS_OK;
    size_t       dropped = MDS_SWEEP_DROPS;

    while (status == MDS_OK && dropped == MDS_SWEEP_DROPS) {
        mds_sweep_t sweep = { .arena = mds_arena_new() };

        status = sweep.arena == NULL
                     ? mds_fail_memory(err)
                     : mds_forget_some(registry, app, user, err, &sweep, count);
        dropped = sweep.count;
        mds_arena_free(sweep.arena);
    }

    return status;
}

static mds_status_t
mds_forget_device(mds_registry_t *registry, mds_str_t key, mds_error_t *err,
                  uint64_t *count)
{
    mds_lmdb_t  *lmdb = registry->env.writer;
    mds_device_t device = { 0 };
    bool         known = false;
    mds_status_t status = mds_state_env_write(&registry->env, err);

    if (status != MDS_OK) {
        return status;
    }

    /* A damaged record is removed as well. */
    if (mds_device_get(lmdb, key, err, &device, &known) == MDS_OK && !known) {
        mds_lmdb_abort(lmdb);
        return MDS_OK;
    }

    mds_device_drop(lmdb, key, device.user);
    *count += 1;

    return mds_lmdb_commit(lmdb, err);
}

mds_status_t
mds_registry_forget(mds_registry_t *registry, mds_str_t app, mds_str_t name,
                    mds_error_t *err, uint64_t *count)
{
    char         bytes[MDS_DEVICE_KEY_MAX];
    mds_str_t    key = mds_device_key(app, name, bytes);
    uint64_t     forgotten = 0;
    mds_status_t status = MDS_OK;

    if (registry->there && name.len > 0 && key.len > 0) {
        status = mds_forget_device(registry, key, err, &forgotten);

        if (status == MDS_OK) {
            status = mds_forget_user(registry, app, name, err, &forgotten);
        }
    }

    if (status == MDS_OK) {
        *count = forgotten;
    }

    return status;
}
