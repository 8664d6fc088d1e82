/*
 * Removes old generations. A file stays as long as a generation that is kept
 * stands on it.
 */

#include <dirent.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "compile/mds_generation.h"

/* The generations that stay, and the files on which they stand. */
typedef struct {
    const char  *depot;
    uint64_t     serial; /* of the newest */
    unsigned     keep;
    mds_buffer_t below; /* serials of their lower files */
    bool         all;   /* one of them cannot be read: no older one goes */
} mds_prune_t;

static bool
mds_prune_is_kept(const mds_prune_t *prune, uint64_t number)
{
    return number <= prune->serial && number + prune->keep > prune->serial;
}

/* Notes the lower files of a generation that is kept. */
static void
mds_prune_note(mds_prune_t *prune, const char *name)
{
    mds_chain_files_t files;
    mds_error_t       err;
    uint64_t          number;

    if (!mds_catalog_parse_name(name, &number)
        || !mds_prune_is_kept(prune, number)) {
        return;
    }

    if (mds_chain_read_files(prune->depot, NULL, number, &err, &files)
        != MDS_OK) {
        prune->all = true;
        return;
    }

    mds_buffer_add(&prune->below, files.serials + 1,
                   (files.count - 1) * sizeof(files.serials[0]));
}

static bool
mds_prune_is_below(const mds_prune_t *prune, uint64_t number)
{
    const uint64_t *below = (const void *) prune->below.data;

    for (size_t i = 0; i < prune->below.len / sizeof(*below); i++) {
        if (below[i] == number) {
            return true;
        }
    }

    return prune->all && number <= prune->serial;
}

/* Returns whether the file is unfinished, or a generation to be removed. */
static bool
mds_prune_is_old(const mds_prune_t *prune, const char *name)
{
    uint64_t number;

    if (mds_is_temp_name(name)) {
        return true;
    }

    return mds_catalog_parse_name(name, &number)
           && !mds_prune_is_kept(prune, number)
           && !mds_prune_is_below(prune, number);
}

mds_status_t
mds_generation_prune(const char *depot, uint64_t serial, unsigned keep,
                     mds_error_t *err)
{
    mds_prune_t    prune = { .depot = depot, .serial = serial, .keep = keep };
    mds_path_t     path;
    DIR           *dir;
    struct dirent *entry;
    mds_status_t   status = mds_path(&path, err, "%s/catalog", depot);

    if (status != MDS_OK) {
        return status;
    }

    dir = opendir(path.text);
    if (dir == NULL) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    while ((entry = readdir(dir)) != NULL) {
        mds_prune_note(&prune, entry->d_name);
    }

    prune.all = prune.all || mds_buffer_failed(&prune.below);
    rewinddir(dir);

    while ((entry = readdir(dir)) != NULL) {
        if (mds_prune_is_old(&prune, entry->d_name)) {
            (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }

    closedir(dir);
    mds_buffer_free(&prune.below);

    return MDS_OK;
}
