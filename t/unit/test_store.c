/* The store holds what its names say, once, unchangeable, and nothing else. */

#include "workdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_work_dir.h"
#include "files/mds_delta.h"
#include "files/mds_store.h"

static mds_error_t err;

static int
setup(void **state)
{
    static char bytes[200000];

    if (workdir_make(state) != 0
        || mds_dir_make(workdir("depot"), 0755, &err) != MDS_OK
        || mds_dir_make(workdir("depot/files"), 0755, &err) != MDS_OK)
    {
        return -1;
    }

    workdir_noise(bytes, sizeof(bytes), 1);
    workdir_write("old", bytes, sizeof(bytes));
    bytes[100000] ^= 1;
    workdir_write("new", bytes, sizeof(bytes));
    workdir_noise(bytes, sizeof(bytes), 2);
    workdir_write("other", bytes, sizeof(bytes));
    return 0;
}

static mds_sha256_t
add(const char *name)
{
    uint64_t     size = 0;
    mds_sha256_t sha256;

    assert_int_equal(mds_store_add(workdir("depot"), workdir(name), NULL, &err,
                                   &sha256, &size),
                     MDS_OK);
    return sha256;
}

/* Relative to the work directory; good until the next call. */
static const char *
stored(const mds_sha256_t *sha256, const char *suffix)
{
    char        hex[MDS_SHA256_HEX + 1];
    static char name[128];

    snprintf(name, sizeof(name), "depot/files/%s%s",
             mds_sha256_hex(sha256, hex), suffix);
    return name;
}

static struct stat
stat_of(const char *name)
{
    struct stat st;

    assert_int_equal(stat(workdir(name), &st), 0);
    return st;
}

static void
test_add(void **state)
{
    uint64_t     size = 0, expected_size;
    mds_path_t   path;
    mds_sha256_t sha256, expected;

    (void) state;
    assert_int_equal(mds_sha256_file(workdir("old"), NULL, &err, &expected,
                                     &expected_size),
                     MDS_OK);
    assert_int_equal(mds_store_has(workdir("depot"), &expected, &err, &size),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_store_add(workdir("depot"), workdir("old"), NULL, &err,
                                   &sha256, &size),
                     MDS_OK);

    assert_true(mds_sha256_eq(&sha256, &expected));
    assert_int_equal(size, expected_size);
    assert_int_equal(mds_store_path(workdir("depot"), &sha256, &err, &path),
                     MDS_OK);
    assert_string_equal(path.text, workdir(stored(&sha256, "")));
    assert_true(workdir_same("old", stored(&sha256, "")));
    assert_int_equal(stat_of(stored(&sha256, "")).st_mode & 07777, 0444);

    size = 0;
    assert_int_equal(mds_store_has(workdir("depot"), &sha256, &err, &size),
                     MDS_OK);
    assert_int_equal(size, expected_size);
}

/* What nginx has open, or a cache knows by inode, is left alone. */
static void
test_add_again(void **state)
{
    ino_t        first;
    mds_sha256_t sha256 = add("old");

    (void) state;
    first = stat_of(stored(&sha256, "")).st_ino;
    add("old");
    assert_int_equal(stat_of(stored(&sha256, "")).st_ino, first);

    /* A cut one is put right. */
    assert_true(
        shell("chmod 644 %1$s && truncate -s 5 %1$s", stored(&sha256, "")));
    add("old");
    assert_true(workdir_same("old", stored(&sha256, "")));
    assert_int_equal(workdir_count("depot/files", MDS_TEMP_PREFIX), 0);
}

