/*
 * Makes the tree and the head of an app: the manifests that its records give,
 * in place of those that they gave before.
 */

#include "loader/mds_build_trust_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "trust/mds_head.h"

/* --- the tree */

/* Notes the tree that is replaced: generations that are kept need it. Those of
 * generations that are gone may be removed. */
static void
mds_build_trust_retire(mds_build_trust_t *trust, mds_tree_record_t *record)
{
    unsigned n = 0;

    if (!trust->has_tree) {
        return;
    }

    for (size_t i = 0; i < MDS_TREE_OLD_MAX; i++) {
        const mds_old_tree_t *old = &trust->record.old[i];

        if (old->serial == 0) {
            continue;
        }

        if (old->serial + MDS_GENERATIONS_KEPT > trust->serial
            && n < MDS_TREE_OLD_MAX - 1)
        {
            record->old[n++] = *old;
        } else {
            mds_buffer_add(&trust->stale, old->root, sizeof(old->root));
        }
    }

    if (memcmp(record->root, trust->record.root, sizeof(record->root)) != 0) {
        record->old[n].serial = trust->serial;
        memcpy(record->old[n].root, trust->record.root,
               sizeof(record->old[n].root));
    }
}

/* Drops what the record names from the trees that are not needed any more: a
 * tree may come back. */
static void
mds_build_trust_keep(mds_build_trust_t *trust, const uint8_t root[32])
{
    mds_sha256_t *stale = (mds_sha256_t *) trust->stale.data;

    for (size_t i = 0; i < trust->stale.len / sizeof(*stale); i++) {
        if (memcmp(stale[i].bytes, root, sizeof(stale[i].bytes)) == 0) {
            memset(stale[i].bytes, 0, sizeof(stale[i].bytes));
        }
    }
}

/* A tree that was made: its file, and the changes over it. */
typedef struct {
    mds_sha256_t file_root;
    uint64_t     file_count;
    mds_buffer_t changes; /* mds_tree_change_t */
    mds_sha256_t root;
    uint64_t     count;
} mds_made_tree_t;

static mds_status_t
mds_build_trust_put_tree(mds_build_trust_t *trust, const mds_made_tree_t *made,
                         mds_error_t *err)
{
    mds_tree_record_t record
        = { .tag = MDS_TREE_RECORD_TAG, .count = made->file_count };
    mds_buffer_t    value = { 0 };
    mds_trust_key_t key;
    mds_sha256_t    none;

    memcpy(record.root, made->file_root.bytes, sizeof(record.root));
    mds_build_trust_retire(trust, &record);
    mds_build_trust_keep(trust, record.root);

    for (size_t i = 0; i < MDS_TREE_OLD_MAX; i++) {
        mds_build_trust_keep(trust, record.old[i].root);
    }

    /* Apps without manifests share one file. */
    mds_sha256("", 0, &none);
    mds_build_trust_keep(trust, none.bytes);

    mds_trust_tree_key(trust->app, &key);
    mds_buffer_add(&value, &record, sizeof(record));
    mds_buffer_add(&value, made->changes.data, made->changes.len);

    if (mds_buffer_failed(&value)) {
        mds_buffer_free(&value);
        return mds_fail_memory(err);
    }

    mds_generation_trust(trust->generation, mds_trust_key_str(&key),
                         mds_buffer_str(&value));
    mds_buffer_free(&value);

    return MDS_OK;
}

/* Opens the tree that the app has. NULL: there is none, or it is lost, and is
 * made anew. */
static mds_tree_t *
mds_build_trust_open_before(const mds_build_trust_t *trust)
{
    mds_tree_t  *old;
    mds_sha256_t root;

    memcpy(root.bytes, trust->record.root, sizeof(root.bytes));

    if (!trust->has_tree || trust->extent == NULL
        || mds_tree_open(trust->depot, &root, NULL, &old) != MDS_OK)
    {
        return NULL;
    }

    if (mds_tree_set_changes(old, trust->changes, NULL) != MDS_OK) {
        mds_tree_close(old);
        return NULL;
    }

    return old;
}

/* Changes the tree, or makes the file of another one. */
static mds_status_t
mds_build_trust_change_tree(mds_build_trust_t *trust, mds_tree_t *old,
                            mds_error_t *err, mds_made_tree_t *made)
{
    uint64_t     max = mds_tree_changes_max(trust->record.count);
    bool         created;
    mds_status_t status;

    if (old != NULL
        && mds_tree_plan_changes(old, &trust->removed, &trust->added, max,
                                 &made->changes))
    {
        status = mds_tree_set_changes(old, mds_buffer_str(&made->changes), err);
        if (status != MDS_OK) {
            return status;
        }

        memcpy(made->file_root.bytes, trust->record.root,
               sizeof(made->file_root.bytes));
        made->file_count = trust->record.count;
        made->root = *mds_tree_root(old);
        made->count = mds_tree_count(old);

        return MDS_OK;
    }

    status = mds_tree_make(trust->depot, old, &trust->removed, &trust->added,
                           err, &made->root, &made->count, &created);
    made->file_root = made->root;
    made->file_count = made->count;

    return status;
}

