/* keygen: creates a key pair, away from the depot. */

#include "mdsctl.h"

#include <stdlib.h>

#include "base/mds_file.h"
#include "sign/mds_sign.h"

/* Returns whether the directory of path is the depot or lies in it. */
static bool
is_in_depot(const char *dir, const char *depot)
{
    char  *inner = realpath(dir, NULL), *outer = realpath(depot, NULL);
    size_t len;
    bool   in = false;

    /* what is not there holds nothing */
    if (inner != NULL && outer != NULL) {
        len = strlen(outer);
        in = strncmp(inner, outer, len) == 0
             && (inner[len] == '\0' || inner[len] == '/');
    }

    free(inner);
    free(outer);
    return in;
}

static int
print_key(const mdsctl_t *ctl, const char *name, const char *keyid)
{
    char files[2][4096];

    snprintf(files[0], sizeof(files[0]), "%s.key", name);
    snprintf(files[1], sizeof(files[1]), "%s.pub", name);

    if (!ctl->json) {
        printf("key id      %s\nsecret key  %s (sign with it; keep it off the "
               "edges)\npublic key  %s (give it to the devices)\n",
               keyid, files[0], files[1]);
        return MDSCTL_DONE;
    }

    return mdsctl_print(
        mds_json_pack("{s:o, s:o, s:o}", "keyid",
                      mds_json_string_new(mds_str_of(keyid)), "secret",
                      mds_json_string_new(mds_str_of(files[0])), "public",
                      mds_json_string_new(mds_str_of(files[1]))));
}

static int
run_keygen(mdsctl_t *ctl, int argc, char **argv)
{
    char        keyid[MDS_KEYID_HEX + 1];
    mds_path_t  dir;
    mds_error_t err;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_path_dir(argv[1], &err, &dir) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (is_in_depot(dir.text, ctl->depot)) {
        mds_fail(&err, MDS_INVALID,
                 "%s: a secret key has no place in the depot, %s", argv[1],
                 ctl->depot);
        return mdsctl_fail(&err);
    }

    if (mds_key_generate(argv[1], &err, keyid) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    return print_key(ctl, argv[1], keyid);
}

const mdsctl_command_t mdsctl_command_keygen = {
    .name = "keygen",
    .group = MDSCTL_START,
    .arguments = "NAME",
    .summary = "create a key pair, NAME.key and NAME.pub",
    .text = "Creates an Ed25519 key pair in minisign's format. NAME.key is "
            "secret: mdsctl signs "
            "with it, and it never belongs on an edge. NAME.pub is built into "
            "the app, which "
            "verifies with it. Nothing is overwritten.",
    .examples = "mdsctl keygen ops\n"
                "mdsctl keygen ops-2027\n",
    .synonyms = "genkey key",
    .run = run_keygen,
};
