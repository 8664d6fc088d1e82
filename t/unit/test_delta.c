/*
 * A difference gives exactly the new file back or nothing at all, whatever
 * happened to it, and stock zstd undoes it too.
 */

#include "workdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "files/mds_delta.h"

#define OLD_BYTES 300000
#define NEW_BYTES 301000
#define HEAD_BYTES 40

/* What is reported when all was compressed, and nothing compared. */
#define PACKED (2 * (OLD_BYTES + NEW_BYTES))

static mds_error_t err;

/* Two versions of a package: bytes go, bytes come, bytes change. */
static int
setup(void **state)
{
    static char old[OLD_BYTES], new[NEW_BYTES];

    if (workdir_make(state) != 0) {
        return -1;
    }

    workdir_noise(old, sizeof(old), 1);
    workdir_noise(new, 2000, 2);
    memcpy(new + 2000, old, 100000);
    memcpy(new + 102000, old + 101000, sizeof(new) - 102000);
    new[200000] ^= 1;

    workdir_write("old", old, sizeof(old));
    workdir_write("new", new, sizeof(new));
    workdir_write("small-old", old, 500);
    workdir_write("small-new", new, 2500);
    workdir_write("empty", "", 0);
    return 0;
}

static mds_status_t
make(const char *old, const char *new, const char *out)
{
    return mds_delta_make(workdir(old), workdir(new), MDS_ZSTD_BEST,
                          workdir(out), NULL, &err);
}

static mds_status_t
apply(const char *old, const char *delta, const char *out, uint64_t max_bytes)
{
    unlink(workdir(out));
    return mds_delta_apply(workdir(old), workdir(delta), workdir(out),
                           max_bytes, &err);
}

static void
assert_nothing_left(const char *out)
{
    assert_false(workdir_has(out));
    assert_int_equal(workdir_count(".", MDS_TEMP_PREFIX), 0);
}

static void
test_format(void **state)
{
    char        *delta, *old;
    size_t       len, old_len;
    struct stat  st;
    mds_sha256_t sha256;

    (void) state;
    assert_int_equal(make("old", "new", "delta"), MDS_OK);
    assert_int_equal(stat(workdir("delta"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);

    delta = workdir_read("delta", &len);
    old = workdir_read("old", &old_len);
    mds_sha256(old, old_len, &sha256);

    /* 2,000 new bytes, and next to nothing for all the rest. */
    assert_in_range(len, 2000 + HEAD_BYTES, 2300);
    assert_memory_equal(delta, "\x5e\x2a\x4d\x18\x20\0\0\0", 8);
    assert_memory_equal(delta + 8, sha256.bytes, 32);
    assert_memory_equal(delta + HEAD_BYTES, "\x28\xb5\x2f\xfd", 4);

    /* RFC 8878, 3.1.1.1.1: a content size, one segment, a checksum. */
    assert_int_equal(delta[HEAD_BYTES + 4] & 0xff, 0xa4);
    free(delta);
    free(old);
}

static void
test_round_trips(void **state)
{
    const char *pairs[][2] = {
        { "old", "new" },       { "new", "old" },       { "old", "old" },
        { "empty", "old" },     { "old", "empty" },     { "empty", "empty" },
        { "old", "small-new" }, { "small-old", "new" },
    };

    (void) state;
    for (size_t i = 0; i < mds_nelems(pairs); i++) {
        unlink(workdir("d"));
        assert_int_equal(make(pairs[i][0], pairs[i][1], "d"), MDS_OK);
        assert_int_equal(apply(pairs[i][0], "d", "out", 1 << 20), MDS_OK);
        assert_true(workdir_same(pairs[i][1], "out"));
    }

    assert_int_equal(workdir_count(".", MDS_TEMP_PREFIX), 0);
}

static void
test_zstd_undoes_it(void **state)
{
    (void) state;
    need_tool("zstd");
    assert_int_equal(make("old", "new", "delta.dcz"), MDS_OK);
    assert_true(shell("zstd -d -f --patch-from=old delta.dcz -o by-zstd"));
    assert_true(workdir_same("new", "by-zstd"));
    assert_false(shell("zstd -d -f --patch-from=new delta.dcz -o by-zstd"));
}

static void
test_foreign(void **state)
{
    (void) state;
    assert_int_equal(make("old", "new", "delta"), MDS_OK);
    assert_int_equal(apply("new", "delta", "out", 1 << 20), MDS_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "was made for an old file with SHA-256"));
    assert_int_equal(apply("old", "new", "out", 1 << 20), MDS_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "is not a delta in the dcz format"));
    assert_int_equal(apply("old", "empty", "out", 1 << 20), MDS_INCOMPATIBLE);
    assert_int_equal(apply("none", "delta", "out", 1 << 20), MDS_NOT_FOUND);
    assert_int_equal(apply("old", "none", "out", 1 << 20), MDS_NOT_FOUND);
    assert_nothing_left("out");
    assert_int_equal(make("none", "new", "out"), MDS_NOT_FOUND);
    assert_int_equal(make("old", "none", "out"), MDS_NOT_FOUND);
    assert_int_equal(make("old", ".", "out"), MDS_INVALID);
    assert_nothing_left("out");
}

