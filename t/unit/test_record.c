/*
 * Records lie in a file that anything may happen to: no byte of them changes
 * unseen, and if the checksum is made to fit, nobody reads outside.
 * Run it under `make asan` too.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "catalog_fixture.h"
#include "workdir.h"

static mds_error_t err;
static char       *record; /* a copy, as long as it is and no longer */
static size_t      record_len;

static const char document[]
    = "{\"app\":\"a\",\"channels\":{\"mi\":{\"delta\":false}},\"lists\":{"
      "\"staff\":{\"ids\":[\"alice\"]},\"lab\":{\"by\":\"device\",\"ids\":["
      "\"d1\"]}},\"packages\":["
      "{\"kind\":\"hotfix\",\"version\":\"1.0\",\"file\":\"f1\"},"
      "{\"kind\":\"hotfix\",\"version\":\"1.1\",\"file\":\"f2\",\"platform\":"
      "[\"ios\",\"mac\"],\"rules\":[{\"attribute\":\"cpu\",\"op\":\"in\","
      "\"values\":[\"arm64\",\"x86*\"]}]},"
      "{\"kind\":\"hotfix\",\"version\":\"1.1\",\"file\":\"f3\",\"channel\":"
      "\"mi\"},{\"kind\":\"hotfix\",\"version\":\"1.1\",\"file\":\"f4\"},"
      "{\"kind\":\"hotfix\",\"version\":\"2.0\",\"file\":\"f5\"}],"
      "\"releases\":["
      "{\"id\":\"one\",\"kind\":\"hotfix\",\"version\":\"1.0\",\"audience\":{"
      "\"all\":true},\"state\":\"ended\"},"
      "{\"id\":\"two\",\"kind\":\"hotfix\",\"version\":\"1.1\",\"platform\":"
      "[\"ios\",\"android\"],\"audience\":{\"lists\":[\"staff\"],\"except\":["
      "\"lab\"],\"percent\":50,\"ramp\":{\"from\":1,\"to\":99,\"start\":"
      "\"2026-01-01T00:00:00Z\",\"end\":\"2027-01-01T00:00:00Z\"}},\"rules\":["
      "{\"attribute\":\"os_version\",\"op\":\"not_range\",\"min\":\"9\","
      "\"below\":\"10\"}],\"delta\":{\"stage\":\"0.5\",\"force_full\":["
      "\"0.9\"]}},"
      "{\"id\":\"three\",\"kind\":\"hotfix\",\"version\":\"2.0\",\"state\":"
      "\"rolled_back\",\"audience\":{\"all\":true}}]}";

static const char *const queries[] = {
    "app=a&kind=hotfix",
    "app=a&kind=hotfix&platform=ios&user=alice&os_version=12&cpu=arm64",
    "app=a&kind=hotfix&platform=ios&user=alice&os_version=12&cpu=x86-64",
    "app=a&kind=hotfix&platform=ios&version=1.0&device=d2&channel=mi&refuse=2",
    "app=a&kind=hotfix&platform=mac&version=2.0&device=d1",
    "app=a&kind=hotfix&platform=ios&version=2.0&device=d7&os_version=1",
    "app=a&kind=hotfix&platform=android&version=1.1&user=bob&os_version=x",
};

static int
make(void **state)
{
    mds_snapshot_t      snapshot;
    const mds_record_t *found;

    if (fixture_setup(state) != 0) {
        return -1;
    }

    fixture_load(document);
    snapshot = fixture_snapshot();

    if (mds_catalog_resource(snapshot.catalog, mds_str("a"), mds_str("hotfix"),
                             mds_str(""), &err, &found)
        != MDS_OK)
    {
        return -1;
    }

    record_len = found->bytes;
    record = malloc(record_len);
    memcpy(record, found, record_len);

    return 0;
}

static int
gone(void **state)
{
    free(record);
    return fixture_teardown(state);
}

static mds_status_t
check(size_t len)
{
    return mds_record_check((mds_str_t){ len, record }, &err);
}

static void
test_whole(void **state)
{
    (void) state;
    assert_int_equal(check(record_len), MDS_OK);
}

/* No single byte, whichever way it changes; no other length. */
static void
test_flipped(void **state)
{
    static const uint8_t flips[] = { 0x01, 0x80, 0xff };

    (void) state;

    for (size_t i = 0; i < record_len; i++) {
        for (size_t j = 0; j < sizeof(flips); j++) {
            record[i] = (char) (record[i] ^ flips[j]);
            if (check(record_len) != MDS_DAMAGED) {
                fail_msg("byte %zu may change", i);
            }
            record[i] = (char) (record[i] ^ flips[j]);
        }
    }

    for (size_t len = 0; len < record_len; len++) {
        assert_int_equal(check(len), MDS_DAMAGED);
    }

    assert_int_equal(check(record_len), MDS_OK);
}

static void
tell(mds_trace_t *trace, const mds_trace_event_t *event)
{
    (void) trace;
    assert_true(strlen(event->detail) < SIZE_MAX);
}

