/*
 * Verifies generations: their bytes and records, and the contents of each
 * manifest.
 */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "base/mds_time.h"
#include "catalog/mds_catalog.h"
#include "catalog/mds_current.h"
#include "files/mds_store.h"
#include "loader/mds_catalog_visit.h"
#include "maintain/mds_verify_internal.h"

/* Checks "full" or "delta" of a manifest: the file is stored, with that size.
 */
static void
mds_verify_file_info(mds_verify_t *v, const char *where,
                     const mds_json_t *manifest, const char *which)
{
    const mds_json_t *info = mds_json_get(manifest, which);
    mds_str_t         hex = mds_json_get_string(info, "sha256");
    mds_str_t         path = mds_json_get_string(info, "path");
    mds_sha256_t      sha256;
    mds_error_t       err;
    mds_status_t      status;
    uint64_t          size;

    if (info == NULL) {
        return;
    }

    if (!mds_sha256_parse(hex, &sha256) || path.len != 6 + hex.len
        || memcmp(path.data, "files/", 6) != 0
        || memcmp(path.data + 6, hex.data, hex.len) != 0)
    {
        mds_verify_report(v, where, "%s: not the path of a file", which);

    } else if ((status = mds_store_has(v->depot, &sha256, &err, &size))
               != MDS_OK) {
        /* An edge fetches some files only when a device asks for them. */
        if (status != MDS_NOT_FOUND || !v->is_edge) {
            mds_verify_report(v, where, "%s: %s", which, err.text);
        }

    } else if (size != (uint64_t) mds_json_get_integer(info, "size")) {
        mds_verify_report(v, where,
                          "%s: files/%.*s has %" PRIu64 " bytes, should have"
                          " %" PRId64,
                          which, MDS_STR(hex), size,
                          mds_json_get_integer(info, "size"));
    }
}

/* Checks "minisig" of "full": it names the file's signature by this key, and is
 * stored. */
static void
mds_verify_named_minisig(mds_verify_t *v, const char *where,
                         const mds_json_t *manifest,
                         const uint8_t     keyid[MDS_KEYID_BYTES])
{
    const mds_json_t *full = mds_json_get(manifest, "full");
    mds_str_t         hex = mds_json_get_string(full, "sha256");
    mds_str_t         text = mds_json_get_string(full, "minisig");
    uint8_t           named[MDS_KEYID_BYTES];
    mds_path_t        path;
    mds_sha256_t      sha256, signed_file;

    if (mds_json_get(full, "minisig") == NULL) {
        return; /* made by an older program */
    }

    if (!mds_str_starts(text, mds_str("files/"))
        || mds_store_name((mds_str_t){ text.len - 6, text.data + 6 },
                          &signed_file, named)
               != MDS_STORE_KEY_SIGNATURE
        || !mds_sha256_parse(hex, &sha256)
        || !mds_sha256_eq(&sha256, &signed_file)
        || memcmp(named, keyid, sizeof(named)) != 0)
    {
        mds_verify_report(v, where,
                          "full: \"%.*s\" is not the signature of its file"
                          " by its own key",
                          MDS_STR(text));

    } else if (!v->is_edge
               && mds_path(&path, NULL, "%s/%.*s", v->depot, MDS_STR(text))
                      == MDS_OK
               && access(path.text, F_OK) != 0)
    {
        mds_verify_report(v, where, "full: %.*s does not exist", MDS_STR(text));
    }
}

static void
mds_verify_manifest_signature(mds_verify_t *v, const char *where,
                              const mds_json_t *manifest, mds_str_t body,
                              mds_str_t signature)
{
    uint8_t             keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];
    const mds_public_t *key;
    mds_error_t         err;

    if (mds_dsse_parse(signature, &err, keyid, raw) != MDS_OK) {
        mds_verify_report_error(v, where, &err);
        return;
    }

    mds_verify_named_minisig(v, where, manifest, keyid);
    key = mds_verify_signer(v, where, "is signed by", keyid);

    if (key != NULL && mds_dsse_verify(key, body, signature, &err) != MDS_OK) {
        mds_verify_report_error(v, where, &err);
    }
}

/* Checks that the manifest is of the record's resource: app 00 kind 00 name. */
static void
mds_verify_resource(mds_verify_t *v, const char *where,
                    const mds_json_t *manifest, mds_str_t key)
{
    static const char *const words[] = { "app", "kind", "name" };

    for (size_t i = 0; i < mds_nelems(words); i++) {
        mds_str_t has = mds_json_get_string(manifest, words[i]);

        if (!mds_str_eq(has, mds_str_cut(&key, '\0'))) {
            mds_verify_report(v, where, "is of %s \"%.*s\"", words[i],
                              MDS_STR(has));
        }
    }
}

