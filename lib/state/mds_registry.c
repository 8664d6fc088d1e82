/*
 * The registry's environment, its records, and writing to it. Reading is in
 * mds_registry_read.c, forgetting in mds_registry_expire.c.
 */

#include "state/mds_registry_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "base/mds_endian.h"
#include "state/mds_state.h"

#define MDS_DAY_MS (INT64_C(24) * 3600 * 1000)

static const char *const mds_registry_names[MDS_REGISTRY_TABLES] = {
    [MDS_REGISTRY_DEVICES] = "devices",
    [MDS_REGISTRY_OWNERS] = "owners",
    [MDS_REGISTRY_NOTES] = "notes",
};

static const mds_state_env_kind_t mds_registry_kind
    = { "state/devices",
        MDS_LMDB_SHARED | MDS_LMDB_SCATTERED | MDS_LMDB_RELAXED,
        mds_registry_names, MDS_REGISTRY_TABLES };

/* The life of the registry */

mds_status_t
mds_registry_create(const char *depot, int64_t uid, int64_t gid,
                    mds_error_t *err)
{
    return mds_state_env_create(depot, &mds_registry_kind, uid, gid, err);
}

mds_status_t
mds_registry_file_id(const char *depot, mds_error_t *err,
                     mds_file_id_t *file_id)
{
    return mds_state_env_file_id(depot, &mds_registry_kind, err, file_id);
}

/* Whether there is a file to open. */
static mds_status_t
mds_registry_find(const char *depot, mds_error_t *err, bool *there)
{
    mds_path_t   path;
    mds_status_t status
        = mds_path(&path, err, "%s/%s/data.mdb", depot, mds_registry_kind.dir);

    if (status == MDS_OK) {
        *there = access(path.text, F_OK) == 0 || errno != ENOENT;
    }

    return status;
}

/* Gives the directory to the owner of the state's directory, who may have put
 * something else under its name meanwhile: no link is followed. */
static mds_status_t
mds_registry_give(const char *path, const struct stat *owner, mds_error_t *err)
{
    mds_status_t status = MDS_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fchown(fd, owner->st_uid, owner->st_gid) != 0) {
        status = mds_fail_errno(err, "give \"%s\" to the workers", path);
    }

    close(fd);
    return status;
}

mds_status_t
mds_registry_ensure(const char *depot, mds_error_t *err)
{
    mds_path_t   state, data, path;
    struct stat  st;
    bool         there;
    int64_t      uid = -1, gid = -1;
    mds_status_t status = mds_registry_find(depot, err, &there);

    if (status != MDS_OK || there) {
        return status;
    }

    status = mds_path(&state, err, "%s/state", depot);

    if (status == MDS_OK) {
        status = mds_path(&path, err, "%s/%s", depot, mds_registry_kind.dir);
    }

    if (status == MDS_OK) {
        status = mds_path(&data, err, "%s/data.mdb", state.text);
    }

    /* Beside no state there is no registry. */
    if (status == MDS_OK
        && (lstat(data.text, &st) != 0 || stat(state.text, &st) != 0))
    {
        status = mds_fail_errno(err, "open \"%s\"", data.text);
    }

    if (status == MDS_OK) {
        status = mds_dir_make(path.text, 0770, err);
    }

    if (status == MDS_OK && st.st_uid != geteuid()) {
        uid = (int64_t) st.st_uid;
        gid = (int64_t) st.st_gid;
        status = mds_registry_give(path.text, &st, err);
    }

    return status == MDS_OK ? mds_registry_create(depot, uid, gid, err)
                            : status;
}

mds_status_t
mds_registry_open(const char *depot, mds_error_t *err,
                  mds_registry_t **registry)
{
    mds_registry_t *opened = calloc(1, sizeof(*opened));
    mds_status_t    status;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    opened->refresh_ms = MDS_DAY_MS;
    status = mds_registry_find(depot, err, &opened->there);

    if (status == MDS_OK && opened->there) {
        status
            = mds_state_env_open(depot, &mds_registry_kind, err, &opened->env);
    }

    if (status != MDS_OK) {
        free(opened);
        return status;
    }

    *registry = opened;
    return MDS_OK;
}

void
mds_registry_close(mds_registry_t *registry)
{
    if (registry != NULL) {
        mds_state_env_close(&registry->env);
        free(registry);
    }
}

bool
mds_registry_exists(const mds_registry_t *registry)
{
    return registry->there;
}

void
mds_registry_set_limits(mds_registry_t *registry, uint64_t max_bytes,
                        int64_t ttl_ms)
{
    registry->max_bytes = max_bytes;
    registry->limit_bytes = max_bytes - max_bytes / MDS_STATE_SHARE;
    registry->ttl_ms = ttl_ms;
    registry->refresh_ms
        = ttl_ms == 0 || ttl_ms / 4 > MDS_DAY_MS ? MDS_DAY_MS : ttl_ms / 4;
    registry->limits_saved = false;
}

