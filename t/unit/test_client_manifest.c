/* What a device lets itself be told, and what it does not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/mds_client_manifest.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FILE_OF(path)                                                          \
    "{\"path\":\"" path "\",\"size\":7,\"sha256\":\"" HEX "\"}"
#define HEAD                                                                   \
    "{\"app\":\"a\",\"kind\":\"upgrade\",\"name\":\"\",\"platform\":\"ios\","  \
    "\"channel\":\"*\",\"release\":\"r\",\"serial\":9,"
#define INSTALL HEAD "\"action\":\"install\",\"version\":\"2.0\","
#define DELTA                                                                  \
    "\"delta\":{\"path\":\"files/d\",\"size\":3,\"sha256\":\"" HEX             \
    "\",\"from\":\"1.0\",\"from_sha256\":\"" HEX "\",\"format\":"

static mds_client_manifest_t
read_order(const char *text)
{
    mds_error_t err;
    mds_client_manifest_t order = { 0 };

    if (mds_client_manifest_parse(mds_str_of(text), &err, &order) != MDS_OK) {
        fail_msg("%s: %s", text, err.text);
    }

    return order;
}

static void
test_install(void **state)
{
    mds_client_manifest_t o;

    (void) state;

    o = read_order(INSTALL "\"full\":" FILE_OF("files/x") ",\"new\":1," DELTA
                                                          "\"dcz\"}}");
    assert_true(mds_str_eq(o.app, mds_str("a")));
    assert_true(mds_str_eq(o.kind, mds_str("upgrade")));
    assert_true(mds_str_eq(o.name, mds_str("")));
    assert_true(mds_str_eq(o.release, mds_str("r")));
    assert_true(mds_str_eq(o.version, mds_str("2.0")));
    assert_int_equal(o.serial, 9);
    assert_false(o.rollback);
    assert_true(o.has_full);
    assert_string_equal(o.full.path, "files/x");
    assert_int_equal(o.full.size_bytes, 7);
    assert_int_equal(o.full.sha256.bytes[1], 0x23);
    assert_true(o.has_delta);
    assert_string_equal(o.delta.path, "files/d");
    assert_true(mds_str_eq(o.delta_from, mds_str("1.0")));
    assert_int_equal(o.delta_from_sha256.bytes[0], 0x01);
    mds_client_manifest_free(&o);

    /* a difference that cannot be used is none */
    o = read_order(INSTALL "\"full\":" FILE_OF("files/x") "," DELTA "\"b\"}}");
    assert_false(o.has_delta);
    mds_client_manifest_free(&o);
}

static void
test_rollback(void **state)
{
    mds_client_manifest_t o;

    (void) state;

    o = read_order(HEAD "\"action\":\"rollback\",\"from\":\"2\","
                        "\"version\":null}");
    assert_true(o.rollback);
    assert_true(mds_str_eq(o.from, mds_str("2")));
    assert_int_equal(o.version.len, 0);
    assert_false(o.has_full);
    mds_client_manifest_free(&o);
}

static void
test_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        { "", "manifest: the text is empty" },
        { "[]", "manifest: /app is not a string" },
        { HEAD "\"action\":\"run\"}", "/action is not \"install\" or" },
        { HEAD "\"action\":\"rollback\",\"version\":null}", "/from is not a" },
        { HEAD "\"action\":\"install\",\"version\":null}",
          "/version is not a version" },
        { HEAD "\"action\":\"install\",\"version\":\"x\"}",
          "/version is not a version" },
        { INSTALL "\"full\":[]}", "/full is not an object" },
        { INSTALL "\"full\":{\"path\":\"x\",\"size\":1.5}}",
          "/full/size is not a number of bytes" },
        { INSTALL "\"full\":{\"path\":\"x\",\"size\":1,\"sha256\":\"0\"}}",
          "/full/sha256 is not a SHA-256" },
        { INSTALL "\"full\":" FILE_OF("files/x") "," DELTA "1}}",
          "/delta/format is not a string" },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_error_t err;
        mds_client_manifest_t o;

        assert_int_equal(mds_client_manifest_parse(mds_str_of(cases[i].text), &err, &o),
                         MDS_INVALID);
        if (strstr(err.text, cases[i].words) == NULL) {
            fail_msg("\"%s\" lacks \"%s\"", err.text, cases[i].words);
        }
    }
}

