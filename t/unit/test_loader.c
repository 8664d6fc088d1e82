/* A loader that has waited for the lock while its depot was restored. */

#include <stdio.h>
#include <string.h>

#include "mds_gc.h"
#include "mds_loader.h"
#include "workdir.h"

static mds_status_t
edit(mds_loader_t *loader, void *data, mds_json_t *state, mds_error_t *err)
{
    (void) loader;
    (void) data;
    (void) err;

    return mds_json_set_integer(mds_json_get(state, "document"), "x", 1);
}

static void
removed(void *data, const char *name, uint64_t size_bytes)
{
    (void) data;
    (void) name;
    (void) size_bytes;
    fail();
}

static void
test_restored(void **state)
{
    const mds_change_t change = {
        .app = mds_str("a"), .command = "test", .what = "test", .edit = edit
    };
    mds_gc_options_t    options = { .generations = 1, .removed = removed };
    mds_gc_result_t     collected;
    mds_loader_t       *loader;
    mds_change_result_t result;
    const char         *depot = workdir("depot");
    const char         *other = workdir("other");
    mds_error_t         err;

    (void) state;
    assert_int_equal(mds_depot_init(depot, -1, -1, &err), MDS_OK);
    assert_int_equal(mds_loader_open(depot, NULL, &err, &loader), MDS_OK);

    assert_int_equal(rename(depot, other), 0);
    assert_int_equal(mds_depot_init(depot, -1, -1, &err), MDS_OK);

    assert_int_equal(mds_loader_change(loader, &change, &err, &result),
                     MDS_CONFLICT);
    assert_non_null(strstr(err.text, "was restored meanwhile"));
    assert_int_equal(mds_gc(loader, &options, &err, &collected), MDS_CONFLICT);
    mds_loader_close(loader);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_restored) };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
