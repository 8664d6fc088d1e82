/* change: makes a change of the catalog for a command, and prints the result.
 */

#include "change.h"

#include "installed.h"
#include "key.h"
#include "new_app.h"
#include "words.h"

static const mds_loader_ui_t ui
    = { mdsctl_progress_begin, mdsctl_progress_end };

const mds_loader_ui_t *
mdsctl_ui(void)
{
    return &ui;
}

/* Prints the names of the members that differ. */
static void
print_members(const mds_json_t *before, const mds_json_t *after)
{
    const mds_json_t  *sides[] = { before, after };
    const mds_json_t  *others[] = { after, before };
    const char        *separator = ": ";
    mds_json_member_t *m;

    for (int side = 0; side < 2; side++) {
        for (m = mds_json_first(sides[side]); m != NULL;
             m = mds_json_next(sides[side], m))
        {
            const mds_json_t *other
                = mds_json_find(others[side], mds_json_key(m));

            if ((side == 0 && !mds_json_equal(mds_json_value(m), other))
                || (side == 1 && other == NULL))
            {
                printf("%s%.*s", separator, MDS_STR(mds_json_key(m)));
                separator = ", ";
            }
        }
    }
}

void
mdsctl_change_print(const mds_json_t *change)
{
    const mds_json_t *before = mds_json_get(change, "before");
    const mds_json_t *after = mds_json_get(change, "after");
    mds_str_t         id = mds_json_get_string(change, "id");

    printf("  %s%c%s %.*s%s%.*s",
           mdsctl_colour(before == NULL  ? MDSCTL_GREEN
                         : after == NULL ? MDSCTL_RED
                                         : MDSCTL_YELLOW),
           before == NULL  ? '+'
           : after == NULL ? '-'
                           : '~',
           mdsctl_colour(MDSCTL_PLAIN),
           MDS_STR(mds_json_get_string(change, "what")), id.len > 0 ? " " : "",
           MDS_STR(id));

    if (mds_json_is_string(before) && mds_json_is_string(after)) {
        printf(": %.*s -> %.*s", MDS_STR(mds_json_string(before)),
               MDS_STR(mds_json_string(after)));

    } else if (before != NULL && after != NULL) {
        print_members(before, after);
    }

    printf("\n");
}

void
mdsctl_changes_print(const mds_json_t *changes)
{
    for (size_t i = 0; i < mds_json_size(changes); i++) {
        mdsctl_change_print(mds_json_at(changes, i));
    }
}

/* The devices of the depot by version; they are counted once, if a release is
 * of a version that they have. */
typedef struct {
    const char              *depot;
    mds_str_t                app;
    bool                     is_read;
    mds_registry_versions_t *versions;
} devices_t;

/* Ends the line with how many devices have the version, if any has. */
static void
print_installed(const mds_json_t *release, devices_t *devices)
{
    char     words[MDSCTL_INSTALLED_BYTES];
    uint64_t count;

    if (!devices->is_read && mdsctl_installed_has_kind(release)) {
        devices->versions = mdsctl_installed_read(devices->depot);
        devices->is_read = true;
    }

    count = mdsctl_installed_count(devices->versions, devices->app, release);
    printf("%s%s\n", count > 0 ? "; " : "",
           count > 0 ? mdsctl_installed_words(devices->versions, count, words)
                     : "");
}

/* Prints what a changed release means for devices: its state, or its audience
 * in words. */
static void
print_meaning(const mds_json_t *change, devices_t *devices)
{
    static const char *const keys[] = { "state", "audience", "rules" };

    const mds_json_t *after = mds_json_get(change, "after");
    const mds_json_t *before = mds_json_get(change, "before");
    mds_str_t         version = mds_json_get_string(after, "version");
    mds_str_t         state = mds_json_get_string(after, "state");
    mds_buffer_t      words = { 0 };

    bool differs = before == NULL;

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        differs = differs
                  || !mds_json_equal(mds_json_get(before, keys[i]),
                                     mds_json_get(after, keys[i]));
    }

    if (version.len == 0 || !differs) {
        return;
    }

    if (mds_str_eq(state, mds_str("rolled_back"))) {
        printf("    devices that have %.*s are told to go back",
               MDS_STR(version));
    } else if (state.len > 0 && !mds_str_eq(state, mds_str("running"))) {
        printf("    %.*s is offered to no more devices", MDS_STR(version));
    } else {
        mdsctl_words_add_release(&words, after);
        printf("    %.*s is offered to %.*s", MDS_STR(version),
               MDS_STR(mds_buffer_str(&words)));
        mds_buffer_free(&words);
    }

    print_installed(after, devices);
}