static void
test_add_errors(void **state)
{
    uint64_t     size = 7;
    mds_sha256_t sha256 = { { 7 } };

    (void) state;
    assert_int_equal(mkfifo(workdir("fifo"), 0600), 0);
    assert_int_equal(mds_store_add(workdir("depot"), workdir("none"), NULL,
                                   &err, &sha256, &size),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_store_add(workdir("depot"), workdir("fifo"), NULL,
                                   &err, &sha256, &size),
                     MDS_INVALID);
    assert_int_equal(mds_store_add(workdir("depot"), workdir("."), NULL, &err,
                                   &sha256, &size),
                     MDS_INVALID);
    assert_int_equal(mds_store_add(workdir("nowhere"), workdir("old"), NULL,
                                   &err, &sha256, &size),
                     MDS_NOT_FOUND);
    assert_int_equal(size, 7);
    assert_int_equal(sha256.bytes[0], 7);
    assert_int_equal(workdir_count("depot/files", MDS_TEMP_PREFIX), 0);
}

typedef struct {
    mds_progress_t progress;
    uint64_t       done;
} change_t;

static void
change(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    change_t *seen = (change_t *) progress;

    if (seen->done == 0) {
        assert_int_equal(total, 200000);
        assert_true(shell("printf x | dd of=moving conv=notrunc; "
                          "printf y >> moving"));
    }

    assert_true(done > seen->done && done <= total);
    seen->done = done;
}

/* The name is that of the bytes that were stored, whatever the source does. */
static void
test_source_changes(void **state)
{
    char         hex[MDS_SHA256_HEX + 1];
    change_t     seen = { { change }, 0 };
    uint64_t     size;
    mds_sha256_t sha256;

    (void) state;
    assert_true(shell("cp old moving"));
    assert_int_equal(mds_store_add(workdir("depot"), workdir("moving"),
                                   &seen.progress, &err, &sha256, &size),
                     MDS_OK);
    assert_int_equal(size, 200001);
    assert_int_equal(stat_of(stored(&sha256, "")).st_size, 200001);
    assert_true(shell("echo '%s  %s' | sha256sum -c",
                      mds_sha256_hex(&sha256, hex), stored(&sha256, "")));
}

static void
test_minisign(void **state)
{
    char         keyid[MDS_KEYID_HEX + 1], own[64], others[64];
    uint8_t      signer[MDS_KEYID_BYTES];
    ino_t        first;
    mds_key_t    key, other;
    mds_sha256_t sha256 = add("old"), none = { { 0 } };

    (void) state;
    assert_int_equal(mds_key_generate(workdir("a"), &err, keyid), MDS_OK);
    assert_int_equal(mds_key_generate(workdir("b"), &err, keyid), MDS_OK);
    assert_int_equal(mds_key_load(workdir("a.key"), &err, &key), MDS_OK);
    assert_int_equal(mds_key_load(workdir("b.key"), &err, &other), MDS_OK);

    snprintf(own, sizeof(own), ".%s.minisig", mds_keyid_hex(key.keyid, keyid));
    snprintf(others, sizeof(others), ".%s.minisig",
             mds_keyid_hex(other.keyid, keyid));

    assert_int_equal(mds_store_minisign(workdir("depot"), &none, &key, "x",
                                        &err),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_store_minisign(workdir("depot"), &sha256, &key,
                                        "old.zip", &err),
                     MDS_OK);
    first = stat_of(stored(&sha256, own)).st_ino;
    assert_int_equal(stat_of(stored(&sha256, own)).st_mode & 07777, 0444);
    assert_int_equal(stat_of(stored(&sha256, ".minisig")).st_mode & 07777,
                     0444);

    /* Kept, with its label, also when another key comes. */
    assert_int_equal(mds_store_minisign(workdir("depot"), &sha256, &key,
                                        "again", &err),
                     MDS_OK);
    assert_int_equal(stat_of(stored(&sha256, own)).st_ino, first);
    assert_int_equal(mds_store_minisign(workdir("depot"), &sha256, &other,
                                        "again", &err),
                     MDS_OK);
    assert_int_equal(stat_of(stored(&sha256, own)).st_ino, first);
    assert_true(shell("grep -q file:old.zip %s", stored(&sha256, own)));
    assert_true(shell("grep -q file:old.zip %s", stored(&sha256, ".minisig")));
    assert_true(shell("grep -q file:again %s", stored(&sha256, others)));

    /* Made anew when it is broken. */
    assert_true(shell("cd depot/files && chmod 644 *.minisig"
                      " && truncate -s -9 *.minisig"));
    assert_int_equal(mds_store_minisign(workdir("depot"), &sha256, &other,
                                        "whole", &err),
                     MDS_OK);
    assert_true(shell("grep -q file:whole %s", stored(&sha256, others)));
    assert_true(shell("grep -q file:whole %s", stored(&sha256, ".minisig")));

    /* The common name is given to another key on demand alone. */
    assert_int_equal(mds_store_minisign(workdir("depot"), &sha256, &key,
                                        "first", &err),
                     MDS_OK);
    assert_true(shell("grep -q file:whole %s", stored(&sha256, ".minisig")));
    assert_int_equal(mds_store_set_signature(workdir("depot"), &sha256,
                                             key.keyid, &err),
                     MDS_OK);
    assert_true(shell("grep -q file:first %s", stored(&sha256, ".minisig")));
    assert_int_equal(mds_store_signer(workdir("depot"), &sha256, &err, signer),
                     MDS_OK);
    assert_memory_equal(signer, key.keyid, sizeof(signer));

    /* As an older program has left it: the name is given without the key. */
    assert_true(shell("rm -f %s", stored(&sha256, own)));
    assert_int_equal(mds_store_check_signature(workdir("depot"), &sha256,
                                               key.keyid, &err),
                     MDS_OK);
    assert_true(shell("grep -q file:first %s", stored(&sha256, own)));
    assert_true(shell("rm -f %s", stored(&sha256, others)));
    assert_int_equal(mds_store_check_signature(workdir("depot"), &sha256,
                                               other.keyid, &err),
                     MDS_NOT_FOUND);

    need_tool("minisign");
    assert_true(shell("minisign -Vm %s -p a.pub", stored(&sha256, "")));
}

