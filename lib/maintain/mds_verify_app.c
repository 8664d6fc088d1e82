/*
 * Verifies the apps of the journal: each document is compiled as the loader
 * would compile it, but nothing is made, only looked up.
 */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "compile/mds_compile.h"
#include "document/mds_document.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_app_state.h"
#include "loader/mds_setting_ids.h"
#include "maintain/mds_verify_internal.h"

typedef struct {
    mds_compile_t  compile; /* first: the callbacks get its address */
    mds_verify_t  *v;
    mds_journal_t *journal;
    const char    *where;
    mds_str_t      keyid; /* of the app's key; empty: none is recorded */
} mds_verify_run_t;

static mds_status_t
mds_verify_size(mds_compile_t *c, const mds_sha256_t *sha256, mds_error_t *err,
                uint64_t *size_bytes)
{
    return mds_store_has(((mds_verify_run_t *) c)->v->depot, sha256, err,
                         size_bytes);
}

static mds_status_t
mds_verify_delta(mds_compile_t *c, const mds_delta_pair_t *pair,
                 mds_error_t *err, mds_delta_outcome_t *outcome)
{
    mds_verify_run_t   *run = (mds_verify_run_t *) c;
    mds_delta_outcome_t found = { .worth = true };
    mds_delta_entry_t   entry;
    mds_status_t        status = MDS_OK;

    if (pair->spec != NULL && pair->spec->has_sha256) {
        found.file.sha256 = pair->spec->sha256;

    } else if (!mds_journal_get_delta(run->journal, &pair->from->sha256,
                                      &pair->to->sha256, &entry))
    {
        return MDS_NOT_FOUND;

    } else {
        found.worth = entry.worth != 0;
        found.file.sha256 = entry.sha256;
    }

    if (found.worth) {
        status = mds_store_has(run->v->depot, &found.file.sha256, err,
                               &found.file.size_bytes);
    }

    if (status == MDS_OK) {
        *outcome = found;
    }

    return status;
}

/* Checks SHA256.minisig, if the manifest is an older program's: devices that
 * have it fetch that. */
static void
mds_verify_common(const mds_verify_run_t *run, const mds_json_t *full,
                  const uint8_t keyid[MDS_KEYID_BYTES])
{
    mds_str_t    sha256 = mds_json_get_string(full, "sha256");
    uint8_t      signer[MDS_KEYID_BYTES];
    char         theirs[MDS_KEYID_HEX + 1], ours[MDS_KEYID_HEX + 1];
    mds_sha256_t digest;

    if (mds_json_get(full, "minisig") == NULL
        && mds_sha256_parse(sha256, &digest)
        && mds_store_signer(run->v->depot, &digest, NULL, signer) == MDS_OK
        && memcmp(signer, keyid, sizeof(signer)) != 0)
    {
        mds_verify_report(run->v, run->where,
                          "files/%.*s.minisig is of key %s, and the manifest"
                          " of key %s: any change with that key mends it",
                          MDS_STR(sha256), mds_keyid_hex(signer, theirs),
                          mds_keyid_hex(keyid, ours));
    }
}

/* Checks that the signature is by the app's key. */
static void
mds_verify_signature(const mds_verify_run_t *run, const mds_json_t *manifest,
                     const mds_manifest_signature_t *made)
{
    uint8_t   keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];
    char      hex[MDS_KEYID_HEX + 1];
    mds_str_t release = mds_json_get_string(manifest, "release");
    mds_str_t signature = { sizeof(made->signature), made->signature };

    if (mds_dsse_parse(signature, NULL, keyid, raw) != MDS_OK) {
        mds_verify_report(run->v, run->where,
                          "release \"%.*s\" has a broken signature",
                          MDS_STR(release));

    } else if (run->keyid.len > 0
               && !mds_str_eq(mds_str_of(mds_keyid_hex(keyid, hex)),
                              run->keyid))
    {
        mds_verify_report(run->v, run->where,
                          "release \"%.*s\" is signed by key %s, and the"
                          " app's key is %.*s",
                          MDS_STR(release), hex, MDS_STR(run->keyid));

    } else if (!run->v->options->saved) {
        mds_verify_common(run, mds_json_get(manifest, "full"), keyid);
    }
}

/* Gets the signature of the manifest that names its package's signature by this
 * key. */
static mds_status_t
mds_verify_find(mds_verify_run_t *run, mds_json_t *manifest, mds_str_t keyid,
                mds_error_t *err, mds_manifest_signature_t *made, bool *found)
{
    mds_sha256_t digest;
    mds_status_t status = mds_manifest_digest(manifest, keyid, err, &digest);

    if (status == MDS_OK) {
        *found = mds_journal_get_signature(run->journal, &digest, made);
    }

    return status;
}

/* Checks that the manifest was signed: by this program, or by an older one that
 * wrote no meta into a rollback, or did not name the package's signature. */
