/*
 * release, promote, pause, resume, end, rollback: change one release step by
 * step.
 */

#include "audience.h"
#include "change.h"
#include "loader/mds_edit.h"
#include "loader/mds_edit_extent.h"
#include "member.h"

typedef struct {
    const char       *kind;
    const char       *name;
    const char       *version;
    const char       *meta;
    const char       *halt;
    const char       *force_below;
    mdsctl_values_t   platforms;
    mdsctl_values_t   channels;
    mdsctl_values_t   rules;
    mdsctl_audience_t audience;
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
    { "rule", "JSON", "a rule that must hold as well; may be repeated",
      MDSCTL_STORE(release_options_t, rules) },
    { "halt", "JSON", "how many failures stop it, as in a document",
      MDSCTL_STORE(release_options_t, halt) },
    { "meta", "JSON", "data for the client, up to 64 KiB",
      MDSCTL_STORE(release_options_t, meta) },
    { "force-below", "VERSION", "devices below it get \"prompt\": \"force\"",
      MDSCTL_STORE(release_options_t, force_below) },
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

    code = mdsctl_set_word(release, "id", argv[2])
               ?: mdsctl_set_word(release, "kind", o.kind)
               ?: mdsctl_set_word(release, "name", o.name)
               ?: mdsctl_set_scope(release, "platform", &o.platforms)
               ?: mdsctl_set_scope(release, "channel", &o.channels)
               ?: mdsctl_set_word(release, "version", o.version)
               ?: mdsctl_set_audience(release, &o.audience)
               ?: mdsctl_set_jsons(release, "rules", "--rule", &o.rules)
               ?: mdsctl_set_json(release, "halt", "--halt", o.halt)
               ?: mdsctl_set_json(release, "meta", "--meta", o.meta)
               ?: mdsctl_set_word(release, "force_below", o.force_below)
               ?: mdsctl_edit(ctl, argv[1], mds_find_extent_of_release,
                              mds_edit_release, release);

    mds_json_release(release);
    return code;
}

const mdsctl_command_t mdsctl_command_release = {
    .name = "release",
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

/* promote */

typedef struct {
    mdsctl_audience_t audience;
} promote_options_t;

static const mdsctl_option_t promote_options[] = {
    MDSCTL_AUDIENCE_OPTIONS(promote_options_t, audience),
    { 0 },
};

static int
run_promote(mdsctl_t *ctl, int argc, char **argv)
{
    promote_options_t o = { 0 };
    mds_promotion_t   promotion;
    mds_json_t       *object;
    int               code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    object = mds_json_object_new();
    code = mdsctl_set_audience(object, &o.audience);

    if (code == MDSCTL_DONE) {
        promotion
            = (mds_promotion_t){ argv[2], mds_json_get(object, "audience") };
        code = mdsctl_edit(ctl, argv[1], mds_find_extent_of_promotion,
                           mds_edit_promote, &promotion);
    }

    mds_json_release(object);
    return code;
}

const mdsctl_command_t mdsctl_command_promote = {
    .name = "promote",
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "give a release another audience",
    .text = "Replaces the audience of a release. Its rules stay the same, and "
            "no key is needed. "
            "Raising a percentage keeps the devices that are in.",
    .options = promote_options,
    .examples
    = "mdsctl promote com.example.shop a-3.2.0 --list staff --percent 30\n"
      "mdsctl promote com.example.shop a-3.2.0 --all\n",
    .synonyms = "widen scale ramp",
    .run = run_promote,
};

/* pause, resume, end, rollback */

static int
run_transition(mdsctl_t *ctl, int argc, char **argv)
{
    mds_transition_t transition = { .action = argv[0] };

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    transition.id = argv[2];

    return mdsctl_edit(ctl, argv[1], mds_find_extent_of_transition,
                       mds_edit_transition, &transition);
}

const mdsctl_command_t mdsctl_command_pause = {
    .name = "pause",
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
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID",
    .summary = "continue a paused release",
    .text = "Offers a paused release to its audience again.",
    .examples = "mdsctl resume com.example.shop r-paused\n"
                "mdsctl --json resume com.example.shop s-paused\n",
    .synonyms = "continue unpause",
    .run = run_transition,
};

const mdsctl_command_t mdsctl_command_end = {
    .name = "end",
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
