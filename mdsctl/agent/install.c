/*
 * install: fetches what a head names, and puts it into the depot.
 *
 * A file gets its name by a rename once its digest is right. Nothing refers to
 * it before CURRENT is switched, so that a kill at any point leaves files which
 * the next try finds, or collect.c removes.
 */

#include "agent/agent.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "catalog/mds_trust_record.h"
#include "catalog/mds_validate.h"
#include "feed/mds_feed_lists.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"

#define SIGNATURE_BYTES_MAX ((size_t) 16384)

/* Describes the transfer of an object of the feed. */
static mds_status_t
describe(const mdsctl_agent_t *agent, const char *folder,
         const mds_feed_object_t *object, mds_error_t *err,
         mdsctl_fetch_t *fetch)
{
    char hex[MDS_SHA256_HEX + 1];

    mds_sha256_hex(&object->sha256, hex);
    fetch->origin = NULL;
    snprintf(fetch->path, sizeof(fetch->path), "%s/%s", folder, hex);
    fetch->bytes = object->bytes;
    fetch->sha256 = object->sha256;
    fetch->has_sha256 = true;

    return mds_path(&fetch->part, err, "%s/agent/part/%s", agent->depot, hex);
}

/* Gives a fetched part its name, durably. The caller syncs the folder. */
static mds_status_t
place(const char *part, const char *path, mds_error_t *err)
{
    int          fd = open(part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    mds_status_t status = MDS_OK;

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", part);
    }

    if (fchmod(fd, 0444) != 0 || fsync(fd) != 0 || rename(part, path) != 0) {
        status = mds_fail_errno(err, "put \"%s\" into place", path);
    }

    close(fd);
    return status;
}

