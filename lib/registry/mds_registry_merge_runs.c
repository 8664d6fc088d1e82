/* mds_registry_merge_runs: merges runs into one of a lower level, and all into
 * the lowest. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "registry/mds_registry_upkeep_internal.h"

/* Limits the runs that one merge has open. There are more after a time in which
 * none could be merged; the next merges take the others. */
#define MDS_RUNS_MAX 256

/* Defines the bytes at which a part ends. */
#define MDS_RUNS_PART_BYTES (UINT64_C(128) << 20)

/* Defines the eighths of the registry that the lowest level may have. */
#define MDS_RUNS_BASE_EIGHTHS 5

/* Defines by how much all logs must be younger than a forgotten device before
 * it is left out for good: no log then has an older record of it. */
#define MDS_RUNS_FORGOTTEN_MS 60000

/* Defines how often a merge checks whether it must stop. */
#define MDS_RUNS_STOP_MASK 1023

/* Opens a part and checks its tables. */
static mds_status_t
mds_runs_open_part(int dir, const mds_device_file_t *file, mds_error_t *why,
                   mds_device_part_t *part)
{
    mds_device_run_t *run;
    mds_status_t      status = mds_device_run_open(dir, file->name, why, &run);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_device_run_check_tables(run, why);

    if (status != MDS_OK) {
        mds_device_run_close(run);
        return status;
    }

    *part = (mds_device_part_t){ *file, run };
    return MDS_OK;
}

static bool
mds_runs_are_one(const mds_device_file_t *a, const mds_device_file_t *b)
{
    return a->level == b->level && a->serial == b->serial;
}

/* Opens the parts of the plan, of the oldest runs if there are too many; *all
 * is false then. Others are not removed. */
static mds_status_t
mds_runs_open(mds_upkeep_t *upkeep, const mds_runs_plan_t *plan,
              mds_error_t *err, bool *all)
{
    size_t      runs = 0;
    mds_error_t why;

    *all = true;

    upkeep->parts = calloc(upkeep->files.count + 1, sizeof(*upkeep->parts));

    if (upkeep->parts == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < upkeep->files.count; i++) {
        const mds_device_file_t *file = &upkeep->files.files[i];
        mds_device_part_t       *part = &upkeep->parts[upkeep->part_count];
        mds_status_t             status;

        if (file->kind != MDS_DEVICE_FILE_RUN
            || (!plan->full && file->level != plan->level))
        {
            continue;
        }

        if (upkeep->part_count == 0 || !mds_runs_are_one(&part[-1].file, file))
        {
            if (runs == MDS_RUNS_MAX) {
                *all = false;
                break;
            }
            runs++;
        }

        status = mds_runs_open_part(upkeep->dir, file, &why, part);

        if (status == MDS_OK) {
            upkeep->part_count++;

        } else if (mds_status_is_unreadable(status)) {
            mds_upkeep_set_aside(upkeep, file->name, &why);

        } else {
            return mds_fail(err, status, "%s", why.text);
        }
    }

    return MDS_OK;
}

/* Returns the time before which all forgotten devices may be left out. */
static int64_t
mds_runs_forgotten_ms(const mds_upkeep_t *upkeep)
{
    int64_t oldest_ms = upkeep->now_ms;

    for (size_t i = 0; i < upkeep->files.count; i++) {
        const mds_device_file_t *file = &upkeep->files.files[i];

        if (file->kind == MDS_DEVICE_FILE_LOG
            && (int64_t) file->serial < oldest_ms) {
            oldest_ms = (int64_t) file->serial;
        }
    }

    return oldest_ms - MDS_RUNS_FORGOTTEN_MS;
}

