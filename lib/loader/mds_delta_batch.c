/*
 * Makes the deltas of a change: measures each new package, and compresses each
 * pair, as tasks of mds_parallel.h.
 */

#include "loader/mds_delta_batch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_parallel.h"
#include "files/mds_delta.h"
#include "files/mds_store.h"

/* One thing to be done: a package is measured, or a delta made. */
typedef struct {
    mds_progress_t   progress; /* its own */
    bool             is_delta;
    size_t           index; /* of targets or items */
    uint64_t         total; /* bytes to be read */
    _Atomic uint64_t done;
} mds_delta_task_t;

typedef struct {
    mds_delta_batch_t *batch;
    mds_delta_task_t  *tasks;
    size_t             count;
    mds_progress_t    *progress; /* may be NULL */
    uint64_t           total;
    uint64_t           task_bytes; /* of memory, of the largest task */
} mds_delta_run_t;

static mds_delta_target_t *
mds_delta_batch_targets(const mds_delta_batch_t *batch)
{
    return (mds_delta_target_t *) batch->targets.data;
}

static size_t
mds_delta_batch_target_count(const mds_delta_batch_t *batch)
{
    return batch->targets.len / sizeof(mds_delta_target_t);
}

static mds_delta_item_t *
mds_delta_batch_items(const mds_delta_batch_t *batch)
{
    return (mds_delta_item_t *) batch->items.data;
}

size_t
mds_delta_batch_count(const mds_delta_batch_t *batch)
{
    return batch->items.len / sizeof(mds_delta_item_t);
}

void
mds_delta_batch_init(mds_delta_batch_t *batch, mds_zstd_level_t level)
{
    *batch = (mds_delta_batch_t){ .level = level };
}

void
mds_delta_batch_free(mds_delta_batch_t *batch)
{
    mds_work_dir_remove(&batch->work);
    mds_json_release(batch->stored);
    mds_buffer_free(&batch->targets);
    mds_buffer_free(&batch->items);
}

static int
mds_delta_item_cmp(const void *a, const void *b)
{
    const mds_delta_item_t *x = a, *y = b;
    int                     order = memcmp(&x->from, &y->from, sizeof(x->from));

    return order != 0 ? order : memcmp(&x->to, &y->to, sizeof(x->to));
}

const mds_delta_item_t *
mds_delta_batch_find(const mds_delta_batch_t *batch, const mds_sha256_t *from,
                     const mds_sha256_t *to)
{
    mds_delta_item_t  key = { .from = *from, .to = *to };
    size_t            made = mds_delta_batch_count(batch) - batch->missing;
    mds_delta_item_t *item = made == 0
                                 ? NULL
                                 : bsearch(&key, batch->items.data, made,
                                           sizeof(key), mds_delta_item_cmp);

    return item != NULL && item->made ? item : NULL;
}

const mds_delta_target_t *
mds_delta_batch_target(const mds_delta_batch_t *batch,
                       const mds_delta_item_t  *item)
{
    return &mds_delta_batch_targets(batch)[item->target];
}

/* Links a package into the directory, which is made for the first one. */
static mds_status_t
mds_delta_batch_link(mds_delta_batch_t *batch, const char *depot,
                     const mds_sha256_t *sha256, mds_error_t *err)
{
    mds_path_t   files;
    mds_status_t status = MDS_OK;

    if (batch->work.dir == NULL) {
        status = mds_path(&files, err, "%s/files", depot);

        if (status == MDS_OK) {
            status = mds_work_dir_create(&batch->work, files.text, err);
        }
    }

    return status == MDS_OK
               ? mds_store_link(depot, sha256, batch->work.path.text, err)
               : status;
}

/* Finds the target, or adds it. Deltas to one package are added in a row. */
static mds_status_t
mds_delta_batch_set_target(mds_delta_batch_t *batch, const mds_sha256_t *sha256,
                           uint64_t bytes, mds_error_t *err, size_t *index)
{
    size_t             count = mds_delta_batch_target_count(batch);
    mds_delta_target_t target = { .sha256 = *sha256, .bytes = bytes };

    if (count > 0
        && mds_sha256_eq(&mds_delta_batch_targets(batch)[count - 1].sha256,
                         sha256))
    {
        *index = count - 1;
        return MDS_OK;
    }

    mds_buffer_add(&batch->targets, &target, sizeof(target));
    if (mds_buffer_failed(&batch->targets)) {
        return mds_fail_memory(err);
    }

    *index = count;
    return MDS_OK;
}

/* Returns whether the delta was added since deltas were made last: one file may
 * be that of several packages, and a change may run again for the whole app. */
