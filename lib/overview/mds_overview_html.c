/*
 * The overview as tables of HTML, for a browser without JavaScript. Names come
 * from documents: each is escaped, and in an element that keeps the direction
 * of its text to itself.
 */

#include "overview/mds_overview.h"

#include "base/mds_time.h"

/* Releases beyond these are only counted. */
#define MDS_HTML_RELEASES_MAX 1000

/* Returns what replaces the character that the text begins with, and its bytes;
 * NULL: nothing does. Characters that change the order or the look of others
 * (U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F) are replaced, too. */
static const char *
mds_html_entity(mds_str_t text, size_t *bytes)
{
    const uint8_t *c = (const uint8_t *) text.data;

    *bytes = 1;

    if (text.len >= 3 && c[0] == 0xe2
        && ((c[1] == 0x80 && c[2] >= 0x8b && c[2] <= 0xae
             && (c[2] <= 0x8f || c[2] >= 0xa8))
            || (c[1] == 0x81 && c[2] >= 0xa0 && c[2] <= 0xaf)))
    {
        *bytes = 3;
        return "&#xfffd;";
    }

    return *c == '<'    ? "&lt;"
           : *c == '>'  ? "&gt;"
           : *c == '&'  ? "&amp;"
           : *c == '"'  ? "&quot;"
           : *c == '\'' ? "&#39;"
                        : NULL;
}

static void
mds_html_text(mds_writer_t *writer, mds_str_t text)
{
    size_t begun = 0, bytes;

    for (size_t i = 0; i < text.len; i += bytes) {
        const char *entity
            = mds_html_entity((mds_str_t){ text.len - i, text.data + i },
                              &bytes);

        if (entity != NULL) {
            mds_writer_add(writer, (mds_str_t){ i - begun, text.data + begun });
            mds_writer_words(writer, entity);
            begun = i + bytes;
        }
    }

    mds_writer_add(writer, (mds_str_t){ text.len - begun, text.data + begun });
}

static void
mds_html_cell(mds_writer_t *writer, mds_str_t text)
{
    mds_writer_words(writer, "<td><bdi>");
    mds_html_text(writer, text);
    mds_writer_words(writer, "</bdi>");
}

static void
mds_html_number(mds_writer_t *writer, uint64_t number)
{
    mds_writer_number(writer, "<td class=\"n\">", number);
}

static void
mds_html_depots(const mds_overview_t *overview, mds_writer_t *writer)
{
    char time[MDS_TIME_BYTES];

    mds_writer_words(writer, "<h2>Depots</h2>\n<div class=\"panel\"><table><tr>"
                             "<th>depot<th>served<th class=\"n\">serial"
                             "<th>made<th class=\"n\">faults</tr>\n");

    for (size_t i = 0; i < overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &overview->depots[i];

        mds_writer_words(writer, "<tr>");
        mds_html_cell(writer, depot->path);
        mds_writer_words(writer, depot->open ? "<td>yes" : "<td>no");
        mds_html_number(writer, depot->serial);
        mds_html_cell(writer,
                      mds_str_of(depot->open
                                     ? mds_time_format(depot->created_ms, time)
                                     : ""));
        mds_html_number(writer, mds_overview_depot_value(overview, depot, 0));
        mds_writer_words(writer, "</tr>\n");
    }

    mds_writer_words(writer, "</table></div>\n");
}

static void
mds_html_release(const mds_overview_release_t *release, mds_writer_t *writer)
{
    mds_writer_words(writer, "<tr>");
    mds_html_cell(writer, release->app);
    mds_html_cell(writer, release->kind);
    mds_html_cell(writer, release->name);
    mds_html_cell(writer, release->id);
    mds_html_cell(writer, release->version);
    mds_html_cell(writer,
                  mds_str_of(release->halted_ms != 0
                                 ? "halted"
                                 : mds_release_state_names[release->state]));
    mds_html_cell(writer, release->audience);
    mds_html_number(writer, release->installs);
    mds_html_number(writer, release->full_downloads + release->delta_downloads);
    mds_html_number(writer, release->current);

    mds_html_number(writer, release->reports[MDS_EVENT_INSTALLED]);
    mds_html_number(writer, release->reports[MDS_EVENT_FAILED]
                                + release->reports[MDS_EVENT_CRASHED]
                                + release->reports[MDS_EVENT_ROLLED_BACK]);

    if (release->has_window) {
        mds_html_number(writer, release->admitted);
        mds_writer_number(writer, " of ", release->window_count);
    } else {
        mds_writer_words(writer, "<td>");
    }

    mds_writer_words(writer, "</tr>\n");
}

