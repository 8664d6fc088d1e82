/* What comes over the wire: decoded right, bounded, never believed twice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "request/mds_request.h"
#include "request/mds_request_pack.h"

#define A32 "aaaaaaaabbbbbbbbccccccccdddddddd"

static mds_error_t err;

/* The query is put where nothing may be read behind it, and nothing written to
 * it; the request points to it, or into *buffer, until the next one. */
static mds_status_t
parse(const char *query, size_t len, mds_request_t *request, char **buffer)
{
    static char *exact;
    mds_status_t status;

    free(exact);
    exact = malloc(len + 1);
    *buffer = malloc(len + 1);
    assert_non_null(exact);
    assert_non_null(*buffer);
    memcpy(exact + 1, query, len);
    mds_request_init(request);

    status = mds_request_parse(request, (mds_str_t){ len, exact + 1 },
                               *buffer + 1, &err);
    assert_memory_equal(exact + 1, query, len);

    return status;
}

/* Each name that is known is found by its number, and no other one is. */
static void
test_known(void **state)
{
    static const char *const names[] = {
        "n",        "app",      "net",        "cpu",         "kind",
        "name",     "user",     "city",       "brand",       "model",
        "state",    "device",   "region",     "refuse",      "version",
        "channel",  "country",  "platform",   "language",    "os_version",
        "app_version", "sdk_version",
    };
    mds_request_t request;
    char          query[64], *buffer;

    (void) state;
    assert_int_equal(mds_nelems(names), MDS_ATTR_OTHER);

    for (unsigned i = 0; i < mds_nelems(names); i++) {
        mds_str_t name = mds_str_of(names[i]);

        assert_int_equal(mds_attr_id(name), i);
        name.len--;
        assert_int_equal(mds_attr_id(name), MDS_ATTR_OTHER);

        snprintf(query, sizeof(query), "%s=own&x%s=other", names[i], names[i]);
        assert_int_equal(parse(query, strlen(query), &request, &buffer),
                         MDS_OK);

        for (unsigned k = 0; k < MDS_ATTR_OTHER; k++) {
            assert_true(mds_str_eq(mds_request_attr(&request, k),
                                   k == i ? mds_str("own") : mds_null_str));
        }

        assert_true(mds_str_eq(mds_request_get(&request, mds_str_of(names[i])),
                               mds_str("own")));
        free(buffer);
    }

    assert_int_equal(mds_attr_id(mds_str("")), MDS_ATTR_OTHER);
    assert_int_equal(mds_attr_id(mds_str(A32)), MDS_ATTR_OTHER);
    assert_int_equal(mds_attr_id(mds_str("appversions")),
                     MDS_ATTR_OTHER);
}

static void
test_decoded(void **state)
{
    static const struct {
        const char *query;
        const char *name;
        mds_str_t   value;
    } cases[] = {
        { "", "a", mds_str("") },
        { "&", "a", mds_str("") },
        { "a=1", "a", mds_str("1") },
        { "&&a=1&", "a", mds_str("1") },
        { "a", "a", mds_str("") },
        { "a=", "a", mds_str("") },
        { "a==", "a", mds_str("=") },
        { "a=b=c", "a", mds_str("b=c") },
        { "a=x+y", "a", mds_str("x y") },
        { "a=x%20y", "a", mds_str("x y") },
        { "abcdefgh=ijklmno+p", "abcdefgh", mds_str("ijklmno p") },
        { "abcd=efgh+ijklmnop", "abcd", mds_str("efgh ijklmnop") },
        { "abcd=efghijklmno%41", "abcd", mds_str("efghijklmnoA") },
        { "abcd=%41efghijklmno", "abcd", mds_str("Aefghijklmno") },
        { "a=x%2By", "a", mds_str("x+y") },
        { "a=x%2by", "a", mds_str("x+y") },
        { "a=%26%3D", "a", mds_str("&=") },
        { "%61=1", "a", mds_str("1") },
        { "a=%E6%9B%B4", "a", mds_str("\xe6\x9b\xb4") },
        { "a=\xe6\x9b\xb4", "a", mds_str("\xe6\x9b\xb4") },
        { "a=%7f%01", "a", mds_str("\x7f\x01") },
        { "a=1&b=2&c=3", "b", mds_str("2") },
        { "a=%31&b=2&c=%33", "b", mds_str("2") },
        { "a=%31&b=2&c=%33", "c", mds_str("3") },
        { "a=\xe6\x9b\xb4 and \xe6\x9b\xb4 more", "a",
          mds_str("\xe6\x9b\xb4 and \xe6\x9b\xb4 more") },
        { "a=?#/;", "a", mds_str("?#/;") },
        { "a=%2500", "a", mds_str("%00") },
        { "a_1z=v", "a_1z", mds_str("v") },
        { "z09_=v", "z09_", mds_str("v") },
        { "app", "app", mds_str("") },
        { "app=", "app", mds_str("") },
        { "app&n=1", "n", mds_str("1") },
        { "app=%41", "app", mds_str("A") },
        { "%61pp=1", "app", mds_str("1") },
        { "app=1!+2&n=3", "app", mds_str("1! 2") },
        { "app=1!+2&n=3", "n", mds_str("3") },
        { "name=\xe6\x9b\xb4&n=3", "name", mds_str("\xe6\x9b\xb4") },
        { "name=12345678&n=3", "name", mds_str("12345678") },
        { "name=1234567&n=3", "name", mds_str("1234567") },
        { "xapp=1&app=2", "app", mds_str("2") },
        { "platform=x&platforms=y", "platform", mds_str("x") },
        { "platforms=y&platform=x", "platforms", mds_str("y") },
        { "os_version=1&os_versio=2&os_versions=3", "os_version",
          mds_str("1") },
        { "app_version=1&sdk_version=2", "sdk_version", mds_str("2") },
    };
    mds_request_t request;
    char         *buffer;

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        if (parse(cases[i].query, strlen(cases[i].query), &request, &buffer)
            != MDS_OK) {
            fail_msg("%s: %s", cases[i].query, err.text);
        }

        if (!mds_str_eq(mds_request_get(&request, mds_str_of(cases[i].name)),
                        cases[i].value))
        {
            fail_msg("%s: another value", cases[i].query);
        }

        free(buffer);
    }
}

