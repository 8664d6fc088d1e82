/* The deltas of a change are each made once, and its files stored once. */

#include "workdir.h"

#include <stdio.h>

#include "files/mds_store.h"
#include "loader/mds_delta_batch.h"

static mds_error_t err;

/* Adds a file of noise to the depot's store. */
static mds_sha256_t
add_file(const char *name, size_t changed)
{
    static char  bytes[100000];
    uint64_t     size = 0;
    mds_sha256_t sha256;

    workdir_noise(bytes, sizeof(bytes), 1);
    bytes[changed] ^= 1;
    workdir_write(name, bytes, sizeof(bytes));
    assert_int_equal(mds_store_add(workdir("depot"), workdir(name), NULL, &err,
                                   &sha256, &size),
                     MDS_OK);
    return sha256;
}

static void
add(mds_delta_batch_t *batch, mds_loader_t *loader, const mds_sha256_t *from,
    const mds_sha256_t *to)
{
    assert_int_equal(mds_delta_batch_add(batch, loader, from, 100000, to,
                                         100000, &err),
                     MDS_OK);
}

/* One file may be that of several packages, and a change may run again for the
 * whole app. */
static void
test_add_twice(void **state)
{
    mds_delta_batch_t batch;
    mds_loader_t     *loader;
    mds_sha256_t      one, two, three;

    (void) state;
    assert_int_equal(mds_depot_init(workdir("depot"), -1, -1, &err), MDS_OK);
    assert_int_equal(mds_loader_open(workdir("depot"), NULL, &err, &loader),
                     MDS_OK);
    one = add_file("one", 1);
    two = add_file("two", 2);
    three = add_file("three", 3);

    mds_delta_batch_init(&batch, MDS_ZSTD_FAST);
    assert_int_equal(mds_journal_write(mds_loader_journal(loader), &err),
                     MDS_OK);
    add(&batch, loader, &one, &three);
    add(&batch, loader, &two, &three);
    add(&batch, loader, &one, &three);
    assert_int_equal(batch.missing, 2);
    assert_null(mds_delta_batch_find(&batch, &one, &three));
    mds_journal_abort(mds_loader_journal(loader));

    assert_int_equal(mds_delta_batch_make(&batch, loader, &err), MDS_OK);
    assert_int_equal(batch.missing, 0);
    assert_int_equal(mds_delta_batch_count(&batch), 2);
    assert_non_null(mds_delta_batch_find(&batch, &one, &three));
    assert_non_null(mds_delta_batch_find(&batch, &two, &three));

    mds_delta_batch_free(&batch);
    mds_loader_close(loader);
}

static unsigned rounds;

/* Publishes three versions, of which the last has a delta from those before. A
 * round but the first finds neither sources nor signatures. */
static mds_status_t
edit_publish(mds_loader_t *loader, void *data, mds_json_t *state,
             mds_error_t *error)
{
    static const char text[]
        = "{\"app\":\"a\",\"packages\":["
          "{\"kind\":\"upgrade\",\"version\":\"1\",\"deltas\":0,"
          " \"file\":\"%s\"},"
          "{\"kind\":\"upgrade\",\"version\":\"2\",\"deltas\":1,"
          " \"file\":\"%s\"}]}";
    char        filled[2 * sizeof(mds_path_t)];
    char        one[sizeof(mds_path_t)];
    mds_json_t *document;

    (void) loader;
    (void) data;
    snprintf(one, sizeof(one), "%s", workdir("publish-1"));
    snprintf(filled, sizeof(filled), text, one, workdir("publish-2"));
    assert_int_equal(mds_json_parse(mds_str_of(filled), "test", error,
                                    &document),
                     MDS_OK);

    if (rounds++ > 0) {
        assert_true(shell("rm -f publish-1 publish-2"));
        assert_int_equal(workdir_count("publish/files", ""), 1);
    }

    return mds_json_set(state, "document", document);
}

/* The files of a change whose deltas are made meanwhile are read only once. */
static void
test_files_are_kept(void **state)
{
    static char         bytes[100000];
    char                keyid[MDS_KEYID_HEX + 1];
    mds_key_t           key;
    const mds_change_t  change = { .app = mds_str("a"),
                                   .new_app = MDS_NEW_APP_ALWAYS,
                                   .command = "test",
                                   .what = "test",
                                   .key = &key,
                                   .deltas_level = MDS_ZSTD_FAST,
                                   .edit = edit_publish };
    mds_change_result_t result;
    mds_loader_t       *loader;

    (void) state;
    workdir_noise(bytes, sizeof(bytes), 3);
    workdir_write("publish-1", bytes, sizeof(bytes));
    bytes[50000] ^= 1;
    workdir_write("publish-2", bytes, sizeof(bytes));

    assert_int_equal(mds_key_generate(workdir("k"), &err, keyid), MDS_OK);
    assert_int_equal(mds_key_load(workdir("k.key"), &err, &key), MDS_OK);
    assert_int_equal(mds_depot_init(workdir("publish"), -1, -1, &err), MDS_OK);
    assert_int_equal(mds_loader_open(workdir("publish"), NULL, &err, &loader),
                     MDS_OK);
    assert_int_equal(mds_loader_change(loader, &change, &err, &result),
                     MDS_OK);
    assert_int_equal(rounds, 2);
    assert_int_equal(result.serial, 1);

    /* Two packages, two signatures of each, and a delta. */
    assert_int_equal(workdir_count("publish/files", ""), 7);
    mds_json_release(result.changes);
    mds_json_release(result.warnings);
    mds_loader_close(loader);
    mds_key_wipe(&key);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_twice),
        cmocka_unit_test(test_files_are_kept),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
