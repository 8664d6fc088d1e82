/* status and log: what is in force, and how it came to be. */

#include <inttypes.h>
#include <stdlib.h>

#include "change.h"

/* status */

static mds_str_t
word(const mds_json_t *object, const char *key, const char *otherwise)
{
    mds_str_t s = mds_json_string(mds_json_get(object, key));

    return s.len > 0 ? s : mds_str_of(otherwise);
}

/* One release as a line: what, where, before whom. */
static void
print_release(const mds_json_t *release)
{
    const mds_json_t *audience = mds_json_get(release, "audience");
    mds_str_t         name = word(release, "name", "");
    char             *text;
    size_t            len;

    printf("  %-12.*s %.*s%s%.*s %.*s",
           MDS_STR(word(release, "state", "running")),
           MDS_STR(word(release, "kind", "")), name.len > 0 ? " " : "",
           MDS_STR(name), MDS_STR(word(release, "version", "")));
    printf("  %.*s", MDS_STR(word(release, "id", "")));

    if (mds_json_dump(audience, MDS_JSON_COMPACT, NULL, &text, &len) == MDS_OK)
    {
        printf("  %s", text);
        free(text);
    }

    printf("\n");
}

static int
print_app(const mds_json_t *state)
{
    const mds_json_t *document = mds_json_get(state, "document");
    const mds_json_t *releases = mds_json_get(document, "releases");

    printf("%.*s: serial %" PRId64 ", %zu packages, %zu lists, %zu releases\n",
           MDS_STR(word(document, "app", "")),
           mds_json_integer(mds_json_get(state, "serial")),
           mds_json_size(mds_json_get(document, "packages")),
           mds_json_size(mds_json_get(document, "lists")),
           mds_json_size(releases));

    for (size_t i = 0; i < mds_json_size(releases); i++) {
        print_release(mds_json_at(releases, i));
    }

    return MDSCTL_DONE;
}

/* The same for machines. */
static mds_json_t *
app_facts(const mds_json_t *state)
{
    const mds_json_t *document = mds_json_get(state, "document");
    mds_json_t       *o = mds_json_object_new();
    mds_json_t *releases = mds_json_copy(mds_json_get(document, "releases"));

    if (releases == NULL) {
        releases = mds_json_array_new();
    }

    for (size_t i = 0; i < mds_json_size(releases); i++) {
        mds_json_t *release = mds_json_at(releases, i);

        if (mds_json_get(release, "state") == NULL
            && mds_json_set_str(release, "state", mds_str("running")) != MDS_OK)
        {
            mds_json_release(releases);
            releases = NULL;
        }
    }

    if (mds_json_set_str(o, "app", word(document, "app", "")) != MDS_OK
        || mds_json_set(o, "serial",
                        mds_json_copy(mds_json_get(state, "serial")))
               != MDS_OK
        || mds_json_set_integer(o, "packages",
                                (int64_t) mds_json_size(
                                    mds_json_get(document, "packages")))
               != MDS_OK
        || mds_json_set_integer(o, "lists",
                                (int64_t) mds_json_size(
                                    mds_json_get(document, "lists")))
               != MDS_OK
        || mds_json_set(o, "releases", releases) != MDS_OK)
    {
        mds_json_release(o);
        return NULL;
    }

    return o;
}

typedef struct {
    mds_loader_t *loader;
    bool          json;
    mds_json_t   *apps;
} status_t;

static mds_status_t
status_app(void *data, mds_str_t app, mds_error_t *err)
{
    status_t    *status = data;
    mds_json_t  *state;
    mds_status_t code
        = mds_journal_app(mds_loader_journal(status->loader), app, err, &state);

    if (code == MDS_NOT_FOUND) {
        return mds_fail(err, MDS_NOT_FOUND, "there is no app \"%.*s\"",
                        MDS_STR(app));
    }

    if (code != MDS_OK) {
        return code;
    }

    if (status->json) {
        code = mdsctl_memory(mds_json_append(status->apps, app_facts(state)),
                             err);
    } else {
        (void) print_app(state);
    }

    mds_json_release(state);
    return code;
}

