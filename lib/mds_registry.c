#include "mds_registry.h"

#include "mds_buffer.h"
#include "mds_digest.h"
#include "mds_number.h"
#include "mds_state_part.h"
#include "mds_terms.h"

#define MDS_DAY_MS (INT64_C(24) * 3600 * 1000)
#define MDS_OWNER_HASH 16
#define MDS_OWNER_KEY_BYTES (MDS_APP_MAX + 1 + MDS_OWNER_HASH + MDS_VALUE_MAX)

/* seen_ms, platform 00 version 00 user */
static mds_status_t
mds_device_parse(mds_str_t value, mds_error_t *err, mds_device_t *device)
{
    mds_str_t rest;

    if (value.len < 8) {
        return mds_fail(err, MDS_DAMAGED, "state: not a device's record");
    }

    rest = (mds_str_t){ value.len - 8, value.data + 8 };
    device->seen_ms = (int64_t) mds_get_u64((const uint8_t *) value.data);
    device->platform = mds_str_cut(&rest, '\0');
    device->version = mds_str_cut(&rest, '\0');
    device->user = rest;

    return MDS_OK;
}

/* A device that was never seen has no record: *known is false then. */
static mds_status_t
mds_device_get(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
               mds_device_t *device, bool *known)
{
    mds_str_t value;

    *known = mds_lmdb_get(lmdb, MDS_STATE_DEVICES, key, &value);

    return *known ? mds_device_parse(value, err, device)
                  : mds_lmdb_status(lmdb, err);
}

static bool
mds_device_news(const mds_device_t *device, const mds_sighting_t *sighting,
                int64_t now_ms)
{
    return !mds_str_eq(device->platform, sighting->platform)
           || !mds_str_eq(device->version, sighting->version)
           || !mds_str_eq(device->user, sighting->user)
           || device->seen_ms <= now_ms - MDS_DAY_MS
           || device->seen_ms > now_ms + MDS_DAY_MS;
}

mds_status_t
mds_registry_news(mds_state_t *state, const mds_sighting_t *sighting,
                  int64_t now_ms, mds_error_t *err, bool *news)
{
    mds_device_t device;
    bool         known;
    mds_status_t status
        = mds_device_get(state->reader, sighting->device, err, &device, &known);

    if (status == MDS_OK) {
        *news = !known || mds_device_news(&device, sighting, now_ms);
    }

    return status;
}

/* app 00 hash of user, and the device behind it. */
static mds_str_t
mds_owner_key(mds_str_t app, mds_str_t user, mds_str_t device,
              char bytes[MDS_OWNER_KEY_BYTES])
{
    mds_sha256_t digest;
    char        *p = bytes;

    mds_sha256(user.data, user.len, &digest);

    memcpy(p, app.data, app.len);
    p += app.len;
    *p++ = '\0';
    memcpy(p, digest.bytes, MDS_OWNER_HASH);
    p += MDS_OWNER_HASH;

    if (device.len > 0) {
        memcpy(p, device.data, device.len);
        p += device.len;
    }

    return (mds_str_t){ (size_t) (p - bytes), bytes };
}

static void
mds_owner_change(mds_lmdb_t *lmdb, mds_str_t key, mds_str_t before,
                 mds_str_t after)
{
    char      bytes[MDS_OWNER_KEY_BYTES];
    mds_str_t device = key;
    mds_str_t app = mds_str_cut(&device, '\0');

    if (before.len > 0 && !mds_str_eq(before, after)) {
        mds_lmdb_delete(lmdb, MDS_STATE_OWNERS,
                        mds_owner_key(app, before, device, bytes));
    }

    if (after.len > 0) {
        mds_lmdb_put(lmdb, MDS_STATE_OWNERS,
                     mds_owner_key(app, after, device, bytes), mds_str("1"));
    }
}

