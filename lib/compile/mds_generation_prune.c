/*
 * Removes old generations. A file stays as long as a generation that is kept
 * stands on it. Later ones are removed first, so that a loader that is killed
 * meanwhile leaves no layer without the file on which it stands.
 */

#include <dirent.h>
#include <stdlib.h>
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

    mds_chain_add_below(&files, &prune->below);
}

/* Returns whether a generation that is kept stands, or may stand, on this one.
 */
static bool
mds_prune_is_needed(const mds_prune_t *prune, uint64_t number)
{
    return mds_chain_is_below(&prune->below, number)
           || (prune->all && number <= prune->serial);
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
           && !mds_prune_is_needed(prune, number);
}

/* Returns the serial of a generation's file; 0 for other names. */
static uint64_t
mds_prune_serial(const char *name)
{
    uint64_t serial;

    return mds_catalog_parse_name(name, &serial) ? serial : 0;
}

/* Sorts the later generation first; other names are in any order behind them.
 */
static int
mds_prune_name_cmp(const struct dirent **a, const struct dirent **b)
{
    uint64_t x = mds_prune_serial((*a)->d_name);
    uint64_t y = mds_prune_serial((*b)->d_name);

    return (x < y) - (x > y);
}

static void
mds_prune_remove(const mds_prune_t *prune, const char *dir, const char *name)
{
    mds_path_t path;

    if (mds_prune_is_old(prune, name)
        && mds_path(&path, NULL, "%s/%s", dir, name) == MDS_OK)
    {
        (void) unlink(path.text);
    }
}

mds_status_t
mds_generation_prune(const char *depot, uint64_t serial, unsigned keep,
                     mds_error_t *err)
{
    mds_prune_t     prune = { .depot = depot, .serial = serial, .keep = keep };
    mds_path_t      dir;
    struct dirent **names;
    int             count;
    mds_status_t    status = mds_path(&dir, err, "%s/catalog", depot);

    if (status != MDS_OK) {
        return status;
    }

    count = scandir(dir.text, &names, NULL, mds_prune_name_cmp);
    if (count < 0) {
        return mds_fail_errno(err, "open \"%s\"", dir.text);
    }

    for (int i = 0; i < count; i++) {
        mds_prune_note(&prune, names[i]->d_name);
    }

    prune.all = prune.all || mds_buffer_failed(&prune.below);

    for (int i = 0; i < count; i++) {
        mds_prune_remove(&prune, dir.text, names[i]->d_name);
        free(names[i]);
    }

    free(names);
    mds_buffer_free(&prune.below);

    return MDS_OK;
}
