/* The border to JSON: what is refused and how, who owns what, how it prints. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/mds_json.h"
#include "json/mds_json_view.h"

static mds_json_t *
parse(const char *text)
{
    mds_json_t *json = NULL;
    mds_error_t err;

    if (mds_json_parse(mds_str_of(text), "t", &err, &json) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    return json;
}

static void
expect_dump(mds_json_t *json, unsigned flags, const char *expected)
{
    char  *text;
    size_t len;

    assert_int_equal(mds_json_dump(json, flags, NULL, &text, &len), MDS_OK);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));
    free(text);
}

static void
expect_same(const char *text)
{
    mds_json_t *json = parse(text);

    expect_dump(json, MDS_JSON_COMPACT, text);
    mds_json_release(json);
}

static void
expect_error(mds_str_t text, const char *start)
{
    mds_json_t *json = (mds_json_t *) &text;
    mds_error_t err;

    assert_int_equal(mds_json_parse(text, "doc", &err, &json), MDS_INVALID);
    assert_ptr_equal(json, &text);
    if (strncmp(err.text, start, strlen(start)) != 0) {
        fail_msg("\"%s\" does not start with \"%s\"", err.text, start);
    }
    assert_null(strchr(err.text, '\n'));
}

static void
test_refused(void **state)
{
    (void) state;

    expect_error(mds_null_str, "doc: the text is empty");
    expect_error(mds_str("{\"a\": 1,\n \"a\": 2}"),
                 "doc:2:4: duplicate object key near '\"a\"'");
    expect_error(mds_str("{} x"), "doc:1:4: end of file expected near 'x'");
    expect_error(mds_str("[1,]"), "doc:1:4: unexpected token near ']'");
    expect_error(mds_str("\"\xff\""), "doc:1:1: unable to decode byte 0xff");
    expect_error(mds_str("\"\\u0000\""), "doc:1:");
    expect_error(mds_str("\"a\0b\""), "doc:1:");
    expect_error(mds_str("[1\0]"), "doc:1:3: the text has a zero byte");
    expect_error(mds_str("\"a\nb\""), "doc:");
    expect_error(mds_str("9223372036854775808"), "doc:1:19: too big integer");
    expect_error(mds_str("1e999"), "doc:1:5: real number overflow");
    expect_error(mds_str("{\"a\":01}"), "doc:1:");
    expect_error(mds_str("NaN"), "doc:1:");
    /* nothing of the input may move the cursor of whoever reads it */
    expect_error(mds_str("\x1b"), "doc:1:1: invalid token near ' '");
    expect_error(mds_str("1 \x7f"), "doc:1:3: end of file expected near ' '");
}

/* A bound, and not a stack that overflows. */
static void
test_depth(void **state)
{
    static char text[200000];
    mds_json_t *json;

    (void) state;

    memset(text, '[', sizeof(text));
    expect_error((mds_str_t){ sizeof(text), text },
                 "doc:1:2049: maximum parsing depth reached");

    memset(text + 2048, ']', 2048);
    assert_int_equal(mds_json_parse((mds_str_t){ 4096, text }, "t", NULL,
                                    &json),
                     MDS_OK);
    mds_json_release(json);
}

