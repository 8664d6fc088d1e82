/*
 * Reads and writes the file of a root that is being signed.
 */

#include "trust/mds_root_file.h"

#include <stdlib.h>

#include "base/mds_file.h"

void
mds_root_file_free(mds_root_file_t *file)
{
    mds_envelope_free(&file->envelope);
    mds_envelope_free(&file->before_envelope);
}

/* Reads an envelope and its root. */
static mds_status_t
mds_root_file_read_root(const mds_json_t *json, const char *what,
                        mds_error_t *err, mds_envelope_t *envelope,
                        mds_root_t *root)
{
    mds_status_t status
        = mds_envelope_read(json, MDS_ROOT_TYPE, what, err, envelope);

    return status == MDS_OK
               ? mds_root_parse(mds_envelope_payload(envelope), what, err, root)
               : status;
}

static mds_status_t
mds_root_file_read_json(const mds_json_t *json, const char *path,
                        mds_error_t *err, mds_root_file_t *file)
{
    const mds_json_t *previous = mds_json_get(json, "previous");
    mds_path_t        what;
    mds_status_t      status = mds_root_file_read_root(json, path, err,
                                                       &file->envelope, &file->root);

    if (status != MDS_OK || previous == NULL) {
        return status;
    }

    status = mds_path(&what, err, "%s: /previous", path);

    if (status == MDS_OK) {
        status = mds_root_file_read_root(previous, what.text, err,
                                         &file->before_envelope, &file->before);
    }

    if (status == MDS_OK && file->before.version != file->root.version - 1) {
        status = mds_fail(err, MDS_INVALID, "%s is not the version before",
                          what.text);
    }

    file->has_before = status == MDS_OK;
    return status;
}

mds_status_t
mds_root_file_read(const char *path, mds_error_t *err, mds_root_file_t *file)
{
    mds_root_file_t *read = calloc(1, sizeof(*read));
    mds_json_t      *json = NULL;
    char            *text = NULL;
    size_t           len;
    mds_status_t     status;

    if (read == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_file_read(path, 2 * MDS_ENVELOPE_BYTES_MAX, err, &text, &len);

    if (status == MDS_OK) {
        status = mds_json_parse((mds_str_t){ len, text }, path, err, &json);
    }

    if (status == MDS_OK) {
        status = mds_root_file_read_json(json, path, err, read);
    }

    if (status == MDS_OK) {
        *file = *read;
    } else {
        mds_root_file_free(read);
    }

    mds_json_release(json);
    free(text);
    free(read);

    return status;
}

mds_status_t
mds_root_file_seal(mds_root_file_t *file, mds_error_t *err)
{
    mds_envelope_t envelope;
    char          *payload;
    size_t         len;
    mds_status_t   status = mds_root_dump(&file->root, err, &payload, &len);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_envelope_init(&envelope, MDS_ROOT_TYPE,
                               (mds_str_t){ len, payload }, err);
    free(payload);

    if (status == MDS_OK) {
        mds_envelope_free(&file->envelope);
        file->envelope = envelope;
    }

    return status;
}

mds_status_t
mds_root_file_write(const mds_root_file_t *file, const char *path, bool create,
                    mds_error_t *err)
{
    mds_json_t  *json = mds_envelope_to_json(&file->envelope);
    char        *text = NULL;
    size_t       len;
    mds_status_t status = MDS_OK;

    if (json != NULL && file->has_before) {
        status = mds_json_done(mds_json_set(json, "previous",
                                            mds_envelope_to_json(
                                                &file->before_envelope)),
                               err);
    }

    if (status == MDS_OK) {
        status = mds_json_dump(json, MDS_JSON_PRETTY, err, &text, &len);
    }

    mds_json_release(json);

    if (status != MDS_OK) {
        return status;
    }

    text[len] = '\n'; /* instead of the zero byte that ends it */
    status = create ? mds_file_create(path, 0644, text, len + 1, err)
                    : mds_file_write(path, 0644, text, len + 1, err);
    free(text);

    return status;
}

mds_status_t
mds_root_file_count(const mds_root_file_t *file, mds_error_t *err,
                    mds_root_need_t needs[MDS_ROOT_NEEDS_MAX], size_t *count)
{
    size_t       n = 0;
    mds_status_t status = MDS_OK;

    if (file->has_before) {
        needs[n++].root = &file->before;
    }

    needs[n++].root = &file->root;

    for (size_t i = 0; status == MDS_OK && i < n; i++) {
        status = mds_root_count_signers(needs[i].root, &file->envelope, err,
                                        &needs[i].signers);
    }

    if (status == MDS_OK) {
        *count = n;
    }

    return status;
}

mds_status_t
mds_root_file_is_complete(const mds_root_file_t *file, mds_error_t *err,
                          bool *complete)
{
    mds_root_need_t needs[MDS_ROOT_NEEDS_MAX];
    size_t          count = 0;
    bool            all = true;
    mds_status_t    status = mds_root_file_count(file, err, needs, &count);

    for (size_t i = 0; i < count; i++) {
        all = all
              && needs[i].signers
                     >= needs[i].root->roles[MDS_ROLE_ROOT].threshold;
    }

    if (status == MDS_OK) {
        *complete = all;
    }

    return status;
}

mds_status_t
mds_root_file_advance(mds_root_file_t *file, mds_error_t *err)
{
    bool         complete = false;
    mds_status_t status = mds_root_file_is_complete(file, err, &complete);

    if (status != MDS_OK || !complete) {
        return status;
    }

    mds_envelope_free(&file->before_envelope);
    file->before_envelope = file->envelope;
    file->before = file->root;
    file->has_before = true;
    file->envelope = (mds_envelope_t){ 0 };
    file->root.version++;

    return MDS_OK;
}
