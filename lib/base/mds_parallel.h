/*
 * mds_parallel: runs independent tasks on all cores at once.
 *
 * Only these threads run while the caller waits. The caller's thread takes no
 * task: it receives the signals, and it alone calls wait_step(), so that
 * whatever shows the progress need not be safe for threads.
 */

#ifndef MDS_PARALLEL_H
#define MDS_PARALLEL_H

#include "base/mds_base.h"

/* Above that, more threads would only take more memory. */
#define MDS_PARALLEL_MAX 8

typedef struct {
    /* Runs task `index`, in any thread. A failure ends everything: tasks that
     * run are completed, others are not begun. */
    mds_status_t (*run)(void *data, size_t index, mds_error_t *err);

    /* Is called in the caller's thread some ten times a second, and once after
     * the last task. May be NULL. */
    void (*wait_step)(void *data);

    void    *data;       /* for both */
    size_t   count;      /* of tasks; they are begun in order */
    unsigned threads;    /* at most; 0: one for each core */
    uint64_t task_bytes; /* of memory that one takes at most; 0: very few */
} mds_parallel_t;

/* Returns how many threads run tasks of that size in a memory of that size: of
 * which they take half at most, and one thread whatever it takes. */
static inline uint64_t
mds_parallel_fitting(uint64_t memory_bytes, uint64_t task_bytes)
{
    uint64_t fitting
        = task_bytes == 0 ? MDS_PARALLEL_MAX : memory_bytes / 2 / task_bytes;

    return fitting == 0                 ? 1
           : fitting < MDS_PARALLEL_MAX ? fitting
                                        : MDS_PARALLEL_MAX;
}

/* Runs all tasks. Returns the failure of the first task, in order, that failed.
 */
mds_status_t mds_parallel_run(const mds_parallel_t *parallel,
                              mds_error_t          *err) MDS_MUST_CHECK;

#endif
