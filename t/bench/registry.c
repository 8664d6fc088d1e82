/*
 * Fills a registry of devices through the library, as a worker does, and says
 * what that costs.
 *
 *   registry FOLDER COUNT CHANGES [user]
 *
 * FOLDER is an empty one. COUNT devices are new; then CHANGES of them, at
 * random, run another version. Ids have 16 hexadecimal digits, users 10
 * characters. Prints one line of figures each: seconds until the last log was
 * merged, devices a second, bytes on the disk for each device, bytes written
 * for each new or changed one, the longest merge, CPU seconds.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "registry/mds_device_log.h"
#include "registry/mds_registry_upkeep.h"

#define BATCH 8192
#define MAX_BYTES (UINT64_C(48) << 30)

static const mds_registry_limits_t limits
    = { MAX_BYTES, INT64_C(90) * 24 * 3600 * 1000 };

typedef mds_status_t (*merge_t)(int dir, const mds_registry_limits_t *l,
                                int64_t now_ms, const atomic_bool *stop,
                                mds_error_t           *err,
                                mds_registry_merged_t *merged);

/* A merge in a thread of its own. */
typedef struct {
    merge_t     merge;
    int         dir;
    pthread_t   thread;
    bool        begun;
    atomic_bool done;
    double      longest;
    double      total;
} job_t;

static atomic_bool never;

static void
die(const mds_error_t *err)
{
    fprintf(stderr, "registry: %s\n", err->text);
    exit(1);
}

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static double
cpu(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double) (use.ru_utime.tv_sec + use.ru_stime.tv_sec)
           + (double) (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* Bytes that this process has written to files. */
static double
written(void)
{
    char   line[128];
    double bytes = 0;
    FILE  *file = fopen("/proc/self/io", "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void) sscanf(line, "write_bytes: %lf", &bytes);
    }

    if (file != NULL) {
        fclose(file);
    }

    return bytes;
}

static void *
run(void *data)
{
    job_t                *job = data;
    mds_error_t           err;
    mds_registry_merged_t merged;
    double                begun = now();

    if (job->merge(job->dir, &limits, mds_time_now_ms(), &never, &err, &merged)
        != MDS_OK)
    {
        die(&err);
    }

    begun = now() - begun;
    job->total += begun;
    job->longest = begun > job->longest ? begun : job->longest;
    atomic_store(&job->done, true);
    return NULL;
}

static void
begin(job_t *job, bool due)
{
    if (job->begun && atomic_load(&job->done)) {
        pthread_join(job->thread, NULL);
        job->begun = false;
    }

    if (due && !job->begun) {
        atomic_store(&job->done, false);
        job->begun
            = pthread_create(&job->thread, NULL, run, job) == 0;
    }
}

static uint64_t
mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x7fb5d329728ea185);
    x ^= x >> 27;
    x *= UINT64_C(0x81dadef4bc2dd44d);
    return x ^ x >> 33;
}

/* Batches of devices, as a worker has them. */
typedef struct {
    mds_device_t devices[BATCH];
    char         ids[BATCH][17];
    char         users[BATCH][16];
} batch_t;

static void
fill(batch_t *batch, size_t i, uint64_t number, bool user, const char *version)
{
    snprintf(batch->ids[i], sizeof(batch->ids[i]), "%016" PRIx64, mix(number));
    snprintf(batch->users[i], sizeof(batch->users[i]), "u%09" PRIu64,
             number % 1000000000);
    batch->devices[i] = (mds_device_t){
        .app = mds_str("com.example.shop"),
        .device = mds_str_of(batch->ids[i]),
        .user = user ? mds_str_of(batch->users[i]) : mds_null_str,
        .platform = number % 3 == 0 ? mds_str("ios") : mds_str("android"),
        .version = mds_str_of(version),
        .seen_ms = mds_time_now_ms(),
    };
}