#define NO_NAME                                                                \
    "is not a parameter name, which has a lower-case letter, then up to 31"   \
    " letters, digits and _"
#define NO_HEX "a % is not followed by two hexadecimal digits"

static void
test_refused(void **state)
{
    static const struct {
        const char *query;
        const char *words;
    } cases[] = {
        { "a=1&a=2", "parameter \"a\" comes twice" },
        { "a=1&a=1", "parameter \"a\" comes twice" },
        { "a=&a=1", "parameter \"a\" comes twice" },
        { "a&a", "parameter \"a\" comes twice" },
        { "a=1&%61=1", "parameter \"a\" comes twice" },
        { "=1", "\"\" " NO_NAME },
        { "=", "\"\" " NO_NAME },
        { "A=1", "\"A\" " NO_NAME },
        { "1a=1", "\"1a\" " NO_NAME },
        { "_a=1", "\"_a\" " NO_NAME },
        { "a-b=1", "\"a-b\" " NO_NAME },
        { "a+b=1", "\"a b\" " NO_NAME },
        { "a.b=1", "\"a.b\" " NO_NAME },
        { "a%00=1", "\"\" " NO_NAME },
        { "\xc3\xa4=1", "\"\xc3\xa4\" " NO_NAME },
        { "\xc3=1", "\"\" " NO_NAME },
        { A32 "e=1", "\"" A32 "e\" " NO_NAME },
        { A32 A32 "e=1", "\"" A32 A32 "\" " NO_NAME },
        { A32 "1234567812345678123456781234567\xc3\xa4=1",
          "\"" A32 "1234567812345678123456781234567\" " NO_NAME },
        { "a=%", "\"a=%\": " NO_HEX },
        { "a=%4", "\"a=%4\": " NO_HEX },
        { "a=%4&b=1", "\"a=%4\": " NO_HEX },
        { "a=%G1", "\"a=%G1\": " NO_HEX },
        { "a=%1G", "\"a=%1G\": " NO_HEX },
        { "a=%%41", "\"a=%%41\": " NO_HEX },
        { "%=1", "\"%=1\": " NO_HEX },
        { "%4=11", "\"%4=11\": " NO_HEX },
        { "a=%-1", "\"a=%-1\": " NO_HEX },
        { "a=seven77%00", "parameter \"a\": the value is not UTF-8" },
        { "a=eight888%00eight888", "parameter \"a\": the value is not UTF-8" },
        { "a=eight888six66%80\x66", "parameter \"a\": the value is not UTF-8" },
        { "abcd=efghijklmno\xff", "parameter \"abcd\": the value is not UTF-8" },
        { "abcd=e\xff" "fghijklmno", "parameter \"abcd\": the value is not UTF-8" },
        { "a=%00", "parameter \"a\": the value is not UTF-8" },
        { "a=%ff", "parameter \"a\": the value is not UTF-8" },
        { "a=\xff", "parameter \"a\": the value is not UTF-8" },
        { "a=%C3", "parameter \"a\": the value is not UTF-8" },
        { "a=%ED%A0%80", "parameter \"a\": the value is not UTF-8" },
        { "a=%C0%AF", "parameter \"a\": the value is not UTF-8" },
    };
    mds_request_t request;
    char         *buffer;

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_status_t status
            = parse(cases[i].query, strlen(cases[i].query), &request, &buffer);

        if (status != MDS_INVALID) {
            fail_msg("%s is accepted", cases[i].query);
        }
        assert_string_equal(err.text, cases[i].words);
        free(buffer);
    }

    /* A zero byte as it is. */
    assert_int_equal(parse("a=\0", 3, &request, &buffer), MDS_INVALID);
    free(buffer);
}

