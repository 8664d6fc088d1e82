/*
 * Generations of several files: what a change writes, what is found in which
 * file, when files are merged, and which chains are refused.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mds_buffer.h"
#include "catalog/mds_catalog_internal.h"
#include "catalog/mds_current.h"
#include "catalog/mds_depot.h"
#include "catalog/mds_validate.h"
#include "catalog_fixture.h"
#include "compile/mds_compile_list.h"
#include "compile/mds_generation.h"
#include "lmdb/mds_seal.h"
#include "workdir.h"

#define BUNDLES 8
#define MANY 40000 /* ids: 320 KB, so that the base is large enough */

static mds_current_t *current;
static mds_error_t    err;

/* A document: bundle n0 … n7 for everybody or a list, and lists. */
typedef struct {
    unsigned    many;              /* ids of the list "many" */
    unsigned    some;              /* ids of the list "some"; 0: it has none */
    unsigned    bundles;           /* n0 … */
    const char *version[BUNDLES];  /* NULL: "1" */
    const char *staff;             /* who may have n0 */
} document_t;

static void
print_list(FILE *out, const char *name, char first, unsigned count)
{
    fprintf(out, ",\"%s\":{\"ids\":[\"%c\"", name, first);

    for (unsigned i = 0; i < count; i++) {
        fprintf(out, ",\"%c%u\"", first, i);
    }

    fprintf(out, "]}");
}

static char *
print_document(const document_t *d)
{
    char  *text = NULL;
    size_t len;
    FILE  *out = open_memstream(&text, &len);

    fprintf(out, "{\"app\":\"a\",\"lists\":{\"staff\":{\"ids\":[\"%s\"]}",
            d->staff);
    print_list(out, "many", 'm', d->many);

    if (d->some > 0) {
        print_list(out, "some", 's', d->some);
    }

    fprintf(out, "},\"packages\":[");

    for (unsigned i = 0; i < d->bundles; i++) {
        fprintf(out,
                "%s{\"kind\":\"bundle\",\"name\":\"n%u\",\"version\":\"%s\","
                "\"file\":\"f%u\"}",
                i > 0 ? "," : "", i,
                d->version[i] != NULL ? d->version[i] : "1", i);
    }

    fprintf(out, "],\"releases\":[");

    for (unsigned i = 0; i < d->bundles; i++) {
        fprintf(out,
                "%s{\"id\":\"r%u\",\"kind\":\"bundle\",\"name\":\"n%u\","
                "\"version\":\"%s\",\"audience\":{%s}}",
                i > 0 ? "," : "", i, i,
                d->version[i] != NULL ? d->version[i] : "1",
                i == 0 ? "\"lists\":[\"staff\",\"many\"]" : "\"all\":true");
    }

    fprintf(out, "]}");
    fclose(out);

    return text;
}

static void
change(const document_t *d)
{
    char *text = print_document(d);

    if (!fixture_change(text, &err)) {
        fail_msg("%s", err.text);
    }

    free(text);
}

static document_t
load(void)
{
    document_t d = { .many = MANY, .bundles = BUNDLES, .staff = "alice" };
    char      *text = print_document(&d);

    fixture_load(text);
    free(text);

    return d;
}

/* Of the generation that is open. */
static const mds_chain_files_t *
files(void)
{
    return mds_catalog_files(fixture_snapshot().catalog);
}

static uint64_t
serial(void)
{
    return files()->serials[0];
}

static const char *
ask(unsigned bundle, const char *user)
{
    char query[128];

    snprintf(query, sizeof(query), "app=a&kind=bundle&name=n%u&user=%s", bundle,
             user);
    return fixture_decide(query);
}

/* Returns the name of the release's bundle; "": it does not exist. */
static const char *
bundle_of(const char *release)
{
    static char           name[16];
    mds_catalog_release_t found;

    if (mds_catalog_release(fixture_snapshot().catalog, mds_str("a"),
                            mds_str_of(release), &err, &found)
        != MDS_OK)
    {
        return "";
    }

    assert_true(mds_str_eq(found.kind, mds_str("bundle")));
    snprintf(name, sizeof(name), "%.*s", MDS_STR(found.name));
    return name;
}

