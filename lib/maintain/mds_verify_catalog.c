#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "catalog/mds_catalog.h"
#include "catalog/mds_current.h"
#include "files/mds_store.h"
#include "maintain/mds_verify_internal.h"
#include "json/mds_json.h"

/* "full" or "delta" of a manifest: the file is there, of that size. */
static void
mds_verify_fact(mds_verify_t *v, const char *where, const mds_json_t *manifest,
                const char *which)
{
    const mds_json_t *fact = mds_json_get(manifest, which);
    mds_str_t         hex = mds_json_get_string(fact, "sha256");
    mds_str_t         path = mds_json_get_string(fact, "path");
    mds_sha256_t      sha256;
    mds_error_t       err;
    uint64_t          size;

    if (fact == NULL) {
        return;
    }

    if (!mds_sha256_parse(hex, &sha256) || path.len != 6 + hex.len
        || memcmp(path.data, "files/", 6) != 0
        || memcmp(path.data + 6, hex.data, hex.len) != 0)
    {
        mds_verify_problem(v, where, "%s: not the path of a file", which);

    } else if (mds_store_has(v->depot, &sha256, &err, &size) != MDS_OK) {
        mds_verify_problem(v, where, "%s: %s", which, err.text);

    } else if (size != (uint64_t) mds_json_get_integer(fact, "size")) {
        mds_verify_problem(v, where,
                           "%s: files/%.*s has %" PRIu64 " bytes, should have"
                           " %" PRId64,
                           which, MDS_STR(hex), size,
                           mds_json_get_integer(fact, "size"));
    }
}

/* "minisig" of "full": the signature of that file by this key, and there. */
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
        mds_verify_problem(v, where,
                           "full: \"%.*s\" is not the signature of its file"
                           " by its own key",
                           MDS_STR(text));

    } else if (mds_path(&path, NULL, "%s/%.*s", v->depot, MDS_STR(text))
                   == MDS_OK
               && access(path.text, F_OK) != 0)
    {
        mds_verify_problem(v, where, "full: %.*s is not there", MDS_STR(text));
    }
}

static void
mds_verify_signed(mds_verify_t *v, const char *where,
                  const mds_json_t *manifest, mds_str_t body,
                  mds_str_t signature)
{
    uint8_t             keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];
    const mds_public_t *key;
    mds_error_t         err;

    if (mds_dsse_parse(signature, &err, keyid, raw) != MDS_OK) {
        mds_verify_failed(v, where, &err);
        return;
    }

    mds_verify_named_minisig(v, where, manifest, keyid);
    key = mds_verify_signer(v, where, "is signed by", keyid);

    if (key != NULL && mds_dsse_verify(key, body, signature, &err) != MDS_OK) {
        mds_verify_failed(v, where, &err);
    }
}

/* It is of the resource that it lies with: app 00 kind 00 name. */
static void
mds_verify_whose(mds_verify_t *v, const char *where, const mds_json_t *manifest,
                 mds_str_t key)
{
    static const char *const words[] = { "app", "kind", "name" };

    for (size_t i = 0; i < mds_nelems(words); i++) {
        mds_str_t has = mds_json_get_string(manifest, words[i]);

        if (!mds_str_eq(has, mds_str_cut(&key, '\0'))) {
            mds_verify_problem(v, where, "is of %s \"%.*s\"", words[i],
                               MDS_STR(has));
        }
    }
}

/* What is ready for an answer to many says the same. */
static mds_status_t
mds_verify_quoted(mds_verify_t *v, const char *where, mds_str_t body,
                  mds_str_t signature, mds_str_t quoted, mds_error_t *err)
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
        mds_verify_problem(v, where, "a batch would get another one");
    }

    mds_json_release(json);
    mds_buffer_free(&text);

    return status;
}

