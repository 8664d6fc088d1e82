/* Many questions in one body: who says what, and what is wrong where. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "mds_batch.h"

static mds_error_t err;

static mds_batch_t *
parsed(const char *body)
{
    mds_batch_t *batch;
    char        *exact = strdup(body);

    assert_non_null(exact);
    assert_int_equal(mds_batch_parse(mds_str_of(exact), &err, &batch), MDS_OK);

    /* The body is not needed any more. */
    memset(exact, 'X', strlen(exact));
    free(exact);

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
    mds_request_t request = { 0 };
    mds_batch_t  *batch
        = parsed("{\"user\":\"u\",\"resources\":["
                 "{\"kind\":\"k\",\"name\":\"n\",\"user\":\"own\",\"city\":"
                 "\"x\"},{\"kind\":\"k\",\"user\":\"\"},{\"kind\":\"k\","
                 "\"user\":null},{\"kind\":\"k\"}],\"app\":\"a\"}");

    (void) unused;
    assert_int_equal(mds_batch_count(batch), 4);
    assert_view(mds_batch_kind(batch, 0), "k");
    assert_view(mds_batch_name(batch, 0), "n");
    assert_int_equal(mds_batch_name(batch, 1).len, 0);

    assert_int_equal(mds_batch_request(batch, 0, &request, &err), MDS_OK);
    assert_view(get(&request, "app"), "a");
    assert_view(get(&request, "user"), "own");
    assert_view(get(&request, "city"), "x");

    for (size_t i = 1; i < 4; i++) {
        mds_request_begin(&request);
        assert_int_equal(mds_batch_request(batch, i, &request, &err), MDS_OK);
        assert_view(get(&request, "user"), i == 3 ? "u" : "");
        assert_view(get(&request, "city"), "");
    }

    /* The operator above both, a nothing as well. */
    mds_request_begin(&request);
    assert_int_equal(mds_request_fix(&request, mds_str("user"), mds_str("op"),
                                     &err),
                     MDS_OK);
    assert_int_equal(mds_request_fix(&request, mds_str("city"), mds_null_str,
                                     &err),
                     MDS_OK);
    assert_int_equal(mds_batch_request(batch, 0, &request, &err), MDS_OK);
    assert_view(get(&request, "user"), "op");
    assert_view(get(&request, "city"), "");

    mds_batch_free(batch);
    mds_batch_free(NULL);
}

static void
test_wrong_bodies(void **unused)
{
    static const struct {
        const char *body;
        const char *says;
    } cases[] = {
        { "", "body:1" },
        { "{\n \"app\": oops}", "body:2:" },
        { "[]", "want an object" },
        { "{}", "/resources is nothing" },
        { "{\"resources\":{}}", "/resources is an object" },
        { "{\"resources\":[],\"app\":1}", "\"app\" is" },
        { "{\"resources\":[],\"A\":\"x\"}", "A" },
        { "{\"resources\":[],\"a\":\"x\",\"a\":\"x\"}", "a" },
        { "{\"resources\":[]} ,", "body:1:" },
    };

    (void) unused;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_batch_t *batch = NULL;

        assert_int_equal(mds_batch_parse(mds_str_of(cases[i].body), &err,
                                         &batch),
                         MDS_INVALID);
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
        { "{\"kind\":\"k\",\"resources\":[]}", "\"resources\" is" },
    };

    (void) unused;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_request_t request = { 0 };
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

        mds_request_begin(&request);
        assert_int_equal(mds_batch_request(batch, 1, &request, &err), MDS_OK);
        mds_batch_free(batch);
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
            assert_int_equal(mds_batch_parse(mds_str_of(body), &err, &batch),
                             MDS_INVALID);
            assert_non_null(strstr(err.text, "has 257 of them"));
            return;
        }

        batch = parsed(body);
        assert_int_equal(mds_batch_count(batch), count);
        mds_batch_free(batch);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_says),
        cmocka_unit_test(test_wrong_bodies),
        cmocka_unit_test(test_wrong_resources),
        cmocka_unit_test(test_how_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
