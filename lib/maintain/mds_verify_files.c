/*
 * Verifies files and lists: each is named by the digest of its bytes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mds_file.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "lmdb/mds_seal.h"
#include "maintain/mds_verify_internal.h"

#define MDS_VERIFY_SIGNATURE_MAX 16384

/* Returns whether a file exists; format has the name in it. */
static bool
mds_verify_exists(mds_verify_t *v, const char *format, const char *name)
{
    char        inner[512];
    mds_path_t  path;
    struct stat st;

    snprintf(inner, sizeof(inner), format, name);

    return mds_path(&path, NULL, "%s/%s", v->depot, inner) == MDS_OK
           && stat(path.text, &st) == 0;
}

/* Checks that a file has the digest. */
static mds_status_t
mds_verify_digest(mds_verify_t *v, const char *where,
                  const mds_sha256_t *sha256, mds_error_t *err)
{
    char         hex[MDS_SHA256_HEX + 1];
    mds_path_t   path;
    mds_sha256_t found;
    uint64_t     size;
    mds_status_t status = mds_path(&path, err, "%s/%s", v->depot, where);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_sha256_file(path.text, &v->progress, err, &found, &size);

    if (status == MDS_NOT_FOUND) {
        return MDS_OK;
    }

    if (status != MDS_OK) {
        mds_verify_report_error(v, where, err);

    } else if (!mds_sha256_eq(&found, sha256)) {
        mds_verify_report(v, where, "damaged: its SHA-256 is %s",
                          mds_sha256_hex(&found, hex));
    }

    return MDS_OK;
}

/* --- files/ */

/* Verifies a signature. named is the key in the signature's name, or NULL. */
static void
mds_verify_minisig_text(mds_verify_t *v, const char *where, const char *path,
                        const uint8_t *named, mds_str_t text)
{
    char                hex[MDS_KEYID_HEX + 1];
    uint8_t             keyid[MDS_KEYID_BYTES];
    const mds_public_t *key;
    mds_error_t         err;

    if (mds_minisign_keyid(text, &err, keyid) != MDS_OK) {
        mds_verify_report_error(v, where, &err);
        return;
    }

    if (named != NULL && memcmp(named, keyid, sizeof(keyid)) != 0) {
        mds_verify_report(v, where, "is of another key, %s",
                          mds_keyid_hex(keyid, hex));
    }

    key = mds_verify_signer(v, where, "is of", keyid);

    if (key != NULL && mds_minisign_verify(key, path, text, &err) != MDS_OK) {
        mds_verify_report_error(v, where, &err);
    }
}

static mds_status_t
mds_verify_minisig(mds_verify_t *v, const char *where,
                   const mds_sha256_t *sha256, const uint8_t *named,
                   mds_error_t *err)
{
    char        *text;
    size_t       len;
    mds_path_t   path, signature;
    mds_status_t status = mds_store_path(v->depot, sha256, err, &path);

    if (status == MDS_OK) {
        status = mds_store_signature_path(v->depot, sha256, named, err,
                                          &signature);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_file_read_regular(signature.text, MDS_VERIFY_SIGNATURE_MAX,
                                   err, &text, &len);

    if (status == MDS_OK) {
        mds_verify_minisig_text(v, where, path.text, named,
                                (mds_str_t){ len, text });
        free(text);

    } else if (status != MDS_NOT_FOUND) {
        mds_verify_report_error(v, where, err);
    }

    return MDS_OK;
}

static mds_status_t
mds_verify_file(mds_verify_t *v, const char *name, uint64_t size_bytes,
                mds_error_t *err)
{
    char             where[512];
    uint8_t          keyid[MDS_KEYID_BYTES];
    mds_sha256_t     sha256;
    mds_store_name_t kind = mds_store_name(mds_str_of(name), &sha256, keyid);
    mds_status_t     status = MDS_OK;

    snprintf(where, sizeof(where), "files/%s", name);

    if (kind == MDS_STORE_OTHER) {
        mds_verify_report(v, where, "does not belong here");

    } else if (kind == MDS_STORE_FILE) {
        v->result.files++;
        status = mds_verify_digest(v, where, &sha256, err);

    } else if (!mds_verify_exists(v, "files/%.64s", name)
               && mds_verify_exists(v, "files/%s", name))
    {
        mds_verify_report(v, where, "is the signature of nothing");

    } else {
        status
            = mds_verify_minisig(v, where, &sha256,
                                 kind == MDS_STORE_KEY_SIGNATURE ? keyid : NULL,
                                 err);
    }

    mds_verify_add_bytes(v, size_bytes);
    return status;
}

mds_status_t
mds_verify_files(mds_verify_t *v, mds_error_t *err)
{
    return mds_verify_folder(v, "files", mds_verify_file, err);
}

/* --- lists/ */

static void
mds_verify_set(mds_verify_t *v, const char *where, const mds_sha256_t *sha256)
{
    mds_path_t   path;
    mds_error_t  err;
    mds_idset_t *list;
    mds_status_t status = mds_path(&path, &err, "%s/%s", v->depot, where);

    if (status == MDS_OK) {
        status = mds_seal_check(path.text, sha256->bytes, true, &err, NULL);
    }

    if (status == MDS_OK) {
        status = mds_idset_open(v->depot, sha256, &err, &list);
        if (status == MDS_OK) {
            mds_idset_close(list);
        }
    }

    if (status != MDS_OK && status != MDS_NOT_FOUND) {
        mds_verify_report_error(v, where, &err);
    }
}

static mds_status_t
mds_verify_list(mds_verify_t *v, const char *name, uint64_t size_bytes,
                mds_error_t *err)
{
    char             where[512];
    mds_sha256_t     sha256;
    mds_status_t     status = MDS_OK;
    mds_idset_file_t file = mds_idset_parse_name(name, &sha256);

    snprintf(where, sizeof(where), "lists/%s", name);

    if (file == MDS_IDSET_OTHER) {
        mds_verify_report(v, where, "does not belong here");

    } else if (file == MDS_IDSET_TEXT) {
        status = mds_verify_digest(v, where, &sha256, err);

    } else {
        v->result.lists++;
        mds_verify_set(v, where, &sha256);

        /* An edge has the hashes of ids, and not the ids. */
        if (!v->is_edge && !mds_verify_exists(v, "lists/%.64s.ids", name)
            && mds_verify_exists(v, "lists/%s", name))
        {
            mds_verify_report(v, where, "has no .ids beside it");
        }
    }

    mds_verify_add_bytes(v, size_bytes);
    return status;
}

mds_status_t
mds_verify_lists(mds_verify_t *v, mds_error_t *err)
{
    return mds_verify_folder(v, "lists", mds_verify_list, err);
}