static void
test_limits(void **state)
{
    char          query[4096];
    char          value[MDS_VALUE_MAX + 2] = "";
    mds_request_t request;
    char         *buffer;
    size_t        len = 0;

    (void) state;
    memset(value, 'v', MDS_VALUE_MAX);

    snprintf(query, sizeof(query), A32 "=%s", value);
    assert_int_equal(parse(query, strlen(query), &request, &buffer), MDS_OK);
    assert_int_equal(mds_request_get(&request, mds_str(A32)).len,
                     MDS_VALUE_MAX);
    free(buffer);

    /* It counts what is decoded. */
    snprintf(query, sizeof(query), "a=%.*s%%41", MDS_VALUE_MAX - 1, value);
    assert_int_equal(parse(query, strlen(query), &request, &buffer), MDS_OK);
    free(buffer);

    value[MDS_VALUE_MAX] = 'v';
    snprintf(query, sizeof(query), "a=%s", value);
    assert_int_equal(parse(query, strlen(query), &request, &buffer),
                     MDS_INVALID);
    assert_string_equal(err.text, "parameter \"a\": the value has 257 bytes, at"
                                  " most 256 are allowed");
    free(buffer);

    for (unsigned i = 0; i < MDS_ATTRIBUTES_MAX; i++) {
        len += (size_t) sprintf(query + len, "a%u=%u&", i, i);
    }

    assert_int_equal(parse(query, len, &request, &buffer), MDS_OK);
    assert_int_equal(request.count, MDS_ATTRIBUTES_MAX);
    free(buffer);

    len += (size_t) sprintf(query + len, "b=1");
    assert_int_equal(parse(query, len, &request, &buffer), MDS_INVALID);
    assert_string_equal(err.text, "more than 64 parameters are not allowed");
    free(buffer);
}

/* The operator's word stands; the device may say its own, once. */
static void
test_fixed(void **state)
{
    mds_request_t request = { 0 };
    char          buffer[64], value[MDS_VALUE_MAX + 1];

    (void) state;
    assert_int_equal(mds_request_set_trusted(&request, mds_str("city"),
                                     mds_str("Berlin"), &err),
                     MDS_OK);
    assert_int_equal(mds_request_set_trusted(&request, mds_str("user"), mds_str(""),
                                     &err),
                     MDS_OK);
    assert_int_equal(mds_request_parse(&request,
                                       mds_str("city=Rome&user=bob&x=1"),
                                       buffer, &err),
                     MDS_OK);
    assert_true(mds_str_eq(mds_request_get(&request, mds_str("city")),
                           mds_str("Berlin")));
    assert_int_equal(mds_request_get(&request, mds_str("user")).len, 0);
    assert_true(
        mds_str_eq(mds_request_get(&request, mds_str("x")), mds_str("1")));

    /* The first to fix an attribute is who says it. */
    assert_int_equal(mds_request_set_trusted(&request, mds_str("city"),
                                     mds_str("Oslo"), &err),
                     MDS_OK);
    assert_true(mds_str_eq(mds_request_get(&request, mds_str("city")),
                           mds_str("Berlin")));

    assert_int_equal(mds_request_set_claimed(&request, mds_str("city"),
                                       mds_str("Rome"), &err),
                     MDS_INVALID);
    assert_string_equal(err.text, "parameter \"city\" comes twice");

    /* What is dropped is still looked at. */
    mds_request_init(&request);
    memset(value, 'v', sizeof(value));
    assert_int_equal(mds_request_set_trusted(&request, mds_str("city"), mds_str("B"),
                                     &err),
                     MDS_OK);
    assert_int_equal(mds_request_set_claimed(&request, mds_str("city"),
                                       (mds_str_t){ sizeof(value), value },
                                       &err),
                     MDS_INVALID);
    assert_int_equal(mds_request_set_claimed(&request, mds_str("city"),
                                       mds_str("\xff"), &err),
                     MDS_INVALID);
}

