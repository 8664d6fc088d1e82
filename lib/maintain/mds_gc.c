/*
 * Garbage collection in two transactions of the journal: the first removes
 * records of files that are not needed, the second the files.
 */

#include "maintain/mds_gc_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "base/mds_time.h"
#include "compile/mds_delta_rows.h"
#include "compile/mds_generation.h"
#include "feed/mds_feed_folder.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_app_state.h"
#include "maintain/mds_reachable.h"
#include "merkle/mds_tree.h"

typedef struct {
    mds_loader_t           *loader;
    const mds_gc_options_t *options;
    mds_journal_t          *journal;
    const char             *depot;
    int64_t                 now_ms;
    mds_reachable_t         needs;   /* files that something names */
    mds_reachable_t         between; /* deltas between those */
    mds_buffer_t            pairs;   /* of unneeded deltas: two digests each */
    mds_buffer_t            sizes;   /* of unneeded sizes: a digest each */
    bool                    pruned;  /* such records are removed already */
    bool                    stale;   /* the generation has rows of them */
    mds_gc_result_t         result;
} mds_gc_t;

/* --- what is needed */

static mds_status_t
mds_gc_app(void *data, mds_str_t app, mds_error_t *err)
{
    mds_gc_t    *gc = data;
    mds_json_t  *state;
    mds_status_t status
        = mds_app_state_get_whole(gc->journal, app, err, &state);

    if (status == MDS_OK) {
        mds_reachable_json(&gc->needs, state);
        mds_json_release(state);
    }

    return status;
}

/* Returns whether the change was made within the grace, or has no time. */
static bool
mds_gc_is_recent(const mds_gc_t *gc, const mds_json_t *entry)
{
    int64_t ms;

    return !mds_time_parse(mds_json_get_string(entry, "time"), &ms)
           || ms > gc->now_ms - 1000 * gc->options->grace_s;
}

/* Adds what the last changes name, and those within the grace. */
static mds_status_t
mds_gc_log(mds_gc_t *gc, mds_error_t *err)
{
    uint64_t serial = mds_journal_get_serial(gc->journal);
    bool     more = true;

    for (uint64_t n = 0; more && serial > 0; n++, serial--) {
        mds_json_t  *entry;
        mds_status_t status
            = mds_journal_find_entry(gc->journal, serial, err, &entry);

        if (status != MDS_OK) {
            return status;
        }

        more = n < MDS_GC_CHANGES || entry == NULL
               || mds_gc_is_recent(gc, entry);

        if (more) {
            mds_reachable_json(&gc->needs, entry);
        }

        mds_json_release(entry);
    }

    return MDS_OK;
}

/* Adds what the kept generations name; they share most of their files. */
static mds_status_t
mds_gc_generations(mds_gc_t *gc, mds_error_t *err)
{
    uint64_t       serial = mds_journal_get_serial(gc->journal);
    mds_catalog_t *catalog, *known = NULL;
    mds_status_t   status = MDS_OK;

    for (unsigned n = 0; status == MDS_OK && n < gc->options->generations; n++)
    {
        status = mds_catalog_open_next(gc->depot, serial, true, known, err,
                                       &catalog);

        if (status == MDS_OK) {
            status = mds_reachable_catalog(&gc->needs, catalog, err);

            if (status == MDS_OK && n == 0) {
                status = mds_delta_rows_are_stale(catalog, err, &gc->stale);
            }

            mds_catalog_close(known);
            known = catalog;

        } else if (status == MDS_NOT_FOUND && n > 0) {
            status = MDS_OK;
        }

        if (serial-- == 0) {
            break;
        }
    }

    mds_catalog_close(known);
    return status;
}

/* Adds a delta between needed files; one between others is unneeded. */
static mds_status_t
mds_gc_delta(void *data, const mds_sha256_t *from, const mds_sha256_t *to,
             const mds_delta_entry_t *entry, mds_error_t *err)
{
    mds_gc_t *gc = data;
    bool      needed = mds_reachable_has(&gc->needs, from)
                  && mds_reachable_has(&gc->needs, to);

    (void) err;

    if (!needed) {
        mds_buffer_add(&gc->pairs, from, sizeof(*from));
        mds_buffer_add(&gc->pairs, to, sizeof(*to));
    }

    /* A loader may use the delta as long as there is a record of it. */
    if (entry->worth != 0 && (needed || gc->pruned)) {
        mds_reachable_add(&gc->between, &entry->sha256);
    }

    return MDS_OK;
}

