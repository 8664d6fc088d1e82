/* mds_registry: reads the registry: the devices of an app or a user, and
 * figures. */

#include "registry/mds_registry.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "registry/mds_device_merge.h"
#include "registry/mds_registry_internal.h"

/* Limits the bytes of logs that are read. Workers stop at half as many. */
#define MDS_REGISTRY_LOGS_MAX (UINT64_C(1) << 30)

/* Limits the records that are counted one by one. */
#define MDS_REGISTRY_EXACT UINT64_C(2000000)

int64_t
mds_registry_refresh_ms(int64_t ttl_ms)
{
    return ttl_ms == 0 || ttl_ms / 4 > MDS_REGISTRY_DAY_MS ? MDS_REGISTRY_DAY_MS
           : ttl_ms < 4                                    ? 1
                                                           : ttl_ms / 4;
}

bool
mds_registry_is_expired(int64_t seen_ms, int64_t ttl_ms, int64_t now_ms)
{
    return ttl_ms > 0
           && seen_ms < now_ms - ttl_ms - mds_registry_refresh_ms(ttl_ms);
}

/* Opening */

static void
mds_registry_close_files(mds_registry_t *registry)
{
    for (size_t i = 0; i < registry->part_count; i++) {
        mds_device_run_close(registry->parts[i].run);
    }

    free(registry->parts);
    registry->parts = NULL;
    registry->part_count = 0;
    mds_device_logs_free(&registry->logs);
    mds_device_files_free(&registry->files);
}

void
mds_registry_close(mds_registry_t *registry)
{
    if (registry != NULL) {
        mds_registry_close_files(registry);

        if (registry->dir >= 0) {
            close(registry->dir);
        }

        free(registry);
    }
}