static void
mds_html_releases(const mds_overview_t *overview, mds_writer_t *writer)
{
    uint64_t written = 0, omitted = 0;

    mds_writer_words(
        writer,
        "<h2>Releases</h2>\n<div class=\"panel\"><table><tr><th>app<th>kind"
        "<th>name<th>release<th>version<th>state<th>audience"
        "<th class=\"n\">told to install<th class=\"n\">downloaded"
        "<th class=\"n\">up to date<th class=\"n\">installed"
        "<th class=\"n\">failed<th class=\"n\">window</tr>\n");

    for (size_t i = 0; i < overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &overview->depots[i];

        omitted += depot->omitted;

        for (size_t r = 0; r < depot->release_count; r++) {
            if (written == MDS_HTML_RELEASES_MAX) {
                omitted++;
                continue;
            }

            mds_html_release(&depot->releases[r], writer);
            written++;
        }
    }

    mds_writer_words(writer, "</table>");

    if (omitted > 0) {
        mds_writer_number(writer, "<p class=\"soft\">", omitted);
        mds_writer_words(writer, " more releases are not shown.</p>");
    }

    mds_writer_words(writer, "</div>\n");
}

static void
mds_html_versions(const mds_overview_t *overview, mds_writer_t *writer)
{
    mds_writer_words(writer, "<h2>Versions</h2>\n<div class=\"panel\"><table>"
                             "<tr><th>app<th>platform<th>version"
                             "<th class=\"n\">devices</tr>\n");

    for (size_t i = 0; i < overview->depot_count; i++) {
        const mds_registry_versions_t *versions = overview->depots[i].versions;

        for (size_t v = 0; versions != NULL && v < versions->count; v++) {
            const mds_registry_version_t *version = &versions->versions[v];

            mds_writer_words(writer, "<tr>");
            mds_html_cell(writer, version->app);
            mds_html_cell(writer, version->platform);
            mds_html_cell(writer, version->version);
            mds_html_number(writer, version->devices);
            mds_writer_words(writer, "</tr>\n");
        }
    }

    mds_writer_words(writer, "</table></div>\n");
}

static void
mds_html_responses(const mds_overview_t *overview, mds_writer_t *writer)
{
    const mds_fixed_counters_t *fixed = &overview->totals.fixed;

    mds_writer_words(writer,
                     "<h2>Answers</h2>\n<div class=\"panel\"><table><tr>"
                     "<th>endpoint<th class=\"n\">status"
                     "<th class=\"n\">count</tr>\n");

    for (int e = 0; e < MDS_ENDPOINT_COUNT; e++) {
        for (int s = 0; s < MDS_HTTP_STATUS_COUNT; s++) {
            if (fixed->responses[e][s] > 0) {
                mds_writer_words(writer, "<tr>");
                mds_html_cell(writer, mds_str_of(mds_endpoint_name(
                                          (mds_endpoint_t) e)));
                mds_html_number(writer, mds_http_statuses[s]);
                mds_html_number(writer, fixed->responses[e][s]);
                mds_writer_words(writer, "</tr>\n");
            }
        }
    }

    mds_writer_words(writer, "</table></div>\n");
}

void
mds_overview_write_html(const mds_overview_t *overview, mds_writer_t *writer)
{
    mds_html_depots(overview, writer);
    mds_html_releases(overview, writer);
    mds_html_versions(overview, writer);
    mds_html_responses(overview, writer);
}

void
mds_overview_write_html_text(mds_writer_t *writer, mds_str_t text)
{
    mds_html_text(writer, text);
}
