/*
 * The key of an app. Once a key has signed for an app, no other does, until
 * `rekey` changes it: devices that know the one would refuse the other's
 * signatures.
 */

#include <stdio.h>
#include <stdlib.h>

#include "catalog/mds_catalog.h"
#include "files/mds_store.h"
#include "loader/mds_catalog_visit.h"
#include "loader/mds_edit.h"
#include "loader/mds_update.h"

/* --- the key of an older program's signatures */

typedef struct {
    int64_t serial; /* of the newest manifest so far */
    uint8_t keyid[MDS_KEYID_BYTES];
    bool    found;
} mds_key_search_t;

/* Notes the key of the manifest, if it is newer than the last. */
static mds_status_t
mds_key_search_answer(void *data, const mds_record_t *record,
                      const mds_answer_t *answer, mds_error_t *err)
{
    mds_key_search_t *search = data;
    uint8_t           keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];
    int64_t           serial;
    mds_json_t       *manifest;
    mds_status_t      status;

    if (answer->manifest.len == 0) {
        return MDS_OK;
    }

    status = mds_json_parse(mds_record_bytes(record, answer->manifest),
                            "manifest", err, &manifest);

    if (status != MDS_OK) {
        return status;
    }

    serial = mds_json_get_integer(manifest, "serial");
    mds_json_release(manifest);

    if (search->found && serial <= search->serial) {
        return MDS_OK;
    }

    status = mds_dsse_parse(mds_record_bytes(record, answer->signature), err,
                            keyid, raw);

    if (status == MDS_OK) {
        memcpy(search->keyid, keyid, sizeof(keyid));
        search->serial = serial;
        search->found = true;
    }

    return status;
}

static mds_status_t
mds_key_search_record(void *data, const mds_record_t *record, mds_error_t *err)
{
    return mds_record_visit_offers(record, mds_key_search_answer, data, err);
}