static void
test_types(void **state)
{
    static const char *const names[]
        = { "null",     "a boolean", "an integer", "a real number",
            "a string", "an array",  "an object" };
    mds_json_t *a = parse("[null, true, 7, 0.5, \"x\", [1], {\"k\": 2}]");

    (void) state;

    for (size_t i = 0; i < mds_nelems(names); i++) {
        mds_json_type_t type = mds_json_type(mds_json_at(a, i));

        assert_int_equal(type, MDS_JSON_NULL + i);
        assert_string_equal(mds_json_type_name(type), names[i]);
    }

    assert_true(mds_json_is_null(mds_json_at(a, 0)));
    assert_true(mds_json_is_bool(mds_json_at(a, 1)));
    assert_true(mds_json_bool(mds_json_at(a, 1)));
    assert_true(mds_json_is_integer(mds_json_at(a, 2)));
    assert_int_equal(mds_json_integer(mds_json_at(a, 2)), 7);
    assert_true(mds_json_is_number(mds_json_at(a, 2)));
    assert_true(mds_json_number(mds_json_at(a, 2)) == 7.0);
    assert_false(mds_json_is_integer(mds_json_at(a, 3)));
    assert_true(mds_json_number(mds_json_at(a, 3)) == 0.5);
    assert_true(mds_json_is_string(mds_json_at(a, 4)));
    assert_true(mds_str_eq(mds_json_string(mds_json_at(a, 4)), mds_str("x")));
    assert_true(mds_json_is_array(mds_json_at(a, 5)));
    assert_true(mds_json_is_object(mds_json_at(a, 6)));
    assert_int_equal(mds_json_size(mds_json_at(a, 6)), 1);
    assert_int_equal(mds_json_size(a), 7);
    assert_null(mds_json_at(a, 7));

    mds_json_release(a);
}

/* A chain of look-ups has to be checked once, at its end. */
static void
test_absent(void **state)
{
    mds_json_t *o = parse("{\"a\": {\"b\": 1}, \"s\": 5}");

    (void) state;

    assert_int_equal(mds_json_integer(mds_json_get(mds_json_get(o, "a"), "b")),
                     1);
    assert_null(mds_json_get(mds_json_get(o, "x"), "b"));
    assert_null(mds_json_get(mds_json_get(o, "s"), "b"));
    assert_int_equal(mds_json_type(NULL), MDS_JSON_ABSENT);
    assert_int_equal(mds_json_string(NULL).len, 0);
    assert_int_equal(mds_json_string(mds_json_get(o, "s")).len, 0);
    assert_int_equal(mds_json_integer(NULL), 0);
    assert_int_equal(mds_json_size(NULL), 0);
    assert_false(mds_json_bool(NULL));
    assert_null(mds_json_first(NULL));
    assert_null(mds_json_retain(NULL));
    mds_json_release(NULL);
    mds_json_release(o);
}

static void
test_walk_in_order(void **state)
{
    static const char *const keys[] = { "z", "a", "m", "b" };
    mds_json_member_t       *m;
    mds_json_t              *o = parse("{\"z\":0,\"a\":1,\"m\":2,\"b\":3}");
    int                      i = 0;

    (void) state;

    for (m = mds_json_first(o); m != NULL; m = mds_json_next(o, m)) {
        assert_true(mds_str_eq(mds_json_key(m), mds_str_of(keys[i])));
        assert_int_equal(mds_json_integer(mds_json_value(m)), i);
        i++;
    }
    assert_int_equal(i, 4);

    /* a key keeps its place when its value changes, and loses it when gone */
    assert_int_equal(mds_json_set_bool(o, "a", true), MDS_OK);
    mds_json_delete(o, "z");
    mds_json_delete(o, "z");
    assert_int_equal(mds_json_set_integer(o, "z", 9), MDS_OK);
    expect_dump(o, MDS_JSON_COMPACT, "{\"a\":true,\"m\":2,\"b\":3,\"z\":9}");

    mds_json_release(o);
}

static void
test_keys_as_views(void **state)
{
    mds_json_t *o = mds_json_object_new();
    mds_str_t   key = { 2, "abc" };

    (void) state;

    assert_int_equal(mds_json_put(o, key, mds_json_null_new()), MDS_OK);
    assert_int_equal(mds_json_put(o, mds_null_str, mds_json_array_new()),
                     MDS_OK);
    assert_true(mds_json_is_null(mds_json_get(o, "ab")));
    assert_true(mds_json_is_null(mds_json_find(o, key)));
    assert_true(mds_json_is_array(mds_json_find(o, mds_null_str)));
    assert_null(mds_json_get(o, "abc"));
    mds_json_release(o);
}