static const char *
file_of(uint64_t number)
{
    char name[64];

    snprintf(name, sizeof(name), "catalog/%" PRIu64 ".mdb", number);
    return workdir(name);
}

static mds_status_t
validate(uint64_t number)
{
    mds_catalog_t *catalog;
    mds_status_t   status
        = mds_validate_generation(workdir("."), number, NULL, INT64_MIN,
                                  MDS_VALIDATE_NO_BUDGET, &err, &catalog);

    if (status == MDS_OK) {
        mds_catalog_close(catalog);
    }

    return status;
}

/* --- what is written, and found */

static void
test_small(void **state)
{
    const char *document
        = "{\"app\":\"a\",\"packages\":[{\"kind\":\"bundle\",\"name\":\"n0\","
          "\"version\":\"%s\",\"file\":\"f\"}],\"releases\":[{\"id\":\"r\","
          "\"kind\":\"bundle\",\"name\":\"n0\",\"version\":\"%s\",\"audience\":"
          "{\"all\":true}}]}";
    char text[512];

    (void) state;
    snprintf(text, sizeof(text), document, "1", "1");
    fixture_load(text);
    snprintf(text, sizeof(text), document, "2", "2");
    assert_true(fixture_change(text, &err));
    assert_int_equal(files()->count, 1);
    assert_string_equal(ask(0, "bob"), "install 2 by r full=f");
}

static void
test_replaced(void **state)
{
    document_t d = load();

    (void) state;
    assert_string_equal(ask(0, "alice"), "install 1 by r0 full=f0");
    assert_string_equal(ask(0, "m77"), "install 1 by r0 full=f0");

    d.version[3] = "2";
    change(&d);
    assert_int_equal(files()->count, 2);
    assert_true(files()->seals[0].file_id.bytes < 64 << 10);
    assert_string_equal(ask(3, "bob"), "install 2 by r3 full=f3");
    assert_string_equal(ask(4, "bob"), "install 1 by r4 full=f4");
    assert_string_equal(ask(0, "m77"), "install 1 by r0 full=f0");
    assert_string_equal(ask(0, "bob"), "outside");

    /* A list above, and one below. */
    d.staff = "carol";
    change(&d);
    assert_int_equal(files()->count, 2);
    assert_string_equal(ask(0, "carol"), "install 1 by r0 full=f0");
    assert_string_equal(ask(0, "alice"), "outside");
    assert_string_equal(ask(0, "m77"), "install 1 by r0 full=f0");
    assert_string_equal(ask(3, "bob"), "install 2 by r3 full=f3");
    assert_int_equal(validate(serial()), MDS_OK);
}

static void
test_removed(void **state)
{
    document_t d = load();

    (void) state;
    d.bundles = 6;
    change(&d);
    assert_int_equal(files()->count, 2);
    assert_string_equal(ask(5, "bob"), "install 1 by r5 full=f5");
    assert_string_equal(ask(6, "bob"), "unknown");
    assert_string_equal(ask(7, "bob"), "unknown");
    assert_string_equal(bundle_of("r5"), "n5");
    assert_string_equal(bundle_of("r6"), "");

    d.bundles = 7;
    change(&d);
    assert_string_equal(bundle_of("r6"), "n6");
    assert_string_equal(bundle_of("r7"), "");
    assert_string_equal(bundle_of("r"), "");
    assert_string_equal(bundle_of(""), "");
    assert_string_equal(ask(6, "bob"), "install 1 by r6 full=f6");
    assert_string_equal(ask(7, "bob"), "unknown");

    /* A list comes and goes. */
    d.some = 10;
    change(&d);
    assert_int_equal(validate(serial()), MDS_OK);
    d.some = 0;
    change(&d);
    assert_int_equal(validate(serial()), MDS_OK);
    assert_string_equal(ask(0, "m5"), "install 1 by r0 full=f0");
}

