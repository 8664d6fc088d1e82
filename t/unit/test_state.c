/* Whom the windows have let in: exactly as many as may be, each for good. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/mds_state.h"
#include "state/mds_window.h"
#include "workdir.h"

#define NOW INT64_C(1000000)

static mds_error_t err;

/* As writes, and what came of them. */
static mds_status_t
admit_all(mds_state_t *state, mds_admission_t *admissions, size_t count,
          int64_t now_ms, mds_error_t *err)
{
    mds_write_t  writes[16];
    mds_status_t status;

    assert_true(count <= mds_nelems(writes));

    for (size_t i = 0; i < count; i++) {
        writes[i] = (mds_write_t){ .type = MDS_WRITE_ADMISSION,
                                   .admission = admissions[i] };
    }

    status = mds_state_write(state, writes, count, now_ms, err);

    for (size_t i = 0; i < count; i++) {
        admissions[i] = writes[i].admission;
    }

    return status;
}

/* A depot of its own, with an empty state in it. */
static const char *
depot(const char *name)
{
    assert_true(shell("mkdir -p %s/state", name));
    assert_int_equal(mds_state_create(workdir(name), -1, -1, &err), MDS_OK);

    return workdir(name);
}

static mds_state_t *
opened(const char *name)
{
    mds_state_t *state;

    assert_int_equal(mds_state_open(workdir(name), &err, &state), MDS_OK);

    return state;
}

static mds_admission_t
asks(const char *window, const char *id, uint64_t limit)
{
    return (mds_admission_t){ .window = mds_str_of(window),
                              .id = mds_str_of(id),
                              .limit = limit,
                              .until_ms = INT64_MAX };
}

static bool
admit(mds_state_t *state, const char *window, const char *id, uint64_t limit)
{
    mds_admission_t admission = asks(window, id, limit);

    assert_int_equal(admit_all(state, &admission, 1, NOW, &err), MDS_OK);

    return admission.admitted;
}

static mds_window_t
look(mds_state_t *state, const char *name)
{
    mds_window_t window;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_window(state, mds_str_of(name), &err, &window),
                     MDS_OK);
    mds_state_end(state);

    return window;
}

static bool
is_in(mds_state_t *state, const char *name, mds_str_t id)
{
    mds_window_t window;
    bool         in;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_window(state, mds_str_of(name), &err, &window),
                     MDS_OK);
    assert_int_equal(mds_state_is_admitted(state, &window, id, &err, &in), MDS_OK);
    mds_state_end(state);

    return in;
}

static void
test_counted(void **unused)
{
    mds_state_t *state;

    (void) unused;
    depot("counted");
    state = opened("counted");

    assert_int_equal(look(state, "w").number, 0);
    assert_int_equal(look(state, "w").count, 0);
    assert_false(is_in(state, "w", mds_str("a")));

    assert_true(admit(state, "w", "a", 2));
    assert_true(admit(state, "w", "a", 2));
    assert_int_equal(look(state, "w").count, 1);
    assert_int_equal(look(state, "w").full_ms, 0);
    assert_true(admit(state, "w", "b", 2));
    assert_int_equal(look(state, "w").full_ms, NOW);
    assert_false(admit(state, "w", "c", 2));
    assert_int_equal(look(state, "w").count, 2);

    assert_true(is_in(state, "w", mds_str("a")));
    assert_true(is_in(state, "w", mds_str("b")));
    assert_false(is_in(state, "w", mds_str("c")));
    assert_false(is_in(state, "w", mds_str("")));

    /* Lowered: nobody goes. Raised: others come. None: nobody comes. */
    assert_true(admit(state, "w", "a", 1));
    assert_true(admit(state, "w", "b", 0));
    assert_false(admit(state, "w", "c", 0));
    assert_true(admit(state, "w", "c", 3));

    mds_state_close(state);
    state = opened("counted");
    assert_int_equal(look(state, "w").count, 3);
    assert_true(is_in(state, "w", mds_str("c")));
    mds_state_close(state);
}

static void
test_apart(void **unused)
{
    char            longest[256], longer[256];
    mds_state_t    *state;
    mds_admission_t admissions[2];

    (void) unused;
    depot("apart");
    state = opened("apart");
    memset(longest, 'x', sizeof(longest));
    memset(longer, 'x', sizeof(longer));
    longer[255] = 'y';

    /* Windows of one name in two apps, ids with any bytes. */
    assert_true(admit(state, "a", "d", 1));
    assert_true(admit(state, "ab", "d", 1));
    assert_int_equal(look(state, "a").count, 1);
    assert_int_equal(look(state, "ab").count, 1);
    assert_int_not_equal(look(state, "a").number, look(state, "ab").number);

    admissions[0] = asks("long", "", 2);
    admissions[0].id = (mds_str_t){ sizeof(longest), longest };
    admissions[1] = asks("long", "", 2);
    admissions[1].id = (mds_str_t){ sizeof(longer), longer };
    assert_int_equal(admit_all(state, admissions, 2, NOW, &err), MDS_OK);
    assert_true(admissions[0].admitted && admissions[1].admitted);
    assert_int_equal(look(state, "long").count, 2);
    assert_true(is_in(state, "long", admissions[0].id));
    assert_true(is_in(state, "long", admissions[1].id));
    assert_false(is_in(state, "long", (mds_str_t){ 255, longest }));

    mds_state_close(state);
}