static void
test_truncated(void **state)
{
    char  *delta;
    size_t len;

    (void) state;
    assert_int_equal(make("small-old", "small-new", "delta"), MDS_OK);
    delta = workdir_read("delta", &len);

    for (size_t i = 0; i < len; i++) {
        workdir_write("cut", delta, i);
        assert_int_equal(apply("small-old", "cut", "out", 1 << 20),
                         i < 8 ? MDS_INCOMPATIBLE : MDS_DAMAGED);
        assert_nothing_left("out");
    }

    free(delta);
}

/* A bit that has no meaning may change; the file that comes out may not. */
static void
test_flipped(void **state)
{
    char        *delta;
    size_t       len, passed = 0;
    mds_status_t status;

    (void) state;
    assert_int_equal(make("small-old", "small-new", "delta"), MDS_OK);
    delta = workdir_read("delta", &len);

    for (size_t bit = 0; bit < len * 8; bit += 3) {
        delta[bit / 8] ^= (char) (1 << bit % 8);
        workdir_write("flipped", delta, len);
        status = apply("small-old", "flipped", "out", 1 << 20);
        delta[bit / 8] ^= (char) (1 << bit % 8);

        if (status == MDS_OK) {
            assert_true(workdir_same("small-new", "out"));
            passed++;
        } else {
            assert_nothing_left("out");
        }
    }

    assert_true(passed < 5);
    free(delta);
}

static void
test_followed(void **state)
{
    (void) state;
    assert_int_equal(make("old", "new", "delta"), MDS_OK);
    assert_true(shell("cp delta f && chmod 644 f && printf x >> f"));
    assert_int_equal(apply("old", "f", "out", 1 << 20), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "has bytes after the end"));

    /* A second frame, and one that is longer than what is read at once. */
    assert_true(shell("cp delta f && chmod 644 f && tail -c +41 delta >> f"));
    assert_int_equal(apply("old", "f", "out", 1 << 20), MDS_DAMAGED);
    assert_true(shell("cat delta old > f"));
    assert_int_equal(apply("old", "f", "out", 1 << 20), MDS_DAMAGED);
    assert_nothing_left("out");

    /* A skippable frame in the place of the real one. */
    assert_true(shell("head -c 40 delta > f; head -c 40 delta >> f"));
    assert_int_equal(apply("old", "f", "out", 1 << 20), MDS_DAMAGED);
    assert_nothing_left("out");
}

/*
 * Two frames, where the end of the first is the end of what is read at once
 * (128 KiB behind the head): the second may not join in unseen.
 */
