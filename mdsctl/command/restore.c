/*
 * restore: the depot becomes what a snapshot says.
 *
 * The new depot is laid out beside the old one, verified, and takes its place
 * in one step: until then the old one is as it was, and there is no moment at
 * which half of either is to be seen.
 */

#define _GNU_SOURCE /* renameat2() */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/stage.h"
#include "archive/tarball.h"
#include "archive/tree.h"
#include "base/mds_file.h"
#include "catalog/mds_catalog.h"
#include "catalog/mds_current.h"
#include "files/mds_store.h"
#include "loader/mds_loader.h"
#include "loader/mds_setting_ids.h"
#include "maintain/mds_verify.h"
#include "mdsctl.h"
#include "state/mds_registry.h"
#include "state/mds_state.h"

#define CHUNK_BYTES ((size_t) 256 * 1024)

/* What an archive may grow to: a bomb ends there. Ids and LMDB's pages pack
 * well, but not that well. */
#define RATIO_MAX 1024
#define FREE_BYTES (UINT64_C(1) << 30)
#define SUMS_BYTES_MAX ((size_t) 1 << 30)

typedef struct {
    const mds_verify_options_t *verify;
    mds_progress_t             *bar;
    bool                        force;
    bool                        owned; /* by whom was said */
    mdsctl_owner_t              owner;
    char                        depot[PATH_MAX]; /* without symbolic links */
    bool                        exists;          /* as a depot, to replace */
    mds_path_t                  stage;           /* beside it */
    uint64_t                    archive_bytes;
    uint64_t                    bytes;
    uint64_t                    files;
    uint64_t                    problems;
    bool                        journal, state, generation, sums;
    uint64_t                    serial;
    mds_json_t                 *digests; /* name to SHA-256 of what was read */
    char                        chunk[CHUNK_BYTES];
} restore_t;

/* Names: these, and no others */

static bool
is_hex_name(const char *name, const char *folder, const char *const *suffixes,
            size_t count)
{
    mds_sha256_t sha256;
    size_t       len = strlen(folder);

    if (strncmp(name, folder, len) != 0 || strlen(name) < len + MDS_SHA256_HEX
        || !mds_sha256_parse((mds_str_t){ MDS_SHA256_HEX, name + len },
                             &sha256))
    {
        return false;
    }

    for (size_t i = 0; i < count; i++) {
        if (strcmp(name + len + MDS_SHA256_HEX, suffixes[i]) == 0) {
            return true;
        }
    }

    return false;
}

/* A file of the store, or a signature of one. */
static bool
is_stored_name(const char *name)
{
    uint8_t      keyid[MDS_KEYID_BYTES];
    mds_sha256_t sha256;

    return strncmp(name, "files/", 6) == 0
           && mds_store_name(mds_str_of(name + 6), &sha256, keyid)
                  != MDS_STORE_OTHER;
}

/* "catalog/SERIAL.mdb", once. */
static bool
take_generation(restore_t *r, const char *name)
{
    if (r->generation || strncmp(name, "catalog/", 8) != 0) {
        return false;
    }

    r->generation = mds_catalog_parse_name(name + 8, &r->serial);

    return r->generation;
}

/* The mode of a file of that name; 0: it does not belong into a depot. */
static mode_t
mode_of(restore_t *r, const char *name)
{
    static const char *const sets[] = { ".mdb" };
    static const char *const texts[] = { ".ids" };

    if (strcmp(name, "journal/data.mdb") == 0) {
        r->journal = true;
        return 0640;
    }

    if (strcmp(name, "state/data.mdb") == 0) {
        r->state = true;
        return 0660;
    }

    /* An older snapshot has none: the registry begins anew then. */
    if (strcmp(name, "state/devices/data.mdb") == 0) {
        return 0660;
    }

    if (is_stored_name(name)
        || is_hex_name(name, "lists/", sets, mds_nelems(sets))
        || take_generation(r, name))
    {
        return 0444;
    }

    return is_hex_name(name, "lists/", texts, mds_nelems(texts)) ? 0600 : 0;
}

