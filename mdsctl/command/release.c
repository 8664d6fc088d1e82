/*
 * release, promote, pause, resume, end, rollback: change one release step by
 * step.
 */

#include "audience.h"
#include "change.h"
#include "loader/mds_edit.h"
#include "loader/mds_edit_extent.h"
#include "member.h"

static int
run_release(mdsctl_t *ctl, int argc, char **argv)
{
    const char       *kind = NULL, *name = NULL, *version = NULL, *meta = NULL;
    mdsctl_values_t   rules = { 0 }, platforms = { 0 }, channels = { 0 };
    mdsctl_audience_t audience = { 0 };
    mdsctl_option_t   options[] = {
          { .name = "kind", .value = &kind },
          { .name = "name", .value = &name },
          { .name = "platform", .values = &platforms },
          { .name = "channel", .values = &channels },
          { .name = "version", .value = &version },
          { .name = "rule", .values = &rules },
          { .name = "meta", .value = &meta },
          MDSCTL_AUDIENCE_OPTIONS(audience),
          { 0 },
    };
    mds_json_t *release;
    int         code;

    if (mdsctl_parse(ctl, options, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (kind == NULL || version == NULL) {
        return mdsctl_fail_usage("--%s is missing",
                                 kind == NULL ? "kind" : "version");
    }

    release = mds_json_object_new();

    code = mdsctl_set_word(release, "id", argv[2])
               ?: mdsctl_set_word(release, "kind", kind)
               ?: mdsctl_set_word(release, "name", name)
               ?: mdsctl_set_scope(release, "platform", &platforms)
               ?: mdsctl_set_scope(release, "channel", &channels)
               ?: mdsctl_set_word(release, "version", version)
               ?: mdsctl_set_audience(release, &audience)
               ?: mdsctl_set_jsons(release, "rules", "--rule", &rules)
               ?: mdsctl_set_json(release, "meta", "--meta", meta)
               ?: mdsctl_edit(ctl, argv[1], mds_find_extent_of_release, mds_edit_release, release);

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

static int
run_promote(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_audience_t audience = { 0 };
    mdsctl_option_t   options[] = { MDSCTL_AUDIENCE_OPTIONS(audience), { 0 } };
    mds_promotion_t   promotion;
    mds_json_t       *object;
    int               code;

    if (mdsctl_parse(ctl, options, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    object = mds_json_object_new();
    code = mdsctl_set_audience(object, &audience);

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
    .usage = "APP ID " MDSCTL_AUDIENCE_USAGE,
    .summary = "give a release another audience",
    .run = run_promote,
};

/* pause, resume, end, rollback */

static int
run_transition(mdsctl_t *ctl, int argc, char **argv)
{
    mds_transition_t transition = { .action = argv[0] };

    if (mdsctl_parse(ctl, NULL, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    transition.id = argv[2];

    return mdsctl_edit(ctl, argv[1], mds_find_extent_of_transition,
                       mds_edit_transition, &transition);
}

#define TRANSITION(action, words)                                              \
    const mdsctl_command_t mdsctl_command_##action = {                         \
        .name = #action,                                                       \
        .usage = "APP ID",                                                     \
        .summary = words,                                                      \
        .run = run_transition,                                                 \
    }

TRANSITION(pause, "admit no new devices, for now");
TRANSITION(resume, "continue a paused release");
TRANSITION(end, "admit no new devices, for good");
TRANSITION(rollback, "tell devices that have a release to go back");