/* Returns the number of tombstones in the upper files that hide nothing. */
static unsigned
count_idle_tombstones(mds_catalog_t *catalog)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value, below;
    unsigned             idle = 0;

    for (unsigned i = 0; i < files()->count; i++) {
        for (unsigned table = MDS_CATALOG_APPS; table < MDS_CATALOG_TABLES;
             table++)
        {
            mds_catalog_walk_layer(catalog, table, i, mds_null_str, &cursor);

            while (mds_catalog_next(&cursor, &key, &value)) {
                idle += value.len == 0
                        && !mds_catalog_get_below(catalog, i + 1, table, key,
                                                  &below);
            }

            mds_catalog_walk_end(&cursor);
        }
    }

    return idle;
}

/* A tombstone is kept only as long as there is a record below it. */
static void
test_tombstones(void **state)
{
    document_t d = load();

    (void) state;

    /* What came and goes within the top leaves nothing. */
    d.some = 10;
    change(&d);
    d.some = 0;
    change(&d);
    assert_int_equal(files()->count, 2);
    assert_int_equal(count_idle_tombstones(fixture_snapshot().catalog), 0);

    /* What came with the middle is removed by the top, and merged with it. */
    d.some = 12000;
    change(&d);
    d.version[1] = "2";
    change(&d);
    assert_int_equal(files()->count, 3);
    d.some = 0;
    d.bundles = 7;
    change(&d);
    assert_int_equal(files()->count, 3);
    assert_int_equal(count_idle_tombstones(fixture_snapshot().catalog), 0);
    d.some = 11000;
    change(&d);
    d.some = 0;
    change(&d);
    assert_int_equal(files()->count, 2);
    assert_int_equal(count_idle_tombstones(fixture_snapshot().catalog), 0);
    assert_string_equal(ask(7, "bob"), "unknown");
    assert_int_equal(validate(serial()), MDS_OK);
}

/* The same document takes no room. */
static void
test_same(void **state)
{
    document_t d = load();
    mds_str_t  value;

    (void) state;
    change(&d);
    assert_int_equal(files()->count, 2);
    assert_false(mds_lmdb_get(
        mds_catalog_chain(fixture_snapshot().catalog)->layers[0]->lmdb,
        MDS_CATALOG_LISTS, mds_str("a\0many"), &value));
    assert_true(files()->seals[0].file_id.bytes < 48 << 10);
}

/* Files grow, and are merged. */
static void
test_merged(void **state)
{
    document_t d = load();
    uint64_t   base = serial(), middle;

    (void) state;
    d.some = 12000; /* 96 KB: more than a top has */
    change(&d);
    middle = serial();
    assert_int_equal(files()->count, 2);

    d.version[1] = "2";
    change(&d);
    assert_int_equal(files()->count, 3);
    assert_int_equal(files()->serials[1], middle);
    assert_int_equal(files()->serials[2], base);

    d.version[2] = "2";
    d.bundles = 7;
    change(&d);
    assert_int_equal(files()->count, 3);
    assert_int_equal(files()->serials[1], middle);
    assert_string_equal(ask(0, "m5"), "install 1 by r0 full=f0");
    assert_string_equal(ask(1, "bob"), "install 2 by r1 full=f1");
    assert_string_equal(ask(2, "bob"), "install 2 by r2 full=f2");
    assert_string_equal(ask(3, "bob"), "install 1 by r3 full=f3");
    assert_string_equal(ask(7, "bob"), "unknown");
    assert_int_equal(validate(serial()), MDS_OK);

    /* The top grows, is merged with the middle … */
    d.version[3] = "2";
    d.some = 11000;
    change(&d);
    assert_int_equal(files()->count, 3);
    d.version[4] = "2";
    change(&d);
    assert_int_equal(files()->count, 2);
    assert_int_equal(files()->serials[1], base);
    assert_string_equal(ask(7, "bob"), "unknown");
    assert_string_equal(ask(4, "bob"), "install 2 by r4 full=f4");

    /* … and this with the base. */
    d.some = 60000;
    change(&d);
    change(&d);
    assert_int_equal(files()->count, 1);
    assert_string_equal(ask(7, "bob"), "unknown");
    assert_string_equal(ask(1, "bob"), "install 2 by r1 full=f1");
    assert_string_equal(ask(5, "bob"), "install 1 by r5 full=f5");
    assert_string_equal(ask(0, "m5"), "install 1 by r0 full=f0");
    assert_int_equal(validate(serial()), MDS_OK);
}

