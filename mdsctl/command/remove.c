/* remove: removes an app, a release, a list or packages that nothing needs. */

#include "change.h"
#include "loader/mds_edit.h"

static int
remove_app(mdsctl_t *ctl, int argc, char **argv)
{
    return mdsctl_parse(ctl, NULL, &argc, argv)
               ?: mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_app, NULL);
}

static int
remove_release(mdsctl_t *ctl, int argc, char **argv)
{
    return mdsctl_parse(ctl, NULL, &argc, argv)
               ?: mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_release,
                              argv[2]);
}

static int
remove_list(mdsctl_t *ctl, int argc, char **argv)
{
    return mdsctl_parse(ctl, NULL, &argc, argv)
               ?: mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_list,
                              argv[2]);
}

static const mdsctl_option_t package_options[] = {
    { "kind", "KIND", "kind of the packages", MDSCTL_REQUIRED,
      MDSCTL_STORE(mds_package_selection_t, kind) },
    { "version", "VERSION", "version of the packages", MDSCTL_REQUIRED,
      MDSCTL_STORE(mds_package_selection_t, version) },
    { "name", "NAME", "name of the bundle, SDK or data package",
      MDSCTL_STORE(mds_package_selection_t, name) },
    { "platform", "PLATFORM", "only those for this platform",
      MDSCTL_STORE(mds_package_selection_t, platform) },
    { "channel", "CHANNEL", "only those for this channel",
      MDSCTL_STORE(mds_package_selection_t, channel) },
    { 0 },
};

static int
remove_packages(mdsctl_t *ctl, int argc, char **argv)
{
    mds_package_selection_t packages = { 0 };

    return mdsctl_parse(ctl, &packages, &argc, argv)
               ?: mdsctl_edit(ctl, argv[1], NULL, mds_edit_remove_packages,
                              &packages);
}

static const mdsctl_command_t command_app = {
    .name = "app",
    .changes = true,
    .arguments = "APP",
    .summary = "remove an app that offers nothing to anybody",
    .text = "Removes an app with its lists, packages and releases. All of its "
            "releases must be "
            "ended or rolled back, and no message may be open.",
    .examples = "mdsctl remove app com.example.old\n"
                "mdsctl --json remove app com.example.older\n",
    .run = remove_app,
};

static const mdsctl_command_t command_release = {
    .name = "release",
    .changes = true,
    .arguments = "APP ID",
    .summary = "remove a release that is ended or rolled back",
    .text
    = "Removes an ended or rolled-back release. Its id can be used again.",
    .examples = "mdsctl remove release com.example.shop a-3.0\n"
                "mdsctl --json remove release com.example.shop fix-1\n",
    .run = remove_release,
};

static const mdsctl_command_t command_list = {
    .name = "list",
    .changes = true,
    .arguments = "APP LIST",
    .summary = "remove a list that no release names",
    .text = "Removes a list that no release names, in any state.",
    .examples = "mdsctl remove list com.example.shop beta\n"
                "mdsctl --json remove list com.example.shop lab\n",
    .run = remove_list,
};

static const mdsctl_command_t command_package = {
    .name = "package",
    .changes = true,
    .arguments = "APP",
    .summary = "remove the packages of a version that nothing needs",
    .text = "Removes all packages of a version, or those of one platform or "
            "channel, if "
            "nothing needs them.",
    .options = package_options,
    .examples
    = "mdsctl remove package com.example.shop --kind upgrade --version 2.9.0\n"
      "mdsctl remove package com.example.shop --kind bundle --name home \\\n"
      "    --version 1.2.0 --platform ios\n",
    .run = remove_packages,
};

static const mdsctl_command_t *const commands[]
    = { &command_app, &command_release, &command_list, &command_package, NULL };

const mdsctl_command_t mdsctl_command_remove = {
    .name = "remove",
    .group = MDSCTL_PUBLISH,
    .summary = "remove what nothing needs any more",
    .text = "Removes items of the catalog. What is still needed stays, and the "
            "message names "
            "what needs it. `mdsctl revert` undoes a removal until `mdsctl gc` "
            "has removed the "
            "files.",
    .synonyms = "delete rm del uninstall unpublish",
    .commands = commands,
};