/* Most manifests are in every generation: each is looked at once. */
static mds_status_t
mds_verify_manifest(mds_verify_t *v, const char *generation,
                    const mds_record_t *record, const mds_answer_t *answer,
                    mds_error_t *err)
{
    mds_str_t          key = mds_record_bytes(record, record->key);
    mds_str_t          body = mds_record_bytes(record, answer->manifest);
    mds_str_t          signature = mds_record_bytes(record, answer->signature);
    mds_str_t          quoted = mds_record_bytes(record, answer->quoted);
    mds_sha256_t       both[2];
    mds_sha256_state_t state;
    mds_json_t        *manifest;
    char               where[1024];
    bool               fresh;

    /* With the key: the same manifest is not another resource's. */
    mds_sha256(key.data, key.len, &both[0]);
    mds_sha256_begin(&state);
    mds_sha256_add(&state, body.data, body.len);
    mds_sha256_add(&state, signature.data, signature.len);
    mds_sha256_add(&state, quoted.data, quoted.len);
    mds_sha256_end(&state, &both[1]);

    if (mds_intern(v->seen, (mds_str_t){ sizeof(both), (char *) both }, &fresh)
        == UINT32_MAX)
    {
        return mds_fail_memory(err);
    }

    if (!fresh) {
        return MDS_OK;
    }

    v->result.manifests++;

    if (mds_json_parse(body, "manifest", err, &manifest) != MDS_OK) {
        mds_verify_failed(v, generation, err);
        return MDS_OK;
    }

    snprintf(where, sizeof(where), "%s, manifest of %.*s", generation,
             MDS_STR(mds_json_get_string(manifest, "release")));
    mds_verify_whose(v, where, manifest, key);
    mds_verify_fact(v, where, manifest, "full");
    mds_verify_fact(v, where, manifest, "delta");
    mds_verify_signed(v, where, manifest, body, signature);
    mds_json_release(manifest);

    return mds_verify_quoted(v, where, body, signature, quoted, err);
}

static mds_status_t
mds_verify_record(mds_verify_t *v, const char *where,
                  const mds_record_t *record, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (uint32_t i = 0;
         status == MDS_OK && i < record->tables[MDS_TABLE_OFFERS].count; i++)
    {
        const mds_offer_t *offer = mds_record_item(record, MDS_TABLE_OFFERS, i);

        status = mds_verify_manifest(v, where, record, &offer->answer, err);
    }

    for (uint32_t i = 0;
         status == MDS_OK && i < record->tables[MDS_TABLE_DELTAS].count; i++)
    {
        const mds_delta_record_t *delta
            = mds_record_item(record, MDS_TABLE_DELTAS, i);

        /* None: it was not worth it. */
        if (delta->answer.manifest.len > 0) {
            status = mds_verify_manifest(v, where, record, &delta->answer, err);
        }
    }

    return status;
}

/* The walk has checked every record. */
static mds_status_t
mds_verify_records(mds_verify_t *v, const char *where, mds_catalog_t *catalog,
                   mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;
    mds_status_t       status = mds_catalog_begin(catalog, err);

    if (status != MDS_OK) {
        return status;
    }

    cursor = mds_lmdb_walk(mds_catalog_lmdb(catalog), MDS_CATALOG_RESOURCES,
                           mds_null_str);

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_verify_record(v, where, (const void *) value.data, err);
    }

    mds_lmdb_walk_end(cursor);

    if (status == MDS_OK) {
        status = mds_lmdb_status(mds_catalog_lmdb(catalog), err);
    }

    mds_catalog_end(catalog);
    return status;
}

/* Whether the serial is in force right now. */
static bool
mds_verify_in_force(const mds_verify_t *v, uint64_t serial)
{
    mds_current_t *current;
    bool           same = false;

    if (mds_current_open(v->depot, false, NULL, &current) == MDS_OK) {
        same = mds_current_serial(current) == serial;
        mds_current_close(current);
    }

    return same;
}

static mds_status_t
mds_verify_serial(mds_verify_t *v, const char *where, uint64_t serial,
                  mds_error_t *err)
{
    mds_catalog_t *catalog;
    mds_status_t   status
        = mds_catalog_open(v->depot, serial, true, err, &catalog);

    if (status == MDS_OK) {
        v->result.generations++;
        status = mds_catalog_check_records(catalog, err);

        if (status == MDS_OK) {
            status = mds_verify_records(v, where, catalog, err);
        }

        mds_catalog_close(catalog);
    }

    /* Old ones are collected when their time has come. */
    if (status != MDS_OK
        && (status != MDS_NOT_FOUND || mds_verify_in_force(v, serial)))
    {
        mds_verify_failed(v, where, err);
    }

    return MDS_OK;
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
        mds_verify_problem(v, where, "does not belong here");

    } else if (serial <= v->result.serial) {
        /* A later one is not finished, or will be seen next time. */
        status = mds_verify_serial(v, where, serial, err);
    }

    mds_verify_done(v, size_bytes);
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
    } else if (mds_verify_in_force(v, serial)) {
        mds_verify_problem(v, where, "is in force: %s", err->text);
    }

    return mds_verify_folder(v, "catalog", mds_verify_generation, err);
}