/* A walk meets each visible record once, in order. */
static void
test_walked(void **state)
{
    document_t           d = load();
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    char                 wanted[64];
    size_t               count = 0;

    (void) state;
    d.some = 16000;
    d.version[2] = "2";
    change(&d);
    d.version[0] = "3";
    d.version[7] = "3";
    d.bundles = 8;
    change(&d);
    d.bundles = 7;
    change(&d);
    assert_int_equal(files()->count, 3);
    mds_catalog_walk(fixture_snapshot().catalog, MDS_CATALOG_RESOURCES,
                     MDS_LAYERS_MAX, mds_null_str, &cursor);

    while (mds_catalog_next(&cursor, &key, &value)) {
        const mds_record_t *record = (const mds_record_t *) value.data;

        snprintf(wanted, sizeof(wanted), "n%zu", count++);
        assert_memory_equal(key.data + key.len - 2, wanted, 2);
        assert_true(mds_str_eq(mds_record_bytes(record, record->key), key));
    }

    mds_catalog_walk_end(&cursor);
    assert_int_equal(count, 7);

    /* The top alone has tombstones. */
    count = 0;
    mds_catalog_walk(fixture_snapshot().catalog, MDS_CATALOG_RESOURCES, 1,
                     mds_null_str, &cursor);

    while (mds_catalog_next(&cursor, &key, &value)) {
        count += value.len == 0;
    }

    mds_catalog_walk_end(&cursor);
    assert_int_equal(count, 1);
}

/* --- a worker */

/* A failed walk fails for one tick only. */
static void
test_failed_walk(void **state)
{
    document_t         d = load();
    mds_depot_t       *depot;
    mds_catalog_t     *catalog;
    mds_str_t          value;

    (void) state;
    d.version[2] = "2";
    change(&d);
    assert_int_equal(mds_current_advance(current, serial(), &err), MDS_OK);
    assert_int_equal(mds_depot_open(workdir("."), &err, &depot), MDS_OK);
    assert_int_equal(mds_depot_begin(depot, 1, &err, &catalog), MDS_OK);

    /* To write is a failure that needs no lack of memory. */
    mds_lmdb_put(catalog->layers[1], MDS_CATALOG_APPS, mds_str("x"),
                 mds_str("y"));
    assert_int_not_equal(mds_catalog_status(catalog, &err), MDS_OK);
    assert_false(mds_catalog_get(catalog, MDS_CATALOG_APPS, mds_str("a"),
                                 &value));

    assert_int_equal(mds_depot_begin(depot, 2, &err, &catalog), MDS_OK);
    assert_int_equal(mds_catalog_status(catalog, &err), MDS_OK);
    assert_true(mds_catalog_get(catalog, MDS_CATALOG_APPS, mds_str("a"),
                                &value));
    mds_depot_close(depot);
}

static const mds_record_t *
record_of(mds_catalog_t *catalog, const char *name)
{
    const mds_record_t *record = NULL;

    return mds_catalog_resource(catalog, mds_str("a"), mds_str("bundle"),
                                mds_str_of(name), &err, &record)
                   == MDS_OK
               ? record
               : NULL;
}

