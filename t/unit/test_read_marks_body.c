/* What a client says of its messages: read as it stands, or refused. */

#include "workdir.h"

#include "request/mds_read_marks_body.h"

static mds_error_t     err;
static mds_request_t   request;
static mds_read_marks_body_t body;
static void           *text;

static mds_status_t
parse(const char *json)
{
    request = (mds_request_t){ 0 };
    return mds_read_marks_body_parse(mds_str_of(json), &request, &err, &body, &text);
}

static void
good(const char *json, uint64_t delete_through, size_t read_count,
     uint64_t highest)
{
    if (parse(json) != MDS_OK) {
        fail_msg("%s: %s", json, err.text);
    }

    assert_int_equal(body.delete_through, delete_through);
    assert_int_equal(body.read_count, read_count);
    assert_int_equal(body.highest, highest);
}

static void
done(void)
{
    mds_read_marks_body_free(&body, text);
    text = NULL;
}

static void
test_good(void **unused)
{
    (void) unused;
    good("{\"app\":\"a\",\"user\":\"u\",\"delete_through\":7,"
         "\"read\":[9,[11,14],3]}",
         7, 3, 14);
    assert_int_equal(body.read[0].first, 9);
    assert_int_equal(body.read[0].last, 9);
    assert_int_equal(body.read[1].first, 11);
    assert_int_equal(body.read[1].last, 14);
    assert_true(
        mds_str_eq(mds_request_get(&request, mds_str("app")), mds_str("a")));
    assert_true(
        mds_str_eq(mds_request_get(&request, mds_str("user")), mds_str("u")));
    done();

    good("{\"delete_through\":1}", 1, 0, 1);
    done();
    good("{\"read\":[[5,5]]}", 0, 1, 5);
    done();
    good("{\"read\":[1],\"delete_through\":9}", 9, 1, 9);
    done();
    good("{\"read\":[9223372036854775807]}", 0, 1, INT64_MAX);
    done();
    good("{\"delete_through\":2,\"read\":[]}", 2, 0, 2);
    done();
}

static void
test_refused(void **unused)
{
    static const char *const wrong[] = {
        "",
        "x",
        "[]",
        "7",
        "null",
        "{}",
        "{\"read\":[]}",
        "{\"app\":\"a\",\"user\":\"u\"}",
        "{\"read\":[0]}",
        "{\"read\":[-1]}",
        "{\"read\":[1.0]}",
        "{\"read\":[\"1\"]}",
        "{\"read\":[true]}",
        "{\"read\":[null]}",
        "{\"read\":[{}]}",
        "{\"read\":[[]]}",
        "{\"read\":[[1]]}",
        "{\"read\":[[1,2,3]]}",
        "{\"read\":[[2,1]]}",
        "{\"read\":[[0,1]]}",
        "{\"read\":[[1,[2]]]}",
        "{\"read\":[1,[2,1]]}",
        "{\"read\":1}",
        "{\"read\":\"1\"}",
        "{\"read\":{}}",
        "{\"read\":null,\"delete_through\":1}",
        "{\"delete_through\":0}",
        "{\"delete_through\":-1}",
        "{\"delete_through\":\"1\"}",
        "{\"delete_through\":[1]}",
        "{\"delete_through\":null,\"read\":[1]}",
        "{\"delete_through\":9223372036854775808}",
        "{\"read\":[1],\"read\":[2]}",
        "{\"user\":\"a\",\"user\":\"b\",\"read\":[1]}",
        "{\"user\":7,\"read\":[1]}",
        "{\"user\":null,\"read\":[1]}",
        "{\"User\":\"a\",\"read\":[1]}",
        "{\"\":\"a\",\"read\":[1]}",
        "{\"read\":[1]",
        "{\"read\":[1]} {}",
        "{\"user\":\"\xc3\",\"read\":[1]}",
    };

    (void) unused;

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
        body = (mds_read_marks_body_t){ .highest = 77 };
        text = NULL;

        if (parse(wrong[i]) != MDS_INVALID) {
            fail_msg("taken: %s", wrong[i]);
        }

        assert_int_equal(body.highest, 77);
        assert_null(text);
        assert_true(strlen(err.text) > 5);
    }
}

/* Nobody claims what the operator has set. */
static void
test_fixed(void **unused)
{
    static const char json[] = "{\"user\":\"mallory\",\"read\":[1]}";

    (void) unused;
    request = (mds_request_t){ 0 };
    assert_int_equal(mds_request_set_trusted(&request, mds_str("user"),
                                     mds_str("alice"), &err),
                     MDS_OK);
    assert_int_equal(mds_read_marks_body_parse(mds_str_of(json), &request, &err,
                                         &body, &text),
                     MDS_OK);
    assert_true(mds_str_eq(mds_request_get(&request, mds_str("user")),
                           mds_str("alice")));
    done();

    request = (mds_request_t){ 0 };
    assert_int_equal(mds_request_set_trusted(&request, mds_str("user"), mds_str(""),
                                     &err),
                     MDS_OK);
    assert_int_equal(mds_read_marks_body_parse(mds_str_of(json), &request, &err,
                                         &body, &text),
                     MDS_OK);
    assert_int_equal(mds_request_get(&request, mds_str("user")).len, 0);
    done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_fixed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
