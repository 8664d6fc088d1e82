/* Marks of messages: any order of any repeats comes to one end. */

#include <stdio.h>

#include "base/mds_endian.h"
#include "prng.h"
#include "state/mds_read_marks.h"
#include "state/mds_state_internal.h"
#include "workdir.h"

#define IDS 40 /* of the messages, from 1 */
#define ROUNDS 300
#define ORDERS 6
#define OPS 8

static mds_error_t  err;
static mds_state_t *state;

/* What was marked, as plainly as can be said. */
typedef struct {
    uint64_t delete_through;
    bool     read[IDS + 1];
} model_t;

static int
make(void **unused)
{
    if (workdir_make(unused) != 0 || !shell("mkdir state")
        || mds_state_create(workdir("."), -1, -1, &err) != MDS_OK)
    {
        return -1;
    }

    return mds_state_open(workdir("."), &err, &state) == MDS_OK ? 0 : -1;
}

static int
unmake(void **unused)
{
    mds_state_close(state);
    return workdir_remove(unused);
}

static void
mark(const char *user, uint64_t delete_through, const mds_run_t *read,
     size_t count, uint64_t oldest)
{
    mds_write_t write = { .type = MDS_WRITE_READ_MARK,
                          .read_mark = { .user = mds_str_of(user),
                                    .delete_through = delete_through,
                                    .read = read,
                                    .read_count = count,
                                    .oldest = oldest } };

    assert_int_equal(mds_state_write(state, &write, 1, 1, &err), MDS_OK);
}

static mds_read_marks_t
look(mds_str_t user)
{
    mds_read_marks_t marks;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_read_marks(state, user, &err, &marks), MDS_OK);

    return marks;
}

static void
model_mark(model_t *model, const mds_read_mark_t *mark)
{
    for (size_t i = 0; i < mark->read_count; i++) {
        for (uint64_t id = mark->read[i].first; id <= mark->read[i].last; id++)
        {
            model->read[id] = true;
        }
    }

    if (mark->delete_through > model->delete_through) {
        model->delete_through = mark->delete_through;
    }
}

/* The same point, the same ids above it and above what is gone, and not a run
 * more than they take. */
static void
compare(mds_str_t user, const model_t *model, uint64_t oldest)
{
    mds_read_marks_t marks = look(user);
    uint64_t    floor = model->delete_through;
    size_t      runs = 0;
    bool        before = false;

    floor = oldest > floor + 1 ? oldest - 1 : floor;
    assert_int_equal(marks.delete_through, model->delete_through);

    for (uint64_t id = floor + 1; id <= IDS; id++) {
        assert_int_equal(mds_read_marks_has_read(&marks, id), model->read[id]);
        runs += model->read[id] && !before;
        before = model->read[id];
    }

    assert_false(mds_read_marks_has_read(&marks, IDS + 1));
    assert_int_equal(marks.runs.len, 16 * runs);
    mds_state_end(state);
}

/* What one of three devices says. */
static void
roll(prng_t *prng, mds_run_t runs[3], mds_read_mark_t *mark)
{
    *mark = (mds_read_mark_t){ .read = runs, .read_count = prng_below(prng, 4) };

    for (size_t i = 0; i < mark->read_count; i++) {
        runs[i].first = 1 + prng_below(prng, IDS);
        runs[i].last
            = runs[i].first
              + prng_below(prng, prng_one_in(prng, 2)
                                    ? 1
                                    : (unsigned) (IDS - runs[i].first + 1));
    }

    if (mark->read_count == 0 || prng_one_in(prng, 3)) {
        mark->delete_through = 1 + prng_below(prng, IDS);
    }
}