static bool
mds_delta_batch_has_missing(const mds_delta_batch_t *batch,
                            const mds_sha256_t *from, const mds_sha256_t *to)
{
    const mds_delta_item_t *items = mds_delta_batch_items(batch);
    size_t                  count = mds_delta_batch_count(batch);
    mds_delta_item_t        key = { .from = *from, .to = *to };

    for (size_t i = count - batch->missing; i < count; i++) {
        if (mds_delta_item_cmp(&key, &items[i]) == 0) {
            return true;
        }
    }

    return false;
}

mds_status_t
mds_delta_batch_add(mds_delta_batch_t *batch, mds_loader_t *loader,
                    const mds_sha256_t *from, uint64_t from_bytes,
                    const mds_sha256_t *to, uint64_t to_bytes, mds_error_t *err)
{
    mds_delta_item_t item
        = { .from = *from, .to = *to, .from_bytes = from_bytes };
    mds_delta_target_t *target;
    mds_status_t        status;

    if (mds_delta_batch_has_missing(batch, from, to)) {
        return MDS_OK;
    }

    if ((status = mds_delta_batch_link(batch, loader->depot, from, err))
            != MDS_OK
        || (status = mds_delta_batch_link(batch, loader->depot, to, err))
               != MDS_OK
        || (status = mds_delta_batch_set_target(batch, to, to_bytes, err,
                                                &item.target))
               != MDS_OK)
    {
        return status;
    }

    mds_buffer_add(&batch->items, &item, sizeof(item));
    if (mds_buffer_failed(&batch->items)) {
        return mds_fail_memory(err);
    }

    batch->missing++;
    target = &mds_delta_batch_targets(batch)[item.target];

    if (!target->measured) {
        target->measured = mds_journal_get_size(loader->journal, to,
                                                &target->compressed_bytes);
    }

    return MDS_OK;
}

/* --- the files of the change */

mds_status_t
mds_delta_batch_note_file(mds_delta_batch_t *batch, const char *path,
                          const mds_sha256_t *sha256, mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    if (batch->stored == NULL) {
        batch->stored = mds_json_object_new();
    }

    return mds_json_done(mds_json_put(batch->stored, mds_str_of(path),
                                      mds_json_string_new(mds_str_of(
                                          mds_sha256_hex(sha256, hex)))),
                         err);
}

mds_status_t
mds_delta_batch_keep_files(mds_delta_batch_t *batch, const char *depot,
                           mds_error_t *err)
{
    mds_json_member_t *m;
    mds_sha256_t       sha256;
    mds_status_t       status = MDS_OK;

    for (m = mds_json_first(batch->stored); status == MDS_OK && m != NULL;
         m = mds_json_next(batch->stored, m))
    {
        if (mds_sha256_parse(mds_json_string(mds_json_value(m)), &sha256)) {
            status = mds_delta_batch_link(batch, depot, &sha256, err);
        }
    }

    return status;
}

bool
mds_delta_batch_find_file(const mds_delta_batch_t *batch, const char *path,
                          mds_sha256_t *sha256)
{
    mds_str_t hex
        = mds_json_string(mds_json_find(batch->stored, mds_str_of(path)));
    mds_path_t kept;

    return batch->work.dir != NULL && mds_sha256_parse(hex, sha256)
           && mds_path(&kept, NULL, "%s/%.*s", batch->work.path.text,
                       MDS_STR(hex))
                  == MDS_OK
           && access(kept.text, F_OK) == 0;
}

/* --- the tasks */

static void
mds_delta_task_report(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    mds_delta_task_t *task = (mds_delta_task_t *) progress;

    (void) total;
    atomic_store(&task->done, done);
}

/* Checks that the new file is that of the digest, and measures it. */
static mds_status_t
mds_delta_task_measure(mds_delta_batch_t *batch, mds_delta_task_t *task,
                       mds_error_t *err)
{
    mds_delta_target_t *target = &mds_delta_batch_targets(batch)[task->index];
    char                hex[MDS_SHA256_HEX + 1];
    mds_path_t          path;
    mds_sha256_t        digest;
    uint64_t            bytes;
    mds_status_t status = mds_path(&path, err, "%s/%s", batch->work.path.text,
                                   mds_sha256_hex(&target->sha256, hex));

    if (status == MDS_OK) {
        status = mds_sha256_file(path.text, NULL, err, &digest, &bytes);
    }

    if (status == MDS_OK && !mds_sha256_eq(&digest, &target->sha256)) {
        status = mds_fail(err, MDS_DAMAGED, "file %s is damaged", hex);
    }

    if (status == MDS_OK && !target->measured) {
        status = mds_compressed_size(path.text, &task->progress, err,
                                     &target->compressed_bytes);
    }

    if (status == MDS_OK) {
        target->measured = target->checked = true;
    }

    return status;
}

