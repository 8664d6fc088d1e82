/*
 * Documents come from people: each mistake is a directory of t/data/invalid,
 * with the words that they get for it, to the letter.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>

#include "base/mds_file.h"
#include "base/mds_name.h"
#include "document/mds_document.h"

#define INPUT_MAX (1 << 20)

static mds_error_t err;

/* The file of a case, zero-terminated; the caller frees it. */
static char *
load(const char *directory, const char *name, const char *file, size_t *len)
{
    char  path[512];
    char *data;

    snprintf(path, sizeof(path), "%s/%s/%s", directory, name, file);

    if (mds_file_read(path, INPUT_MAX, &err, &data, len) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    return data;
}

/* What a document names and does not have is told from what is not valid. */
static mds_status_t
expected_failure(const char *words)
{
    return strstr(words, "which no package") != NULL
                   || strstr(words, "there is no list") != NULL
               ? MDS_NOT_FOUND
               : MDS_INVALID;
}

/* The checked model and its document, or NULL and err. */
static mds_model_t *
check_text(mds_str_t text, mds_json_t **json)
{
    mds_model_t *model = NULL;
    mds_status_t status = mds_json_parse(text, "input.json", &err, json);

    if (status == MDS_OK) {
        status = mds_document_check(*json, "input.json", &err, &model);
        if (status != MDS_OK) {
            mds_json_release(*json);
        }
    }

    assert_int_equal(status,
                     model != NULL ? MDS_OK : expected_failure(err.text));
    return model;
}

static mds_model_t *
check(const char *directory, const char *name, mds_json_t **json)
{
    size_t       len;
    char        *text = load(directory, name, "input.json", &len);
    mds_model_t *model = check_text((mds_str_t){ len, text }, json);

    free(text);
    return model;
}

/* One directory of directories; they are counted, so that none gets lost. */
static unsigned
walk(const char *directory, void (*visit)(const char *name))
{
    DIR           *stream = opendir(directory);
    struct dirent *entry;
    unsigned       count = 0;

    assert_non_null(stream);

    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.') {
            visit(entry->d_name);
            count++;
        }
    }

    closedir(stream);
    return count;
}

static void
visit_valid(const char *name)
{
    mds_json_t  *json;
    mds_model_t *model = check("t/data/valid", name, &json);

    if (model == NULL) {
        fail_msg("valid/%s: %s", name, err.text);
    }

    mds_model_free(model);
    mds_json_release(json);
}

static void
test_valid(void **state)
{
    (void) state;
    assert_true(walk("t/data/valid", visit_valid) >= 9);
}

static void
visit_invalid(const char *name)
{
    mds_json_t  *json;
    mds_model_t *model = check("t/data/invalid", name, &json);
    size_t       len;
    char        *words = load("t/data/invalid", name, "error", &len);

    if (model != NULL) {
        fail_msg("invalid/%s is accepted", name);
    }

    /* One line. */
    assert_true(len > 1 && words[len - 1] == '\n');
    words[len - 1] = '\0';

    if (strcmp(err.text, words) != 0) {
        fail_msg("invalid/%s\n  says  %s\n  wants %s", name, err.text, words);
    }

    for (size_t i = 0; i < strlen(err.text); i++) {
        assert_false((uint8_t) err.text[i] < 0x20 || err.text[i] == 0x7f);
    }

    assert_true(mds_str_is_utf8(mds_str_of(err.text)));
    free(words);
}

static void
test_invalid(void **state)
{
    (void) state;
    assert_true(walk("t/data/invalid", visit_invalid) >= 210);
}

/* The documents of the manual are right. */
static void
test_manual(void **state)
{
    size_t   len;
    char    *text = load("docs", ".", "catalog.md", &len);
    char    *at = text;
    unsigned count = 0;

    (void) state;

    while ((at = strstr(at, "```json\n")) != NULL) {
        char        *begin = at + strlen("```json\n");
        char        *end = strstr(begin, "```");
        mds_json_t  *json;
        mds_model_t *model;

        assert_non_null(end);
        model = check_text((mds_str_t){ (size_t) (end - begin), begin }, &json);
        if (model == NULL) {
            fail_msg("%s\n%.*s", err.text, (int) (end - begin), begin);
        }
        mds_model_free(model);
        mds_json_release(json);
        at = end + 3;
        count++;
    }

    assert_int_equal(count, 2);
    free(text);
}

#define is(view, text) assert_true(mds_str_eq(view, mds_str(text)))

static void
check_example_package(const mds_model_t *model)
{
    const mds_package_t *p = &model->packages[2];

    assert_int_equal(model->package_count, 6);
    is(p->kind, "bundle");
    is(p->name, "20000067");
    assert_int_equal(p->platforms.count, 1);
    is(p->platforms.items[0], "android");
    assert_int_equal(p->channels.count, 0);
    is(p->version, "1.4.0");
    is(p->file, "home.zip");
    assert_int_equal(p->delta_count, 5);
    assert_int_equal(p->rules.count, 1);
    is(p->rules.items[0].attribute, "app_version");
    assert_int_equal(p->rules.items[0].op, MDS_OP_RANGE);
    is(p->rules.items[0].min, "3.0.0");
    assert_int_equal(p->rules.items[0].max.len, 0);
    is(mds_json_string(mds_json_get(p->meta, "install")), "preload");
    assert_int_equal(model->packages[0].delta_count, 3);
    assert_true(model->packages[4].embedded);
    assert_false(model->packages[5].embedded);
    is(model->packages[5].rules.items[0].values.items[0], "arm64-v8a");
}

