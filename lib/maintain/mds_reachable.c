/*
 * Finds digests in JSON values and in records of a generation.
 */

#include "maintain/mds_reachable.h"

#include <stdlib.h>

#include "catalog/mds_list_record.h"
#include "catalog/mds_trust_record.h"
#include "files/mds_store.h"
#include "loader/mds_catalog_visit.h"

#define MDS_REACHABLE_ROOM 256

void
mds_reachable_free(mds_reachable_t *set)
{
    free(set->items);
    *set = (mds_reachable_t){ 0 };
}

mds_status_t
mds_reachable_status(const mds_reachable_t *set, mds_error_t *err)
{
    return set->status == MDS_OK ? MDS_OK : mds_fail_memory(err);
}

static int
mds_reachable_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(mds_sha256_t));
}

void
mds_reachable_add(mds_reachable_t *set, const mds_sha256_t *sha256)
{
    size_t        room = set->room == 0 ? MDS_REACHABLE_ROOM : 2 * set->room;
    mds_sha256_t *grown;

    if (set->count == set->room) {
        grown = realloc(set->items, room * sizeof(*grown));
        if (grown == NULL) {
            set->status = MDS_NO_MEMORY;
            return;
        }
        set->items = grown;
        set->room = room;
    }

    set->items[set->count++] = *sha256;
    set->sorted = false;
}

bool
mds_reachable_has(mds_reachable_t *set, const mds_sha256_t *sha256)
{
    if (set->count == 0) {
        return false;
    }

    if (!set->sorted) {
        qsort(set->items, set->count, sizeof(*set->items), mds_reachable_cmp);
        set->sorted = true;
    }

    return bsearch(sha256, set->items, set->count, sizeof(*set->items),
                   mds_reachable_cmp)
           != NULL;
}

/* Returns the digest of a key's id, by which the set knows the key. */
static mds_sha256_t
mds_reachable_key(const uint8_t keyid[MDS_KEYID_BYTES])
{
    mds_sha256_t digest;

    mds_sha256((const char *) keyid, MDS_KEYID_BYTES, &digest);
    return digest;
}

bool
mds_reachable_has_key(mds_reachable_t *set,
                      const uint8_t    keyid[MDS_KEYID_BYTES])
{
    mds_sha256_t digest = mds_reachable_key(keyid);

    return mds_reachable_has(set, &digest);
}

static void
mds_reachable_text(mds_reachable_t *set, mds_str_t text)
{
    const mds_str_t files = mds_str("files/");
    uint8_t         keyid[MDS_KEYID_BYTES];
    mds_sha256_t    sha256;

    if (mds_sha256_parse(text, &sha256)) {
        mds_reachable_add(set, &sha256);
        return;
    }

    if (mds_str_starts(text, files)) {
        text.data += files.len;
        text.len -= files.len;
    }

    if (set->keys
        && (mds_keyid_parse(text, keyid)
            || mds_store_name(text, &sha256, keyid) == MDS_STORE_KEY_SIGNATURE))
    {
        sha256 = mds_reachable_key(keyid);
        mds_reachable_add(set, &sha256);
    }
}

void
mds_reachable_json(mds_reachable_t *set, const mds_json_t *json)
{
    if (mds_json_is_array(json)) {
        for (size_t i = 0; i < mds_json_size(json); i++) {
            mds_reachable_json(set, mds_json_at(json, i));
        }

    } else if (mds_json_is_object(json)) {
        for (mds_json_member_t *m = mds_json_first(json); m != NULL;
             m = mds_json_next(json, m))
        {
            mds_reachable_json(set, mds_json_value(m));
        }

    } else if (mds_json_is_string(json)) {
        mds_reachable_text(set, mds_json_string(json));
    }
}

/* Adds what a manifest names. */
static mds_status_t
mds_reachable_answer(void *data, const mds_record_t *record,
                     const mds_answer_t *answer, mds_error_t *err)
{
    mds_json_t  *json;
    mds_status_t status;

    if (answer->manifest.len == 0) {
        return MDS_OK;
    }

    status = mds_json_parse(mds_record_bytes(record, answer->manifest),
                            "manifest", err, &json);

    if (status == MDS_OK) {
        mds_reachable_json(data, json);
        mds_json_release(json);
    }

    return status;
}

static mds_status_t
mds_reachable_record(void *data, const mds_record_t *record, mds_error_t *err)
{
    mds_reachable_t *set = data;
    uint32_t         builds = record->tables[MDS_TABLE_BUILDS].count;
    mds_sha256_t     sha256;
    mds_status_t     status;

    for (uint32_t i = 0; i < builds; i++) {
        const mds_build_t *build = mds_record_item(record, MDS_TABLE_BUILDS, i);

        memcpy(sha256.bytes, build->sha256, sizeof(sha256.bytes));
        mds_reachable_add(set, &sha256);
    }

    status = mds_record_visit_offers(record, mds_reachable_answer, set, err);

    return status == MDS_OK
               ? mds_record_visit_deltas(record, mds_reachable_answer, set, err)
               : status;
}

/* Adds the base that a record of a list names. */
static mds_status_t
mds_reachable_list(mds_reachable_t *set, mds_str_t value, mds_error_t *err)
{
    const mds_list_record_t *record = (const void *) value.data;
    mds_sha256_t             sha256;
    mds_status_t             status = mds_list_record_check(value, err);

    if (status == MDS_OK && record->has_base) {
        memcpy(sha256.bytes, record->base, sizeof(sha256.bytes));
        mds_reachable_add(set, &sha256);
    }

    return status;
}

/* Adds the bases of a layer's lists, with those that higher layers hide: the
 * layer is validated by all of its records. */
static mds_status_t
mds_reachable_layer(mds_reachable_t *set, mds_catalog_t *catalog, unsigned i,
                    mds_error_t *err)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    mds_catalog_walk_layer(catalog, MDS_CATALOG_LISTS, i, mds_null_str,
                           &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)) {
        if (value.len > 0) {
            status = mds_reachable_list(set, value, err);
        }
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}

/* Adds the name of a tree's file. */
static mds_status_t
mds_reachable_tree(void *data, mds_str_t value, mds_error_t *err)
{
    mds_tree_record_t record;
    mds_sha256_t      root;
    mds_str_t         changes;

    (void) err;

    if (mds_tree_record_read(value, &record, &changes)) {
        memcpy(root.bytes, record.root, sizeof(root.bytes));
        mds_reachable_add(data, &root);
    }

    return MDS_OK;
}

mds_status_t
mds_reachable_catalog(mds_reachable_t *set, mds_catalog_t *catalog,
                      mds_error_t *err)
{
    unsigned        count = mds_catalog_files(catalog)->count;
    mds_trust_key_t trees;
    mds_status_t    status
        = mds_catalog_visit_records(catalog, mds_null_str, mds_reachable_record,
                                    set, err);

    for (unsigned i = 0; status == MDS_OK && i < count; i++) {
        status = mds_reachable_layer(set, catalog, i, err);
    }

    mds_trust_tree_key(mds_str(""), &trees);

    return status == MDS_OK ? mds_catalog_visit(catalog, MDS_CATALOG_META,
                                                mds_trust_key_str(&trees),
                                                mds_reachable_tree, set, err)
                            : status;
}
