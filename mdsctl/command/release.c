/*
 * release, promote, edit, pause, resume, end, rollback: change one release step
 * by step.
 */

#include <stdlib.h>

#include "audience.h"
#include "base/mds_time.h"
#include "change.h"
#include "database/fleet.h"
#include "loader/mds_edit.h"
#include "loader/mds_edit_extent.h"
#include "member.h"
#include "state/mds_tally.h"
#include "terms.h"

typedef struct {
    const char       *kind;
    const char       *name;
    const char       *version;
    mdsctl_values_t   platforms;
    mdsctl_values_t   channels;
    mdsctl_audience_t audience;
    mdsctl_terms_t    terms;
} release_options_t;

static const mdsctl_option_t release_options[] = {
    { "kind", "KIND", "kind of the version, such as upgrade or bundle",
      MDSCTL_REQUIRED, MDSCTL_STORE(release_options_t, kind) },
    { "version", "VERSION", "the published version", MDSCTL_REQUIRED,
      MDSCTL_STORE(release_options_t, version) },
    { "name", "NAME", "name of the bundle, SDK or data package",
      MDSCTL_STORE(release_options_t, name) },
    { "platform", "PLATFORM", "only this platform; may be repeated",
      MDSCTL_STORE(release_options_t, platforms) },
    { "channel", "CHANNEL", "only this channel; may be repeated",
      MDSCTL_STORE(release_options_t, channels) },
    MDSCTL_AUDIENCE_OPTIONS(release_options_t, audience),
    MDSCTL_TERMS_OPTIONS(release_options_t, terms),
    { 0 },
};

static int
run_release(mdsctl_t *ctl, int argc, char **argv)
{
    release_options_t o = { 0 };
    mds_json_t       *release;
    int               code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    release = mds_json_object_new();

    code = mdsctl_check_kind(o.kind)
               ?: mdsctl_check_version("--version", o.version)
               ?: mdsctl_set_word(release, "id", argv[2])
               ?: mdsctl_set_word(release, "kind", o.kind)
               ?: mdsctl_set_word(release, "name", o.name)
               ?: mdsctl_set_scope(release, "platform", &o.platforms)
               ?: mdsctl_set_scope(release, "channel", &o.channels)
               ?: mdsctl_set_word(release, "version", o.version)
               ?: mdsctl_set_audience(release, &o.audience)
               ?: mdsctl_set_terms(release, &o.terms, false)
               ?: mdsctl_edit(ctl, argv[1], mds_find_extent_of_release,
                              mds_edit_release, release);

    mds_json_release(release);
    return code;
}

const mdsctl_command_t mdsctl_command_release = {
    .name = "release",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "offer a version to an audience",
    .text = "Offers a published version to an audience, at once. You choose "
            "ID, which names "
            "the release from then on. A device must be in one of the "
            "audiences that you give, "
            "and fulfil every rule.",
    .options = release_options,
    .examples
    = "mdsctl release com.example.shop b-3.2.0 --kind upgrade \\\n"
      "    --platform android --version 3.2.0 --list staff --percent 5\n"
      "mdsctl release com.example.shop home --kind bundle --name home \\\n"
      "    --version 1.4.0 --all \\\n"
      "    --rule "
      "'{\"attribute\":\"os_version\",\"op\":\"range\",\"min\":\"9\"}'\n",
    .synonyms = "deploy rollout offer",
    .run = run_release,
};

/* Edits the members of a release. */
static int
edit_members(mdsctl_t *ctl, char **argv, const mds_json_t *members)
{
    mds_release_edit_t edit = { argv[2], members };

    return mdsctl_edit(ctl, argv[1], mds_find_extent_of_release_edit,
                       mds_edit_release_members, &edit);
}

/* promote */

typedef struct {
    mdsctl_audience_t audience;
    mdsctl_terms_t    terms;
} promote_options_t;

static const mdsctl_option_t promote_options[] = {
    MDSCTL_AUDIENCE_OPTIONS(promote_options_t, audience),
    MDSCTL_TERMS_OPTIONS(promote_options_t, terms),
    { 0 },
};

static int
run_promote(mdsctl_t *ctl, int argc, char **argv)
{
    promote_options_t o = { 0 };
    mds_json_t       *members;
    int               code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    members = mds_json_object_new();
    code = mdsctl_set_audience(members, &o.audience)
               ?: mdsctl_set_terms(members, &o.terms, true);

    if (code == MDSCTL_DONE && o.audience.all) {
        code = mdsctl_confirm(ctl,
                              "release \"%s\" of %s will be offered to"
                              " everybody for whom its rules hold",
                              argv[2], argv[1]);
    }

    if (code == MDSCTL_DONE) {
        code = edit_members(ctl, argv, members);
    }

    mds_json_release(members);
    return code;
}

