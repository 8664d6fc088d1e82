/* install_files: fetches packages and deltas with their signatures, and puts
 * them into files/. */

#include "agent/agent.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/mds_store.h"

#define SIGNATURE_BYTES_MAX ((size_t) 16384)

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

    return mdsctl_part_describe(agent, "files", &object, err, fetch);
}

static mds_status_t
place_file(const mdsctl_agent_t *agent, const mdsctl_need_file_t *file,
           const mdsctl_fetch_t *fetch, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status
        = mds_store_path(agent->depot, &file->sha256, err, &path);

    return status == MDS_OK
               ? mdsctl_part_place(fetch->part.text, path.text, err)
               : status;
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

    return status == MDS_OK && bytes > 0 ? mdsctl_part_sync(agent, "files", err)
                                         : status;
}
