/* status: shows what is in force, and how many devices each window has
 * admitted. Each release is printed as soon as it is read. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_time.h"
#include "change.h"
#include "command/reports.h"
#include "command/state_size.h"
#include "command/status_edge.h"
#include "database/fleet.h"
#include "document/mds_document.h"
#include "installed.h"
#include "json_output.h"
#include "last_change.h"
#include "loader/mds_app_parts.h"
#include "new_app.h"
#include "served.h"
#include "state/mds_state.h"
#include "state/mds_window.h"
#include "terminal.h"
#include "words.h"

static mds_str_t
word(const mds_json_t *object, const char *key, const char *otherwise)
{
    mds_str_t s = mds_json_get_string(object, key);

    return s.len > 0 ? s : mds_str_of(otherwise);
}

typedef struct {
    mds_loader_t        *loader;
    mds_state_t         *state;
    mdsctl_database_t   *db;    /* of the fleet; NULL: none is named */
    mdsctl_fleet_app_t   fleet; /* what it has of the app */
    mds_str_t            app;   /* whose releases are printed */
    mdsctl_last_change_t last;
    mds_catalog_t       *catalog; /* of an edge; NULL: the journal is read */

    mds_registry_versions_t *installed; /* NULL: nothing is known */
    mdsctl_json_output_t     out;
    bool                     json;
    const char              *kind;       /* NULL: of all kinds */
    const char              *state_name; /* NULL: in all states */
} status_t;

typedef struct {
    const char *kind;
    const char *state;
    const char *database;
} options_t;