/* What was found stays found, but for what the change replaces. */
static void
test_switched(void **state)
{
    document_t          d = load();
    mds_depot_t        *depot;
    mds_catalog_t      *catalog;
    const mds_record_t *first, *second, *same;
    const mds_layer_t  *base;
    static uint64_t     tick = 1;

    (void) state;
    d.version[2] = "2";
    change(&d);
    assert_int_equal(mds_current_advance(current, serial(), &err), MDS_OK);
    assert_int_equal(mds_depot_open(workdir("."), &err, &depot), MDS_OK);
    assert_int_equal(mds_depot_begin(depot, ++tick, &err, &catalog), MDS_OK);
    base = mds_catalog_chain(catalog)->layers[1];
    first = record_of(catalog, "n1");
    same = record_of(catalog, "n4");
    second = record_of(catalog, "n2");
    assert_non_null(first);
    assert_non_null(second);
    assert_non_null(record_of(catalog, "n7"));

    d.version[1] = "2";
    d.bundles = 7;
    change(&d);
    assert_int_equal(mds_current_advance(current, serial(), &err), MDS_OK);
    assert_int_equal(mds_depot_begin(depot, ++tick, &err, &catalog), MDS_OK);
    assert_int_equal(mds_catalog_serial(catalog), serial());
    assert_ptr_equal(mds_catalog_chain(catalog)->layers[1], base);
    assert_ptr_equal(record_of(catalog, "n4"), same);
    assert_ptr_not_equal(record_of(catalog, "n1"), first);
    assert_non_null(record_of(catalog, "n2"));
    assert_null(record_of(catalog, "n7"));
    assert_ptr_equal(record_of(catalog, "n4"), same);

    /* The base is written to. */
    assert_int_equal(chmod(file_of(files()->serials[1]), 0644), 0);
    shell("sleep 0.01; echo >> %s", file_of(files()->serials[1]));
    assert_int_equal(mds_depot_begin(depot, ++tick, &err, &catalog),
                     MDS_DAMAGED);
    assert_non_null(strstr(err.text, "was written to"));
    mds_depot_close(depot);
}

/* Another process follows the hint, unless a lower file is another one. */
static void
test_hinted(void **state)
{
    document_t             d = load();
    mds_validation_hint_t *hint;
    mds_catalog_t         *catalog;

    (void) state;
    d.version[2] = "2";
    change(&d);
    assert_true(shell("mkdir -p state"));
    assert_int_equal(mds_validation_hint_open(workdir("."), true, &err, &hint),
                     MDS_OK);
    mds_validation_hint_publish(hint, serial(), serial(), files());
    assert_int_equal(mds_validate_next(workdir("."), serial(), NULL, hint, &err,
                                       &catalog),
                     MDS_OK);
    mds_catalog_close(catalog);

    assert_true(shell("cd catalog; cp %" PRIu64 ".mdb x; mv -f x %" PRIu64
                      ".mdb",
                      files()->serials[1], files()->serials[1]));
    assert_int_equal(mds_validate_next(workdir("."), serial(), NULL, hint, &err,
                                       &catalog),
                     MDS_CONFLICT);
    assert_int_equal(validate(serial()), MDS_OK);
    mds_validation_hint_close(hint);
    assert_true(shell("rm -r state"));
}

/* --- chains that are refused */

static void
test_lower_file(void **state)
{
    document_t d = load();
    uint8_t    identity[MDS_SEAL_IDENTITY];
    char       bytes[16], name[64];
    uint64_t   base;
    FILE      *file;

    (void) state;
    d.version[2] = "2";
    change(&d);
    base = files()->serials[1];
    snprintf(name, sizeof(name), "catalog/%" PRIu64 ".mdb", base);

    /* A flipped byte. */
    assert_true(shell("cp catalog/%" PRIu64 ".mdb kept", base));
    assert_int_equal(chmod(file_of(base), 0644), 0);
    file = fopen(file_of(base), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    assert_int_equal(fread(bytes, 1, 1, file), 1);
    bytes[0] ^= 1;
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, 1, file), 1);
    fclose(file);
    assert_int_equal(validate(serial()), MDS_DAMAGED);
    assert_non_null(strstr(err.text, name));

    /* It is cut short. */
    assert_int_equal(truncate(file_of(base), 40960), 0);
    assert_int_equal(validate(serial()), MDS_DAMAGED);

    /* It is missing. */
    assert_int_equal(unlink(file_of(base)), 0);
    assert_int_equal(validate(serial()), MDS_NOT_FOUND);
    assert_non_null(strstr(err.text, name));

    /* It is a good one, but another. */
    assert_true(shell("cp kept catalog/%" PRIu64 ".mdb", base));
    assert_int_equal(validate(serial()), MDS_OK);
    assert_true(shell("head -c -96 kept > other"));
    mds_catalog_identity(base, identity);
    assert_int_equal(chmod(workdir("other"), 0644), 0);
    file = fopen(workdir("other"), "r+b");
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, 1, file), 1);
    fclose(file);
    assert_int_equal(mds_seal_write(workdir("other"), identity,
                                    &err),
                     MDS_OK);
    assert_true(shell("mv -f other catalog/%" PRIu64 ".mdb", base));
    assert_int_equal(validate(serial()), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "is not the file that generation"));
    assert_true(shell("mv -f kept catalog/%" PRIu64 ".mdb", base));
}

