/*
 * A seal has to find whatever can happen to a file at rest. So every length
 * and every byte is tried, not a sample of them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lmdb/mds_lmdb.h"
#include "lmdb/mds_seal.h"

static char    directory[] = "/tmp/mds-test-seal-XXXXXX";
static char    path[64];
static uint8_t identity[MDS_SEAL_IDENTITY] = "the identity of the test";

/* A real LMDB file, as small as it gets, not sealed. */
static void
make_file(void)
{
    const char *const names[] = { "table" };
    mds_lmdb_t       *lmdb;

    unlink(path);
    assert_int_equal(mds_lmdb_open(path, MDS_LMDB_BUILD, names, 1, 1 << 20,
                                   NULL, &lmdb),
                     0);
    assert_int_equal(mds_lmdb_write(lmdb, NULL), MDS_OK);
    mds_lmdb_append(lmdb, 0, mds_str("key"), mds_str("value"));
    assert_int_equal(mds_lmdb_commit(lmdb, NULL), MDS_OK);
    mds_lmdb_close(lmdb);
}

static off_t
file_size(void)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static mds_status_t
check(bool full)
{
    return mds_seal_check(path, identity, full, NULL, NULL);
}

static int
setup(void **state)
{
    (void) state;
    snprintf(path, sizeof(path), "%s/file.mdb", directory);
    make_file();

    return mds_seal_write(path, identity, NULL) == MDS_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void) state;
    return unlink(path);
}

static void
whole(void **state)
{
    struct stat       st;
    const char *const names[] = { "table" };
    mds_str_t         value;
    mds_lmdb_t       *lmdb;

    (void) state;
    assert_int_equal(check(false), MDS_OK);
    assert_int_equal(check(true), MDS_OK);

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);

    /* LMDB does not mind what lies behind its pages. */
    assert_int_equal(mds_lmdb_open(path, MDS_LMDB_IMMUTABLE, names, 1, 0, NULL,
                                   &lmdb),
                     0);
    assert_int_equal(mds_lmdb_read(lmdb, NULL), MDS_OK);
    assert_true(mds_lmdb_get(lmdb, 0, mds_str("key"), &value));
    assert_true(mds_str_eq(value, mds_str("value")));
    mds_lmdb_close(lmdb);
}

static void
another_identity(void **state)
{
    uint8_t     other[MDS_SEAL_IDENTITY];
    mds_error_t err;

    (void) state;
    memcpy(other, identity, sizeof(other));
    other[MDS_SEAL_IDENTITY - 1] ^= 1;

    assert_int_equal(mds_seal_check(path, other, false, &err, NULL), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "identity"));
    assert_non_null(strstr(err.text, path));
}

static void
every_length(void **state)
{
    mds_error_t err;

    (void) state;

    for (off_t size = file_size() - 1; size >= 0; size--) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(mds_seal_check(path, identity, false, &err, NULL),
                         MDS_DAMAGED);
        assert_non_null(strstr(err.text, path));
    }
}

static void
longer(void **state)
{
    off_t size = file_size();

    (void) state;
    assert_int_equal(truncate(path, size + 1), 0);
    assert_int_equal(check(false), MDS_DAMAGED);
    assert_int_equal(truncate(path, size + 4096), 0);
    assert_int_equal(check(false), MDS_DAMAGED);
}

/* A page is missing before a seal that is whole. */
static void
a_page_less(void **state)
{
    char        seal[MDS_SEAL_BYTES];
    off_t       size = file_size();
    int         fd = open(path, O_RDWR);
    mds_error_t err;

    (void) state;
    assert_int_equal(pread(fd, seal, sizeof(seal), size - MDS_SEAL_BYTES),
                     sizeof(seal));
    assert_int_equal(ftruncate(fd, size - 4096), 0);
    assert_int_equal(pwrite(fd, seal, sizeof(seal),
                            size - 4096 - MDS_SEAL_BYTES),
                     sizeof(seal));
    close(fd);

    assert_int_equal(mds_seal_check(path, identity, false, &err, NULL), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "length"));
}

static void
flip(int fd, off_t at, uint8_t mask)
{
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= mask;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void
every_byte(void **state)
{
    off_t size = file_size();
    int   fd = open(path, O_RDWR);

    (void) state;
    assert_true(fd >= 0);

    for (off_t at = 0; at < size; at++) {
        flip(fd, at, (uint8_t) (1 << (at % 8)));
        assert_int_not_equal(check(true), MDS_OK);
        flip(fd, at, (uint8_t) (1 << (at % 8)));
    }

    assert_int_equal(check(true), MDS_OK);
    close(fd);
}

/* The same bytes in another order: their sum would not tell. */
static void
swapped_pages(void **state)
{
    char first[4096], second[4096];
    int  fd = open(path, O_RDWR);

    (void) state;
    assert_int_equal(pread(fd, first, sizeof(first), 0), sizeof(first));
    assert_int_equal(pread(fd, second, sizeof(second), 4096), sizeof(second));
    assert_int_equal(pwrite(fd, second, sizeof(second), 0), sizeof(second));
    assert_int_equal(pwrite(fd, first, sizeof(first), 4096), sizeof(first));
    close(fd);

    assert_int_equal(check(false), MDS_OK);
    assert_int_equal(check(true), MDS_DAMAGED);
}

/* Format, word size, byte order, page size. */
static void
foreign(void **state)
{
    const off_t fields[] = { 8, 12, 13, 17 };
    off_t       seal = file_size() - MDS_SEAL_BYTES;
    int         fd = open(path, O_RDWR);

    (void) state;

    for (size_t i = 0; i < mds_nelems(fields); i++) {
        flip(fd, seal + fields[i], 4);
        assert_int_equal(check(false), MDS_INCOMPATIBLE);
        flip(fd, seal + fields[i], 4);
    }

    close(fd);
}

static void
refusals(void **state)
{
    (void) state;

    /* Sealed already, so no whole pages. */
    assert_int_equal(mds_seal_write(path, identity, NULL), MDS_INVALID);
    assert_int_equal(check(true), MDS_OK);

    assert_int_equal(mds_seal_write(directory, identity, NULL), MDS_IO);
    assert_int_equal(mds_seal_check(directory, identity, true, NULL, NULL),
                     MDS_INVALID);
    assert_int_equal(mds_seal_check("/nowhere/at.all", identity, true, NULL, NULL),
                     MDS_NOT_FOUND);

    unlink(path);
    make_file();
    assert_int_equal(check(false), MDS_DAMAGED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole, setup, teardown),
        cmocka_unit_test_setup_teardown(another_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(every_length, setup, teardown),
        cmocka_unit_test_setup_teardown(longer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_less, setup, teardown),
        cmocka_unit_test_setup_teardown(every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(swapped_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    int failed;

    if (mkdtemp(directory) == NULL) {
        return 1;
    }

    failed = cmocka_run_group_tests(tests, NULL, NULL);

    return rmdir(directory) == 0 ? failed : 1;
}