/* Each operation at least once, in some order, some of them again. */
static size_t
shuffle(prng_t *prng, const mds_read_mark_t *ops, size_t count, mds_str_t user,
        mds_write_t *writes)
{
    size_t order[2 * OPS], len = count;

    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }

    while (len < 2 * OPS && !prng_one_in(prng, 3)) {
        order[len++] = prng_below(prng, (unsigned) count);
    }

    for (size_t i = len; i > 1; i--) {
        size_t k = prng_below(prng, (unsigned) i);
        size_t swap = order[i - 1];

        order[i - 1] = order[k];
        order[k] = swap;
    }

    for (size_t i = 0; i < len; i++) {
        writes[i]
            = (mds_write_t){ .type = MDS_WRITE_READ_MARK, .read_mark = ops[order[i]] };
        writes[i].read_mark.user = user;
    }

    return len;
}

static void
test_any_order(void **unused)
{
    prng_t prng;

    (void) unused;
    prng_seed(&prng);

    for (unsigned round = 0; round < ROUNDS; round++) {
        mds_read_mark_t  ops[OPS];
        mds_run_t   runs[OPS][3];
        mds_write_t writes[ORDERS * 2 * OPS];
        char        users[ORDERS][32];
        model_t     model = { 0 };
        size_t      len = 0, count = 1 + prng_below(&prng, OPS);
        uint64_t    oldest
            = prng_one_in(&prng, 2) ? 1 + prng_below(&prng, IDS) : 0;

        for (size_t i = 0; i < count; i++) {
            roll(&prng, runs[i], &ops[i]);
            ops[i].oldest = oldest;
            model_mark(&model, &ops[i]);
        }

        for (unsigned i = 0; i < ORDERS; i++) {
            snprintf(users[i], sizeof(users[i]), "app/%u-%u", round, i);
            len += shuffle(&prng, ops, count, mds_str_of(users[i]),
                           writes + len);
        }

        /* In one transaction, or in many. */
        if (round % 50 != 0) {
            assert_int_equal(mds_state_write(state, writes, len, 1, &err),
                             MDS_OK);
        }

        for (size_t i = 0; round % 50 == 0 && i < len; i++) {
            assert_int_equal(mds_state_write(state, writes + i, 1, 1, &err),
                             MDS_OK);
        }

        for (unsigned i = 0; i < ORDERS; i++) {
            compare(mds_str_of(users[i]), &model, oldest);
        }
    }
}

static void
test_runs(void **unused)
{
    static const mds_run_t odd[] = { { 9, 9 }, { 5, 5 }, { 7, 7 } };
    static const mds_run_t even[] = { { 6, 6 }, { 8, 8 } };
    static const mds_run_t wide[] = { { 1, 100 }, { 3, 4 } };
    mds_read_marks_t            marks;

    (void) unused;
    mark("runs", 0, odd, 3, 1);
    marks = look(mds_str("runs"));
    assert_int_equal(marks.runs.len, 3 * 16);
    mds_state_end(state);

    /* Neighbours are one run. */
    mark("runs", 0, even, 2, 1);
    marks = look(mds_str("runs"));
    assert_int_equal(marks.runs.len, 16);
    assert_false(mds_read_marks_has_read(&marks, 4));
    assert_true(mds_read_marks_has_read(&marks, 5));
    assert_true(mds_read_marks_has_read(&marks, 9));
    assert_false(mds_read_marks_has_read(&marks, 10));
    mds_state_end(state);

    /* The point takes what is below it away, and does not fall again. */
    mark("runs", 6, NULL, 0, 1);
    mark("runs", 2, wide, 2, 1);
    marks = look(mds_str("runs"));
    assert_int_equal(marks.delete_through, 6);
    assert_int_equal(marks.runs.len, 16);
    assert_false(mds_read_marks_has_read(&marks, 6));
    assert_true(mds_read_marks_has_read(&marks, 7));
    assert_true(mds_read_marks_has_read(&marks, 100));
    mds_state_end(state);

    /* So do the messages that are gone. */
    mark("runs", 0, odd, 1, 90);
    marks = look(mds_str("runs"));
    assert_int_equal(marks.delete_through, 6);
    assert_false(mds_read_marks_has_read(&marks, 89));
    assert_true(mds_read_marks_has_read(&marks, 90));
    mds_state_end(state);
}

