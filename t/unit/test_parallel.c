/*
 * Tasks run at the same time, each once; the failure that is returned does not
 * depend on which thread was the fastest.
 */

#include "workdir.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mds_parallel.h"

#define TASKS 100

typedef struct {
    atomic_uint       runs[TASKS];
    atomic_uint       begun;
    pthread_barrier_t together;
    pthread_key_t     key;
    sem_t             ended;
    pthread_t         caller;
    unsigned          steps;
    unsigned          before; /* begun at the last step */
} tasks_t;

static mds_error_t err;

static mds_status_t
run_one(void *data, size_t index, mds_error_t *error)
{
    tasks_t *tasks = data;

    (void) error;
    assert_false(pthread_equal(pthread_self(), tasks->caller));
    atomic_fetch_add(&tasks->runs[index], 1);
    atomic_fetch_add(&tasks->begun, 1);
    return MDS_OK;
}

static void
step(void *data)
{
    tasks_t *tasks = data;
    unsigned begun = atomic_load(&tasks->begun);

    assert_true(pthread_equal(pthread_self(), tasks->caller));
    assert_true(begun >= tasks->before);
    tasks->before = begun;
    tasks->steps++;
}

static void
test_each_once(void **state)
{
    (void) state;

    for (unsigned threads = 0; threads < 2 * MDS_PARALLEL_MAX; threads++) {
        tasks_t        tasks = { .caller = pthread_self() };
        mds_parallel_t parallel = { .run = run_one,
                                    .wait_step = step,
                                    .data = &tasks,
                                    .count = TASKS,
                                    .threads = threads };

        assert_int_equal(mds_parallel_run(&parallel, &err), MDS_OK);

        for (size_t i = 0; i < TASKS; i++) {
            assert_int_equal(tasks.runs[i], 1);
        }

        /* The last step sees the end. */
        assert_true(tasks.steps > 0);
        assert_int_equal(tasks.before, TASKS);
    }
}

static void
test_none(void **state)
{
    tasks_t        tasks = { .caller = pthread_self() };
    mds_parallel_t parallel
        = { .run = run_one, .wait_step = step, .data = &tasks };

    (void) state;
    assert_int_equal(mds_parallel_run(&parallel, &err), MDS_OK);
    assert_int_equal(tasks.begun, 0);
}

/* Waits for the others: with fewer threads, it would wait for ever. */
static mds_status_t
run_together(void *data, size_t index, mds_error_t *error)
{
    tasks_t *tasks = data;

    (void) index;
    (void) error;
    (void) pthread_barrier_wait(&tasks->together);
    return MDS_OK;
}

static void
test_at_once(void **state)
{
    tasks_t        tasks = { .caller = pthread_self() };
    mds_parallel_t parallel
        = { .run = run_together, .data = &tasks, .count = 4, .threads = 4 };

    (void) state;
    pthread_barrier_init(&tasks.together, NULL, 4);
    assert_int_equal(mds_parallel_run(&parallel, &err), MDS_OK);
    pthread_barrier_destroy(&tasks.together);
}

static void
post_end(void *semaphore)
{
    sem_post(semaphore);
}

/* Tasks 0 and 1 fail; 0 when the thread that ran 1 has ended, its failure
 * noted. */
static mds_status_t
run_failing(void *data, size_t index, mds_error_t *error)
{
    static const mds_status_t statuses[] = { MDS_DAMAGED, MDS_IO };
    tasks_t                  *tasks = data;

    atomic_fetch_add(&tasks->begun, 1);

    if (index > 1) {
        return MDS_OK;
    }

    if (index == 0) {
        sem_wait(&tasks->ended);
    } else {
        assert_int_equal(pthread_setspecific(tasks->key, &tasks->ended), 0);
    }

    return mds_fail(error, statuses[index], "task %zu", index);
}

static void
test_failure(void **state)
{
    tasks_t        tasks = { .caller = pthread_self() };
    mds_parallel_t parallel
        = { .run = run_failing, .data = &tasks, .count = TASKS, .threads = 2 };

    (void) state;
    sem_init(&tasks.ended, 0, 0);
    assert_int_equal(pthread_key_create(&tasks.key, post_end), 0);
    assert_int_equal(mds_parallel_run(&parallel, &err), MDS_DAMAGED);
    assert_string_equal(err.text, "task 0");
    assert_int_equal(tasks.begun, 2);
    pthread_key_delete(tasks.key);
    sem_destroy(&tasks.ended);
}

/* Eight threads are the most, and half of the memory; but one always runs. */
static void
test_fitting(void **state)
{
    (void) state;
    assert_int_equal(mds_parallel_fitting(1000, 0), MDS_PARALLEL_MAX);
    assert_int_equal(mds_parallel_fitting(1000, 1), MDS_PARALLEL_MAX);
    assert_int_equal(mds_parallel_fitting(1000, 100), 5);
    assert_int_equal(mds_parallel_fitting(1000, 101), 4);
    assert_int_equal(mds_parallel_fitting(1000, 500), 1);
    assert_int_equal(mds_parallel_fitting(1000, 5000), 1);
}

/* Fails if another task runs: too large ones run one after the other. */
static mds_status_t
run_alone(void *data, size_t index, mds_error_t *error)
{
    tasks_t *tasks = data;

    (void) index;
    (void) error;
    assert_int_equal(atomic_fetch_add(&tasks->begun, 1), 0);
    sched_yield();
    atomic_fetch_sub(&tasks->begun, 1);
    return MDS_OK;
}

static void
test_large_tasks(void **state)
{
    tasks_t        tasks = { .caller = pthread_self() };
    mds_parallel_t parallel = { .run = run_alone,
                                .data = &tasks,
                                .count = TASKS,
                                .threads = 4,
                                .task_bytes = UINT64_MAX };

    (void) state;
    assert_int_equal(mds_parallel_run(&parallel, &err), MDS_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_fitting),
        cmocka_unit_test(test_large_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
