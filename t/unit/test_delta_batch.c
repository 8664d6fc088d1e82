/* The deltas of a change are each made once, whoever asks for them again. */

#include "workdir.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_add_twice) };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