/* Ids as large as they get. */
static void
test_ends(void **unused)
{
    static const mds_run_t last[]
        = { { UINT64_MAX, UINT64_MAX }, { UINT64_MAX - 1, UINT64_MAX - 1 } };
    mds_read_marks_t marks;

    (void) unused;
    mark("ends", 0, last, 2, 1);
    marks = look(mds_str("ends"));
    assert_int_equal(marks.runs.len, 16);
    assert_true(mds_read_marks_has_read(&marks, UINT64_MAX));
    assert_false(mds_read_marks_has_read(&marks, UINT64_MAX - 2));
    mds_state_end(state);

    mark("ends", UINT64_MAX, NULL, 0, 1);
    marks = look(mds_str("ends"));
    assert_int_equal(marks.delete_through, UINT64_MAX);
    assert_int_equal(marks.runs.len, 0);
    mds_state_end(state);
}

static void
test_apart(void **unused)
{
    static const mds_run_t one[] = { { 3, 3 } };
    mds_read_marks_t            marks;

    (void) unused;
    mark("apart-a", 2, one, 1, 1);
    marks = look(mds_str("apart-"));
    assert_int_equal(marks.delete_through + marks.runs.len, 0);
    mds_state_end(state);
    marks = look(mds_str("apart-ab"));
    assert_int_equal(marks.delete_through + marks.runs.len, 0);
    mds_state_end(state);
}

/* What was said before is not written again. */
static void
test_repeats_cost_nothing(void **unused)
{
    static const mds_run_t some[] = { { 3, 5 }, { 9, 9 } };

    (void) unused;
    mark("again", 2, some, 2, 1);
    assert_true(shell("cp state/data.mdb before"));
    mark("again", 2, some, 2, 1);
    mark("again", 1, some + 1, 1, 1);
    mark("again", 0, some, 1, 1);
    assert_true(workdir_same("before", "state/data.mdb"));
    mark("again", 0, (mds_run_t[]){ { 4, 6 } }, 1, 1);
    assert_false(workdir_same("before", "state/data.mdb"));
}

static void
put(const char *user, const void *data, size_t len)
{
    assert_int_equal(mds_lmdb_write(state->env.writer, &err), MDS_OK);
    mds_lmdb_put(state->env.writer, MDS_STATE_MARKS, mds_str_of(user),
                 (mds_str_t){ len, data });
    assert_int_equal(mds_lmdb_commit(state->env.writer, &err), MDS_OK);
}

/* "ap" 00 and a number, or "app" 00 and one. */
static mds_str_t
sweep_key(const char *app, unsigned number, char bytes[32])
{
    int len = snprintf(bytes, 32, "%s%c%u", app, 0, number);

    return (mds_str_t){ (size_t) len, bytes };
}

static bool
sweep_has(const char *app, unsigned number)
{
    char        bytes[32];
    mds_read_marks_t marks = look(sweep_key(app, number, bytes));

    mds_state_end(state);
    return marks.delete_through > 0 || marks.runs.len > 0;
}

