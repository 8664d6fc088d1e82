/* audience: makes a release's audience of its options. */

#include "audience.h"

#include "base/mds_time.h"
#include "member.h"

/* Adds a percentage: "5", "5%", "2.5" or ".5". */
static int
set_percent(mds_json_t *audience, const char *text)
{
    char        digits[32];
    size_t      len = text == NULL ? 0 : strlen(text);
    mds_json_t *number = NULL;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    len -= len > 0 && text[len - 1] == '%';

    if (len > 0 && len < sizeof(digits) - 1
        && strspn(text, "0123456789.") >= len) {
        snprintf(digits, sizeof(digits), "%s%.*s", text[0] == '.' ? "0" : "",
                 (int) len, text);

        if (mds_json_parse(mds_str_of(digits), "--percent", NULL, &number)
                == MDS_OK
            && mds_json_number(number) <= 100)
        {
            return mdsctl_json_status(
                mds_json_set(audience, "percent", number));
        }
    }

    mds_json_release(number);

    return mdsctl_fail_usage(
        "--percent \"%s\": want a number from 0 to 100, such"
        " as 5, 5%%, 2.5 or .5",
        text);
}

static int
set_count(mds_json_t *window, const char *text)
{
    mds_json_t *number = NULL;

    if (text[strspn(text, "0123456789")] == '\0'
        && mds_json_parse(mds_str_of(text), "--window", NULL, &number) == MDS_OK
        && mds_json_integer(number) > 0)
    {
        return mdsctl_json_status(mds_json_set(window, "count", number));
    }

    mds_json_release(number);

    return mdsctl_fail_usage(
        "--window \"%s\": want how many devices or users it"
        " lets in, such as 5000",
        text);
}

static int
set_window(mds_json_t *audience, const mdsctl_audience_t *a)
{
    mds_json_t *window;
    int64_t     until_ms;
    int         code;

    if (a->window == NULL) {
        return a->until == NULL ? MDSCTL_DONE
                                : mdsctl_fail_usage("--until needs --window");
    }

    if (a->until != NULL && !mds_time_parse(mds_str_of(a->until), &until_ms)) {
        return mdsctl_fail_usage("--until \"%s\": want a time such as"
                                 " 2026-12-01T00:00:00Z",
                                 a->until);
    }

    window = mds_json_object_new();

    code = set_count(window, a->window)
               ?: mdsctl_set_word(window, "until", a->until)
               ?: mdsctl_set_word(window, "by", a->by);

    if (code != MDSCTL_DONE) {
        mds_json_release(window);
        return code;
    }

    return mdsctl_json_status(mds_json_set(audience, "window", window));
}

int
mdsctl_set_audience(mds_json_t *object, const mdsctl_audience_t *a)
{
    mds_json_t *audience;
    int         code;

    if (!a->all && a->lists.count == 0 && a->percent == NULL
        && a->window == NULL) {
        return mdsctl_fail_usage("an audience is missing: --all, --list LIST,"
                                 " --percent P or --window N --until T");
    }

    if (a->all
        && (a->lists.count > 0 || a->percent != NULL || a->window != NULL)) {
        return mdsctl_fail_usage(
            "--all includes everybody; want it without --%s",
            a->lists.count > 0   ? "list"
            : a->percent != NULL ? "percent"
                                 : "window");
    }

    audience = mds_json_object_new();

    code = mdsctl_json_status(
               a->all ? mds_json_set_bool(audience, "all", true) : MDS_OK)
               ?: mdsctl_set_words(audience, "lists", &a->lists)
               ?: mdsctl_set_words(audience, "except", &a->except)
               ?: set_percent(audience, a->percent)
               ?: set_window(audience, a)
               ?: mdsctl_set_word(audience, "by", a->by)
               ?: mdsctl_set_word(audience, "seed", a->seed);

    if (code != MDSCTL_DONE) {
        mds_json_release(audience);
        return code;
    }

    return mdsctl_json_status(mds_json_set(object, "audience", audience));
}
