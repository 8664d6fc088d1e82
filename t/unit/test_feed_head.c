/*
 * Heads of the feed: what is signed is read again, and what is wrong is
 * refused, with words.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feed/mds_feed_head.h"
#include "feed/mds_feed_lists.h"
#include "trust/mds_envelope.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TIMES                                                                  \
    "\"issued\":\"2026-12-01T00:00:00Z\",\"expires\":\"2026-12-08T00:00:"      \
    "00Z\","
#define LISTS "\"lists\":{\"count\":0,\"sha256\":\"" HEX "\",\"size\":0}}"
#define LAYER(serial)                                                          \
    "{\"serial\":" serial ",\"sha256\":\"" HEX "\",\"size\":9}"

static mds_status_t
parse(const char *text, mds_error_t *err)
{
    mds_feed_head_t head;

    return mds_feed_head_parse(mds_str_of(text), "head", err, &head);
}

static void
test_signed_head_is_read_again(void **state)
{
    static const mds_feed_head_t head
        = { .serial = 812,
            .issued_ms = 1796083200000,
            .expires_ms = 1796688000000,
            .root = 3,
            .layer_count = 2,
            .layer_serials = { 812, 790 },
            .layers = { { .bytes = 36864 }, { .bytes = 8388608 } },
            .list_count = 2,
            .lists = { .bytes = 274 } };
    mds_key_t           key = { .keyid = { 1 } };
    mds_public_t        public_key;
    const mds_public_t *keys[] = { &public_key };
    mds_feed_head_t     read;
    mds_error_t         err;
    char               *text, hex[17], dir[] = "/tmp/mds-feed-XXXXXX";
    char                name[64], path[80];
    size_t              len;

    (void) state;
    assert_non_null(mkdtemp(dir));
    snprintf(name, sizeof(name), "%s/k", dir);
    snprintf(path, sizeof(path), "%s.key", name);
    assert_int_equal(mds_key_generate(name, &err, hex), MDS_OK);
    assert_int_equal(mds_key_load(path, &err, &key), MDS_OK);
    mds_key_public(&key, &public_key);

    assert_int_equal(mds_feed_head_sign(&head, &key, &err, &text, &len),
                     MDS_OK);
    assert_int_equal(mds_feed_head_open((mds_str_t){ len, text }, keys, 1, 1,
                                        "head", &err, &read),
                     MDS_OK);
    assert_memory_equal(&read, &head, sizeof(head));
    assert_true(mds_feed_head_is_same(&read, &head));

    public_key.key[0] ^= 1;
    assert_int_equal(mds_feed_head_open((mds_str_t){ len, text }, keys, 1, 1,
                                        "head", &err, &read),
                     MDS_DENIED);
    free(text);
}

static void
test_later_version_is_refused_with_words(void **state)
{
    mds_error_t err;

    (void) state;
    assert_int_equal(parse("{\"version\":2,\"whatever\":true}", &err),
                     MDS_INCOMPATIBLE);
    assert_string_equal(err.text,
                        "head: the origin speaks version 2 of the feed, and"
                        " this program version 1: upgrade it");
}

static void
test_wrong_members_are_refused(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{\"version\":1}",
        "{\"version\":1,\"serial\":-1," TIMES
        "\"root\":0,\"catalog\":[" LAYER("-1") "]," LISTS,
        "{\"version\":1,\"serial\":5," TIMES "\"root\":0,\"catalog\":[]," LISTS,
        "{\"version\":1,\"serial\":5," TIMES
        "\"root\":0,\"catalog\":[" LAYER("4") "]," LISTS,
        "{\"version\":1,\"serial\":5," TIMES
        "\"root\":0,\"catalog\":[" LAYER("5") "," LAYER("5") "]," LISTS,
        "{\"version\":1,\"serial\":5," TIMES "\"root\":0,\"catalog\":[" LAYER(
            "5") "," LAYER("4") "," LAYER("3") "," LAYER("2") "]," LISTS,
        "{\"version\":1,\"serial\":5," TIMES
        "\"root\":0,\"catalog\":[{\"serial\":5,\"sha256\":\"../../etc/passwd\","
        "\"size\":1}]," LISTS,
    };
    mds_error_t err;

    (void) state;
    assert_int_equal(parse("{\"version\":1,\"serial\":5," TIMES
                           "\"root\":0,\"catalog\":[" LAYER("5") "]," LISTS,
                           &err),
                     MDS_OK);

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
        assert_int_equal(parse(wrong[i], &err), MDS_INVALID);
    }
}

static void
test_lines_of_the_index(void **state)
{
    mds_buffer_t    text = { 0 };
    mds_feed_list_t list = { .file = { .bytes = 438368 } }, read;
    mds_str_t       lines;
    mds_error_t     err;

    (void) state;
    mds_feed_list_write(&text, &list);
    lines = mds_buffer_str(&text);
    assert_int_equal(mds_feed_list_next(&lines, &err, &read), MDS_OK);
    assert_memory_equal(&read, &list, sizeof(list));
    assert_int_equal(mds_feed_list_next(&lines, &err, &read), MDS_NOT_FOUND);

    for (const char *const *wrong
         = (const char *const[]){ "x\n", HEX " " HEX " 01\n",
                                  HEX " " HEX " 1 \n", HEX "/../x " HEX " 1\n",
                                  HEX " " HEX "\n",
                                  HEX " " HEX " 99999999999999999999\n", NULL };
         *wrong != NULL; wrong++)
    {
        lines = mds_str_of(*wrong);
        assert_int_equal(mds_feed_list_next(&lines, &err, &read), MDS_INVALID);
    }

    mds_buffer_free(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_head_is_read_again),
        cmocka_unit_test(test_later_version_is_refused_with_words),
        cmocka_unit_test(test_wrong_members_are_refused),
        cmocka_unit_test(test_lines_of_the_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