const mdsctl_command_t mdsctl_command_promote = {
    .name = "promote",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "give a release another audience",
    .text = "Replaces the audience of a release. Everything else stays as it "
            "is, unless it is given. Raising a percentage keeps the devices "
            "that are in. No key is needed, unless --meta is given.",
    .options = promote_options,
    .examples
    = "mdsctl promote com.example.shop a-3.2.0 --list staff --percent 30\n"
      "mdsctl promote com.example.shop a-3.2.0 --all\n",
    .synonyms = "widen scale ramp",
    .run = run_promote,
};

/* edit */

typedef struct {
    mdsctl_terms_t terms;
} edit_options_t;

static const mdsctl_option_t edit_options[] = {
    MDSCTL_TERMS_OPTIONS(edit_options_t, terms),
    { 0 },
};

static int
run_edit(mdsctl_t *ctl, int argc, char **argv)
{
    edit_options_t o = { 0 };
    mds_json_t    *members;
    int            code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    members = mds_json_object_new();
    code = mdsctl_set_terms(members, &o.terms, true);

    if (code == MDSCTL_DONE && mds_json_size(members) == 0) {
        code = mdsctl_fail_usage("edit: an option is missing that says what to"
                                 " change");
    }

    if (code == MDSCTL_DONE) {
        code = edit_members(ctl, argv, members);
    }

    mds_json_release(members);
    return code;
}

const mdsctl_command_t mdsctl_command_edit = {
    .name = "edit",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "change rules, times, priority or meta of a release",
    .text = "Changes what is given, and leaves the rest of the release as it "
            "is. The value none removes what the release has. `mdsctl promote` "
            "changes the audience; kind, name, version, platform and channel "
            "stay.",
    .options = edit_options,
    .examples = "mdsctl edit com.example.shop a-3.2.0 --end 7d --priority 5\n"
                "mdsctl edit com.example.shop a-3.2.0 --rule \\\n"
                "    '{\"attribute\":\"brand\",\"op\":\"in\",\"values\":"
                "[\"Xiaomi\"]}'\n",
    .synonyms = "change modify set",
    .run = run_edit,
};

/* pause, resume, end, rollback */

/* Asks before an action that is final. */
static int
confirm_transition(const mdsctl_t *ctl, char **argv)
{
    if (strcmp(argv[0], "end") == 0) {
        return mdsctl_confirm(ctl,
                              "release \"%s\" of %s will end for good;"
                              " `mdsctl pause` can be taken back",
                              argv[2], argv[1]);
    }

    if (strcmp(argv[0], "rollback") == 0) {
        return mdsctl_confirm(ctl,
                              "devices that have release \"%s\" of %s will be"
                              " told to go back, and it can never be offered"
                              " again",
                              argv[2], argv[1]);
    }

    return MDSCTL_DONE;
}

static int
run_transition(mdsctl_t *ctl, int argc, char **argv)
{
    mds_transition_t transition = { .action = argv[0] };

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    transition.id = argv[2];

    if (confirm_transition(ctl, argv) != MDSCTL_DONE) {
        return MDSCTL_FAILED;
    }

    return mdsctl_edit(ctl, argv[1], mds_find_extent_of_transition,
                       mds_edit_transition, &transition);
}

/* Gives whether a release is halted. */
static mds_status_t
find_halt(mds_state_t *state, mds_str_t release, mds_error_t *err, bool *halted)
{
    mds_tally_t  tally;
    mds_status_t status = mds_state_begin(state, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_state_get_tally(state, release, err, &tally);

    if (status == MDS_OK) {
        *halted = tally.halted;
    }

    mds_state_end(state);
    return status;
}

/* Ends the halt of a release, unless it is a dry run. *halted: there was one.
 */
static mds_status_t
end_halt(const mdsctl_t *ctl, const char *app, const char *id, mds_error_t *err,
         bool *halted)
{
    char         bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX + 1];
    mds_state_t *state = NULL;
    mds_str_t    release;
    int          len;
    mds_status_t status;

    *halted = false;
    len = snprintf(bytes, sizeof(bytes), "%s%c%s", app, 0, id);

    /* No release has a longer name. */
    if (len < 0 || (size_t) len >= sizeof(bytes)) {
        return MDS_OK;
    }

    /* Who may not read the state can still resume what is paused. */
    if (mds_state_open(ctl->depot, err, &state) != MDS_OK) {
        return MDS_OK;
    }

    release = (mds_str_t){ (size_t) len, bytes };
    status = ctl->dry_run ? find_halt(state, release, err, halted)
                          : mds_state_resume(state, release, mds_time_now_ms(),
                                             err, halted);
    mds_state_close(state);
    return status;
}