mds_status_t
mds_registry_see(mds_lmdb_t *lmdb, const mds_sighting_t *sighting,
                 int64_t now_ms, mds_error_t *err, bool *changed)
{
    mds_buffer_t record = { 0 };
    mds_device_t device = { 0 };
    uint8_t      seen[8];
    bool         known;
    mds_status_t status
        = mds_device_get(lmdb, sighting->device, err, &device, &known);

    if (status != MDS_OK
        || (known && !mds_device_news(&device, sighting, now_ms))) {
        return status;
    }

    mds_owner_change(lmdb, sighting->device, known ? device.user : mds_null_str,
                     sighting->user);

    mds_put_u64(seen, (uint64_t) now_ms);
    mds_buffer_add(&record, seen, sizeof(seen));
    mds_buffer_add(&record, sighting->platform.data, sighting->platform.len);
    mds_buffer_add(&record, "", 1);
    mds_buffer_add(&record, sighting->version.data, sighting->version.len);
    mds_buffer_add(&record, "", 1);
    mds_buffer_add(&record, sighting->user.data, sighting->user.len);

    if (mds_buffer_failed(&record)) {
        status = mds_fail(err, MDS_NO_MEMORY, "no memory");
    } else {
        mds_lmdb_put(lmdb, MDS_STATE_DEVICES, sighting->device,
                     (mds_str_t){ record.len, (const char *) record.data });
        *changed = true;
        status = mds_lmdb_status(lmdb, err);
    }

    mds_buffer_free(&record);
    return status;
}

mds_status_t
mds_registry_devices(mds_state_t *state, mds_str_t app,
                     mds_device_visit_t visit, void *data, mds_error_t *err)
{
    char               bytes[MDS_APP_MAX + 1];
    mds_str_t          prefix = { app.len + 1, bytes };
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;
    mds_status_t       status = MDS_OK;

    if (app.len > MDS_APP_MAX) {
        return MDS_OK;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    cursor = mds_lmdb_walk(state->reader, MDS_STATE_DEVICES, prefix);

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        mds_device_t device
            = { .device = { key.len - prefix.len, key.data + prefix.len } };

        status = mds_device_parse(value, err, &device);

        if (status == MDS_OK) {
            status = visit(data, &device, err);
        }
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(state->reader, err) : status;
}

/* The device of an owner's key, if it is still that user's. */
static mds_status_t
mds_owner_visit(mds_state_t *state, mds_str_t app, mds_str_t user, mds_str_t id,
                mds_device_visit_t visit, void *data, mds_error_t *err)
{
    char         bytes[MDS_APP_MAX + 1 + MDS_VALUE_MAX];
    mds_str_t    key = { app.len + 1 + id.len, bytes };
    mds_device_t device = { .device = id };
    bool         known;
    mds_status_t status;

    if (id.len > MDS_VALUE_MAX) {
        return mds_fail(err, MDS_DAMAGED, "state: not an owner's record");
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);

    status = mds_device_get(state->reader, key, err, &device, &known);

    return status == MDS_OK && known && mds_str_eq(device.user, user)
               ? visit(data, &device, err)
               : status;
}

mds_status_t
mds_registry_of_user(mds_state_t *state, mds_str_t app, mds_str_t user,
                     mds_device_visit_t visit, void *data, mds_error_t *err)
{
    char               bytes[MDS_OWNER_KEY_BYTES];
    mds_lmdb_cursor_t *cursor;
    mds_str_t          prefix, key, value;
    mds_status_t       status = MDS_OK;

    if (app.len > MDS_APP_MAX) {
        return MDS_OK;
    }

    prefix = mds_owner_key(app, user, mds_null_str, bytes);
    cursor = mds_lmdb_walk(state->reader, MDS_STATE_OWNERS, prefix);

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        mds_str_t id = { key.len - prefix.len, key.data + prefix.len };

        status = mds_owner_visit(state, app, user, id, visit, data, err);
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(state->reader, err) : status;
}