/* Checks that the form for batch answers has the same content. */
static mds_status_t
mds_verify_quoted_answer(mds_verify_t *v, const char *where, mds_str_t body,
                         mds_str_t signature, mds_str_t quoted,
                         mds_error_t *err)
{
    mds_buffer_t text = { 0 };
    mds_json_t  *json = NULL;
    mds_status_t status = MDS_OK;

    mds_buffer_add(&text, "{", 1);
    mds_buffer_add(&text, quoted.data, quoted.len);

    status = mds_buffer_failed(&text)
                 ? mds_fail_memory(err)
                 : mds_json_parse((mds_str_t){ text.len, (char *) text.data },
                                  "it", err, &json);

    if (status == MDS_INVALID) {
        status = MDS_OK;
    }

    if (status == MDS_OK
        && (!mds_str_eq(mds_json_get_string(json, "manifest"), body)
            || !mds_str_eq(mds_json_get_string(json, "signature"), signature)))
    {
        mds_verify_report(v, where, "a batch would get another one");
    }

    mds_json_release(json);
    mds_buffer_free(&text);

    return status;
}

/* Notes the manifest as seen, and whether it is new: most manifests are in all
 * generations. The key is part of it, so that another resource's manifest is
 * not taken for this one. */
static mds_status_t
mds_verify_see(mds_verify_t *v, mds_str_t key, mds_str_t body,
               mds_str_t signature, mds_str_t quoted, mds_error_t *err,
               bool *fresh)
{
    mds_sha256_t       both[2];
    mds_sha256_state_t state;

    mds_sha256(key.data, key.len, &both[0]);
    mds_sha256_begin(&state);
    mds_sha256_add(&state, body.data, body.len);
    mds_sha256_add(&state, signature.data, signature.len);
    mds_sha256_add(&state, quoted.data, quoted.len);
    mds_sha256_end(&state, &both[1]);

    return mds_intern(v->seen, (mds_str_t){ sizeof(both), (char *) both },
                      fresh)
                   == UINT32_MAX
               ? mds_fail_memory(err)
               : MDS_OK;
}

/* A generation that is verified. */
typedef struct {
    mds_verify_t *v;
    const char   *where;
} mds_verify_generation_t;

static mds_status_t
mds_verify_answer(void *data, const mds_record_t *record,
                  const mds_answer_t *answer, mds_error_t *err)
{
    const mds_verify_generation_t *generation = data;
    mds_verify_t                  *v = generation->v;
    mds_str_t                      key = mds_record_bytes(record, record->key);
    mds_str_t    body = mds_record_bytes(record, answer->manifest);
    mds_str_t    signature = mds_record_bytes(record, answer->signature);
    mds_str_t    quoted = mds_record_bytes(record, answer->quoted);
    mds_json_t  *manifest;
    char         where[1024];
    bool         fresh;
    mds_status_t status
        = mds_verify_see(v, key, body, signature, quoted, err, &fresh);

    if (status != MDS_OK || !fresh) {
        return status;
    }

    v->result.manifests++;

    if (mds_json_parse(body, "manifest", err, &manifest) != MDS_OK) {
        mds_verify_report_error(v, generation->where, err);
        return MDS_OK;
    }

    snprintf(where, sizeof(where), "%s, manifest of %.*s", generation->where,
             MDS_STR(mds_json_get_string(manifest, "release")));
    mds_verify_resource(v, where, manifest, key);
    mds_verify_file_info(v, where, manifest, "full");
    mds_verify_file_info(v, where, manifest, "delta");
    mds_verify_manifest_signature(v, where, manifest, body, signature);
    mds_json_release(manifest);

    return mds_verify_quoted_answer(v, where, body, signature, quoted, err);
}

static mds_status_t
mds_verify_record(void *data, const mds_record_t *record, mds_error_t *err)
{
    mds_status_t status
        = mds_record_visit_offers(record, mds_verify_answer, data, err);

    return status == MDS_OK
               ? mds_record_visit_deltas(record, mds_verify_answer, data, err)
               : status;
}

/* Returns whether the serial is in force at this moment. */
static bool
mds_verify_is_in_force(const mds_verify_t *v, uint64_t serial)
{
    mds_current_t *current;
    bool           same = false;

    if (mds_current_open(v->depot, false, NULL, &current) == MDS_OK) {
        same = mds_current_serial(current) == serial;
        mds_current_close(current);
    }

    return same;
}