/* Names of files/: these, and no others. */
static void
test_names(void **state)
{
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    static const struct {
        const char      *name;
        mds_store_name_t is;
    } cases[] = {
        { HEX, MDS_STORE_FILE },
        { HEX ".minisig", MDS_STORE_SIGNATURE },
        { HEX ".0123456789ABCDEF.minisig", MDS_STORE_KEY_SIGNATURE },
        { HEX ".0123456789abcdef.minisig", MDS_STORE_OTHER },
        { HEX ".0123456789ABCDE.minisig", MDS_STORE_OTHER },
        { HEX ".0123456789ABCDEF0.minisig", MDS_STORE_OTHER },
        { HEX ".0123456789ABCDEG.minisig", MDS_STORE_OTHER },
        { HEX "x0123456789ABCDEF.minisig", MDS_STORE_OTHER },
        { HEX ".0123456789ABCDEF.minisi", MDS_STORE_OTHER },
        { HEX ".0123456789ABCDEF", MDS_STORE_OTHER },
        { HEX ".", MDS_STORE_OTHER },
        { "0" HEX, MDS_STORE_OTHER },
        { "00", MDS_STORE_OTHER },
        { "", MDS_STORE_OTHER },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        uint8_t      keyid[MDS_KEYID_BYTES];
        char         text[MDS_KEYID_HEX + 1];
        mds_sha256_t sha256;

        assert_int_equal(mds_store_name(mds_str_of(cases[i].name), &sha256,
                                        keyid),
                         cases[i].is);

        if (cases[i].is == MDS_STORE_KEY_SIGNATURE) {
            assert_string_equal(mds_keyid_hex(keyid, text), "0123456789ABCDEF");
        }
    }
}

static mds_status_t
delta(const mds_sha256_t *old, const mds_sha256_t *new, mds_zstd_level_t level,
      mds_sha256_t *sha256, uint64_t *size)
{
    return mds_store_delta(workdir("aside"), old, new, level, NULL, &err,
                           sha256, size);
}

