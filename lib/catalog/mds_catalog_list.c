/*
 * Looks ids up in the lists of a generation. A list is opened at its first use,
 * and kept: its base stays mapped, its patterns stay compiled.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "catalog/mds_catalog_internal.h"

void
mds_opened_list_free(mds_opened_list_t *list)
{
    if (list == NULL) {
        return;
    }

    for (uint32_t i = 0; list->patterns != NULL && i < list->pattern_count; i++)
    {
        mds_pattern_free(list->patterns[i]);
    }

    mds_idset_close(list->base);
    free(list->patterns);
    free(list);
}

static mds_status_t
mds_opened_list_patterns(mds_opened_list_t       *list,
                         const mds_list_record_t *record, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    list->patterns
        = calloc(record->patterns.count + 1, sizeof(*list->patterns));
    if (list->patterns == NULL) {
        return mds_fail_memory(err);
    }

    list->pattern_count = record->patterns.count;

    for (uint32_t i = 0; status == MDS_OK && i < list->pattern_count; i++) {
        status = mds_pattern_compile(mds_list_record_pattern(record, i), err,
                                     &list->patterns[i]);
    }

    return status;
}

/* Returns whether the lists of all layers were validated; the top's are last.
 */
static bool
mds_catalog_is_validated(const mds_catalog_t *catalog)
{
    return catalog->chain.count > 0 && catalog->chain.layers[0]->lists != NULL;
}

/* Opens the base; in a validated generation, only the file that was validated.
 */
static mds_status_t
mds_catalog_open_base(mds_catalog_t *catalog, const mds_sha256_t *sha256,
                      mds_error_t *err, mds_idset_t **base)
{
    const mds_file_id_t *validated;
    mds_idset_t         *opened;
    mds_status_t status = mds_idset_open(catalog->depot, sha256, err, &opened);

    if (status != MDS_OK) {
        return status;
    }

    validated = mds_chain_find_list(&catalog->chain, sha256);

    if (mds_catalog_is_validated(catalog)
        && (validated == NULL
            || !mds_file_id_eq(validated, mds_idset_file_id(opened))))
    {
        mds_idset_close(opened);
        return mds_fail(err, MDS_DAMAGED,
                        "its file is not the one that was validated");
    }

    *base = opened;
    return MDS_OK;
}

static mds_status_t
mds_catalog_open_list(mds_catalog_t *catalog, mds_str_t value, mds_error_t *err,
                      mds_opened_list_t **list)
{
    const mds_list_record_t *record = (const mds_list_record_t *) value.data;
    mds_opened_list_t       *opened;
    mds_sha256_t             base;
    mds_status_t             status = mds_list_record_check(value, err);

    if (status != MDS_OK) {
        return status;
    }

    opened = calloc(1, sizeof(*opened));
    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    if (record->has_base) {
        memcpy(base.bytes, record->base, sizeof(base.bytes));
        status = mds_catalog_open_base(catalog, &base, err, &opened->base);
    }

    if (status == MDS_OK) {
        status = mds_opened_list_patterns(opened, record, err);
    }

    if (status != MDS_OK) {
        mds_opened_list_free(opened);
        return status;
    }

    opened->record = value.data;
    opened->tick = catalog->tick;
    *list = opened;

    return MDS_OK;
}

/* At least half of the places stay free. */
mds_status_t
mds_catalog_lists_init(mds_catalog_t *catalog, mds_error_t *err)
{
    size_t places = 2;

    while (places < 2 * (size_t) catalog->meta.list_count) {
        places *= 2;
    }

    catalog->lists_mask = places - 1;
    catalog->lists = calloc(places, sizeof(*catalog->lists));

    return catalog->lists == NULL ? mds_fail_memory(err) : MDS_OK;
}

/* Returns the place of the list that has this record, or a free one for it. */
static mds_opened_list_t **
mds_catalog_list_place(const mds_catalog_t *catalog, const char *record)
{
    uint64_t mixed = (uint64_t) (uintptr_t) record * 0x9e3779b97f4a7c15;
    size_t   i = (size_t) (mixed >> 32) & catalog->lists_mask;

    while (catalog->lists[i] != NULL && catalog->lists[i]->record != record) {
        i = (i + 1) & catalog->lists_mask;
    }

    return &catalog->lists[i];
}