/* Seals a file of one page as the generation, on top of another. */
static void
seal(uint64_t number, uint64_t below)
{
    static const char page[4096];
    uint8_t           identity[MDS_SEAL_IDENTITY];
    mds_seal_link_t   link = { .number = below };
    mds_seal_t        lower;
    char              name[64];

    mds_catalog_identity(below, identity);

    if (below != number
        && mds_seal_read(file_of(below), identity, true, &err, &lower)
               == MDS_OK)
    {
        memcpy(link.digest, lower.digest, sizeof(link.digest));
    }

    snprintf(name, sizeof(name), "catalog/%" PRIu64 ".mdb", number);
    unlink(workdir(name));
    workdir_write(name, page, sizeof(page));
    mds_catalog_identity(number, identity);
    assert_int_equal(mds_seal_write_layer(workdir(name), identity,
                                          below == 0 ? NULL : &link, &err),
                     MDS_OK);
}

static void
test_links(void **state)
{
    mds_chain_files_t chain;
    uint8_t           identity[MDS_SEAL_IDENTITY];

    (void) state;

    /* Three are a chain; four are not. */
    seal(70001, 0);
    seal(70002, 70001);
    seal(70003, 70002);
    assert_int_equal(mds_chain_read_files(workdir("."), NULL, 70003, &err,
                                          &chain),
                     MDS_OK);
    assert_int_equal(chain.count, 3);
    assert_int_equal(chain.serials[2], 70001);
    seal(70004, 70003);
    assert_int_equal(validate(70004), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "has more than 3 layers"));

    /* One stands on itself, or on a later one. */
    seal(70003, 70003);
    assert_int_equal(validate(70003), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "which is not older"));
    seal(70001, 70002);
    assert_int_equal(validate(70001), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "which is not older"));

    /* A list's seal must have no link. */
    mds_catalog_identity(70002, identity);
    assert_int_equal(mds_seal_check(file_of(70002), identity, true, &err, NULL),
                     MDS_DAMAGED);
    assert_non_null(strstr(err.text, "is sealed as a layer"));
}

/* --- layers whose records are refused */

/* A layer by hand, and its meta. */
typedef struct {
    uint64_t     number;
    uint64_t     below;
    unsigned     format;
    int          lists; /* more than below */
    const char  *tombstone; /* of a list; NULL: none */
    const char  *odd;       /* a resource that is none */
    uint64_t     entries;   /* the file says that it has so many lists; 0: true */
} layer_t;

