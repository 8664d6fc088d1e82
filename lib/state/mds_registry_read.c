/*
 * Reading the registry: the devices of an app, those of a user, and figures.
 */

#include "state/mds_registry_internal.h"

/* Calls back for each device of an app. */
static mds_status_t
mds_devices_walk(mds_registry_t *registry, mds_str_t prefix,
                 mds_device_visit_t visit, void *data, mds_error_t *err)
{
    mds_lmdb_t        *lmdb = registry->env.reader;
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_REGISTRY_DEVICES, prefix);
    mds_str_t    key, value;
    mds_status_t status = MDS_OK;

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

    return status == MDS_OK ? mds_lmdb_status(lmdb, err) : status;
}

mds_status_t
mds_registry_visit_devices(mds_registry_t *registry, mds_str_t app,
                           mds_device_visit_t visit, void *data,
                           mds_error_t *err)
{
    char      bytes[MDS_DEVICE_KEY_MAX];
    mds_str_t prefix = mds_device_key(app, mds_null_str, bytes);

    return prefix.len == 0 || !registry->there
               ? MDS_OK
               : mds_devices_walk(registry, prefix, visit, data, err);
}

/* The device of an owner's key, if it is still that user's. */
static mds_status_t
mds_owner_visit(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                mds_str_t id, mds_device_visit_t visit, void *data,
                mds_error_t *err)
{
    char         bytes[MDS_DEVICE_KEY_MAX];
    mds_str_t    key = mds_device_key(app, id, bytes);
    mds_device_t device = { .device = id };
    bool         known;
    mds_status_t status;

    if (key.len == 0) {
        return mds_fail(err, MDS_DAMAGED,
                        "the registry: not an owner's record");
    }

    status = mds_device_get(registry->env.reader, key, err, &device, &known);

    return status == MDS_OK && known && mds_str_eq(device.user, user)
               ? visit(data, &device, err)
               : status;
}

mds_status_t
mds_registry_visit_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                        mds_device_visit_t visit, void *data, mds_error_t *err)
{
    char               bytes[MDS_OWNER_KEY_MAX];
    mds_lmdb_t        *lmdb = registry->env.reader;
    mds_lmdb_cursor_t *cursor;
    mds_str_t          prefix, key, value;
    mds_status_t       status = MDS_OK;

    prefix = mds_owner_key(app, user, mds_null_str, bytes);

    if (prefix.len == 0 || !registry->there) {
        return MDS_OK;
    }

    cursor = mds_lmdb_walk(lmdb, MDS_REGISTRY_OWNERS, prefix);

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        mds_str_t id = { key.len - prefix.len, key.data + prefix.len };

        status = mds_owner_visit(registry, app, user, id, visit, data, err);
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(lmdb, err) : status;
}

mds_status_t
mds_registry_stat(mds_registry_t *registry, mds_error_t *err,
                  mds_registry_stat_t *facts)
{
    mds_lmdb_t          *lmdb = registry->env.reader;
    mds_registry_notes_t notes;
    uint64_t             devices;
    mds_status_t         status;

    if (!registry->there) {
        *facts = (mds_registry_stat_t){ 0 };
        return MDS_OK;
    }

    devices = mds_lmdb_count(lmdb, MDS_REGISTRY_DEVICES);
    status = mds_registry_notes(lmdb, err, &notes);

    if (status == MDS_OK) {
        status = mds_lmdb_status(lmdb, err);
    }

    if (status == MDS_OK) {
        *facts = (mds_registry_stat_t){
            .devices = devices,
            .bytes = mds_lmdb_file_bytes(lmdb) + MDS_STATE_ENV_LOCK_BYTES,
            .dropped = notes.dropped,
            .max_bytes = notes.max_bytes,
            .ttl_ms = notes.ttl_ms,
        };
    }

    return status;
}
