/* The audience of a release in words: "5 % of devices, and list staff". */

#include "overview/mds_overview.h"

#include "base/mds_audience.h"
#include "base/mds_audience_words.h"
#include "base/mds_time.h"

/* Attributes beyond these are left out. */
#define MDS_NAMES_MAX 5

/* Returns a threshold as a percentage with at most four decimals. */
static double
mds_percent_of(uint64_t threshold)
{
    double share = (double) threshold / 18446744073709551616.0;

    return (double) (int64_t) (share * 1000000 + 0.5) / 10000;
}

static void
mds_get_lists(const mds_record_t *record, mds_range_t lists,
              mds_audience_names_t *names)
{
    for (uint32_t i = 0; i < lists.count; i++) {
        const mds_list_ref_t *list
            = mds_record_item(record, MDS_TABLE_LISTS,
                              mds_record_ref(record, lists.first + i));

        mds_audience_names_add(names, mds_record_bytes(record, list->name));
    }
}

static void
mds_add_piece(void *data, mds_str_t text)
{
    mds_writer_add(data, text);
}

/* Writes the audience. Times are written to memory of this function. */
static void
mds_write_parts(const mds_record_t *record, const mds_release_record_t *release,
                mds_writer_t *writer)
{
    const mds_audience_values_t *a = &release->audience;
    char                         start[MDS_TIME_BYTES], end[MDS_TIME_BYTES];
    char                         until[MDS_TIME_BYTES];
    mds_audience_parts_t         parts
        = { .all = (release->flags & MDS_AUDIENCE_ALL) != 0,
            .has_percent = (release->flags & MDS_AUDIENCE_PERCENT) != 0,
            .has_ramp = (release->flags & MDS_AUDIENCE_RAMP) != 0,
            .by_user = release->by == MDS_BY_USER,
            .window_by_user = release->window_by == MDS_BY_USER,
            .percent = mds_percent_of(release->percent) };

    if (parts.has_ramp) {
        parts.ramp_from = mds_percent_of(a->ramp_from);
        parts.ramp_to = mds_percent_of(a->ramp_to);
        parts.ramp_start = mds_str_of(mds_time_format(a->ramp_start_ms, start));
        parts.ramp_end = mds_str_of(mds_time_format(a->ramp_end_ms, end));
    }

    if ((release->flags & MDS_AUDIENCE_LISTS) != 0) {
        mds_get_lists(record, release->lists, &parts.lists);
    }

    if ((release->flags & MDS_AUDIENCE_WINDOW) != 0) {
        parts.window_count = a->window_count;

        if (a->window_until_ms != INT64_MAX) {
            parts.window_until
                = mds_str_of(mds_time_format(a->window_until_ms, until));
        }
    }

    mds_get_lists(record, release->except, &parts.except);
    mds_audience_write_words(&parts, mds_add_piece, writer);
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
        mds_writer_words(writer, "; forced below ");
        mds_writer_add(writer, mds_record_bytes(record, extra->force_below));
    }
}

void
mds_overview_write_audience(const mds_record_t         *record,
                            const mds_release_record_t *release,
                            mds_writer_t               *writer)
{
    mds_write_parts(record, release, writer);
    mds_write_rules(record, release->rules, writer);
    mds_write_extra(record, release, writer);
}
