/*
 * Records of a catalog behind its own look-ups: an app's, and a list's, whose
 * checksum and length are made to fit. What is taken answers from within the
 * record, and the same each time. (A resource's is fuzz_record.c.)
 *
 * And the same bytes as records of three layers: of a key, the highest layer
 * that has it is found, by a look-up as by a walk, and an empty value hides it.
 */

#include "catalog/mds_catalog_internal.h"
#include "fuzz.h"

static mds_catalog_t catalog;

static void
ask_list(const char *id, mds_str_t record)
{
    const mds_list_record_t *found;
    mds_opened_list_t       *list;
    mds_error_t              err;
    uint64_t                 hash = mds_id_hash(mds_str_of(id));
    bool                     in = false, again = true, doubted;

    if (mds_catalog_list(&catalog, mds_str("l"), &err, &found, &list) != MDS_OK)
    {
        fuzz_must(err.status == MDS_DAMAGED);
        return;
    }

    fuzz_must(list->pattern_count == found->patterns.count);
    fuzz_read(record);

    if (mds_catalog_list_has(&catalog, mds_str("l"), mds_str_of(id), hash,
                             false, &err, &in)
        != MDS_OK)
    {
        return;
    }

    fuzz_must(mds_catalog_list_has(&catalog, mds_str("l"), mds_str_of(id), hash,
                                   false, &err, &again)
                  == MDS_OK
              && in == again);
    fuzz_must(mds_catalog_list_has(&catalog, mds_str("l"), mds_str_of(id), hash,
                                   true, &err, &doubted)
                  == MDS_OK
              && (!in || doubted));
}

static void
put_list(const uint8_t *data, size_t size)
{
    mds_list_record_t *record = malloc(size);

    fuzz_must(record != NULL);
    memcpy(record, data, size);
    record->tag = MDS_LIST_TAG;
    record->bytes = (uint32_t) size;
    record->has_base = 0;
    record->check = mds_list_record_sum(record);
    fuzz_table_put(MDS_CATALOG_LISTS, mds_str("l"),
                   (mds_str_t){ size, (const char *) record });
    free(record);
}

/* Three bits of each byte say which layers have the key, three more in which
 * of them it is a tombstone. */
static void
put_layers(const uint8_t *data, size_t size)
{
    for (size_t k = 0; k < size && k < 64; k++) {
        char key = (char) ('A' + k);

        for (unsigned i = 0; i < FUZZ_LAYERS; i++) {
            char value[2] = { (char) ('0' + i), key };
            bool tombstone = (data[k] >> (3 + i) & 1) != 0;

            if ((data[k] >> i & 1) != 0) {
                mds_lmdb_put(fuzz_layer(i), MDS_CATALOG_RESOURCES,
                             (mds_str_t){ 1, &key },
                             (mds_str_t){ tombstone ? 0 : 2, value });
            }
        }
    }
}

/* The layer in which the key is found; FUZZ_LAYERS: in none. */
static unsigned
wanted(uint8_t bits)
{
    for (unsigned i = 0; i < FUZZ_LAYERS; i++) {
        if ((bits >> i & 1) != 0) {
            return (bits >> (3 + i) & 1) != 0 ? FUZZ_LAYERS : i;
        }
    }

    return FUZZ_LAYERS;
}

static void
ask_layers(const uint8_t *data, size_t size)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value, found;
    size_t               at = 0;

    mds_catalog_walk(&catalog, MDS_CATALOG_RESOURCES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    for (size_t k = 0; k < size && k < 64; k++) {
        char     letter = (char) ('A' + k);
        unsigned layer = wanted(data[k]);

        for (int times = 0; times < 2; times++) {
            fuzz_must(mds_catalog_find(&catalog, MDS_CATALOG_RESOURCES,
                                       (mds_str_t){ 1, &letter }, &found)
                      == (layer < FUZZ_LAYERS));
        }

        if (layer == FUZZ_LAYERS) {
            continue;
        }

        at++;
        fuzz_must(found.len == 2 && found.data[0] == (char) ('0' + layer));
        fuzz_must(mds_catalog_next(&cursor, &key, &value));
        fuzz_must(key.len == 1 && key.data[0] == letter
                  && value.data == found.data);
    }

    fuzz_must(!mds_catalog_next(&cursor, &key, &value));
    mds_catalog_walk_end(&cursor);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char      depot[] = "/nowhere";
    mds_app_record_t app;
    mds_str_t        list;

    fuzz_table_clear();
    catalog = (mds_catalog_t){ .layer_count = FUZZ_LAYERS, .depot = depot };
    catalog.meta.list_count = 1;
    catalog.meta.resource_count = 64;

    for (unsigned i = 0; i < FUZZ_LAYERS; i++) {
        catalog.layers[i] = fuzz_layer(i);
    }

    fuzz_must(mds_catalog_cache_init(&catalog, NULL) == MDS_OK
              && mds_catalog_lists_init(&catalog, NULL) == MDS_OK);

    fuzz_table_put(MDS_CATALOG_APPS, mds_str("a"),
                   (mds_str_t){ size, (const char *) data });
    fuzz_must((mds_catalog_app(&catalog, mds_str("a"), NULL, &app) == MDS_OK)
              == mds_app_record_fits(size));

    if (size >= sizeof(mds_list_record_t)) {
        put_list(data, size);
        list = fuzz_table_get(MDS_CATALOG_LISTS, mds_str("l"));
        ask_list("alice", list);
        ask_list("qa-17", list);
        ask_list("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", list);
    }

    put_layers(data, size);
    ask_layers(data, size);

    for (size_t i = 0; i <= catalog.lists_mask; i++) {
        mds_opened_list_free(catalog.lists[i]);
    }

    free(catalog.lists);
    free(catalog.found);
    fuzz_table_clear();
    return 0;
}