/* No path may lead away from the service that the device trusts. */
static void
test_paths(void **state)
{
    static const char *const wrong[] = {
        INSTALL "\"full\":" FILE_OF("") "}",
        INSTALL "\"full\":" FILE_OF("/etc/passwd") "}",
        INSTALL "\"full\":" FILE_OF("//host/x") "}",
        INSTALL "\"full\":" FILE_OF("http://host/x") "}",
        INSTALL "\"full\":" FILE_OF("../x") "}",
        INSTALL "\"full\":" FILE_OF("files/../x") "}",
        INSTALL "\"full\":" FILE_OF("files/./x") "}",
        INSTALL "\"full\":" FILE_OF("files/%2e%2e/x") "}",
        INSTALL "\"full\":" FILE_OF("files\\\\x") "}",
        INSTALL "\"full\":" FILE_OF("files/x?y") "}",
        INSTALL "\"full\":" FILE_OF("files/x#y") "}",
        INSTALL "\"full\":" FILE_OF("files/x y") "}",
        INSTALL "\"full\":" FILE_OF("files/é") "}",
    };
    mds_client_manifest_t o;

    (void) state;

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
        mds_error_t err;

        assert_int_equal(mds_client_manifest_parse(mds_str_of(wrong[i]), &err, &o),
                         MDS_INVALID);
        assert_non_null(strstr(err.text, "/full/path is not a relative path"));
    }

    o = read_order(INSTALL "\"full\":" FILE_OF("f/A-9_z.x") "}");
    mds_client_manifest_free(&o);
}

/* attributes end with NULL: app, kind, name, platform, version. */
static mds_status_t
check(const char *text, const char *const attributes[5])
{
    static const char *const names[]
        = { "app", "kind", "name", "platform", "version" };
    mds_request_t request = { 0 };
    mds_client_manifest_t   o = read_order(text);
    mds_status_t  status;

    for (size_t i = 0; i < mds_nelems(names); i++) {
        if (attributes[i] != NULL) {
            assert_int_equal(mds_request_set_claimed(&request, mds_str_of(names[i]),
                                               mds_str_of(attributes[i]), NULL),
                             MDS_OK);
        }
    }

    status = mds_client_manifest_check(&o, &request, NULL);
    mds_client_manifest_free(&o);
    return status;
}

#define asked(...) ((const char *const[5]){ __VA_ARGS__ })

static void
test_answers_the_question(void **state)
{
    const char *install = INSTALL "\"full\":" FILE_OF("x") "}";

    (void) state;

    assert_int_equal(check(install, asked("a", "upgrade")), MDS_OK);
    assert_int_equal(check(install, asked("a", "upgrade", "", "ios", "1.9.9")),
                     MDS_OK);
    assert_int_equal(check(install, asked("b", "upgrade")), MDS_CONFLICT);
    assert_int_equal(check(install, asked("a", "hotfix")), MDS_CONFLICT);
    assert_int_equal(check(install, asked("a", "upgrade", "n")), MDS_CONFLICT);
    assert_int_equal(check(install, asked("a", "upgrade", "", "android")),
                     MDS_CONFLICT);
    assert_int_equal(check(install, asked("a", "upgrade", "", "ios", "v2")),
                     MDS_CONFLICT);
    assert_int_equal(check(install, asked("a", "upgrade", "", "ios", "10.0")),
                     MDS_CONFLICT);
}

static void
test_takes_back_what_is_there(void **state)
{
    const char *none = HEAD "\"action\":\"rollback\",\"from\":\"2\","
                            "\"version\":null}";
    const char *lower = HEAD "\"action\":\"rollback\",\"from\":\"2\","
                             "\"version\":\"1\",\"full\":" FILE_OF("x") "}";
    const char *same = HEAD "\"action\":\"rollback\",\"from\":\"2\","
                            "\"version\":\"2.0\",\"full\":" FILE_OF("x") "}";

    (void) state;

    assert_int_equal(check(none, asked("a", "upgrade", "", "", "2.0")), MDS_OK);
    assert_int_equal(check(lower, asked("a", "upgrade", "", "", "2")), MDS_OK);
    assert_int_equal(check(same, asked("a", "upgrade", "", "", "2")),
                     MDS_CONFLICT);
    assert_int_equal(check(none, asked("a", "upgrade", "", "", "3")),
                     MDS_CONFLICT);
    assert_int_equal(check(none, asked("a", "upgrade")), MDS_CONFLICT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_install),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_answers_the_question),
        cmocka_unit_test(test_takes_back_what_is_there),
    };

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
