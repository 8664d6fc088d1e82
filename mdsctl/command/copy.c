/* copy: brings a release to another app, or to another channel. */

#include "change.h"
#include "loader/mds_edit.h"

typedef struct {
    const char *channel;
    const char *id;
} copy_options_t;

static const mdsctl_option_t copy_options[] = {
    { "channel", "CHANNEL", "to this channel of the same app",
      MDSCTL_STORE(copy_options_t, channel) },
    { "id", "NEW-ID", "id of the copy; default ID, or ID-CHANNEL",
      MDSCTL_STORE(copy_options_t, id) },
    { 0 },
};

static int
run_copy(mdsctl_t *ctl, int argc, char **argv)
{
    copy_options_t     o = { 0 };
    mds_release_copy_t copy;
    char               id[MDSCTL_COMMAND_LINE_BYTES];
    const char        *to_app;
    int                code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if ((argc > 3) == (o.channel != NULL)) {
        return mdsctl_fail_usage("copy: must be given TO-APP or --channel"
                                 " CHANNEL, and not both");
    }

    (void) snprintf(id, sizeof(id), "%s%s%s", argv[2],
                    o.channel != NULL ? "-" : "",
                    o.channel != NULL ? o.channel : "");
    to_app = argc > 3 ? argv[3] : argv[1];
    copy = (mds_release_copy_t){ .from_app = mds_str_of(argv[1]),
                                 .id = argv[2],
                                 .new_id = o.id != NULL ? o.id : id,
                                 .channel = o.channel };

    code = mdsctl_confirm(ctl,
                          "release \"%s\" of %s will be offered to the audience"
                          " that release \"%s\" of %s has",
                          copy.new_id, to_app, argv[2], argv[1]);

    if (code == MDSCTL_DONE) {
        code = mdsctl_edit(ctl, to_app, NULL, mds_edit_copy_release, &copy);
    }

    if (code == MDSCTL_DONE && copy.recalled) {
        fprintf(stderr,
                "mdsctl: warning: release \"%s\" of %s was rolled back, and its"
                " copy offers that version again\n",
                argv[2], argv[1]);
    }

    return code;
}

const mdsctl_command_t mdsctl_command_copy = {
    .name = "copy",
    .changes = true,
    .group = MDSCTL_RELEASE,
    .arguments = "APP ID [TO-APP]",
    .summary = "offer the same version to another app or channel",
    .text
    = "Makes a running release like this one in another app, or for "
      "another channel of the same app, with the packages of its version "
      "that are missing there: from staging to production, say. Audience, "
      "rules, times and meta are the same; lists must exist there.",
    .options = copy_options,
    .examples = "mdsctl copy com.example.shop a-3.1.0 com.example.pro\n"
                "mdsctl copy com.example.shop home-1.3.0 --channel xiaomi\n",
    .synonyms = "clone duplicate",
    .run = run_copy,
};
