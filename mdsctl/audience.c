/* audience: makes a release's audience of its options. */

#include "audience.h"

#include "member.h"

/* Parses a percentage: "5", "5%", "2.5" or ".5". NULL: it is something else. */
static mds_json_t *
parse_percent(mds_str_t text)
{
    char        digits[32];
    size_t      len = text.len;
    mds_json_t *number = NULL;

    len -= len > 0 && text.data[len - 1] == '%';

    if (len == 0 || len >= sizeof(digits) - 1) {
        return NULL;
    }

    snprintf(digits, sizeof(digits), "%s%.*s", text.data[0] == '.' ? "0" : "",
             (int) len, text.data);

    if (digits[strspn(digits, "0123456789.")] != '\0'
        || mds_json_parse(mds_str_of(digits), "", NULL, &number) != MDS_OK)
    {
        return NULL;
    }

    if (mds_json_number(number) > 100) {
        mds_json_release(number);
        return NULL;
    }

    return number;
}

static int
set_percent(mds_json_t *audience, const char *text)
{
    mds_json_t *number;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    number = parse_percent(mds_str_of(text));

    return number != NULL
               ? mdsctl_json_status(mds_json_set(audience, "percent", number))
               : mdsctl_fail_usage(
                   "--percent \"%s\": must be a number from 0 to"
                   " 100, such as 5, 5%%, 2.5 or .5",
                   text);
}

static int
fail_ramp(const char *text)
{
    return mdsctl_fail_usage("--ramp \"%s\": must be two percentages and when"
                             " the second is reached, such as 1-100,7d, or"
                             " when it begins and ends: 1-100,2h,7d",
                             text);
}

/* Sets the times of a ramp: "END" (it begins now) or "START,END". */
static int
set_ramp_times(mds_json_t *ramp, char *times)
{
    char *comma = strchr(times, ',');

    if (comma != NULL) {
        *comma = '\0';
    }

    return mdsctl_set_time(ramp, "start", "--ramp",
                           comma == NULL ? "0s" : times)
               ?: mdsctl_set_time(ramp, "end", "--ramp",
                                  comma == NULL ? times : comma + 1);
}

/* Adds a ramp: "FROM-TO,END" or "FROM-TO,START,END". */
static int
set_ramp(mds_json_t *audience, const char *text)
{
    char        words[128];
    char       *dash, *comma;
    mds_json_t *from, *to, *ramp;
    int         code;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    snprintf(words, sizeof(words), "%s", text);
    dash = strchr(words, '-');
    comma = dash == NULL ? NULL : strchr(dash, ',');

    if (comma == NULL || strlen(text) >= sizeof(words)) {
        return fail_ramp(text);
    }

    *dash = *comma = '\0';
    from = parse_percent(mds_str_of(words));
    to = parse_percent(mds_str_of(dash + 1));

    if (from == NULL || to == NULL) {
        mds_json_release(from);
        mds_json_release(to);
        return fail_ramp(text);
    }

    ramp = mds_json_pack("{s:o, s:o}", "from", from, "to", to);
    code = set_ramp_times(ramp, comma + 1);

    if (code != MDSCTL_DONE) {
        mds_json_release(ramp);
        return code;
    }

    return mdsctl_json_status(mds_json_set(audience, "ramp", ramp));
}

static int
set_window(mds_json_t *audience, const mdsctl_audience_t *a)
{
    mds_json_t *window;
    int64_t     count;
    int         code;

    if (a->window == NULL) {
        return a->until == NULL ? MDSCTL_DONE
                                : mdsctl_fail_usage("--until needs --window");
    }

    if (!mdsctl_parse_count(a->window, INT64_MAX, &count) || count == 0) {
        return mdsctl_fail_usage("--window \"%s\": must be how many devices or"
                                 " users it lets in, such as 5000 or 5k",
                                 a->window);
    }

    window = mds_json_pack("{s:I}", "count", count);
    code = mdsctl_set_time(window, "until", "--until", a->until)
               ?: mdsctl_set_word(window, "by", a->by);

    if (code != MDSCTL_DONE) {
        mds_json_release(window);
        return code;
    }

    return mdsctl_json_status(mds_json_set(audience, "window", window));
}

bool
mdsctl_audience_given(const mdsctl_audience_t *a)
{
    return a->all || a->lists.count > 0 || a->percent != NULL || a->ramp != NULL
           || a->window != NULL;
}

int
mdsctl_set_audience(mds_json_t *object, const mdsctl_audience_t *a)
{
    mds_json_t *audience;
    int         code;

    if (!mdsctl_audience_given(a)) {
        return mdsctl_fail_usage("an audience is missing: --all, --list LIST,"
                                 " --percent P, --ramp P-P,T or --window N"
                                 " --until T");
    }

    if (a->all
        && (a->lists.count > 0 || a->percent != NULL || a->ramp != NULL
            || a->window != NULL))
    {
        return mdsctl_fail_usage(
            "--all includes everybody; want it without --%s",
            a->lists.count > 0   ? "list"
            : a->percent != NULL ? "percent"
            : a->ramp != NULL    ? "ramp"
                                 : "window");
    }

    audience = mds_json_object_new();

    code = mdsctl_json_status(
               a->all ? mds_json_set_bool(audience, "all", true) : MDS_OK)
               ?: mdsctl_set_words(audience, "lists", &a->lists)
               ?: mdsctl_set_words(audience, "except", &a->except)
               ?: set_percent(audience, a->percent)
               ?: set_ramp(audience, a->ramp)
               ?: set_window(audience, a)
               ?: mdsctl_set_word(audience, "by", a->by)
               ?: mdsctl_set_word(audience, "seed", a->seed);

    if (code != MDSCTL_DONE) {
        mds_json_release(audience);
        return code;
    }

    return mdsctl_json_status(mds_json_set(object, "audience", audience));
}