/* Reading */

static mds_status_t
count_bytes(restore_t *r, size_t len, mds_error_t *err)
{
    r->bytes += len;
    r->bar->report(r->bar, r->bytes, 0);

    return r->bytes <= FREE_BYTES || r->bytes / RATIO_MAX <= r->archive_bytes
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "the archive grows to more than %d times its size",
                          RATIO_MAX);
}

static mds_status_t
write_all(int fd, const char *data, size_t len, const char *path,
          mds_error_t *err)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0) {
            return mds_fail_errno(err, "write \"%s\"", path);
        }

        data += n;
        len -= (size_t) n;
    }

    return MDS_OK;
}

static mds_status_t
copy_entry(restore_t *r, mdsctl_archive_t *archive, int fd, const char *path,
           mds_error_t *err, mds_sha256_t *sha256)
{
    mds_sha256_state_t state;
    size_t             len = 1;
    mds_status_t       status = MDS_OK;

    mds_sha256_begin(&state);

    while (status == MDS_OK && len > 0) {
        status = mdsctl_archive_read(archive, r->chunk, CHUNK_BYTES, err, &len);

        if (status == MDS_OK && len > 0) {
            mds_sha256_add(&state, r->chunk, len);
            status = count_bytes(r, len, err);

            if (status == MDS_OK) {
                status = write_all(fd, r->chunk, len, path, err);
            }
        }
    }

    mds_sha256_end(&state, sha256);
    return status;
}

/* Whoever the folder belongs to gets what is made in it. */
static bool
set_owner(const restore_t *r, const char *name, int fd)
{
    return strncmp(name, "state/", 6) != 0
           || (r->owner.uid < 0 && r->owner.gid < 0)
           || fchown(fd, (uid_t) r->owner.uid, (gid_t) r->owner.gid) == 0;
}

/* A new file, of a name that mode_of() knows. */
static mds_status_t
take_file(restore_t *r, mdsctl_archive_t *archive, const char *name,
          mode_t mode, mds_error_t *err)
{
    char         hex[MDS_SHA256_HEX + 1];
    mds_path_t   path;
    mds_sha256_t sha256;
    int          fd;
    mds_status_t status = mds_path(&path, err, "%s/%s", r->stage.text, name);

    if (status != MDS_OK) {
        return status;
    }

    fd = open(path.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
              0600);
    if (fd < 0) {
        return errno == EEXIST
                   ? mds_fail(err, MDS_INVALID,
                              "\"%s\" is in the archive twice", name)
                   : mds_fail_errno(err, "create \"%s\"", path.text);
    }

    status = copy_entry(r, archive, fd, path.text, err, &sha256);

    if (status == MDS_OK
        && (!set_owner(r, name, fd) || fchmod(fd, mode) != 0 || fsync(fd) != 0))
    {
        status = mds_fail_errno(err, "write \"%s\"", path.text);
    }

    close(fd);
    r->files++;

    return status == MDS_OK
               ? mds_json_set_str(r->digests, name,
                                  mds_str_of(mds_sha256_hex(&sha256, hex)))
               : status;
}

/* Each line is of an entry that was read, and of all of them. */
static mds_status_t
check_sums(restore_t *r, mds_str_t text, mds_error_t *err)
{
    while (text.len > 0) {
        mds_str_t line = mds_str_cut(&text, '\n');
        mds_str_t sum = { MDS_SHA256_HEX, line.data };
        mds_str_t name, found;

        if (line.len < MDS_SHA256_HEX + 3) {
            return mds_fail(err, MDS_DAMAGED,
                            MDSCTL_TARBALL_SUMS " has a line that is none");
        }

        name = (mds_str_t){ line.len - MDS_SHA256_HEX - 2,
                            line.data + MDS_SHA256_HEX + 2 };
        found = mds_json_string(mds_json_find(r->digests, name));

        if (!mds_str_eq(found, sum)) {
            return mds_fail(err, MDS_DAMAGED,
                            found.len == 0 ? "%.*s is not in the archive"
                                           : "%.*s is damaged in the archive",
                            MDS_STR(name));
        }

        r->files--;
    }

    r->sums = r->files == 0;
    r->files = mds_json_size(r->digests);

    return r->sums ? MDS_OK
                   : mds_fail(err, MDS_DAMAGED,
                              MDSCTL_TARBALL_SUMS " does not know all files");
}