/* Prints the meaning of the releases that a step has changed. A document may
 * change very many. */
static void
print_meanings(const mds_json_t *changes, const char *depot, mds_str_t app)
{
    devices_t devices = { .depot = depot, .app = app };

    for (size_t i = 0; i < mds_json_size(changes); i++) {
        const mds_json_t *change = mds_json_at(changes, i);

        if (mds_str_eq(mds_json_get_string(change, "what"), mds_str("release")))
        {
            print_meaning(change, &devices);
        }
    }

    mds_registry_versions_free(devices.versions);
}

static int
print_result(const mdsctl_t *ctl, const mds_change_t *change,
             const mds_change_result_t *result, mdsctl_change_report_t report)
{
    size_t      count = mds_json_size(result->changes);
    mds_json_t *o;

    if (!ctl->json) {
        if (count == 0) {
            printf("no change: the catalog stays at serial %llu\n",
                   (unsigned long long) result->serial);
        } else {
            printf(change->dry_run ? "would change, after serial %llu:\n"
                                   : "serial %llu\n",
                   (unsigned long long) result->serial);
            mdsctl_changes_print(result->changes);

            if (!change->applies) {
                print_meanings(result->changes, ctl->depot, change->app);
            }
        }
        return report == NULL ? MDSCTL_DONE
                              : mdsctl_json_status(report(change->data, NULL));
    }

    o = mds_json_pack("{s:I, s:b, s:O, s:O}", "serial",
                      (int64_t) result->serial, "dry_run",
                      (int) change->dry_run, "changes", result->changes,
                      "warnings", result->warnings);

    if (o != NULL && report != NULL && report(change->data, o) != MDS_OK) {
        mds_json_release(o);
        o = NULL;
    }

    return mdsctl_print(o);
}

void
mdsctl_warnings_print(const mds_json_t *warnings)
{
    fflush(stdout);

    for (size_t i = 0; i < mds_json_size(warnings); i++) {
        fprintf(stderr, "mdsctl: warning: %.*s\n",
                MDS_STR(mds_json_string(mds_json_at(warnings, i))));
    }
}

/* The options and words of commands that become a member of a document, or of
 * the data of an edit. */
static const struct {
    const char *key;
    const char *option;
} places[] = {
    { "kind", "--kind" },
    { "name", "--name" },
    { "platform", "--platform" },
    { "channel", "--channel" },
    { "version", "--version" },
    { "deltas", "--deltas" },
    { "meta", "--meta" },
    { "app_version", "--app-version" },
    { "file", "FILE" },
    { "start", "--start" },
    { "end", "--end" },
    { "priority", "--priority" },
    { "halt", "--halt" },
    { "force_below", "--force-below" },
    { "rules", "--rule" },
    { "audience/ramp", "--ramp" },
    { "audience/percent", "--percent" },
    { "audience/window/until", "--until" },
    { "audience/window/by", "--by" },
    { "audience/window", "--window" },
    { "audience/lists", "--list" },
    { "audience/except", "--except" },
    { "audience/by", "--by" },
    { "audience/seed", "--seed" },
    { "id", "ID" },
    { "by", "--by" },
    { "users", "--users" },
};

/* Returns whether an option names a file, whose contents are not what was
 * typed. */
static bool
is_file_option(const char *key)
{
    return strcmp(key, "file") == 0 || strcmp(key, "users") == 0;
}

/* Returns whether an option takes JSON, which has places of its own. */
static bool
is_json_option(const char *key)
{
    static const char *const keys[] = { "deltas", "meta", "halt", "rules" };

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }

    return false;
}

/* Returns what follows "WHAT: /releases/0/", or the "/" of an edit's own
 * member; NULL: the words begin otherwise. */
static const char *
key_of(const char *words, const char *what)
{
    size_t len = strlen(what);

    if (*words == '/') {
        return words + 1;
    }

    if (strncmp(words, what, len) != 0 || strncmp(words + len, ": /", 3) != 0) {
        return NULL;
    }

    words += len + 3;

    for (int i = 0; i < 2 && words != NULL; i++) {
        words = strchr(words, '/');
        words = words == NULL ? NULL : words + 1;
    }

    return words;
}