/* Writes a number of records into LMDB's own record of the table of lists. */
static void
forge_entries(const char *path, uint64_t entries)
{
    const size_t behind = 5 + 32; /* "lists", and MDB_db up to md_entries */
    char         bytes[1 << 16];
    FILE        *file = fopen(path, "r+b");
    size_t       len;

    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes), file);

    for (size_t at = 0; at + behind + sizeof(entries) <= len; at++) {
        if (memcmp(bytes + at, "lists", 5) == 0) {
            memcpy(bytes + at + behind, &entries, sizeof(entries));
        }
    }

    rewind(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static mds_status_t
validate_layer(const layer_t *layer)
{
    mds_catalog_meta_t meta = { .tag = MDS_CATALOG_TAG,
                                .format = layer->format,
                                .serial = layer->number };
    mds_lmdb_t        *lmdb;
    mds_catalog_t     *below = NULL;
    mds_seal_link_t    link;
    uint8_t            identity[MDS_SEAL_IDENTITY];

    unlink(file_of(layer->number));

    if (layer->below != 0) {
        assert_int_equal(mds_catalog_open(workdir("."), layer->below, true,
                                          &err, &below),
                         MDS_OK);
        meta.list_count = mds_catalog_chain(below)->layers[0]->meta.list_count;
        meta.resource_count
            = mds_catalog_chain(below)->layers[0]->meta.resource_count;
        link.number = layer->below;
        memcpy(link.digest, mds_catalog_files(below)->seals[0].digest,
               sizeof(link.digest));
        mds_catalog_close(below);
    }

    meta.list_count += (uint32_t) layer->lists;
    assert_int_equal(mds_lmdb_open(file_of(layer->number), MDS_LMDB_BUILD,
                                   mds_catalog_names, MDS_CATALOG_TABLES,
                                   1 << 24, &err, &lmdb),
                     MDS_OK);
    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_put(lmdb, MDS_CATALOG_META, mds_str("catalog"),
                 (mds_str_t){ sizeof(meta), (const char *) &meta });

    if (layer->tombstone != NULL) {
        mds_lmdb_put(lmdb, MDS_CATALOG_LISTS,
                     (mds_str_t){ 2 + strlen(layer->tombstone + 2),
                                  layer->tombstone },
                     mds_str(""));
    }

    if (layer->odd != NULL) {
        mds_lmdb_put(lmdb, MDS_CATALOG_RESOURCES, mds_str("a\0bundle\0n9"),
                     mds_str_of(layer->odd));
    }

    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_OK);
    mds_lmdb_close(lmdb);

    if (layer->entries != 0) {
        forge_entries(file_of(layer->number), layer->entries);
    }

    mds_catalog_identity(layer->number, identity);
    assert_int_equal(mds_seal_write_layer(file_of(layer->number), identity,
                                          layer->below == 0 ? NULL : &link,
                                          &err),
                     MDS_OK);

    return validate(layer->number);
}

/* Validates a generation within a budget, where the one below is known. */
static mds_status_t
validate_known(uint64_t number, uint64_t below, uint64_t budget_bytes)
{
    mds_catalog_t *known, *catalog;
    mds_status_t   status;

    assert_int_equal(mds_validate_generation(workdir("."), below, NULL,
                                             INT64_MIN, MDS_VALIDATE_NO_BUDGET,
                                             &err, &known),
                     MDS_OK);
    status = mds_validate_generation(workdir("."), number,
                                     mds_catalog_chain(known), INT64_MIN,
                                     budget_bytes, &err, &catalog);

    if (status == MDS_OK) {
        mds_catalog_close(catalog);
    }

    mds_catalog_close(known);
    return status;
}

static uint64_t
bytes_of(uint64_t number)
{
    struct stat st;

    assert_int_equal(stat(file_of(number), &st), 0);
    return (uint64_t) st.st_size;
}

static void
test_records(void **state)
{
    layer_t layer = { .number = 80001, .format = MDS_CATALOG_FORMAT };

    (void) state;
    load();
    layer.below = serial();
    assert_int_equal(validate_layer(&layer), MDS_OK);

    layer.lists = 1;
    assert_int_equal(validate_layer(&layer), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "2 lists, not 3"));
    layer.lists = -1;
    assert_int_equal(validate_layer(&layer), MDS_DAMAGED);

    /* n0 needs the list that goes. */
    layer.tombstone = "a\0staff";
    assert_int_equal(validate_layer(&layer), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "does not exist"));

    /* To look at n0 again is counted against the budget, whatever has been
     * read of the base before; other apps need not be looked at. */
    assert_int_equal(validate_known(layer.number, layer.below, 64 << 10),
                     MDS_DAMAGED);
    assert_int_equal(validate_known(layer.number, layer.below,
                                    bytes_of(layer.number) + 100),
                     MDS_AGAIN);

    /* What hides nothing changes no count. */
    layer.tombstone = "a\0stuff";
    layer.lists = 0;
    assert_int_equal(validate_layer(&layer), MDS_OK);

    /* So many lists have no room in any memory. */
    layer.entries = UINT64_C(1) << 58;
    assert_int_equal(validate_layer(&layer), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "lists, more than"));
    layer.entries = 0;

    /* A base has no tombstones. */
    layer.below = 0;
    assert_int_equal(validate_layer(&layer), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "tombstone"));

    layer.tombstone = NULL;
    layer.below = serial();
    layer.odd = "not a record";
    assert_int_equal(validate_layer(&layer), MDS_DAMAGED);
    layer.odd = NULL;

    /* A base of another format is no more use than a layer. */
    layer.format = MDS_CATALOG_FORMAT - 1;
    assert_int_equal(validate_layer(&layer), MDS_INCOMPATIBLE);
    layer.below = 0;
    assert_int_equal(validate_layer(&layer), MDS_INCOMPATIBLE);
    layer.format = MDS_CATALOG_FORMAT + 1;
    assert_int_equal(validate_layer(&layer), MDS_INCOMPATIBLE);
}

