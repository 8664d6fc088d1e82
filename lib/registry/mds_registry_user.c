/* mds_registry_user: lists the devices of a user by name, and forgets them. */

#include <stdlib.h>
#include <unistd.h>

#include "base/mds_arena.h"
#include "base/mds_time.h"
#include "registry/mds_registry_internal.h"

/* Limits the devices of a user that are visited in the order of their names;
 * more are visited in the order of hashes. */
#define MDS_USER_SORTED_MAX 65536

/* Define how long a command waits for workers to read what it has forgotten. */
#define MDS_FORGET_WAIT_US 20000
#define MDS_FORGET_WAITS 250

/* Limits the devices in one file of devices to forget, which then has at most
 * half of MDS_DEVICE_LOG_MAX. */
#define MDS_FORGET_MAX ((size_t) 32768)

/* Holds copies of devices, to be sorted. */
typedef struct {
    mds_arena_t       *arena;
    mds_buffer_t       bytes;
    mds_device_t      *devices; /* in bytes */
    size_t             count;
    mds_device_visit_t visit; /* if there are too many to sort */
    void              *data;
} mds_sorter_t;

static mds_status_t
mds_sorter_add(void *data, const mds_device_t *device, mds_error_t *err)
{
    mds_sorter_t *sorter = data;
    mds_device_t  copy;

    if (sorter->count == MDS_USER_SORTED_MAX && sorter->visit != NULL) {
        return sorter->visit(sorter->data, device, err);
    }

    copy = (mds_device_t){
        .app = mds_arena_str(sorter->arena, device->app),
        .device = mds_arena_str(sorter->arena, device->device),
        .user = mds_arena_str(sorter->arena, device->user),
        .platform = mds_arena_str(sorter->arena, device->platform),
        .version = mds_arena_str(sorter->arena, device->version),
        .seen_ms = device->seen_ms,
    };
    mds_buffer_add(&sorter->bytes, &copy, sizeof(copy));
    sorter->devices = (void *) sorter->bytes.data;
    sorter->count = sorter->bytes.len / sizeof(copy);

    return mds_arena_failed(sorter->arena) || mds_buffer_failed(&sorter->bytes)
               ? mds_fail_memory(err)
               : MDS_OK;
}

static int
mds_device_name_order(const void *a, const void *b)
{
    return mds_device_cmp(a, b);
}

mds_status_t
mds_registry_visit_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                        mds_device_visit_t visit, void *data, mds_error_t *err)
{
    mds_sorter_t sorter
        = { .arena = mds_arena_new(), .visit = visit, .data = data };
    mds_status_t status = MDS_OK;

    if (sorter.arena == NULL) {
        status = mds_fail_memory(err);
    } else if (user.len > 0) {
        status = mds_registry_find_user(registry, app, user, mds_sorter_add,
                                        &sorter, err);
    }

    if (status == MDS_OK && sorter.count > 0) {
        qsort(sorter.devices, sorter.count, sizeof(*sorter.devices),
              mds_device_name_order);
    }

    for (size_t i = 0; status == MDS_OK && i < sorter.count; i++) {
        status = visit(data, &sorter.devices[i], err);
    }

    mds_buffer_free(&sorter.bytes);
    mds_arena_free(sorter.arena);
    return status;
}

/* Forgetting */

/* Turns a device into a record without user, platform and version, which only
 * says that older records of it do not count. */
static void
mds_device_set_forgotten(mds_device_t *device, int64_t at_ms)
{
    device->user = mds_null_str;
    device->platform = mds_null_str;
    device->version = mds_null_str;
    device->seen_ms = at_ms;
    device->forgotten = true;
}

/* Waits until workers, if there are any, have read the file of that name. */
static void
mds_registry_await_forgotten(const mds_registry_t *registry, const char *name)
{
    for (int i = 0;
         i < MDS_FORGET_WAITS && faccessat(registry->dir, name, F_OK, 0) == 0
         && mds_device_is_locked(registry->dir, MDS_REGISTRY_WORKERS_LOCK);
         i++)
    {
        (void) usleep(MDS_FORGET_WAIT_US);
    }
}

/* Writes devices to forget to a file, which workers read. */
static mds_status_t
mds_registry_write_forgotten(const mds_registry_t *registry,
                             const mds_device_t *devices, size_t count,
                             bool waits, mds_error_t *err)
{
    mds_device_log_t log = { .dir = registry->dir, .fd = -1 };
    mds_status_t     status
        = mds_device_log_append(&log, MDS_TEMP_PREFIX "forget", devices, count,
                                mds_time_now_ms(), err);

    if (status == MDS_OK) {
        const char *name = log.name + sizeof(MDS_TEMP_PREFIX) - 1;

        status = mds_device_file_commit(registry->dir, dup(log.fd), log.name,
                                        name, err);

        if (status == MDS_OK && waits) {
            mds_registry_await_forgotten(registry, name);
        }

    } else if (log.fd >= 0) {
        (void) unlinkat(registry->dir, log.name, 0);
    }

    mds_device_log_close(&log);
    return status;
}

