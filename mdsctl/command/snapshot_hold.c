/*
 * Copies the changing files of a depot for a snapshot: LMDB copies its
 * environments while others write to them. Files that do not change can be read
 * later.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "catalog/mds_catalog.h"
#include "command/snapshot.h"
#include "loader/mds_loader.h"
#include "registry/mds_registry.h"
#include "state/mds_state.h"

/* A loader that is quick may have collected the generation just now. */
#define TRIES 5

static mds_status_t
copy_journal(mdsctl_snapshot_t *s, int fd, mds_error_t *err)
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
copy_state(mdsctl_snapshot_t *s, int fd, mds_error_t *err)
{
    mds_state_t *state;
    mds_status_t status = mds_state_open(s->depot, err, &state);

    if (status == MDS_OK) {
        status = mds_state_copy(state, fd, err);
        mds_state_close(state);
    }

    return status;
}

static mds_status_t
copy_env(mdsctl_snapshot_t *s, const char *name,
         mds_status_t (*copy)(mdsctl_snapshot_t *s, int fd, mds_error_t *err),
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

/* The registry: its files are copied, for they belong to the workers, who may
 * write to them until all is read. */

static mds_status_t
copy_bytes(int from, int to, uint64_t bytes, const char *name, mds_error_t *err)
{
    static char  buffer[256 * 1024];
    mds_status_t status = MDS_OK;

    for (uint64_t at = 0; status == MDS_OK && at < bytes;) {
        size_t n = bytes - at < sizeof(buffer) ? (size_t) (bytes - at)
                                               : sizeof(buffer);

        status = mds_device_file_read(from, name, at, buffer, n, err);

        if (status == MDS_OK) {
            status = mds_device_file_write(to, name, buffer, n, err);
        }

        at += n;
    }

    return status;
}

static mds_status_t
copy_device_file(void *data, const char *name, int fd, uint64_t bytes,
                 mds_error_t *err)
{
    mdsctl_snapshot_t *s = data;
    mds_path_t         path;
    int                to;
    mds_status_t       status
        = mds_path(&path, err, "%s/%s/%s", s->dir.text, "state/devices", name);

    if (status != MDS_OK) {
        return status;
    }

    to = open(path.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) {
        return mds_fail_errno(err, "create \"%s\"", path.text);
    }

    status = copy_bytes(fd, to, bytes, name, err);
    close(to);

    return status;
}

static mds_status_t
copy_registry(mdsctl_snapshot_t *s, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status
        = mds_path(&path, err, "%s/%s", s->dir.text, "state/devices");

    if (status == MDS_OK) {
        status = mds_dir_make(path.text, 0700, err);
    }

    return status == MDS_OK
               ? mds_registry_visit_files(s->depot, copy_device_file, s, err,
                                          &s->foreign)
               : status;
}

/* Reads the serial of the copied journal. */
static mds_status_t
read_serial(mdsctl_snapshot_t *s, mds_error_t *err)
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

/* Links a file of the catalog: since it never changes, a link is as good as a
 * copy. */
static mds_status_t
link_generation_file(const mdsctl_snapshot_t *s, uint64_t serial,
                     mds_error_t *err)
{
    mds_path_t   from, to;
    mds_status_t status = mds_catalog_path(s->depot, serial, err, &from);

    if (status == MDS_OK) {
        status = mds_catalog_path(s->dir.text, serial, err, &to);
    }

    /* An earlier try may have linked it. */
    return status != MDS_OK || link(from.text, to.text) == 0 || errno == EEXIST
               ? status
               : mds_fail_errno(err, "link \"%s\"", from.text);
}

static mds_status_t
hold_generation(mdsctl_snapshot_t *s, mds_error_t *err)
{
    mds_path_t   dir;
    mds_status_t status = mds_path(&dir, err, "%s/catalog", s->dir.text);

    if (status == MDS_OK) {
        status = mds_dir_make(dir.text, 0700, err);
    }

    if (status == MDS_OK) {
        status = mds_chain_read_files(s->depot, NULL, s->serial, err,
                                      &s->generation);
    }

    for (unsigned i = 0; status == MDS_OK && i < s->generation.count; i++) {
        status = link_generation_file(s, s->generation.serials[i], err);
    }

    return status;
}

mds_status_t
mdsctl_snapshot_hold(mdsctl_snapshot_t *s, mds_error_t *err)
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

    return status == MDS_OK ? copy_registry(s, err) : status;
}
