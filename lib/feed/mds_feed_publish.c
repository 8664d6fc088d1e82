/*
 * Links what edges fetch, and signs the head.
 */

#include "feed/mds_feed_publish.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "catalog/mds_trust_record.h"
#include "feed/mds_feed_lists.h"
#include "idset/mds_idset.h"

typedef struct {
    const char     *depot;
    mds_catalog_t  *catalog;
    mds_feed_head_t before; /* of an earlier change; zeros: none */
    char           *before_lists;
    size_t          before_lists_len;
    mds_feed_head_t head;
    mds_buffer_t    lists; /* the new index */
    bool            linked;
} mds_feed_publication_t;

/* Reads what an earlier change has hashed. Without it, everything is hashed. */
static void
mds_feed_remember(mds_feed_publication_t *p)
{
    mds_path_t path;

    if (mds_feed_load_head(p->depot, NULL, &p->before) != MDS_OK) {
        p->before = (mds_feed_head_t){ 0 };
        return;
    }

    if (mds_feed_path(p->depot, MDS_FEED_LISTS, &p->before.lists.sha256, NULL,
                      &path)
            != MDS_OK
        || mds_file_read_regular(path.text, MDS_FEED_LISTS_BYTES_MAX, NULL,
                                 &p->before_lists, &p->before_lists_len)
               != MDS_OK)
    {
        p->before_lists = NULL;
        p->before_lists_len = 0;
    }
}

/* Gives digest and size of a file of the depot, and links it. known is what an
 * earlier change has hashed; NULL: nothing. */
static mds_status_t
mds_feed_add(mds_feed_publication_t *p, const char *folder, const char *path,
             const mds_feed_object_t *known, mds_error_t *err,
             mds_feed_object_t *object)
{
    mds_feed_object_t found;
    mds_status_t      status;

    if (known != NULL
        && mds_feed_has_link(p->depot, folder, &known->sha256, path,
                             &found.bytes)
        && found.bytes == known->bytes)
    {
        *object = *known;
        return MDS_OK;
    }

    status = mds_sha256_file(path, NULL, err, &found.sha256, &found.bytes);

    if (status == MDS_OK) {
        status = mds_feed_link(p->depot, folder, &found.sha256, path, err);
    }

    if (status == MDS_OK) {
        p->linked = true;
        *object = found;
    }

    return status;
}

static mds_status_t
mds_feed_add_layers(mds_feed_publication_t *p, mds_error_t *err)
{
    const mds_chain_files_t *files = mds_catalog_files(p->catalog);
    mds_status_t             status = MDS_OK;

    for (unsigned i = 0; status == MDS_OK && i < files->count; i++) {
        const mds_feed_object_t *known = NULL;
        mds_path_t               path;

        for (unsigned n = 0; n < p->before.layer_count; n++) {
            if (p->before.layer_serials[n] == files->serials[i]) {
                known = &p->before.layers[n];
            }
        }

        p->head.layer_serials[i] = files->serials[i];
        status = mds_catalog_path(p->depot, files->serials[i], err, &path);

        if (status == MDS_OK) {
            status = mds_feed_add(p, MDS_FEED_CATALOG, path.text, known, err,
                                  &p->head.layers[i]);
        }
    }

    p->head.layer_count = files->count;
    return status;
}

/* Finds the list in the index of the earlier change: both are in ascending
 * order, so each line is read once. */
static const mds_feed_object_t *
mds_feed_find_known(mds_str_t *lines, const mds_sha256_t *name,
                    mds_feed_list_t *line)
{
    int order = memcmp(line->name.bytes, name->bytes, sizeof(name->bytes));

    while (order < 0 && mds_feed_list_next(lines, NULL, line) == MDS_OK) {
        order = memcmp(line->name.bytes, name->bytes, sizeof(name->bytes));
    }

    return order == 0 ? &line->file : NULL;
}

static mds_status_t
mds_feed_add_lists(mds_feed_publication_t *p, mds_error_t *err)
{
    mds_str_t       lines = { p->before_lists_len, p->before_lists };
    mds_feed_list_t known = { 0 };
    mds_buffer_t    names = { 0 };
    mds_status_t    status = mds_feed_list_names(p->catalog, err, &names);
    size_t          count = names.len / sizeof(mds_sha256_t);

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        mds_feed_list_t list
            = { .name = ((const mds_sha256_t *) names.data)[i] };
        mds_path_t path;

        status = mds_idset_path(p->depot, &list.name, ".mdb", err, &path);

        if (status == MDS_OK) {
            status
                = mds_feed_add(p, MDS_FEED_LISTS, path.text,
                               mds_feed_find_known(&lines, &list.name, &known),
                               err, &list.file);
        }

        if (status == MDS_OK) {
            mds_feed_list_write(&p->lists, &list);
        }
    }

    p->head.list_count = count;
    mds_buffer_free(&names);

    return status == MDS_OK && mds_buffer_failed(&p->lists)
               ? mds_fail_memory(err)
               : status;
}

