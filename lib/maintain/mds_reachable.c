#include "maintain/mds_reachable.h"

#include <stdlib.h>

#include "catalog/mds_list_record.h"
#include "files/mds_store.h"

#define MDS_NEEDS_ROOM 256

void
mds_reachable_free(mds_reachable_t *needs)
{
    free(needs->items);
    *needs = (mds_reachable_t){ 0 };
}

mds_status_t
mds_reachable_status(const mds_reachable_t *needs, mds_error_t *err)
{
    return needs->status == MDS_OK
               ? MDS_OK
               : mds_fail(err, needs->status, "out of memory");
}

static int
mds_reachable_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(mds_sha256_t));
}

void
mds_reachable_add(mds_reachable_t *needs, const mds_sha256_t *sha256)
{
    size_t        room = needs->room == 0 ? MDS_NEEDS_ROOM : 2 * needs->room;
    mds_sha256_t *grown;

    if (needs->count == needs->room) {
        grown = realloc(needs->items, room * sizeof(*grown));
        if (grown == NULL) {
            needs->status = MDS_NO_MEMORY;
            return;
        }
        needs->items = grown;
        needs->room = room;
    }

    needs->items[needs->count++] = *sha256;
    needs->sorted = false;
}

bool
mds_reachable_has(mds_reachable_t *needs, const mds_sha256_t *sha256)
{
    if (needs->count == 0) {
        return false;
    }

    if (!needs->sorted) {
        qsort(needs->items, needs->count, sizeof(*needs->items),
              mds_reachable_cmp);
        needs->sorted = true;
    }

    return bsearch(sha256, needs->items, needs->count, sizeof(*needs->items),
                   mds_reachable_cmp)
           != NULL;
}

/* A key is known by the digest of its id. */
static mds_sha256_t
mds_reachable_key(const uint8_t keyid[MDS_KEYID_BYTES])
{
    mds_sha256_t digest;

    mds_sha256((const char *) keyid, MDS_KEYID_BYTES, &digest);
    return digest;
}

bool
mds_reachable_has_key(mds_reachable_t *needs,
                      const uint8_t    keyid[MDS_KEYID_BYTES])
{
    mds_sha256_t digest = mds_reachable_key(keyid);

    return mds_reachable_has(needs, &digest);
}

static void
mds_reachable_text(mds_reachable_t *needs, mds_str_t text)
{
    const mds_str_t files = mds_str("files/");
    uint8_t         keyid[MDS_KEYID_BYTES];
    mds_sha256_t    sha256;

    if (mds_sha256_parse(text, &sha256)) {
        mds_reachable_add(needs, &sha256);
        return;
    }

    if (mds_str_starts(text, files)) {
        text.data += files.len;
        text.len -= files.len;
    }

    if (needs->keys
        && (mds_keyid_parse(text, keyid)
            || mds_store_name(text, &sha256, keyid) == MDS_STORE_KEY_SIGNATURE))
    {
        sha256 = mds_reachable_key(keyid);
        mds_reachable_add(needs, &sha256);
    }
}

void
mds_reachable_json(mds_reachable_t *needs, const mds_json_t *json)
{
    if (mds_json_is_array(json)) {
        for (size_t i = 0; i < mds_json_size(json); i++) {
            mds_reachable_json(needs, mds_json_at(json, i));
        }

    } else if (mds_json_is_object(json)) {
        for (mds_json_member_t *m = mds_json_first(json); m != NULL;
             m = mds_json_next(json, m))
        {
            mds_reachable_json(needs, mds_json_value(m));
        }

    } else if (mds_json_is_string(json)) {
        mds_reachable_text(needs, mds_json_string(json));
    }
}

static mds_status_t
mds_reachable_manifest(mds_reachable_t *needs, const mds_record_t *record,
                       mds_span_t manifest, mds_error_t *err)
{
    mds_json_t  *json;
    mds_status_t status;

    if (manifest.len == 0) {
        return MDS_OK;
    }

    status = mds_json_parse(mds_record_bytes(record, manifest), "manifest", err,
                            &json);

    if (status == MDS_OK) {
        mds_reachable_json(needs, json);
        mds_json_release(json);
    }

    return status;
}

static mds_status_t
mds_reachable_record(mds_reachable_t *needs, const mds_record_t *record,
                     mds_error_t *err)
{
    const mds_table_t *tables = record->tables;
    mds_sha256_t       sha256;
    mds_status_t       status = MDS_OK;

    for (uint32_t i = 0; i < tables[MDS_TABLE_BUILDS].count; i++) {
        const mds_build_t *build = mds_record_item(record, MDS_TABLE_BUILDS, i);

        memcpy(sha256.bytes, build->sha256, sizeof(sha256.bytes));
        mds_reachable_add(needs, &sha256);
    }

    for (uint32_t i = 0; status == MDS_OK && i < tables[MDS_TABLE_OFFERS].count;
         i++)
    {
        const mds_offer_t *offer = mds_record_item(record, MDS_TABLE_OFFERS, i);

        status = mds_reachable_manifest(needs, record, offer->answer.manifest,
                                        err);
    }

    for (uint32_t i = 0; status == MDS_OK && i < tables[MDS_TABLE_DELTAS].count;
         i++)
    {
        const mds_delta_record_t *delta
            = mds_record_item(record, MDS_TABLE_DELTAS, i);

        status = mds_reachable_manifest(needs, record, delta->answer.manifest,
                                        err);
    }

    return status;
}

static mds_status_t
mds_reachable_records(mds_reachable_t *needs, mds_lmdb_t *lmdb,
                      mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_CATALOG_RESOURCES, mds_null_str);
    mds_str_t    key, value;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_record_check(value, err);

        if (status == MDS_OK) {
            status
                = mds_reachable_record(needs, (const void *) value.data, err);
        }
    }

    mds_lmdb_walk_end(cursor);
    return status;
}

static mds_status_t
mds_reachable_lists(mds_reachable_t *needs, mds_lmdb_t *lmdb, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_CATALOG_LISTS, mds_null_str);
    mds_str_t    key, value;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        const mds_list_record_t *record = (const void *) value.data;
        mds_sha256_t             sha256;

        status = mds_list_record_check(value, err);

        if (status == MDS_OK && record->has_base) {
            memcpy(sha256.bytes, record->base, sizeof(sha256.bytes));
            mds_reachable_add(needs, &sha256);
        }
    }

    mds_lmdb_walk_end(cursor);
    return status;
}

mds_status_t
mds_reachable_catalog(mds_reachable_t *needs, mds_catalog_t *catalog,
                      mds_error_t *err)
{
    mds_lmdb_t  *lmdb = mds_catalog_lmdb(catalog);
    mds_status_t status = mds_catalog_begin(catalog, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_reachable_records(needs, lmdb, err);

    if (status == MDS_OK) {
        status = mds_reachable_lists(needs, lmdb, err);
    }

    if (status == MDS_OK) {
        status = mds_lmdb_status(lmdb, err);
    }

    mds_catalog_end(catalog);
    return status;
}
