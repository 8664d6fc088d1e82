/*
 * install: fetches what a head names, and puts it into the depot; the packages
 * of its releases are those of install_files.c.
 *
 * A file gets its name by a rename once its digest is right. Nothing refers to
 * it before CURRENT is switched, so that a kill at any point leaves files which
 * the next try finds, or collect.c removes.
 */

#include "agent/agent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/mds_trust_record.h"
#include "catalog/mds_validate.h"
#include "feed/mds_feed_lists.h"
#include "idset/mds_idset.h"

/* Returns whether the depot's file is linked as the object; one that has the
 * digest, but is not linked yet, is linked. */
static bool
has_object(const mdsctl_agent_t *agent, const char *folder,
           const mds_feed_object_t *object, const char *path)
{
    mds_sha256_t found;
    uint64_t     bytes;

    if (mds_feed_has_link(agent->depot, folder, &object->sha256, path, &bytes))
    {
        return bytes == object->bytes;
    }

    return mds_sha256_file(path, NULL, NULL, &found, &bytes) == MDS_OK
           && bytes == object->bytes && mds_sha256_eq(&found, &object->sha256)
           && mds_feed_link(agent->depot, folder, &object->sha256, path, NULL)
                  == MDS_OK;
}

/* Returns whether the generation in force stands on the file of that serial. */
static bool
is_in_force(const mdsctl_agent_t *agent, uint64_t serial)
{
    const mds_chain_files_t *files
        = agent->catalog == NULL ? NULL : mds_catalog_files(agent->catalog);

    for (unsigned i = 0; files != NULL && i < files->count; i++) {
        if (files->serials[i] == serial) {
            return true;
        }
    }

    return false;
}

/* --- the files of the generation */

static mds_status_t
find_layers(mdsctl_agent_t *agent, const mds_feed_head_t *head,
            mds_error_t *err, mdsctl_fetch_t fetches[MDS_LAYERS_MAX],
            mds_path_t paths[MDS_LAYERS_MAX], unsigned *count)
{
    mds_status_t status = MDS_OK;

    for (unsigned i = 0; status == MDS_OK && i < head->layer_count; i++) {
        mds_path_t *path = &paths[*count];

        status
            = mds_catalog_path(agent->depot, head->layer_serials[i], err, path);

        if (status != MDS_OK
            || has_object(agent, MDS_FEED_CATALOG, &head->layers[i],
                          path->text))
        {
            continue;
        }

        if (is_in_force(agent, head->layer_serials[i])) {
            return mds_fail(err, MDS_CONFLICT,
                            "the origin has another generation %" PRIu64
                            " than the one in force here: it was restored, or"
                            " is another origin",
                            head->layer_serials[i]);
        }

        status = mdsctl_part_describe(agent, "feed/" MDS_FEED_CATALOG,
                                      &head->layers[i], err, &fetches[*count]);
        ++*count;
    }

    return status;
}

static mds_status_t
install_layers(mdsctl_agent_t *agent, const mds_feed_head_t *head,
               mds_error_t *err)
{
    static mdsctl_fetch_t fetches[MDS_LAYERS_MAX]; /* large */
    static mds_path_t     paths[MDS_LAYERS_MAX];
    unsigned              count = 0;
    mds_status_t status = find_layers(agent, head, err, fetches, paths, &count);

    if (status == MDS_OK) {
        status = mdsctl_fetch_all(agent, fetches, count, err);
    }

    for (unsigned i = 0; status == MDS_OK && i < count; i++) {
        status = mdsctl_part_place(fetches[i].part.text, paths[i].text, err);

        if (status == MDS_OK) {
            status = mds_feed_link(agent->depot, MDS_FEED_CATALOG,
                                   &fetches[i].sha256, paths[i].text, err);
        }
    }

    return status == MDS_OK && count > 0
               ? mdsctl_part_sync(agent, "catalog", err)
               : status;
}

/* --- lists */

/* Fetches the index; an empty one is not asked for. */
static mds_status_t
install_index(mdsctl_agent_t *agent, const mds_feed_head_t *head,
              mds_error_t *err, char **text, size_t *len)
{
    static mdsctl_fetch_t fetch;
    mds_path_t            path;
    struct stat           st;
    mds_status_t          status = mds_feed_path(agent->depot, MDS_FEED_LISTS,
                                                 &head->lists.sha256, err, &path);

    if (status == MDS_OK && head->lists.bytes > MDS_FEED_LISTS_BYTES_MAX) {
        status = mds_fail(err, MDS_DAMAGED, "the index of lists is too long");
    }

    if (status == MDS_OK && stat(path.text, &st) != 0) {
        status = mdsctl_part_describe(agent, "feed/" MDS_FEED_LISTS,
                                      &head->lists, err, &fetch);

        if (status == MDS_OK) {
            status = mdsctl_fetch_all(agent, &fetch, 1, err);
        }

        if (status == MDS_OK) {
            status = mdsctl_part_place(fetch.part.text, path.text, err);
        }
    }

    return status == MDS_OK
               ? mds_file_read_regular(path.text, MDS_FEED_LISTS_BYTES_MAX, err,
                                       text, len)
               : status;
}

/* Lists that are not here yet. */
typedef struct {
    mdsctl_fetch_t *fetches;
    mds_sha256_t   *names;
    size_t          count;
} missing_t;

