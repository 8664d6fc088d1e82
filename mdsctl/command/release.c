/* release, promote, pause, resume, end: one release, step by step. */

#include "audience.h"
#include "change.h"

static mds_status_t
edit_release(mds_loader_t *loader, void *data, mds_json_t *state,
             mds_error_t *err)
{
    const mds_json_t *release = data;
    const char       *id = mds_json_string(mds_json_get(release, "id")).data;

    (void) loader;

    if (mdsctl_release_find(state, id) != NULL) {
        return mds_fail(err, MDS_EXISTS,
                        "there is a release \"%s\" already; `mdsctl promote`"
                        " gives it another audience",
                        id);
    }

    return mds_json_done(mds_json_append(mdsctl_document_array(state,
                                                               "releases"),
                                         mds_json_copy(release)),
                         err);
}

/* "android" or, given several times, a list. */
static mds_status_t
set_scope(mds_json_t *release, const char *key, const mdsctl_values_t *values)
{
    mds_json_t  *array;
    mds_status_t status = MDS_OK;

    if (values->count == 0) {
        return MDS_OK;
    }

    if (values->count == 1) {
        return mds_json_set_str(release, key, mds_str_of(values->items[0]));
    }

    array = mds_json_array_new();

    for (size_t i = 0; status == MDS_OK && i < values->count; i++) {
        status = mds_json_append(array, mds_json_string_new(
                                            mds_str_of(values->items[i])));
    }

    if (status != MDS_OK) {
        mds_json_release(array);
        return status;
    }

    return mds_json_set(release, key, array);
}

static int
set_rules(mds_json_t *release, const mdsctl_values_t *rules)
{
    mds_json_t *array, *rule;

    if (rules->count == 0) {
        return MDSCTL_DONE;
    }

    array = mds_json_array_new();

    for (size_t i = 0; i < rules->count; i++) {
        rule = NULL;

        if (mdsctl_json_option("--rule", rules->items[i], &rule) != MDSCTL_DONE
            || mds_json_append(array, rule) != MDS_OK)
        {
            mds_json_release(array);
            return MDSCTL_USAGE;
        }
    }

    return mdsctl_json_status(mds_json_set(release, "rules", array));
}