mds_status_t
mds_registry_check(const mds_registry_t *registry, mds_error_t *err)
{
    return mds_state_env_check(&registry->env, err);
}

void
mds_registry_clear_stale_readers(mds_registry_t *registry)
{
    mds_lmdb_clear_stale_readers(registry->env.reader);
}

mds_status_t
mds_registry_begin(mds_registry_t *registry, mds_error_t *err)
{
    return registry->there ? mds_state_env_begin(&registry->env, err) : MDS_OK;
}

void
mds_registry_end(mds_registry_t *registry)
{
    mds_state_env_end(&registry->env);
}

void
mds_registry_abort_write(mds_registry_t *registry)
{
    mds_lmdb_abort(registry->env.writer);
}

mds_status_t
mds_registry_copy(mds_registry_t *registry, int fd, mds_error_t *err)
{
    return mds_lmdb_copy(registry->env.reader, fd, err);
}

mds_status_t
mds_registry_audit(mds_registry_t *registry, mds_error_t *err)
{
    mds_status_t status = mds_registry_begin(registry, err);

    if (status == MDS_OK && registry->there) {
        status = mds_state_env_audit(&registry->env, MDS_REGISTRY_TABLES, err);
    }

    mds_registry_end(registry);
    return status;
}

/* Records */

mds_status_t
mds_device_parse(mds_str_t value, mds_error_t *err, mds_device_t *device)
{
    mds_str_t rest;

    if (value.len < 8) {
        return mds_fail(err, MDS_DAMAGED,
                        "the registry: not a device's record");
    }

    rest = (mds_str_t){ value.len - 8, value.data + 8 };
    device->seen_ms = (int64_t) mds_load_be64((const uint8_t *) value.data);
    device->platform = mds_str_cut(&rest, '\0');
    device->version = mds_str_cut(&rest, '\0');
    device->user = rest;

    return MDS_OK;
}

mds_status_t
mds_device_get(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
               mds_device_t *device, bool *known)
{
    mds_str_t    value;
    bool         found = mds_lmdb_get(lmdb, MDS_REGISTRY_DEVICES, key, &value);
    mds_status_t status = found ? mds_device_parse(value, err, device)
                                : mds_lmdb_status(lmdb, err);

    if (status == MDS_OK) {
        *known = found;
    }

    return status;
}

mds_str_t
mds_device_key(mds_str_t app, mds_str_t device, char bytes[MDS_DEVICE_KEY_MAX])
{
    if (app.len > MDS_APP_MAX || device.len > MDS_VALUE_MAX) {
        return mds_null_str;
    }

    if (app.len > 0) {
        memcpy(bytes, app.data, app.len);
    }

    bytes[app.len] = '\0';

    if (device.len > 0) {
        memcpy(bytes + app.len + 1, device.data, device.len);
    }

    return (mds_str_t){ app.len + 1 + device.len, bytes };
}

