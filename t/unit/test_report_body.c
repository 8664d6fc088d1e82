/* What a device reports: read as it stands, or refused with its place. */

#include "workdir.h"

#include <stdio.h>
#include <stdlib.h>

#include "request/mds_report_body.h"

static mds_error_t       err;
static mds_request_t     request;
static mds_report_body_t body;

static mds_status_t
parse(const char *json)
{
    request = (mds_request_t){ 0 };
    return mds_report_body_parse(mds_str_of(json), &request, &err, &body);
}

static void
good(const char *json, size_t count)
{
    if (parse(json) != MDS_OK) {
        fail_msg("%s: %s", json, err.text);
    }

    assert_int_equal(body.count, count);
    assert_true(mds_str_eq(mds_request_get(&request, mds_str("app")), mds_str("a")));
    assert_true(mds_str_eq(mds_request_get(&request, mds_str("device")), mds_str("d")));
}

static void
test_good(void **unused)
{
    (void) unused;
    good("{\"app\":\"a\",\"device\":\"d\",\"release\":\"r\",\"version\":\"1.2\","
         "\"event\":\"crashed\",\"detail\":\"no memory\"}",
         1);
    assert_true(mds_str_eq(body.items[0].release, mds_str("r")));
    assert_true(mds_str_eq(body.items[0].version, mds_str("1.2")));
    assert_true(mds_str_eq(body.items[0].detail, mds_str("no memory")));
    assert_int_equal(body.items[0].event, MDS_EVENT_CRASHED);
    mds_report_body_free(&body);

    good("{\"app\":\"a\",\"device\":\"d\",\"reports\":["
         "{\"release\":\"r\",\"event\":\"downloaded\"},"
         "{\"event\":\"rolled_back\",\"release\":\"s\",\"detail\":\"\",\"version\":\"\"}]}",
         2);
    assert_int_equal(body.items[0].event, MDS_EVENT_DOWNLOADED);
    assert_int_equal(body.items[0].detail.len, 0);
    assert_int_equal(body.items[1].event, MDS_EVENT_ROLLED_BACK);
    assert_true(mds_str_eq(body.items[1].release, mds_str("s")));
    mds_report_body_free(&body);
}

static void
bad(const char *json, const char *says)
{
    assert_int_equal(parse(json), MDS_INVALID);

    if (strstr(err.text, says) == NULL) {
        fail_msg("%s: %s", json, err.text);
    }
}

static void
test_bad(void **unused)
{
    char long_json[1024];

    (void) unused;
    bad("", "body");
    bad("[]", "an object");
    bad("{\"app\":\"a\",\"device\":\"d\"}", "\"release\" is missing");
    bad("{\"app\":\"a\",\"device\":\"d\",\"release\":\"r\"}", "\"event\" is missing");
    bad("{\"device\":\"d\",\"release\":\"r\",\"event\":\"failed\"}",
        "\"app\" is missing");
    bad("{\"app\":\"a\",\"release\":\"r\",\"event\":\"failed\"}",
        "\"device\" is missing");
    bad("{\"app\":\"a\",\"device\":\"\",\"release\":\"r\",\"event\":\"failed\"}",
        "\"device\" is missing");
    bad("{\"app\":\"a\",\"device\":\"d\",\"release\":\"r\",\"event\":\"exploded\"}",
        "/event: found \"exploded\"; want \"downloaded\", \"installed\"");
    bad("{\"app\":\"a\",\"device\":\"d\",\"release\":\"r\",\"event\":\"failed\","
        "\"version\":\"latest\"}",
        "/version: found \"latest\"");
    bad("{\"app\":\"a\",\"device\":\"d\",\"release\":7,\"event\":\"failed\"}",
        "/release: found 7");
    bad("{\"app\":\"a\",\"device\":\"d\",\"release\":\"r\",\"event\":\"failed\",\"x\":\"y\"}",
        "/x: unknown key");
    bad("{\"app\":\"a\",\"device\":\"d\",\"reports\":[],\"event\":\"failed\"}",
        "found []");
    bad("{\"app\":\"a\",\"device\":\"d\",\"reports\":[{\"release\":\"r\",\"event\":\"failed\"}],"
        "\"event\":\"failed\"}",
        "/event: unknown key");
    bad("{\"app\":\"a\",\"device\":\"d\",\"reports\":[{\"release\":\"r\",\"event\":\"failed\"},"
        "{\"release\":\"r\"}]}",
        "/reports/1: \"event\" is missing");
    bad("{\"app\":\"a\",\"device\":\"d\",\"reports\":[{\"release\":\"r\",\"event\":\"failed\","
        "\"device\":\"e\"}]}",
        "/reports/0/device: unknown key");
    bad("{\"app\":\"a\",\"device\":\"d\",\"reports\":{}}", "1 to 64 reports");

    snprintf(long_json, sizeof(long_json),
             "{\"app\":\"a\",\"device\":\"d\",\"release\":\"r\",\"event\":\"failed\","
             "\"detail\":\"%0257d\"}", 1);
    bad(long_json, "/detail: found");
}

static void
test_most(void **unused)
{
    char  *json = NULL;
    size_t len;

    (void) unused;

    for (int count = 64; count <= 65; count++) {
        FILE *out = open_memstream(&json, &len);

        fprintf(out, "{\"app\":\"a\",\"device\":\"d\",\"reports\":[");
        for (int i = 0; i < count; i++) {
            fprintf(out, "%s{\"release\":\"r\",\"event\":\"failed\"}", i > 0 ? "," : "");
        }
        fprintf(out, "]}");
        fclose(out);

        if (count == 64) {
            good(json, 64);
            mds_report_body_free(&body);
        } else {
            bad(json, "1 to 64 reports");
        }

        free(json);
    }
}

/* The operator's device stands. */
static void
test_trusted(void **unused)
{
    (void) unused;
    request = (mds_request_t){ 0 };
    assert_int_equal(mds_request_set_trusted(&request, mds_str("device"),
                                             mds_str("op"), &err),
                     MDS_OK);
    assert_int_equal(mds_report_body_parse(
                         mds_str("{\"app\":\"a\",\"device\":\"d\",\"release\":\"r\","
                                 "\"event\":\"failed\"}"),
                         &request, &err, &body),
                     MDS_OK);
    assert_true(mds_str_eq(mds_request_get(&request, mds_str("device")), mds_str("op")));
    mds_report_body_free(&body);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
