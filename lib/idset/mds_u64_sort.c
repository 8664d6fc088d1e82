/*
 * A radix sort of runs, and their merge by a heap.
 */

#include "idset/mds_u64_sort.h"

#include <stdlib.h>

#include "base/mds_file.h"

#define MDS_RADIX_BITS 11
#define MDS_RADIX_SIZE (1 << MDS_RADIX_BITS)
#define MDS_RADIX_PASSES 6 /* cover 64 bits; even: values end in the array */

/* A run that is merged. Its window is the part of it that is in memory. */
typedef struct {
    uint64_t *next;
    uint64_t *end;
    uint64_t *window;
    uint64_t  offset; /* of the next window in the file, in bytes */
    uint64_t  left;   /* values behind the window */
} mds_sort_run_t;

struct mds_u64_sort_s {
    const char      *dir;
    size_t           run;    /* values that the array can hold */
    size_t           count;  /* values that it holds */
    uint64_t         added;  /* in all */
    uint64_t        *values; /* the array, and behind it the second one */
    mds_temp_file_t  spill;  /* runs, one behind the other */
    size_t           run_count;
    size_t           heap_count; /* runs that are not at their end */
    mds_sort_run_t  *runs;
    mds_sort_run_t **heap; /* by their next values, the lowest on top */
    size_t           window;
    bool             begun;
    uint64_t         last; /* returned */
};

mds_status_t
mds_u64_sort_new(const char *dir, size_t run, mds_error_t *err,
                 mds_u64_sort_t **sort)
{
    mds_u64_sort_t *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return mds_fail_memory(err);
    }

    made->dir = dir;
    made->run = run;
    made->spill = MDS_NO_TEMP_FILE;

    /* The system gives pages when they are touched: few ids take little. */
    made->values = malloc(2 * run * sizeof(uint64_t));

    if (made->values == NULL) {
        mds_u64_sort_free(made);
        return mds_fail_memory(err);
    }

    *sort = made;
    return MDS_OK;
}

void
mds_u64_sort_free(mds_u64_sort_t *sort)
{
    if (sort == NULL) {
        return;
    }

    mds_temp_file_discard(&sort->spill);
    free(sort->heap);
    free(sort->runs);
    free(sort->values);
    free(sort);
}

static size_t
mds_radix_digit(uint64_t value, unsigned pass)
{
    return value >> (pass * MDS_RADIX_BITS) & (MDS_RADIX_SIZE - 1);
}

/* Sorts by one digit; equal digits keep their order. */
static void
mds_radix_pass(const uint64_t *from, uint64_t *to, size_t count, unsigned pass)
{
    size_t at[MDS_RADIX_SIZE] = { 0 };
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        at[mds_radix_digit(from[i], pass)]++;
    }

    for (size_t digit = 0; digit < MDS_RADIX_SIZE; digit++) {
        size_t n = at[digit];

        at[digit] = sum;
        sum += n;
    }

    for (size_t i = 0; i < count; i++) {
        to[at[mds_radix_digit(from[i], pass)]++] = from[i];
    }
}

static void
mds_u64_sort_sort(mds_u64_sort_t *sort)
{
    uint64_t *from = sort->values;
    uint64_t *to = sort->values + sort->run;

    for (unsigned pass = 0; pass < MDS_RADIX_PASSES; pass++) {
        uint64_t *sorted = to;

        mds_radix_pass(from, to, sort->count, pass);
        to = from;
        from = sorted;
    }
}

