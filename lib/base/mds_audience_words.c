/*
 * Writes an audience in words. A device need be in one part only, so that parts
 * are joined by "and"; who is excepted comes last.
 */

#include "base/mds_audience_words.h"

#include <inttypes.h>
#include <stdio.h>

#define MDS_WORDS_NUMBER_BYTES 32

typedef struct {
    mds_audience_add_t add;
    void              *data;
    bool               begun;
} mds_words_t;

static void
mds_words_add(mds_words_t *words, const char *text)
{
    words->add(words->data, mds_str_of(text));
}

static void
mds_words_add_percent(mds_words_t *words, double percent)
{
    char text[MDS_WORDS_NUMBER_BYTES];

    snprintf(text, sizeof(text), "%.10g %%", percent);
    mds_words_add(words, text);
}

static void
mds_words_add_count(mds_words_t *words, uint64_t count)
{
    char text[MDS_WORDS_NUMBER_BYTES];

    snprintf(text, sizeof(text), "%" PRIu64, count);
    mds_words_add(words, text);
}

static void
mds_words_add_time(mds_words_t *words, const char *before, mds_str_t time)
{
    if (time.len > 0) {
        mds_words_add(words, before);
        words->add(words->data, time);
    }
}

/* Begins another part. */
static void
mds_words_next(mds_words_t *words)
{
    if (words->begun) {
        mds_words_add(words, ", and ");
    }

    words->begun = true;
}

/* Adds "list a" or "lists a, b and c". */
static void
mds_words_add_lists(mds_words_t *words, const mds_audience_names_t *lists)
{
    size_t shown = lists->count > MDS_AUDIENCE_NAMES_MAX
                       ? MDS_AUDIENCE_NAMES_MAX
                       : lists->count;

    mds_words_add(words, lists->count == 1 ? "list " : "lists ");

    for (size_t i = 0; i < shown; i++) {
        mds_words_add(words, i == 0                  ? ""
                             : i + 1 == lists->count ? " and "
                                                     : ", ");
        words->add(words->data, lists->names[i]);
    }

    if (lists->count > shown) {
        mds_words_add(words, " and ");
        mds_words_add_count(words, lists->count - shown);
        mds_words_add(words, " more");
    }
}

static void
mds_words_add_shares(mds_words_t *words, const mds_audience_parts_t *parts)
{
    const char *by = parts->by_user ? " of users" : " of devices";

    if (parts->has_percent) {
        mds_words_next(words);
        mds_words_add_percent(words, parts->percent);
        mds_words_add(words, by);
    }

    if (parts->has_ramp) {
        mds_words_next(words);
        mds_words_add_percent(words, parts->ramp_from);
        mds_words_add(words, " growing to ");
        mds_words_add_percent(words, parts->ramp_to);
        mds_words_add(words, by);
        mds_words_add_time(words, " from ", parts->ramp_start);
        mds_words_add_time(words, " until ", parts->ramp_end);
    }
}

void
mds_audience_write_words(const mds_audience_parts_t *parts,
                         mds_audience_add_t add, void *data)
{
    mds_words_t words = { .add = add, .data = data };

    if (parts->all) {
        mds_words_next(&words);
        mds_words_add(&words, "everybody");
    }

    mds_words_add_shares(&words, parts);

    if (parts->lists.count > 0) {
        mds_words_next(&words);
        mds_words_add_lists(&words, &parts->lists);
    }

    if (parts->window_count > 0) {
        mds_words_next(&words);
        mds_words_add(&words, "the first ");
        mds_words_add_count(&words, parts->window_count);
        mds_words_add(&words, parts->window_by_user ? " users" : " devices");
        mds_words_add_time(&words, " until ", parts->window_until);
    }

    if (!words.begun) {
        mds_words_add(&words, "nobody");
    }

    if (parts->except.count > 0) {
        mds_words_add(&words, ", but not ");
        mds_words_add_lists(&words, &parts->except);
    }
}
