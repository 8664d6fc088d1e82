/* What is written appears whole or not at all, and nothing is left behind. */

#include "workdir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_file.h"

static mds_error_t err;

static mode_t
mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(stat(workdir(name), &st), 0);
    return st.st_mode & 07777;
}

static void
test_path(void **state)
{
    char       *longest = calloc(1, sizeof(mds_path_t) + 1);
    mds_path_t  path;
    const char *dirs[][2] = {
        { "a", "." }, { "a/b", "a" },   { "/a", "/" },
        { "/", "/" }, { "/a/b", "/a" }, { "a/b/c", "a/b" },
    };

    (void) state;
    memset(longest, 'x', sizeof(mds_path_t));

    assert_int_equal(mds_path(&path, &err, "%s", longest), MDS_INVALID);
    longest[sizeof(mds_path_t) - 1] = '\0';
    assert_int_equal(mds_path(&path, &err, "%s", longest), MDS_OK);
    free(longest);

    for (size_t i = 0; i < mds_nelems(dirs); i++) {
        assert_int_equal(mds_path_dir(dirs[i][0], &err, &path), MDS_OK);
        assert_string_equal(path.text, dirs[i][1]);
    }
}

static void
test_read(void **state)
{
    char  *data = NULL;
    size_t len = 77;

    (void) state;
    workdir_write("five", "12345", 5);
    workdir_write("empty", "", 0);

    assert_int_equal(mds_file_read(workdir("five"), 4, &err, &data, &len),
                     MDS_INVALID);
    assert_non_null(strstr(err.text, "too long"));
    assert_int_equal(mds_file_read(workdir("none"), 4, &err, &data, &len),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_file_read(workdir("."), 4, &err, &data, &len), MDS_IO);
    assert_null(data);
    assert_int_equal(len, 77);

    assert_int_equal(mds_file_read(workdir("five"), 5, &err, &data, &len),
                     MDS_OK);
    assert_int_equal(len, 5);
    assert_string_equal(data, "12345");
    free(data);

    assert_int_equal(mds_file_read(workdir("empty"), 0, &err, &data, &len),
                     MDS_OK);
    assert_int_equal(len, 0);
    assert_string_equal(data, "");
    free(data);
}

/* `--key /dev/fd/3`: no size to go by, and more than the first room. */
static void
test_read_pipe(void **state)
{
    int    fds[2];
    char   path[32], bytes[20000];
    char  *data = NULL;
    size_t len;

    (void) state;
    workdir_noise(bytes, sizeof(bytes), 1);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
    close(fds[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);

    assert_int_equal(mds_file_read(path, 100000, &err, &data, &len), MDS_OK);
    assert_int_equal(len, sizeof(bytes));
    assert_memory_equal(data, bytes, len);
    free(data);
    close(fds[0]);
}

static void
test_open_regular_alone(void **state)
{
    int      fd = -7;
    uint64_t size = 7;
    char    *data = NULL;
    size_t   len;

    (void) state;
    assert_int_equal(mkfifo(workdir("fifo"), 0600), 0);
    assert_int_equal(mds_file_open(workdir("fifo"), &err, &fd, &size),
                     MDS_INVALID);
    assert_int_equal(mds_file_open(workdir("."), &err, &fd, &size),
                     MDS_INVALID);
    assert_int_equal(fd, -7);
    assert_int_equal(
        mds_file_read_regular(workdir("fifo"), 4, &err, &data, &len),
        MDS_INVALID);
    assert_null(data);

    workdir_write("three", "123", 3);
    assert_int_equal(mds_file_open(workdir("three"), &err, &fd, &size), MDS_OK);
    assert_int_equal(size, 3);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
}

/* Who has the old file open goes on seeing the old file. */
static void
test_write_replaces(void **state)
{
    int    old;
    char   seen[8] = "";
    char  *data;
    mode_t mask = umask(077);

    (void) state;
    assert_int_equal(mds_file_write(workdir("w"), 0644, "old", 3, &err),
                     MDS_OK);
    old = open(workdir("w"), O_RDONLY);
    assert_int_equal(mds_file_write(workdir("w"), 0444, "newer", 5, &err),
                     MDS_OK);
    umask(mask);

    assert_int_equal(read(old, seen, sizeof(seen)), 3);
    assert_string_equal(seen, "old");
    close(old);

    data = workdir_read("w", NULL);
    assert_string_equal(data, "newer");
    free(data);
    assert_int_equal(mode_of("w"), 0444);
    assert_int_equal(workdir_count(".", MDS_TEMP_PREFIX), 0);
}

/* A limit on the size of files stands in for the full disk. */
static void
test_write_fails(void **state)
{
    char          bytes[4096] = "";
    char         *data;
    struct rlimit before, limit;

    (void) state;
    workdir_write("kept", "kept", 4);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &limit);

    assert_int_equal(mds_file_write(workdir("kept"), 0644, bytes, sizeof(bytes),
                                    &err),
                     MDS_IO);
    assert_int_equal(mds_file_create(workdir("half"), 0644, bytes,
                                     sizeof(bytes), &err),
                     MDS_IO);
    setrlimit(RLIMIT_FSIZE, &before);

    data = workdir_read("kept", NULL);
    assert_string_equal(data, "kept");
    free(data);
    assert_false(workdir_has("half"));

    assert_int_equal(mkdir(workdir("d"), 0700), 0);
    assert_int_not_equal(mds_file_write(workdir("d"), 0644, "x", 1, &err),
                         MDS_OK);
    assert_int_equal(mds_file_write(workdir("no/x"), 0644, "x", 1, &err),
                     MDS_NOT_FOUND);
    assert_int_equal(workdir_count(".", MDS_TEMP_PREFIX), 0);
}

