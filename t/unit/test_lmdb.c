/*
 * The border to LMDB: what each way of opening promises, that the first
 * failure sticks, and that a broken file is an error and no SIGBUS.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lmdb/mds_lmdb.h"

#define MAP_BYTES (16 << 20)

enum { FIRST, SECOND };

static const char *const names[] = { "first", "second" };
static const char *const others[] = { "first", "third" };

static char        directory[] = "/tmp/mds-test-lmdb-XXXXXX";
static char        file[64];   /* BUILD, IMMUTABLE */
static char        shared[64]; /* SHARED */
static mds_error_t err;

static mds_lmdb_t *
open_as(mds_lmdb_mode_t mode)
{
    mds_lmdb_t *lmdb;

    assert_int_equal(mds_lmdb_open(mode == MDS_LMDB_SHARED ? shared : file,
                                   mode, names, 2,
                                   mode == MDS_LMDB_IMMUTABLE ? 0 : MAP_BYTES,
                                   &err, &lmdb),
                     MDS_OK);
    return lmdb;
}

static void
expect(mds_lmdb_t *lmdb, unsigned table, const char *key, const char *value)
{
    mds_str_t found;

    assert_true(mds_lmdb_get(lmdb, table, mds_str_of(key), &found));
    assert_true(mds_str_eq(found, mds_str_of(value)));
}

/* A file of 300 keys, "000" to "299", in the first table, one in the second. */
static void
build(void)
{
    char        key[16];
    mds_lmdb_t *lmdb = open_as(MDS_LMDB_BUILD);

    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);

    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "%03d", i);
        mds_lmdb_append(lmdb, FIRST, mds_str_of(key), mds_str_of(key));

        if (i % 100 == 50) {
            mds_lmdb_checkpoint(lmdb);
        }
    }

    mds_lmdb_put(lmdb, SECOND, mds_str("empty"), mds_null_str);
    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_OK);
    mds_lmdb_close(lmdb);
}

static int
setup(void **state)
{
    (void) state;
    snprintf(file, sizeof(file), "%s/file.mdb", directory);
    snprintf(shared, sizeof(shared), "%s/shared", directory);

    return mkdir(shared, 0700);
}

static int
teardown(void **state)
{
    char path[128];

    (void) state;
    (void) unlink(file);
    snprintf(path, sizeof(path), "%s/data.mdb", shared);
    (void) unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", shared);
    (void) unlink(path);

    return rmdir(shared);
}

static void
built_and_read(void **state)
{
    char        path[128];
    mds_str_t   value;
    mds_lmdb_t *lmdb;

    (void) state;
    build();
    snprintf(path, sizeof(path), "%s-lock", file);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(chmod(file, 0444), 0);

    lmdb = open_as(MDS_LMDB_IMMUTABLE);
    assert_int_not_equal(access(path, F_OK), 0);

    for (int round = 0; round < 3; round++) {
        assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);
        expect(lmdb, FIRST, "000", "000");
        expect(lmdb, FIRST, "299", "299");
        expect(lmdb, SECOND, "empty", "");
        assert_false(mds_lmdb_get(lmdb, FIRST, mds_str("300"), &value));
        assert_int_equal(mds_lmdb_status(lmdb, &err), MDS_OK);
        assert_true(mds_lmdb_count(lmdb, FIRST) == 300);
        assert_true(mds_lmdb_count(lmdb, SECOND) == 1);
        mds_lmdb_abort(lmdb);
    }

    mds_lmdb_abort(lmdb);
    mds_lmdb_close(lmdb);
    mds_lmdb_close(NULL);
}

/* Keys that LMDB does not take are not there; it is no failure to ask. */
static void
impossible_keys(void **state)
{
    char        key[MDS_LMDB_KEY_MAX + 1];
    mds_str_t   value, longest = { MDS_LMDB_KEY_MAX, key };
    mds_lmdb_t *lmdb = open_as(MDS_LMDB_BUILD);

    (void) state;
    memset(key, 'k', sizeof(key));

    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_put(lmdb, FIRST, longest, mds_str("value"));
    assert_false(mds_lmdb_get(lmdb, FIRST, mds_null_str, &value));
    assert_false(
        mds_lmdb_get(lmdb, FIRST, (mds_str_t){ sizeof(key), key }, &value));
    assert_true(mds_lmdb_get(lmdb, FIRST, longest, &value));
    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_OK);

    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_put(lmdb, FIRST, (mds_str_t){ sizeof(key), key }, longest);
    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_INVALID);
    mds_lmdb_close(lmdb);
}

