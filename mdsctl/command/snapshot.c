/* snapshot: writes a copy of the whole depot to one file. */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tarball.h"
#include "archive/tree.h"
#include "archive/work_dir.h"
#include "base/mds_endian.h"
#include "base/mds_file.h"
#include "catalog/mds_catalog.h"
#include "loader/mds_loader.h"
#include "maintain/mds_reachable.h"
#include "mdsctl.h"
#include "state/mds_registry.h"
#include "state/mds_state.h"

/* A loader that is quick may have collected the generation just now. */
#define TRIES 5

/* What stands behind a digest, at most: ".KEYID.minisig". */
#define SUFFIX_MAX (1 + MDS_KEYID_HEX + 8)

typedef struct {
    mds_progress_t    progress; /* first: of one file, handed on */
    mds_progress_t   *bar;
    const char       *depot;
    mds_path_t        dir; /* in the depot: what must not change meanwhile */
    mdsctl_tarball_t *tarball;
    mds_reachable_t   added; /* files and lists */
    uint64_t          serial;
    uint64_t          files;
    uint64_t          bytes;
    uint64_t          total_bytes;
    bool              registry; /* an older depot has none */
} snapshot_t;

static void
report(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    snapshot_t *s = (snapshot_t *) progress;

    (void) total;
    s->bar->report(s->bar, s->bytes + done, s->total_bytes);
}

/* The environments, by LMDB's hot copy */

static mds_status_t
copy_journal(snapshot_t *s, int fd, mds_error_t *err)
{
    mds_loader_t *loader;
    mds_status_t  status = mds_loader_open(s->depot, NULL, err, &loader);

    if (status == MDS_OK) {
        status = mds_journal_copy(mds_loader_journal(loader), fd, err);
        mds_loader_close(loader);
    }

    return status;
}

static mds_status_t
copy_state(snapshot_t *s, int fd, mds_error_t *err)
{
    mds_state_t *state;
    mds_status_t status = mds_state_open(s->depot, err, &state);

    if (status == MDS_OK) {
        status = mds_state_copy(state, fd, err);
        mds_state_close(state);
    }

    return status;
}

/* *there: the depot has one. */
static mds_status_t
look_registry(const snapshot_t *s, mds_error_t *err, bool *there)
{
    mds_registry_t *registry;
    mds_status_t    status = mds_registry_open(s->depot, err, &registry);

    if (status == MDS_OK) {
        *there = mds_registry_exists(registry);
        mds_registry_close(registry);
    }

    return status;
}

static mds_status_t
copy_registry(snapshot_t *s, int fd, mds_error_t *err)
{
    mds_registry_t *registry;
    mds_status_t    status = mds_registry_open(s->depot, err, &registry);

    if (status == MDS_OK) {
        status = mds_registry_copy(registry, fd, err);
        mds_registry_close(registry);
    }

    return status;
}

static mds_status_t
copy_env(snapshot_t *s, const char *name,
         mds_status_t (*copy)(snapshot_t *s, int fd, mds_error_t *err),
         mds_error_t *err)
{
    mds_path_t   path;
    int          fd;
    mds_status_t status = mds_path(&path, err, "%s/%s", s->dir.text, name);

    if (status == MDS_OK) {
        status = mds_dir_make(path.text, 0700, err);
    }

    if (status == MDS_OK) {
        status = mds_path(&path, err, "%s/%s/data.mdb", s->dir.text, name);
    }

    if (status != MDS_OK) {
        return status;
    }

    fd = open(path.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return mds_fail_errno(err, "create \"%s\"", path.text);
    }

    status = copy(s, fd, err);
    close(fd);

    return status;
}

/* The serial that the copy of the journal is of. */
static mds_status_t
read_serial(snapshot_t *s, mds_error_t *err)
{
    mds_journal_t *journal;
    mds_status_t   status = mds_journal_open(s->dir.text, err, &journal);

    if (status == MDS_OK) {
        status = mds_journal_read(journal, err);

        if (status == MDS_OK) {
            s->serial = mds_journal_get_serial(journal);
        }
        mds_journal_close(journal);
    }

    return status;
}

