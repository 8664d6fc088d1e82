/* mds_registry_plan: finds the runs that are to be merged. */

#include "registry/mds_registry_upkeep_internal.h"

/* Defines the runs of a level that become one of the level below. */
#define MDS_RUNS_FAN 6

/* Defines the part of its bytes that the others have when the lowest level is
 * merged. */
#define MDS_RUNS_RATIO 4

/* Defines the least time between two such merges, however soon devices expire.
 */
#define MDS_RUNS_PERIOD_MS 5000

/* Counts the runs and bytes of a level. */
static size_t
mds_runs_count(const mds_device_files_t *files, unsigned level, uint64_t *bytes,
               uint64_t *serial)
{
    size_t count = 0;

    for (size_t i = 0; i < files->count; i++) {
        const mds_device_file_t *file = &files->files[i];

        if (file->kind != MDS_DEVICE_FILE_RUN || file->level != level) {
            continue;
        }

        if (count == 0 || file->serial != *serial) {
            count++;
        }

        *serial = file->serial;
        *bytes += file->bytes;
    }

    return count;
}

mds_runs_plan_t
mds_runs_plan(const mds_device_files_t    *files,
              const mds_registry_limits_t *limits, int64_t now_ms)
{
    mds_runs_plan_t plan = { .due = false };
    uint64_t        base = 0, base_serial = 0, upper = 0, serial = 0;
    size_t          bases
        = mds_runs_count(files, MDS_DEVICE_LEVEL_BASE, &base, &base_serial);
    size_t  uppers = 0;
    int64_t age_ms, period_ms = MDS_REGISTRY_DAY_MS;

    for (unsigned level = 0; level < MDS_DEVICE_LEVEL_BASE; level++) {
        size_t count = mds_runs_count(files, level, &upper, &serial);

        if (count >= MDS_RUNS_FAN && !plan.due) {
            plan = (mds_runs_plan_t){ .due = true, .level = level };
        }

        uppers += count;
    }

    if (limits->ttl_ms > 0 && limits->ttl_ms / 8 < period_ms) {
        period_ms = limits->ttl_ms / 8 + MDS_RUNS_PERIOD_MS;
    }

    age_ms = now_ms - (int64_t) base_serial;

    if ((uppers > 0
         && (upper * MDS_RUNS_RATIO >= base
             || upper >= mds_registry_part(limits, 16, UINT64_MAX)
             || plan.level == MDS_DEVICE_LEVEL_BASE - 1))
        || bases > 1
        || (uppers + bases > 0 && (age_ms > period_ms || age_ms < -period_ms)))
    {
        plan = (mds_runs_plan_t){ .due = true, .full = true };
    }

    return plan;
}

bool
mds_runs_are_due(const mds_device_files_t    *files,
                 const mds_registry_limits_t *limits, int64_t now_ms)
{
    return mds_runs_plan(files, limits, now_ms).due;
}