static void
test_array(void **state)
{
    mds_json_t *a = mds_json_array_new();

    (void) state;

    assert_int_equal(mds_json_append(a, mds_json_integer_new(2)), MDS_OK);
    assert_int_equal(mds_json_insert(a, 0, mds_json_integer_new(1)), MDS_OK);
    assert_int_equal(mds_json_insert(a, 2, mds_json_integer_new(3)), MDS_OK);
    mds_json_remove(a, 1);
    mds_json_remove(a, 5);
    expect_dump(a, MDS_JSON_COMPACT, "[1,3]");
    mds_json_release(a);
}

/* Memory that ran out in a maker shows in the setter, and leaks nothing. */
static void
test_null_value(void **state)
{
    mds_json_t *o = mds_json_object_new(), *a = mds_json_array_new();

    (void) state;

    assert_int_equal(mds_json_set(o, "k", NULL), MDS_NO_MEMORY);
    assert_int_equal(mds_json_append(a, NULL), MDS_NO_MEMORY);
    assert_int_equal(mds_json_insert(a, 0, NULL), MDS_NO_MEMORY);
    assert_int_equal(mds_json_set_str(NULL, "k", mds_str("v")), MDS_NO_MEMORY);
    assert_int_equal(mds_json_append(NULL, o), MDS_NO_MEMORY);
    assert_null(mds_json_real_new(1.0 / 0.0));
    mds_json_release(a);
}

static void
test_ownership(void **state)
{
    mds_json_t *o = mds_json_object_new(), *v = mds_json_array_new(), *copy;

    (void) state;

    assert_int_equal(mds_json_set(o, "v", mds_json_retain(v)), MDS_OK);
    copy = mds_json_copy(o);
    mds_json_release(o);

    /* v is ours still; the copy shares nothing with it */
    assert_int_equal(mds_json_append(v, mds_json_bool_new(false)), MDS_OK);
    expect_dump(v, MDS_JSON_COMPACT, "[false]");
    expect_dump(copy, MDS_JSON_COMPACT, "{\"v\":[]}");
    mds_json_release(v);
    mds_json_release(copy);
}

static void
test_equal(void **state)
{
    mds_json_t *a = parse("{\"a\":1,\"b\":[1,2]}");
    mds_json_t *b = parse("{\"b\":[1,2],\"a\":1}");
    mds_json_t *c = parse("{\"b\":[2,1],\"a\":1}");

    (void) state;

    assert_true(mds_json_equal(a, b));
    assert_false(mds_json_equal(a, c));
    assert_false(mds_json_equal(a, NULL));
    mds_json_release(a);
    mds_json_release(b);
    mds_json_release(c);
}

static void
test_dump(void **state)
{
    mds_json_t *json;

    (void) state;

    expect_same("{\"b\":[],\"a\":{},\"c\":[1,-9223372036854775808,null,true]}");
    expect_same("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f / \x7f 更快 😀\"");
    expect_same("\"\"");
    expect_same(
        "[0.1,0.3,-2.5,100.0,1e+300,4.94065645841247e-324,0.30000000000000004,"
        "1.0,123456789.125]");

    json = parse("{\"a\":[1,{\"b\":{}}],\"c\":\"d\"}");
    expect_dump(json, MDS_JSON_PRETTY,
                "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    }\n  ],\n"
                "  \"c\": \"d\"\n}");
    mds_json_release(json);

    assert_int_equal(mds_json_dump(NULL, 0, NULL, NULL, NULL), MDS_NO_MEMORY);
}

/* More members than are searched one after the other: found, in their order,
 * also after one of them is gone; twice is refused with its place. */