static mds_status_t
mds_verify_sign(mds_compile_t *c, mds_json_t *manifest, mds_error_t *err,
                mds_str_t *body, char *signature)
{
    mds_verify_run_t        *run = (mds_verify_run_t *) c;
    mds_manifest_signature_t made = { .signature = "" };
    bool                     found;
    mds_status_t             status
        = mds_verify_find(run, manifest, run->keyid, err, &made, &found);

    if (status == MDS_OK && !found
        && mds_manifest_remove_rollback_meta(manifest)) {
        status = mds_verify_find(run, manifest, run->keyid, err, &made, &found);
    }

    if (status == MDS_OK && !found && run->keyid.len > 0) {
        status
            = mds_verify_find(run, manifest, mds_str(""), err, &made, &found);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (found) {
        mds_verify_signature(run, manifest, &made);
    } else {
        mds_verify_report(run->v, run->where,
                          "release \"%.*s\" has no signed manifest",
                          MDS_STR(mds_json_get_string(manifest, "release")));
    }

    memcpy(signature, made.signature, sizeof(made.signature));
    *body = mds_str("{}");

    return MDS_OK;
}

static mds_status_t
mds_verify_emit(mds_compile_t *c, mds_str_t key, mds_str_t record,
                mds_error_t *err)
{
    (void) c;
    (void) key;
    (void) record;
    (void) err;

    return MDS_OK;
}

static void
mds_verify_has_signature(const mds_verify_run_t *run,
                         const mds_sha256_t *sha256, const uint8_t *keyid)
{
    mds_path_t path;

    if (mds_store_signature_path(run->v->depot, sha256, keyid, NULL, &path)
            == MDS_OK
        && access(path.text, F_OK) != 0)
    {
        mds_verify_report(run->v, run->where, "%s does not exist",
                          path.text + strlen(run->v->depot) + 1);
    }
}

/* Checks that each package has its signature by the app's key, and the common
 * one. */
static void
mds_verify_packages(const mds_verify_run_t *run, const mds_model_t *model)
{
    uint8_t keyid[MDS_KEYID_BYTES];
    bool    known = mds_keyid_parse(run->keyid, keyid);

    for (size_t i = 0; i < model->package_count; i++) {
        const mds_sha256_t *sha256 = &model->packages[i].sha256;

        mds_verify_has_signature(run, sha256, NULL);

        if (known) {
            mds_verify_has_signature(run, sha256, keyid);
        }
    }
}

/* Checks that the sets of lists can be opened: of the document's, or of
 * contents of external ones. */
static void
mds_verify_bases(mds_verify_t *v, const char *where, const mds_json_t *lists)
{
    mds_json_member_t *m;

    for (m = mds_json_first(lists); m != NULL; m = mds_json_next(lists, m)) {
        mds_str_t    hex = mds_json_get_string(mds_json_value(m), "sha256");
        mds_sha256_t sha256;
        mds_idset_t *list;
        mds_error_t  err;

        if (!mds_sha256_parse(hex, &sha256)) {
            continue;
        }

        if (mds_idset_open(v->depot, &sha256, &err, &list) == MDS_OK) {
            mds_idset_close(list);
        } else if (err.status == MDS_NO_MEMORY) {
            mds_verify_report_error(v, where, &err);
        } else {
            mds_verify_report(v, where, "list %.*s: %s",
                              MDS_STR(mds_json_key(m)), err.text);
        }
    }
}

/* Compiles the document. */
static void
mds_verify_document(mds_verify_run_t *run, mds_json_t *state)
{
    mds_model_t *model = NULL;
    mds_error_t  err;
    mds_status_t status = mds_document_check(mds_json_get(state, "document"),
                                             run->where, &err, &model);

    if (status == MDS_OK) {
        mds_verify_packages(run, model);
        status = mds_setting_ids_assign(state, model, &err);
    }

    if (status == MDS_OK) {
        status = mds_compile(&run->compile, model, &err);
    }

    if (status != MDS_OK) {
        mds_verify_report_error(run->v, run->where, &err);
    }

    mds_model_free(model);
}

static mds_status_t
mds_verify_app(void *data, mds_str_t app, mds_error_t *err)
{
    mds_verify_run_t *run = data;
    mds_json_t       *state;
    char              where[512];
    uint64_t          serial;

    snprintf(where, sizeof(where), "journal, app %.*s", MDS_STR(app));
    run->where = where;
    run->v->result.apps++;

    if (mds_app_state_get_whole(run->journal, app, err, &state) != MDS_OK) {
        mds_verify_report_error(run->v, where, err);
        return MDS_OK;
    }

    if (mds_journal_check_index(run->journal, app, err) != MDS_OK) {
        mds_verify_report_error(run->v, where, err);
    }

    /* Once memory was short, the journal reads nothing more. */
    if (run->v->starved) {
        mds_json_release(state);
        return MDS_OK;
    }

    serial = (uint64_t) mds_json_get_integer(state, "serial");

    if (serial == 0 || serial > mds_journal_get_serial(run->journal)) {
        mds_verify_report(run->v, where, "its last change would be %" PRIu64,
                          serial);
    }

    mds_verify_bases(run->v, where, mds_app_state_get(state, "lists"));
    mds_verify_bases(run->v, where, mds_json_get(state, "external"));
    run->keyid = mds_json_get_string(state, "key");
    mds_verify_document(run, state);
    mds_json_release(state);

    return MDS_OK;
}

mds_status_t
mds_verify_apps(mds_verify_t *v, mds_journal_t *journal, mds_error_t *err)
{
    mds_verify_run_t run = { .compile = { mds_verify_size, mds_verify_delta,
                                          mds_verify_sign, mds_verify_emit },
                             .v = v,
                             .journal = journal };

    return mds_journal_visit_apps(journal, mds_verify_app, &run, err);
}