/* Searches the generation in force: the newest manifest decides. */
static mds_status_t
mds_key_search_catalog(mds_loader_t *loader, mds_str_t app, mds_error_t *err,
                       mds_key_search_t *search)
{
    char           bytes[MDS_APP_MAX + 1];
    mds_str_t      prefix = { app.len + 1, bytes };
    mds_catalog_t *catalog;
    mds_status_t   status
        = mds_catalog_open(loader->depot, mds_current_serial(loader->current),
                           true, err, &catalog);

    /* A dry run leaves a generation of another format as it is. */
    if (status != MDS_OK) {
        return status == MDS_INCOMPATIBLE ? MDS_OK : status;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    status = mds_catalog_visit_records(catalog, prefix, mds_key_search_record,
                                       search, err);
    mds_catalog_close(catalog);

    return status;
}

/* Searches the packages of an app without releases: the last one decides. */
static void
mds_key_search_packages(mds_loader_t *loader, const mds_json_t *state,
                        mds_key_search_t *search)
{
    const mds_json_t *packages = mds_app_state_get(state, "packages");

    for (size_t i = mds_json_size(packages); i > 0 && !search->found; i--) {
        mds_str_t hex
            = mds_json_get_string(mds_json_at(packages, i - 1), "sha256");
        mds_sha256_t sha256;

        search->found
            = mds_sha256_parse(hex, &sha256)
              && mds_store_signer(loader->depot, &sha256, NULL, search->keyid)
                     == MDS_OK;
    }
}

/* Sets "key" of a state that has none, if anything of the app is signed. */
static mds_status_t
mds_key_adopt(mds_loader_t *loader, mds_str_t app, mds_json_t *state,
              mds_error_t *err)
{
    char             hex[MDS_KEYID_HEX + 1];
    mds_key_search_t search = { .found = false };
    mds_status_t     status;

    /* Nothing of a new app is signed. */
    if (mds_json_get(state, "key") != NULL
        || mds_json_get(state, "serial") == NULL) {
        return MDS_OK;
    }

    status = mds_key_search_catalog(loader, app, err, &search);

    if (status == MDS_OK && !search.found) {
        mds_key_search_packages(loader, state, &search);
    }

    if (status != MDS_OK || !search.found) {
        return status;
    }

    (void) mds_keyid_hex(search.keyid, hex);

    return mds_json_done(mds_json_set_str(state, "key", mds_str_of(hex)), err);
}

mds_signer_t
mds_app_signer(const mds_json_t *state, const mds_key_t *key)
{
    mds_str_t    known = mds_json_get_string(state, "key");
    mds_signer_t signer = { .key = key };
    char         hex[MDS_KEYID_HEX + 1];

    snprintf(signer.keyid, sizeof(signer.keyid), "%.*s", MDS_STR(known));

    if (key != NULL && known.len > 0
        && !mds_str_eq(known, mds_str_of(mds_keyid_hex(key->keyid, hex))))
    {
        signer.key = NULL;
    }

    return signer;
}

mds_status_t
mds_update_check_key(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    char                hex[MDS_KEYID_HEX + 1];
    mds_signer_t        signer;
    mds_status_t status = mds_key_adopt(u->loader, change->app, u->before, err);

    if (status != MDS_OK || change->key == NULL || change->rekeys) {
        return status;
    }

    signer = mds_app_signer(u->before, change->key);

    return signer.key != NULL
               ? MDS_OK
               : mds_fail(err, MDS_DENIED,
                          "app \"%.*s\" is signed by key %s, and the key given"
                          " by --key or MDS_KEY is %s: its devices would"
                          " refuse what that signs. Give key %s, or change the"
                          " app's key with `mdsctl rekey %.*s --key FILE`",
                          MDS_STR(change->app), signer.keyid,
                          mds_keyid_hex(change->key->keyid, hex), signer.keyid,
                          MDS_STR(change->app));
}

mds_status_t
mds_edit_rekey(mds_loader_t *loader, void *data, mds_json_t *state,
               mds_error_t *err)
{
    const mds_key_t *key = data;
    mds_str_t        app = mds_json_string(mds_app_state_get(state, "app"));
    char             hex[MDS_KEYID_HEX + 1];

    (void) loader;

    if (mds_json_get(state, "key") == NULL) {
        return mds_fail(err, MDS_NOT_FOUND,
                        "nothing of app \"%.*s\" is signed yet: the key that"
                        " signs its first package becomes its key",
                        MDS_STR(app));
    }

    (void) mds_keyid_hex(key->keyid, hex);

    return mds_json_done(mds_json_set_str(state, "key", mds_str_of(hex)), err);
}

/* --- SHA256.minisig, which all apps that have the file share */

typedef struct {
    mds_sha256_t sha256;
    char         keyid[MDS_KEYID_HEX + 1]; /* of the key that signed it */
    bool         needed;                   /* by another app of that key */
} mds_stale_t;

static int
mds_stale_cmp(const void *a, const void *b)
{
    return memcmp(((const mds_stale_t *) a)->sha256.bytes,
                  ((const mds_stale_t *) b)->sha256.bytes,
                  sizeof(((const mds_stale_t *) a)->sha256.bytes));
}

/* Collects the signature of a package, if another key made it. */
static mds_status_t
mds_stale_collect(mds_update_t *u, const mds_package_t *package,
                  mds_error_t *err)
{
    mds_stale_t stale = { .sha256 = package->sha256 };
    uint8_t     keyid[MDS_KEYID_BYTES];

    if (mds_store_signer(u->loader->depot, &stale.sha256, NULL, keyid) == MDS_OK
        && memcmp(keyid, u->change->key->keyid, sizeof(keyid)) != 0)
    {
        (void) mds_keyid_hex(keyid, stale.keyid);
        mds_buffer_add(&u->stale, &stale, sizeof(stale));
    }

    return mds_buffer_failed(&u->stale) ? mds_fail_memory(err) : MDS_OK;
}

/* Marks the signatures by which another app's devices verify. The key of an app
 * that an older program has signed may be any. */
static mds_status_t
mds_stale_check_app(void *data, mds_str_t app, mds_error_t *err)
{
    mds_update_t     *u = data;
    mds_buffer_t     *stale = &u->stale;
    const mds_json_t *packages;
    mds_json_t       *state;
    mds_str_t         keyid;
    mds_status_t      status;

    if (mds_str_eq(app, u->change->app)) {
        return MDS_OK;
    }

    status = mds_app_state_get_whole(u->loader->journal, app, err, &state);
    if (status != MDS_OK) {
        return status;
    }

    keyid = mds_json_get_string(state, "key");
    packages = mds_app_state_get(state, "packages");

    for (size_t i = 0; i < mds_json_size(packages); i++) {
        mds_str_t hex = mds_json_get_string(mds_json_at(packages, i), "sha256");
        mds_stale_t wanted = { .needed = false }, *found;

        if (!mds_sha256_parse(hex, &wanted.sha256)) {
            continue;
        }

        found = bsearch(&wanted, stale->data, stale->len / sizeof(*found),
                        sizeof(*found), mds_stale_cmp);

        if (found != NULL
            && (keyid.len == 0 || mds_str_eq(keyid, mds_str_of(found->keyid))))
        {
            found->needed = true;
        }
    }

    mds_json_release(state);
    return MDS_OK;
}

mds_status_t
mds_update_find_stale(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status;

    if (u->change->key == NULL) {
        return MDS_OK;
    }

    status = mds_update_visit_files(u, mds_stale_collect, err);

    if (status != MDS_OK || u->stale.len == 0) {
        return status;
    }

    qsort(u->stale.data, u->stale.len / sizeof(mds_stale_t),
          sizeof(mds_stale_t), mds_stale_cmp);
    return mds_journal_visit_apps(u->loader->journal, mds_stale_check_app, u,
                                  err);
}

/* A failure here does not fail the change, which is in force: the next change
 * tries again. */
void
mds_update_replace_stale(mds_update_t *u)
{
    const mds_stale_t *stale = (const void *) u->stale.data;
    mds_error_t        err;
    mds_status_t       warned = MDS_OK;

    for (size_t i = 0; i < u->stale.len / sizeof(*stale); i++) {
        if (!stale[i].needed
            && mds_store_set_signature(u->loader->depot, &stale[i].sha256,
                                       u->change->key->keyid, &err)
                   != MDS_OK)
        {
            warned = mds_update_warn(u, &err, "%s", err.text);
        }
    }

    (void) warned;
}