mds_str_t
mds_owner_key(mds_str_t app, mds_str_t user, mds_str_t device,
              char bytes[MDS_OWNER_KEY_MAX])
{
    mds_sha256_t digest;
    char        *p = bytes;

    if (app.len > MDS_APP_MAX || device.len > MDS_VALUE_MAX) {
        return mds_null_str;
    }

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

/* Seeing devices */

static bool
mds_device_news(const mds_registry_t *registry, const mds_device_t *device,
                const mds_registration_t *registration, int64_t now_ms)
{
    return !mds_str_eq(device->platform, registration->platform)
           || !mds_str_eq(device->version, registration->version)
           || !mds_str_eq(device->user, registration->user)
           || device->seen_ms <= now_ms - registry->refresh_ms
           || device->seen_ms > now_ms + registry->refresh_ms;
}

mds_status_t
mds_registry_is_stale(mds_registry_t           *registry,
                      const mds_registration_t *registration, int64_t now_ms,
                      mds_error_t *err, bool *news)
{
    mds_device_t device;
    bool         known;
    mds_status_t status
        = mds_device_get(registry->env.reader, registration->device, err,
                         &device, &known);

    if (status == MDS_OK) {
        *news = !known
                || mds_device_news(registry, &device, registration, now_ms);
    }

    return status;
}

/* Moves the owner's record from the user before to the user after. A damaged
 * file can have a key that is too long; it has no owner's record. */
static void
mds_owner_change(mds_lmdb_t *lmdb, mds_str_t key, mds_str_t before,
                 mds_str_t after)
{
    char      bytes[MDS_OWNER_KEY_MAX];
    mds_str_t device = key;
    mds_str_t app = mds_str_cut(&device, '\0');
    mds_str_t owner;

    if (mds_str_eq(before, after)) {
        return;
    }

    if (before.len > 0) {
        owner = mds_owner_key(app, before, device, bytes);

        if (owner.len > 0) {
            mds_lmdb_delete(lmdb, MDS_REGISTRY_OWNERS, owner);
        }
    }

    if (after.len > 0) {
        owner = mds_owner_key(app, after, device, bytes);

        if (owner.len > 0) {
            mds_lmdb_put(lmdb, MDS_REGISTRY_OWNERS, owner, mds_str("1"));
        }
    }
}

void
mds_device_drop(mds_lmdb_t *lmdb, mds_str_t key, mds_str_t user)
{
    mds_owner_change(lmdb, key, user, mds_null_str);
    mds_lmdb_delete(lmdb, MDS_REGISTRY_DEVICES, key);
}

static mds_status_t
mds_device_put(mds_lmdb_t *lmdb, const mds_registration_t *registration,
               int64_t now_ms, mds_error_t *err)
{
    mds_buffer_t record = { 0 };
    uint8_t      seen[8];
    mds_status_t status;

    mds_store_be64(seen, (uint64_t) now_ms);
    mds_buffer_add(&record, seen, sizeof(seen));
    mds_buffer_add(&record, registration->platform.data,
                   registration->platform.len);
    mds_buffer_add(&record, "", 1);
    mds_buffer_add(&record, registration->version.data,
                   registration->version.len);
    mds_buffer_add(&record, "", 1);
    mds_buffer_add(&record, registration->user.data, registration->user.len);

    if (mds_buffer_failed(&record)) {
        status = mds_fail_memory(err);
    } else {
        mds_lmdb_put(lmdb, MDS_REGISTRY_DEVICES, registration->device,
                     (mds_str_t){ record.len, (const char *) record.data });
        status = mds_lmdb_status(lmdb, err);
    }

    mds_buffer_free(&record);
    return status;
}

mds_status_t
mds_registry_record(mds_registry_t           *registry,
                    const mds_registration_t *registration, int64_t now_ms,
                    bool room, mds_error_t *err, mds_registry_result_t *result,
                    bool *changed)
{
    mds_lmdb_t  *lmdb = registry->env.writer;
    mds_device_t device = { 0 };
    bool         known;
    mds_status_t status
        = mds_device_get(lmdb, registration->device, err, &device, &known);

    if (status != MDS_OK
        || (known && !mds_device_news(registry, &device, registration, now_ms)))
    {
        return status;
    }

    if (!known && !room) {
        result->dropped++;
        return MDS_OK;
    }

    mds_owner_change(lmdb, registration->device,
                     known ? device.user : mds_null_str, registration->user);
    *changed = true;

    return mds_device_put(lmdb, registration, now_ms, err);
}

/* Registers some of the devices, in one transaction. */
static mds_status_t
mds_registry_write_some(mds_registry_t           *registry,
                        const mds_registration_t *sightings, size_t count,
                        int64_t now_ms, bool room, mds_error_t *err,
                        mds_registry_result_t *result)
{
    mds_registry_result_t before = *result;
    bool                  changed = false;
    mds_status_t          status = mds_state_env_write(&registry->env, err);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_registry_record(registry, &sightings[i], now_ms, room, err,
                                     result, &changed);

        /* Damage to one record does not concern the others. */
        if (status == MDS_DAMAGED) {
            result->damaged++;
            status = mds_lmdb_status(registry->env.writer, err);
        }
    }

    if (status != MDS_OK || !changed) {
        mds_lmdb_abort(registry->env.writer);
    } else {
        status = mds_lmdb_commit(registry->env.writer, err);
    }

    if (status != MDS_OK) {
        *result = before;
    }

    return status;
}

mds_status_t
mds_registry_write(mds_registry_t           *registry,
                   const mds_registration_t *sightings, size_t count,
                   int64_t now_ms, mds_error_t *err,
                   mds_registry_result_t *result)
{
    size_t       done = 0, fit;
    bool         spare;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && done < count) {
        status = mds_state_env_fit(&registry->env, registry->limit_bytes,
                                   MDS_REGISTRY_WRITE_PAGES, count - done, err,
                                   &fit, &spare);

        if (status == MDS_OK && fit == 0) {
            result->dropped += count - done;
            return MDS_OK;
        }

        if (status == MDS_OK) {
            status = mds_registry_write_some(registry, sightings + done, fit,
                                             now_ms, !spare, err, result);
            done += fit;
        }
    }

    return status;
}