static void
test_create_never_overwrites(void **state)
{
    char  *data;
    mode_t mask = umask(0);

    (void) state;
    assert_int_equal(mds_file_create(workdir("c"), 0600, "1", 1, &err), MDS_OK);
    umask(mask);
    assert_int_equal(mode_of("c"), 0600);
    assert_int_equal(mds_file_create(workdir("c"), 0600, "2", 1, &err),
                     MDS_EXISTS);

    /* Nor through a link that leads nowhere yet. */
    assert_int_equal(symlink("elsewhere", workdir("link")), 0);
    assert_int_equal(mds_file_create(workdir("link"), 0600, "2", 1, &err),
                     MDS_EXISTS);
    assert_false(workdir_has("elsewhere"));

    data = workdir_read("c", NULL);
    assert_string_equal(data, "1");
    free(data);
}

static void
test_draft(void **state)
{
    mds_temp_file_t draft = MDS_NO_TEMP_FILE;

    (void) state;
    mds_temp_file_discard(&draft);
    assert_int_equal(mds_temp_file_create(&draft, workdir("none"), &err),
                     MDS_NOT_FOUND);
    mds_temp_file_discard(&draft);

    assert_int_equal(mds_temp_file_create(&draft, workdir("."), &err), MDS_OK);
    assert_int_equal(workdir_count(".", MDS_TEMP_PREFIX), 1);
    assert_int_equal(mds_temp_file_write(&draft, "x", 1, &err), MDS_OK);
    mds_temp_file_discard(&draft);
    mds_temp_file_discard(&draft);
    assert_int_equal(workdir_count(".", MDS_TEMP_PREFIX), 0);
}

static void
test_dir(void **state)
{
    (void) state;
    workdir_write("file", "", 0);
    assert_int_equal(mds_dir_make(workdir("dir"), 0750, &err), MDS_OK);
    assert_int_equal(mds_dir_make(workdir("dir"), 0700, &err), MDS_OK);
    assert_int_equal(mode_of("dir"), 0750);
    assert_int_equal(mds_dir_make(workdir("file"), 0700, &err), MDS_EXISTS);
    assert_int_equal(mds_dir_make(workdir("a/b"), 0700, &err), MDS_NOT_FOUND);

    assert_int_equal(mds_file_sync_dir(workdir("dir"), &err), MDS_OK);
    assert_int_equal(mds_file_sync_dir(workdir("none"), &err), MDS_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_pipe),
        cmocka_unit_test(test_open_regular_alone),
        cmocka_unit_test(test_write_replaces),
        cmocka_unit_test(test_write_fails),
        cmocka_unit_test(test_create_never_overwrites),
        cmocka_unit_test(test_draft),
        cmocka_unit_test(test_dir),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
