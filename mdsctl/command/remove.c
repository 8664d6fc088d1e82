/* remove: removes an app, a release, a list or packages that nothing needs. */

#include "change.h"
#include "loader/mds_edit.h"

static int
remove_app(mdsctl_t *ctl, int argc, char **argv)
{
    return mdsctl_parse(ctl, NULL, 1, 1, &argc, argv)
               ?: mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_app, NULL);
}

static int
remove_release(mdsctl_t *ctl, int argc, char **argv)
{
    return mdsctl_parse(ctl, NULL, 2, 2, &argc, argv)
               ?: mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_release,
                              argv[2]);
}

static int
remove_list(mdsctl_t *ctl, int argc, char **argv)
{
    return mdsctl_parse(ctl, NULL, 2, 2, &argc, argv)
               ?: mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_list,
                              argv[2]);
}

static int
remove_packages(mdsctl_t *ctl, int argc, char **argv)
{
    mds_package_selection_t packages = { 0 };
    mdsctl_option_t         options[]
        = { { .name = "kind", .value = &packages.kind },
            { .name = "name", .value = &packages.name },
            { .name = "platform", .value = &packages.platform },
            { .name = "channel", .value = &packages.channel },
            { .name = "version", .value = &packages.version },
            { 0 } };

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (packages.kind == NULL || packages.version == NULL) {
        return mdsctl_fail_usage("--%s is missing",
                                 packages.kind == NULL ? "kind" : "version");
    }

    return mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_packages, &packages);
}

static const mdsctl_command_t command_app = {
    .name = "app",
    .usage = "APP",
    .summary = "remove an app that offers nothing to anybody",
    .run = remove_app,
};

static const mdsctl_command_t command_release = {
    .name = "release",
    .usage = "APP ID",
    .summary = "remove a release that is ended or rolled back",
    .run = remove_release,
};

static const mdsctl_command_t command_list = {
    .name = "list",
    .usage = "APP LIST",
    .summary = "remove a list that no release names",
    .run = remove_list,
};

static const mdsctl_command_t command_package = {
    .name = "package",
    .usage = "APP --kind KIND [--name NAME] [--platform PLATFORM]"
             " [--channel CHANNEL] --version VERSION",
    .summary = "remove the packages of a version that nothing needs",
    .run = remove_packages,
};

static const mdsctl_command_t *const commands[]
    = { &command_app, &command_release, &command_list, &command_package, NULL };

const mdsctl_command_t mdsctl_command_remove = {
    .name = "remove",
    .usage = "app|release|list|package ...",
    .summary = "remove what nothing needs any more",
    .commands = commands,
};
