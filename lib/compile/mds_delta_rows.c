/*
 * Compares the digests in the keys of delta rows with those of all packages.
 */

#include "compile/mds_delta_rows.h"

#include <stdlib.h>

void
mds_package_set_free(mds_package_set_t *set)
{
    mds_buffer_free(&set->digests);
    *set = (mds_package_set_t){ { 0 } };
}

void
mds_package_set_add(mds_package_set_t *set, const mds_record_t *record)
{
    for (uint32_t i = 0; i < record->tables[MDS_TABLE_BUILDS].count; i++) {
        const mds_build_t *build = mds_record_item(record, MDS_TABLE_BUILDS, i);

        mds_buffer_add(&set->digests, build->sha256, sizeof(build->sha256));
    }
}

static int
mds_package_set_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(mds_sha256_t));
}

static size_t
mds_package_set_count(const mds_package_set_t *set)
{
    return set->digests.len / sizeof(mds_sha256_t);
}

void
mds_package_set_sort(mds_package_set_t *set)
{
    if (set->digests.len > 0) {
        qsort(set->digests.data, mds_package_set_count(set),
              sizeof(mds_sha256_t), mds_package_set_cmp);
    }
}

static bool
mds_package_set_has(const mds_package_set_t *set, const void *sha256)
{
    return set->digests.len > 0
           && bsearch(sha256, set->digests.data, mds_package_set_count(set),
                      sizeof(mds_sha256_t), mds_package_set_cmp)
                  != NULL;
}

bool
mds_package_set_is_within(const mds_package_set_t *set,
                          const mds_package_set_t *other)
{
    for (size_t at = 0; at < set->digests.len; at += sizeof(mds_sha256_t)) {
        if (!mds_package_set_has(other, set->digests.data + at)) {
            return false;
        }
    }

    return true;
}

bool
mds_package_set_has_row(const mds_package_set_t *set, mds_str_t key)
{
    return mds_package_set_has(set, key.data + 1)
           && mds_package_set_has(set, key.data + 1 + sizeof(mds_sha256_t));
}

bool
mds_delta_row_is_key(mds_str_t key)
{
    return key.len == MDS_DELTA_KEY_BYTES && *key.data == '\0';
}

mds_status_t
mds_delta_rows_are_stale(mds_catalog_t *catalog, mds_error_t *err, bool *stale)
{
    mds_package_set_t    packages = { { 0 } };
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status;
    bool                 found = false;

    mds_catalog_walk(catalog, MDS_CATALOG_RESOURCES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (mds_catalog_next(&cursor, &key, &value)) {
        mds_package_set_add(&packages, (const mds_record_t *) value.data);
    }

    mds_catalog_walk_end(&cursor);
    mds_package_set_sort(&packages);
    mds_catalog_walk(catalog, MDS_CATALOG_RELEASES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (!found && mds_catalog_next(&cursor, &key, &value)
           && mds_delta_row_is_key(key))
    {
        found = !mds_package_set_has_row(&packages, key);
    }

    mds_catalog_walk_end(&cursor);
    status = mds_buffer_failed(&packages.digests)
                 ? mds_fail_memory(err)
                 : mds_catalog_status(catalog, err);
    mds_package_set_free(&packages);

    if (status == MDS_OK) {
        *stale = found;
    }

    return status;
}