static mds_status_t
take_sums(restore_t *r, mdsctl_archive_t *archive, mds_error_t *err)
{
    char        *text = NULL, *grown;
    size_t       len = 0, n = 1;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && n > 0) {
        grown = realloc(text, len + CHUNK_BYTES);
        if (grown == NULL || len > SUMS_BYTES_MAX) {
            free(grown == NULL ? text : grown);
            return mds_fail_memory(err);
        }

        text = grown;
        status = mdsctl_archive_read(archive, text + len, CHUNK_BYTES, err, &n);
        len += status == MDS_OK ? n : 0;
    }

    if (status == MDS_OK) {
        status = check_sums(r, (mds_str_t){ len, text }, err);
    }

    free(text);
    return status;
}

static mds_status_t
take_entry(restore_t *r, mdsctl_archive_t *archive, const mdsctl_entry_t *entry,
           mds_error_t *err)
{
    char   name[MDSCTL_TARBALL_NAME_MAX];
    mode_t mode;

    if (r->sums) {
        return mds_fail(err, MDS_INVALID, "\"%s\" is behind the archive's end",
                        entry->name);
    }

    if (!entry->folder && strcmp(entry->name, MDSCTL_TARBALL_SUMS) == 0) {
        return take_sums(r, archive, err);
    }

    mode = entry->folder || strlen(entry->name) >= sizeof(name)
               ? 0
               : mode_of(r, entry->name);

    if (mode == 0) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" does not belong into a snapshot", entry->name);
    }

    /* The archive's own name is gone once it is read from. */
    snprintf(name, sizeof(name), "%s", entry->name);
    return take_file(r, archive, name, mode, err);
}

static mds_status_t
take_all(restore_t *r, const char *file, mds_error_t *err)
{
    mdsctl_archive_t *archive;
    mdsctl_entry_t    entry;
    bool              more = true;
    mds_status_t      status = mdsctl_archive_open(file, err, &archive);

    if (status != MDS_OK) {
        return status;
    }

    while (status == MDS_OK && more) {
        status = mdsctl_archive_next(archive, err, &entry, &more);

        if (status == MDS_OK && more) {
            status = take_entry(r, archive, &entry, err);
        }
    }

    mdsctl_archive_close(archive);

    if (status == MDS_OK
        && (!r->sums || !r->journal || !r->state || !r->generation))
    {
        status = mds_fail(err, MDS_DAMAGED,
                          "\"%s\" is no snapshot, or it is cut short", file);
    }

    return status;
}

/* The stage */

/* An empty depot, without what the archive brings. */
static mds_status_t
make_stage(restore_t *r, mds_error_t *err)
{
    static const char *const gone[]
        = { "journal/data.mdb",       "journal/lock.mdb",
            "state/data.mdb",         "state/lock.mdb",
            "state/devices/data.mdb", "state/devices/lock.mdb",
            "catalog/0.mdb" };
    mds_status_t status
        = mds_depot_init(r->stage.text, r->owner.uid, r->owner.gid, err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(gone); i++) {
        mds_path_t path;

        status = mds_path(&path, err, "%s/%s", r->stage.text, gone[i]);

        if (status == MDS_OK && unlink(path.text) != 0) {
            status = mds_fail_errno(err, "remove \"%s\"", path.text);
        }
    }

    return status;
}

