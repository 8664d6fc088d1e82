/* What a change must not do, and that it is held against what it touches
 * alone: whatever is in a depot can be paused, exported and applied. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "document/mds_document.h"
#include "loader/mds_change_check.h"
#include "loader/mds_diff.h"

#define NOW_MS INT64_C(1790000000000)

#define SHA256                                                                 \
    "0000000000000000000000000000000000000000000000000000000000000001"

#define RELEASE(version, more)                                                 \
    "{\"id\":\"r\",\"kind\":\"sdk\",\"name\":\"s\",\"version\":\"" version     \
    "\",\"audience\":{\"all\":true}" more "}"

/* The package is 1.0+5, and the release may be another text of that version. */
#define STATE(release)                                                         \
    "{\"document\":{\"app\":\"a\",\"packages\":[{\"kind\":\"sdk\",\"name\":"   \
    "\"s\",\"version\":\"1.0+5\",\"sha256\":\"" SHA256                         \
    "\"}],\"releases\":[" release "]}}"

static mds_json_t *
parse(const char *text)
{
    mds_json_t *json;
    mds_error_t err;

    if (mds_json_parse(mds_str_of(text), "state", &err, &json) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    return json;
}

static mds_status_t
check(const char *before, const char *after, mds_error_t *err)
{
    mds_change_check_t change = { .what = "document", .now_ms = NOW_MS };
    mds_json_t        *old = parse(before), *new = parse(after);
    mds_json_t        *changes;
    mds_status_t       status;

    assert_int_equal(mds_diff(old, new, err, &changes), MDS_OK);

    if (mds_document_check(mds_json_get(new, "document"), "document", err,
                           &change.model)
        != MDS_OK)
    {
        fail_msg("%s", err->text);
    }

    change.before = old;
    change.after = new;
    change.changes = changes;
    change.warnings = mds_json_array_new();
    err->text[0] = '\0';
    status = mds_change_check(&change, err);

    mds_model_free(change.model);
    mds_json_release(change.warnings);
    mds_json_release(changes);
    mds_json_release(old);
    mds_json_release(new);

    return status;
}

/* A new release may not name a build that the package is not. */
static void
test_new_release(void **state)
{
    mds_error_t err;

    (void) state;
    assert_int_equal(check(STATE(""), STATE(RELEASE("1.0+5", "")), &err),
                     MDS_OK);
    assert_int_equal(check(STATE(""), STATE(RELEASE("1.0+6", "")), &err),
                     MDS_CONFLICT);
    assert_non_null(strstr(err.text, "/releases/0/version: found 1.0+6"));
}

/* One that is there, by an older program or a revert, can be paused. It has
 * neither platform nor channel, before and after: both are untouched. */
static void
test_untouched(void **state)
{
    mds_error_t err;

    (void) state;
    assert_int_equal(check(STATE(RELEASE("1.0+6", "")),
                           STATE(RELEASE("1.0+6", ",\"state\":\"paused\"")),
                           &err),
                     MDS_OK);
    assert_string_equal(err.text, "");

    assert_int_equal(check(STATE(RELEASE("1.0+6", "")),
                           STATE(RELEASE("1.0+6", ",\"channel\":\"beta\"")),
                           &err),
                     MDS_CONFLICT);
}

/* What is final stays so. */
static void
test_final(void **state)
{
    mds_error_t err;

    (void) state;
    assert_int_equal(check(STATE(RELEASE("1.0+5", ",\"state\":\"ended\"")),
                           STATE(RELEASE("1.0+5", ",\"state\":\"running\"")),
                           &err),
                     MDS_CONFLICT);
    assert_non_null(strstr(err.text, "release \"r\" is ended, which is final"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_release),
        cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_final),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