static void
test_large_object(void **state)
{
    mds_json_t *o = mds_json_object_new(), *read;
    char        key[16], *text, *twice;
    size_t      len;

    (void) state;

    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(mds_json_set_integer(o, key, i), MDS_OK);
    }
    mds_json_delete(o, "k500");
    assert_int_equal(mds_json_set_integer(o, "k7", -7), MDS_OK);
    assert_int_equal(mds_json_size(o), 999);
    assert_null(mds_json_get(o, "k500"));
    assert_null(mds_json_get(o, "k1000"));

    for (int i = 501; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(mds_json_integer(mds_json_get(o, key)), i);
    }

    assert_int_equal(mds_json_dump(o, 0, NULL, &text, &len), MDS_OK);
    read = parse(text);
    assert_true(mds_json_equal(o, read));
    expect_dump(read, MDS_JSON_COMPACT, text);
    mds_json_release(read);

    read = mds_json_copy(o);
    assert_true(mds_json_equal(o, read));
    assert_int_equal(mds_json_set_integer(read, "k999", 0), MDS_OK);
    assert_false(mds_json_equal(o, read));
    mds_json_release(read);

    twice = malloc(len + 20);
    snprintf(twice, len + 20, "%.*s,\n\"k300\":1}", (int) len - 1, text);
    expect_error(mds_str_of(twice), "doc:2:6: duplicate object key near");
    free(twice);
    free(text);
    mds_json_release(o);
}

static void
test_escapes(void **state)
{
    mds_json_t *s = parse("\"\\u0041\\u00e9\\u66f4\\ud83d\\ude00\\/\\\"\\n\"");

    (void) state;
    assert_string_equal(mds_json_string(s).data, "Aé更😀/\"\n");
    mds_json_release(s);

    expect_error(mds_str("\"\\ud83d\""), "doc:1:8: invalid Unicode '\\ud83d'");
    expect_error(mds_str("\"\\ud83dx\\ude00\""), "doc:1:15: invalid Unicode");
    expect_error(mds_str("\"\\ude00\""), "doc:1:8: invalid Unicode '\\ude00'");
    expect_error(mds_str("\"\\ud83d\\u0041\""), "doc:1:14: invalid Unicode");
    expect_error(mds_str("\"\\u12\""), "doc:1:2: invalid escape");
    expect_error(mds_str("\"\\x\""), "doc:1:2: invalid escape");
    expect_error(mds_str("\"\\"), "doc:1:2: invalid escape");
    expect_error(mds_str("\"a"), "doc:1:2: premature end of input");
    expect_error(mds_str("\"更\n"), "doc:1:2: unexpected newline");
}

static void
test_numbers(void **state)
{
    (void) state;

    expect_same("[0,-1,9223372036854775807,-9223372036854775808]");
    expect_error(mds_str("-9223372036854775809"),
                 "doc:1:20: too big negative integer");
    expect_error(mds_str("-"), "doc:1:1: invalid token near '-'");
    expect_error(mds_str("1."), "doc:1:2: invalid token near '1.'");
    expect_error(mds_str("1e+"), "doc:1:3: invalid token near '1e+'");
    expect_error(mds_str("[1 2]"), "doc:1:4: ']' expected near '2'");
    expect_error(mds_str("["), "doc:1:1: ']' expected near end of file");
    expect_error(mds_str("{\"a\" 1}"), "doc:1:6: ':' expected near '1'");
}

/* What a pool shares is the same value, and outlives the pool. */
static void
test_pool(void **state)
{
    mds_json_pool_t *pool = mds_json_pool_new();
    mds_json_t      *a, *b, *c = parse("\"bundle\"");

    (void) state;
    assert_int_equal(mds_json_parse_shared(mds_str("{\"kind\":\"bundle\"}"),
                                           "t", pool, NULL, &a),
                     MDS_OK);
    assert_int_equal(mds_json_parse_shared(mds_str("[\"bundle\",\"kind\"]"), "t",
                                           pool, NULL, &b),
                     MDS_OK);
    assert_ptr_equal(mds_json_get(a, "kind"), mds_json_at(b, 0));
    assert_ptr_not_equal(mds_json_get(a, "kind"), c);
    mds_json_pool_free(pool);
    mds_json_release(a);
    expect_dump(b, MDS_JSON_COMPACT, "[\"bundle\",\"kind\"]");
    mds_json_release(b);
    mds_json_release(c);
}

