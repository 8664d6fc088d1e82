/* Many questions in one body: who says what, and what is wrong where. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "request/mds_batch.h"

static mds_error_t err;

/* Bodies and what is made of them, each in as many bytes as it may take. */
static char *kept, *memory;

static mds_status_t
parse(const char *body, const mds_request_t *fixed, mds_batch_t **batch)
{
    static const mds_request_t none;
    size_t                     len = strlen(body);

    free(kept);
    free(memory);
    kept = malloc(len + 1);
    memory = malloc(mds_batch_bytes(len));
    assert_non_null(kept);
    assert_non_null(memory);

    /* Without the zero. */
    memcpy(kept + 1, body, len);

    return mds_batch_parse((mds_str_t){ len, kept + 1 },
                           fixed == NULL ? &none : fixed, memory, &err, batch);
}

static mds_batch_t *
parsed(const char *body)
{
    mds_batch_t *batch;

    assert_int_equal(parse(body, NULL, &batch), MDS_OK);
    return batch;
}

#define assert_view(view, text)                                                \
    do {                                                                       \
        mds_str_t seen = (view);                                               \
        assert_int_equal(seen.len, strlen(text));                              \
        assert_memory_equal(seen.data, text, seen.len);                        \
    } while (0)

#define get(request, name) mds_request_get(request, mds_str(name))

static void
test_who_says(void **unused)
{
    mds_request_t request;
    mds_batch_t  *batch
        = parsed("{\"user\":\"u\",\"resources\":["
                 "{\"kind\":\"k\",\"name\":\"n\",\"net\":\"own\",\"city\":"
                 "\"x\"},{\"kind\":\"k\",\"net\":\"\"},{\"kind\":\"k\","
                 "\"net\":null},{\"kind\":\"k\"}],\"app\":\"a\","
                 "\"net\":\"n\"}");

    (void) unused;
    assert_int_equal(mds_batch_count(batch), 4);
    assert_view(mds_batch_kind(batch, 0), "k");
    assert_view(mds_batch_name(batch, 0), "n");
    assert_int_equal(mds_batch_name(batch, 1).len, 0);

    assert_int_equal(mds_batch_request(batch, 0, &request, &err), MDS_OK);
    assert_view(get(&request, "app"), "a");
    assert_view(get(&request, "user"), "u");
    assert_view(get(&request, "net"), "own");
    assert_view(get(&request, "city"), "x");

    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(mds_batch_request(batch, i, &request, &err), MDS_OK);
        assert_view(get(&request, "user"), "u");
        assert_view(get(&request, "net"), i == 3 ? "n" : "");
        assert_view(get(&request, "city"), "");
    }
}

/* The operator above both, a nothing as well. */
static void
test_operator_says(void **unused)
{
    mds_request_t fixed = { 0 };
    mds_request_t request;
    mds_batch_t  *batch;

    (void) unused;
    assert_int_equal(mds_request_set_trusted(&fixed, mds_str("user"), mds_str("op"),
                                     &err),
                     MDS_OK);
    assert_int_equal(mds_request_set_trusted(&fixed, mds_str("city"), mds_null_str,
                                     &err),
                     MDS_OK);
    assert_int_equal(
        parse("{\"app\":\"a\",\"user\":\"u\",\"resources\":[{\"kind\":"
              "\"k\",\"city\":\"x\"}]}",
              &fixed, &batch),
        MDS_OK);
    assert_int_equal(mds_batch_request(batch, 0, &request, &err), MDS_OK);
    assert_view(get(&request, "user"), "op");
    assert_view(get(&request, "city"), "");
}

static void
test_escapes(void **unused)
{
    mds_request_t request;
    mds_batch_t  *batch = parsed(
         "{\"\\u0061pp\":\"a\\/\\\"\\u6771\\ud83d\\ude00\",\"\\u0072esources"
          "\":[{\"k\\u0069nd\":\"\\n\",\"name\":\"\\u00e9\"}]}");

    (void) unused;
    assert_view(mds_batch_kind(batch, 0), "\n");
    assert_view(mds_batch_name(batch, 0), "\xc3\xa9");
    assert_int_equal(mds_batch_request(batch, 0, &request, &err), MDS_OK);
    assert_view(get(&request, "app"), "a/\"\xe6\x9d\xb1\xf0\x9f\x98\x80");
}