static mds_status_t
find_lists(const mdsctl_agent_t *agent, mds_str_t lines, mds_error_t *err,
           missing_t *missing)
{
    mds_feed_list_t list;
    mds_status_t    status;

    while ((status = mds_feed_list_next(&lines, err, &list)) == MDS_OK) {
        mds_path_t      path;
        mdsctl_fetch_t *fetches;
        mds_sha256_t   *names;

        status = mds_idset_path(agent->depot, &list.name, ".mdb", err, &path);

        if (status != MDS_OK) {
            return status;
        }

        if (has_object(agent, MDS_FEED_LISTS, &list.file, path.text)) {
            continue;
        }

        fetches = realloc(missing->fetches,
                          (missing->count + 1) * sizeof(*fetches));
        missing->fetches = fetches != NULL ? fetches : missing->fetches;
        names = realloc(missing->names, (missing->count + 1) * sizeof(*names));
        missing->names = names != NULL ? names : missing->names;

        if (fetches == NULL || names == NULL) {
            return mds_fail_memory(err);
        }

        names[missing->count] = list.name;
        status = mdsctl_part_describe(agent, "feed/" MDS_FEED_LISTS, &list.file,
                                      err, &fetches[missing->count]);

        if (status != MDS_OK) {
            return status;
        }

        missing->count++;
    }

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
install_lists(mdsctl_agent_t *agent, const mds_feed_head_t *head,
              mds_error_t *err)
{
    missing_t    missing = { 0 };
    char        *text = NULL;
    size_t       len = 0;
    mds_status_t status = install_index(agent, head, err, &text, &len);

    if (status == MDS_OK) {
        status = find_lists(agent, (mds_str_t){ len, text }, err, &missing);
    }

    if (status == MDS_OK) {
        status = mdsctl_fetch_all(agent, missing.fetches, missing.count, err);
    }

    for (size_t i = 0; status == MDS_OK && i < missing.count; i++) {
        mds_path_t path;

        status = mds_idset_path(agent->depot, &missing.names[i], ".mdb", err,
                                &path);

        if (status == MDS_OK) {
            status = mdsctl_part_place(missing.fetches[i].part.text, path.text,
                                       err);
        }

        if (status == MDS_OK) {
            status = mds_feed_link(agent->depot, MDS_FEED_LISTS,
                                   &missing.fetches[i].sha256, path.text, err);
        }
    }

    if (status == MDS_OK && missing.count > 0) {
        status = mdsctl_part_sync(agent, "lists", err);
    }

    free(missing.fetches);
    free(missing.names);
    free(text);

    return status;
}

/* --- trees */

/* Verifies a tree by all of its hashes; one that is wrong is removed. */
static mds_status_t
check_tree(const mdsctl_agent_t *agent, const mds_sha256_t *root,
           const char *path, mds_error_t *err)
{
    mds_tree_t  *tree;
    mds_status_t status = mds_tree_open(agent->depot, root, err, &tree);

    if (status == MDS_OK) {
        status = mds_tree_check(tree, err);
        mds_tree_close(tree);
    }

    if (status != MDS_OK) {
        (void) unlink(path);
    }

    return status;
}

static mds_status_t
install_tree(mdsctl_agent_t *agent, const mds_tree_record_t *record,
             mds_error_t *err)
{
    static mdsctl_fetch_t fetch;
    mds_feed_object_t object = { .bytes = mds_tree_file_bytes(record->count) };
    mds_path_t        path;
    struct stat       st;
    mds_status_t      status;

    memcpy(object.sha256.bytes, record->root, sizeof(object.sha256.bytes));
    status = mds_tree_path(agent->depot, &object.sha256, err, &path);

    if (status == MDS_OK && stat(path.text, &st) != 0) {
        status = mdsctl_part_describe(agent, "feed/" MDS_FEED_TREES, &object,
                                      err, &fetch);
        fetch.has_sha256 = false; /* it is named by its root */

        if (status == MDS_OK) {
            status = mdsctl_fetch_all(agent, &fetch, 1, err);
        }

        if (status == MDS_OK) {
            status = mdsctl_part_place(fetch.part.text, path.text, err);
        }

        if (status == MDS_OK) {
            status = check_tree(agent, &object.sha256, path.text, err);
        }
    }

    return status == MDS_OK ? mds_feed_link(agent->depot, MDS_FEED_TREES,
                                            &object.sha256, path.text, err)
                            : status;
}

static mds_status_t
install_trees(mdsctl_agent_t *agent, mds_catalog_t *catalog, mds_error_t *err)
{
    const mds_str_t      prefix = { 5, "tree" };
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    mds_catalog_walk(catalog, MDS_CATALOG_META, MDS_LAYERS_MAX, prefix,
                     &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        mds_tree_record_t record;
        mds_str_t         changes;

        if (mds_tree_record_read(value, &record, &changes)) {
            status = install_tree(agent, &record, err);
        }
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}

mds_status_t
mdsctl_install_generation(mdsctl_agent_t *agent, const mds_feed_head_t *head,
                          mds_error_t *err, mds_catalog_t **catalog)
{
    mds_catalog_t *opened = NULL;
    mds_status_t   status;

    if ((status = install_layers(agent, head, err)) != MDS_OK
        || (status = install_lists(agent, head, err)) != MDS_OK
        || (status = mds_validate_generation(
                agent->depot, head->serial,
                agent->catalog == NULL ? NULL
                                       : mds_catalog_chain(agent->catalog),
                INT64_MIN, MDS_VALIDATE_NO_BUDGET, err, &opened))
               != MDS_OK
        || (status = install_trees(agent, opened, err)) != MDS_OK)
    {
        mds_catalog_close(opened);
        return status;
    }

    *catalog = opened;
    return MDS_OK;
}