static int
set_meta(mds_json_t *release, const char *text)
{
    mds_json_t *meta = NULL;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    if (mdsctl_json_option("--meta", text, &meta) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    return mdsctl_json_status(mds_json_set(release, "meta", meta));
}

static int
run_release(mdsctl_t *ctl, int argc, char **argv)
{
    const char       *kind = NULL, *name = NULL, *version = NULL, *meta = NULL;
    mdsctl_values_t   rules = { 0 }, platforms = { 0 }, channels = { 0 };
    mdsctl_audience_t options_audience = { 0 };
    mdsctl_option_t   options[] = {
          { .name = "kind", .value = &kind },
          { .name = "name", .value = &name },
          { .name = "platform", .values = &platforms },
          { .name = "channel", .values = &channels },
          { .name = "version", .value = &version },
          { .name = "rule", .values = &rules },
          { .name = "meta", .value = &meta },
          MDSCTL_AUDIENCE_OPTIONS(options_audience),
          { 0 },
    };
    mds_change_t change = { .edit = edit_release };
    mds_json_t  *release, *audience = NULL;
    int          code;

    if (mdsctl_parse(ctl, options, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (kind == NULL || version == NULL) {
        return mdsctl_fail_usage("--%s is missing",
                                 kind == NULL ? "kind" : "version");
    }

    code = mdsctl_audience(&options_audience, &audience);
    if (code != MDSCTL_DONE) {
        return code;
    }

    release = mds_json_object_new();

    code = mdsctl_json_status(mds_json_set_str(release, "id", mds_str_of(argv[2])))
               ?: mdsctl_json_status(
                   mds_json_set_str(release, "kind", mds_str_of(kind)))
               ?: mdsctl_json_status(name == NULL
                                   ? MDS_OK
                                   : mds_json_set_str(release, "name",
                                                      mds_str_of(name)))
               ?: mdsctl_json_status(set_scope(release, "platform", &platforms))
               ?: mdsctl_json_status(set_scope(release, "channel", &channels))
               ?: mdsctl_json_status(
                   mds_json_set_str(release, "version", mds_str_of(version)))
               ?: mdsctl_json_status(mds_json_set(release, "audience",
                                            mds_json_retain(audience)))
               ?: set_rules(release, &rules)
               ?: set_meta(release, meta);

    if (code == MDSCTL_DONE) {
        change.app = mds_str_of(argv[1]);
        change.data = release;
        code = mdsctl_change(ctl, &change);
    }

    mds_json_release(audience);
    mds_json_release(release);

    return code;
}

const mdsctl_command_t mdsctl_command_release = {
    .name = "release",
    .usage = "APP ID --kind KIND [--name NAME] [--platform PLATFORM]"
             " [--channel CHANNEL] --version VERSION " MDSCTL_AUDIENCE_USAGE
             " [--rule JSON]... [--meta JSON]",
    .summary = "offer a version to an audience",
    .run = run_release,
};

/* promote */

typedef struct {
    const char       *id;
    const mds_json_t *audience;
} promotion_t;

static mds_status_t
edit_promote(mds_loader_t *loader, void *data, mds_json_t *state,
             mds_error_t *err)
{
    const promotion_t *promotion = data;
    mds_json_t *release = mdsctl_release_of(loader, state, promotion->id, err);
    mds_str_t   now;

    if (release == NULL) {
        return err->status;
    }

    now = mds_json_string(mds_json_get(release, "state"));

    if (mds_str_eq(now, mds_str("ended"))
        || mds_str_eq(now, mds_str("rolled_back")))
    {
        return mds_fail(err, MDS_CONFLICT,
                        "release \"%s\" is %.*s; only one that is running or"
                        " paused gets an audience",
                        promotion->id, MDS_STR(now));
    }

    return mds_json_done(mds_json_set(release, "audience",
                                      mds_json_copy(promotion->audience)),
                         err);
}

static int
run_promote(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_audience_t audience = { 0 };
    mdsctl_option_t   options[] = { MDSCTL_AUDIENCE_OPTIONS(audience), { 0 } };
    promotion_t       promotion;
    mds_change_t      change = { .edit = edit_promote, .data = &promotion };
    mds_json_t       *json = NULL;
    int               code;

    if (mdsctl_parse(ctl, options, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    code = mdsctl_audience(&audience, &json);
    if (code != MDSCTL_DONE) {
        return code;
    }

    promotion = (promotion_t){ argv[2], json };
    change.app = mds_str_of(argv[1]);
    code = mdsctl_change(ctl, &change);
    mds_json_release(json);

    return code;
}

const mdsctl_command_t mdsctl_command_promote = {
    .name = "promote",
    .usage = "APP ID " MDSCTL_AUDIENCE_USAGE,
    .summary = "give a release another audience",
    .run = run_promote,
};

/* pause, resume, end, rollback */

typedef struct {
    const char *command;
    const char *state; /* what the release becomes */
    const char *from;  /* the only state that it may come from; NULL: any
                        * but "ended" and "rolled_back", which are final */
} transition_t;

static const transition_t transitions[] = {
    { "pause", "paused", "running" },
    { "resume", "running", "paused" },
    { "end", "ended", NULL },
    { "rollback", "rolled_back", NULL },
};

typedef struct {
    const char         *id;
    const transition_t *transition;
} move_t;

static mds_status_t
edit_state(mds_loader_t *loader, void *data, mds_json_t *state,
           mds_error_t *err)
{
    const move_t       *move = data;
    const transition_t *transition = move->transition;
    mds_json_t *release = mdsctl_release_of(loader, state, move->id, err);
    mds_str_t   now;

    if (release == NULL) {
        return err->status;
    }

    now = mds_json_string(mds_json_get(release, "state"));
    now = now.len == 0 ? mds_str("running") : now;

    /* An ended release can still be recalled. */
    if (mds_str_eq(now, mds_str("rolled_back"))
        || (transition->from != NULL
            && !mds_str_eq(now, mds_str_of(transition->from)))
        || mds_str_eq(now, mds_str_of(transition->state)))
    {
        return mds_fail(err, MDS_CONFLICT,
                        "release \"%s\" is %.*s; `%s` takes one that is %s",
                        move->id, MDS_STR(now), transition->command,
                        transition->from != NULL ? transition->from
                                                 : "running or paused");
    }

    /* What runs says nothing of it, as in a document. */
    if (strcmp(transition->state, "running") == 0) {
        mds_json_delete(release, "state");
        return MDS_OK;
    }

    return mds_json_done(mds_json_set_str(release, "state",
                                          mds_str_of(transition->state)),
                         err);
}

static int
run_set_state(mdsctl_t *ctl, int argc, char **argv)
{
    move_t       move = { 0 };
    mds_change_t change = { .edit = edit_state, .data = &move };

    if (mdsctl_parse(ctl, NULL, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    for (size_t i = 0; i < mds_nelems(transitions); i++) {
        if (strcmp(transitions[i].command, argv[0]) == 0) {
            move.transition = &transitions[i];
        }
    }

    move.id = argv[2];
    change.app = mds_str_of(argv[1]);

    return mdsctl_change(ctl, &change);
}

const mdsctl_command_t mdsctl_command_pause = {
    .name = "pause",
    .usage = "APP ID",
    .summary = "admit no new devices, for now",
    .run = run_set_state,
};

const mdsctl_command_t mdsctl_command_resume = {
    .name = "resume",
    .usage = "APP ID",
    .summary = "continue a paused release",
    .run = run_set_state,
};

const mdsctl_command_t mdsctl_command_end = {
    .name = "end",
    .usage = "APP ID",
    .summary = "admit no new devices, for good",
    .run = run_set_state,
};

const mdsctl_command_t mdsctl_command_rollback = {
    .name = "rollback",
    .usage = "APP ID",
    .summary = "tell devices that have a release to go back",
    .run = run_set_state,
};