/* Returns whether the lowest level keeps a device. */
static bool
mds_runs_keep(mds_upkeep_t *upkeep, const mds_device_item_t *item,
              int64_t forgotten_ms)
{
    const mds_device_t *device = item->device;
    uint64_t            most, bytes;
    double              place;

    if (mds_registry_is_expired(device->seen_ms, upkeep->limits->ttl_ms,
                                upkeep->now_ms))
    {
        return false;
    }

    if (device->forgotten) {
        return device->seen_ms >= forgotten_ms;
    }

    if (upkeep->limits->max_bytes == 0 || item->in_base) {
        return true;
    }

    /* The bytes so far may have the same share of their bound as the hashes so
     * far. */
    most = upkeep->limits->max_bytes / 8 * MDS_RUNS_BASE_EIGHTHS;
    place = (double) item->hash / 18446744073709551616.0; /* 2^64 */
    bytes
        = upkeep->written
          + (upkeep->writer == NULL ? 0
                                    : mds_device_writer_bytes(upkeep->writer));

    if ((double) bytes <= (double) most * place + MDS_DEVICE_BLOCK_MAX) {
        return true;
    }

    upkeep->merged->dropped++;
    return false;
}

/* Removes the parts of the lowest level that end before a hash. */
static void
mds_runs_remove_passed(mds_upkeep_t *upkeep, uint64_t hash)
{
    for (; upkeep->removed < upkeep->part_count; upkeep->removed++) {
        const mds_device_part_t *part = &upkeep->parts[upkeep->removed];

        if (part->file.level != MDS_DEVICE_LEVEL_BASE
            || mds_device_run_facts(part->run)->last >= hash)
        {
            break;
        }

        (void) unlinkat(upkeep->dir, part->file.name, 0);
    }
}

/* Ends a part that is long enough, and removes the parts that it replaces. */
static mds_status_t
mds_runs_end_part(mds_upkeep_t *upkeep, const mds_runs_plan_t *plan,
                  uint64_t hash, mds_error_t *err)
{
    mds_status_t status;

    if (upkeep->writer == NULL
        || (mds_device_writer_devices(upkeep->writer) < MDS_DEVICE_RUN_MAX
            && mds_device_writer_bytes(upkeep->writer)
                   < mds_registry_part(upkeep->limits, 32,
                                       MDS_RUNS_PART_BYTES)))
    {
        return MDS_OK;
    }

    status = mds_upkeep_commit(upkeep, err);

    if (status == MDS_OK && plan->full) {
        mds_runs_remove_passed(upkeep, hash);
    }

    return status;
}

/* Merges the open parts. Unless these are all, each forgotten device stays: a
 * run that is not among them may have an older record of it. */
static mds_status_t
mds_runs_merge(mds_upkeep_t *upkeep, const mds_runs_plan_t *plan, bool all,
               const atomic_bool *stop, mds_error_t *err)
{
    int64_t forgotten_ms = all ? mds_runs_forgotten_ms(upkeep) : INT64_MIN;

    mds_device_item_t item;
    uint64_t          count = 0;
    mds_status_t      status
        = mds_device_merge_add_parts(upkeep->merge, upkeep->parts,
                                     upkeep->part_count, err);

    while (status == MDS_OK) {
        status = mds_device_merge_next(upkeep->merge, err, &item);

        if (status == MDS_OK) {
            status = mds_runs_end_part(upkeep, plan, item.hash, err);
        }

        if (status == MDS_OK
            && (!plan->full || mds_runs_keep(upkeep, &item, forgotten_ms)))
        {
            status = mds_upkeep_add(upkeep, &item, err);
        }

        if (status == MDS_OK && (++count & MDS_RUNS_STOP_MASK) == 0
            && atomic_load(stop))
        {
            status = mds_fail(err, MDS_AGAIN, "the merge was stopped");
        }
    }

    return status == MDS_NOT_FOUND && upkeep->writer != NULL
               ? mds_upkeep_commit(upkeep, err)
               : (status == MDS_NOT_FOUND ? MDS_OK : status);
}

/* Removes the merged files, the oldest first: a record that a device is
 * forgotten must stay longer than the records that it applies to. */