/* Returns whether the generation was removed while it was read: not a file on
 * which it stands. */
static bool
mds_verify_is_removed(const mds_verify_t *v, uint64_t serial)
{
    mds_path_t path;

    return !mds_verify_is_in_force(v, serial)
           && mds_catalog_path(v->depot, serial, NULL, &path) == MDS_OK
           && access(path.text, F_OK) != 0;
}

/* Verifies a generation. The files that it has in common with the one before
 * are not read again. */
static mds_status_t
mds_verify_serial(mds_verify_t *v, const char *where, uint64_t serial,
                  mds_error_t *err)
{
    mds_verify_generation_t generation = { v, where };
    mds_catalog_t          *catalog;
    mds_status_t status = mds_catalog_open_next(v->depot, serial, true,
                                                v->known, err, &catalog);

    if (status == MDS_OK) {
        v->result.generations++;
        mds_catalog_close(v->known);
        v->known = catalog;
        status = mds_catalog_check_records(catalog, NULL, err);
    }

    if (status == MDS_OK) {
        status = mds_catalog_visit_records(catalog, mds_null_str,
                                           mds_verify_record, &generation, err);
    }

    if (status == MDS_OK && serial == v->result.serial) {
        status
            = mds_verify_app_trees(v, catalog, mds_time_now_ms(), where, err);
    }

    /* The next change makes it anew from the journal, which is verified too. */
    if (status == MDS_INCOMPATIBLE && v->options->saved) {
        v->result.outdated = true;
        return MDS_OK;
    }

    /* An old one may have been removed meanwhile. */
    if (status != MDS_OK
        && (status != MDS_NOT_FOUND || !mds_verify_is_removed(v, serial)))
    {
        mds_verify_report_error(v, where, err);
    }

    return MDS_OK;
}

/* Notes the files on which a generation stands. */
static mds_status_t
mds_verify_note_chain(mds_verify_t *v, const char *name, uint64_t size_bytes,
                      mds_error_t *err)
{
    mds_chain_files_t files;
    mds_error_t       why;
    uint64_t          serial;

    (void) size_bytes;

    if (!mds_catalog_parse_name(name, &serial) || serial > v->result.serial
        || mds_chain_read_files(v->depot, NULL, serial, &why, &files) != MDS_OK)
    {
        return MDS_OK; /* verifying it reports that */
    }

    mds_chain_add_below(&files, &v->below);

    return mds_buffer_failed(&v->below) ? mds_fail_memory(err) : MDS_OK;
}

static mds_status_t
mds_verify_generation(mds_verify_t *v, const char *name, uint64_t size_bytes,
                      mds_error_t *err)
{
    char         where[512];
    uint64_t     serial = 0;
    mds_status_t status = MDS_OK;

    snprintf(where, sizeof(where), "catalog/%s", name);

    if (!mds_catalog_parse_name(name, &serial)) {
        mds_verify_report(v, where, "does not belong here");

    } else if (serial <= v->result.serial
               && !mds_chain_is_below(&v->below, serial)) {
        /* A later one is not in force yet. One on which others stand is
         * verified with them: gc may have removed packages that only hidden
         * records of it need. */
        status = mds_verify_serial(v, where, serial, err);
    }

    mds_verify_add_bytes(v, size_bytes);
    return status;
}

/* Verifies all generations, each with the files on which it stands. */
static mds_status_t
mds_verify_chains(mds_verify_t *v, mds_error_t *err)
{
    mds_status_t status
        = mds_verify_folder_muted(v, "catalog", mds_verify_note_chain, err);

    if (status == MDS_OK) {
        status = mds_verify_folder(v, "catalog", mds_verify_generation, err);
    }

    mds_catalog_close(v->known);
    v->known = NULL;
    mds_buffer_free(&v->below);

    return status;
}

mds_status_t
mds_verify_generations(mds_verify_t *v, mds_error_t *err)
{
    char         where[64];
    mds_path_t   path;
    uint64_t     serial = v->result.serial, size;
    mds_status_t status = mds_catalog_path(v->depot, serial, err, &path);
    int          fd;

    if (status != MDS_OK) {
        return status;
    }

    snprintf(where, sizeof(where), "catalog/%" PRIu64 ".mdb", serial);

    if (mds_file_open(path.text, err, &fd, &size) == MDS_OK) {
        close(fd);
    } else if (mds_verify_is_in_force(v, serial)) {
        mds_verify_report(v, where, "is in force: %s", err->text);
    }

    return mds_verify_chains(v, err);
}
