/* trust: makes roots, the signed lists of keys: offline, by several people. */

#include "trust/mds_root_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_time.h"
#include "change.h"
#include "expiry.h"
#include "key.h"
#include "mdsctl.h"

#define ROOT_EXPIRES "365d"

typedef struct {
    mdsctl_values_t keys[MDS_ROLES];
    const char     *threshold;
    const char     *expires;
    mdsctl_values_t drop;
} options_t;

#define KEY_OPTIONS(need)                                                      \
    { "root-key", "FILE.pub", "key that signs roots; may be repeated", need,   \
      MDSCTL_STORE(options_t, keys[MDS_ROLE_ROOT]) },                          \
        { "threshold", "N", "how many root keys must sign", need,              \
          MDSCTL_STORE(options_t, threshold) },                                \
        { "sign-key", "FILE.pub", "key of apps; may be repeated", need,        \
          MDSCTL_STORE(options_t, keys[MDS_ROLE_SIGN]) },                      \
        { "head-key", "FILE.pub", "key that signs heads; may be repeated",     \
          need, MDSCTL_STORE(options_t, keys[MDS_ROLE_HEAD]) },                \
    {                                                                          \
        "expires", "TIME", "a time, or a duration; default 365d",              \
            MDSCTL_STORE(options_t, expires)                                   \
    }

static const mdsctl_option_t init_options[] = {
    KEY_OPTIONS(MDSCTL_REQUIRED),
    { 0 },
};

static const mdsctl_option_t edit_options[] = {
    KEY_OPTIONS(MDSCTL_OPTIONAL),
    { "drop", "KEYID", "removes the key from all roles; may be repeated",
      MDSCTL_STORE(options_t, drop) },
    { 0 },
};

/* Adds the keys of one option to their role. */
static mds_status_t
add_keys(mds_root_t *root, mds_role_t role, const mdsctl_values_t *files,
         mds_error_t *err)
{
    mds_public_t key;
    mds_error_t  why;
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < files->count; i++) {
        status = mds_public_load(files->items[i], err, &key);

        if (status == MDS_OK
            && (status = mds_root_add(root, role, &key, &why)) != MDS_OK)
        {
            (void) mds_fail(err, status, "%s: %s", files->items[i], why.text);
        }
    }

    return status;
}

static mds_status_t
drop_keys(mds_root_t *root, const mdsctl_values_t *ids, mds_error_t *err)
{
    uint8_t      keyid[MDS_KEYID_BYTES];
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < ids->count; i++) {
        status = mds_keyid_parse(mds_str_of(ids->items[i]), keyid)
                     ? mds_root_drop(root, keyid, err)
                     : mds_fail(err, MDS_INVALID,
                                "--drop %s is not a key id: 16 upper-case hex"
                                " digits",
                                ids->items[i]);
    }

    return status;
}

/* Changes the root as the options say, and makes its envelope. */
static mds_status_t
edit_root(mds_root_file_t *file, const options_t *o, int64_t threshold,
          const char *path, mds_error_t *err)
{
    mds_root_t  *root = &file->root;
    mds_status_t status = drop_keys(root, &o->drop, err);

    for (unsigned r = 0; status == MDS_OK && r < MDS_ROLES; r++) {
        status = add_keys(root, r, &o->keys[r], err);
    }

    if (threshold > 0) {
        root->roles[MDS_ROLE_ROOT].threshold = threshold > MDS_ROOT_KEYS_MAX
                                                   ? MDS_ROOT_KEYS_MAX + 1
                                                   : (unsigned) threshold;
    }

    if (status == MDS_OK) {
        status = mds_root_check(root, path, err);
    }

    return status == MDS_OK ? mds_root_file_seal(file, err) : status;
}

/* --- what a root says, and what is missing */

static bool
has_signature(const mds_envelope_t *envelope, const mds_public_t *key)
{
    size_t signers = 0;

    return mds_envelope_count_signers(envelope, &key, 1, NULL, &signers)
               == MDS_OK
           && signers == 1;
}