static void
read_all(mds_str_t bytes)
{
    char *copy = malloc(bytes.len + 1);

    assert_non_null(copy);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    free(copy);
}

/* Asks a record that was let through; what it answers is read to the end. */
static void
ask_all(const mds_record_t *changed)
{
    mds_snapshot_t snapshot = fixture_snapshot();
    mds_trace_t    trace = { tell };
    mds_request_t  request;
    mds_error_t    why;
    mds_decision_t decision;

    for (size_t i = 0; i < 2 * mds_nelems(queries); i++) {
        fixture_request(queries[i / 2], &request);

        if (mds_decide_record(&snapshot, changed, &request, fixture_now_ms,
                              i % 2 == 0 ? NULL : &trace, &why, &decision)
            == MDS_OK)
        {
            read_all(decision.manifest);
            read_all(decision.signature);
            read_all(decision.release);
            read_all(decision.version);
        }
    }
}

static unsigned passed;

static void
ask_changed(void)
{
    mds_record_t *changed = (mds_record_t *) record;

    if (changed->bytes == record_len) {
        changed->check = mds_record_sum(changed);
    }

    if (check(record_len) == MDS_OK) {
        passed++;
        ask_all(changed);
    }
}

/* The checksum fits again: what is wrong inside has to be seen, or to do no
 * harm. */
static void
test_forged(void **state)
{
    static const uint8_t flips[] = { 0x01, 0x02, 0x40, 0x80, 0xff };
    uint64_t             sum;

    (void) state;
    sum = ((mds_record_t *) record)->check;
    passed = 0;

    for (size_t i = 0; i < record_len; i++) {
        for (size_t j = 0; j < sizeof(flips); j++) {
            record[i] = (char) (record[i] ^ flips[j]);
            ask_changed();
            record[i] = (char) (record[i] ^ flips[j]);
        }
    }

    ((mds_record_t *) record)->check = sum;
    assert_int_equal(check(record_len), MDS_OK);
    assert_true(passed > record_len);
}

/* Numbers that are just outside, just inside, and far away. */
static void
test_forged_numbers(void **state)
{
    static const uint32_t numbers[]
        = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
    mds_record_t *changed = (mds_record_t *) record;
    uint64_t      sum = changed->check;
    uint32_t      was, is;

    (void) state;

    for (size_t i = 0; i + sizeof(was) <= record_len; i++) {
        memcpy(&was, record + i, sizeof(was));

        for (size_t j = 0; j < mds_nelems(numbers) + 3; j++) {
            is = j < mds_nelems(numbers) ? numbers[j]
                 : j == mds_nelems(numbers)
                     ? (uint32_t) record_len
                     : was + (j % 2 == 0 ? 1 : UINT32_MAX);
            memcpy(record + i, &is, sizeof(is));
            ask_changed();
        }

        memcpy(record + i, &was, sizeof(was));
    }

    changed->check = sum;
    assert_int_equal(check(record_len), MDS_OK);
}

/* The i-th record in the bytes of a generation. */
static mds_record_t *
find_record(char *bytes, size_t len, unsigned wanted)
{
    for (size_t i = 0; i + sizeof(mds_record_t) <= len; i++) {
        mds_record_t *found = (mds_record_t *) (bytes + i);

        if (found->tag == MDS_RECORD_TAG && found->bytes <= len - i
            && found->check == mds_record_sum(found) && wanted-- == 0)
        {
            return found;
        }
    }

    fail_msg("the record is not there");
    return NULL;
}

/* Whoever proves a generation walks it, and finds it. */
static void
test_walked(void **state)
{
    size_t        len;
    char         *bytes;
    const char   *path;
    mds_record_t *second;
    mds_catalog_t *catalog;
    FILE         *file;

    (void) state;
    fixture_load("{\"app\":\"a\",\"packages\":[{\"kind\":\"hotfix\","
              "\"version\":\"1\",\"file\":\"f\"},{\"kind\":\"upgrade\","
              "\"version\":\"1\",\"file\":\"g\"}],\"releases\":[{\"id\":"
              "\"r\",\"kind\":\"hotfix\",\"version\":\"1\",\"audience\":{"
              "\"all\":true}},{\"id\":\"s\",\"kind\":\"upgrade\","
              "\"version\":\"1\",\"audience\":{\"all\":true}}]}");
    path = fixture_close();
    bytes = workdir_read(strrchr(path, '/') - strlen("catalog"), &len);

    second = find_record(bytes, len, 1);
    second->tables[MDS_TABLE_BUILDS].count = UINT32_MAX;

    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
    free(bytes);

    fixture_open();
    catalog = fixture_snapshot().catalog;
    assert_int_equal(mds_catalog_check_records(catalog, NULL, &err), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "the checksum differs"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_forged_numbers),
        cmocka_unit_test(test_walked),
    };

    return cmocka_run_group_tests_name("record", tests, make, gone);
}