static void
test_wrong_bodies(void **unused)
{
    static const struct {
        const char *body;
        const char *says;
    } cases[] = {
        { "", "body: the text is empty" },
        { "{\n \"app\": oops}", "body:2:" },
        { "[]", "want an object" },
        { "{}", "/resources is nothing" },
        { "{\"resources\":{}}", "/resources is an object" },
        { "{\"resources\":[],\"app\":1}", "\"app\" is" },
        { "{\"resources\":[],\"A\":\"x\"}", "A" },
        { "{\"resources\":[],\"a\":\"x\",\"a\":\"x\"}", "a" },
        { "{\"resources\":[],\"resources\":[]}", "body:1:" },
        { "{\"resources\":[{\"a\":\"\",\"a\":\"\"}]}", "body:1:" },
        { "{\"resources\":[{\"a\":[1,{\"b\":2},\"]\"]]}]}", "body:1:" },
        { "{\"resources\":[{\"a\":\"\\ud800\"}]}", "body:1:" },
        { "{\"resources\":[{\"a\":\"\\u0000\"}]}", "body:1:" },
        { "{\"resources\":[{\"a\":\"\xff\"}]}", "body:1:" },
        { "{\"resources\":[1e9999]}", "body:1:" },
        { "{\"resources\":[]} ,", "body:1:" },
        { "{\"resources\":[{\"kind\":\"k\"},{\"user\":\"u\"}]}",
          "/resources/1/user: " },
        { "{\"resources\":[{\"\\u0064evice\":\"\"}],\"device\":\"d\"}",
          "/resources/0/device: " },
        { "{\"resources\":[{\"user\":null}]}", "/resources/0/user: " },
        { "{\"resources\":[{\"user\":{\"a\":[]}}]}", "/resources/0/user: " },
        { "{\"resources\":[{\"user\":\"u\"}],\"a\":}", "body:1:" },
        { "{\"resources\":[],\"a\":}", "body:1:" },
        { "{\"resources\":[],\"a\":,\"b\":0}", "body:1:" },
        { "{\"resources\":[{\"\":,\"a\":0}]}", "body:1:" },
        { "{\"resources\":[{\"\":}]}", "body:1:" },
        { "{\"resources\":[,]}", "body:1:" },
        { "{\"resources\":[{},]}", "body:1:" },
        { "{\"resources\":}", "body:1:" },
    };

    (void) unused;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_batch_t *batch = NULL;

        assert_int_equal(parse(cases[i].body, NULL, &batch), MDS_INVALID);
        assert_null(batch);
        if (strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].body, err.text);
        }
    }
}

/* A mistake of one resource is no mistake of the body. */
static void
test_wrong_resources(void **unused)
{
    static const struct {
        const char *resource;
        const char *says;
    } cases[] = {
        { "7", "want an object" },
        { "null", "want an object" },
        { "{}", "kind" },
        { "{\"kind\":null}", "kind" },
        { "{\"kind\":7}", "\"kind\" is" },
        { "{\"kind\":\"k\",\"version\":\"x\"}", "version" },
        { "{\"kind\":\"k\",\"refuse\":\"1,x\"}", "refuse" },
        { "{\"kind\":\"k\",\"Kind\":\"x\"}", "Kind" },
        { "{\"kind\":\"k\",\"resources\":[]}", "\"resources\" is an array" },
        { "{\"kind\":\"k\",\"a\":{\"b\":[\"}\"]}}", "\"a\" is an object" },
        { "{\"kind\":\"k\",\"a\":-1.5}", "\"a\" is a real" },
        { "{\"kind\":\"k\",\"a\":false}", "\"a\" is a boolean" },
        { "{\"kind\":\"k\",\"A\":null}", "A" },
    };

    (void) unused;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_request_t request;
        mds_batch_t  *batch;
        char          body[256];

        snprintf(body, sizeof(body),
                 "{\"app\":\"a\",\"resources\":[%s,{\"kind\":\"k\"}]}",
                 cases[i].resource);
        batch = parsed(body);
        assert_int_equal(mds_batch_request(batch, 0, &request, &err),
                         MDS_INVALID);
        if (strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s", body, err.text);
        }

        assert_int_equal(mds_batch_request(batch, 1, &request, &err), MDS_OK);
    }
}

