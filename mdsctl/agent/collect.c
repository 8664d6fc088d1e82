/*
 * collect: removes what is not needed any more, and makes room.
 *
 * Workers may still serve the generation before the one in force, so its files
 * stay, as do files that have come within the last minute.
 */

#include "agent/agent.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "catalog/mds_trust_record.h"
#include "feed/mds_feed_lists.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "maintain/mds_reachable.h"

#define GRACE_S 60
#define PART_AGE_S 86400

/* What two generations need. */
typedef struct {
    mdsctl_agent_t   *agent;
    mds_chain_files_t chains[2];
    mds_reachable_t   names; /* of lists, trees and files */
    time_t            now;
    uint64_t          removed;
    uint64_t          bytes; /* of files/, afterwards */
} collection_t;

/* Returns the latest serial below the one in force that has a file of its own,
 * on which the one in force does not stand; 0: none. */
static uint64_t
find_previous(const collection_t *c)
{
    mds_path_t     dir;
    uint64_t       serial, previous = 0;
    struct dirent *entry;
    DIR           *open = NULL;

    if (mds_path(&dir, NULL, "%s/catalog", c->agent->depot) == MDS_OK) {
        open = opendir(dir.text);
    }

    while (open != NULL && (entry = readdir(open)) != NULL) {
        if (mds_catalog_parse_name(entry->d_name, &serial)
            && serial < c->chains[0].serials[0] && serial > previous)
        {
            previous = serial;
        }
    }

    if (open != NULL) {
        closedir(open);
    }

    return previous;
}

static mds_status_t
need_catalog(collection_t *c, mds_catalog_t *catalog, mds_error_t *err)
{
    mds_status_t status = mds_reachable_catalog(&c->names, catalog, err);

    return status == MDS_OK ? mds_reachable_status(&c->names, err) : status;
}

/* Notes what both generations need. Without the one before, the one in force is
 * enough. */
static mds_status_t
mark(collection_t *c, mds_error_t *err)
{
    mds_catalog_t *catalog = NULL;
    uint64_t       previous;
    mds_error_t    why;
    mds_status_t   status;

    c->chains[0] = *mds_catalog_files(c->agent->catalog);
    status = need_catalog(c, c->agent->catalog, err);
    previous = find_previous(c);

    if (status == MDS_OK
        && mds_catalog_open_next(c->agent->depot, previous, false,
                                 c->agent->catalog, &why, &catalog)
               == MDS_OK)
    {
        c->chains[1] = *mds_catalog_files(catalog);
        status = need_catalog(c, catalog, err);
        mds_catalog_close(catalog);
    }

    return status;
}

static bool
is_kept_serial(const collection_t *c, uint64_t serial)
{
    for (unsigned i = 0; i < mds_nelems(c->chains); i++) {
        for (unsigned n = 0; n < c->chains[i].count; n++) {
            if (c->chains[i].serials[n] == serial) {
                return true;
            }
        }
    }

    /* It may be on its way to be put in force. */
    return serial > c->chains[0].serials[0];
}

/* Returns whether the name is one of the depot's, and of no use. */
static bool
is_unneeded(collection_t *c, const char *folder, const char *name)
{
    uint8_t      keyid[MDS_KEYID_BYTES];
    mds_sha256_t sha256;
    uint64_t     serial;

    if (strcmp(folder, "catalog") == 0) {
        return mds_catalog_parse_name(name, &serial)
               && !is_kept_serial(c, serial);
    }

    if (strcmp(folder, "lists") == 0) {
        return mds_idset_parse_name(name, &sha256) != MDS_IDSET_OTHER
               && !mds_reachable_has(&c->names, &sha256);
    }

    if (strcmp(folder, MDS_TREES) == 0) {
        return mds_sha256_parse(mds_str_of(name), &sha256)
               && !mds_reachable_has(&c->names, &sha256);
    }

    return mds_store_name(mds_str_of(name), &sha256, keyid) != MDS_STORE_OTHER
           && !mds_reachable_has(&c->names, &sha256);
}

static void
collect_folder(collection_t *c, const char *folder)
{
    mds_path_t     dir, path;
    struct dirent *entry;
    struct stat    st;
    bool           counts = strcmp(folder, "files") == 0;
    time_t         grace = c->agent->once ? 0 : GRACE_S;
    DIR           *open = NULL;

    if (mds_path(&dir, NULL, "%s/%s", c->agent->depot, folder) == MDS_OK) {
        open = opendir(dir.text);
    }

    while (open != NULL && (entry = readdir(open)) != NULL) {
        if (mds_path(&path, NULL, "%s/%s", dir.text, entry->d_name) != MDS_OK
            || lstat(path.text, &st) != 0 || !S_ISREG(st.st_mode))
        {
            continue;
        }

        if (is_unneeded(c, folder, entry->d_name)
            && st.st_ctime + grace <= c->now && unlink(path.text) == 0)
        {
            c->removed++;

        } else if (counts) {
            c->bytes += (uint64_t) st.st_size;
        }
    }

    if (open != NULL) {
        closedir(open);
    }
}