/* Prints the error. A command line has no document: if the text begins with a
 * place in one, the option is named instead. Returns the exit code: a value of
 * an option that is not valid is a wrong usage; one that does not fit what the
 * depot or a file has is not. */
static int
report_failure(const mds_change_t *change, mds_error_t *err)
{
    const char *key = key_of(err->text, change->what);
    mds_error_t named;

    for (size_t i = 0;
         !change->applies && key != NULL && i < mds_nelems(places); i++)
    {
        size_t      key_len = strlen(places[i].key);
        const char *rest = key + key_len;

        if (strncmp(key, places[i].key, key_len) == 0
            && (*rest == ':' || *rest == '/')) {
            if (!is_json_option(places[i].key)) {
                rest += strcspn(rest, ":");
            }

            mds_fail(&named, err->status, "%s%s%s", places[i].option,
                     *rest == '/' ? ": " : "", rest);
            return err->status == MDS_INVALID && !is_file_option(places[i].key)
                       ? mdsctl_fail_usage("%s", named.text)
                       : mdsctl_fail(&named);
        }
    }

    return mdsctl_fail(err);
}

int
mdsctl_deltas_level(const char *word, mds_zstd_level_t *level)
{
    if (word == NULL || strcmp(word, "best") == 0) {
        *level = MDS_ZSTD_BEST;
    } else if (strcmp(word, "fast") == 0) {
        *level = MDS_ZSTD_FAST;
    } else {
        return mdsctl_fail_usage("--deltas-level \"%s\": must be best or fast",
                                 word);
    }

    return MDSCTL_DONE;
}

/* The keys of the one command that runs. */
static mds_key_t key, head_key;

static int
load_keys(const mdsctl_t *ctl, mds_change_t *change)
{
    mds_error_t err;

    if (ctl->key != NULL && change->key == NULL) {
        if (mdsctl_key_load(ctl->key, &err, &key) != MDS_OK) {
            return mdsctl_fail(&err);
        }
        change->key = &key;
    }

    if (ctl->head_key != NULL) {
        if (mdsctl_key_load(ctl->head_key, &err, &head_key) != MDS_OK) {
            return mdsctl_fail(&err);
        }
        change->head_key = &head_key;
    }

    if (change->head_ttl_ms == 0) {
        change->head_ttl_ms = MDSCTL_HEAD_TTL_MS;
    }

    return MDSCTL_DONE;
}

static void
wipe_keys(void)
{
    mds_key_wipe(&key);
    mds_key_wipe(&head_key);
}

int
mdsctl_change(mdsctl_t *ctl, mds_change_t *change)
{
    return mdsctl_change_report(ctl, change, NULL);
}

int
mdsctl_edit(mdsctl_t *ctl, const char *app, mds_find_extent_t find_extent,
            mds_edit_t edit, void *data)
{
    mds_change_t change = { .app = mds_str_of(app),
                            .find_extent = find_extent,
                            .edit = edit,
                            .data = data };

    return mdsctl_change(ctl, &change);
}

int
mdsctl_change_report(mdsctl_t *ctl, mds_change_t *change,
                     mdsctl_change_report_t report)
{
    mds_loader_t       *loader = NULL;
    mds_change_result_t result;
    mds_error_t         err;
    int                 code = MDSCTL_FAILED;

    if (load_keys(ctl, change) != MDSCTL_DONE) {
        wipe_keys();
        return MDSCTL_FAILED;
    }

    change->dry_run = change->dry_run || ctl->dry_run;
    change->note = ctl->note;
    change->command = ctl->command_line;
    change->new_app = ctl->new_app;

    if (change->what == NULL) {
        change->what = mdsctl_command_name();
    }

    if (mds_loader_open(ctl->depot, &ui, &err, &loader) != MDS_OK
        || mds_loader_change(loader, change, &err, &result) != MDS_OK)
    {
        mdsctl_app_hint(ctl, change->app, &err);
        code = report_failure(change, &err);
    } else {
        code = print_result(ctl, change, &result, report);
        mdsctl_warnings_print(result.warnings);
        mds_json_release(result.changes);
        mds_json_release(result.warnings);
    }

    mds_loader_close(loader);
    wipe_keys();

    return code;
}
