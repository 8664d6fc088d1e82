/*
 * Runs tasks in threads, which take them from a common counter.
 */

#include "base/mds_parallel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MDS_PARALLEL_STEP_NS 100000000L

typedef struct {
    const mds_parallel_t *parallel;
    pthread_mutex_t       mutex;
    pthread_cond_t        ended; /* a thread has */
    size_t                next;  /* task */
    unsigned              running;
    size_t                failed; /* the first task that did; count: none */
    mds_status_t          status; /* of that task */
    mds_error_t           err;
} mds_parallel_state_t;

/* Takes the next task. Returns false if there is none to begin. */
static bool
mds_parallel_take(mds_parallel_state_t *state, size_t *index)
{
    bool taken;

    pthread_mutex_lock(&state->mutex);
    taken = state->status == MDS_OK && state->next < state->parallel->count;

    if (taken) {
        *index = state->next++;
    }

    pthread_mutex_unlock(&state->mutex);
    return taken;
}

static void
mds_parallel_note_failure(mds_parallel_state_t *state, size_t index,
                          mds_status_t status, const mds_error_t *err)
{
    pthread_mutex_lock(&state->mutex);

    if (index < state->failed) {
        state->failed = index;
        state->status = status;
        state->err = *err;
    }

    pthread_mutex_unlock(&state->mutex);
}

static void
mds_parallel_work(mds_parallel_state_t *state)
{
    size_t       index;
    mds_error_t  err;
    mds_status_t status;

    while (mds_parallel_take(state, &index)) {
        status = state->parallel->run(state->parallel->data, index, &err);

        if (status != MDS_OK) {
            mds_parallel_note_failure(state, index, status, &err);
        }
    }
}

static void *
mds_parallel_thread(void *data)
{
    mds_parallel_state_t *state = data;

    mds_parallel_work(state);
    pthread_mutex_lock(&state->mutex);
    state->running--;
    pthread_cond_signal(&state->ended);
    pthread_mutex_unlock(&state->mutex);

    return NULL;
}

/* Waits until all threads have ended. */
static void
mds_parallel_wait(mds_parallel_state_t *state)
{
    const mds_parallel_t *parallel = state->parallel;
    struct timespec       until;

    pthread_mutex_lock(&state->mutex);

    while (state->running > 0) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += MDS_PARALLEL_STEP_NS;

        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }

        (void) pthread_cond_timedwait(&state->ended, &state->mutex, &until);
        pthread_mutex_unlock(&state->mutex);

        if (parallel->wait_step != NULL) {
            parallel->wait_step(parallel->data);
        }

        pthread_mutex_lock(&state->mutex);
    }

    pthread_mutex_unlock(&state->mutex);
}

/* Returns the memory of the machine, or of the container. */
static uint64_t
mds_parallel_memory_bytes(void)
{
    uint64_t bytes
        = (uint64_t) sysconf(_SC_PHYS_PAGES) * (uint64_t) sysconf(_SC_PAGESIZE);
    unsigned long long limit;
    FILE              *file = fopen("/sys/fs/cgroup/memory.max", "re");

    if (file != NULL) {
        if (fscanf(file, "%llu", &limit) == 1 && limit < bytes) {
            bytes = limit;
        }

        fclose(file);
    }

    return bytes;
}

static unsigned
mds_parallel_count_threads(const mds_parallel_t *parallel)
{
    long   cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t threads = parallel->threads;
    size_t fitting = mds_parallel_fitting(mds_parallel_memory_bytes(),
                                          parallel->task_bytes);

    if (threads == 0) {
        threads = cores < 1 ? 1 : (size_t) cores;
    }

    if (threads > fitting) {
        threads = fitting;
    }

    return (unsigned) (threads < parallel->count ? threads : parallel->count);
}

mds_status_t
mds_parallel_run(const mds_parallel_t *parallel, mds_error_t *err)
{
    mds_parallel_state_t state = { .parallel = parallel,
                                   .mutex = PTHREAD_MUTEX_INITIALIZER,
                                   .ended = PTHREAD_COND_INITIALIZER,
                                   .failed = parallel->count,
                                   .status = MDS_OK };
    pthread_t            threads[MDS_PARALLEL_MAX];
    sigset_t             all, before;
    unsigned             begun = 0;
    unsigned             wanted = mds_parallel_count_threads(parallel);

    /* A signal is handled by the caller's thread, as without threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);

    for (; begun < wanted; begun++) {
        pthread_mutex_lock(&state.mutex);
        state.running++;
        pthread_mutex_unlock(&state.mutex);

        if (pthread_create(&threads[begun], NULL, mds_parallel_thread, &state)
            != 0) {
            pthread_mutex_lock(&state.mutex);
            state.running--;
            pthread_mutex_unlock(&state.mutex);
            break;
        }
    }

    pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (begun == 0) {
        mds_parallel_work(&state);
    }

    mds_parallel_wait(&state);

    for (unsigned i = 0; i < begun; i++) {
        pthread_join(threads[i], NULL);
    }

    if (parallel->wait_step != NULL) {
        parallel->wait_step(parallel->data);
    }

    pthread_cond_destroy(&state.ended);
    pthread_mutex_destroy(&state.mutex);

    if (state.status != MDS_OK && err != NULL) {
        *err = state.err;
    }

    return state.status;
}