/* A generation never changes: a link is a copy that stays. */
static mds_status_t
hold_generation(snapshot_t *s, mds_error_t *err)
{
    mds_path_t   from, to;
    mds_status_t status = mds_path(&to, err, "%s/catalog", s->dir.text);

    if (status == MDS_OK) {
        status = mds_dir_make(to.text, 0700, err);
    }

    if (status == MDS_OK) {
        status = mds_catalog_path(s->depot, s->serial, err, &from);
    }

    if (status == MDS_OK) {
        status = mds_catalog_path(s->dir.text, s->serial, err, &to);
    }

    return status != MDS_OK || link(from.text, to.text) == 0
               ? status
               : mds_fail_errno(err, "link \"%s\"", from.text);
}

/* Files */

static mds_status_t
add(snapshot_t *s, const char *name, const char *path, mds_error_t *err)
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
add_name(snapshot_t *s, const char *folder, const char *name, mds_error_t *err)
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

    /* Collected meanwhile: if it is missed, that will show. */
    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
add_folder(snapshot_t *s, const char *folder, mds_error_t *err)
{
    struct dirent **names;
    mds_path_t      path;
    int             count;
    mds_status_t    status = mds_path(&path, err, "%s/%s", s->depot, folder);

    if (status != MDS_OK) {
        return status;
    }

    count = scandir(path.text, &names, NULL, alphasort);
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
add_held(snapshot_t *s, const char *held, const char *name, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/%s", s->dir.text, held);

    return status == MDS_OK ? add(s, name, path.text, err) : status;
}

/* Whether all is in it */

static mds_status_t
check_delta(void *data, const mds_sha256_t *from, const mds_sha256_t *to,
            const mds_delta_entry_t *note, mds_error_t *err)
{
    snapshot_t  *s = data;
    mds_sha256_t sha256;

    memcpy(sha256.bytes, note->sha256, sizeof(sha256.bytes));

    return note->worth == 0 || !mds_reachable_has(&s->added, from)
                   || !mds_reachable_has(&s->added, to)
                   || mds_reachable_has(&s->added, &sha256)
               ? MDS_OK
               : mds_fail(err, MDS_CONFLICT,
                          "files were collected meanwhile: try again");
}

/* Whether all that the generation promises is in it. */
static mds_status_t
check_generation(snapshot_t *s, mds_error_t *err)
{
    char            hex[MDS_SHA256_HEX + 1];
    mds_reachable_t needs = { 0 };
    mds_catalog_t  *catalog;
    mds_status_t    status
        = mds_catalog_open(s->dir.text, s->serial, true, err, &catalog);

    if (status == MDS_OK) {
        status = mds_reachable_catalog(&needs, catalog, err);
        mds_catalog_close(catalog);
    }

    for (size_t i = 0; status == MDS_OK && i < needs.count; i++) {
        if (!mds_reachable_has(&s->added, &needs.items[i])) {
            status
                = mds_fail(err, MDS_DAMAGED, "%s is needed, and is not there",
                           mds_sha256_hex(&needs.items[i], hex));
        }
    }

    mds_reachable_free(&needs);
    return status;
}

static mds_status_t
check_journal(snapshot_t *s, mds_error_t *err)
{
    mds_journal_t *journal;
    mds_status_t   status = mds_journal_open(s->dir.text, err, &journal);

    if (status == MDS_OK) {
        status = mds_journal_read(journal, err);

        if (status == MDS_OK) {
            status = mds_journal_visit_deltas(journal, check_delta, s, err);
        }
        mds_journal_close(journal);
    }

    return status;
}

/* All */

static void
count_folder(snapshot_t *s, const char *base, const char *folder)
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
count_all(snapshot_t *s)
{
    count_folder(s, s->dir.text, "journal");
    count_folder(s, s->dir.text, "state");
    count_folder(s, s->dir.text, "state/devices");
    count_folder(s, s->dir.text, "catalog");
    count_folder(s, s->depot, "files");
    count_folder(s, s->depot, "lists");
}

/* What changes is held first; what does not change can be read at leisure. */
static mds_status_t
hold(snapshot_t *s, mds_error_t *err)
{
    mds_status_t status = MDS_NOT_FOUND;

    for (int i = 0; i < TRIES && status == MDS_NOT_FOUND; i++) {
        status = copy_env(s, "journal", copy_journal, err);

        if (status == MDS_OK) {
            status = read_serial(s, err);
        }

        if (status == MDS_OK) {
            status = hold_generation(s, err);
        }
    }

    if (status == MDS_OK) {
        status = copy_env(s, "state", copy_state, err);
    }

    if (status == MDS_OK) {
        status = look_registry(s, err, &s->registry);
    }

    return status == MDS_OK && s->registry
               ? copy_env(s, "state/devices", copy_registry, err)
               : status;
}

static mds_status_t
add_all(snapshot_t *s, mds_error_t *err)
{
    char         name[64];
    mds_status_t status;

    snprintf(name, sizeof(name), "catalog/%" PRIu64 ".mdb", s->serial);
    status = add_held(s, "journal/data.mdb", "journal/data.mdb", err);

    if (status == MDS_OK) {
        status = add_held(s, "state/data.mdb", "state/data.mdb", err);
    }

    if (status == MDS_OK && s->registry) {
        status = add_held(s, "state/devices/data.mdb", "state/devices/data.mdb",
                          err);
    }

    if (status == MDS_OK) {
        status = add_held(s, name, name, err);
    }

    if (status == MDS_OK) {
        status = add_folder(s, "lists", err);
    }

    if (status == MDS_OK) {
        status = add_folder(s, "files", err);
    }

    if (status == MDS_OK) {
        status = mds_reachable_status(&s->added, err);
    }

    if (status == MDS_OK) {
        status = check_generation(s, err);
    }

    if (status == MDS_OK) {
        status = check_journal(s, err);
    }

    return status == MDS_OK ? mdsctl_tarball_finish(s->tarball, err) : status;
}

static mds_status_t
write_snapshot(snapshot_t *s, const char *file, mds_error_t *err)
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

    /* Lists of ids are in it: nobody else's business. */
    if (status == MDS_OK) {
        status = mds_temp_file_commit(&draft, file, 0600, err);
    }

    mds_temp_file_discard(&draft);
    return status;
}

