/* keygen: creates a key pair, away from the depot. */

#include "mdsctl.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "key.h"
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

/* Returns whether both files can be created, as far as their names tell. */
static mds_status_t
check_files(const char *name, const char *dir, mds_error_t *err)
{
    static const char *const endings[] = { "key", "pub" };
    mds_path_t               path;

    for (size_t i = 0; i < mds_nelems(endings); i++) {
        if (mds_path(&path, err, "%s.%s", name, endings[i]) != MDS_OK) {
            return err->status;
        }

        if (access(path.text, F_OK) == 0) {
            return mds_fail(err, MDS_EXISTS, "\"%s\" exists already",
                            path.text);
        }
    }

    return access(dir, W_OK) == 0
               ? MDS_OK
               : mds_fail_errno(err, "failed to write to \"%s\"", dir);
}

/* Creates the pair, encrypted if that is wanted. */
static mds_status_t
generate(const char *name, bool encrypted, mds_error_t *err,
         char keyid[MDS_KEYID_HEX + 1])
{
    char         password[MDS_PASSWORD_MAX];
    size_t       len = 0;
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s.key", name);

    if (status == MDS_OK && encrypted) {
        status = mdsctl_new_password(path.text, err, password, &len);
    }

    if (status == MDS_OK) {
        status = mds_key_generate_encrypted(name, (mds_str_t){ len, password },
                                            err, keyid);
    }

    mds_secret_wipe(password, sizeof(password));
    return status;
}

static int
print_key(const mdsctl_t *ctl, const char *name, const char *keyid)
{
    char files[2][4096];

    snprintf(files[0], sizeof(files[0]), "%s.key", name);
    snprintf(files[1], sizeof(files[1]), "%s.pub", name);

    if (ctl->dry_run && !ctl->json) {
        printf("would create %s and %s\n", files[0], files[1]);
        return MDSCTL_DONE;
    }

    if (!ctl->json) {
        printf("key id      %s\nsecret key  %s (sign with it; keep it off the "
               "edges)\npublic key  %s (give it to the devices)\n",
               keyid, files[0], files[1]);
        return MDSCTL_DONE;
    }

    return mdsctl_print(
        mds_json_pack("{s:o, s:o, s:o, s:b}", "keyid",
                      mds_json_string_new(mds_str_of(keyid)), "secret",
                      mds_json_string_new(mds_str_of(files[0])), "public",
                      mds_json_string_new(mds_str_of(files[1])), "dry_run",
                      (int) ctl->dry_run));
}

typedef struct {
    bool password;
} options_t;

static const mdsctl_option_t options[] = {
    { "password", NULL,
      "encrypt NAME.key; asks, or reads $MDS_KEY_PASSWORD_FILE",
      MDSCTL_STORE(options_t, password) },
    { 0 },
};

static int
run_keygen(mdsctl_t *ctl, int argc, char **argv)
{
    options_t   o = { 0 };
    char        keyid[MDS_KEYID_HEX + 1] = "";
    mds_path_t  dir;
    mds_error_t err;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
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

    if (check_files(argv[1], dir.text, &err) != MDS_OK
        || (!ctl->dry_run
            && generate(argv[1], o.password, &err, keyid) != MDS_OK))
    {
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
            "verifies with it. Nothing is overwritten. With --password, "
            "NAME.key is encrypted as minisign does it: commands that sign "
            "ask for the password on the terminal, or read the first line of "
            "the file that $MDS_KEY_PASSWORD_FILE names; `minisign -C` changes "
            "it.",
    .options = options,
    .dry_runs = true,
    .examples = "mdsctl keygen ops\n"
                "mdsctl keygen ops-2027\n",
    .synonyms = "genkey key",
    .run = run_keygen,
};