/* After the first failure nothing is done, and nothing of it is kept. */
static void
failure_sticks(void **state)
{
    mds_str_t   value;
    mds_lmdb_t *lmdb;

    (void) state;
    build();
    lmdb = open_as(MDS_LMDB_BUILD);

    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_put(lmdb, FIRST, mds_str("new"), mds_str("value"));
    assert_int_equal(mds_lmdb_status(lmdb, &err), MDS_OK);
    mds_lmdb_append(lmdb, FIRST, mds_str("000"), mds_str("out of order"));
    assert_int_equal(mds_lmdb_status(lmdb, &err), MDS_EXISTS);
    assert_non_null(strstr(err.text, file));

    mds_lmdb_checkpoint(lmdb);
    mds_lmdb_put(lmdb, FIRST, mds_str("newer"), mds_str("value"));
    mds_lmdb_delete(lmdb, FIRST, mds_str("001"));
    assert_null(mds_lmdb_put_room(lmdb, FIRST, mds_str("z"), 8));
    assert_false(mds_lmdb_get(lmdb, FIRST, mds_str("000"), &value));
    assert_true(mds_lmdb_count(lmdb, FIRST) == 0);
    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_EXISTS);

    /* The next transaction starts anew. */
    assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);
    assert_int_equal(mds_lmdb_status(lmdb, &err), MDS_OK);
    assert_true(mds_lmdb_count(lmdb, FIRST) == 300);
    expect(lmdb, FIRST, "000", "000");
    mds_lmdb_close(lmdb);
}

static void
changes(void **state)
{
    char       *room;
    mds_str_t   value;
    mds_lmdb_t *lmdb;

    (void) state;
    build();
    lmdb = open_as(MDS_LMDB_BUILD);

    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_put(lmdb, FIRST, mds_str("000"), mds_str("changed"));
    mds_lmdb_delete(lmdb, FIRST, mds_str("001"));
    mds_lmdb_delete(lmdb, FIRST, mds_str("never there"));
    room = mds_lmdb_put_room(lmdb, FIRST, mds_str("999"), 100000);
    assert_non_null(room);
    memset(room, 'r', 100000);
    assert_true(mds_lmdb_count(lmdb, FIRST) == 300);
    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_OK);

    /* What is aborted was never done. */
    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_delete(lmdb, FIRST, mds_str("999"));
    mds_lmdb_abort(lmdb);
    mds_lmdb_close(lmdb);

    lmdb = open_as(MDS_LMDB_IMMUTABLE);
    assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);
    expect(lmdb, FIRST, "000", "changed");
    assert_true(mds_lmdb_count(lmdb, FIRST) == 300);
    assert_true(mds_lmdb_get(lmdb, FIRST, mds_str("999"), &value));
    assert_true(value.len == 100000 && value.data[99999] == 'r');
    assert_false(mds_lmdb_get(lmdb, FIRST, mds_str("001"), &value));
    mds_lmdb_close(lmdb);
}

static int
number_of(mds_str_t key)
{
    char digits[4] = { 0 };

    assert_int_equal(key.len, 3);
    memcpy(digits, key.data, 3);

    return atoi(digits);
}

static void
walks(void **state)
{
    static const struct {
        const char *from;
        int         first; /* 300: none */
    } cases[]
        = { { "", 0 },       { "000", 0 },   { "0000", 1 }, { "150", 150 },
            { "2989", 299 }, { "299", 299 }, { "3", 300 } };
    mds_str_t          key, value;
    mds_lmdb_t        *lmdb;
    mds_lmdb_cursor_t *cursor;
    int                n;

    (void) state;
    build();
    lmdb = open_as(MDS_LMDB_IMMUTABLE);
    assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        cursor = mds_lmdb_walk(lmdb, FIRST, mds_str_of(cases[i].from));
        n = cases[i].first;

        while (mds_lmdb_next(cursor, &key, &value)) {
            assert_int_equal(number_of(key), n);
            assert_true(mds_str_eq(key, value));
            n++;
        }

        assert_int_equal(n, 300);
        mds_lmdb_walk_end(cursor);
    }

    mds_lmdb_walk_end(NULL);
    assert_false(mds_lmdb_next(NULL, &key, &value));

    assert_int_equal(mds_lmdb_status(lmdb, &err), MDS_OK);
    mds_lmdb_close(lmdb);
}

