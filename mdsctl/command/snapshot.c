/* snapshot: writes a copy of the whole depot to one file. */

#include "command/snapshot.h"
#include "feed/mds_feed_folder.h"
#include "merkle/mds_tree.h"
#include "registry/mds_device_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tree.h"
#include "archive/work_dir.h"

/* The most bytes that follow a digest in a name: ".KEYID.minisig". */
#define SUFFIX_MAX (1 + MDS_KEYID_HEX + 8)

static void
report(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    mdsctl_snapshot_t *s = (mdsctl_snapshot_t *) progress;

    (void) total;
    s->bar->report(s->bar, s->bytes + done, s->total_bytes);
}

static mds_status_t
add(mdsctl_snapshot_t *s, const char *name, const char *path, mds_error_t *err)
{
    struct stat  st;
    mds_status_t status
        = mdsctl_tarball_add(s->tarball, name, path, &s->progress, err);

    if (status == MDS_OK && stat(path, &st) == 0) {
        s->bytes += (uint64_t) st.st_size;
    }

    s->files += status == MDS_OK ? 1 : 0;

    return status;
}

static mds_status_t
add_name(mdsctl_snapshot_t *s, const char *folder, const char *name,
         mds_error_t *err)
{
    char         within[MDSCTL_TARBALL_NAME_MAX];
    mds_sha256_t sha256;
    mds_path_t   path;
    mds_status_t status
        = mds_path(&path, err, "%s/%s/%s", s->depot, folder, name);

    if (status != MDS_OK || strlen(name) < MDS_SHA256_HEX
        || strlen(name) > MDS_SHA256_HEX + SUFFIX_MAX
        || !mds_sha256_parse((mds_str_t){ MDS_SHA256_HEX, name }, &sha256))
    {
        return status; /* what is not ours stays where it is */
    }

    snprintf(within, sizeof(within), "%s/%.*s", folder,
             MDS_SHA256_HEX + SUFFIX_MAX, name);
    status = add(s, within, path.text, err);

    if (status == MDS_OK) {
        mds_reachable_add(&s->added, &sha256);
    }

    /* gc has removed the file meanwhile. If it is needed, the check of the
     * snapshot fails. */
    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
add_folder(mdsctl_snapshot_t *s, const char *folder, mds_error_t *err)
{
    struct dirent **names;
    mds_path_t      path;
    int             count;
    mds_status_t    status = mds_path(&path, err, "%s/%s", s->depot, folder);

    if (status != MDS_OK) {
        return status;
    }

    count = scandir(path.text, &names, NULL, alphasort);

    if (count < 0 && errno == ENOENT && strcmp(folder, MDS_TREES) == 0) {
        return MDS_OK; /* of an older depot */
    }

    if (count < 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    for (int i = 0; i < count; i++) {
        if (status == MDS_OK) {
            status = add_name(s, folder, names[i]->d_name, err);
        }
        free(names[i]);
    }

    free(names);
    return status;
}

static mds_status_t
add_copied_file(mdsctl_snapshot_t *s, const char *name, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/%s", s->dir.text, name);

    return status == MDS_OK ? add(s, name, path.text, err) : status;
}

static void
count_folder(mdsctl_snapshot_t *s, const char *base, const char *folder)
{
    mds_path_t     path;
    struct stat    st;
    struct dirent *entry;
    DIR           *dir = NULL;

    if (mds_path(&path, NULL, "%s/%s", base, folder) == MDS_OK) {
        dir = opendir(path.text);
    }

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode))
        {
            s->total_bytes += (uint64_t) st.st_size;
        }
    }

    if (dir != NULL) {
        closedir(dir);
    }
}

static void
count_all(mdsctl_snapshot_t *s)
{
    count_folder(s, s->dir.text, "journal");
    count_folder(s, s->dir.text, "state");
    count_folder(s, s->dir.text, "state/devices");
    count_folder(s, s->dir.text, "catalog");
    count_folder(s, s->depot, "files");
    count_folder(s, s->depot, "lists");
    count_folder(s, s->depot, MDS_TREES);
}