static void
test_fix_refuses(void **state)
{
    mds_request_t request = { 0 };
    char          value[MDS_VALUE_MAX + 1];
    char          names[MDS_ATTRIBUTES_MAX][8];

    (void) state;
    memset(value, 'v', sizeof(value));
    assert_int_equal(mds_request_set_trusted(&request, mds_str("a"),
                                     (mds_str_t){ sizeof(value), value }, &err),
                     MDS_INVALID);
    assert_int_equal(mds_request_set_trusted(&request, mds_str("a"), mds_str("\xff"),
                                     &err),
                     MDS_INVALID);
    assert_int_equal(request.count, 0);

    for (unsigned i = 0; i < MDS_ATTRIBUTES_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "a%u", i);
        assert_int_equal(mds_request_set_trusted(&request, mds_str_of(names[i]),
                                         mds_str("1"), &err),
                         MDS_OK);
    }

    assert_int_equal(mds_request_set_trusted(&request, mds_str("b"), mds_str("1"),
                                     &err),
                     MDS_INVALID);
}

static void
test_validated(void **state)
{
    static const struct {
        const char *query;
        const char *words; /* NULL: fine */
    } cases[] = {
        { "app=a&kind=upgrade", NULL },
        { "app=a&kind=k&version=&app_version=&refuse=", NULL },
        { "app=a&kind=k&version=1.2&app_version=v3-rc.1&refuse=1,2.0", NULL },
        { "app=a&kind=k&os_version=latest&sdk_version=x", NULL },
        { "", "parameter \"app\" is missing" },
        { "kind=upgrade", "parameter \"app\" is missing" },
        { "app=&kind=upgrade", "parameter \"app\" is missing" },
        { "app=a", "parameter \"kind\" is missing" },
        { "app=a&kind=", "parameter \"kind\" is missing" },
        { "app=a&kind=k&version=latest",
          "parameter \"version\": \"latest\" is not a version, which looks like"
          " 3.2.0 or 3.2.0-rc.1" },
        { "app=a&kind=k&app_version=1.x",
          "parameter \"app_version\": \"1.x\" is not a version, which looks like"
          " 3.2.0 or 3.2.0-rc.1" },
        { "app=a&kind=k&refuse=x",
          "parameter \"refuse\": \"x\" is not a version, which looks like 3.2.0"
          " or 3.2.0-rc.1" },
        { "app=a&kind=k&refuse=1,x,2",
          "parameter \"refuse\": \"x\" is not a version, which looks like 3.2.0"
          " or 3.2.0-rc.1" },
        { "app=a&kind=k&refuse=1,%202",
          "parameter \"refuse\": \" 2\" is not a version, which looks like 3.2.0"
          " or 3.2.0-rc.1" },
    };
    mds_request_t request;
    char         *buffer;

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_status_t status;

        assert_int_equal(parse(cases[i].query, strlen(cases[i].query), &request,
                               &buffer),
                         MDS_OK);
        err.text[0] = '\0';
        status = mds_request_validate(&request, &err);
        assert_string_equal(err.text,
                            cases[i].words != NULL ? cases[i].words : "");
        assert_int_equal(status, cases[i].words != NULL ? MDS_INVALID : MDS_OK);
        free(buffer);
    }
}

/* A request that was packed and unpacked is the same, without what is absent. */
static void
test_packed(void **state)
{
    const char    query[] = "app=shop&kind=&device=d1&color=red&version=1.0";
    mds_request_t request, again;
    char         *buffer, *packed;
    size_t        bytes;

    (void) state;
    mds_request_init(&request);
    assert_int_equal(mds_request_set_trusted(&request, mds_str("user"),
                                             mds_str("alice"), &err),
                     MDS_OK);
    buffer = malloc(sizeof(query));
    assert_int_equal(mds_request_parse(&request, mds_str_of(query), buffer,
                                       &err),
                     MDS_OK);

    bytes = mds_request_pack_bytes(&request);
    packed = malloc(bytes);
    mds_request_pack(&request, packed);
    mds_request_unpack(&again, (mds_str_t){ bytes, packed });

    assert_int_equal(again.count, request.count - 1);
    assert_int_equal(again.known[MDS_ATTR_KIND], 0);
    assert_false(again.may_admit);

    for (size_t i = 0; i < request.count; i++) {
        mds_attribute_t *attribute = &request.attributes[i];
        mds_str_t        value = mds_request_get(&again, attribute->name);

        assert_true(mds_str_eq(value, attribute->value));
    }

    assert_true(again.attributes[0].trusted);
    assert_false(again.attributes[1].trusted);
    assert_true(mds_str_eq(mds_request_attr(&again, MDS_ATTR_USER),
                           mds_str("alice")));
    free(packed);
    free(buffer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_decoded),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_fix_refuses), cmocka_unit_test(test_validated),
        cmocka_unit_test(test_packed),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