static mds_status_t
mds_gc_size(void *data, const mds_sha256_t *sha256, mds_error_t *err)
{
    mds_gc_t *gc = data;

    (void) err;

    if (!mds_reachable_has(&gc->needs, sha256)) {
        mds_buffer_add(&gc->sizes, sha256, sizeof(*sha256));
    }

    return MDS_OK;
}

static void
mds_gc_clear(mds_gc_t *gc)
{
    mds_reachable_free(&gc->needs);
    mds_reachable_free(&gc->between);
    mds_buffer_free(&gc->pairs);
    mds_buffer_free(&gc->sizes);
    gc->pairs = gc->sizes = (mds_buffer_t){ 0 };
}

/* Collects all that is needed, under the lock. */
static mds_status_t
mds_gc_mark(mds_gc_t *gc, mds_error_t *err)
{
    mds_status_t status;

    mds_gc_clear(gc);
    gc->needs.keys = true;

    if ((status = mds_loader_roll_forward(gc->loader, err)) != MDS_OK
        || (status = mds_journal_visit_apps(gc->journal, mds_gc_app, gc, err))
               != MDS_OK
        || (status = mds_gc_log(gc, err)) != MDS_OK
        || (status = mds_gc_generations(gc, err)) != MDS_OK
        || (status = mds_reachable_status(&gc->needs, err)) != MDS_OK
        || (status
            = mds_journal_visit_deltas(gc->journal, mds_gc_delta, gc, err))
               != MDS_OK
        || (status = mds_journal_visit_sizes(gc->journal, mds_gc_size, gc, err))
               != MDS_OK)
    {
        return status;
    }

    return mds_buffer_failed(&gc->pairs) || mds_buffer_failed(&gc->sizes)
               ? mds_fail_memory(err)
               : mds_reachable_status(&gc->between, err);
}

/* --- records of the journal */

static void
mds_gc_delete_records(mds_gc_t *gc)
{
    const mds_sha256_t *pairs = (const void *) gc->pairs.data;
    const mds_sha256_t *sizes = (const void *) gc->sizes.data;

    for (size_t i = 0; i + 1 < gc->pairs.len / sizeof(*pairs); i += 2) {
        mds_journal_delete_delta(gc->journal, &pairs[i], &pairs[i + 1]);
    }

    for (size_t i = 0; i < gc->sizes.len / sizeof(*sizes); i++) {
        mds_journal_delete_size(gc->journal, &sizes[i]);
    }
}

static mds_status_t
mds_gc_records(mds_gc_t *gc, mds_error_t *err)
{
    mds_status_t status = mds_journal_write(gc->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_gc_mark(gc, err);
    gc->result.notes = gc->pairs.len / (2 * sizeof(mds_sha256_t))
                       + gc->sizes.len / sizeof(mds_sha256_t);

    if (status != MDS_OK || gc->options->dry_run
        || (gc->result.notes == 0 && !gc->stale))
    {
        mds_journal_abort(gc->journal);
        return status;
    }

    mds_gc_delete_records(gc);

    if (gc->stale) {
        mds_journal_put_stale_deltas(gc->journal,
                                     mds_journal_get_serial(gc->journal));
    }

    return mds_journal_commit(gc->journal, err);
}

/* --- files */

/* Returns whether the name is one of the depot's, of a file that is not needed.
 */
static bool
mds_gc_is_unneeded(mds_gc_t *gc, const char *folder, const char *name)
{
    uint8_t          keyid[MDS_KEYID_BYTES];
    mds_sha256_t     sha256;
    mds_store_name_t kind;

    if (strcmp(folder, "lists") == 0) {
        if (mds_idset_parse_name(name, &sha256) == MDS_IDSET_OTHER) {
            return false;
        }

    } else if (strcmp(folder, MDS_TREES) == 0) {
        if (!mds_sha256_parse(mds_str_of(name), &sha256)) {
            return false;
        }

    } else {
        kind = mds_store_name(mds_str_of(name), &sha256, keyid);

        if (kind == MDS_STORE_OTHER) {
            return false;
        }

        if (kind == MDS_STORE_KEY_SIGNATURE
            && !mds_reachable_has_key(&gc->needs, keyid))
        {
            return true;
        }
    }

    return !mds_reachable_has(&gc->needs, &sha256)
           && !mds_reachable_has(&gc->between, &sha256);
}

static bool
mds_gc_is_young(const mds_gc_t *gc, const struct stat *st)
{
    int64_t newest = st->st_mtime > st->st_ctime ? (int64_t) st->st_mtime
                                                 : (int64_t) st->st_ctime;

    return newest > gc->now_ms / 1000 - gc->options->grace_s;
}

static mds_status_t
mds_gc_file(mds_gc_t *gc, const char *folder, const char *name,
            mds_error_t *err)
{
    char         within[512];
    mds_path_t   path;
    struct stat  st;
    uint64_t     bytes;
    mds_status_t status
        = mds_path(&path, err, "%s/%s/%s", gc->depot, folder, name);

    if (status != MDS_OK || lstat(path.text, &st) != 0 || !S_ISREG(st.st_mode))
    {
        return status;
    }

    bytes = (uint64_t) st.st_size;

    if (!mds_gc_is_unneeded(gc, folder, name) || mds_gc_is_young(gc, &st)) {
        gc->result.kept++;
        gc->result.kept_bytes += bytes;
        return MDS_OK;
    }

    if (!gc->options->dry_run && unlink(path.text) != 0 && errno != ENOENT) {
        return mds_fail_errno(err, "remove \"%s\"", path.text);
    }

    snprintf(within, sizeof(within), "%s/%s", folder, name);
    gc->options->removed(gc->options->data, within, bytes);
    gc->result.removed++;
    gc->result.removed_bytes += bytes;

    return MDS_OK;
}

static int
mds_gc_is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Sorts names backwards: a signature is removed before its file, and the set of
 * a list before its text, so that a killed gc leaves neither without the other.
 */
static int
mds_gc_name_cmp(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*b)->d_name, (*a)->d_name);
}