static void
print_role(const mds_root_file_t *file, mds_role_t role)
{
    const mds_root_role_t *keys = &file->root.roles[role];
    char                   hex[MDS_KEYID_HEX + 1];

    printf("%s\n", role == MDS_ROLE_ROOT   ? "root keys"
                   : role == MDS_ROLE_SIGN ? "keys of apps (sign)"
                                           : "keys of heads (head)");

    for (unsigned i = 0; i < keys->count; i++) {
        const mds_public_t *key = &file->root.keys[keys->keys[i]];

        printf("  %s%s\n", mds_keyid_hex(key->keyid, hex),
               role != MDS_ROLE_ROOT                 ? ""
               : has_signature(&file->envelope, key) ? "  has signed"
                                                     : "  has not signed");
    }
}

/* Prints which root keys must sign, and how many have. */
static void
print_need(const mds_root_file_t *file, const mds_root_need_t *need)
{
    unsigned threshold = need->root->roles[MDS_ROLE_ROOT].threshold;

    printf("%zu of %u signatures by root keys of version %" PRId64 "%s\n",
           need->signers, threshold, need->root->version,
           need->root == &file->root ? "" : ", the one before");
}

static void
print_root(const mds_root_file_t *file, const mds_root_need_t *needs,
           size_t count, bool complete)
{
    char time[2][MDS_TIME_BYTES];

    printf("version %" PRId64 ", issued %s, expires %s\n", file->root.version,
           mds_time_format(file->root.issued_ms, time[0]),
           mds_time_format(file->root.expires_ms, time[1]));

    for (unsigned r = 0; r < MDS_ROLES; r++) {
        print_role(file, r);
    }

    for (size_t i = 0; i < count; i++) {
        print_need(file, &needs[i]);
    }

    printf("%s\n", complete ? "complete: it can be published"
                            : "not complete: signatures are missing");
}

static mds_json_t *
needs_to_json(const mds_root_need_t *needs, size_t count)
{
    mds_json_t *json = mds_json_array_new();

    for (size_t i = 0; i < count; i++) {
        const mds_root_t *root = needs[i].root;

        if (mds_json_append(
                json,
                mds_json_pack("{s:I, s:I, s:I}", "version", root->version,
                              "threshold",
                              (int64_t) root->roles[MDS_ROLE_ROOT].threshold,
                              "signatures", (int64_t) needs[i].signers))
            != MDS_OK)
        {
            mds_json_release(json);
            return NULL;
        }
    }

    return json;
}

/* Prints the root's payload, what has signed it, and what must. */
static int
print_json(const mds_root_file_t *file, const mds_root_need_t *needs,
           size_t count, bool complete)
{
    mds_json_t *root, *envelope = mds_envelope_to_json(&file->envelope);
    mds_json_t *json = NULL;
    mds_error_t err;

    if (mds_json_parse(mds_envelope_payload(&file->envelope), "root", &err,
                       &root)
        == MDS_OK)
    {
        json = mds_json_pack("{s:o, s:O, s:o, s:b}", "root", root, "signatures",
                             mds_json_get(envelope, "signatures"), "needs",
                             needs_to_json(needs, count), "complete",
                             (int) complete);
    }

    mds_json_release(envelope);
    return mdsctl_print(json);
}

static int
show(const mdsctl_t *ctl, const mds_root_file_t *file)
{
    mds_root_need_t needs[MDS_ROOT_NEEDS_MAX];
    size_t          count;
    bool            complete;
    mds_error_t     err;

    if (mds_root_file_count(file, &err, needs, &count) != MDS_OK
        || mds_root_file_is_complete(file, &err, &complete) != MDS_OK)
    {
        return mdsctl_fail(&err);
    }

    if (ctl->json) {
        return print_json(file, needs, count, complete);
    }

    print_root(file, needs, count, complete);
    return MDSCTL_DONE;
}

/* --- the commands */

/* Reads the numbers of the options. */
static int
parse_numbers(const options_t *o, int64_t now_ms, int64_t *threshold,
              int64_t *expires_ms)
{
    return mdsctl_number("--threshold", o->threshold, 1, threshold)
                       == MDSCTL_DONE
                   && mdsctl_expiry(o->expires, ROOT_EXPIRES, now_ms,
                                    expires_ms)
                          == MDSCTL_DONE
               ? MDSCTL_DONE
               : MDSCTL_USAGE;
}