/* In one transaction: those in front come first, each id takes one place. */
static void
test_together(void **unused)
{
    mds_admission_t admissions[] = {
        asks("v", "a", 2), asks("v", "a", 2), asks("w", "a", 1),
        asks("v", "b", 2), asks("v", "c", 2), asks("w", "b", 1),
        asks("v", "b", 2), asks("x", "a", 9),
    };
    static const bool want[]
        = { true, true, true, true, false, false, true, false };
    mds_state_t *state;

    (void) unused;
    depot("together");
    state = opened("together");
    admissions[7].until_ms = NOW;

    assert_int_equal(admit_all(state, admissions, 8, NOW, &err), MDS_OK);

    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(admissions[i].admitted, want[i]);
    }

    assert_int_equal(look(state, "v").count, 2);
    assert_int_equal(look(state, "w").count, 1);
    assert_int_equal(look(state, "x").number, 0);
    mds_state_close(state);
}

static void
test_until(void **unused)
{
    mds_admission_t admission = asks("w", "a", 9);
    mds_state_t    *state;

    (void) unused;
    depot("until");
    state = opened("until");

    admission.until_ms = NOW + 1;
    assert_int_equal(admit_all(state, &admission, 1, NOW, &err), MDS_OK);
    assert_true(admission.admitted);
    assert_int_equal(admit_all(state, &admission, 1, NOW + 1, &err), MDS_OK);
    assert_true(admission.admitted);

    admission.id = mds_str("b");
    assert_int_equal(admit_all(state, &admission, 1, NOW + 1, &err), MDS_OK);
    assert_false(admission.admitted);
    mds_state_close(state);
}

/* A reader sees its moment until it ends, then the next one. */
static void
test_moments(void **unused)
{
    mds_state_t *reader, *writer;
    mds_window_t window;

    (void) unused;
    depot("moments");
    reader = opened("moments");

    /* One environment is not to be opened twice in a process. */
    writer = reader;

    assert_int_equal(mds_state_begin(reader, &err), MDS_OK);
    assert_true(admit(writer, "w", "a", 1));
    assert_int_equal(mds_state_begin(reader, &err), MDS_OK);
    assert_int_equal(mds_state_get_window(reader, mds_str("w"), &err, &window),
                     MDS_OK);
    assert_int_equal(window.count, 0);
    mds_state_end(reader);
    mds_state_end(reader);
    assert_int_equal(look(reader, "w").count, 1);
    mds_state_close(reader);
}

/* What is gone is not made anew: that would forget everybody. */
static void
test_gone(void **unused)
{
    mds_admission_t admission = asks("w", "b", 9);
    mds_state_t    *state, *none = NULL;

    (void) unused;
    assert_true(shell("mkdir -p gone/state"));
    assert_int_equal(mds_state_open(workdir("gone"), &err, &none),
                     MDS_NOT_FOUND);
    assert_null(none);
    assert_non_null(strstr(err.text, "gone/state/data.mdb"));
    assert_false(workdir_has("gone/state/data.mdb"));

    depot("gone");
    state = opened("gone");
    assert_true(admit(state, "w", "a", 9));
    assert_int_equal(mds_state_check(state, &err), MDS_OK);

    assert_true(shell("mv gone/state gone/away"));
    assert_int_equal(mds_state_check(state, &err), MDS_NOT_FOUND);
    assert_int_equal(admit_all(state, &admission, 1, NOW, &err), MDS_NOT_FOUND);
    assert_false(admission.admitted);

    /* Another in its place: not what was opened. */
    assert_true(shell("mkdir gone/state && cp gone/away/* gone/state/"));
    assert_int_equal(mds_state_check(state, &err), MDS_CONFLICT);
    assert_int_equal(admit_all(state, &admission, 1, NOW, &err), MDS_CONFLICT);
    assert_false(admission.admitted);

    assert_true(shell("rm -r gone/state && mv gone/away gone/state"));
    assert_int_equal(mds_state_check(state, &err), MDS_OK);
    assert_true(admit(state, "w", "b", 9));
    assert_true(is_in(state, "w", mds_str("a")));
    mds_state_close(state);
}

/* Processes that are killed in between, all at the same window. */
static void
test_killed(void **unused)
{
    mds_state_t *state;
    pid_t        pids[4];

    (void) unused;
    depot("killed");

    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);

            if (pids[i] == 0) {
                state = opened("killed");
                for (unsigned n = 0;; n++) {
                    char id[32];

                    snprintf(id, sizeof(id), "%u-%u-%u", round, i % 2, n);
                    (void) admit(state, "w", id, 400);
                }
            }
        }

        usleep(10000);

        for (unsigned i = 0; i < 4; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
    }

    state = opened("killed");

    for (unsigned n = 0; n < 400; n++) {
        char id[32];

        snprintf(id, sizeof(id), "last-%u", n);
        (void) admit(state, "w", id, 400);
    }

    assert_int_equal(look(state, "w").count, 400);
    assert_int_not_equal(look(state, "w").full_ms, 0);
    mds_state_close(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counted),  cmocka_unit_test(test_apart),
        cmocka_unit_test(test_together), cmocka_unit_test(test_until),
        cmocka_unit_test(test_moments),  cmocka_unit_test(test_gone),
        cmocka_unit_test(test_killed),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