/* Lock files, owners, and the word that says which generation it is. */
static mds_status_t
finish_stage(restore_t *r, mds_error_t *err)
{
    static const char *const folders[]
        = { "files",         "lists", "catalog", "journal",
            "state/devices", "state", "." };
    mds_current_t *current;
    mds_status_t   status
        = mds_state_create(r->stage.text, r->owner.uid, r->owner.gid, err);

    if (status == MDS_OK) {
        status = mds_registry_create(r->stage.text, r->owner.uid, r->owner.gid,
                                     err);
    }

    if (status == MDS_OK) {
        status = mds_current_open(r->stage.text, true, err, &current);
    }

    if (status == MDS_OK) {
        status = mds_current_advance(current, r->serial, err);
        mds_current_close(current);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(folders); i++) {
        mds_path_t path;

        status = mds_path(&path, err, "%s/%s", r->stage.text, folders[i]);

        if (status == MDS_OK) {
            status = mds_file_sync_dir(path.text, err);
        }
    }

    return status;
}

static void
note_problem(void *data, const char *where, const char *words)
{
    restore_t *r = data;

    if (r->problems++ == 0) {
        fprintf(stderr, "mdsctl: %s: %s\n", where, words);
    }
}

static mds_status_t
verify_stage(restore_t *r, mds_error_t *err)
{
    mds_verify_options_t how = *r->verify;
    mds_verify_result_t  result;
    mds_status_t         status;

    how.progress = r->bar;
    how.saved = true;
    how.problem = note_problem;
    how.data = r;
    status = mds_verify(r->stage.text, &how, err, &result);

    if (status == MDS_OK) {
        mds_json_release(result.keys);
    }

    return status == MDS_OK && result.problems > 0
               ? mds_fail(err, MDS_DAMAGED,
                          "the snapshot is not whole: %" PRIu64 " problem%s",
                          result.problems, result.problems > 1 ? "s" : "")
               : status;
}

/* Its place */

/* What devices are fetching right now can be had to its end: files of the old
 * depot are linked into the new one, and go with the next gc. */
static void
keep_files(const restore_t *r)
{
    mds_path_t     from, to;
    struct dirent *entry;
    DIR           *dir = NULL;

    if (mds_path(&from, NULL, "%s/files", r->depot) == MDS_OK) {
        dir = opendir(from.text);
    }

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.'
            && mds_path(&from, NULL, "%s/files/%s", r->depot, entry->d_name)
                   == MDS_OK
            && mds_path(&to, NULL, "%s/files/%s", r->stage.text, entry->d_name)
                   == MDS_OK
            && link(from.text, to.text) != 0 && errno != EEXIST)
        {
            break; /* another file system has none of them */
        }
    }

    if (dir != NULL) {
        closedir(dir);
    }
}

static mds_status_t
exchange(restore_t *r, mds_error_t *err)
{
    mds_path_t   parent;
    mds_status_t status = mds_path_dir(r->depot, err, &parent);

    if (status != MDS_OK) {
        return status;
    }

    /* A new name, or one of an empty directory, is simply taken. */
    if (renameat2(AT_FDCWD, r->stage.text, AT_FDCWD, r->depot,
                  r->exists ? RENAME_EXCHANGE : 0)
        != 0)
    {
        return mds_fail_errno(err, "put the new depot in the place of \"%s\"",
                              r->depot);
    }

    return mds_file_sync_dir(parent.text, err);
}

/* No loader is in the middle of a change: the old depot, if it can still be
 * locked, is. */
static mds_status_t
take_place(restore_t *r, mds_error_t *err)
{
    mds_journal_t *journal = NULL;
    mds_path_t     path;
    struct stat    st;
    mds_status_t status = mds_path(&path, err, "%s/journal/data.mdb", r->depot);

    if (status != MDS_OK || !r->exists) {
        return status == MDS_OK ? exchange(r, err) : status;
    }

    if (stat(path.text, &st) == 0
        && mds_journal_open(r->depot, NULL, &journal) == MDS_OK
        && mds_journal_write(journal, NULL) != MDS_OK)
    {
        mds_journal_close(journal);
        journal = NULL;
    }

    keep_files(r);
    status = exchange(r, err);

    if (journal != NULL) {
        mds_journal_abort(journal);
        mds_journal_close(journal);
    }

    return status;
}