/* Forgets devices, in files that are not too long to be read. */
static mds_status_t
mds_registry_forget_devices(const mds_registry_t *registry,
                            mds_device_t *devices, size_t count, int64_t at_ms,
                            bool waits, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; i < count; i++) {
        mds_device_set_forgotten(&devices[i], at_ms);
    }

    for (size_t i = 0, n; status == MDS_OK && i < count; i += n) {
        n = count - i < MDS_FORGET_MAX ? count - i : MDS_FORGET_MAX;
        status = mds_registry_write_forgotten(registry, devices + i, n, waits,
                                              err);
    }

    return status;
}

/* Sorts the devices by name, and leaves each of them once. */
static void
mds_sorter_sort(mds_sorter_t *sorter)
{
    size_t left = 0;

    if (sorter->count == 0) {
        return;
    }

    qsort(sorter->devices, sorter->count, sizeof(*sorter->devices),
          mds_device_name_order);

    for (size_t i = 1; i < sorter->count; i++) {
        if (mds_device_cmp(&sorter->devices[i], &sorter->devices[left]) != 0) {
            sorter->devices[++left] = sorter->devices[i];
        }
    }

    sorter->count = left + 1;
}

static void
mds_sorter_free(mds_sorter_t *sorter)
{
    mds_buffer_free(&sorter->bytes);
    mds_arena_free(sorter->arena);
}

/* Finds the device and the user's devices of that name. The caller frees the
 * sorter, also after a failure. */
static mds_status_t
mds_registry_find_named(mds_registry_t *registry, mds_str_t app, mds_str_t name,
                        mds_error_t *err, mds_sorter_t *sorter)
{
    mds_status_t status;

    *sorter = (mds_sorter_t){ .arena = mds_arena_new() };

    if (sorter->arena == NULL) {
        return mds_fail_memory(err);
    }

    if (registry->dir < 0 || name.len == 0 || name.len > MDS_VALUE_MAX
        || app.len == 0 || app.len > MDS_APP_MAX)
    {
        return MDS_OK;
    }

    status = mds_registry_find_device(registry, app, name, mds_sorter_add,
                                      sorter, err);

    if (status == MDS_OK) {
        status = mds_registry_find_user(registry, app, name, mds_sorter_add,
                                        sorter, err);
    }

    /* A device whose user has the same name was found twice. */
    if (status == MDS_OK) {
        mds_sorter_sort(sorter);
    }

    return status;
}

mds_status_t
mds_registry_forget(mds_registry_t *registry, mds_str_t app, mds_str_t name,
                    mds_error_t *err, uint64_t *count)
{
    mds_sorter_t sorter;
    mds_status_t status
        = mds_registry_find_named(registry, app, name, err, &sorter);

    if (status == MDS_OK) {
        status = mds_registry_forget_devices(registry, sorter.devices,
                                             sorter.count, mds_time_now_ms(),
                                             true, err);
    }

    if (status == MDS_OK) {
        *count = sorter.count;
    }

    mds_sorter_free(&sorter);
    return status;
}

mds_status_t
mds_registry_forget_before(mds_registry_t *registry, mds_str_t app,
                           mds_str_t name, int64_t before_ms, mds_error_t *err)
{
    mds_sorter_t sorter;
    size_t       count = 0;
    mds_status_t status
        = mds_registry_find_named(registry, app, name, err, &sorter);

    /* One that was seen later has come back. */
    for (size_t i = 0; status == MDS_OK && i < sorter.count; i++) {
        if (sorter.devices[i].seen_ms <= before_ms) {
            sorter.devices[count++] = sorter.devices[i];
        }
    }

    if (status == MDS_OK) {
        status = mds_registry_forget_devices(registry, sorter.devices, count,
                                             before_ms, false, err);
    }

    mds_sorter_free(&sorter);
    return status;
}

mds_status_t
mds_registry_count_forgotten(mds_registry_t *registry, mds_str_t app,
                             mds_str_t name, mds_error_t *err, uint64_t *count)
{
    mds_sorter_t sorter;
    mds_status_t status
        = mds_registry_find_named(registry, app, name, err, &sorter);

    if (status == MDS_OK) {
        *count = sorter.count;
    }

    mds_sorter_free(&sorter);
    return status;
}
