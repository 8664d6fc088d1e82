/* status: shows what is in force, and how many devices each window has
 * admitted. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_time.h"
#include "change.h"
#include "command/state_size.h"
#include "document/mds_document.h"
#include "last_change.h"
#include "loader/mds_app_state.h"
#include "state/mds_state.h"
#include "state/mds_window.h"

static mds_str_t
word(const mds_json_t *object, const char *key, const char *otherwise)
{
    mds_str_t s = mds_json_get_string(object, key);

    return s.len > 0 ? s : mds_str_of(otherwise);
}

/* Everything is gathered first, and printed as text or JSON afterwards. */
typedef struct {
    mds_loader_t *loader;
    mds_state_t  *state; /* NULL: it cannot be read */
    mds_json_t   *state_size;
    mds_json_t   *apps;
} status_t;

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

/* Sets "window" of a release: how many it has admitted, of how many. */
static mds_status_t
set_window(const status_t *status, mds_str_t app, mds_json_t *release,
           mds_error_t *err)
{
    const mds_json_t *window
        = mds_json_get(mds_json_get(release, "audience"), "window");
    char         bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX];
    mds_str_t    id = mds_json_get_string(release, "id");
    mds_str_t    key = { app.len + 1 + id.len, bytes };
    mds_window_t found;
    mds_json_t  *facts;
    mds_status_t code;

    if (window == NULL || status->state == NULL) {
        return MDS_OK;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);

    code = mds_state_get_window(status->state, key, err, &found);
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

/* Returns the document's releases, with the members that it leaves out. */
static mds_json_t *
release_facts(const status_t *status, const mds_json_t *state_of,
              mds_error_t *err)
{
    const mds_json_t *document = mds_json_get(state_of, "document");
    mds_str_t         app = word(document, "app", "");
    mds_json_t *releases = mds_json_copy(mds_json_get(document, "releases"));

    if (releases == NULL) {
        releases = mds_json_array_new();
    }

    mds_fail_memory(err);

    for (size_t i = 0; i < mds_json_size(releases); i++) {
        mds_json_t *release = mds_json_at(releases, i);
        mds_str_t   state = word(release, "state", "running");

        if (mds_json_set_str(release, "state", state) != MDS_OK
            || set_window(status, app, release, err) != MDS_OK)
        {
            mds_json_release(releases);
            return NULL;
        }
    }

    if (mdsctl_last_change_add(status->loader, state_of, releases, err)
        != MDS_OK) {
        mds_json_release(releases);
        return NULL;
    }

    return releases;
}

static mds_json_t *
app_facts(const status_t *status, const mds_json_t *state, mds_error_t *err)
{
    const mds_json_t *document = mds_json_get(state, "document");
    mds_json_t       *key = mds_json_get(state, "key");
    mds_json_t       *releases = release_facts(status, state, err);
    mds_json_t       *facts;

    if (releases == NULL) {
        return NULL;
    }

    facts = mds_json_pack(
        "{s:o, s:o, s:o, s:I, s:I, s:o}", "app",
        mds_json_string_new(word(document, "app", "")), "serial",
        mds_json_copy(mds_json_get(state, "serial")), "keyid",
        key != NULL ? mds_json_copy(key) : mds_json_null_new(), "packages",
        (int64_t) mds_json_size(mds_json_get(document, "packages")), "lists",
        (int64_t) mds_json_size(mds_json_get(document, "lists")), "releases",
        releases);

    if (facts == NULL) {
        mds_fail_memory(err);
    }

    return facts;
}

static mds_status_t
status_app(void *data, mds_str_t app, mds_error_t *err)
{
    status_t    *status = data;
    mds_json_t  *state;
    mds_json_t  *facts;
    mds_status_t code
        = mds_app_state_get_whole(mds_loader_journal(status->loader), app, err,
                                  &state);

    if (code == MDS_NOT_FOUND) {
        return mds_loader_check_app(status->loader, app, MDS_NEW_APP_NEVER,
                                    err);
    }

    if (code != MDS_OK) {
        return code;
    }

    facts = app_facts(status, state, err);
    mds_json_release(state);

    return facts == NULL
               ? err->status
               : mds_json_done(mds_json_append(status->apps, facts), err);
}

static mds_status_t
status_apps(status_t *status, const char *app, mds_error_t *err)
{
    mds_journal_t *journal = mds_loader_journal(status->loader);
    mds_status_t   code = mds_journal_read(journal, err);

    if (code != MDS_OK) {
        return code;
    }

    code = app != NULL
               ? status_app(status, mds_str_of(app), err)
               : mds_journal_visit_apps(journal, status_app, status, err);

    mds_journal_abort(journal);
    return code;
}

