/*
 * Makes the deltas of a change: measures each new package, and compresses each
 * pair, as tasks of mds_parallel.h.
 */

#include "loader/mds_delta_batch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

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
} mds_delta_run_t;

void
mds_delta_batch_init(mds_delta_batch_t *batch, mds_zstd_level_t level,
                     unsigned threads)
{
    *batch = (mds_delta_batch_t){ .level = level, .threads = threads };
}

void
mds_delta_batch_free(mds_delta_batch_t *batch)
{
    mds_work_dir_remove(&batch->work);
    free(batch->targets);
    free(batch->items);
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
    mds_delta_item_t *item
        = batch->item_count == 0
              ? NULL
              : bsearch(&key, batch->items, batch->item_count - batch->missing,
                        sizeof(key), mds_delta_item_cmp);

    return item != NULL && item->made ? item : NULL;
}

const mds_delta_target_t *
mds_delta_batch_target(const mds_delta_batch_t *batch,
                       const mds_delta_item_t  *item)
{
    return &batch->targets[item->target];
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

/* Makes room for one more; the sizes are powers of two. */
static mds_status_t
mds_delta_batch_grow(void **items, size_t count, size_t size, mds_error_t *err)
{
    void *grown;

    if (count > 0 && (count & (count - 1)) != 0) {
        return MDS_OK;
    }

    grown = reallocarray(*items, count == 0 ? 1 : 2 * count, size);
    if (grown == NULL) {
        return mds_fail_memory(err);
    }

    *items = grown;
    return MDS_OK;
}

/* Finds the target, or adds it. Deltas to one package are added in a row. */
static mds_status_t
mds_delta_batch_set_target(mds_delta_batch_t *batch, const mds_sha256_t *sha256,
                           uint64_t bytes, mds_error_t *err, size_t *index)
{
    size_t       count = batch->target_count;
    void        *targets = batch->targets;
    mds_status_t status;

    if (count > 0 && mds_sha256_eq(&batch->targets[count - 1].sha256, sha256)) {
        *index = count - 1;
        return MDS_OK;
    }

    status
        = mds_delta_batch_grow(&targets, count, sizeof(*batch->targets), err);
    batch->targets = targets;

    if (status == MDS_OK) {
        batch->targets[count]
            = (mds_delta_target_t){ .sha256 = *sha256, .bytes = bytes };
        batch->target_count++;
        *index = count;
    }

    return status;
}

/* Returns whether the delta was added since deltas were made last: one file may
 * be that of several packages, and a change may run again for the whole app. */
static bool
mds_delta_batch_has_missing(const mds_delta_batch_t *batch,
                            const mds_sha256_t *from, const mds_sha256_t *to)
{
    mds_delta_item_t key = { .from = *from, .to = *to };

    for (size_t i = batch->item_count - batch->missing; i < batch->item_count;
         i++) {
        if (mds_delta_item_cmp(&key, &batch->items[i]) == 0) {
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
    size_t            target = 0;
    void             *items = batch->items;
    mds_delta_item_t *item;
    mds_status_t      status;

    if (mds_delta_batch_has_missing(batch, from, to)) {
        return MDS_OK;
    }

    if ((status = mds_delta_batch_link(batch, loader->depot, from, err))
            != MDS_OK
        || (status = mds_delta_batch_link(batch, loader->depot, to, err))
               != MDS_OK
        || (status
            = mds_delta_batch_set_target(batch, to, to_bytes, err, &target))
               != MDS_OK)
    {
        return status;
    }

    status = mds_delta_batch_grow(&items, batch->item_count,
                                  sizeof(*batch->items), err);
    batch->items = items;

    if (status != MDS_OK) {
        return status;
    }

    item = &batch->items[batch->item_count++];
    *item = (mds_delta_item_t){
        .from = *from, .to = *to, .from_bytes = from_bytes, .target = target
    };
    batch->missing++;

    if (!batch->targets[target].measured) {
        batch->targets[target].measured
            = mds_journal_get_size(loader->journal, to,
                                   &batch->targets[target].compressed_bytes);
    }

    return MDS_OK;
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
    mds_delta_target_t *target = &batch->targets[task->index];
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
    mds_delta_item_t *item = &batch->items[task->index];
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

/* Lists what is missing. */
static mds_status_t
mds_delta_run_plan(mds_delta_run_t *run, mds_error_t *err)
{
    const mds_delta_batch_t *batch = run->batch;
    size_t                   tasks = batch->target_count + batch->item_count;

    run->tasks = calloc(tasks, sizeof(*run->tasks));
    if (run->tasks == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < batch->target_count; i++) {
        if (!batch->targets[i].checked) {
            mds_delta_run_add(run, false, i, batch->targets[i].bytes);
        }
    }

    for (size_t i = 0; i < batch->item_count; i++) {
        const mds_delta_item_t *item = &batch->items[i];

        if (!item->made) {
            mds_delta_run_add(
                run, true, i,
                mds_delta_work(batch->level, item->from_bytes,
                               batch->targets[item->target].bytes));
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
                                 .data = &run,
                                 .threads = batch->threads };
    mds_status_t    status = mds_delta_run_plan(&run, err);

    if (status == MDS_OK) {
        snprintf(label, sizeof(label), "making %zu delta%s", batch->missing,
                 batch->missing == 1 ? "" : "s");
        run.progress = mds_loader_begin_progress(loader, label);
        parallel.count = run.count;
        status = mds_parallel_run(&parallel, err);
        mds_loader_end_progress(loader, run.progress);
    }

    free(run.tasks);

    if (status == MDS_OK) {
        qsort(batch->items, batch->item_count, sizeof(*batch->items),
              mds_delta_item_cmp);
        batch->missing = 0;
        batch->rounds++;
    }

    return status;
}