static void
link_aside(const mds_sha256_t *sha256)
{
    assert_int_equal(mds_store_link(workdir("depot"), sha256, workdir("aside"),
                                    &err),
                     MDS_OK);
}

/* A delta is made aside, from files that stay there, and put into the store. */
static void
test_delta(void **state)
{
    uint64_t     size = 7;
    mds_sha256_t old = add("old"), new = add("new");
    mds_sha256_t sha256 = { { 7 } }, none = { { 0 } };
    unsigned     before = workdir_count("depot/files", "");

    (void) state;
    assert_true(shell("mkdir aside"));
    assert_int_equal(mds_store_link(workdir("depot"), &none, workdir("aside"),
                                    &err),
                     MDS_NOT_FOUND);
    link_aside(&old);
    link_aside(&old);
    link_aside(&new);

    assert_int_equal(delta(&old, &none, MDS_ZSTD_BEST, &sha256, &size),
                     MDS_NOT_FOUND);
    assert_int_equal(delta(&none, &new, MDS_ZSTD_BEST, &sha256, &size),
                     MDS_NOT_FOUND);
    assert_int_equal(size, 7);
    assert_int_equal(sha256.bytes[0], 7);

    assert_int_equal(delta(&old, &new, MDS_ZSTD_FAST, &sha256, &size), MDS_OK);
    assert_in_range(size, 40, 400);
    assert_int_equal(delta(&old, &new, MDS_ZSTD_BEST, &sha256, &size), MDS_OK);
    assert_in_range(size, 40, 400);
    assert_int_equal(workdir_count("aside", MDS_TEMP_PREFIX), 0);
    assert_int_equal(workdir_count("depot/files", ""), before);

    assert_int_equal(mds_store_put(workdir("aside"), workdir("depot"), &sha256,
                                   &err),
                     MDS_OK);
    assert_int_equal(mds_store_put(workdir("aside"), workdir("depot"), &sha256,
                                   &err),
                     MDS_OK);
    assert_int_equal(workdir_count("depot/files", ""), before + 1);
    assert_int_equal(stat_of(stored(&sha256, "")).st_size, size);
    assert_int_equal(stat_of(stored(&sha256, "")).st_mode & 07777, 0444);
    assert_int_equal(mds_delta_apply(workdir("old"),
                                     workdir(stored(&sha256, "")),
                                     workdir("patched"), 200000, &err),
                     MDS_OK);
    assert_true(workdir_same("new", "patched"));
}

static void
put(const mds_sha256_t *sha256)
{
    assert_int_equal(mds_store_put(workdir("aside"), workdir("depot"), sha256,
                                   &err),
                     MDS_OK);
}

/* A delta that is made again replaces a damaged one of its name. */
static void
test_put_replaces_damaged(void **state)
{
    char         hex[MDS_SHA256_HEX + 1];
    uint64_t     size = 7;
    mds_sha256_t old = add("old"), new = add("new"), sha256;

    (void) state;
    assert_true(shell("rm -rf aside; mkdir aside"));
    link_aside(&old);
    link_aside(&new);
    assert_int_equal(delta(&old, &new, MDS_ZSTD_FAST, &sha256, &size), MDS_OK);
    (void) mds_sha256_hex(&sha256, hex);

    assert_true(shell("rm -f depot/files/%1$s; echo cut >depot/files/%1$s",
                      hex));
    put(&sha256);
    assert_true(shell("cmp aside/%1$s depot/files/%1$s", hex));

    assert_true(shell("rm -f depot/files/%1$s; head -c %2$u /dev/zero"
                      " >depot/files/%1$s",
                      hex, (unsigned) size));
    assert_false(shell("cmp aside/%1$s depot/files/%1$s", hex));
    put(&sha256);
    assert_true(shell("cmp aside/%1$s depot/files/%1$s", hex));
    assert_int_equal(stat_of(stored(&sha256, "")).st_mode & 07777, 0444);
    assert_int_equal(workdir_count("depot/files", MDS_TEMP_PREFIX), 0);
}