static void
print_window(const mds_json_t *window)
{
    mds_str_t closed = word(window, "closed", "");

    if (window == NULL) {
        return;
    }

    printf("  window: %" PRId64 " of %" PRId64 ", ",
           mds_json_get_integer(window, "admitted"),
           mds_json_get_integer(window, "count"));

    if (closed.len == 0) {
        printf("open");
    } else {
        printf("closed (%.*s) %.*s", MDS_STR(closed),
               MDS_STR(word(window, "closed_at", "")));
    }
}

/* Prints a release as one or two lines. */
static void
print_release(const mds_json_t *release)
{
    mds_str_t name = word(release, "name", "");
    char     *text;
    size_t    len;

    printf("  %-12.*s %.*s%s%.*s %.*s  %.*s",
           MDS_STR(word(release, "state", "")),
           MDS_STR(word(release, "kind", "")), name.len > 0 ? " " : "",
           MDS_STR(name), MDS_STR(word(release, "version", "")),
           MDS_STR(word(release, "id", "")));

    if (mds_json_dump(mds_json_get(release, "audience"), MDS_JSON_COMPACT, NULL,
                      &text, &len)
        == MDS_OK)
    {
        printf("  %s", text);
        free(text);
    }

    print_window(mds_json_get(release, "window"));
    printf("\n");
    mdsctl_last_change_print(release);
}

static void
print_apps(const mds_json_t *apps)
{
    for (size_t i = 0; i < mds_json_size(apps); i++) {
        const mds_json_t *app = mds_json_at(apps, i);
        const mds_json_t *releases = mds_json_get(app, "releases");
        mds_str_t         keyid = word(app, "keyid", "");

        printf("%.*s: serial %" PRId64 ", %" PRId64 " packages, %" PRId64
               " lists, %zu releases%s%.*s\n",
               MDS_STR(word(app, "app", "")),
               mds_json_get_integer(app, "serial"),
               mds_json_get_integer(app, "packages"),
               mds_json_get_integer(app, "lists"), mds_json_size(releases),
               keyid.len > 0 ? ", key " : "", MDS_STR(keyid));

        for (size_t k = 0; k < mds_json_size(releases); k++) {
            print_release(mds_json_at(releases, k));
        }
    }
}

static int
print_status(const mdsctl_t *ctl, const status_t *status)
{
    uint64_t serial = mds_loader_serial(status->loader);

    if (!ctl->json) {
        printf("depot %s: serial %" PRIu64 "\n", ctl->depot, serial);
        mdsctl_state_size_print(status->state_size);
        print_apps(status->apps);
        return MDSCTL_DONE;
    }

    return mdsctl_print(mds_json_pack("{s:I, s:o, s:o}", "serial",
                                      (int64_t) serial, "state",
                                      mds_json_retain(status->state_size),
                                      "apps", mds_json_retain(status->apps)));
}

static int
run_status(mdsctl_t *ctl, int argc, char **argv)
{
    status_t    status = { 0 };
    mds_error_t err;
    int         code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    status.apps = mds_json_array_new();

    if (mds_loader_open(ctl->depot, NULL, &err, &status.loader) != MDS_OK
        || mds_state_open(ctl->depot, &err, &status.state) != MDS_OK
        || mds_state_begin(status.state, &err) != MDS_OK
        || status_apps(&status, argc > 1 ? argv[1] : NULL, &err) != MDS_OK)
    {
        code = mdsctl_fail(&err);

    } else if ((status.state_size = mdsctl_state_size(ctl->depot, status.state))
               == NULL)
    {
        code = mdsctl_json_status(MDS_NO_MEMORY);

    } else {
        code = print_status(ctl, &status);
    }

    mds_json_release(status.state_size);
    mds_json_release(status.apps);
    mds_state_close(status.state);
    mds_loader_close(status.loader);

    return code;
}

const mdsctl_command_t mdsctl_command_status = {
    .name = "status",
    .group = MDSCTL_SEE,
    .arguments = "[APP]",
    .summary = "show what is in force",
    .text = "Prints each app with its key and its releases: their states, "
            "audiences and rules, "
            "and how many devices their windows have admitted.",
    .examples = "mdsctl status\n"
                "mdsctl status com.example.shop\n",
    .synonyms = "show ls info get ps apps releases",
    .run = run_status,
};
