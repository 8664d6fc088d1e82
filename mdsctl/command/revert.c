/* revert: undoes one change of the log. */

#include "loader/mds_edit_extent.h"
#include "loader/mds_revert.h"

#include "change.h"

static bool
parse_serial(const char *text, uint64_t *serial)
{
    uint64_t number = 0;

    if (*text == '\0' || strlen(text) > 18) {
        return false;
    }

    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        number = 10 * number + (uint64_t) (*text - '0');
    }

    *serial = number;
    return number > 0;
}

static mds_status_t
find_entry(const char *depot, uint64_t serial, mds_error_t *err,
           mds_json_t **entry)
{
    mds_loader_t *loader;
    mds_status_t  status = mds_loader_open(depot, NULL, err, &loader);

    if (status == MDS_OK) {
        status = mds_revert_find_entry(loader, serial, err, entry);
        mds_loader_close(loader);
    }

    return status;
}

static int
run_revert(mdsctl_t *ctl, int argc, char **argv)
{
    uint64_t     serial;
    mds_change_t change = { .reverts = true,
                            .find_extent = mds_find_extent_of_revert,
                            .edit = mds_edit_revert,
                            .data = &serial };
    mds_json_t  *entry;
    mds_error_t  err;
    int          code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (!parse_serial(argv[1], &serial)) {
        return mdsctl_fail_usage(
            "\"%s\" is not a serial; it must be the number of a"
            " change, as `mdsctl log` shows it",
            argv[1]);
    }

    if (find_entry(ctl->depot, serial, &err, &entry) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    /* It may have been removed. */
    ctl->new_app = MDS_NEW_APP_ALWAYS;
    change.app = mds_json_get_string(entry, "app");
    code = mdsctl_change(ctl, &change);
    mds_json_release(entry);

    return code;
}

const mdsctl_command_t mdsctl_command_revert = {
    .name = "revert",
    .changes = true,
    .group = MDSCTL_KEEP,
    .arguments = "SERIAL",
    .summary = "undo one change of the log",
    .text = "Undoes one change, whose serial `mdsctl log` prints. If later "
            "changes stand on it, "
            "it refuses and names them.",
    .examples = "mdsctl revert 40\n"
                "mdsctl --json revert 41\n",
    .synonyms = "undo",
    .run = run_revert,
};