/* Writes the changed root, unless that is not wanted, and shows it. */
static int
finish(const mdsctl_t *ctl, mds_root_file_t *file, const char *path,
       bool create)
{
    mds_error_t err;

    if (!ctl->dry_run) {
        if (mds_root_file_write(file, path, create, &err) != MDS_OK) {
            return mdsctl_fail(&err);
        }

    } else if (!ctl->json) {
        printf("would write %s:\n", path);
    }

    return show(ctl, file);
}

static int
trust_init(mdsctl_t *ctl, int argc, char **argv)
{
    options_t       o = { 0 };
    mds_root_file_t file = { .root.version = 1 };
    int64_t         threshold = 0;
    mds_error_t     err;
    int             code;

    file.root.issued_ms = mds_time_now_ms();

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || parse_numbers(&o, file.root.issued_ms, &threshold,
                         &file.root.expires_ms)
               != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    file.root.roles[MDS_ROLE_SIGN].threshold = 1;
    file.root.roles[MDS_ROLE_HEAD].threshold = 1;

    code = edit_root(&file, &o, threshold, argv[1], &err) == MDS_OK
               ? finish(ctl, &file, argv[1], true)
               : mdsctl_fail(&err);

    mds_root_file_free(&file);
    return code;
}

static int
trust_edit(mdsctl_t *ctl, int argc, char **argv)
{
    options_t       o = { 0 };
    mds_root_file_t file;
    int64_t         now_ms = mds_time_now_ms();
    int64_t         threshold = 0, expires_ms = 0;
    mds_error_t     err;
    int             code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || parse_numbers(&o, now_ms, &threshold, &expires_ms) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (mds_root_file_read(argv[1], &err, &file) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (mds_root_file_advance(&file, &err) != MDS_OK) {
        code = mdsctl_fail(&err);
    } else {
        file.root.issued_ms = now_ms;
        file.root.expires_ms = expires_ms;
        code = edit_root(&file, &o, threshold, argv[1], &err) == MDS_OK
                   ? finish(ctl, &file, argv[1], false)
                   : mdsctl_fail(&err);
    }

    mds_root_file_free(&file);
    return code;
}

/* Fails unless the key is a root key of this version or of the one before. */
static mds_status_t
check_signer(const mds_root_file_t *file, const mds_key_t *key,
             const char *path, mds_error_t *err)
{
    const mds_root_t *roots[] = { &file->root, &file->before };
    char              hex[MDS_KEYID_HEX + 1];
    mds_public_t      own;

    mds_key_public(key, &own);

    for (size_t i = 0; i < (file->has_before ? 2 : 1); i++) {
        const mds_public_t *known
            = mds_root_find(roots[i], MDS_ROLE_ROOT, key->keyid);

        if (known != NULL && memcmp(known->key, own.key, sizeof(own.key)) == 0)
        {
            return MDS_OK;
        }
    }

    return mds_fail(err, MDS_DENIED,
                    "%s: key %s is not a root key of version %" PRId64 "%s",
                    path, mds_keyid_hex(key->keyid, hex), file->root.version,
                    file->has_before ? ", nor of the one before" : "");
}

static int
trust_sign(mdsctl_t *ctl, int argc, char **argv)
{
    mds_root_file_t file;
    mds_key_t       key;
    mds_error_t     err;
    int             code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (ctl->key == NULL) {
        return mdsctl_fail_usage("--key is missing: which root key signs %s?",
                                 argv[1]);
    }

    if (mds_root_file_read(argv[1], &err, &file) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    code = mdsctl_key_load(ctl->key, &err, &key) == MDS_OK
                   && check_signer(&file, &key, argv[1], &err) == MDS_OK
                   && mds_envelope_sign(&file.envelope, &key, &err) == MDS_OK
               ? finish(ctl, &file, argv[1], false)
               : mdsctl_fail(&err);

    mds_key_wipe(&key);
    mds_root_file_free(&file);
    return code;
}

static int
trust_show(mdsctl_t *ctl, int argc, char **argv)
{
    mds_root_file_t file;
    mds_error_t     err;
    int             code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_root_file_read(argv[1], &err, &file) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    code = show(ctl, &file);
    mds_root_file_free(&file);
    return code;
}

static int
publish(mdsctl_t *ctl, const char *path, const mds_root_file_t *file)
{
    mds_new_root_t root = { .version = (uint32_t) file->root.version };
    mds_change_t   change
        = { .app = mds_str(""), .what = path, .new_root = &root };
    char       *text;
    size_t      len;
    mds_error_t err;
    int         code;

    if (mds_envelope_dump(&file->envelope, &err, &text, &len) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    root.envelope = (mds_str_t){ len, text };
    ctl->head_key = NULL; /* no head is signed */
    code = mdsctl_change(ctl, &change);
    free(text);

    return code;
}

static int
trust_publish(mdsctl_t *ctl, int argc, char **argv)
{
    mds_root_file_t file;
    mds_error_t     err;
    int             code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_root_file_read(argv[1], &err, &file) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    code = publish(ctl, argv[1], &file);
    mds_root_file_free(&file);
    return code;
}

static const mdsctl_command_t trust_commands[] = {
    {
        .name = "init",
        .arguments = "FILE",
        .summary = "make a root, version 1, not yet signed",
        .text = "Makes the first root: the list of the keys that may sign "
                "roots, apps (packages and manifests) and heads, and how many "
                "root keys must sign a root. It needs no depot and no secret "
                "key; `trust sign` adds the signatures.",
        .options = init_options,
        .examples = "mdsctl trust init root.json --root-key anna.pub "
                    "--root-key ben.pub \\\n"
                    "    --threshold 2 --sign-key ops.pub --head-key head.pub\n"
                    "mdsctl trust init small.json --root-key anna.pub "
                    "--threshold 1 \\\n"
                    "    --sign-key ops.pub --head-key head.pub --expires "
                    "730d\n",
        .synonyms = "root keys tuf",
        .dry_runs = true,
        .run = trust_init,
    },
    {
        .name = "edit",
        .arguments = "FILE",
        .summary = "begin the next version of a root",
        .text = "Makes the next version of a root, not yet signed: with other "
                "keys, another threshold, or only another time of expiry. A "
                "version that lacks signatures was never in force: it is "
                "changed, and loses those that it has.",
        .options = edit_options,
        .examples = "mdsctl trust edit root.json --sign-key ops-2027.pub\n"
                    "mdsctl trust edit root.json --expires 730d\n",
        .synonyms = "rotate renew",
        .dry_runs = true,
        .run = trust_edit,
    },
    {
        .name = "sign",
        .arguments = "FILE",
        .summary = "add one signature to a root",
        .text = "Signs the root with the key of --key or $MDS_KEY, on whatever "
                "machine that key is. Enough keys of the root and of the "
                "version before must sign.",
        .examples = "mdsctl trust sign root.json --key anna.key\n"
                    "MDS_KEY=ben.key mdsctl trust sign root.json\n",
        .dry_runs = true,
        .run = trust_sign,
    },
    {
        .name = "show",
        .arguments = "FILE",
        .summary = "show what a root says, and what is missing",
        .text = "Prints version, times and keys of a root, and which "
                "signatures it has and still needs.",
        .examples = "mdsctl trust show root.json\n"
                    "mdsctl --json trust show root.json\n",
        .run = trust_show,
    },
    {
        .name = "publish",
        .arguments = "FILE",
        .summary = "put a signed root into the depot",
        .text = "Puts a root into the depot, from which edges serve it to "
                "devices. It must have the version after the newest one there, "
                "and be signed by enough root keys of that one and of itself. "
                "No secret key is needed.",
        .examples = "mdsctl trust publish root.json\n"
                    "mdsctl --json trust publish root.json\n",
        .changes = true,
        .run = trust_publish,
    },
};

static const mdsctl_command_t *const trust_members[]
    = { &trust_commands[0], &trust_commands[1], &trust_commands[2],
        &trust_commands[3], &trust_commands[4], NULL };

const mdsctl_command_t mdsctl_command_trust = {
    .name = "trust",
    .group = MDSCTL_KEEP,
    .summary = "which keys devices trust: make, sign and publish roots",
    .text = "A root is the signed list of keys that devices trust. It ends at "
            "a time, and each version is signed by enough root keys of the one "
            "before, so that a key can be replaced without a new app.",
    .commands = trust_members,
};
