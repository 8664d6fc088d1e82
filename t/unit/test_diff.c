/* What changed, part by part: the log and --dry-run say it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "join.h"
#include "loader/mds_diff.h"

static mds_json_t *
parse(const char *text)
{
    mds_error_t err;
    mds_json_t *json;

    if (text == NULL) {
        return NULL;
    }

    if (mds_json_parse(mds_str_of(text), "text", &err, &json) != MDS_OK) {
        fail_msg("%s: %s", text, err.text);
    }

    return json;
}

static void
check(const char *before, const char *after, const char *changes)
{
    mds_json_t *old = parse(before);
    mds_json_t *new = parse(after);
    mds_json_t *found, *wanted = parse(changes);
    mds_error_t err;
    char       *text;
    size_t      len;

    assert_int_equal(mds_diff(old, new, &err, &found), MDS_OK);
    assert_int_equal(mds_json_dump(found, MDS_JSON_COMPACT, &err, &text, &len),
                     MDS_OK);

    if (!mds_json_equal(found, wanted)) {
        fail_msg("%s\n  gives  %s\n  wants  %s", after, text, changes);
    }

    free(text);
    mds_json_release(found);
    mds_json_release(wanted);
    mds_json_release(old);
    mds_json_release(new);
}

#define STATE(document) "{\"document\":{\"app\":\"a\"" document "}}"
#define P(version, more)                                                       \
    "{\"kind\":\"sdk\",\"name\":\"s\",\"version\":\"" version "\"" more "}"
#define R(id, more) "{\"id\":\"" id "\"" more "}"
#define RS(items) ",\"releases\":[" items "]"
#define PS(items) ",\"packages\":[" items "]"

static void
test_nothing(void **state)
{
    (void) state;
    check(STATE(""), STATE(""), "[]");
    check(STATE(RS(R("r", ",\"a\":1,\"b\":2"))),
          STATE(RS(R("r", ",\"b\":2,\"a\":1"))), "[]");
    check(STATE(PS(JOIN(P("1", ""), P("1", "")))),
          STATE(PS(JOIN(P("1", ""), P("1", "")))), "[]");
    check("{\"document\":{\"app\":\"a\"},\"serial\":1}",
          "{\"document\":{\"app\":\"a\"},\"serial\":2}", "[]");
}

static void
test_new_app(void **state)
{
    (void) state;
    check(NULL, STATE(RS(R("r", ""))),
          "[{\"what\":\"app\",\"id\":\"a\",\"after\":\"a\"},{\"what\":"
          "\"release\",\"id\":\"r\",\"after\":{\"id\":\"r\"}}]");
}

static void
test_parts(void **state)
{
    (void) state;
    check(
        STATE(",\"poll\":{\"after_s\":1},\"channels\":{\"mi\":{\"delta\":false}"
              ",\"x\":{}},\"lists\":{\"l\":{\"ids\":[\"a\"]}}"),
        STATE(",\"channels\":{\"mi\":{},\"y\":{}},\"lists\":{\"l\":{\"ids\":["
              "\"b\"]}}"),
        "[{\"what\":\"poll\",\"id\":\"\",\"before\":{\"after_s\":1}},{\"what\":"
        "\"channel\",\"id\":\"mi\",\"before\":{\"delta\":false},\"after\":{}},{"
        "\"what\":\"channel\",\"id\":\"x\",\"before\":{}},{\"what\":"
        "\"channel\",\"id\":\"y\",\"after\":{}},{\"what\":\"list\",\"id\":"
        "\"l\",\"before\":{\"ids\":[\"a\"]},\"after\":{\"ids\":[\"b\"]}}]");
    check("{\"document\":{\"app\":\"a\"},\"external\":{\"l\":{\"ids\":[]}}}",
          "{\"document\":{\"app\":\"a\"},\"external\":{\"l\":{\"ids\":[1]}}}",
          "[{\"what\":\"external\",\"id\":\"l\",\"before\":{\"ids\":[]},"
          "\"after\":{\"ids\":[1]}}]");
}

static void
test_releases(void **state)
{
    (void) state;
    check(STATE(RS(JOIN(R("r", ""), R("s", ",\"p\":1"), R("t", "")))),
          STATE(RS(JOIN(R("s", ",\"p\":2"), R("t", ""), R("u", "")))),
          "[{\"what\":\"release\",\"id\":\"r\",\"before\":{\"id\":\"r\"},"
          "\"behind\":null},{"
          "\"what\":\"release\",\"id\":\"s\",\"before\":{\"id\":\"s\",\"p\":1},"
          "\"after\":{\"id\":\"s\",\"p\":2}},{\"what\":\"release\",\"id\":"
          "\"u\",\"after\":{\"id\":\"u\"}}]");
}

/* Order counts: of releases of one version, and of builds. */
static void
test_order(void **state)
{
    (void) state;
    check(STATE(RS(JOIN(R("r", ""), R("s", ""), R("t", "")))),
          STATE(RS(JOIN(R("r", ""), R("t", ""), R("s", "")))),
          "[{\"what\":\"releases\",\"id\":\"\",\"before\":[\"r\",\"s\",\"t\"],"
          "\"after\":[\"r\",\"t\",\"s\"]}]");

    /* What is put in between, or taken out, moves nothing. */
    check(STATE(RS(JOIN(R("r", ""), R("s", "")))),
          STATE(RS(JOIN(R("u", ""), R("r", ""), R("v", ""), R("s", "")))),
          "[{\"what\":\"release\",\"id\":\"u\",\"after\":{\"id\":\"u\"}},{"
          "\"what\":\"release\",\"id\":\"v\",\"after\":{\"id\":\"v\"}}]");
    check(STATE(RS(JOIN(R("q", ""), R("r", ""), R("s", "")))),
          STATE(RS(R("s", ""))),
          "[{\"what\":\"release\",\"id\":\"q\",\"before\":{\"id\":\"q\"},"
          "\"behind\":null},{\"what\":\"release\",\"id\":\"r\","
          "\"before\":{\"id\":\"r\"},\"behind\":\"q\"}]");
}