/* Writes the index, unless it is there. */
static mds_status_t
mds_feed_write_index(mds_feed_publication_t *p, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status;

    mds_sha256(p->lists.data, p->lists.len, &p->head.lists.sha256);
    p->head.lists.bytes = p->lists.len;
    status = mds_feed_path(p->depot, MDS_FEED_LISTS, &p->head.lists.sha256, err,
                           &path);

    return status == MDS_OK && access(path.text, F_OK) != 0
               ? mds_file_write(path.text, 0444, p->lists.data, p->lists.len,
                                err)
               : status;
}

/* Links the trees; each is named by its root already. */
static mds_status_t
mds_feed_add_trees(mds_feed_publication_t *p, mds_error_t *err)
{
    const mds_str_t      prefix = { 5, "tree" };
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    mds_catalog_walk(p->catalog, MDS_CATALOG_META, MDS_LAYERS_MAX, prefix,
                     &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        mds_tree_record_t record;
        mds_sha256_t      root;
        mds_str_t         changes;
        mds_path_t        path;

        if (!mds_tree_record_read(value, &record, &changes)) {
            continue;
        }

        memcpy(root.bytes, record.root, sizeof(root.bytes));
        status = mds_tree_path(p->depot, &root, err, &path);

        if (status == MDS_OK) {
            status = mds_feed_link(p->depot, MDS_FEED_TREES, &root, path.text,
                                   err);
        }
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(p->catalog, err) : status;
}

/* Syncs the folders in which the head names something. */
static mds_status_t
mds_feed_sync(const mds_feed_publication_t *p, mds_error_t *err)
{
    static const char *const folders[] = { MDS_FEED_CATALOG, MDS_FEED_LISTS };
    mds_status_t             status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && p->linked && i < mds_nelems(folders);
         i++)
    {
        mds_path_t path;

        status
            = mds_path(&path, err, "%s/" MDS_FEED "/%s", p->depot, folders[i]);

        if (status == MDS_OK) {
            status = mds_file_sync_dir(path.text, err);
        }
    }

    return status;
}

/* Makes links and index. */
static mds_status_t
mds_feed_fill(mds_feed_publication_t *p, mds_error_t *err)
{
    mds_status_t status;

    mds_feed_remember(p);
    p->head.serial = mds_catalog_serial(p->catalog);
    p->head.root = mds_catalog_newest_root(p->catalog);

    if ((status = mds_feed_add_layers(p, err)) != MDS_OK
        || (status = mds_feed_add_lists(p, err)) != MDS_OK
        || (status = mds_feed_write_index(p, err)) != MDS_OK
        || (status = mds_feed_add_trees(p, err)) != MDS_OK)
    {
        return status;
    }

    return mds_feed_sync(p, err);
}

/*
 * Locks the folder against other loaders: the change is committed, so that the
 * next one may be made and published meanwhile. Without the lock the loader
 * goes on; the worst is a head that the next change replaces.
 */
static int
mds_feed_lock(const char *depot)
{
    mds_path_t path;
    int        fd = -1;

    if (mds_path(&path, NULL, "%s/" MDS_FEED, depot) == MDS_OK) {
        fd = open(path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }

    if (fd >= 0) {
        (void) flock(fd, LOCK_EX);
    }

    return fd;
}

static void
mds_feed_unlock(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void
mds_feed_publication_free(mds_feed_publication_t *p)
{
    free(p->before_lists);
    mds_buffer_free(&p->lists);
}

mds_status_t
mds_feed_publish(const char *depot, mds_catalog_t *catalog,
                 const mds_key_t *key, int64_t now_ms, int64_t ttl_ms,
                 mds_error_t *err)
{
    mds_feed_publication_t p = { .depot = depot, .catalog = catalog };
    char                  *text = NULL;
    size_t                 len = 0;
    int                    lock;
    mds_status_t           status = mds_feed_make_folders(depot, err);

    if (status != MDS_OK) {
        return status;
    }

    lock = mds_feed_lock(depot);
    status = mds_feed_fill(&p, err);

    /* A later change was published meanwhile. */
    if (status == MDS_OK && p.before.serial > p.head.serial) {
        goto done;
    }

    if (status == MDS_OK) {
        p.head.issued_ms = now_ms;
        p.head.expires_ms = now_ms + ttl_ms;
        status = mds_feed_head_sign(&p.head, key, err, &text, &len);
    }

    if (status == MDS_OK) {
        status = mds_feed_store_head(depot, (mds_str_t){ len, text }, err);
        free(text);
    }

    if (status == MDS_OK) {
        mds_feed_sweep(depot, p.head.serial);
    }

done:
    mds_feed_unlock(lock);
    mds_feed_publication_free(&p);
    return status;
}

mds_status_t
mds_feed_relink(const char *depot, mds_catalog_t *catalog, mds_error_t *err)
{
    mds_feed_publication_t p = { .depot = depot, .catalog = catalog };
    mds_path_t             path;
    mds_status_t           status = mds_feed_make_folders(depot, err);

    if (status == MDS_OK) {
        status = mds_feed_fill(&p, err);
    }

    if (status == MDS_OK && !mds_feed_head_is_same(&p.head, &p.before)) {
        status = mds_fail(err, MDS_CONFLICT,
                          "feed/head does not name the catalog's serial %llu",
                          (unsigned long long) p.head.serial);

        if (mds_feed_head_path(depot, NULL, &path) == MDS_OK) {
            (void) unlink(path.text);
        }
    }

    mds_feed_publication_free(&p);
    return status;
}