static mds_status_t
take(snapshot_t *s, const char *file, mds_error_t *err)
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

    status = hold(s, err);

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
    snapshot_t   s = { .progress = { report }, .depot = ctl->depot };
    struct stat  st;
    mds_json_t  *o;
    mds_error_t  err;
    mds_status_t status;

    if (mdsctl_parse(ctl, NULL, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    s.depot = ctl->depot;
    s.bar = mdsctl_progress_begin("snapshot");
    status = take(&s, argv[1], &err);
    mdsctl_progress_end(s.bar);

    if (status != MDS_OK) {
        return mdsctl_fail(&err);
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

    o = mds_json_object_new();
    if (mds_json_set_str(o, "file", mds_str_of(argv[1])) != MDS_OK
        || mds_json_set_integer(o, "serial", (int64_t) s.serial) != MDS_OK
        || mds_json_set_integer(o, "files", (int64_t) s.files) != MDS_OK
        || mds_json_set_integer(o, "bytes", (int64_t) s.bytes) != MDS_OK
        || mds_json_set_integer(o, "archive_bytes", (int64_t) st.st_size)
               != MDS_OK)
    {
        mds_json_release(o);
        o = NULL;
    }

    return mdsctl_print(o);
}

const mdsctl_command_t mdsctl_command_snapshot = {
    .name = "snapshot",
    .usage = "FILE",
    .summary = "write a copy of the whole depot",
    .run = run_snapshot,
};