/* Adds the devices of a log, or of a list of devices to be forgotten. */
static mds_status_t
mds_registry_read_log(mds_registry_t *registry, const mds_device_file_t *file,
                      mds_error_t *err)
{
    uint64_t     bytes;
    int          fd;
    mds_status_t status = mds_device_file_open(registry->dir, file->name,
                                               O_RDONLY, err, &fd, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    status = registry->logs.bytes.len > MDS_REGISTRY_LOGS_MAX
                 ? mds_fail(err, MDS_INVALID,
                            "the logs of \"state/devices\" must have at most"
                            " %llu bytes",
                            (unsigned long long) MDS_REGISTRY_LOGS_MAX)
                 : mds_device_logs_read(&registry->logs, fd, file->name, bytes,
                                        err);
    close(fd);
    return status;
}

static mds_status_t
mds_registry_open_file(mds_registry_t *registry, const mds_device_file_t *file,
                       mds_error_t *err)
{
    mds_device_part_t *part = &registry->parts[registry->part_count];
    mds_status_t       status;

    switch (file->kind) {
    case MDS_DEVICE_FILE_RUN:
        part->file = *file;
        status
            = mds_device_run_open(registry->dir, file->name, err, &part->run);
        registry->part_count += status == MDS_OK ? 1 : 0;
        return status;

    case MDS_DEVICE_FILE_LOG:
    case MDS_DEVICE_FILE_FORGET:
    case MDS_DEVICE_FILE_FORGOT:
        return mds_registry_read_log(registry, file, err);

    default:
        return MDS_OK;
    }
}

/* Opens all files of the list. A merge gives its file a name before it removes
 * those that it has read: if all could be opened, nothing is missing. */
static mds_status_t
mds_registry_open_files(mds_registry_t *registry, mds_error_t *err)
{
    mds_status_t status
        = mds_device_folder_list(registry->dir, err, &registry->files);

    if (status != MDS_OK) {
        return status;
    }

    registry->parts
        = calloc(registry->files.count + 1, sizeof(*registry->parts));

    if (registry->parts == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; status == MDS_OK && i < registry->files.count; i++) {
        status
            = mds_registry_open_file(registry, &registry->files.files[i], err);
    }

    return status;
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

    opened->dir = -1;
    opened->now_ms = mds_time_now_ms();
    status = mds_device_folder_open(depot, err, &opened->dir);

    if (status == MDS_NOT_FOUND) {
        *registry = opened;
        return MDS_OK;
    }

    if (status == MDS_OK) {
        opened->counts = mds_registry_counts_read(opened->dir);
        status = MDS_NOT_FOUND;
    }

    for (int i = 0; status == MDS_NOT_FOUND && i < MDS_REGISTRY_TRIES; i++) {
        mds_registry_close_files(opened);
        status = mds_registry_open_files(opened, err);
    }

    if (status != MDS_OK) {
        mds_registry_close(opened);
        return status;
    }

    mds_device_logs_sort(&opened->logs, opened->now_ms);
    *registry = opened;
    return MDS_OK;
}

/* Reading */

mds_status_t
mds_registry_merge(mds_registry_t *registry, mds_error_t *err,
                   mds_device_merge_t **merge)
{
    mds_device_merge_t *created;
    mds_status_t status = mds_device_merge_new(registry->now_ms, err, &created);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_device_merge_add_parts(created, registry->parts,
                                        registry->part_count, err);

    if (status == MDS_OK) {
        status = mds_device_merge_add_logs(created, &registry->logs, err);
    }

    if (status != MDS_OK) {
        mds_device_merge_free(created);
        return status;
    }

    *merge = created;
    return MDS_OK;
}

bool
mds_registry_has(const mds_registry_t *registry, const mds_device_t *device)
{
    return !device->forgotten
           && !mds_registry_is_expired(device->seen_ms, registry->counts.ttl_ms,
                                       registry->now_ms);
}

mds_status_t
mds_registry_visit_devices(mds_registry_t *registry, mds_str_t app,
                           mds_device_visit_t visit, void *data,
                           mds_error_t *err)
{
    mds_device_merge_t *merge;
    mds_device_item_t   item;
    mds_status_t        status = mds_registry_merge(registry, err, &merge);

    if (status != MDS_OK) {
        return status;
    }

    while (status == MDS_OK) {
        status = mds_device_merge_next(merge, err, &item);

        if (status == MDS_OK && mds_registry_has(registry, item.device)
            && (app.len == 0 || mds_str_eq(item.device->app, app)))
        {
            status = visit(data, item.device, err);
            status = status == MDS_NOT_FOUND ? MDS_IO : status;
        }
    }

    mds_device_merge_free(merge);
    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
mds_registry_count(void *data, const mds_device_t *device, mds_error_t *err)
{
    (void) device;
    (void) err;
    (*(uint64_t *) data)++;
    return MDS_OK;
}

mds_status_t
mds_registry_stat(mds_registry_t *registry, mds_error_t *err,
                  mds_registry_stat_t *stat)
{
    uint64_t     devices = registry->logs.count, counted = 0;
    bool         exact;
    mds_status_t status = MDS_OK;

    for (size_t i = 0; i < registry->part_count; i++) {
        devices += mds_device_run_facts(registry->parts[i].run)->devices;
    }

    exact = devices <= MDS_REGISTRY_EXACT;

    if (exact) {
        status = mds_registry_visit_devices(registry, mds_null_str,
                                            mds_registry_count, &counted, err);
    }

    if (status == MDS_OK) {
        *stat = (mds_registry_stat_t){
            .devices = exact ? counted : devices,
            .exact = exact,
            .bytes = registry->files.bytes,
            .dropped = registry->counts.dropped,
            .max_bytes = registry->counts.max_bytes,
            .ttl_ms = registry->counts.ttl_ms,
        };
    }

    return status;
}

mds_status_t
mds_registry_audit(mds_registry_t *registry, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < registry->part_count; i++) {
        status = mds_device_run_check(registry->parts[i].run, err);
    }

    if (status == MDS_OK && registry->logs.damaged) {
        status = mds_fail(err, MDS_DAMAGED,
                          "a log of \"state/devices\" is damaged before its"
                          " end");
    }

    return status;
}