/* Marks that speak of nothing any more go, of this app alone. */
static void
test_swept(void **unused)
{
    char     bytes[32];
    unsigned users = 1000;

    (void) unused;

    for (unsigned i = 0; i < users; i++) {
        mds_write_t write = { .type = MDS_WRITE_READ_MARK,
                              .read_mark = { .user = sweep_key("ap", i, bytes),
                                        .delete_through = 1 + i % 3,
                                        .read = &(mds_run_t){ 5, 5 + i % 2 },
                                        .read_count = i % 5 == 0 } };

        assert_int_equal(mds_state_write(state, &write, 1, 1, &err), MDS_OK);
        write.read_mark.user = sweep_key("app", i, bytes);
        assert_int_equal(mds_state_write(state, &write, 1, 1, &err), MDS_OK);
    }

    assert_int_equal(mds_state_sweep_read_marks(state, mds_str("ap"), 3, &err),
                     MDS_OK);

    for (unsigned i = 0; i < users; i++) {
        assert_int_equal(sweep_has("ap", i), i % 3 == 2 || i % 5 == 0);
        assert_true(sweep_has("app", i));
    }

    assert_int_equal(mds_state_sweep_read_marks(state, mds_str("ap"), 6, &err),
                     MDS_OK);

    for (unsigned i = 0; i < users; i++) {
        assert_int_equal(sweep_has("ap", i), i % 5 == 0 && i % 2 == 1);
    }

    assert_int_equal(mds_state_sweep_read_marks(state, mds_str("ap"), 7, &err),
                     MDS_OK);
    assert_false(sweep_has("ap", 5));
}

/* Records that nobody wrote. */
static void
test_hostile(void **unused)
{
    static const size_t wrong[] = { 0, 1, 7, 9, 16, 23, 25, 39, 4000 };
    uint8_t             bytes[8 + 16 * 250];
    mds_read_marks_t         marks;
    mds_write_t         write
        = { .type = MDS_WRITE_READ_MARK,
            .read_mark = { .user = mds_str("hostile"), .delete_through = 1 } };
    prng_t prng;

    (void) unused;
    prng_seed(&prng);
    memset(bytes, 0xff, sizeof(bytes));

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
        put("hostile", bytes, wrong[i]);
        assert_int_equal(mds_state_begin(state, &err), MDS_OK);
        assert_int_equal(mds_state_get_read_marks(state, mds_str("hostile"), &err,
                                         &marks),
                         MDS_DAMAGED);
        mds_state_end(state);

        /* It fails alone: what came with it is written. */
        mds_write_t writes[] = { write, write, write };
        char        whole[2][16];

        snprintf(whole[0], sizeof(whole[0]), "before-%zu", i);
        snprintf(whole[1], sizeof(whole[1]), "behind-%zu", i);
        writes[0].read_mark.user = mds_str_of(whole[0]);
        writes[2].read_mark.user = mds_str_of(whole[1]);
        err.text[0] = '\0';
        assert_int_equal(mds_state_write(state, writes, 3, 1, &err), MDS_OK);
        assert_int_equal(writes[0].status, MDS_OK);
        assert_int_equal(writes[1].status, MDS_DAMAGED);
        assert_int_equal(writes[2].status, MDS_OK);
        assert_string_not_equal(err.text, "");

        for (size_t k = 0; k < 2; k++) {
            marks = look(mds_str_of(whole[k]));
            assert_true(marks.delete_through > 0 || marks.runs.len > 0);
            mds_state_end(state);
        }
    }

    /* Of a right length, whatever is in it: a merge makes it right. */
    for (unsigned round = 0; round < 60; round++) {
        size_t   runs = prng_below(&prng, 250);
        uint64_t last = 0;

        for (size_t i = 0; i < 8 + 16 * runs; i++) {
            bytes[i] = (uint8_t) prng_below(&prng, round % 2 ? 256 : 2);
        }

        put("hostile", bytes, 8 + 16 * runs);
        marks = look(mds_str("hostile"));
        (void) mds_read_marks_has_read(&marks, prng_below(&prng, 1000));
        mds_state_end(state);
        assert_int_equal(mds_state_write(state, &write, 1, 1, &err), MDS_OK);

        marks = look(mds_str("hostile"));
        assert_true(marks.runs.len <= 16 * runs);

        for (size_t i = 0; i < marks.runs.len; i += 16) {
            const uint8_t *p = (const uint8_t *) marks.runs.data + i;

            assert_true(mds_load_be64(p) > last
                        && mds_load_be64(p + 8) >= mds_load_be64(p));
            last = mds_load_be64(p + 8);
        }
        mds_state_end(state);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_repeats_cost_nothing),
        cmocka_unit_test(test_swept),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