static mds_status_t
sync_folder(const mdsctl_agent_t *agent, const char *folder, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/%s", agent->depot, folder);

    return status == MDS_OK ? mds_file_sync_dir(path.text, err) : status;
}

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

        status = describe(agent, "feed/" MDS_FEED_CATALOG, &head->layers[i],
                          err, &fetches[*count]);
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
        status = place(fetches[i].part.text, paths[i].text, err);

        if (status == MDS_OK) {
            status = mds_feed_link(agent->depot, MDS_FEED_CATALOG,
                                   &fetches[i].sha256, paths[i].text, err);
        }
    }

    return status == MDS_OK && count > 0 ? sync_folder(agent, "catalog", err)
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
        status = describe(agent, "feed/" MDS_FEED_LISTS, &head->lists, err,
                          &fetch);

        if (status == MDS_OK) {
            status = mdsctl_fetch_all(agent, &fetch, 1, err);
        }

        if (status == MDS_OK) {
            status = place(fetch.part.text, path.text, err);
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
        status = describe(agent, "feed/" MDS_FEED_LISTS, &list.file, err,
                          &fetches[missing->count]);

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
            status = place(missing.fetches[i].part.text, path.text, err);
        }

        if (status == MDS_OK) {
            status = mds_feed_link(agent->depot, MDS_FEED_LISTS,
                                   &missing.fetches[i].sha256, path.text, err);
        }
    }

    if (status == MDS_OK && missing.count > 0) {
        status = sync_folder(agent, "lists", err);
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
        status = describe(agent, "feed/" MDS_FEED_TREES, &object, err, &fetch);
        fetch.has_sha256 = false; /* it is named by its root */

        if (status == MDS_OK) {
            status = mdsctl_fetch_all(agent, &fetch, 1, err);
        }

        if (status == MDS_OK) {
            status = place(fetch.part.text, path.text, err);
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

        if (value.len == sizeof(record)) {
            memcpy(&record, value.data, sizeof(record));
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

/* --- packages and deltas */

bool
mdsctl_install_has(const mdsctl_agent_t *agent, const mdsctl_need_file_t *file)
{
    mds_path_t  path;
    struct stat st;

    return mds_store_path(agent->depot, &file->sha256, NULL, &path) == MDS_OK
           && lstat(path.text, &st) == 0
           && (uint64_t) st.st_size == file->bytes;
}

/* Verifies the text of a signature by its key, if that is known; else only that
 * it names the key. */
static mds_status_t
check_signature(const mdsctl_agent_t *agent, const mdsctl_need_file_t *file,
                mds_str_t text, mds_error_t *err)
{
    const mds_public_t *key = mdsctl_agent_find_key(agent, file->keyid);
    uint8_t             keyid[MDS_KEYID_BYTES];
    mds_path_t          path;
    mds_status_t        status = mds_minisign_keyid(text, err, keyid);

    if (status == MDS_OK && memcmp(keyid, file->keyid, sizeof(keyid)) != 0) {
        status = mds_fail(err, MDS_DAMAGED, "a signature is of another key");
    }

    if (status == MDS_OK && key != NULL) {
        status = mds_store_path(agent->depot, &file->sha256, err, &path);

        if (status == MDS_OK) {
            status = mds_minisign_verify(key, path.text, text, err);
        }
    }

    return status;
}

/* Fetches SHA256.KEYID.minisig; SHA256.minisig is a copy of it. */
static mds_status_t
install_signature(mdsctl_agent_t *agent, mdsctl_http_t *http,
                  const char *origin, const mdsctl_need_file_t *file,
                  mds_error_t *err)
{
    char         path[160], hex[MDS_SHA256_HEX + 1], key[MDS_KEYID_HEX + 1];
    mds_buffer_t text = { 0 };
    mds_path_t   own, plain;
    mds_status_t status = mds_store_signature_path(agent->depot, &file->sha256,
                                                   file->keyid, err, &own);

    if (status == MDS_OK) {
        status = mds_store_signature_path(agent->depot, &file->sha256, NULL,
                                          err, &plain);
    }

    if (status != MDS_OK || access(own.text, F_OK) == 0) {
        return status;
    }

    snprintf(path, sizeof(path), "files/%s.%s.minisig",
             mds_sha256_hex(&file->sha256, hex),
             mds_keyid_hex(file->keyid, key));
    status = mdsctl_fetch_text(http, origin, path, SIGNATURE_BYTES_MAX, err,
                               &text);

    if (status == MDS_OK) {
        status = check_signature(agent, file, mds_buffer_str(&text), err);
    }

    if (status == MDS_OK) {
        status = mds_file_write(own.text, 0444, text.data, text.len, err);
    }

    if (status == MDS_OK && access(plain.text, F_OK) != 0) {
        status = mds_file_write(plain.text, 0444, text.data, text.len, err);
    }

    mds_buffer_free(&text);
    return status;
}

static mds_status_t
describe_file(const mdsctl_agent_t *agent, const mdsctl_need_file_t *file,
              mds_error_t *err, mdsctl_fetch_t *fetch)
{
    mds_feed_object_t object = { .sha256 = file->sha256, .bytes = file->bytes };

    return describe(agent, "files", &object, err, fetch);
}

static mds_status_t
place_file(const mdsctl_agent_t *agent, const mdsctl_need_file_t *file,
           const mdsctl_fetch_t *fetch, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status
        = mds_store_path(agent->depot, &file->sha256, err, &path);

    return status == MDS_OK ? place(fetch->part.text, path.text, err) : status;
}

mds_status_t
mdsctl_install_file(mdsctl_agent_t *agent, const char *origin,
                    const mdsctl_need_file_t *file, mds_error_t *err)
{
    mdsctl_fetch_t *fetch = calloc(1, sizeof(*fetch));
    mdsctl_http_t  *http = NULL;
    mds_status_t    status = MDS_OK;

    if (fetch == NULL) {
        return mds_fail_memory(err);
    }

    if (!mdsctl_install_has(agent, file)
        && (status = mdsctl_collect_room(agent, file->bytes, err)) == MDS_OK
        && (status = describe_file(agent, file, err, fetch)) == MDS_OK)
    {
        fetch->origin = origin;

        /* The follower may fetch the same file at the same time. */
        strncat(fetch->part.text, ".demand",
                sizeof(fetch->part.text) - strlen(fetch->part.text) - 1);
        status = mdsctl_fetch_all(agent, fetch, 1, err);

        if (status == MDS_OK) {
            status = place_file(agent, file, fetch, err);
        }
    }

    if (status == MDS_OK && file->is_signed) {
        status = mdsctl_http_open(&agent->http, err, &http);

        if (status == MDS_OK) {
            status = install_signature(agent, http, origin, file, err);
        }
    }

    mdsctl_http_close(http);
    free(fetch);

    return status;
}

static bool
is_wanted(const mdsctl_agent_t *agent, const mdsctl_need_file_t *file)
{
    return agent->prefetch == MDSCTL_PREFETCH_ALL
           || (agent->prefetch == MDSCTL_PREFETCH_RUNNING && file->is_running);
}

/* Fetches the files of a batch, which bounds the memory, and places them. */
static mds_status_t
install_batch(mdsctl_agent_t *agent, const mdsctl_need_file_t *const *files,
              mdsctl_fetch_t *fetches, size_t count, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = describe_file(agent, files[i], err, &fetches[i]);
    }

    if (status == MDS_OK) {
        status = mdsctl_fetch_all(agent, fetches, count, err);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = place_file(agent, files[i], &fetches[i], err);
    }

    return status;
}

#define BATCH 64

static mds_status_t
install_missing(mdsctl_agent_t *agent, const mdsctl_needs_t *needs,
                mds_error_t *err)
{
    const mdsctl_need_file_t *files[BATCH];
    mdsctl_fetch_t           *fetches = calloc(BATCH, sizeof(*fetches));
    size_t                    count = 0;
    mds_status_t status = fetches == NULL ? mds_fail_memory(err) : MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < needs->count; i++) {
        if (is_wanted(agent, &needs->items[i])
            && !mdsctl_install_has(agent, &needs->items[i]))
        {
            files[count++] = &needs->items[i];
        }

        if (count == BATCH || (i + 1 == needs->count && count > 0)) {
            status = install_batch(agent, files, fetches, count, err);
            count = 0;
        }
    }

    free(fetches);
    return status;
}

mds_status_t
mdsctl_install_files(mdsctl_agent_t *agent, const mdsctl_needs_t *needs,
                     mds_error_t *err)
{
    uint64_t       bytes = 0;
    mdsctl_http_t *http = NULL;
    mds_status_t   status;

    for (size_t i = 0; i < needs->count; i++) {
        bytes += is_wanted(agent, &needs->items[i])
                         && !mdsctl_install_has(agent, &needs->items[i])
                     ? needs->items[i].bytes
                     : 0;
    }

    status = mdsctl_collect_room(agent, bytes, err);

    if (status == MDS_OK) {
        status = install_missing(agent, needs, err);
    }

    if (status == MDS_OK) {
        status = mdsctl_http_open(&agent->http, err, &http);
    }

    for (size_t i = 0; status == MDS_OK && i < needs->count; i++) {
        if (is_wanted(agent, &needs->items[i]) && needs->items[i].is_signed) {
            status = install_signature(agent, http, agent->origin,
                                       &needs->items[i], err);
        }
    }

    mdsctl_http_close(http);

    return status == MDS_OK && bytes > 0 ? sync_folder(agent, "files", err)
                                         : status;
}