static mds_status_t
mds_delta_task_make(mds_delta_batch_t *batch, mds_delta_task_t *task,
                    mds_error_t *err)
{
    mds_delta_item_t *item = &mds_delta_batch_items(batch)[task->index];
    mds_status_t      status
        = mds_store_delta(batch->work.path.text, &item->from, &item->to,
                          batch->level, &task->progress, err, &item->sha256,
                          &item->bytes);

    item->made = status == MDS_OK;
    return status;
}

static mds_status_t
mds_delta_run_task(void *data, size_t index, mds_error_t *err)
{
    mds_delta_run_t  *run = data;
    mds_delta_task_t *task = &run->tasks[index];
    mds_status_t      status = task->is_delta
                                   ? mds_delta_task_make(run->batch, task, err)
                                   : mds_delta_task_measure(run->batch, task, err);

    if (status == MDS_OK) {
        atomic_store(&task->done, task->total);
    }

    return status;
}

static void
mds_delta_run_show(void *data)
{
    mds_delta_run_t *run = data;
    uint64_t         done = 0;

    for (size_t i = 0; run->progress != NULL && i < run->count; i++) {
        done += atomic_load(&run->tasks[i].done);
    }

    if (run->progress != NULL) {
        run->progress->report(run->progress, done, run->total);
    }
}

/* The largest first: the last ones to run should be short. */
static int
mds_delta_task_cmp(const void *a, const void *b)
{
    const mds_delta_task_t *x = a, *y = b;

    return (x->total < y->total) - (x->total > y->total);
}

static void
mds_delta_run_add(mds_delta_run_t *run, bool is_delta, size_t index,
                  uint64_t total)
{
    run->tasks[run->count++]
        = (mds_delta_task_t){ .progress = { mds_delta_task_report },
                              .is_delta = is_delta,
                              .index = index,
                              .total = total };
    run->total += total;
}

static void
mds_delta_run_add_delta(mds_delta_run_t *run, size_t index, uint64_t from_bytes,
                        uint64_t to_bytes)
{
    uint64_t task_bytes = mds_delta_memory(from_bytes, to_bytes);

    if (run->task_bytes < task_bytes) {
        run->task_bytes = task_bytes;
    }

    mds_delta_run_add(run, true, index,
                      mds_delta_work(run->batch->level, from_bytes, to_bytes));
}

/* Lists what is missing. */
static mds_status_t
mds_delta_run_plan(mds_delta_run_t *run, mds_error_t *err)
{
    const mds_delta_batch_t  *batch = run->batch;
    const mds_delta_target_t *targets = mds_delta_batch_targets(batch);
    const mds_delta_item_t   *items = mds_delta_batch_items(batch);
    size_t target_count = mds_delta_batch_target_count(batch);
    size_t item_count = mds_delta_batch_count(batch);

    run->tasks = calloc(target_count + item_count, sizeof(*run->tasks));
    if (run->tasks == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < target_count; i++) {
        if (!targets[i].checked) {
            mds_delta_run_add(run, false, i, targets[i].bytes);
        }
    }

    for (size_t i = 0; i < item_count; i++) {
        if (!items[i].made) {
            mds_delta_run_add_delta(run, i, items[i].from_bytes,
                                    targets[items[i].target].bytes);
        }
    }

    qsort(run->tasks, run->count, sizeof(*run->tasks), mds_delta_task_cmp);
    return MDS_OK;
}

mds_status_t
mds_delta_batch_make(mds_delta_batch_t *batch, mds_loader_t *loader,
                     mds_error_t *err)
{
    char            label[64];
    mds_delta_run_t run = { .batch = batch };
    mds_parallel_t  parallel = { .run = mds_delta_run_task,
                                 .wait_step = mds_delta_run_show,
                                 .data = &run };
    mds_status_t    status = mds_delta_run_plan(&run, err);

    if (status == MDS_OK) {
        snprintf(label, sizeof(label), "making %zu delta%s", batch->missing,
                 batch->missing == 1 ? "" : "s");
        run.progress = mds_loader_begin_progress(loader, label);
        parallel.count = run.count;
        parallel.task_bytes = run.task_bytes;
        status = mds_parallel_run(&parallel, err);
        mds_loader_end_progress(loader, run.progress);
    }

    free(run.tasks);

    if (status == MDS_OK) {
        qsort(batch->items.data, mds_delta_batch_count(batch),
              sizeof(mds_delta_item_t), mds_delta_item_cmp);
        batch->missing = 0;
        batch->rounds++;
    }

    return status;
}