static mds_status_t
mds_runs_remove(mds_upkeep_t *upkeep, mds_error_t *err)
{
    for (size_t i = upkeep->removed; i < upkeep->part_count; i++) {
        const mds_device_file_t *file = &upkeep->parts[i].file;

        if (unlinkat(upkeep->dir, file->name, 0) != 0 && errno != ENOENT) {
            return mds_fail_errno(err, "remove \"state/devices/%s\"",
                                  file->name);
        }

        if ((i + 1 == upkeep->part_count
             || file->level != upkeep->parts[i + 1].file.level)
            && fsync(upkeep->dir) != 0)
        {
            return mds_fail_errno(err, "sync \"state/devices\"");
        }
    }

    return MDS_OK;
}

/* Removes temporary files that killed merges or commands have left, unless a
 * merge of logs is under way. */
static void
mds_runs_sweep(const mds_upkeep_t *upkeep)
{
    int lock;

    if (mds_device_lock(upkeep->dir, MDS_LOGS_LOCK, false, NULL, &lock)
            != MDS_OK
        || lock < 0)
    {
        return;
    }

    for (size_t i = 0; i < upkeep->files.count; i++) {
        const mds_device_file_t *file = &upkeep->files.files[i];

        int      fd;
        uint64_t bytes;

        if (file->kind != MDS_DEVICE_FILE_TEMP
            || mds_device_file_open(upkeep->dir, file->name, O_RDONLY, NULL,
                                    &fd, &bytes)
                   != MDS_OK)
        {
            continue;
        }

        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            (void) unlinkat(upkeep->dir, file->name, 0);
        }

        close(fd);
    }

    close(lock);
}

/* Sets the runs aside in which the merge has found damage. */
static void
mds_runs_set_damaged_aside(mds_upkeep_t *upkeep)
{
    mds_error_t why;

    for (size_t i = 0; i < upkeep->part_count; i++) {
        const mds_device_part_t *part = &upkeep->parts[i];

        if (mds_device_run_is_damaged(part->run)) {
            (void) mds_fail(&why, MDS_DAMAGED,
                            "\"state/devices/%s\" is damaged", part->file.name);
            mds_upkeep_set_aside(upkeep, part->file.name, &why);
        }
    }
}

mds_status_t
mds_registry_merge_runs(int dir, const mds_registry_limits_t *limits,
                        int64_t now_ms, const atomic_bool *stop,
                        mds_error_t *err, mds_registry_merged_t *merged)
{
    mds_upkeep_t    upkeep = { .dir = dir,
                               .limits = limits,
                               .now_ms = now_ms,
                               .lock = -1,
                               .merged = merged };
    mds_runs_plan_t plan = { .due = false };
    bool            all = true;
    mds_status_t status = mds_upkeep_begin(&upkeep, MDS_RUNS_LOCK, err, merged);

    if (status == MDS_OK) {
        mds_runs_sweep(&upkeep);
        plan = mds_runs_plan(&upkeep.files, limits, now_ms);
    }

    if (status == MDS_OK && plan.due) {
        upkeep.serial
            = mds_upkeep_serial(&upkeep, plan.full ? MDS_DEVICE_LEVEL_BASE : 0);
        upkeep.level = plan.full ? MDS_DEVICE_LEVEL_BASE : plan.level + 1;
        status = mds_runs_open(&upkeep, &plan, err, &all);

        if (status == MDS_OK) {
            status = mds_device_merge_new(now_ms, err, &upkeep.merge);
        }

        if (status == MDS_OK) {
            status = mds_runs_merge(&upkeep, &plan, all, stop, err);
        }

        if (status == MDS_OK) {
            status = mds_runs_remove(&upkeep, err);
        } else if (status == MDS_DAMAGED) {
            mds_runs_set_damaged_aside(&upkeep);
        }
    }

    return mds_upkeep_end(&upkeep, status, err);
}