static void
test_followed_at_the_seam(void **state)
{
    struct stat st;

    (void) state;
    assert_true(shell("head -c %d old > seam", 131072 - 16));
    assert_int_equal(make("empty", "seam", "delta"), MDS_OK);
    assert_int_equal(stat(workdir("delta"), &st), 0);
    assert_int_equal(st.st_size, HEAD_BYTES + 131072);

    assert_int_equal(make("empty", "small-new", "second"), MDS_OK);
    assert_true(shell("tail -c +41 second | cat delta - > f"));
    assert_int_equal(apply("empty", "f", "out", 1 << 20), MDS_DAMAGED);
    assert_nothing_left("out");
}

static void
write_frame(const char *name, const void *frame, size_t frame_len)
{
    char  *delta;
    size_t len;

    assert_int_equal(make("empty", "empty", "delta"), MDS_OK);
    delta = realloc(workdir_read("delta", &len), HEAD_BYTES + frame_len);
    assert_non_null(delta);
    memcpy(delta + HEAD_BYTES, frame, frame_len);
    workdir_write(name, delta, HEAD_BYTES + frame_len);
    free(delta);
}

/*
 * Made elsewhere, without checksum and content size: when the last byte has
 * been read, more is still to come out than there is room for at once.
 */
static void
test_bare_frame(void **state)
{
    struct stat   st;
    const uint8_t frame[] = {
        0x28,           0xb5, 0x2f, 0xfd, 0x00,
        (20 - 10) << 3, 0x02, 0x35, 0x0c, 'a', /* 100,000 times */
        0x03,           0x00, 0x10, 'b', /* 131,072 times, the last block */
    };

    (void) state;
    write_frame("bare", frame, sizeof(frame));
    assert_int_equal(apply("empty", "bare", "out", 1 << 20), MDS_OK);
    assert_int_equal(stat(workdir("out"), &st), 0);
    assert_int_equal(st.st_size, 231072);
    assert_true(shell("test $(tr -d a < out | wc -c) = 131072"));
}

/* 64 MiB from a few kilobytes. The system stops whoever writes more. */
static void
test_bomb(void **state)
{
    char         *delta;
    size_t        len;
    struct rlimit before, limit;

    (void) state;
    assert_true(shell("truncate -s 64M zeros"));
    assert_int_equal(make("empty", "zeros", "bomb"), MDS_OK);
    delta = workdir_read("bomb", &len);
    free(delta);
    assert_true(len < 10000);

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(apply("empty", "bomb", "out", 1 << 20), MDS_INVALID);
    setrlimit(RLIMIT_FSIZE, &before);

    assert_non_null(strstr(err.text, "more than 1048576 bytes"));
    assert_nothing_left("out");

    /* One byte decides. */
    assert_int_equal(apply("empty", "bomb", "out", (64 << 20) - 1),
                     MDS_INVALID);
    assert_nothing_left("out");
    assert_int_equal(apply("empty", "bomb", "out", 64 << 20), MDS_OK);
    assert_true(shell("rm zeros out"));
}

/* A frame that wants 256 MiB of memory for its window. */
static void
test_window_too_large(void **state)
{
    uint8_t frame[] = { 0x28,           0xb5, 0x2f, 0xfd, 0x00,
                        (28 - 10) << 3, 0x09, 0x00, 0x00, 'x' };

    (void) state;
    write_frame("window", frame, sizeof(frame));
    assert_int_equal(apply("empty", "window", "out", 1 << 20), MDS_DAMAGED);
    assert_nothing_left("out");

    frame[5] = (27 - 10) << 3;
    write_frame("window", frame, sizeof(frame));
    assert_int_equal(apply("empty", "window", "out", 1 << 20), MDS_OK);
}