/* --- old generations */

static uint64_t removed[16]; /* generations, in the order of their removal */
static unsigned removed_count;

/* Takes the place of the C library's, and notes which generation it removes. */
int
unlink(const char *path)
{
    const char *name = strrchr(path, '/');
    uint64_t    number;

    if (name != NULL && mds_catalog_parse_name(name + 1, &number)
        && removed_count < sizeof(removed) / sizeof(removed[0]))
    {
        removed[removed_count++] = number;
    }

    return unlinkat(AT_FDCWD, path, 0);
}

/* At no moment there is a layer without the file on which it stands. */
static void
test_prune_order(void **state)
{
    document_t d = load();
    uint64_t   base = serial();

    (void) state;
    d.some = 12000;
    change(&d);
    d.version[1] = "2";
    change(&d);
    d.version[1] = "3";
    change(&d);
    assert_int_equal(files()->count, 3);
    d.some = 60000;
    change(&d);
    change(&d);
    assert_int_equal(files()->count, 1);

    removed_count = 0;
    assert_int_equal(mds_generation_prune(workdir("."), serial(), 1, &err),
                     MDS_OK);
    assert_true(removed_count >= serial() - base);

    for (unsigned i = 1; i < removed_count; i++) {
        assert_true(removed[i] < removed[i - 1]);
    }
}

static void
test_pruned(void **state)
{
    document_t d = load();
    uint64_t   base = serial(), first;

    (void) state;
    d.version[1] = "2";
    change(&d);
    first = serial();

    for (int i = 0; i < 5; i++) {
        d.version[1] = i % 2 == 0 ? "3" : "4";
        change(&d);
    }

    workdir_write("catalog/.tmp-5.mdb", "x", 1);
    assert_int_equal(mds_generation_prune(workdir("."), serial(), 5, &err),
                     MDS_OK);
    assert_true(access(file_of(base), F_OK) == 0);
    assert_false(access(file_of(first), F_OK) == 0);
    assert_true(access(file_of(first + 1), F_OK) == 0);
    assert_false(workdir_has("catalog/.tmp-5.mdb"));
    assert_int_equal(validate(first + 1), MDS_OK);

    /* One whose seal cannot be read may stand on any. */
    d.version[1] = "5";
    change(&d);
    assert_int_equal(chmod(file_of(serial()), 0644), 0);
    assert_int_equal(truncate(file_of(serial()), 5000), 0);
    assert_int_equal(mds_generation_prune(workdir("."), serial(), 5, &err),
                     MDS_OK);
    assert_true(access(file_of(base), F_OK) == 0);
    assert_true(access(file_of(first + 1), F_OK) == 0);
}

static int
make(void **state)
{
    return fixture_setup(state) == 0
                   && mds_current_create(workdir("."), &err) == MDS_OK
                   && mds_current_open(workdir("."), true, &err, &current)
                          == MDS_OK
               ? 0
               : -1;
}

static int
remove_all(void **state)
{
    mds_current_close(current);
    return fixture_teardown(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),      cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_removed),    cmocka_unit_test(test_tombstones),    cmocka_unit_test(test_same),
        cmocka_unit_test(test_merged),     cmocka_unit_test(test_walked),
        cmocka_unit_test(test_switched),   cmocka_unit_test(test_hinted),     cmocka_unit_test(test_failed_walk),
        cmocka_unit_test(test_lower_file), cmocka_unit_test(test_links),
        cmocka_unit_test(test_records),    cmocka_unit_test(test_pruned),
        cmocka_unit_test(test_prune_order),
    };

    return cmocka_run_group_tests(tests, make, remove_all);
}
