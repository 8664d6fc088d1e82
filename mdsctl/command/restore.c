/*
 * restore: replaces the depot by a snapshot. The new depot is laid out beside
 * the old one, verified, and takes its place in one step: until then the old
 * one is unchanged, and no process sees a part of either.
 */

#include "command/restore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tree.h"
#include "archive/work_dir.h"
#include "loader/mds_loader.h"
#include "loader/mds_setting_ids.h"

static mds_status_t
restore(mdsctl_restore_t *r, const char *file, mds_error_t *err)
{
    mds_status_t status = mdsctl_restore_stage_create(r, err);

    status = status == MDS_OK ? mdsctl_restore_read(r, file, err) : status;
    status = status == MDS_OK ? mdsctl_restore_stage_finish(r, err) : status;
    status = status == MDS_OK ? mdsctl_restore_stage_verify(r, err) : status;
    status
        = status == MDS_OK ? mds_setting_ids_renew(r->stage.text, err) : status;

    return status == MDS_OK && !r->dry_run ? mdsctl_restore_swap(r, err)
                                           : status;
}

/* Finds the depot that is there now, and names the stage beside it. */
static mds_status_t
find_places(mdsctl_restore_t *r, const char *depot, mds_error_t *err)
{
    mds_path_t   path, parent;
    struct stat  st;
    const char  *base;
    mds_status_t status = mds_path(&path, err, "%s/CURRENT", depot);

    if (status != MDS_OK) {
        return status;
    }

    r->exists = lstat(path.text, &st) == 0;

    if (r->exists && !r->force) {
        return mds_fail(err, MDS_EXISTS,
                        "\"%s\" is a depot already: give --force to replace"
                        " it, with all that was changed since",
                        depot);
    }

    if (r->exists && mds_depot_get_readers(depot, err, &r->readers) != MDS_OK) {
        r->readers = -1; /* a damaged depot can be replaced, too */
    }

    /* Its owner stays, unless another is given. */
    if (r->exists && mds_path(&path, err, "%s/state", depot) == MDS_OK
        && stat(path.text, &st) == 0 && !r->owner_given)
    {
        r->owner = (mdsctl_owner_t){ st.st_uid, st.st_gid };
    }

    if (lstat(depot, &st) == 0) {
        if (realpath(depot, r->depot) == NULL) {
            return mds_fail_errno(err, "stat \"%s\"", depot);
        }

    } else {
        snprintf(r->depot, sizeof(r->depot), "%s", depot);
        for (size_t n = strlen(r->depot); n > 1 && r->depot[n - 1] == '/'; n--)
        {
            r->depot[n - 1] = '\0';
        }
    }

    base = strrchr(r->depot, '/');
    base = base == NULL ? r->depot : base + 1;
    status = mds_path_dir(r->depot, err, &parent);

    return status == MDS_OK
               ? mds_path(&r->stage, err,
                          "%s/" MDS_TEMP_PREFIX "%s-" MDSCTL_WORK_DIR_ANY,
                          parent.text, base)
               : status;
}

static mds_status_t
run(mdsctl_restore_t *r, const char *depot, const char *file, mds_error_t *err)
{
    struct stat  st;
    int          lock;
    mds_status_t status = MDS_OK, removed;

    if (stat(file, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", file);
    }

    r->archive_bytes = (uint64_t) st.st_size;
    status = find_places(r, depot, err);

    if (status == MDS_OK) {
        status = mdsctl_work_dir_create(&r->stage, err, &lock);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = restore(r, file, err);

    /* The stage holds the old depot now, or a new one that failed. */
    removed = mdsctl_tree_remove(AT_FDCWD, r->stage.text,
                                 status == MDS_OK ? err : NULL);
    close(lock);

    return status == MDS_OK ? removed : status;
}

static int
print_result(const mdsctl_t *ctl, const mdsctl_restore_t *r)
{
    if (r->outdated) {
        fputs("mdsctl: warning: the snapshot's generation is of another format"
              " and not served: the next change by mdsctl makes it anew\n",
              stderr);
    }

    if (!ctl->json) {
        printf("%s%s: serial %" PRIu64 ", %" PRIu64 " files, %" PRIu64
               " bytes\n",
               r->dry_run ? "would restore " : "", ctl->depot, r->serial,
               r->files, r->bytes);
        return MDSCTL_DONE;
    }

    return mdsctl_print(
        mds_json_pack("{s:o, s:I, s:I, s:I, s:b}", "depot",
                      mds_json_string_new(mds_str_of(ctl->depot)), "serial",
                      (int64_t) r->serial, "files", (int64_t) r->files, "bytes",
                      (int64_t) r->bytes, "dry_run", (int) r->dry_run));
}

typedef struct {
    bool            force;
    bool            yes;
    const char     *user;
    const char     *group;
    mdsctl_values_t files;
} options_t;

static const mdsctl_option_t options[] = {
    { "force", NULL, "replace an existing depot, with later changes",
      MDSCTL_STORE(options_t, force) },
    { "yes", NULL, "ask nothing, even on a terminal; also -y",
      MDSCTL_STORE(options_t, yes) },
    { "user", "USER", "user of nginx's workers; default as for init",
      MDSCTL_STORE(options_t, user) },
    { "group", "GROUP", "group of the workers; default the user's group",
      MDSCTL_STORE(options_t, group) },
    { "pub", "FILE.pub", "verify signatures by this key; may be repeated",
      MDSCTL_STORE(options_t, files) },
    { 0 },
};

static int
run_restore(mdsctl_t *ctl, int argc, char **argv)
{
    static mdsctl_restore_t     r;
    static mds_public_t         keys[MDSCTL_VALUES_MAX];
    static mds_verify_options_t verify;
    options_t                   o = { .force = false };
    mds_error_t                 err;
    mds_status_t                status;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || mdsctl_owner(o.user, o.group, &r.owner) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    ctl->yes = o.yes;

    if (mdsctl_keys(&o.files, keys) != MDSCTL_DONE
        || (o.force
            && mdsctl_confirm(ctl,
                              "the depot %s will be replaced, with everything"
                              " that has changed since the snapshot",
                              ctl->depot)
                   != MDSCTL_DONE))
    {
        return MDSCTL_FAILED;
    }

    verify.keys = keys;
    verify.key_count = o.files.count;
    r.verify = &verify;
    r.readers = -1;
    r.force = o.force;
    r.dry_run = ctl->dry_run;
    r.owner_given = o.user != NULL || o.group != NULL;
    r.digests = mds_json_object_new();
    r.bar = mdsctl_progress_begin("restoring");
    status = run(&r, ctl->depot, argv[1], &err);
    mdsctl_progress_end(r.bar);
    mds_json_release(r.digests);

    return status == MDS_OK ? print_result(ctl, &r) : mdsctl_fail(&err);
}

const mdsctl_command_t mdsctl_command_restore = {
    .name = "restore",
    .group = MDSCTL_KEEP,
    .arguments = "FILE",
    .summary = "replace the depot by a snapshot",
    .text = "Creates a depot from a snapshot, verifies it, and puts it in "
            "place in one step, even "
            "under a running nginx. --dry-run reads and verifies the snapshot "
            "beside the depot, and removes it again.",
    .options = options,
    .dry_runs = true,
    .examples = "mdsctl --depot /srv/mds-2 restore mds.tar.zst\n"
                "mdsctl restore mds.tar.zst --force --pub ops.pub\n",
    .synonyms = "recover",
    .run = run_restore,
};
