/* status_release: a release as `mdsctl status` shows it: how far its window is,
 * what devices have reported, how many have the version, and who changed it
 * last. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_time.h"
#include "change.h"
#include "command/reports.h"
#include "command/status.h"
#include "state/mds_window.h"
#include "terminal.h"
#include "words.h"

static mds_str_t
word(const mds_json_t *object, const char *key, const char *otherwise)
{
    mds_str_t s = mds_json_get_string(object, key);

    return s.len > 0 ? s : mds_str_of(otherwise);
}

/* Returns whether the word was not asked for. */
static bool
is_left_out(const char *wanted, mds_str_t found)
{
    return wanted != NULL && !mds_str_eq(found, mds_str_of(wanted));
}

/* Sets "closed" and "closed_at" of a window that is closed. */
static mds_status_t
set_window_state(mds_json_t *facts, const mds_json_t *window,
                 const mds_window_t *found)
{
    uint64_t count = (uint64_t) mds_json_get_integer(window, "count");
    int64_t  now_ms = mds_time_now_ms(), until_ms;
    bool     full = found->count >= count;
    bool     over;
    char     time[MDS_TIME_BYTES];

    if (!mds_time_parse(mds_json_get_string(window, "until"), &until_ms)) {
        until_ms = INT64_MAX;
    }

    over = now_ms >= until_ms;

    /* A window that filled before its time was over stays "full". Where the
     * count was lowered to less than were admitted, it never filled. */
    if (full && (!over || (found->full_ms > 0 && found->full_ms < until_ms))) {
        if (mds_json_set_str(facts, "closed", mds_str("full")) != MDS_OK) {
            return MDS_NO_MEMORY;
        }

        return found->full_ms == 0
                   ? MDS_OK
                   : mds_json_set_str(facts, "closed_at",
                                      mds_str_of(mds_time_format(found->full_ms,
                                                                 time)));
    }

    if (over) {
        return mds_json_set_str(facts, "closed", mds_str("time")) == MDS_OK
                   ? mds_json_set_str(facts, "closed_at",
                                      mds_str_of(
                                          mds_time_format(until_ms, time)))
                   : MDS_NO_MEMORY;
    }

    return MDS_OK;
}

/* Gives a window: as the fleet has it, if a database is named. */
static mds_status_t
read_window(const mdsctl_status_t *status, mds_str_t id, mds_error_t *err,
            mds_window_t *found)
{
    mds_str_t app = status->app;
    char      bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX];
    mds_str_t key = { app.len + 1 + id.len, bytes };

    if (status->db != NULL) {
        mdsctl_fleet_get_window(&status->fleet, id, found);
        return MDS_OK;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);

    return mds_state_get_window(status->state, key, err, found);
}

/* Sets "window" of a release: how many it has admitted, of how many. */
static mds_status_t
set_window(const mdsctl_status_t *status, mds_json_t *release, mds_error_t *err)
{
    const mds_json_t *window
        = mds_json_get(mds_json_get(release, "audience"), "window");
    mds_window_t found;
    mds_json_t  *facts;
    mds_status_t code;

    if (window == NULL) {
        return MDS_OK;
    }

    code = read_window(status, mds_json_get_string(release, "id"), err, &found);
    if (code != MDS_OK) {
        return code;
    }

    facts
        = mds_json_pack("{s:I, s:o}", "admitted", (int64_t) found.count,
                        "count", mds_json_copy(mds_json_get(window, "count")));

    if (set_window_state(facts, window, &found) != MDS_OK) {
        mds_json_release(facts);
        facts = NULL;
    }

    return mds_json_done(mds_json_set(release, "window", facts), err);
}

/* Sets what devices have reported of a release. */
static mds_status_t
set_reports(const mdsctl_status_t *status, mds_json_t *release,
            mds_error_t *err)
{
    mds_str_t     id = mds_json_get_string(release, "id");
    mds_tally_t   tally;
    mds_details_t details;
    mds_status_t  code = MDS_OK;

    details.count = 0;

    if (status->db != NULL) {
        mdsctl_fleet_get_tally(&status->fleet, id, &tally, &details);
    } else {
        code = mdsctl_reports_read(status->state, status->app, id, err, &tally,
                                   &details);
    }

    return code == MDS_OK ? mdsctl_reports_set(release, &tally, &details, err)
                          : code;
}