static mds_status_t
mds_build_trust_make(mds_build_trust_t *trust, mds_error_t *err,
                     mds_made_tree_t *made)
{
    mds_tree_t  *old = mds_build_trust_open_before(trust);
    mds_status_t status = MDS_OK;

    if (trust->extent != NULL) {
        status = old == NULL ? mds_build_trust_add_before(trust, err)
                             : mds_build_trust_remove_extent(trust, err);
    }

    if (status == MDS_OK) {
        status = mds_build_trust_change_tree(trust, old, err, made);
    }

    mds_tree_close(old);
    return status;
}

/* --- the head */

static mds_status_t
mds_build_trust_sign(mds_build_trust_t *trust, const mds_made_tree_t *made,
                     mds_error_t *err)
{
    mds_head_t head = {
        .app = trust->app,
        .serial = (int64_t) trust->serial,
        .issued_ms = trust->now_ms,
        .expires_ms = trust->now_ms + trust->signer.ttl_ms,
        .root
        = trust->before == NULL ? 0 : mds_catalog_newest_root(trust->before),
        .count = (int64_t) made->count,
        .sha256 = made->root,
    };
    mds_trust_key_t key;
    char           *text;
    size_t          len;
    mds_status_t    status
        = mds_head_sign(&head, trust->signer.key, err, &text, &len);

    if (status == MDS_OK) {
        mds_trust_head_key(trust->app, &key);
        mds_generation_trust(trust->generation, mds_trust_key_str(&key),
                             (mds_str_t){ len, text });
        free(text);
    }

    return status;
}

/* Removes the head of the app, if it has one. */
static void
mds_build_trust_remove_head(mds_build_trust_t *trust)
{
    mds_trust_key_t key;
    mds_str_t       head;

    if (trust->before != NULL
        && mds_catalog_get_head(trust->before, trust->app, &head))
    {
        mds_trust_head_key(trust->app, &key);
        mds_generation_replace(trust->generation, MDS_CATALOG_META,
                               mds_trust_key_str(&key));
        trust->head_removed = true;
    }
}

static void
mds_build_trust_remove_app(mds_build_trust_t *trust)
{
    mds_trust_key_t key;

    mds_build_trust_remove_head(trust);
    mds_trust_tree_key(trust->app, &key);
    mds_generation_replace(trust->generation, MDS_CATALOG_META,
                           mds_trust_key_str(&key));
}

/* --- the steps */

void
mds_build_trust_begin(mds_build_trust_t *trust, mds_str_t app,
                      const mds_extent_t *extent)
{
    trust->app = app;
    trust->extent = extent;
    trust->record = (mds_tree_record_t){ 0 };
    trust->changes = mds_null_str;
    trust->has_tree = trust->before != NULL
                      && mds_catalog_get_tree(trust->before, app,
                                              &trust->record, &trust->changes);
    trust->is_made = trust->has_tree || trust->signer.key != NULL;
    trust->removed.len = 0;
    trust->added.len = 0;
}

/* Returns whether the tree is the one that the app has. */
static bool
mds_build_trust_is_same(const mds_build_trust_t *trust,
                        const mds_made_tree_t   *made)
{
    return trust->has_tree
           && memcmp(made->file_root.bytes, trust->record.root,
                     sizeof(made->file_root.bytes))
                  == 0
           && mds_str_eq(mds_buffer_str(&made->changes), trust->changes);
}

mds_status_t
mds_build_trust_end(mds_build_trust_t *trust, bool app_removed,
                    mds_error_t *err)
{
    mds_made_tree_t made = { 0 };
    mds_status_t    status;

    if (!trust->is_made) {
        return MDS_OK;
    }

    if (app_removed) {
        mds_build_trust_remove_app(trust);
        return MDS_OK;
    }

    status = mds_build_trust_make(trust, err, &made);

    if (status == MDS_OK && !mds_build_trust_is_same(trust, &made)) {
        status = mds_build_trust_put_tree(trust, &made, err);

        if (trust->signer.key == NULL) {
            mds_build_trust_remove_head(trust);
        }
    }

    if (status == MDS_OK && trust->signer.key != NULL) {
        status = mds_build_trust_sign(trust, &made, err);
    }

    mds_buffer_free(&made.changes);

    return status;
}

static mds_status_t
mds_build_trust_renew_app(mds_build_trust_t *trust, mds_str_t app,
                          mds_error_t *err)
{
    mds_status_t status;

    mds_build_trust_begin(trust, app, NULL);
    status = mds_build_trust_add_before(trust, err);

    return status == MDS_OK ? mds_build_trust_end(trust, false, err) : status;
}

mds_status_t
mds_build_trust_renew(mds_build_trust_t *trust, mds_str_t app, mds_error_t *err)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    if (app.len > 0) {
        return mds_build_trust_renew_app(trust, app, err);
    }

    mds_catalog_walk(trust->before, MDS_CATALOG_APPS, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)) {
        status = mds_build_trust_renew_app(trust, key, err);
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(trust->before, err) : status;
}

void
mds_build_trust_free(mds_build_trust_t *trust)
{
    mds_buffer_free(&trust->removed);
    mds_buffer_free(&trust->added);
    mds_buffer_free(&trust->stale);
}

void
mds_build_trust_sweep(const char *depot, const mds_buffer_t *stale)
{
    const mds_sha256_t *roots = (const mds_sha256_t *) stale->data;
    mds_path_t          path;

    for (size_t i = 0; i < stale->len / sizeof(*roots); i++) {
        if (mds_tree_path(depot, &roots[i], NULL, &path) == MDS_OK) {
            (void) unlink(path.text);
        }
    }
}
