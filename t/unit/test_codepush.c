/*
 * What CodePush clients send: queries and bodies of reports, read as the
 * CodePush server reads them, and refused where it refuses them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "request/mds_codepush.h"

static mds_error_t err;

/* Parses a query that ends where its memory ends, to a buffer of just its
 * length. The values live until the next call. */
static mds_status_t
parse(mds_str_t query, mds_codepush_query_t *parsed)
{
    static char *exact, *buffer;

    free(exact);
    free(buffer);
    exact = malloc(query.len + 1);
    buffer = malloc(query.len + 1);
    assert_non_null(exact);
    assert_non_null(buffer);
    memcpy(exact + 1, query.data, query.len);

    return mds_codepush_query_parse((mds_str_t){ query.len, exact + 1 },
                                    buffer + 1, &err, parsed);
}

static void
assert_value(mds_str_t value, const char *expected)
{
    if (!mds_str_eq(value, mds_str_of(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", (int) value.len, value.data,
                 expected);
    }
}

static void
assert_says(const char *text)
{
    if (strstr(err.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
    }
}

static void
reads_both_spellings(void **state)
{
    static const char *const queries[] = {
        "deployment_key=k&app_version=1.0&client_unique_id=d&label=v1"
        "&package_hash=h&is_companion=true",
        "deploymentKey=k&appVersion=1.0&clientUniqueId=d&label=v1"
        "&packageHash=h&isCompanion=true",
        "&&isCompanion=t%72ue&x=%zz&=&packageHash=%68&label=v%31"
        "&clientUniqueId=d&appVersion=1%2e0&deployment_key=+k%09&",
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(queries); i++) {
        mds_codepush_query_t query;

        assert_int_equal(parse(mds_str_of(queries[i]), &query), MDS_OK);
        assert_value(query.key, "k");
        assert_value(query.app_version, "1.0");
        assert_value(query.device, "d");
        assert_value(query.label, "v1");
        assert_value(query.hash, "h");
        assert_value(query.companion, "true");
    }
}

static void
ignores_what_it_does_not_read(void **state)
{
    static const char *const queries[] = {
        "",
        "&",
        "=",
        "deployment_key",
        "deployment_key=",
        "deployment_key=&deploymentKey=",
        "DEPLOYMENT_KEY=k",
        "deployment%5fkey=k",
        "deployment_key2=k",
        "%=%",
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(queries); i++) {
        mds_codepush_query_t query;

        assert_int_equal(parse(mds_str_of(queries[i]), &query), MDS_OK);
        assert_int_equal(query.key.len, 0);
        assert_int_equal(query.app_version.len, 0);
    }
}

/* A failure leaves the caller's query as it was. */
static void
refuses_queries(void **state)
{
    static const struct {
        const char *query;
        const char *says;
    } cases[] = {
        { "label=1&label=2", "comes twice" },
        { "app_version=1&appVersion=1", "comes twice" },
        { "deployment_key=a&x=1&deploymentKey=b", "comes twice" },
        { "label=%", "two hexadecimal digits" },
        { "label=%4", "two hexadecimal digits" },
        { "label=%4g", "two hexadecimal digits" },
        { "label=1%", "two hexadecimal digits" },
        { "label=%4&x=1", "two hexadecimal digits" },
        { "deployment_key=k&label=%%", "two hexadecimal digits" },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_codepush_query_t query = { .key = mds_str("before") };

        assert_int_equal(parse(mds_str_of(cases[i].query), &query),
                         MDS_INVALID);
        assert_says(cases[i].says);
        assert_value(query.key, "before");
    }
}

/* Decoded values take the whole buffer, and no byte more. */
static void
fits_into_its_buffer(void **state)
{
    static const char    begin[] = "label=";
    static char          query[sizeof(begin) + 100000];
    mds_codepush_query_t parsed;

    (void) state;
    memcpy(query, begin, sizeof(begin));
    memset(query + sizeof(begin) - 1, '+', 100000);
    assert_int_equal(parse((mds_str_t){ sizeof(begin) - 1 + 100000, query },
                           &parsed),
                     MDS_OK);
    assert_int_equal(parsed.label.len, 100000);
    assert_int_equal(parsed.label.data[99999], ' ');
}

static mds_status_t
check(const char *key, const char *app_version)
{
    mds_codepush_query_t query
        = { .key = mds_str_of(key), .app_version = mds_str_of(app_version) };

    return mds_codepush_query_check(&query, &err);
}

static void
checks_queries(void **state)
{
    char key[MDS_CODEPUSH_KEY_MAX + 2];

    (void) state;
    assert_int_equal(check("azAZ09_-", "1.0"), MDS_OK);
    assert_int_equal(check("k", "v1.2.3-rc.1+build"), MDS_OK);
    assert_int_equal(check("", "1.0"), MDS_INVALID);
    assert_says("deployment key");
    assert_int_equal(check("a b", "1.0"), MDS_INVALID);
    assert_int_equal(check("a/b", "1.0"), MDS_INVALID);
    assert_int_equal(check("\303\244", "1.0"), MDS_INVALID);
    assert_int_equal(check("k", ""), MDS_INVALID);
    assert_says("version of the app");
    assert_int_equal(check("k", "one"), MDS_INVALID);
    assert_int_equal(check("k", "1..0"), MDS_INVALID);

    memset(key, 'k', sizeof(key));
    key[MDS_CODEPUSH_KEY_MAX] = '\0';
    assert_int_equal(check(key, "1.0"), MDS_OK);
    key[MDS_CODEPUSH_KEY_MAX] = 'k';
    key[MDS_CODEPUSH_KEY_MAX + 1] = '\0';
    assert_int_equal(check(key, "1.0"), MDS_INVALID);
}

static void
claims_attributes(void **state)
{
    mds_codepush_query_t query = { .app_version = mds_str("1.0"),
                                   .device = mds_str("d"),
                                   .label = mds_str("3") };
    mds_request_t        request = { 0 };

    (void) state;
    assert_int_equal(mds_codepush_query_claim(&query, &request, &err), MDS_OK);
    assert_int_equal(request.count, 3);
    assert_value(mds_request_get(&request, mds_str("app_version")), "1.0");
    assert_value(mds_request_get(&request, mds_str("device")), "d");
    assert_value(mds_request_get(&request, mds_str("version")), "3");

    /* Another server's label, or none, is not a version. */
    request = (mds_request_t){ 0 };
    query.label = mds_str("release-3");
    assert_int_equal(mds_codepush_query_claim(&query, &request, &err), MDS_OK);
    assert_int_equal(mds_request_get(&request, mds_str("version")).len, 0);

    /* What the operator sets stays. */
    request = (mds_request_t){ 0 };
    assert_int_equal(mds_request_set_trusted(&request, mds_str("device"),
                                             mds_str("op"), &err),
                     MDS_OK);
    assert_int_equal(mds_codepush_query_claim(&query, &request, &err), MDS_OK);
    assert_value(mds_request_get(&request, mds_str("device")), "op");
}

static void
refuses_claims(void **state)
{
    static char          bytes[100000];
    mds_codepush_query_t query = { .device = { sizeof(bytes), bytes } };
    mds_request_t        request = { 0 };

    (void) state;
    memset(bytes, 'd', sizeof(bytes));
    assert_int_equal(mds_codepush_query_claim(&query, &request, &err),
                     MDS_INVALID);

    query.device = mds_str("\377");
    request = (mds_request_t){ 0 };
    assert_int_equal(mds_codepush_query_claim(&query, &request, &err),
                     MDS_INVALID);
}

/* The array of attributes is full: the next one is refused. */
static void
refuses_claims_beyond_the_limit(void **state)
{
    mds_codepush_query_t query
        = { .app_version = mds_str("1"), .device = mds_str("d") };
    char          names[MDS_ATTRIBUTES_MAX][16];
    mds_request_t request = { 0 };

    (void) state;

    for (int i = 0; i < MDS_ATTRIBUTES_MAX - 1; i++) {
        snprintf(names[i], sizeof(names[i]), "x%d", i);
        assert_int_equal(mds_request_set_claimed(&request, mds_str_of(names[i]),
                                                 mds_str("1"), &err),
                         MDS_OK);
    }

    assert_int_equal(mds_codepush_query_claim(&query, &request, &err),
                     MDS_INVALID);
    assert_int_equal(request.count, MDS_ATTRIBUTES_MAX);
}

/* --- reports */

static mds_status_t
report(const char *json, bool deploy, mds_codepush_report_t *parsed)
{
    size_t       len = strlen(json);
    char        *exact = malloc(len + 1);
    mds_status_t status;

    assert_non_null(exact);
    memcpy(exact + 1, json, len);
    status = mds_codepush_report_parse((mds_str_t){ len, exact + 1 }, deploy,
                                       &err, parsed);
    free(exact);

    return status;
}

/* The values outlive the body. */
static void
reads_reports(void **state)
{
    mds_codepush_report_t read;

    (void) state;
    assert_int_equal(
        report("{\"deploymentKey\":\" k\\n\",\"appVersion\":\"1.0\","
               "\"clientUniqueId\":\"d\",\"label\":\"v2\","
               "\"status\":\"DeploymentFailed\",\"more\":[{}]}",
               true, &read),
        MDS_OK);
    assert_value(read.key, "k");
    assert_value(read.app_version, "1.0");
    assert_value(read.device, "d");
    assert_value(read.label, "v2");
    assert_int_equal(read.event, MDS_EVENT_FAILED);
    mds_codepush_report_free(&read);
    mds_codepush_report_free(&read);

    assert_int_equal(report("{\"deployment_key\":\"k\",\"label\":\"v2\","
                            "\"status\":7,\"app_version\":null}",
                            false, &read),
                     MDS_OK);
    assert_value(read.app_version, "");
    assert_value(read.device, "");
    assert_int_equal(read.event, MDS_EVENT_DOWNLOADED);
    mds_codepush_report_free(&read);
}

static void
reads_events(void **state)
{
    static const struct {
        const char        *json;
        mds_report_event_t event;
    } cases[] = {
        { "{\"deployment_key\":\"k\",\"app_version\":\"1\"}",
          MDS_EVENT_INSTALLED },
        { "{\"deployment_key\":\"k\",\"app_version\":\"1\",\"label\":\"\","
          "\"status\":\"?\"}",
          MDS_EVENT_INSTALLED },
        { "{\"deployment_key\":\"k\",\"app_version\":\"1\",\"label\":\"v1\","
          "\"status\":\"DeploymentSucceeded\"}",
          MDS_EVENT_INSTALLED },
        { "{\"deployment_key\":\"k\",\"app_version\":\"1\",\"label\":\"v1\","
          "\"status\":\"Downloaded\"}",
          MDS_EVENT_DOWNLOADED },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_codepush_report_t read;

        assert_int_equal(report(cases[i].json, true, &read), MDS_OK);
        assert_int_equal(read.event, cases[i].event);
        mds_codepush_report_free(&read);
    }
}

/* A failure leaves the caller's report as it was. */
static void
refuses_reports(void **state)
{
    static const char *const bodies[] = {
        "",
        "{",
        "null",
        "7",
        "\"deployment_key\"",
        "[]",
        "{}",
        "{\"deployment_key\":\"\",\"app_version\":\"1\",\"label\":\"v1\"}",
        "{\"deployment_key\":[\"k\"],\"app_version\":\"1\",\"label\":\"v1\"}",
        "{\"deployment_key\":\"k k\",\"app_version\":\"1\",\"label\":\"v1\"}",
        "{\"deployment_key\":\"k\"}",
        "{\"deployment_key\":\"k\",\"app_version\":1,\"label\":1}",
        "{\"deployment_key\":\"k\",\"app_version\":\"1\",\"label\":\"v1\"}x",
        "{\"deployment_key\":\"\xff\",\"app_version\":\"1\",\"label\":\"v1\"}",
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(bodies); i++) {
        mds_codepush_report_t read = { .event = MDS_EVENT_COUNT };

        if (report(bodies[i], true, &read) != MDS_INVALID
            || report(bodies[i], false, &read) != MDS_INVALID)
        {
            fail_msg("%s is not refused", bodies[i]);
        }

        assert_null(read.arena);
        assert_int_equal(read.event, MDS_EVENT_COUNT);
    }
}

static void
refuses_what_one_kind_lacks(void **state)
{
    mds_codepush_report_t read;

    (void) state;
    assert_int_equal(report("{\"deployment_key\":\"k\",\"label\":\"v1\"}", true,
                            &read),
                     MDS_INVALID);
    assert_says("version of the app");
    assert_int_equal(report("{\"deployment_key\":\"k\",\"app_version\":\"1\"}",
                            false, &read),
                     MDS_INVALID);
    assert_says("label of the package");
    assert_int_equal(report("{\"deployment_key\":\"k\",\"app_version\":\"1\","
                            "\"label\":\"v1\",\"status\":\"Failed\"}",
                            true, &read),
                     MDS_INVALID);
    assert_says("DeploymentFailed");
    assert_int_equal(report("{\"deployment_key\":\"k\",\"app_version\":\"1\","
                            "\"label\":\"v1\"}",
                            true, &read),
                     MDS_INVALID);
}

/* A body as large as nginx lets it be, all brackets. */
static void
refuses_depth(void **state)
{
    char                 *body = malloc(MDS_CODEPUSH_BODY_BYTES_MAX + 1);
    mds_codepush_report_t read;

    (void) state;
    assert_non_null(body);
    memset(body, '[', MDS_CODEPUSH_BODY_BYTES_MAX);
    body[MDS_CODEPUSH_BODY_BYTES_MAX] = '\0';
    assert_int_equal(report(body, true, &read), MDS_INVALID);
    free(body);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_spellings),
        cmocka_unit_test(ignores_what_it_does_not_read),
        cmocka_unit_test(refuses_queries),
        cmocka_unit_test(fits_into_its_buffer),
        cmocka_unit_test(checks_queries),
        cmocka_unit_test(claims_attributes),
        cmocka_unit_test(refuses_claims),
        cmocka_unit_test(refuses_claims_beyond_the_limit),
        cmocka_unit_test(reads_reports),
        cmocka_unit_test(reads_events),
        cmocka_unit_test(refuses_reports),
        cmocka_unit_test(refuses_what_one_kind_lacks),
        cmocka_unit_test(refuses_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
