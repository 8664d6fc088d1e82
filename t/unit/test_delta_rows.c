/*
 * Rows of deltas: one is there as long as both of its files are packages, of
 * whatever app, and goes with the first of them, in small generations and in
 * large ones; those that older programs left go after the next gc.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/mds_current.h"
#include "catalog/mds_validate.h"
#include "catalog_fixture.h"
#include "compile/mds_generation_internal.h"
#include "loader/mds_journal.h"
#include "maintain/mds_gc.h"
#include "workdir.h"

#define MANY 40000 /* ids: 320 KB, so that a change writes a layer */

static mds_error_t err;

/* Makes the document of an app whose packages have the files f1, f2 … as far as
 * the text has their digits; the highest one is released. */
static const char *
document(const char *app, const char *versions, bool paused)
{
    static char text[4096];
    char       *end = text;

    end += sprintf(end, "{\"app\":\"%s\",\"packages\":[", app);

    for (const char *v = versions; *v != '\0'; v++) {
        end += sprintf(end,
                       "%s{\"kind\":\"bundle\",\"name\":\"n\",\"version\":\"%c\""
                       ",\"file\":\"f%c\"}",
                       v > versions ? "," : "", *v, *v);
    }

    sprintf(end,
            "],\"releases\":[{\"id\":\"r\",\"kind\":\"bundle\",\"name\":\"n\","
            "\"version\":\"%c\",\"state\":\"%s\",\"audience\":{\"all\":true}}]}",
            versions[strlen(versions) - 1], paused ? "paused" : "running");

    return text;
}

static void
change(const char *app, const char *versions, bool paused)
{
    if (!fixture_change(document(app, versions, paused), &err)) {
        fail_msg("%s", err.text);
    }
}

static mds_sha256_t
digest(char version)
{
    char name[] = { 'f', version };
    mds_sha256_t sha256 = { { 0 } };

    memcpy(sha256.bytes, name, sizeof(name));
    return sha256;
}

/* Returns whether the generation has the row of a delta to f2 from f1, … */
static bool
has(char to, char from)
{
    mds_sha256_t new = digest(to), old = digest(from), found;

    return mds_catalog_delta(fixture_snapshot().catalog, &new, &old, &err,
                             &found)
           == MDS_OK;
}

static void
check_rows(void)
{
    change("a", "123", false);
    assert_true(has('3', '2') && has('3', '1'));
    change("b", "23", false);
    assert_true(has('3', '2') && has('3', '1'));

    /* Not offered, and nevertheless true. */
    change("a", "123", true);
    change("b", "23", true);
    assert_true(has('3', '2') && has('3', '1'));

    /* Of version 2, the other app has the same file. */
    change("a", "13", false);
    assert_true(has('3', '2') && has('3', '1'));
    change("a", "3", false);
    assert_true(has('3', '2'));
    assert_false(has('3', '1'));

    /* The app that has offered it has still both. */
    change("b", "234", false);
    assert_true(has('3', '2') && has('4', '3') && has('4', '2'));
    change("b", "24", false);
    assert_true(has('3', '2') && has('4', '3') && has('4', '2'));
    change("a", "5", false);
    assert_false(has('3', '2') || has('4', '3'));
    assert_true(has('4', '2'));

    /* It comes again with its version. */
    change("a", "12345", false);
    assert_true(has('5', '4') && has('5', '3') && has('4', '2'));
    change("b", "2", false);
    assert_true(has('4', '2'));
    change("a", "15", false);
    assert_false(has('4', '2') || has('5', '4'));
    assert_true(has('5', '1'));
}

static void
test_small(void **state)
{
    (void) state;
    fixture_bodies = true;
    fixture_load("{\"app\":\"z\"}");
    check_rows();
    assert_int_equal(mds_catalog_files(fixture_snapshot().catalog)->count, 1);
}

static void
test_layers(void **state)
{
    static char text[MANY * 16];
    char       *end = text;

    (void) state;
    fixture_bodies = true;
    end += sprintf(end, "{\"app\":\"z\",\"lists\":{\"many\":{\"ids\":[\"m\"");

    for (unsigned i = 0; i < MANY; i++) {
        end += sprintf(end, ",\"m%u\"", i);
    }

    sprintf(end, "]}}}");
    fixture_load(text);
    check_rows();
    assert_true(mds_catalog_files(fixture_snapshot().catalog)->count > 1);
}

/* --- what older programs left */

static mds_status_t
edit(mds_loader_t *loader, void *data, mds_json_t *state, mds_error_t *why)
{
    mds_json_t *made;

    (void) loader;
    assert_int_equal(mds_json_parse(mds_str_of(data), "test", why, &made),
                     MDS_OK);

    return mds_json_set(state, "document", made);
}