static mds_status_t
try_open(mds_lmdb_mode_t mode, const char *path, const char *const *tables)
{
    mds_lmdb_t  *lmdb = NULL;
    mds_status_t status
        = mds_lmdb_open(path, mode, tables, 2,
                        mode == MDS_LMDB_IMMUTABLE ? 0 : MAP_BYTES, &err,
                        &lmdb);

    assert_int_equal(lmdb == NULL, status != MDS_OK);
    mds_lmdb_close(lmdb);

    return status;
}

static void
not_opened(void **state)
{
    (void) state;
    assert_int_equal(try_open(MDS_LMDB_IMMUTABLE, file, names), MDS_NOT_FOUND);
    assert_non_null(strstr(err.text, file));
    assert_int_equal(try_open(MDS_LMDB_BUILD, "/nowhere/file", names),
                     MDS_NOT_FOUND);
    assert_int_equal(try_open(MDS_LMDB_SHARED, "/nowhere", names),
                     MDS_NOT_FOUND);

    build();
    assert_int_equal(try_open(MDS_LMDB_IMMUTABLE, file, others),
                     MDS_INCOMPATIBLE);
    assert_int_equal(try_open(MDS_LMDB_IMMUTABLE, directory, names),
                     MDS_DAMAGED);
}

/* An environment that must exist is not created, neither where its file is
 * missing or empty, nor where LMDB has just made one of nothing, as it does
 * when the file is truncated between a look at it and its opening. */
static void
existing(void **state)
{
    const mds_lmdb_mode_t mode = MDS_LMDB_SHARED | MDS_LMDB_EXISTING;
    char                  data[80];
    mds_lmdb_t           *lmdb;

    (void) state;
    snprintf(data, sizeof(data), "%s/data.mdb", shared);
    assert_int_equal(try_open(mode, shared, names), MDS_NOT_FOUND);
    assert_int_equal(access(data, F_OK), -1);

    assert_int_equal(mds_lmdb_open(shared, MDS_LMDB_SHARED, NULL, 0, MAP_BYTES,
                                   &err, &lmdb),
                     MDS_OK);
    mds_lmdb_close(lmdb);
    assert_int_equal(try_open(mode, shared, names), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "data.mdb\" is empty"));

    assert_int_equal(truncate(data, 0), 0);
    assert_int_equal(try_open(mode, shared, names), MDS_DAMAGED);
    assert_int_equal(try_open(mode, shared, names), MDS_DAMAGED);

    assert_int_equal(try_open(MDS_LMDB_SHARED, shared, names), MDS_OK);
    assert_int_equal(try_open(mode, shared, names), MDS_OK);
}

/* Every length: an error, or all that is there can be read. */
static void
cut(void **state)
{
    struct stat st;

    (void) state;
    build();
    assert_int_equal(stat(file, &st), 0);

    for (off_t size = st.st_size - 1; size >= 0; size -= 509) {
        assert_int_equal(truncate(file, size), 0);
        assert_int_equal(try_open(MDS_LMDB_IMMUTABLE, file, names),
                         MDS_DAMAGED);
        assert_non_null(strstr(err.text, file));
    }
}

static void
no_lmdb_file(void **state)
{
    char zeroes[5 * 4096] = { 0 };
    int  fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);

    (void) state;
    assert_int_equal(write(fd, zeroes, sizeof(zeroes)), sizeof(zeroes));
    assert_int_equal(try_open(MDS_LMDB_IMMUTABLE, file, names),
                     MDS_INCOMPATIBLE);
    close(fd);
}

/*
 * LMDB writes no page that was taken and given back in one transaction, so the
 * file may end before its last page number: it has to open nevertheless.
 */
