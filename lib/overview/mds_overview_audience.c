/* The audience of a release in words: "5 % of devices, and list staff". */

#include "overview/mds_overview.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_audience.h"
#include "base/mds_time.h"

/* Lists and attributes beyond these are only counted. */
#define MDS_NAMES_MAX 5

static void
mds_write_comma(mds_writer_t *writer, size_t begun)
{
    mds_writer_words(writer, writer->len > begun ? ", " : "");
}

/* Writes a threshold as a percentage with at most four decimals. */
static void
mds_write_percent(mds_writer_t *writer, uint64_t threshold)
{
    char text[32];
    int  len = snprintf(text, sizeof(text), "%.4f",
                        (double) threshold / 18446744073709551616.0 * 100);

    while (len > 0 && text[len - 1] == '0') {
        len--;
    }

    len -= len > 0 && text[len - 1] == '.' ? 1 : 0;
    mds_writer_add(writer, (mds_str_t){ (size_t) len, text });
    mds_writer_words(writer, " %");
}

static const char *
mds_by_words(uint8_t by)
{
    return by == MDS_BY_USER ? " of users" : " of devices";
}

static void
mds_write_time(mds_writer_t *writer, const char *before, int64_t ms)
{
    char text[MDS_TIME_BYTES];

    mds_writer_words(writer, before);
    mds_writer_words(writer, mds_time_format(ms, text));
}

static void
mds_write_lists(const mds_record_t *record, mds_range_t lists,
                const char *before, mds_writer_t *writer)
{
    for (uint32_t i = 0; i < lists.count && i < MDS_NAMES_MAX; i++) {
        const mds_list_ref_t *list
            = mds_record_item(record, MDS_TABLE_LISTS,
                              mds_record_ref(record, lists.first + i));

        mds_writer_words(writer, i == 0 ? before : ", ");
        mds_writer_add(writer, mds_record_bytes(record, list->name));
    }

    if (lists.count > MDS_NAMES_MAX) {
        mds_writer_number(writer, " and ", lists.count - MDS_NAMES_MAX);
        mds_writer_words(writer, " more");
    }
}

static void
mds_write_ramp(const mds_release_record_t *release, int64_t now_ms,
               mds_writer_t *writer)
{
    const mds_audience_values_t *a = &release->audience;

    mds_writer_words(writer, "a ramp from ");
    mds_write_percent(writer, a->ramp_from);
    mds_writer_words(writer, " to ");
    mds_write_percent(writer, a->ramp_to);
    mds_writer_words(writer, mds_by_words(release->by));

    if (now_ms < a->ramp_start_ms) {
        mds_write_time(writer, " from ", a->ramp_start_ms);
    } else {
        mds_write_time(writer, " until ", a->ramp_end_ms);
    }
}

static void
mds_write_window(const mds_release_record_t *release, mds_writer_t *writer)
{
    const mds_audience_values_t *a = &release->audience;

    mds_writer_number(writer, "the first ", a->window_count);
    mds_writer_words(writer,
                     release->window_by == MDS_BY_USER ? " users" : " devices");

    if (a->window_until_ms != INT64_MAX) {
        mds_write_time(writer, " until ", a->window_until_ms);
    }
}

/* Names the attributes of the rules, each once if they follow each other.
 * "brand or none" says that a device without the attribute is let through. */
static void
mds_write_rules(const mds_record_t *record, mds_range_t rules,
                mds_writer_t *writer)
{
    uint32_t last = MDS_RECORD_NONE, written = 0;

    for (uint32_t i = 0; i < rules.count && written < MDS_NAMES_MAX; i++) {
        const mds_rule_record_t *rule
            = mds_record_item(record, MDS_TABLE_RULES,
                              mds_record_ref(record, rules.first + i));
        const mds_span_t *name
            = mds_record_item(record, MDS_TABLE_ATTRIBUTES, rule->attribute);

        if (rule->attribute != last) {
            mds_writer_words(writer, written++ == 0 ? "; by " : ", ");
            mds_writer_add(writer, mds_record_bytes(record, *name));
            mds_writer_words(writer, (rule->op & MDS_RULE_ABSENT) != 0
                                         ? " or none"
                                         : "");
            last = rule->attribute;
        }
    }
}

/* Writes whose dice the percentages share, and which devices are forced. */
static void
mds_write_extra(const mds_record_t *record, const mds_release_record_t *release,
                mds_writer_t *writer)
{
    const mds_release_extra_t *extra = mds_record_extra(record, release);

    if (extra == NULL) {
        return;
    }

    if (extra->seed.len > 0) {
        mds_writer_words(writer, "; with the seed ");
        mds_writer_add(writer, mds_record_bytes(record, extra->seed));
    }

    if (extra->force_below.len > 0) {
        mds_writer_words(writer, "; by force below ");
        mds_writer_add(writer, mds_record_bytes(record, extra->force_below));
    }
}

void
mds_overview_write_audience(const mds_record_t         *record,
                            const mds_release_record_t *release, int64_t now_ms,
                            mds_writer_t *writer)
{
    size_t begun = writer->len;

    if ((release->flags & MDS_AUDIENCE_ALL) != 0) {
        mds_writer_words(writer, "everybody");
    }

    if ((release->flags & MDS_AUDIENCE_PERCENT) != 0) {
        mds_write_comma(writer, begun);
        mds_write_percent(writer, release->percent);
        mds_writer_words(writer, mds_by_words(release->by));
    }

    if ((release->flags & MDS_AUDIENCE_RAMP) != 0) {
        mds_write_comma(writer, begun);
        mds_write_ramp(release, now_ms, writer);
    }

    if ((release->flags & MDS_AUDIENCE_LISTS) != 0) {
        mds_write_comma(writer, begun);
        mds_write_lists(record, release->lists, "list ", writer);
    }

    if ((release->flags & MDS_AUDIENCE_WINDOW) != 0) {
        mds_write_comma(writer, begun);
        mds_write_window(release, writer);
    }

    mds_writer_words(writer, writer->len == begun ? "nobody" : "");
    mds_write_lists(record, release->except, ", except list ", writer);
    mds_write_rules(record, release->rules, writer);
    mds_write_extra(record, release, writer);
}