/* Adds the copies of the registry's files. */
static mds_status_t
add_registry(mdsctl_snapshot_t *s, mds_error_t *err)
{
    struct dirent   **names;
    mds_path_t        path;
    mds_device_file_t file;
    int               count;
    mds_status_t status = mds_path(&path, err, "%s/state/devices", s->dir.text);

    if (status != MDS_OK) {
        return status;
    }

    count = scandir(path.text, &names, NULL, alphasort);
    if (count < 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    for (int i = 0; i < count; i++) {
        if (status == MDS_OK
            && mds_device_file_parse(names[i]->d_name, &file)
                   != MDS_DEVICE_FILE_OTHER)
        {
            status = mds_path(&path, err, "state/devices/%s", file.name);

            if (status == MDS_OK) {
                status = add_copied_file(s, path.text, err);
            }
        }
        free(names[i]);
    }

    free(names);
    return status;
}

/* Adds the files of the generation. */
static mds_status_t
add_generation(mdsctl_snapshot_t *s, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (unsigned i = 0; status == MDS_OK && i < s->generation.count; i++) {
        char name[64];

        snprintf(name, sizeof(name), "catalog/%" PRIu64 ".mdb",
                 s->generation.serials[i]);
        status = add_copied_file(s, name, err);
    }

    return status;
}

/* Adds the head of the feed. It may be of a later change by now; then it is
 * dropped by restore. */
static mds_status_t
add_feed(mdsctl_snapshot_t *s, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_feed_head_path(s->depot, err, &path);

    if (status == MDS_OK) {
        status = add(s, MDS_FEED "/head", path.text, err);
    }

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
add_all(mdsctl_snapshot_t *s, mds_error_t *err)
{
    mds_status_t status;

    if ((status = add_copied_file(s, "journal/data.mdb", err)) != MDS_OK
        || (status = add_copied_file(s, "state/data.mdb", err)) != MDS_OK
        || (status = add_registry(s, err)) != MDS_OK
        || (status = add_generation(s, err)) != MDS_OK
        || (status = add_folder(s, "lists", err)) != MDS_OK
        || (status = add_folder(s, MDS_TREES, err)) != MDS_OK
        || (status = add_folder(s, "files", err)) != MDS_OK
        || (status = add_feed(s, err)) != MDS_OK
        || (status = mdsctl_snapshot_check(s, err)) != MDS_OK)
    {
        return status;
    }

    return mdsctl_tarball_finish(s->tarball, err);
}

static mds_status_t
write_snapshot(mdsctl_snapshot_t *s, const char *file, mds_error_t *err)
{
    mds_temp_file_t draft = MDS_NO_TEMP_FILE;
    mds_path_t      dir;
    mds_status_t    status = mds_path_dir(file, err, &dir);

    if (status == MDS_OK) {
        status = mds_temp_file_create(&draft, dir.text, err);
    }

    if (status == MDS_OK) {
        status = mdsctl_tarball_open(draft.fd, err, &s->tarball);
    }

    if (status == MDS_OK) {
        status = add_all(s, err);
        mdsctl_tarball_close(s->tarball);
    }

    /* The snapshot has private lists of ids, so only its owner may read it. */
    if (status == MDS_OK) {
        status = mds_temp_file_commit(&draft, file, 0600, err);
    }

    mds_temp_file_discard(&draft);
    return status;
}

static mds_status_t
take(mdsctl_snapshot_t *s, const char *file, mds_error_t *err)
{
    int          held;
    mds_status_t status
        = mds_path(&s->dir, err, "%s/" MDSCTL_SNAPSHOT_WORK_DIR, s->depot);

    if (status == MDS_OK) {
        status = mdsctl_work_dir_create(&s->dir, err, &held);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mdsctl_snapshot_hold(s, err);

    if (status == MDS_OK) {
        count_all(s);
        status = write_snapshot(s, file, err);
    }

    if (mdsctl_tree_remove(AT_FDCWD, s->dir.text, status == MDS_OK ? err : NULL)
            != MDS_OK
        && status == MDS_OK)
    {
        status = MDS_IO;
    }

    close(held);
    mds_reachable_free(&s->added);
    return status;
}

static int
run_snapshot(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_snapshot_t s = { .progress = { report } };
    struct stat       st;
    mds_error_t       err;
    mds_status_t      status;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    s.depot = ctl->depot;
    s.bar = mdsctl_progress_begin("snapshot");
    status = take(&s, argv[1], &err);
    mdsctl_progress_end(s.bar);

    if (status != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (s.foreign.count > 0) {
        fprintf(stderr,
                "mdsctl: note: %" PRIu64 " foreign file%s of the registry of"
                " devices left out: %s\n",
                s.foreign.count, s.foreign.count == 1 ? "" : "s",
                s.foreign.why.text);
    }

    if (stat(argv[1], &st) != 0) {
        st.st_size = 0;
    }

    if (!ctl->json) {
        printf("%s: serial %" PRIu64 ", %" PRIu64 " files, %" PRIu64
               " bytes in %lld\n",
               argv[1], s.serial, s.files, s.bytes, (long long) st.st_size);
        return MDSCTL_DONE;
    }

    return mdsctl_print(mds_json_pack("{s:o, s:I, s:I, s:I, s:I}", "file",
                                      mds_json_string_new(mds_str_of(argv[1])),
                                      "serial", (int64_t) s.serial, "files",
                                      (int64_t) s.files, "bytes",
                                      (int64_t) s.bytes, "archive_bytes",
                                      (int64_t) st.st_size));
}

const mdsctl_command_t mdsctl_command_snapshot = {
    .name = "snapshot",
    .group = MDSCTL_KEEP,
    .arguments = "FILE",
    .summary = "write a copy of the whole depot",
    .text = "Writes the whole depot to a tar file that is compressed by zstd. "
            "nginx and other "
            "commands go on meanwhile. The file is as confidential as the "
            "lists in it.",
    .examples = "mdsctl snapshot mds.tar.zst\n"
                "mdsctl --json snapshot mds-2.tar.zst\n",
    .synonyms = "backup save",
    .run = run_snapshot,
};