static void
load(const char *depot, char *text)
{
    const mds_change_t  loaded = { .app = mds_str("a"),
                                   .new_app = MDS_NEW_APP_ALWAYS,
                                   .command = "test",
                                   .what = "test",
                                   .edit = edit,
                                   .data = text };
    mds_change_result_t result;
    mds_loader_t       *loader;

    assert_int_equal(mds_loader_open(depot, NULL, &err, &loader), MDS_OK);

    if (mds_loader_change(loader, &loaded, &err, &result) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    mds_json_release(result.changes);
    mds_json_release(result.warnings);
    mds_loader_close(loader);
}

/* Makes a generation with a row that nothing needs, and puts it in force. */
static void
leave_row(const char *depot)
{
    char              key[MDS_DELTA_KEY_BYTES] = { 0, 1, 2, 3 };
    mds_delta_row_t   row = { .tag = MDS_DELTA_ROW_TAG };
    mds_generation_t *generation;
    mds_current_t    *current;
    mds_catalog_t    *before;
    mds_journal_t    *journal;
    mds_json_t       *entry = mds_json_pack("{s:s}", "app", "a");
    mds_chain_files_t files;
    uint64_t          serial;

    assert_int_equal(mds_current_open(depot, true, &err, &current), MDS_OK);
    serial = mds_current_serial(current);
    assert_int_equal(mds_validate_open(depot, serial, NULL, &err, &before),
                     MDS_OK);
    assert_int_equal(mds_generation_begin(depot, serial + 1, 0, before, &err,
                                          &generation),
                     MDS_OK);
    mds_lmdb_put(generation->lmdb, MDS_CATALOG_RELEASES,
                 (mds_str_t){ sizeof(key), key },
                 (mds_str_t){ sizeof(row), (const char *) &row });
    assert_int_equal(mds_generation_commit(generation, &err, &files), MDS_OK);
    mds_catalog_close(before);

    assert_int_equal(mds_journal_open(depot, &err, &journal), MDS_OK);
    assert_int_equal(mds_journal_write(journal, &err), MDS_OK);
    assert_int_equal(mds_journal_put_entry(journal, serial + 1, entry, &err),
                     MDS_OK);
    mds_journal_set_serial(journal, serial + 1);
    assert_int_equal(mds_journal_commit(journal, &err), MDS_OK);
    mds_journal_close(journal);
    mds_json_release(entry);
    assert_int_equal(mds_current_advance(current, serial + 1, &err), MDS_OK);
    mds_current_close(current);
}

static bool
is_stale(const char *depot)
{
    mds_current_t *current;
    mds_catalog_t *catalog;
    bool           stale;

    assert_int_equal(mds_current_open(depot, false, &err, &current), MDS_OK);
    assert_int_equal(mds_validate_open(depot, mds_current_serial(current), NULL,
                                       &err, &catalog),
                     MDS_OK);
    assert_int_equal(mds_delta_rows_are_stale(catalog, &err, &stale), MDS_OK);
    mds_catalog_close(catalog);
    mds_current_close(current);

    return stale;
}

static bool
is_noted(const char *depot)
{
    mds_journal_t *journal;
    bool           noted;

    assert_int_equal(mds_journal_open(depot, &err, &journal), MDS_OK);
    assert_int_equal(mds_journal_read(journal, &err), MDS_OK);
    noted = mds_journal_has_stale_deltas(journal);
    mds_journal_abort(journal);
    mds_journal_close(journal);

    return noted;
}

static void
ignore(void *data, const char *name, uint64_t size_bytes)
{
    (void) data;
    (void) name;
    (void) size_bytes;
}

static void
collect(const char *depot, bool dry_run)
{
    mds_gc_options_t options
        = { .generations = 5, .removed = ignore, .dry_run = dry_run };
    mds_gc_result_t result;
    mds_loader_t   *loader;

    assert_int_equal(mds_loader_open(depot, NULL, &err, &loader), MDS_OK);
    assert_int_equal(mds_gc(loader, &options, &err, &result), MDS_OK);
    mds_loader_close(loader);
}

#define CONFIG(value) \
    "{\"app\":\"a\",\"releases\":[{\"id\":\"k\",\"kind\":\"config\"," \
    "\"name\":\"k\",\"value\":" value ",\"audience\":{\"all\":true}}]}"

static void
test_older_depot(void **state)
{
    char        first[] = CONFIG("1"), second[] = CONFIG("2");
    char        third[] = CONFIG("3");
    const char *depot = workdir("depot");

    (void) state;
    assert_int_equal(mds_depot_init(depot, -1, -1, &err), MDS_OK);
    load(depot, first);
    assert_false(is_stale(depot));
    collect(depot, false);
    assert_false(is_noted(depot));

    leave_row(depot);
    assert_true(is_stale(depot));
    load(depot, second);
    assert_true(is_stale(depot));
    collect(depot, true);
    assert_false(is_noted(depot));
    collect(depot, false);
    assert_true(is_noted(depot));
    load(depot, third);
    assert_false(is_stale(depot));
    assert_false(is_noted(depot));
}

int
main(void)
{
    const struct CMUnitTest tests[]
        = { cmocka_unit_test(test_small), cmocka_unit_test(test_layers),
            cmocka_unit_test(test_older_depot) };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