static void
test_too_large(void **state)
{
    (void) state;
    assert_true(mds_delta_possible(MDS_DELTA_FILE_MAX, MDS_DELTA_FILE_MAX));
    assert_false(mds_delta_possible(MDS_DELTA_FILE_MAX + 1, 1));
    assert_false(mds_delta_possible(1, MDS_DELTA_FILE_MAX + 1));

    assert_true(shell("truncate -s %llu huge",
                      (unsigned long long) MDS_DELTA_FILE_MAX + 1));
    assert_int_equal(make("huge", "new", "out"), MDS_INVALID);
    assert_int_equal(make("old", "huge", "out"), MDS_INVALID);
    assert_int_equal(make("old", "new", "delta"), MDS_OK);
    assert_int_equal(apply("huge", "delta", "out", 1 << 20), MDS_INVALID);
    assert_nothing_left("out");
    assert_true(shell("rm huge"));
}

typedef struct {
    mds_progress_t progress;
    const char    *command; /* run once, when so many bytes are done */
    uint64_t       at;
    unsigned       late; /* so many calls later even */
    uint64_t       done;
} watch_t;

static void
watch(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    watch_t *seen = (watch_t *) progress;

    assert_true(done >= seen->done && done <= total);
    seen->done = done;

    if (seen->command != NULL && done >= seen->at && seen->late-- == 0) {
        assert_true(shell("%s", seen->command));
        seen->command = NULL;
    }
}

/* The new file changes while it is read, and after it was read. */
static void
test_changed_meanwhile(void **state)
{
    watch_t watches[] = {
        { { watch }, "truncate -s 150000 moving", 1, 0, 0 },
        { { watch }, "cat old >> moving", 1, 0, 0 },
        { { watch }, "printf x | dd of=moving conv=notrunc", PACKED, 0, 0 },
        { { watch }, "printf x >> moving", PACKED, 0, 0 },
        { { watch }, "printf x >> moving", PACKED, 1, 0 },
        { { watch }, "truncate -s -1 moving", PACKED, 1, 0 },
    };

    (void) state;
    for (size_t i = 0; i < mds_nelems(watches); i++) {
        assert_true(shell("rm -f moving; cp new moving"));
        assert_int_equal(mds_delta_make(workdir("old"), workdir("moving"),
                                        MDS_ZSTD_BEST, workdir("out"),
                                        &watches[i].progress, &err),
                         MDS_CONFLICT);
        assert_null(watches[i].command);
        assert_nothing_left("out");
    }
}

static void
test_progress(void **state)
{
    watch_t seen = { { watch }, NULL, 0, 0, 0 };

    (void) state;
    assert_int_equal(mds_delta_make(workdir("old"), workdir("new"),
                                    MDS_ZSTD_BEST, workdir("delta"),
                                    &seen.progress, &err),
                     MDS_OK);
    assert_int_equal(seen.done,
                     mds_delta_work(MDS_ZSTD_BEST, OLD_BYTES, NEW_BYTES));
}

static void
test_compressed_size(void **state)
{
    uint64_t size = 7;

    (void) state;
    assert_int_equal(mds_compressed_size(workdir("none"), NULL, &err, &size),
                     MDS_NOT_FOUND);
    assert_int_equal(size, 7);
    assert_int_equal(mds_compressed_size(workdir("old"), NULL, &err, &size),
                     MDS_OK);
    assert_in_range(size, OLD_BYTES, OLD_BYTES + 100);
    assert_true(shell("head -c 1000000 /dev/zero > zeros"));
    assert_int_equal(mds_compressed_size(workdir("zeros"), NULL, &err, &size),
                     MDS_OK);
    assert_in_range(size, 10, 200);
    assert_int_equal(mds_compressed_size(workdir("empty"), NULL, &err, &size),
                     MDS_OK);
    assert_in_range(size, 9, 20);
}

static void
test_worth(void **state)
{
    (void) state;
    assert_true(mds_delta_worth(79, 100));
    assert_false(mds_delta_worth(80, 100));
    assert_false(mds_delta_worth(0, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_zstd_undoes_it),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_followed),
        cmocka_unit_test(test_followed_at_the_seam),
        cmocka_unit_test(test_bare_frame),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_window_too_large),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_changed_meanwhile),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_compressed_size),
        cmocka_unit_test(test_worth),
    };

    return cmocka_run_group_tests(tests, setup, workdir_remove);
}
