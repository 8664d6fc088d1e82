/*
 * Records of a catalog behind its own look-ups: an app's, and a list's, whose
 * checksum and length are made to fit. What is taken answers from within the
 * record, and the same each time. (A resource's is fuzz_record.c.)
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char        depot[] = "/nowhere";
    mds_opened_list_t *lists[1] = { NULL };
    mds_app_record_t   app;
    mds_str_t          list;

    fuzz_table_clear();
    catalog = (mds_catalog_t){ .lmdb = fuzz_table(), .depot = depot };
    catalog.meta.list_count = catalog.meta.resource_count = 1;
    catalog.lists = lists;
    fuzz_must(mds_catalog_cache_init(&catalog, NULL) == MDS_OK);

    fuzz_table_put(MDS_CATALOG_APPS, mds_str("a"),
                   (mds_str_t){ size, (const char *) data });
    fuzz_must((mds_catalog_app(&catalog, mds_str("a"), NULL, &app) == MDS_OK)
              == (size == sizeof(app)));

    if (size >= sizeof(mds_list_record_t)) {
        put_list(data, size);
        list = fuzz_table_get(MDS_CATALOG_LISTS, mds_str("l"));
        ask_list("alice", list);
        ask_list("qa-17", list);
        ask_list("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", list);
    }

    mds_opened_list_free(lists[0]);
    free(catalog.found);
    fuzz_table_clear();
    return 0;
}