static mds_status_t
status_apps(status_t *status, const char *app, mds_error_t *err)
{
    mds_journal_t *journal = mds_loader_journal(status->loader);
    mds_status_t   code = mds_journal_read(journal, err);

    if (code != MDS_OK) {
        return code;
    }

    code = app != NULL ? status_app(status, mds_str_of(app), err)
                       : mds_journal_apps(journal, status_app, status, err);

    mds_journal_abort(journal);
    return code;
}

static int
print_status(status_t *status, uint64_t serial)
{
    mds_json_t *o = mds_json_object_new();

    if (mds_json_set_integer(o, "serial", (int64_t) serial) != MDS_OK
        || mds_json_set(o, "apps", mds_json_retain(status->apps)) != MDS_OK)
    {
        mds_json_release(o);
        o = NULL;
    }

    return mdsctl_print(o);
}

int
mdsctl_status(mdsctl_t *ctl, int argc, char **argv)
{
    status_t    status = { 0 };
    mds_error_t err;
    int         code = MDSCTL_DONE;

    if (mdsctl_parse(ctl, NULL, 0, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_loader_open(ctl->depot, NULL, &err, &status.loader) != MDS_OK) {
        return mdsctl_failed(&err);
    }

    status.json = ctl->json;
    status.apps = mds_json_array_new();

    if (!ctl->json) {
        printf("depot %s: serial %" PRIu64 "\n", ctl->depot,
               mds_loader_serial(status.loader));
    }

    if (status_apps(&status, argc > 1 ? argv[1] : NULL, &err) != MDS_OK) {
        code = mdsctl_failed(&err);
    } else if (ctl->json) {
        code = print_status(&status, mds_loader_serial(status.loader));
    }

    mds_json_release(status.apps);
    mds_loader_close(status.loader);

    return code;
}

/* log */

static void
print_entry(const mds_json_t *entry)
{
    printf("%" PRId64 "  %.*s  %.*s  %.*s: %.*s\n",
           mds_json_integer(mds_json_get(entry, "serial")),
           MDS_STR(word(entry, "time", "")), MDS_STR(word(entry, "who", "")),
           MDS_STR(word(entry, "app", "")),
           MDS_STR(word(entry, "command", "")));
    mdsctl_changes_print(mds_json_get(entry, "changes"));
}

/* Newest first; for machines, one array. */
static mds_status_t
log_entries(mds_journal_t *journal, const char *app, mds_json_t *out,
            mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (uint64_t serial = mds_journal_serial(journal);
         status == MDS_OK && serial > 0; serial--)
    {
        mds_json_t *entry;

        status = mds_journal_entry(journal, serial, err, &entry);

        if (status == MDS_NOT_FOUND) {
            status = MDS_OK;
            continue;
        }

        if (status == MDS_OK
            && (app == NULL
                || mds_str_eq(word(entry, "app", ""), mds_str_of(app))))
        {
            if (out == NULL) {
                print_entry(entry);
            } else {
                status = mdsctl_memory(mds_json_append(out,
                                                       mds_json_retain(entry)),
                                       err);
            }
        }

        if (status == MDS_OK) {
            mds_json_release(entry);
        }
    }

    return status;
}

int
mdsctl_log(mdsctl_t *ctl, int argc, char **argv)
{
    mds_loader_t *loader;
    mds_json_t   *out = NULL;
    mds_error_t   err;
    mds_status_t  status;

    if (mdsctl_parse(ctl, NULL, 0, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_loader_open(ctl->depot, NULL, &err, &loader) != MDS_OK) {
        return mdsctl_failed(&err);
    }

    if (ctl->json) {
        out = mds_json_array_new();
    }

    status = mds_journal_read(mds_loader_journal(loader), &err);

    if (status == MDS_OK) {
        status = log_entries(mds_loader_journal(loader),
                             argc > 1 ? argv[1] : NULL, out, &err);
        mds_journal_abort(mds_loader_journal(loader));
    }

    mds_loader_close(loader);

    if (status != MDS_OK) {
        mds_json_release(out);
        return mdsctl_failed(&err);
    }

    return ctl->json ? mdsctl_print(out) : MDSCTL_DONE;
}
