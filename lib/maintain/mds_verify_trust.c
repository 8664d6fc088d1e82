/*
 * Verifies trees: the hashes of each file, and that the tree of each app of the
 * generation in force has what can be given to devices.
 */

#include <stdio.h>

#include "catalog/mds_trust_record.h"
#include "loader/mds_catalog_visit.h"
#include "maintain/mds_verify_internal.h"

static mds_status_t
mds_verify_tree(mds_verify_t *v, const char *name, uint64_t size_bytes,
                mds_error_t *err)
{
    char         where[512];
    mds_sha256_t root;
    mds_tree_t  *tree;
    mds_error_t  why;
    mds_status_t status;

    (void) err;
    snprintf(where, sizeof(where), MDS_TREES "/%s", name);

    if (!mds_sha256_parse(mds_str_of(name), &root)) {
        mds_verify_report(v, where, "does not belong here");
        return MDS_OK;
    }

    status = mds_tree_open(v->depot, &root, &why, &tree);

    if (status == MDS_OK) {
        status = mds_tree_check(tree, &why);
        mds_tree_close(tree);
    }

    /* One may have been removed meanwhile. */
    if (status != MDS_OK && status != MDS_NOT_FOUND) {
        mds_verify_report_error(v, where, &why);
    }

    mds_verify_add_bytes(v, size_bytes);
    return MDS_OK;
}

mds_status_t
mds_verify_trees(mds_verify_t *v, mds_error_t *err)
{
    return mds_verify_folder(v, MDS_TREES, mds_verify_tree, err);
}

/* An app whose tree is compared with what its records give. */
typedef struct {
    const mds_tree_t *tree;
    uint64_t          given;
    uint64_t          missing;
} mds_verify_given_t;

static mds_status_t
mds_verify_given_answer(void *data, const mds_record_t *record,
                        const mds_answer_t *answer, mds_error_t *err)
{
    mds_verify_given_t *given = data;
    mds_str_t           body = mds_record_bytes(record, answer->manifest);
    mds_proof_t         proof;
    mds_sha256_t        digest;

    (void) err;
    mds_sha256(body.data, body.len, &digest);
    given->given++;
    given->missing += mds_tree_prove(given->tree, &digest, &proof) ? 0 : 1;

    return MDS_OK;
}

typedef struct {
    mds_verify_given_t *given;
    int64_t             now_ms;
} mds_verify_given_run_t;

static mds_status_t
mds_verify_given_record(void *data, const mds_record_t *record,
                        mds_error_t *err)
{
    const mds_verify_given_run_t *run = data;

    return mds_record_visit_given(record, run->now_ms, mds_verify_given_answer,
                                  run->given, err);
}

/* Compares one app's tree. What has ended since it was made may still be in
 * it; nothing that can be given may be missing. */
static mds_status_t
mds_verify_app_tree(mds_verify_t *v, mds_catalog_t *catalog, mds_str_t app,
                    int64_t now_ms, const char *where, mds_error_t *err)
{
    mds_verify_given_t     given = { 0 };
    mds_verify_given_run_t run = { &given, now_ms };
    char                   prefix[MDS_LMDB_KEY_MAX + 1] = "";
    mds_error_t            why;
    mds_status_t           status;

    status = mds_catalog_tree(catalog, app, &why, &given.tree);

    if (status == MDS_NOT_FOUND || app.len >= sizeof(prefix)) {
        return MDS_OK;
    }

    if (status != MDS_OK) {
        mds_verify_report(v, where, "tree of app \"%.*s\": %s", MDS_STR(app),
                          why.text);
        return MDS_OK;
    }

    memcpy(prefix, app.data, app.len);
    status
        = mds_catalog_visit_records(catalog, (mds_str_t){ app.len + 1, prefix },
                                    mds_verify_given_record, &run, err);

    if (status == MDS_OK && given.missing > 0) {
        mds_verify_report(v, where,
                          "tree of app \"%.*s\": %llu of %llu manifests are"
                          " missing",
                          MDS_STR(app), (unsigned long long) given.missing,
                          (unsigned long long) given.given);
    }

    return status;
}

mds_status_t
mds_verify_app_trees(mds_verify_t *v, mds_catalog_t *catalog, int64_t now_ms,
                     const char *where, mds_error_t *err)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    mds_catalog_walk(catalog, MDS_CATALOG_APPS, MDS_LAYERS_MAX, mds_null_str,
                     &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)) {
        status = mds_verify_app_tree(v, catalog, key, now_ms, where, err);
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}
