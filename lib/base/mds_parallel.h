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

    void    *data;    /* for both */
    size_t   count;   /* of tasks; they are begun in order */
    unsigned threads; /* at most; 0: one for each core */
} mds_parallel_t;

/* Runs all tasks. Returns the failure of the first task, in order, that failed.
 */
mds_status_t mds_parallel_run(const mds_parallel_t *parallel,
                              mds_error_t          *err) MDS_MUST_CHECK;

#endif