/* Removes parts that no transfer has gone on with for a day. */
static void
collect_parts(collection_t *c)
{
    mds_path_t     dir, path;
    struct dirent *entry;
    struct stat    st;
    DIR           *open = NULL;

    if (mds_path(&dir, NULL, "%s/agent/part", c->agent->depot) == MDS_OK) {
        open = opendir(dir.text);
    }

    while (open != NULL && (entry = readdir(open)) != NULL) {
        if (mds_path(&path, NULL, "%s/%s", dir.text, entry->d_name) == MDS_OK
            && lstat(path.text, &st) == 0 && S_ISREG(st.st_mode)
            && st.st_mtime + PART_AGE_S < c->now)
        {
            (void) unlink(path.text);
        }
    }

    if (open != NULL) {
        closedir(open);
    }
}

void
mdsctl_collect(mdsctl_agent_t *agent)
{
    static const char *const folders[]
        = { "catalog", "lists", MDS_TREES, "files" };
    collection_t c = { .agent = agent, .now = time(NULL) };
    mds_error_t  err;

    if (agent->catalog == NULL || mark(&c, &err) != MDS_OK) {
        return;
    }

    for (size_t i = 0; i < mds_nelems(folders); i++) {
        collect_folder(&c, folders[i]);
    }

    collect_parts(&c);
    mds_feed_sweep(agent->depot, mds_catalog_serial(agent->catalog));
    mds_reachable_free(&c.names);
    mdsctl_figure_add(agent, MDS_AGENT_COLLECTED, (int64_t) c.removed);
    mdsctl_figure_set(agent, MDS_AGENT_DISK, (int64_t) c.bytes);
}

/* --- room */

/* A file that may go. */
typedef struct {
    mds_path_t path;
    uint64_t   bytes;
    time_t     used;
} candidate_t;

static int
compare_use(const void *a, const void *b)
{
    const candidate_t *x = a, *y = b;

    return (x->used > y->used) - (x->used < y->used);
}

/* Adds up what files/ and the parts take, and finds files that nobody can be
 * told to fetch now; the caller frees *candidates. */
static uint64_t
survey(mdsctl_agent_t *agent, const char *folder, candidate_t **candidates,
       size_t *count)
{
    mds_path_t     dir, path;
    struct dirent *entry;
    struct stat    st;
    uint64_t       bytes = 0;
    DIR           *open = NULL;

    if (mds_path(&dir, NULL, "%s/%s", agent->depot, folder) == MDS_OK) {
        open = opendir(dir.text);
    }

    while (open != NULL && (entry = readdir(open)) != NULL) {
        const mdsctl_need_file_t *need;
        mds_sha256_t              sha256;
        candidate_t              *grown;

        if (mds_path(&path, NULL, "%s/%s", dir.text, entry->d_name) != MDS_OK
            || lstat(path.text, &st) != 0 || !S_ISREG(st.st_mode))
        {
            continue;
        }

        bytes += (uint64_t) st.st_size;

        if (candidates == NULL
            || !mds_sha256_parse(mds_str_of(entry->d_name), &sha256)) {
            continue;
        }

        pthread_mutex_lock(&agent->lock);
        need = mdsctl_needs_get(&agent->needs, &sha256);
        grown = need != NULL && need->is_running
                    ? NULL
                    : realloc(*candidates, (*count + 1) * sizeof(*grown));
        pthread_mutex_unlock(&agent->lock);

        if (grown != NULL) {
            *candidates = grown;
            grown[(*count)++]
                = (candidate_t){ path, (uint64_t) st.st_size, st.st_atime };
        }
    }

    if (open != NULL) {
        closedir(open);
    }

    return bytes;
}

mds_status_t
mdsctl_collect_room(mdsctl_agent_t *agent, uint64_t bytes, mds_error_t *err)
{
    candidate_t *candidates = NULL;
    size_t       count = 0;
    uint64_t     used;

    if (agent->disk_max == 0 || bytes == 0) {
        return MDS_OK;
    }

    used = survey(agent, "files", &candidates, &count)
           + survey(agent, "agent/part", NULL, NULL);

    if (count > 0) {
        qsort(candidates, count, sizeof(*candidates), compare_use);
    }

    for (size_t i = 0; i < count && used + bytes > agent->disk_max; i++) {
        if (unlink(candidates[i].path.text) == 0) {
            used -= candidates[i].bytes;
            mdsctl_figure_add(agent, MDS_AGENT_COLLECTED, 1);
        }
    }

    free(candidates);

    return used + bytes <= agent->disk_max
               ? MDS_OK
               : mds_fail(err, MDS_NO_SPACE,
                          "%" PRIu64 " bytes are used and %" PRIu64
                          " more are needed, which --max-disk does not allow",
                          used, bytes);
}