static void
test_how_many(void **unused)
{
    (void) unused;

    for (size_t count = 0; count <= MDS_BATCH_MAX + 1; count++) {
        char         body[4096] = "{\"app\":\"a\",\"resources\":[";
        mds_batch_t *batch;
        size_t       len = strlen(body);

        for (size_t i = 0; i < count; i++) {
            len += (size_t) snprintf(body + len, sizeof(body) - len, "%s{}",
                                     i > 0 ? "," : "");
        }
        snprintf(body + len, sizeof(body) - len, "]}");

        if (count > MDS_BATCH_MAX) {
            assert_int_equal(parse(body, NULL, &batch), MDS_INVALID);
            assert_non_null(strstr(err.text, "has 257 of them"));
            return;
        }

        batch = parsed(body);
        assert_int_equal(mds_batch_count(batch), count);
    }
}

/* Writes "a0":VALUE,"a1":VALUE… */
static size_t
put_members(char *to, size_t from, size_t count, const char *value)
{
    size_t len = 0;

    for (size_t i = from; i < from + count; i++) {
        len += (size_t) sprintf(to + len, "%s\"a%zu\":%s", i > from ? "," : "",
                                i, value);
    }

    return len;
}

/* So many members, the last one under the name of the one before it or under
 * one of its own, then a resource with which all is well. */
static const char *
many_members(size_t count, bool twice)
{
    static char body[MDS_BATCH_BYTES_MAX + 1];
    size_t      len = (size_t) sprintf(body, "{\"app\":\"a\",\"resources\":[{");

    len += put_members(body + len, 0, count - 1, "\"\"");
    len += (size_t) sprintf(body + len, ",\"a%zu\":\"\",\"name\":\"n\"}",
                            twice ? count - 2 : count - 1);
    len += (size_t) sprintf(body + len, ",{\"kind\":\"k\"}]}");
    assert_true(len <= MDS_BATCH_BYTES_MAX);

    return body;
}

/* More names than a request can have: their resource alone is refused. Where
 * one comes twice, the body is no JSON, however many there are. */
static void
test_many_members(void **unused)
{
    (void) unused;

    for (size_t count = 2; count < 6000; count += 1 + count / 9) {
        mds_request_t request;
        mds_batch_t  *batch = parsed(many_members(count, false));

        assert_int_equal(mds_batch_request(batch, 0, &request, &err),
                         MDS_INVALID);
        assert_non_null(strstr(err.text, count + 2 > MDS_ATTRIBUTES_MAX
                                             ? "more than 64 parameters"
                                             : "\"kind\" is missing"));
        assert_view(mds_batch_name(batch, 0), "n");
        assert_int_equal(mds_batch_request(batch, 1, &request, &err), MDS_OK);

        batch = NULL;
        assert_int_equal(parse(many_members(count, true), NULL, &batch),
                         MDS_INVALID);
        assert_null(batch);
        assert_non_null(strstr(err.text, "body:1:"));
    }
}

/* Names without a value, of which there are more in a body than members. */
static void
test_no_values(void **unused)
{
    static char              body[MDS_BATCH_BYTES_MAX + 1];
    static const char *const starts[]
        = { "{\"resources\":[{", "{\"resources\":[{\"a\":{", "{" };

    (void) unused;

    for (size_t names = 0; names <= MDS_ATTRIBUTES_MAX + 1; names++) {
        for (size_t i = 0; i < mds_nelems(starts); i++) {
            mds_batch_t *batch = NULL;
            size_t       len = (size_t) sprintf(body, "%s", starts[i]);

            len += put_members(body + len, 0, names, names % 2 == 0 ? "0" : "");
            while (len + 4 < sizeof(body)) {
                len += (size_t) sprintf(body + len, ",\"\":");
            }

            assert_int_equal(parse(body, NULL, &batch), MDS_INVALID);
            assert_null(batch);
            assert_non_null(strstr(err.text, "body:1:"));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_says),
        cmocka_unit_test(test_operator_says),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_wrong_bodies),
        cmocka_unit_test(test_wrong_resources),
        cmocka_unit_test(test_how_many),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_no_values),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    free(kept);
    free(memory);
    return failed;
}
