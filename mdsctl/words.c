/* words: prints the audience and the rules of a release in words. */

#include "words.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_audience_words.h"
#include "escape.h"

#define NUMBER_BYTES 32
#define NAMES_MAX 5 /* values beyond these are only counted */

static void
add(mds_buffer_t *words, const char *text)
{
    mds_buffer_add(words, text, strlen(text));
}

/* Appends a text that others have chosen. */
static void
add_text(mds_buffer_t *words, mds_str_t text)
{
    char shown[MDSCTL_ESCAPED_BYTES];

    add(words, mdsctl_escape(text, shown, sizeof(shown)));
}

static void
add_count(mds_buffer_t *words, int64_t count)
{
    char text[NUMBER_BYTES];

    snprintf(text, sizeof(text), "%" PRId64, count);
    add(words, text);
}

static void
add_percent(mds_buffer_t *words, const mds_json_t *percent)
{
    char text[NUMBER_BYTES];

    snprintf(text, sizeof(text), "%.10g %%", mds_json_number(percent));
    add(words, text);
}

/* Appends a bound of a range, which is a version or a number. */
static void
add_bound(mds_buffer_t *words, const char *before, const mds_json_t *bound)
{
    char text[NUMBER_BYTES];

    if (bound == NULL) {
        return;
    }

    add(words, before);

    if (mds_json_is_number(bound)) {
        snprintf(text, sizeof(text), "%.10g", mds_json_number(bound));
        add(words, text);
    } else {
        add_text(words, mds_json_string(bound));
    }
}

/* Appends "a, b or c". */
static void
add_names(mds_buffer_t *words, const mds_json_t *names, const char *last)
{
    size_t count = mds_json_size(names);
    size_t shown = count > NAMES_MAX ? NAMES_MAX : count;

    for (size_t i = 0; i < shown; i++) {
        add(words, i == 0 ? "" : i + 1 == count ? last : ", ");
        add_text(words, mds_json_string(mds_json_at(names, i)));
    }

    if (count > shown) {
        add(words, last);
        add_count(words, (int64_t) (count - shown));
        add(words, " more");
    }
}

static void
add_time(mds_buffer_t *words, const char *before, const mds_json_t *time)
{
    if (time != NULL) {
        add(words, before);
        add_text(words, mds_json_string(time));
    }
}

static void
add_piece(void *data, mds_str_t text)
{
    add_text(data, text);
}

/* Returns whether the object counts users. */
static bool
is_by_user(const mds_json_t *object, bool otherwise)
{
    mds_str_t by = mds_json_get_string(object, "by");

    return by.len == 0 ? otherwise : mds_str_eq(by, mds_str("user"));
}

static void
get_names(const mds_json_t *names, mds_audience_names_t *found)
{
    for (size_t i = 0; i < mds_json_size(names); i++) {
        mds_audience_names_add(found, mds_json_string(mds_json_at(names, i)));
    }
}

static void
add_audience(mds_buffer_t *words, const mds_json_t *audience)
{
    const mds_json_t    *ramp = mds_json_get(audience, "ramp");
    const mds_json_t    *percent = mds_json_get(audience, "percent");
    const mds_json_t    *window = mds_json_get(audience, "window");
    mds_audience_parts_t parts
        = { .all = mds_json_get_bool(audience, "all"),
            .has_percent = percent != NULL,
            .has_ramp = ramp != NULL,
            .by_user = is_by_user(audience, false),
            .percent = mds_json_number(percent),
            .ramp_from = mds_json_number(mds_json_get(ramp, "from")),
            .ramp_to = mds_json_number(mds_json_get(ramp, "to")),
            .ramp_start = mds_json_get_string(ramp, "start"),
            .ramp_end = mds_json_get_string(ramp, "end"),
            .window_count = (uint64_t) mds_json_get_integer(window, "count"),
            .window_until = mds_json_get_string(window, "until") };

    parts.window_by_user = is_by_user(window, parts.by_user);
    get_names(mds_json_get(audience, "lists"), &parts.lists);
    get_names(mds_json_get(audience, "except"), &parts.except);
    mds_audience_write_words(&parts, add_piece, words);
}

static void
add_rule(mds_buffer_t *words, const mds_json_t *rule)
{
    mds_str_t op = mds_json_get_string(rule, "op");
    bool      negated = mds_str_starts(op, mds_str("not_"));

    add(words, negated ? "not " : "only ");
    add_text(words, mds_json_get_string(rule, "attribute"));

    if (mds_json_get(rule, "values") != NULL) {
        add(words, " ");
        add_names(words, mds_json_get(rule, "values"), " or ");
    }

    add_bound(words, " from ", mds_json_get(rule, "min"));
    add_bound(words, " to ", mds_json_get(rule, "max"));
    add_bound(words, " below ", mds_json_get(rule, "below"));

    if (mds_json_get_bool(rule, "fold")) {
        add(words, " in any case");
    }

    if (mds_json_get_bool(rule, "absent")) {
        add(words, " or absent");
    }
}

void
mdsctl_words_add_release(mds_buffer_t *words, const mds_json_t *release)
{
    const mds_json_t *rules = mds_json_get(release, "rules");
    const mds_json_t *halt = mds_json_get(release, "halt");
    const mds_json_t *priority = mds_json_get(release, "priority");

    add_audience(words, mds_json_get(release, "audience"));

    for (size_t i = 0; i < mds_json_size(rules); i++) {
        add(words, "; ");
        add_rule(words, mds_json_at(rules, i));
    }

    add_time(words, "; from ", mds_json_get(release, "start"));
    add_time(words, "; until ", mds_json_get(release, "end"));

    if (mds_json_integer(priority) != 0) {
        add(words, "; priority ");
        add_count(words, mds_json_integer(priority));
    }

    add_bound(words, "; forced below ", mds_json_get(release, "force_below"));

    if (halt != NULL) {
        add(words, "; halts at ");
        add_percent(words, mds_json_get(halt, "failure_percent"));
        add(words, " failures of ");
        add_count(words, mds_json_get_integer(halt, "min_reports"));
        add(words, " reports");
    }
}