static mds_status_t
restore(restore_t *r, const char *file, mds_error_t *err)
{
    mds_status_t status = make_stage(r, err);

    if (status == MDS_OK) {
        status = take_all(r, file, err);
    }

    if (status == MDS_OK) {
        status = finish_stage(r, err);
    }

    if (status == MDS_OK) {
        status = verify_stage(r, err);
    }

    if (status == MDS_OK) {
        status = mds_setting_ids_renew(r->stage.text, err);
    }

    return status == MDS_OK ? take_place(r, err) : status;
}

/* What is there now, and where the new one is laid out. */

static mds_status_t
look(restore_t *r, const char *depot, mds_error_t *err)
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

    /* Its owner stays, unless another is said. */
    if (r->exists && mds_path(&path, err, "%s/state", depot) == MDS_OK
        && stat(path.text, &st) == 0 && !r->owned)
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
                          "%s/" MDS_TEMP_PREFIX "%s-" MDSCTL_STAGE_ANY,
                          parent.text, base)
               : status;
}

static mds_status_t
run(restore_t *r, const char *depot, const char *file, mds_error_t *err)
{
    struct stat  st;
    int          held;
    mds_status_t status = MDS_OK, removed;

    if (stat(file, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", file);
    }

    r->archive_bytes = (uint64_t) st.st_size;
    status = look(r, depot, err);

    if (status == MDS_OK) {
        status = mdsctl_stage_make(&r->stage, err, &held);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = restore(r, file, err);

    /* What is there now is the old depot, or a new one that failed. */
    removed = mdsctl_tree_remove(AT_FDCWD, r->stage.text,
                                 status == MDS_OK ? err : NULL);
    close(held);

    return status == MDS_OK ? removed : status;
}

static int
print_result(const mdsctl_t *ctl, const restore_t *r)
{
    mds_json_t *o;

    if (!ctl->json) {
        printf("%s: serial %" PRIu64 ", %" PRIu64 " files, %" PRIu64 " bytes\n",
               ctl->depot, r->serial, r->files, r->bytes);
        return MDSCTL_DONE;
    }

    o = mds_json_object_new();
    if (mds_json_set_str(o, "depot", mds_str_of(ctl->depot)) != MDS_OK
        || mds_json_set_integer(o, "serial", (int64_t) r->serial) != MDS_OK
        || mds_json_set_integer(o, "files", (int64_t) r->files) != MDS_OK
        || mds_json_set_integer(o, "bytes", (int64_t) r->bytes) != MDS_OK)
    {
        mds_json_release(o);
        o = NULL;
    }

    return mdsctl_print(o);
}

static int
run_restore(mdsctl_t *ctl, int argc, char **argv)
{
    static restore_t            r;
    static mds_public_t         keys[MDSCTL_VALUES_MAX];
    static mds_verify_options_t verify;
    const char                 *user = NULL, *group = NULL;
    mdsctl_values_t             files = { 0 };
    mdsctl_option_t options[] = { { .name = "force", .flag = &r.force },
                                  { .name = "user", .value = &user },
                                  { .name = "group", .value = &group },
                                  { .name = "pub", .values = &files },
                                  { 0 } };
    mds_error_t     err;
    mds_status_t    status;

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE
        || mdsctl_owner(user, group, &r.owner) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (mdsctl_keys(&files, keys) != MDSCTL_DONE) {
        return MDSCTL_FAILED;
    }

    verify.keys = keys;
    verify.key_count = files.count;
    r.verify = &verify;
    r.owned = user != NULL || group != NULL;
    r.digests = mds_json_object_new();
    r.bar = mdsctl_progress_begin("restoring");
    status = run(&r, ctl->depot, argv[1], &err);
    mdsctl_progress_end(r.bar);
    mds_json_release(r.digests);

    return status == MDS_OK ? print_result(ctl, &r) : mdsctl_failed(&err);
}

const mdsctl_command_t mdsctl_command_restore = {
    .name = "restore",
    .usage = "FILE [--force] [--user USER] [--group GROUP] [--pub FILE.pub]...",
    .summary = "replace the depot by a snapshot",
    .run = run_restore,
};