static void
test_packages(void **state)
{
    (void) state;
    check(
        STATE(PS(P("1", ",\"file\":\"f\""))),
        STATE(PS(JOIN(P("1", ",\"file\":\"g\""), P("2", "")))),
        "[{\"what\":\"package\",\"id\":\"sdk s 1\",\"before\":" P(
            "1",
            ",\"file\":\"f\"") ",\"after\":" P("1",
                                               ",\"file\":\"g\"") "},{\"what\":"
                                                                  "\"package\","
                                                                  "\"id\":"
                                                                  "\"sdk s "
                                                                  "2\","
                                                                  "\"after\""
                                                                  ":" P(
                                                                      "2",
                                                                      "") "}"
                                                                          "]");
    check(STATE(PS(P("1", ",\"platform\":\"ios\",\"rules\":[1]"))),
          STATE(PS(P("1", ",\"platform\":[\"ios\"],\"rules\":[1]"))),
          "[{\"what\":\"package\",\"id\":\"sdk s 1 ios [1]\",\"before\":" P(
              "1",
              ",\"platform\":\"ios\",\"rules\":[1]") ",\"behind\":null},{"
                                                     "\"what\":\"package\","
                                                     "\"id\":\"sdk s 1 "
                                                     "[\\\"ios\\\"] "
                                                     "[1]\",\"after\":" P(
                                                         "1", ",\"pla"
                                                              "tform"
                                                              "\":["
                                                              "\"ios"
                                                              "\"],"
                                                              "\"rule"
                                                              "s\":["
                                                              "1]") "}]");
}

/* The same package twice is two of them. */
static void
test_twins(void **state)
{
    (void) state;
    check(
        STATE(PS(
            JOIN(P("1", ",\"x\":1"), P("1", ",\"x\":2"), P("1", ",\"x\":3")))),
        STATE(PS(JOIN(P("1", ",\"x\":1"), P("1", ",\"x\":4")))),
        "[{\"what\":\"package\",\"id\":\"sdk s 1\",\"before\":" P(
            "1",
            ",\"x\":2") ",\"after\":" P("1",
                                        ",\"x\":4") "},{\"what\":\"package\","
                                                    "\"id\":\"sdk s "
                                                    "1\",\"before\":" P(
                                                        "1",
                                                        ",\"x\""
                                                        ":3") ",\"behind\":"
                                                              "\"sdk s 1\"}]");

    /* The second of two was removed: the item before it tells where it was. */
    check(STATE(PS(JOIN(P("1", ""), P("2", ""), P("1", "")))),
          STATE(PS(JOIN(P("1", ""), P("2", "")))),
          "[{\"what\":\"package\",\"id\":\"sdk s 1\",\"before\":" P(
              "1", "") ",\"behind\":\"sdk s 2\"}]");

    /* A package whose own words look like a twin's. */
    check(STATE(
              PS(JOIN(P("1", ""), P("1", ",\"platform\":\"#2\""), P("1", "")))),
          STATE(PS(JOIN(P("1", ""), P("1", ",\"platform\":\"#2\""),
                        P("1", ",\"x\":1")))),
          "[{\"what\":\"package\",\"id\":\"sdk s 1\",\"before\":" P(
              "1", "") ",\"after\":" P("1", ",\"x\":1") "}]");
}

/* An id that is too long is cut, but never within a character. */
static void
test_long(void **state)
{
    char        text[8192] = "";
    size_t      len;
    mds_json_t *after, *changes;
    mds_error_t err;

    (void) state;

    for (unsigned shift = 0; shift < 3; shift++) {
        len = (size_t) sprintf(text,
                               "{\"document\":{\"app\":\"a\",\"packages\":[{"
                               "\"kind\":\"%.*s\",\"rules\":[\"",
                               (int) shift + 1, "kkk");
        while (len < 6000) {
            len += (size_t) sprintf(text + len, "\xe6\x9b\xb4");
        }
        sprintf(text + len, "\"]}]}}");

        after = parse(text);
        assert_int_equal(mds_diff(NULL, after, &err, &changes), MDS_OK);
        assert_int_equal(mds_json_size(changes), 2);
        assert_true(
            mds_json_string(mds_json_get(mds_json_at(changes, 1), "id")).len
            > 2000);
        mds_json_release(changes);
        mds_json_release(after);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing), cmocka_unit_test(test_new_app),
        cmocka_unit_test(test_parts),   cmocka_unit_test(test_releases),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_packages),
        cmocka_unit_test(test_twins),   cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
