/*
 * Which differences a document asks for: from the next lower versions that
 * devices may have, and from nothing else, since each costs time and disk.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "compile/mds_delta_plan.h"
#include "document/mds_document.h"
#include "join.h"

#define P(version, file, more)                                                 \
    "{\"kind\":\"bundle\",\"name\":\"b\",\"version\":\"" version               \
    "\",\"file\":\"" file "\"" more "}"

static mds_status_t
note(void *data, const mds_delta_pair_t *pair, mds_error_t *err)
{
    char  *line = data;
    size_t len = strlen(line);

    (void) err;
    snprintf(line + len, 512 - len, "%s%.*s%s", len > 0 ? " " : "",
             MDS_STR(pair->from->file), pair->spec != NULL ? "!" : "");

    return MDS_OK;
}

/* The files from which there are to be differences towards one file. */
static void
check(const char *packages, const char *to, const char *froms)
{
    char                 text[8192], line[512] = "";
    mds_json_t          *json;
    mds_model_t         *model;
    mds_error_t          err;
    const mds_package_t *sorted[32];
    mds_builds_t         builds = { sorted, 0 };

    snprintf(text, sizeof(text), "{\"app\":\"a\",\"packages\":[%s]}", packages);
    assert_int_equal(mds_json_parse(mds_str_of(text), "text", &err, &json),
                     MDS_OK);
    if (mds_document_check(json, "text", &err, &model) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    for (; builds.count < model->package_count; builds.count++) {
        sorted[builds.count] = &model->packages[builds.count];
    }
    qsort(sorted, builds.count, sizeof(*sorted), mds_builds_cmp);

    for (size_t i = 0; i < builds.count; i++) {
        if (mds_str_eq(sorted[i]->file, mds_str_of(to))) {
            assert_int_equal(mds_delta_plan_deltas(&builds, i, note, line, &err),
                             MDS_OK);
        }
    }

    assert_string_equal(line, froms);
    mds_model_free(model);
    mds_json_release(json);
}

#define FIVE                                                                   \
    P("1.0", "a", "")                                                          \
    "," P("1.10", "d", "") "," P("1.2", "c", "") "," P("1.1", "b",             \
                                                       "") "," P("3.0", "y",   \
                                                                 "")

static void
test_counts(void **state)
{
    (void) state;
    check(JOIN(FIVE, P("2.0", "x", "")), "x", "d c b");
    check(JOIN(FIVE, P("2.0", "x", ",\"deltas\":0")), "x", "");
    check(JOIN(FIVE, P("2.0", "x", ",\"deltas\":1")), "x", "d");
    check(JOIN(FIVE, P("2.0", "x", ",\"deltas\":4")), "x", "d c b a");
    check(JOIN(FIVE, P("2.0", "x", ",\"deltas\":1000")), "x", "d c b a");
    check(JOIN(FIVE, P("2.0", "x", ",\"deltas\":[]")), "x", "");
    check(FIVE, "a", "");
    check(FIVE, "y", "d c b");
}

/* Versions are counted, builds are not; one under two names is one. */
static void
test_builds(void **state)
{
    (void) state;
    check(JOIN(P("1.0", "a", ""), P("1.0", "b", ",\"delivery\":\"embedded\""),
               P("v1.0.0", "c", ""), P("0.9", "d", ""),
               P("2.0", "x", ",\"deltas\":1"), P("2.0", "y", ",\"deltas\":2"),
               P("2.0", "z",
                 ","
                 "\"delivery\":\"embedded\"")),
          "x", "a b c");
    check(JOIN(P("1.0", "a", ""), P("2.0", "w", ""), P("2.0", "x", "")), "w",
          "a");
    check(JOIN(P("1.0", "a", ""), P("2.0", "z", ",\"delivery\":\"embedded\"")),
          "z", "");
}

#define IOS ",\"platform\":\"ios\""
#define BOTH ",\"platform\":[\"ios\",\"android\"]"
#define ANDROID ",\"platform\":\"android\""
#define MI ",\"channel\":\"mi\""
#define PLAY ",\"channel\":[\"play\",\"store\"]"

static void
test_scopes(void **state)
{
    (void) state;

    /* Versions of another platform are not counted. */
    check(JOIN(P("1.0", "a", ""), P("1.1", "b", IOS), P("1.2", "c", ANDROID),
               P("1.3", "d", BOTH), P("2.0", "x", ANDROID ",\"deltas\":2")),
          "x", "d c");
    check(JOIN(P("1.0", "a", ""), P("1.1", "b", IOS), P("1.2", "c", ANDROID),
               P("2.0", "x", ANDROID ",\"deltas\":2")),
          "x", "c a");

    /* Those of another channel are, and nobody has them. */
    check(JOIN(P("1.0", "a", ""), P("1.1", "b", MI), P("1.2", "c", PLAY),
               P("2.0", "x", MI ",\"deltas\":2")),
          "x", "b");
    check(JOIN(P("1.0", "a", ""), P("1.1", "b", MI), P("1.2", "c", PLAY),
               P("2.0", "x", "")),
          "x", "c b a");
}

#define CPU(op, values)                                                        \
    ",\"rules\":[{\"attribute\":\"cpu\",\"op\":\"" op "\",\"values\":[" values \
    "]}]"

/* Builds that never meet on a device, and those that may. */
static void
test_rules(void **state)
{
    (void) state;
    check(JOIN(P("1.0", "a", CPU("in", "\"arm64\"")),
               P("1.0", "b", CPU("in", "\"x86\",\"arm\"")), P("1.0", "c", ""),
               P("1.0", "d", CPU("not_in", "\"arm64\"")),
               P("1.0", "e", CPU("in", "\"ar*\"")),
               P("1.0", "f",
                 ",\"rules\":[{\"attribute\":\"abi\",\"op\":\"in\",\"values\":["
                 "\"x86\"]}]"),
               P("2.0", "x", CPU("in", "\"arm64\",\"armv7\"")),
               P("2.0", "y", CPU("in", "\"x*\""))),
          "x", "a c d e f");
    check(JOIN(P("1.0", "a", CPU("in", "\"arm64\"")),
               P("2.0", "y", CPU("in", "\"x*\""))),
          "y", "a");
    check(JOIN(P("1.0", "a", ",\"app_version\":{\"max\":\"1\"}"),
               P("2.0", "y", ",\"app_version\":{\"min\":\"2\"}")),
          "y", "a");
}

#define FIX(version, file, app_versions, more)                                 \
    "{\"kind\":\"hotfix\",\"version\":\"" version "\",\"file\":\"" file           \
    "\",\"app_version\":{" app_versions "}" more "}"
#define APP(version) "\"min\":\"" version "\",\"max\":\"" version "\""

/* Of hotfixes, those for another version of the app are neither bases nor
 * counted: a device that has one counts as having none. */
static void
test_hotfixes(void **state)
{
    (void) state;
    check(JOIN(FIX("1", "a", APP("3.1"), ""), FIX("2", "b", APP("3.2"), ""),
               FIX("3", "c", APP("3.0"), ""), FIX("4", "d", APP("3.1.0"), ""),
               FIX("5", "x", APP("3.1"), ",\"deltas\":2")),
          "x", "d a");
    check(JOIN(FIX("1", "a", "\"below\":\"3.1\"", ""),
               FIX("2", "b", "\"min\":\"3.2\"", ""),
               FIX("3", "c", "\"min\":\"3.0\",\"below\":\"3.2\"", ""),
               FIX("4", "d", "\"max\":\"3.1\"", ""),
               FIX("5", "x", APP("3.1"), ",\"deltas\":2")),
          "x", "d c");
}

static void
test_specs(void **state)
{
    (void) state;
    check(JOIN(FIVE,
               P("2.0", "x",
                 ",\"deltas\":[{\"from\":\"1.0.0\"},{\"from\":\"1.2\"}]")),
          "x", "a! c!");
    check(JOIN(P("1.0", "a", IOS), P("1.0", "b", ANDROID), P("1.0", "c", MI),
               P("2.0", "x",
                 ANDROID ",\"deltas\":[{\"from\":\"1.0\",\"format\":\"bsdiff\","
                         "\"file\":\"f\"}]")),
          "x", "b! c!");
}

static mds_status_t
stop(void *data, const mds_delta_pair_t *pair, mds_error_t *err)
{
    (void) err;
    (void) pair;
    return ++*(int *) data == 2 ? MDS_IO : MDS_OK;
}

static void
test_stops(void **state)
{
    mds_package_t            packages[4];
    const mds_package_t     *sorted[4];
    mds_builds_t             builds = { sorted, 4 };
    mds_error_t              err;
    int                      visits = 0;
    static const char *const versions[] = { "4", "3", "2", "1" };

    (void) state;
    memset(packages, 0, sizeof(packages));

    for (size_t i = 0; i < 4; i++) {
        assert_true(
            mds_version_parse(mds_str_of(versions[i]), &packages[i].key));
        packages[i].delta_count = 3;
        sorted[i] = &packages[i];
    }

    assert_int_equal(mds_delta_plan_deltas(&builds, 0, stop, &visits, &err), MDS_IO);
    assert_int_equal(visits, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts), cmocka_unit_test(test_builds),
        cmocka_unit_test(test_scopes), cmocka_unit_test(test_rules),
        cmocka_unit_test(test_hotfixes), cmocka_unit_test(test_specs),
        cmocka_unit_test(test_stops),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
