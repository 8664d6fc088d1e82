/* rekey: signs everything of an app again, with another key. */

#include "change.h"
#include "key.h"
#include "loader/mds_edit.h"

static int
run_rekey(mdsctl_t *ctl, int argc, char **argv)
{
    mds_key_t    key;
    mds_change_t change
        = { .rekeys = true, .edit = mds_edit_rekey, .data = &key, .key = &key };
    mds_error_t err;
    int         code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (ctl->key == NULL) {
        return mdsctl_fail_usage(
            "--key is missing: which key signs \"%s\" from now"
            " on?",
            argv[1]);
    }

    if (mdsctl_key_load(ctl->key, &err, &key) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    change.app = mds_str_of(argv[1]);
    code = mdsctl_change(ctl, &change);
    mds_key_wipe(&key);

    return code;
}

const mdsctl_command_t mdsctl_command_rekey = {
    .name = "rekey",
    .changes = true,
    .group = MDSCTL_KEEP,
    .arguments = "APP",
    .summary = "sign everything of an app again, with another key",
    .text = "Gives the app another key, the one of --key or $MDS_KEY, and "
            "signs its manifests "
            "and packages again. Devices must trust the new key before.",
    .examples = "mdsctl rekey com.example.shop --key ops-2027.key\n"
                "MDS_KEY=ops-2028.key mdsctl rekey com.example.shop\n",
    .synonyms = "resign rotate",
    .run = run_rekey,
};
