/* Numbers of settings: one for each pair of a key and a value, kept for good,
 * or until there are too many that nobody has. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "document/mds_document.h"
#include "loader/mds_setting_ids.h"

static mds_json_t *state;

/* Numbers a document's values, and says the numbers. Keys have one letter:
 * "\"a\":VALUE". */
static const char *
numbers(const char *const *pairs)
{
    static char  line[1024];
    char         text[4096], *end = text, *out = line;
    mds_error_t  err;
    mds_json_t  *json = NULL;
    mds_model_t *model = NULL;

    end += sprintf(end, "{\"app\":\"app\",\"releases\":[");
    for (int i = 0; pairs[i] != NULL; i++) {
        end += sprintf(end,
                       "%s{\"id\":\"r%d\",\"kind\":\"config\",\"name\":%.3s,"
                       "\"value\":%s,\"audience\":{\"all\":true}}",
                       i > 0 ? "," : "", i, pairs[i], pairs[i] + 4);
    }
    sprintf(end, "]}");

    if (mds_json_parse(mds_str_of(text), "document", &err, &json) != MDS_OK
        || mds_document_check(json, "document", &err, &model) != MDS_OK
        || mds_setting_ids_assign(state, model, &err) != MDS_OK)
    {
        fail_msg("%s\n%s", err.text, text);
    }

    *out = '\0';
    for (size_t i = 0; i < model->release_count; i++) {
        out += sprintf(out, "%s%u", i > 0 ? " " : "",
                       model->releases[i].number);
    }

    /* the model has what the state has */
    assert_int_equal(model->setting_count,
                     mds_json_size(mds_json_get(mds_json_get(state, "config"),
                                                "settings")));
    for (size_t i = 1; i < model->setting_count; i++) {
        assert_true(model->settings[i - 1].number < model->settings[i].number);
    }

    mds_model_free(model);
    mds_json_release(json);

    return line;
}

#define numbers(...) numbers((const char *const[]){ __VA_ARGS__, NULL })

static int64_t
of_config(const char *member)
{
    return mds_json_integer(
        mds_json_get(mds_json_get(state, "config"), member));
}

static int
begin(void **unused)
{
    (void) unused;
    state = mds_json_object_new();
    return state == NULL;
}

static int
end(void **unused)
{
    (void) unused;
    mds_json_release(state);
    return 0;
}

static void
test_numbers(void **unused)
{
    int64_t epoch;

    (void) unused;
    assert_string_equal(numbers("\"a\":1", "\"a\":2", "\"b\":1"), "1 2 3");
    epoch = of_config("epoch");
    assert_true(epoch >= 0 && epoch <= UINT32_MAX);

    /* in another order, said twice, with one gone and a new one */
    assert_string_equal(numbers("\"b\":1", "\"a\":2", "\"c\":1", "\"b\":1"),
                        "3 2 4 3");

    /* what comes back has its old number */
    assert_string_equal(numbers("\"a\":1"), "1");
    assert_int_equal(of_config("next"), 5);
    assert_int_equal(of_config("epoch"), epoch);
}

/* Values that look alike are not the same. */
static void
test_pairs(void **unused)
{
    (void) unused;
    assert_string_equal(numbers("\"a\":1", "\"a\":1.0", "\"a\":\"1\"",
                                "\"a\":true", "\"a\":[1]", "\"a\":null",
                                "\"a\":\"null\"", "\"a\":{\"a\":1}"),
                        "1 2 3 4 5 6 7 8");
    assert_string_equal(numbers("\"a\": 1.00 ", "\"a\": [ 1 ]",
                                "\"a\":\"\\u0031\""),
                        "2 5 3");
}

/* Tokens of one depot's numbers mean nothing in another. */
static void
test_epochs(void **unused)
{
    int64_t first;

    (void) unused;
    (void) numbers("\"a\":1");
    first = of_config("epoch");
    mds_json_delete(state, "config");
    (void) numbers("\"a\":1");
    assert_int_not_equal(of_config("epoch"), first);
}

static void
test_none(void **unused)
{
    (void) unused;
    assert_string_equal(numbers(NULL), "");
    assert_int_equal(mds_json_size(state), 0);
    assert_string_equal(numbers("\"a\":1"), "1");
    assert_string_equal(numbers(NULL), "");
    assert_int_equal(of_config("next"), 2);
}

/* Of too many, the oldest go that nobody has. */
static void
test_too_many(void **unused)
{
    mds_json_t *config = mds_json_object_new();
    mds_json_t *settings = mds_json_array_new();

    (void) unused;

    for (int i = 1; i <= MDS_SETTINGS_MAX; i++) {
        mds_json_t *setting = mds_json_array_new();

        assert_int_equal(mds_json_append(setting, mds_json_integer_new(i)),
                         MDS_OK);
        assert_int_equal(mds_json_append(setting,
                                         mds_json_string_new(mds_str("a"))),
                         MDS_OK);
        assert_int_equal(mds_json_append(setting, mds_json_integer_new(i)),
                         MDS_OK);
        assert_int_equal(mds_json_append(settings, setting), MDS_OK);
    }
    assert_int_equal(mds_json_set_integer(config, "epoch", 7), MDS_OK);
    assert_int_equal(mds_json_set_integer(config, "next", MDS_SETTINGS_MAX + 1),
                     MDS_OK);
    assert_int_equal(mds_json_set(config, "settings", settings), MDS_OK);
    assert_int_equal(mds_json_set(state, "config", config), MDS_OK);

    /* 1 is in use, 2 and 3 make room for two new ones */
    assert_string_equal(numbers("\"a\":1", "\"b\":1", "\"c\":1"),
                        "1 10001 10002");
    assert_int_equal(mds_json_size(settings), MDS_SETTINGS_MAX);
    assert_int_equal(mds_json_integer(mds_json_at(mds_json_at(settings, 0), 0)),
                     1);
    assert_int_equal(mds_json_integer(mds_json_at(mds_json_at(settings, 1), 0)),
                     4);
    assert_string_equal(numbers("\"a\":2"), "10003");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers, begin, end),
        cmocka_unit_test_setup_teardown(test_pairs, begin, end),
        cmocka_unit_test_setup_teardown(test_epochs, begin, end),
        cmocka_unit_test_setup_teardown(test_none, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many, begin, end),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