static mds_status_t
mds_gc_folder(mds_gc_t *gc, const char *folder, mds_error_t *err)
{
    struct dirent **names;
    mds_path_t      path;
    int             count;
    mds_status_t    status = mds_path(&path, err, "%s/%s", gc->depot, folder);

    if (status != MDS_OK) {
        return status;
    }

    count = scandir(path.text, &names, mds_gc_is_wanted, mds_gc_name_cmp);

    if (count < 0 && errno == ENOENT && strcmp(folder, MDS_TREES) == 0) {
        return MDS_OK; /* of an older depot */
    }

    if (count < 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    for (int i = 0; i < count; i++) {
        if (status == MDS_OK) {
            status = mds_gc_file(gc, folder, names[i]->d_name, err);
        }
        free(names[i]);
    }

    free(names);
    return status;
}

/* Removes old generations, and what killed loaders left. */
static mds_status_t
mds_gc_sweep(mds_gc_t *gc, mds_error_t *err)
{
    mds_status_t status
        = mds_generation_prune(gc->depot, mds_journal_get_serial(gc->journal),
                               gc->options->generations, err);

    if (status == MDS_OK) {
        status = mds_store_sweep(gc->depot, err);
    }

    return status == MDS_OK ? mds_idset_sweep(gc->depot, err) : status;
}

/* Removes what only the feed still has. */
static void
mds_gc_feed(mds_gc_t *gc)
{
    if (!gc->options->dry_run) {
        mds_feed_sweep(gc->depot, mds_journal_get_serial(gc->journal));
    }
}

/* Removes files. The journal was unlocked in between, so it marks again. */
static mds_status_t
mds_gc_files(mds_gc_t *gc, mds_error_t *err)
{
    mds_status_t status = mds_journal_write(gc->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    gc->pruned = !gc->options->dry_run;
    status = mds_gc_mark(gc, err);

    if (status == MDS_OK && !gc->options->dry_run) {
        status = mds_gc_sweep(gc, err);
    }

    if (status == MDS_OK
        && (status = mds_gc_folder(gc, "files", err)) == MDS_OK) {
        status = mds_gc_folder(gc, "lists", err);
    }

    if (status == MDS_OK) {
        status = mds_gc_folder(gc, MDS_TREES, err);
    }

    if (status == MDS_OK) {
        mds_gc_feed(gc);
    }

    mds_journal_abort(gc->journal);
    return status;
}

mds_status_t
mds_gc(mds_loader_t *loader, const mds_gc_options_t *options, mds_error_t *err,
       mds_gc_result_t *result)
{
    mds_gc_t     gc = { .loader = loader,
                        .options = options,
                        .journal = mds_loader_journal(loader),
                        .depot = mds_loader_depot(loader),
                        .now_ms = mds_time_now_ms() };
    mds_status_t status = mds_gc_records(&gc, err);

    if (status == MDS_OK) {
        status = mds_gc_files(&gc, err);
    }

    if (status == MDS_OK) {
        status = mds_gc_devices(gc.depot, options, gc.now_ms, err, &gc.result);
    }

    if (status == MDS_OK && !options->dry_run) {
        status = mds_gc_reports(gc.depot, mds_loader_serial(loader), err);
    }

    if (status == MDS_OK) {
        *result = gc.result;
    }

    mds_gc_clear(&gc);
    return status;
}