static const mdsctl_option_t options[] = {
    { "kind", "KIND", "only releases of this kind",
      MDSCTL_STORE(options_t, kind) },
    { "state", "STATE", "only those: running, paused, ended or rolled_back",
      MDSCTL_STORE(options_t, state) },
    MDSCTL_FLEET_OPTION(options_t),
    { 0 },
};

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
read_window(const status_t *status, mds_str_t id, mds_error_t *err,
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
set_window(const status_t *status, mds_json_t *release, mds_error_t *err)
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
set_reports(const status_t *status, mds_json_t *release, mds_error_t *err)
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
set_installed(const status_t *status, mds_json_t *release, mds_error_t *err)
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
print_installed(const status_t *status, const mds_json_t *release)
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
print_release(const status_t *status, const mds_json_t *release)
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

/* Sets the members that the document leaves out, and prints the release. */
static mds_status_t
status_release(void *data, mds_json_t *release, uint64_t since,
               mds_error_t *err)
{
    status_t    *status = data;
    mds_status_t code;

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

/* Prints what is in front of an app's releases. */
static void
print_app_text(const mds_app_parts_t *parts)
{
    mds_str_t keyid = word(parts->head, "key", "");

    printf("%.*s: serial %" PRId64 ", %" PRIu64 " packages, %" PRIu64
           " lists, %" PRIu64 " releases%s%.*s\n",
           MDS_STR(word(mds_json_get(parts->head, "document"), "app", "")),
           mds_json_get_integer(parts->head, "serial"),
           mds_app_parts_count(parts, "packages"),
           mds_app_parts_count(parts, "lists"),
           mds_app_parts_count(parts, "releases"),
           keyid.len > 0 ? ", key " : "", MDS_STR(keyid));
}

static mds_json_t *
count_of(const mds_app_parts_t *parts, const char *key)
{
    return mds_json_integer_new((int64_t) mds_app_parts_count(parts, key));
}

static void
print_app_json(mdsctl_json_output_t *out, const mds_app_parts_t *parts)
{
    const mds_json_t *head = parts->head;
    const mds_json_t *key = mds_json_get(head, "key");

    mdsctl_json_begin(out, NULL, '{');
    mdsctl_json_value(out, "app",
                      mds_json_string_new(
                          word(mds_json_get(head, "document"), "app", "")));
    mdsctl_json_value(out, "serial",
                      mds_json_copy(mds_json_get(head, "serial")));
    mdsctl_json_value(out, "keyid",
                      key != NULL ? mds_json_copy(key) : mds_json_null_new());
    mdsctl_json_value(out, "packages", count_of(parts, "packages"));
    mdsctl_json_value(out, "lists", count_of(parts, "lists"));
    mdsctl_json_begin(out, "releases", '[');
}

static mds_status_t
status_app(void *data, mds_str_t app, mds_error_t *err)
{
    status_t       *status = data;
    mds_app_parts_t parts;
    mds_status_t    code
        = mds_app_parts_open(&parts, status->last.journal, app, err);

    if (code != MDS_OK) {
        return code;
    }

    status->app = app;

    if (status->db != NULL) {
        code = mdsctl_fleet_read_app(status->db, app, err, &status->fleet);

        if (code != MDS_OK) {
            mds_app_parts_close(&parts);
            return code;
        }
    }

    if (status->json) {
        print_app_json(&status->out, &parts);
    } else {
        print_app_text(&parts);
    }

    code = mds_app_parts_visit(&parts, MDS_PART_RELEASE, status_release, status,
                               err);
    mds_app_parts_close(&parts);
    mdsctl_fleet_free_app(&status->fleet);

    if (code == MDS_OK && status->json) {
        mdsctl_json_end(&status->out);
        mdsctl_json_end(&status->out);
    }

    return code;
}

/* Counts what it visits. */
static mds_status_t
count_package(void *data, mds_json_t *package, uint64_t since, mds_error_t *err)
{
    (void) package;
    (void) since;
    (void) err;
    ++*(int64_t *) data;
    return MDS_OK;
}

/* Prints what is in front of an app's releases, of an edge's catalog. */
static mds_status_t
print_served_app(status_t *status, mds_str_t app, mds_error_t *err)
{
    mds_app_record_t record;
    int64_t          packages = 0;
    mds_status_t     code = mds_catalog_app(status->catalog, app, err, &record);

    if (code == MDS_OK) {
        code = mdsctl_served_visit_packages(status->catalog, app, count_package,
                                            &packages, err);
    }

    if (code != MDS_OK) {
        return code;
    }

    if (!status->json) {
        printf("%.*s: serial %" PRIu64 ", %" PRId64 " packages\n", MDS_STR(app),
               record.serial, packages);
        return MDS_OK;
    }

    mdsctl_json_begin(&status->out, NULL, '{');
    mdsctl_json_value(&status->out, "app", mds_json_string_new(app));
    mdsctl_json_value(&status->out, "serial",
                      mds_json_integer_new((int64_t) record.serial));
    mdsctl_json_value(&status->out, "packages", mds_json_integer_new(packages));
    mdsctl_json_begin(&status->out, "releases", '[');
    return MDS_OK;
}

/* Prints an app of an edge, whose catalog knows no keys, lists and changes. */
static mds_status_t
status_served_app(void *data, mds_str_t app, mds_error_t *err)
{
    status_t    *status = data;
    mds_status_t code = MDS_OK;

    status->app = app;

    if (status->db != NULL) {
        code = mdsctl_fleet_read_app(status->db, app, err, &status->fleet);
    }

    if (code != MDS_OK) {
        return code;
    }

    if ((code = print_served_app(status, app, err)) == MDS_OK) {
        code = mdsctl_served_visit_releases(status->catalog, app,
                                            status_release, status, err);
    }

    mdsctl_fleet_free_app(&status->fleet);

    if (code == MDS_OK && status->json) {
        mdsctl_json_end(&status->out);
        mdsctl_json_end(&status->out);
    }

    return code;
}

static void
print_edge_json(mdsctl_json_output_t *out, const mds_json_t *edge)
{
    static const char *const members[] = { "agent", "fleet" };

    for (size_t i = 0; i < mds_nelems(members); i++) {
        const mds_json_t *facts = mds_json_get(edge, members[i]);

        if (facts != NULL) {
            mdsctl_json_value(out, members[i], mds_json_copy(facts));
        }
    }
}

/* Prints what is in front of the apps. The first lines are there at once. */
static mds_status_t
print_head(const mdsctl_t *ctl, status_t *status, mds_error_t *err)
{
    uint64_t     serial = mds_loader_serial(status->loader);
    mds_json_t  *size = mdsctl_state_size(ctl->depot, status->state);
    mds_json_t  *edge = NULL;
    mds_status_t code
        = size == NULL
              ? mds_fail_memory(err)
              : mdsctl_status_edge(ctl->depot, status->state, err, &edge);

    if (code != MDS_OK) {
        mds_json_release(size);
        return code;
    }

    if (ctl->json) {
        mdsctl_json_begin(&status->out, NULL, '{');
        mdsctl_json_value(&status->out, "serial",
                          mds_json_integer_new((int64_t) serial));
        mdsctl_json_value(&status->out, "state", size);
        print_edge_json(&status->out, edge);
        mdsctl_json_begin(&status->out, "apps", '[');

    } else {
        printf("depot %s: serial %" PRIu64 "\n", ctl->depot, serial);
        mdsctl_state_size_print(size);
        mds_json_release(size);
        mdsctl_status_edge_print(edge);
    }

    mds_json_release(edge);
    fflush(stdout);
    return MDS_OK;
}

/* Prints one app, or all, within the journal's transaction. */
static mds_status_t
status_apps(const mdsctl_t *ctl, status_t *status, const char *app,
            mds_error_t *err)
{
    mds_status_t code = MDS_OK;

    if (app != NULL && status->catalog != NULL) {
        code = mdsctl_app_is_served(status->catalog, mds_str_of(app), err);

    } else if (app != NULL) {
        code = mds_loader_check_app(status->loader, mds_str_of(app),
                                    MDS_NEW_APP_NEVER, err);
    }

    if (code == MDS_OK) {
        code = print_head(ctl, status, err);
    }

    if (code == MDS_OK && status->catalog != NULL) {
        code = app != NULL
                   ? status_served_app(status, mds_str_of(app), err)
                   : mdsctl_served_visit_apps(status->catalog,
                                              status_served_app, status, err);

    } else if (code == MDS_OK) {
        code = app != NULL ? status_app(status, mds_str_of(app), err)
                           : mds_journal_visit_apps(status->last.journal,
                                                    status_app, status, err);
    }

    if (code == MDS_OK && status->json) {
        mdsctl_json_end(&status->out);
        mdsctl_json_end(&status->out);
        code = mds_json_done(status->out.status, err);
    }

    mdsctl_last_change_free(&status->last);
    return code;
}

static mds_status_t
print_status(const mdsctl_t *ctl, status_t *status, const char *app,
             mds_error_t *err)
{
    mds_journal_t *journal = mds_loader_journal(status->loader);
    mds_status_t   code
        = mdsctl_served_open(status->loader, err, &status->catalog);

    if (code == MDS_OK) {
        code = mds_journal_read(journal, err);
    }

    if (code != MDS_OK) {
        return code;
    }

    status->last.journal = journal;
    status->installed
        = status->db == NULL ? mdsctl_installed_read(ctl->depot) : NULL;
    code = status_apps(ctl, status, app, err);
    mds_journal_abort(journal);

    return code;
}

static bool
is_state(const char *name)
{
    static const char *const names[]
        = { "running", "paused", "ended", "rolled_back" };

    for (size_t i = 0; i < mds_nelems(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }

    return false;
}

static int
run_status(mdsctl_t *ctl, int argc, char **argv)
{
    options_t   o = { 0 };
    status_t    status = { 0 };
    mds_error_t err;
    int         code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (o.state != NULL && !is_state(o.state)) {
        return mdsctl_fail_usage("--state \"%s\": must be running, paused,"
                                 " ended or rolled_back",
                                 o.state);
    }

    status.kind = o.kind;
    status.state_name = o.state;

    status.json = ctl->json;
    code
        = mdsctl_fleet_open(o.database, &err, &status.db) != MDS_OK
                  || mds_loader_open(ctl->depot, NULL, &err, &status.loader)
                         != MDS_OK
                  || mds_state_open(ctl->depot, &err, &status.state) != MDS_OK
                  || mds_state_begin(status.state, &err) != MDS_OK
                  || print_status(ctl, &status, argc > 1 ? argv[1] : NULL, &err)
                         != MDS_OK
              ? mdsctl_fail(&err)
              : MDSCTL_DONE;

    mds_registry_versions_free(status.installed);
    mds_catalog_close(status.catalog);
    mds_state_close(status.state);
    mds_loader_close(status.loader);
    mdsctl_database_close(status.db);

    return code;
}

const mdsctl_command_t mdsctl_command_status = {
    .name = "status",
    .group = MDSCTL_SEE,
    .pages = true,
    .arguments = "[APP]",
    .summary = "show what is in force",
    .text = "Prints each app with its key and its releases: their states, "
            "audiences and rules, "
            "and how many devices their windows have admitted: here, or in the "
            "fleet if a database is named.",
    .options = options,
    .examples
    = "mdsctl status\n"
      "mdsctl status com.example.shop --kind upgrade --state running\n",
    .synonyms = "show ls info get ps apps releases",
    .run = run_status,
};