static MDS_COLD mds_status_t
mds_catalog_list_fail(const mds_catalog_t *catalog, mds_str_t key,
                      mds_status_t status, const char *why, mds_error_t *err)
{
    return mds_fail(err, status == MDS_NO_MEMORY ? status : MDS_DAMAGED,
                    "catalog %" PRIu64 ": list %.*s: %s", catalog->meta.serial,
                    MDS_STR(key), why);
}

/* Opens a list at its first use. */
static MDS_COLD mds_status_t
mds_catalog_add_list(mds_catalog_t *catalog, mds_str_t value, mds_error_t *err,
                     mds_opened_list_t **place)
{
    mds_status_t status;

    if (catalog->opened >= catalog->meta.list_count) {
        return mds_fail(err, MDS_DAMAGED, "there are more lists than it says");
    }

    status = mds_catalog_open_list(catalog, value, err, place);

    if (status == MDS_OK) {
        catalog->opened++;
    }

    return status;
}

mds_status_t
mds_catalog_list(mds_catalog_t *catalog, mds_str_t key, mds_error_t *err,
                 const mds_list_record_t **record, mds_opened_list_t **list)
{
    mds_opened_list_t **place;
    mds_error_t         why;
    mds_str_t           value;
    mds_status_t        status;

    if (!mds_catalog_find(catalog, MDS_CATALOG_LISTS, key, &value)) {
        return mds_catalog_list_fail(catalog, key, MDS_NOT_FOUND,
                                     "it does not exist", err);
    }

    place = mds_catalog_list_place(catalog, value.data);

    if (*place == NULL) {
        status = mds_catalog_add_list(catalog, value, &why, place);

        if (status != MDS_OK) {
            return mds_catalog_list_fail(catalog, key, status, why.text, err);
        }
    }

    *record = (const mds_list_record_t *) value.data;
    *list = *place;

    return MDS_OK;
}

mds_status_t
mds_catalog_try_list(mds_catalog_t *catalog, mds_str_t value, mds_error_t *err)
{
    mds_opened_list_t *list;
    mds_status_t status = mds_catalog_open_list(catalog, value, err, &list);

    if (status == MDS_OK) {
        mds_opened_list_free(list);
    }

    return status;
}

static mds_status_t
mds_opened_list_match(mds_opened_list_t *list, mds_str_t id,
                      bool on_match_limit, mds_error_t *err, bool *in)
{
    mds_status_t status = MDS_OK;
    bool         match = false;

    for (uint32_t i = 0; status == MDS_OK && !match && i < list->pattern_count;
         i++) {
        mds_pattern_t *pattern = list->patterns[i];
        uint64_t       overruns = mds_pattern_overruns(pattern);

        status = mds_pattern_match(pattern, id, err, &match);
        match
            = match
              || (on_match_limit && mds_pattern_overruns(pattern) != overruns);
    }

    if (status == MDS_OK) {
        *in = match;
    }

    return status;
}

/* Looks a hash up in the base, whose file is checked once a tick. */
static mds_status_t
mds_opened_list_base_has(mds_opened_list_t *list, uint64_t tick, uint64_t hash,
                         mds_error_t *err, bool *has)
{
    mds_status_t status = MDS_OK;

    if (list->tick != tick) {
        list->tick = tick;
        status = mds_idset_check(list->base, err);
    }

    return status == MDS_OK ? mds_idset_contains(list->base, hash, err, has)
                            : status;
}

mds_status_t
mds_catalog_list_has(mds_catalog_t *catalog, mds_str_t key, mds_str_t id,
                     uint64_t hash, bool on_match_limit, mds_error_t *err,
                     bool *in)
{
    const mds_list_record_t *record;
    mds_opened_list_t       *list;
    bool                     has = false;
    mds_status_t             status;

    status = mds_catalog_list(catalog, key, err, &record, &list);

    if (status != MDS_OK) {
        return status;
    }

    has = mds_list_record_has(record, record->ids, hash);

    if (!has && list->base != NULL) {
        status = mds_opened_list_base_has(list, catalog->tick, hash, err, &has);
    }

    if (has && mds_list_record_has(record, record->without, hash)) {
        has = false;
    }

    if (status == MDS_OK && !has) {
        status = mds_opened_list_match(list, id, on_match_limit, err, &has);
    }

    if (status == MDS_OK) {
        *in = has;
    }

    return status;
}
