/*
 * Helpers of all parts of mds_verify: they report problems and progress, count
 * signatures, and visit folders.
 */

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mds_file.h"
#include "maintain/mds_verify_internal.h"
#include "merkle/mds_tree.h"

void
mds_verify_report(mds_verify_t *v, const char *where, const char *format, ...)
{
    char    words[MDS_ERROR_BYTES + 512];
    va_list args;

    v->result.problems++;

    if (v->muted) {
        return;
    }

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    v->options->problem(v->options->data, where, words);
}

void
mds_verify_report_error(mds_verify_t *v, const char *where,
                        const mds_error_t *err)
{
    if (err->status == MDS_NO_MEMORY) {
        v->starved = true;
    } else {
        mds_verify_report(v, where, "%s", err->text);
    }
}

void
mds_verify_show_progress(mds_progress_t *progress, uint64_t done,
                         uint64_t total)
{
    mds_verify_t *v = (mds_verify_t *) progress;

    (void) total;

    if (v->options->progress != NULL) {
        v->options->progress->report(v->options->progress,
                                     v->result.bytes + done, v->total_bytes);
    }
}

void
mds_verify_add_bytes(mds_verify_t *v, uint64_t bytes)
{
    v->result.bytes += bytes;
    mds_verify_show_progress(&v->progress, 0, 0);
}

static const mds_public_t *
mds_verify_find_key(const mds_verify_t *v, const uint8_t keyid[MDS_KEYID_BYTES])
{
    for (size_t i = 0; i < v->options->key_count; i++) {
        if (memcmp(v->options->keys[i].keyid, keyid, MDS_KEYID_BYTES) == 0) {
            return &v->options->keys[i];
        }
    }

    return NULL;
}

static void
mds_verify_count_key(mds_verify_t *v, const char *keyid)
{
    int64_t count = mds_json_get_integer(v->result.keys, keyid);

    if (mds_json_set_integer(v->result.keys, keyid, count + 1) != MDS_OK) {
        v->starved = true;
    }
}

const mds_public_t *
mds_verify_signer(mds_verify_t *v, const char *where, const char *words,
                  const uint8_t keyid[MDS_KEYID_BYTES])
{
    const mds_public_t *key = mds_verify_find_key(v, keyid);
    char                hex[MDS_KEYID_HEX + 1];

    v->result.signatures++;
    mds_verify_count_key(v, mds_keyid_hex(keyid, hex));

    if (key == NULL && v->options->key_count > 0) {
        mds_verify_report(v, where, "%s key %s, which is not given", words,
                          mds_keyid_hex(keyid, hex));
    }

    return key;
}

/* --- folders */

static int
mds_verify_is_wanted(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0
           && !mds_is_temp_name(entry->d_name);
}

static mds_status_t
mds_verify_visit_name(mds_verify_t *v, const char *folder, const char *name,
                      mds_verify_visit_t visit, mds_error_t *err)
{
    char         where[512];
    mds_path_t   path;
    struct stat  st;
    mds_status_t status
        = mds_path(&path, err, "%s/%s/%s", v->depot, folder, name);

    if (status != MDS_OK) {
        return status;
    }

    /* It may have been removed meanwhile. */
    if (lstat(path.text, &st) != 0) {
        return MDS_OK;
    }

    if (!S_ISREG(st.st_mode)) {
        snprintf(where, sizeof(where), "%s/%s", folder, name);
        mds_verify_report(v, where, "is not a regular file");
        return MDS_OK;
    }

    return visit(v, name, (uint64_t) st.st_size, err);
}

mds_status_t
mds_verify_folder(mds_verify_t *v, const char *folder, mds_verify_visit_t visit,
                  mds_error_t *err)
{
    struct dirent **names;
    mds_path_t      path;
    int             count;
    mds_status_t    status = mds_path(&path, err, "%s/%s", v->depot, folder);

    if (status != MDS_OK) {
        return status;
    }

    count = scandir(path.text, &names, mds_verify_is_wanted, alphasort);

    if (count < 0 && errno == ENOENT && strcmp(folder, MDS_TREES) == 0) {
        return MDS_OK; /* of an older depot */
    }

    if (count < 0) {
        (void) mds_fail_errno(err, "read it");
        mds_verify_report_error(v, folder, err);
        return MDS_OK;
    }

    for (int i = 0; i < count; i++) {
        if (status == MDS_OK) {
            status = mds_verify_visit_name(v, folder, names[i]->d_name, visit,
                                           err);
        }
        free(names[i]);
    }

    free(names);
    return status;
}

mds_status_t
mds_verify_folder_muted(mds_verify_t *v, const char *folder,
                        mds_verify_visit_t visit, mds_error_t *err)
{
    uint64_t     problems = v->result.problems;
    bool         muted = v->muted;
    mds_status_t status;

    v->muted = true;
    status = mds_verify_folder(v, folder, visit, err);
    v->muted = muted;
    v->result.problems = problems;

    return status;
}