/* Sorts the array, and writes it as a run. */
static mds_status_t
mds_u64_sort_spill(mds_u64_sort_t *sort, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (sort->spill.fd < 0) {
        status = mds_temp_file_create(&sort->spill, sort->dir, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    mds_u64_sort_sort(sort);

    status = mds_temp_file_write(&sort->spill, sort->values,
                                 sort->count * sizeof(uint64_t), err);
    if (status != MDS_OK) {
        return status;
    }

    sort->run_count++;
    sort->count = 0;

    return MDS_OK;
}

mds_status_t
mds_u64_sort_add(mds_u64_sort_t *sort, uint64_t value, mds_error_t *err)
{
    if (sort->count == sort->run) {
        mds_status_t status = mds_u64_sort_spill(sort, err);

        if (status != MDS_OK) {
            return status;
        }
    }

    sort->values[sort->count++] = value;
    sort->added++;

    return MDS_OK;
}

uint64_t
mds_u64_sort_count(const mds_u64_sort_t *sort)
{
    return sort->added;
}

/* Reads the run's next window. */
static mds_status_t
mds_sort_run_fill(mds_u64_sort_t *sort, mds_sort_run_t *run, mds_error_t *err)
{
    size_t       count = run->left < sort->window ? run->left : sort->window;
    size_t       bytes = count * sizeof(uint64_t);
    mds_status_t status
        = mds_file_read_at(sort->spill.fd, sort->spill.path.text, run->offset,
                           run->window, bytes, err);

    if (status != MDS_OK) {
        return status;
    }

    run->next = run->window;
    run->end = run->window + count;
    run->offset += bytes;
    run->left -= count;

    return MDS_OK;
}

/* Moves the run at this place down to its place in the heap. */
static void
mds_u64_sort_sink(mds_u64_sort_t *sort, size_t place)
{
    mds_sort_run_t **heap = sort->heap;
    mds_sort_run_t  *run = heap[place];

    for (;;) {
        size_t child = 2 * place + 1;

        if (child + 1 < sort->heap_count
            && *heap[child + 1]->next < *heap[child]->next) {
            child++;
        }

        if (child >= sort->heap_count || *run->next <= *heap[child]->next) {
            break;
        }

        heap[place] = heap[child];
        place = child;
    }

    heap[place] = run;
}

/* Reads the first window of each run. All runs but the last are full. */
static mds_status_t
mds_u64_sort_open_runs(mds_u64_sort_t *sort, mds_error_t *err)
{
    uint64_t left = sort->added;

    sort->window = 2 * sort->run / sort->run_count;

    if (sort->window == 0) {
        return mds_fail(err, MDS_NO_SPACE, "sort ids: too many");
    }

    for (size_t i = 0; i < sort->run_count; i++) {
        mds_sort_run_t *run = &sort->runs[i];
        mds_status_t    status;

        run->window = sort->values + i * sort->window;
        run->offset = (uint64_t) i * sort->run * sizeof(uint64_t);
        run->left = left < sort->run ? left : sort->run;
        left -= run->left;

        status = mds_sort_run_fill(sort, run, err);
        if (status != MDS_OK) {
            return status;
        }
    }

    return MDS_OK;
}

/* Makes the array itself the window of the only run. */
static void
mds_u64_sort_keep(mds_u64_sort_t *sort)
{
    mds_u64_sort_sort(sort);
    sort->run_count = 1;
    sort->runs[0].next = sort->values;
    sort->runs[0].end = sort->values + sort->count;
}

mds_status_t
mds_u64_sort_begin(mds_u64_sort_t *sort, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (sort->run_count > 0) {
        status = mds_u64_sort_spill(sort, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    sort->runs = calloc(sort->run_count + 1, sizeof(*sort->runs));
    sort->heap = calloc(sort->run_count + 1, sizeof(*sort->heap));

    if (sort->runs == NULL || sort->heap == NULL) {
        return mds_fail_memory(err);
    }

    if (sort->run_count == 0) {
        mds_u64_sort_keep(sort);

    } else {
        status = mds_u64_sort_open_runs(sort, err);
        if (status != MDS_OK) {
            return status;
        }
    }

    for (size_t i = 0; i < sort->run_count; i++) {
        if (sort->runs[i].next < sort->runs[i].end) {
            sort->heap[sort->heap_count++] = &sort->runs[i];
        }
    }

    for (size_t i = sort->heap_count / 2; i > 0; i--) {
        mds_u64_sort_sink(sort, i - 1);
    }

    return MDS_OK;
}

/* Takes the lowest value; doubles follow each other. */
static mds_status_t
mds_u64_sort_take(mds_u64_sort_t *sort, mds_error_t *err, uint64_t *value)
{
    mds_sort_run_t *run;

    if (sort->heap_count == 0) {
        return MDS_NOT_FOUND;
    }

    run = sort->heap[0];
    *value = *run->next++;

    if (run->next == run->end && run->left > 0) {
        mds_status_t status = mds_sort_run_fill(sort, run, err);

        if (status != MDS_OK) {
            return status;
        }
    }

    if (run->next == run->end) {
        sort->heap[0] = sort->heap[--sort->heap_count];
    }

    if (sort->heap_count > 0) {
        mds_u64_sort_sink(sort, 0);
    }

    return MDS_OK;
}

mds_status_t
mds_u64_sort_next(mds_u64_sort_t *sort, mds_error_t *err, uint64_t *value)
{
    uint64_t     taken;
    mds_status_t status;

    do {
        status = mds_u64_sort_take(sort, err, &taken);
        if (status != MDS_OK) {
            return status;
        }
    } while (sort->begun && taken == sort->last);

    sort->begun = true;
    sort->last = taken;
    *value = taken;

    return MDS_OK;
}