/* Returns how full a window is, which the caller frees; NULL: there is none. */
static char *
window_words(const mds_json_t *window)
{
    mds_str_t closed = word(window, "closed", "");

    return window == NULL
               ? NULL
               : mdsctl_format("  window: %" PRId64 " of %" PRId64
                               ", %s%.*s%s%.*s",
                               mds_json_get_integer(window, "admitted"),
                               mds_json_get_integer(window, "count"),
                               closed.len == 0 ? "open" : "closed (",
                               MDS_STR(closed), closed.len == 0 ? "" : ") ",
                               MDS_STR(word(window, "closed_at", "")));
}

/* Sets how many devices have the version, if any has. */
static mds_status_t
set_installed(const mdsctl_status_t *status, mds_json_t *release,
              mds_error_t *err)
{
    uint64_t count
        = mdsctl_installed_count(status->installed, status->app, release);
    mds_status_t code = MDS_OK;

    if (count > 0) {
        code = mds_json_set_integer(release, "devices", (int64_t) count);
    }

    if (code == MDS_OK && count > 0 && !status->installed->exact) {
        code = mds_json_set(release, "devices_exact", mds_json_bool_new(false));
    }

    return mds_json_done(code, err);
}

static void
print_installed(const mdsctl_status_t *status, const mds_json_t *release)
{
    char    words[MDSCTL_INSTALLED_BYTES];
    int64_t count = mds_json_get_integer(release, "devices");

    if (count > 0) {
        printf("      %s\n", mdsctl_installed_words(status->installed,
                                                    (uint64_t) count, words));
    }
}

static mdsctl_colour_t
state_colour(mds_str_t state)
{
    return mds_str_eq(state, mds_str("running"))  ? MDSCTL_GREEN
           : mds_str_eq(state, mds_str("paused")) ? MDSCTL_YELLOW
           : mds_str_eq(state, mds_str("ended"))  ? MDSCTL_PLAIN
                                                  : MDSCTL_RED;
}

/* Prints a release: a row, and lines of what is known besides. */
static void
print_release(const mdsctl_status_t *status, const mds_json_t *release)
{
    mds_str_t    name = word(release, "name", "");
    mds_str_t    state = word(release, "state", "");
    mds_buffer_t words = { 0 };

    if (status->catalog != NULL) {
        mds_str_t audience
            = mds_json_get_string(mds_json_get(release, "audience"), "words");

        mds_buffer_add(&words, audience.data, audience.len);
    } else {
        mdsctl_words_add_release(&words, release);
    }

    mdsctl_print_row(mdsctl_format("  %s%-12.*s%s %.*s%s%.*s %.*s  %.*s  ",
                                   mdsctl_colour(state_colour(state)),
                                   MDS_STR(state), mdsctl_colour(MDSCTL_PLAIN),
                                   MDS_STR(word(release, "kind", "")),
                                   name.len > 0 ? " " : "", MDS_STR(name),
                                   MDS_STR(word(release, "version", "")),
                                   MDS_STR(word(release, "id", ""))),
                     mds_buffer_str(&words),
                     window_words(mds_json_get(release, "window")));
    mds_buffer_free(&words);
    mdsctl_last_change_print(release);
    print_installed(status, release);
    mdsctl_reports_print(release);
}

mds_status_t
mdsctl_status_release(void *data, mds_json_t *release, uint64_t since,
                      mds_error_t *err)
{
    mdsctl_status_t *status = data;
    mds_status_t     code;

    if (is_left_out(status->kind, word(release, "kind", ""))
        || is_left_out(status->state_name, word(release, "state", "running")))
    {
        return MDS_OK;
    }

    code = mds_json_done(mds_json_set_str(release, "state",
                                          word(release, "state", "running")),
                         err);

    if (code != MDS_OK || (code = set_window(status, release, err)) != MDS_OK
        || (code = set_reports(status, release, err)) != MDS_OK
        || (code = set_installed(status, release, err)) != MDS_OK
        || (status->catalog == NULL
            && (code
                = mdsctl_last_change_set(&status->last, release, since, err))
                   != MDS_OK))
    {
        return code;
    }

    if (!status->json) {
        print_release(status, release);
        return MDS_OK;
    }

    mdsctl_json_value(&status->out, NULL, mds_json_retain(release));
    return mds_json_done(status->out.status, err);
}