static void
test_pack(void **state)
{
    mds_json_t *o = mds_json_array_new(), *made;

    (void) state;
    made = mds_json_pack("{s:s, s:I, s:b, s:[i, O, s*], s:{}, s:o?, s:s?, s:o*}",
                         "s", "x", "I", INT64_C(1) << 40, "b", 1, "a", -1, o,
                         (char *) NULL, "e", "n", (void *) NULL, "t",
                         (char *) NULL, "left out", (void *) NULL);
    expect_dump(made, MDS_JSON_COMPACT,
                "{\"s\":\"x\",\"I\":1099511627776,\"b\":true,\"a\":[-1,[]],"
                "\"e\":{},\"n\":null,\"t\":null}");
    mds_json_release(made);

    /* a failure takes the references nevertheless */
    assert_null(mds_json_pack("{s:o, s:o}", "a", NULL, "b", o));
    assert_null(mds_json_pack("[s]", "\xff"));
}

static void
check_view(const char *object, const char *key, const char *value)
{
    mds_str_t found
        = mds_json_view_member(mds_str_of(object), mds_str_of(key));

    assert_int_equal(found.len, strlen(value));
    assert_memory_equal(found.data, value, found.len);
}

/* Members of a text, which is not parsed; and what is cut anywhere. */
static void
test_view(void **state)
{
    static const char text[]
        = "{\"a\":\"x,\\\"}\",\"b\":{\"c\":[1,{\"d\":\"]\"}],\"e\":null},"
          "\"Cd\":-1.5,\"f\":true,\"g\":[],\"h\":\"\"}";
    char *cut;

    (void) state;
    check_view(text, "a", "\"x,\\\"}\"");
    check_view(text, "b", "{\"c\":[1,{\"d\":\"]\"}],\"e\":null}");
    check_view(text, "cd", "-1.5");
    check_view(text, "f", "true");
    check_view(text, "g", "[]");
    check_view(text, "h", "\"\"");
    check_view(text, "c", "");
    check_view(text, "", "");
    check_view("[1]", "a", "");
    check_view("", "a", "");
    check_view("{}", "a", "");

    for (size_t len = 0; len < sizeof(text); len++) {
        cut = malloc(len > 0 ? len : 1); /* a sanitizer sees what is behind it */
        memcpy(cut, text, len);
        (void) mds_json_view_member((mds_str_t){ len, cut }, mds_str("zz"));
        (void) mds_json_view_member((mds_str_t){ len, cut }, mds_str("h"));
        free(cut);
    }
}

/* Items of an array, up to its end or that of the text. */
static void
test_view_items(void **state)
{
    static const char *const items[]
        = { "{\"a\":[1,\"]\"]}", "\"x,\"", "7", "[]" };
    mds_str_t text = mds_str("{\"a\":[1,\"]\"]},\"x,\",7,[]],\"b\":[1]}");
    mds_str_t none = mds_str("]}"), cut = mds_str("{\"a\":1},{\"b"), item;

    (void) state;

    for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
        assert_true(mds_json_view_next_item(&text, &item));
        assert_int_equal(item.len, strlen(items[i]));
        assert_memory_equal(item.data, items[i], item.len);
    }

    assert_false(mds_json_view_next_item(&text, &item));
    assert_false(mds_json_view_next_item(&text, &item));
    assert_false(mds_json_view_next_item(&none, &item));

    /* What is cut is an item, which a parser refuses. */
    assert_true(mds_json_view_next_item(&cut, &item));
    assert_true(mds_json_view_next_item(&cut, &item));
    assert_int_equal(item.len, 3);
    assert_false(mds_json_view_next_item(&cut, &item));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view),          cmocka_unit_test(test_view_items),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_depth),
        cmocka_unit_test(test_types),         cmocka_unit_test(test_absent),
        cmocka_unit_test(test_walk_in_order), cmocka_unit_test(test_array),
        cmocka_unit_test(test_keys_as_views), cmocka_unit_test(test_null_value),
        cmocka_unit_test(test_ownership),     cmocka_unit_test(test_equal),
        cmocka_unit_test(test_dump),          cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pack),          cmocka_unit_test(test_large_object),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
