/*
 * Decides on which files a generation stands, and copies the records of the
 * others.
 *
 * How many files a generation has is a trade: the fewer a change writes, the
 * more often the small ones have to be merged. A small generation is written
 * whole. Else the file has what differs from the generation before, and takes
 * over the records of its top, until that has grown; then those of the middle,
 * too; and in the end those of the base.
 */

#include "compile/mds_generation_internal.h"

/* A base that is smaller is written anew by each change. */
#ifndef MDS_GENERATION_BASE_MIN
#    define MDS_GENERATION_BASE_MIN ((uint64_t) 256 << 10)
#endif

/* The sizes to which a top and a middle grow: at least these, and so many parts
 * of the base. */
#ifndef MDS_GENERATION_TOP_MIN
#    define MDS_GENERATION_TOP_MIN ((uint64_t) 96 << 10)
#    define MDS_GENERATION_MIDDLE_MIN ((uint64_t) 256 << 10)
#endif
#define MDS_GENERATION_TOP_PARTS 256
#define MDS_GENERATION_MIDDLE_PARTS 64

static uint64_t
mds_generation_larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/*
 * Decides how many layers of the generation before are merged into this one,
 * which stands on the rest. The file of a top that has grown becomes a middle.
 */
static void
mds_generation_plan(mds_generation_t *generation)
{
    const mds_chain_files_t *files = mds_catalog_files(generation->before);
    unsigned                 base = files->count - 1;
    uint64_t                 base_bytes = files->seals[base].file_id.bytes;
    uint64_t                 top_bytes = files->seals[0].file_id.bytes;
    uint64_t                 middle_bytes
        = top_bytes + (base == 2 ? files->seals[1].file_id.bytes : 0);
    uint64_t top_max
        = mds_generation_larger(MDS_GENERATION_TOP_MIN,
                                base_bytes / MDS_GENERATION_TOP_PARTS);
    uint64_t middle_max
        = mds_generation_larger(MDS_GENERATION_MIDDLE_MIN,
                                base_bytes / MDS_GENERATION_MIDDLE_PARTS);

    if (base_bytes < MDS_GENERATION_BASE_MIN) {
        generation->merged = files->count;

    } else if (base == 0) {
        generation->merged = 0;

    } else if (top_bytes <= top_max) {
        generation->merged = 1;

    } else if (middle_bytes <= middle_max) {
        generation->merged = base == 2 ? 2 : 0;

    } else {
        generation->merged = files->count;
    }

    generation->is_layer = generation->merged < files->count;
}

bool
mds_generation_get_before(mds_generation_t   *generation,
                          mds_catalog_table_t table, mds_str_t key,
                          mds_str_t *value)
{
    return generation->before != NULL
           && mds_catalog_get(generation->before, table, key, value);
}

bool
mds_generation_has_below(mds_generation_t   *generation,
                         mds_catalog_table_t table, mds_str_t key)
{
    mds_str_t value;

    return generation->is_layer
           && mds_catalog_get_below(generation->before, generation->merged,
                                    table, key, &value);
}

/* Returns whether a record of the layers that are merged is copied: not what a
 * file says of itself, and a tombstone only if it still hides a record. */
static bool
mds_generation_is_copied(mds_generation_t   *generation,
                         mds_catalog_table_t table, mds_str_t key,
                         mds_str_t value)
{
    if (table == MDS_CATALOG_META
        && mds_str_eq(key, mds_str(MDS_GENERATION_META_KEY)))
    {
        return false;
    }

    return value.len > 0 || mds_generation_has_below(generation, table, key);
}

/* Copies the records of the layers that are merged. */
static mds_status_t
mds_generation_merge(mds_generation_t *generation, mds_error_t *err)
{
    mds_catalog_t       *before = generation->before;
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;

    for (unsigned table = MDS_CATALOG_META; table < MDS_CATALOG_TABLES; table++)
    {
        mds_catalog_walk(before, table, generation->merged, mds_null_str,
                         &cursor);

        while (mds_catalog_next(&cursor, &key, &value)) {
            if (mds_generation_is_copied(generation, table, key, value)) {
                mds_lmdb_append(generation->lmdb, table, key, value);
                mds_generation_write(generation, value.len);
            }
        }

        mds_catalog_walk_end(&cursor);
    }

    return mds_catalog_status(before, err);
}

mds_status_t
mds_generation_begin_after(mds_generation_t *generation, mds_error_t *err)
{
    const mds_chain_t *chain = mds_catalog_chain(generation->before);

    generation->meta.list_count = chain->layers[0]->meta.list_count;
    generation->meta.resource_count = chain->layers[0]->meta.resource_count;
    mds_generation_plan(generation);

    return mds_generation_merge(generation, err);
}