static void
upkeep(int dir, job_t jobs[2], bool *behind)
{
    mds_device_files_t files;
    mds_registry_due_t due;
    mds_error_t        err;

    if (mds_device_folder_list(dir, &err, &files) != MDS_OK) {
        die(&err);
    }

    mds_registry_look(dir, &files, &limits, mds_time_now_ms(), &due);
    mds_device_files_free(&files);

    begin(&jobs[0], due.merge_logs);
    begin(&jobs[1], due.merge_runs);
    *behind = due.behind;
}

static uint64_t
folder_bytes(int dir)
{
    mds_device_files_t files;
    mds_error_t        err;
    uint64_t           bytes;

    if (mds_device_folder_list(dir, &err, &files) != MDS_OK) {
        die(&err);
    }

    bytes = files.bytes;
    mds_device_files_free(&files);
    return bytes;
}

static void
load(int dir, const char *title, uint64_t devices, uint64_t count, bool user,
     bool change)
{
    static batch_t   batch;
    mds_device_log_t log = { .dir = dir, .fd = -1 };
    job_t            jobs[2] = { { .merge = mds_registry_merge_logs, .dir = dir },
                                 { .merge = mds_registry_merge_runs, .dir = dir } };
    mds_error_t      err;
    double           begun = now(), disk = written(), used = cpu(), looked = 0;
    uint64_t         peak = 0, done = 0;
    bool             behind = false;

    while (done < count) {
        size_t n;

        for (n = 0; n < BATCH && done < count; n++, done++) {
            fill(&batch, n, change ? mix(done + 7) % devices : done, user,
                 change ? "3.2.0" : "3.1.0");
        }

        if (mds_device_log_append(&log, "log", batch.devices, n,
                                  mds_time_now_ms(), &err)
            != MDS_OK)
        {
            die(&err);
        }

        if (log.bytes >= mds_registry_log_bytes(&limits)) {
            mds_device_log_close(&log);
        }

        do {
            if (now() - looked > 0.1) {
                uint64_t bytes = folder_bytes(dir);

                peak = bytes > peak ? bytes : peak;
                upkeep(dir, jobs, &behind);
                looked = now();
            } else if (behind) {
                usleep(50000);
            }
        } while (behind);
    }

    mds_device_log_close(&log);

    do {
        usleep(50000);
        upkeep(dir, jobs, &behind);
    } while (jobs[0].begun || jobs[1].begun);

    begun = now() - begun;
    printf("%s %" PRIu64 ": %.1f s, %.0f/s, %.1f bytes each on the disk (%.1f at"
           " most), %.0f bytes written each, merges of logs %.1f s and of runs"
           " %.1f s, the longest %.1f s, CPU %.1f s\n",
           title, count, begun, (double) count / begun,
           (double) folder_bytes(dir) / (double) devices,
           (double) peak / (double) devices,
           (written() - disk) / (double) count, jobs[0].total, jobs[1].total,
           jobs[1].longest, cpu() - used);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    mds_path_t  path;
    mds_error_t err;
    uint64_t    devices, changes;
    bool        user = argc == 5;
    int         dir;

    if (argc < 4) {
        fprintf(stderr, "usage: registry FOLDER COUNT CHANGES [user]\n");
        return 2;
    }

    devices = strtoull(argv[2], NULL, 10);
    changes = strtoull(argv[3], NULL, 10);

    if (mds_path(&path, &err, "%s/state", argv[1]) != MDS_OK
        || mds_dir_make(path.text, 0770, &err) != MDS_OK
        || mds_path(&path, &err, "%s/state/data.mdb", argv[1]) != MDS_OK
        || close(creat(path.text, 0660)) != 0
        || mds_device_folder_make(argv[1], &err) != MDS_OK
        || mds_device_folder_open(argv[1], &err, &dir) != MDS_OK)
    {
        die(&err);
    }

    load(dir, "new", devices, devices, user, false);
    load(dir, "changed", devices, changes, user, true);
    return 0;
}