static void
last_page_unused(void **state)
{
    mds_lmdb_t *lmdb = open_as(MDS_LMDB_BUILD);

    (void) state;
    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_put(lmdb, FIRST, mds_str("a"), mds_str("value"));
    assert_non_null(mds_lmdb_put_room(lmdb, FIRST, mds_str("b"), 100000));
    mds_lmdb_delete(lmdb, FIRST, mds_str("b"));
    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_OK);
    mds_lmdb_close(lmdb);

    lmdb = open_as(MDS_LMDB_IMMUTABLE);
    assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);
    expect(lmdb, FIRST, "a", "value");
    mds_lmdb_close(lmdb);
}

static void
map_full(void **state)
{
    char        key[16];
    mds_lmdb_t *lmdb = open_as(MDS_LMDB_BUILD);

    (void) state;
    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);

    for (int i = 0; i < 32; i++) {
        snprintf(key, sizeof(key), "%03d", i);
        (void) mds_lmdb_put_room(lmdb, FIRST, mds_str_of(key), 1 << 20);
    }

    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_NO_SPACE);
    mds_lmdb_close(lmdb);
}

/* Each of several processes adds to the same number: none gets lost. */
static void
shared_by_processes(void **state)
{
    enum { PROCESSES = 4, TURNS = 25 };
    pid_t       pids[PROCESSES];
    int         status;
    uint32_t    number;
    mds_str_t   value;
    mds_lmdb_t *lmdb;

    (void) state;

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            bool fine = mds_lmdb_open(shared, MDS_LMDB_SHARED, names, 2,
                                      MAP_BYTES, NULL, &lmdb)
                        == MDS_OK;

            for (int turn = 0; fine && turn < TURNS; turn++) {
                number = 0;
                fine = mds_lmdb_write(lmdb, NULL) == MDS_OK;

                if (mds_lmdb_get(lmdb, FIRST, mds_str("n"), &value)) {
                    memcpy(&number, value.data, sizeof(number));
                }

                number++;
                mds_lmdb_put(lmdb, FIRST, mds_str("n"),
                             (mds_str_t){ sizeof(number),
                                          (const char *) &number });
                fine = fine && mds_lmdb_commit(lmdb, NULL) == MDS_OK;
            }

            mds_lmdb_close(lmdb);
            _exit(fine ? 0 : 1);
        }
    }

    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }

    lmdb = open_as(MDS_LMDB_SHARED);
    assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);
    assert_true(mds_lmdb_get(lmdb, FIRST, mds_str("n"), &value));
    assert_int_equal(value.len, sizeof(number));
    memcpy(&number, value.data, sizeof(number));
    assert_int_equal(number, PROCESSES * TURNS);
    mds_lmdb_close(lmdb);
}

/* A renewed reader sees what was committed meanwhile; one that reads, not. */
static void
shared_reader(void **state)
{
    mds_lmdb_t *lmdb = open_as(MDS_LMDB_SHARED);
    mds_str_t   value;

    (void) state;

    for (int i = 0; i < 3; i++) {
        char key[16];

        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);
        assert_false(mds_lmdb_get(lmdb, FIRST, mds_str_of(key), &value));
        mds_lmdb_abort(lmdb);

        assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
        mds_lmdb_put(lmdb, FIRST, mds_str_of(key), mds_str("value"));
        assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_OK);

        assert_int_equal(mds_lmdb_read(lmdb, &err), MDS_OK);
        expect(lmdb, FIRST, key, "value");
        mds_lmdb_abort(lmdb);
    }

    mds_lmdb_close(lmdb);
}

#define with_files(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        with_files(built_and_read), with_files(impossible_keys),
        with_files(failure_sticks), with_files(changes),
        with_files(walks),          with_files(not_opened),
        with_files(existing),       with_files(cut),
        with_files(no_lmdb_file),   with_files(last_page_unused),
        with_files(map_full),       with_files(shared_by_processes),
        with_files(shared_reader),
    };
    int failed;

    if (mkdtemp(directory) == NULL) {
        return 1;
    }

    failed = cmocka_run_group_tests(tests, NULL, NULL);

    return rmdir(directory) == 0 ? failed : 1;
}
