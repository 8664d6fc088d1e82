/* A loader that has waited for the lock while its depot was restored. */

#include <stdio.h>
#include <string.h>

#include "loader/mds_loader.h"
#include "loader/mds_setting_ids.h"
#include "maintain/mds_gc.h"
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
        .app = mds_str("a"), .new_app = MDS_NEW_APP_ALWAYS,
        .command = "test", .what = "test", .edit = edit
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

static mds_status_t
edit_config(mds_loader_t *loader, void *data, mds_json_t *state,
            mds_error_t *err)
{
    static const char text[]
        = "{\"app\":\"c\",\"releases\":[{\"id\":\"k\",\"kind\":\"config\","
          "\"name\":\"k\",\"value\":1,\"audience\":{\"all\":true}}]}";
    mds_json_t *document;

    (void) loader;
    (void) data;
    assert_int_equal(mds_json_parse(mds_str(text), "test", err, &document),
                     MDS_OK);

    return mds_json_set(state, "document", document);
}

static int64_t
epoch(mds_loader_t *loader)
{
    mds_json_t *state;
    mds_error_t err;
    int64_t     epoch;

    assert_int_equal(mds_loader_get_state(loader, mds_str("c"), &err, &state),
                     MDS_OK);
    epoch = mds_json_integer(
        mds_json_get(mds_json_get(state, "config"), "epoch"));
    mds_json_release(state);

    return epoch;
}

/* What was numbered before a restore is not taken for what comes after. */
static void
test_renewed(void **state)
{
    const mds_change_t  change = { .app = mds_str("c"),
                                   .new_app = MDS_NEW_APP_ALWAYS,
                                   .command = "test",
                                   .what = "test",
                                   .edit = edit_config };
    const char         *depot = workdir("renewed");
    mds_change_result_t result;
    mds_loader_t       *loader;
    mds_error_t         err;
    int64_t             before;

    (void) state;
    assert_int_equal(mds_depot_init(depot, -1, -1, &err), MDS_OK);
    assert_int_equal(mds_loader_open(depot, NULL, &err, &loader), MDS_OK);
    assert_int_equal(mds_loader_change(loader, &change, &err, &result),
                     MDS_OK);
    mds_json_release(result.changes);
    mds_json_release(result.warnings);
    before = epoch(loader);
    mds_loader_close(loader);

    assert_int_equal(mds_setting_ids_renew(depot, &err), MDS_OK);

    assert_int_equal(mds_loader_open(depot, NULL, &err, &loader), MDS_OK);
    assert_int_not_equal(epoch(loader), before);
    mds_loader_close(loader);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_restored),
                                        cmocka_unit_test(test_renewed) };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