typedef struct {
    mds_transition_t transition; /* comes first: the edit knows only this */
    bool             dry_run;
} resumption_t;

static mds_status_t
report_resumed(void *data, mds_json_t *json)
{
    const resumption_t *resumption = data;

    if (!resumption->transition.may_be_there) {
        return MDS_OK;
    }

    if (json != NULL) {
        return mds_json_set_bool(json, "halt_ended", true);
    }

    printf(resumption->dry_run
               ? "release %s would not be halted any more; its reports would"
                 " count anew\n"
               : "release %s is not halted any more; its reports count anew\n",
           resumption->transition.id);
    return MDS_OK;
}

typedef struct {
    const char *database;
} resume_options_t;

static const mdsctl_option_t resume_options[] = {
    MDSCTL_FLEET_OPTION(resume_options_t),
    { 0 },
};

/* Ends the halt of a release in the fleet, too, if a database is named. */
static mds_status_t
end_fleet_halt(const mdsctl_t *ctl, const char *uri, const char *app,
               const char *id, mds_error_t *err, bool *halted)
{
    mdsctl_database_t *db = NULL;
    bool               ended = false;
    mds_status_t       status = mdsctl_fleet_open(uri, err, &db);

    if (status == MDS_OK && db != NULL) {
        status = mdsctl_fleet_resume(db, app, id, ctl->dry_run, err, &ended);
        mdsctl_database_close(db);
    }

    *halted = *halted || ended;
    return status;
}

/* A halt is a fact of the state: to end it changes nothing in the catalog. */
static int
run_resume(mdsctl_t *ctl, int argc, char **argv)
{
    resume_options_t o = { 0 };
    resumption_t     resumption = { .transition.action = argv[0] };
    mds_change_t     change = { .find_extent = mds_find_extent_of_transition,
                                .edit = mds_edit_transition,
                                .data = &resumption };
    mds_error_t      err;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    change.app = mds_str_of(argv[1]);
    resumption.transition.id = argv[2];
    resumption.dry_run = ctl->dry_run;

    if (o.database == NULL && getenv("MDS_DATABASE") == NULL) {
        resumption.transition.hint = "; one that other edges have halted needs"
                                     " --database";
    }

    if (end_halt(ctl, argv[1], argv[2], &err,
                 &resumption.transition.may_be_there)
            != MDS_OK
        || end_fleet_halt(ctl, o.database, argv[1], argv[2], &err,
                          &resumption.transition.may_be_there)
               != MDS_OK)
    {
        return mdsctl_fail(&err);
    }

    return mdsctl_change_report(ctl, &change, report_resumed);
}

const mdsctl_command_t mdsctl_command_pause = {
    .name = "pause",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "admit no new devices, for now",
    .text = "Offers the release to no new device until it is resumed. Devices "
            "that have the "
            "version keep it.",
    .examples = "mdsctl pause com.example.shop a-3.2.0\n"
                "mdsctl --json pause com.example.shop a-3.1.0\n",
    .synonyms = "stop halt suspend",
    .run = run_transition,
};

const mdsctl_command_t mdsctl_command_resume = {
    .name = "resume",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "continue a paused or halted release",
    .text = "Offers a paused release to its audience again. Ends the halt of "
            "one that "
            "reports of devices have halted, and counts its reports anew.",
    .examples = "mdsctl resume com.example.shop r-paused\n"
                "mdsctl --json resume com.example.shop s-paused\n",
    .options = resume_options,
    .synonyms = "continue unpause",
    .run = run_resume,
};

const mdsctl_command_t mdsctl_command_end = {
    .name = "end",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "admit no new devices, for good",
    .text = "Never offers the release again. Devices that have the version "
            "keep it. To recall "
            "it, use `mdsctl rollback`.",
    .examples = "mdsctl end com.example.shop a-3.1.0\n"
                "mdsctl --json end com.example.shop a-3.2.0\n",
    .synonyms = "finish close",
    .run = run_transition,
};

const mdsctl_command_t mdsctl_command_rollback = {
    .name = "rollback",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "tell devices that have a release to go back",
    .text = "Recalls a version: devices that have it go back to the version "
            "before it, or remove "
            "it. An upgrade cannot be rolled back: end it, and release a "
            "higher version.",
    .examples = "mdsctl rollback com.example.shop fix-2\n"
                "mdsctl --key ops.key rollback com.example.shop home-1.3.0\n",
    .synonyms = "recall withdraw",
    .run = run_transition,
};