static void
check_example_release(const mds_model_t *model)
{
    const mds_release_t *r = model->releases;

    assert_int_equal(model->release_count, 4);
    is(r[0].id, "a-3.2.0");
    is(r[0].audience.lists.items[0], "staff");
    assert_int_equal(r[0].audience.flags,
                     MDS_AUDIENCE_LISTS | MDS_AUDIENCE_PERCENT);
    assert_true(r[0].audience.percent == UINT64_C(922337203685477632));
    assert_int_equal(r[0].rules.count, 2);
    is(r[0].rules.items[1].max, "14");
    assert_int_equal(r[0].state, MDS_RELEASE_RUNNING);
    assert_int_equal(r[0].missing, MDS_MISSING_FULL);
    assert_true(r[0].start_ms == INT64_MIN && r[0].end_ms == INT64_MAX);

    assert_int_equal(r[1].audience.flags, MDS_AUDIENCE_WINDOW);
    assert_int_equal(r[1].audience.values.window_count, 5000);
    assert_int_equal(r[1].audience.window_by, MDS_BY_DEVICE);
    assert_int_equal(r[1].audience.values.window_until_ms, 1796083200000);

    is(r[2].name, "theme.dark");
    assert_true(mds_json_bool(r[2].value));

    assert_int_equal(r[3].audience.flags, MDS_AUDIENCE_ALL);
    is(r[3].stage, "4.0");
    is(r[3].force_full.items[0], "4.7");
    assert_int_equal(r[3].missing, MDS_MISSING_NONE);
}

static void
test_example(void **state)
{
    mds_json_t  *json;
    mds_model_t *model = check("t/data/valid", "full-example", &json);
    mds_list_t  *list;

    (void) state;
    assert_non_null(model);
    is(model->app, "com.example.shop");
    assert_int_equal(model->poll_after_s, 1800);
    assert_int_equal(model->poll_jitter_s, 300);
    assert_int_equal(model->full_channels.count, 1);
    is(model->full_channels.items[0], "xiaomi");

    assert_int_equal(model->list_count, 5);
    list = mds_model_list(model, mds_str("staff"));
    assert_int_equal(list->ids.count, 2);
    is(list->ids.items[1], "bob");
    assert_int_equal(list->by, MDS_BY_USER);
    list = mds_model_list(model, mds_str("lab"));
    assert_int_equal(list->by, MDS_BY_DEVICE);
    is(list->file, "lab-devices.txt");
    is(mds_model_list(model, mds_str("qa"))->patterns.items[0], "^qa-[0-9]+$");
    assert_true(mds_model_list(model, mds_str("crm"))->external);
    assert_null(mds_model_list(model, mds_str("nobody")));

    check_example_package(model);
    check_example_release(model);
    mds_model_free(model);
    mds_json_release(json);
}

/* What is left out, where it is not nothing. */
static void
test_defaults(void **state)
{
    mds_json_t  *json;
    mds_model_t *model = check_text(
        mds_str("{\"app\":\"a\",\"packages\":[{\"kind\":\"sdk\",\"name\":\"s\","
                "\"version\":\"1\",\"file\":\"f\"}],\"releases\":[{\"id\":\"r\""
                ",\"audience\":{\"percent\":5,\"window\":{\"count\":1}},"
                "\"kind\":\"sdk\",\"name\":\"s\",\"version\":\"1\"}]}"),
        &json);
    const mds_release_t *r;

    (void) state;
    assert_non_null(model);
    r = model->releases;
    assert_int_equal(model->packages[0].delta_count, 3);
    assert_int_equal(r->missing, MDS_MISSING_NONE);
    assert_int_equal(r->audience.by, MDS_BY_DEVICE);
    assert_int_equal(r->audience.window_by, MDS_BY_DEVICE);
    assert_true(r->audience.values.window_until_ms == INT64_MAX);
    assert_int_equal(r->priority, 0);
    assert_int_equal(r->state, MDS_RELEASE_RUNNING);
    mds_model_free(model);
    mds_json_release(json);
}

static void
test_names(void **state)
{
    (void) state;
    assert_true(mds_text_valid(mds_str("com.example.shop"), MDS_APP_MAX));
    assert_true(mds_text_valid(mds_str("\xe6\x9b\xb4 a/b"), MDS_APP_MAX));
    assert_false(mds_text_valid(mds_str(""), MDS_APP_MAX));
    assert_false(mds_text_valid(mds_str("a\x1f"), MDS_APP_MAX));
    assert_false(mds_text_valid(mds_str("a\x7f"), MDS_APP_MAX));
    assert_true(mds_kind_valid(mds_str("x-own_kind9")));
    assert_true(mds_kind_valid(mds_str("a")));
    assert_true(mds_kind_valid(mds_str("zaz09")));
    assert_false(mds_text_valid(mds_str("\x1f"
                                        "a"),
                                MDS_APP_MAX));
    assert_false(mds_kind_valid(mds_str("{")));
    assert_false(mds_kind_valid(mds_str("`")));
    assert_false(mds_kind_valid(mds_str("a{")));
    assert_false(mds_kind_valid(mds_str("aA")));
    assert_false(mds_kind_valid(mds_str("9k")));
    assert_false(mds_kind_valid(mds_str("-k")));
    assert_false(mds_kind_valid(mds_str("")));
    assert_false(mds_kind_valid(mds_str("k.k")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),   cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_example), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_manual),
    };

    return cmocka_run_group_tests_name("document", tests, NULL, NULL);
}