/* A file is copied where there can be no hard link to it. */
static void
test_link_copies(void **state)
{
    char         hex[MDS_SHA256_HEX + 1];
    char         dir[] = "/dev/shm/mds-test-store-XXXXXX";
    mds_sha256_t old = add("old");
    struct stat  st;

    (void) state;

    if (mkdtemp(dir) == NULL) {
        skip();
    }

    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(mds_store_link(workdir("depot"), &old, dir, &err), MDS_OK);
    assert_true(shell("cmp old %s/%s", dir, mds_sha256_hex(&old, hex)));
    assert_true(shell("rm -r %s", dir));

    if (st.st_dev == stat_of("depot").st_dev) {
        skip();
    }
}

/* A delta from other bytes than those of the digest would fit no device. */
static void
test_delta_of_damaged(void **state)
{
    char         hex[MDS_SHA256_HEX + 1];
    uint64_t     size = 7;
    mds_sha256_t old = add("old"), new = add("new"), sha256;

    (void) state;
    assert_true(shell("rm -rf aside; mkdir aside"));
    link_aside(&new);
    assert_true(shell("cp old aside/%s; printf x >> aside/%s",
                      mds_sha256_hex(&old, hex), hex));
    assert_int_equal(delta(&old, &new, MDS_ZSTD_FAST, &sha256, &size),
                     MDS_DAMAGED);
    assert_non_null(strstr(err.text, hex));
    assert_int_equal(workdir_count("aside", ""), 2);
    assert_int_equal(size, 7);
}

/* A directory that a process holds is not swept, one that was left is. */
static void
test_sweep_work_dir(void **state)
{
    mds_work_dir_t held, left;

    (void) state;
    assert_int_equal(mds_work_dir_create(&held, workdir("depot/files"), &err),
                     MDS_OK);
    assert_int_equal(mds_work_dir_create(&left, workdir("depot/files"), &err),
                     MDS_OK);
    assert_true(
        shell("cp old %s/a; cp old %s/.tmp-b", left.path.text, left.path.text));
    assert_true(shell("cp old %s/a", held.path.text));

    /* As the kernel does for a killed process. */
    closedir(left.dir);
    assert_int_equal(mds_store_sweep(workdir("depot"), &err), MDS_OK);
    assert_int_equal(access(left.path.text, F_OK), -1);
    assert_true(shell("cmp old %s/a", held.path.text));

    mds_work_dir_remove(&held);
    assert_int_equal(access(held.path.text, F_OK), -1);
    mds_work_dir_remove(&held);
    assert_int_equal(workdir_count("depot/files", MDS_TEMP_PREFIX), 0);
}

static void
test_sweep(void **state)
{
    unsigned before;

    (void) state;
    add("old");
    before = workdir_count("depot/files", "");
    workdir_write("depot/files/" MDS_TEMP_PREFIX "Ab12cd", "half", 4);
    workdir_write("depot/files/" MDS_TEMP_PREFIX "0123", "half", 4);
    assert_int_equal(mds_store_sweep(workdir("depot"), &err), MDS_OK);
    assert_int_equal(workdir_count("depot/files", ""), before);
    assert_int_equal(mds_store_sweep(workdir("nowhere"), &err), MDS_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_add_again),
        cmocka_unit_test(test_add_errors),
        cmocka_unit_test(test_source_changes),
        cmocka_unit_test(test_minisign),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_delta),
        cmocka_unit_test(test_put_replaces_damaged),
        cmocka_unit_test(test_link_copies),
        cmocka_unit_test(test_delta_of_damaged),
        cmocka_unit_test(test_sweep_work_dir),
        cmocka_unit_test(test_sweep),
    };

    return cmocka_run_group_tests(tests, setup, workdir_remove);
}
