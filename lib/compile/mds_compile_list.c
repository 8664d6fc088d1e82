/*
 * Compiles a list of a document into the record that a generation holds of it
 * (mds_list_record.h): ids are kept as sorted hashes, patterns as they are.
 */

#include "compile/mds_compile_list.h"

#include <stdlib.h>

#include "idset/mds_idset.h"

static mds_table_t
mds_list_add_hashes(mds_buffer_t *record, const mds_strs_t *ids)
{
    mds_table_t table = { (uint32_t) record->len, (uint32_t) ids->count };

    for (size_t i = 0; i < ids->count; i++) {
        uint64_t hash = mds_id_hash(ids->items[i]);

        mds_buffer_add(record, &hash, sizeof(hash));
    }

    if (!mds_buffer_failed(record) && ids->count > 0) {
        qsort(record->data + table.offset, ids->count, sizeof(uint64_t),
              mds_id_hash_cmp);
    }

    return table;
}

static mds_table_t
mds_list_add_patterns(mds_buffer_t *record, const mds_strs_t *patterns)
{
    mds_table_t table = { (uint32_t) record->len, (uint32_t) patterns->count };
    uint32_t    offset
        = table.offset + table.count * (uint32_t) sizeof(mds_span_t);

    for (size_t i = 0; i < patterns->count; i++) {
        mds_span_t span = { offset, (uint32_t) patterns->items[i].len };

        mds_buffer_add(record, &span, sizeof(span));
        offset += span.len;
    }

    for (size_t i = 0; i < patterns->count; i++) {
        mds_buffer_add(record, patterns->items[i].data, patterns->items[i].len);
    }

    return table;
}

mds_status_t
mds_compile_list(const mds_list_t *list, mds_error_t *err, mds_buffer_t *record)
{
    mds_list_record_t header = {
        .tag = MDS_LIST_TAG,
        .by = (uint8_t) list->by,
        .has_base = list->has_base,
    };

    memcpy(header.base, list->base.bytes, sizeof(header.base));

    record->len = 0;
    mds_buffer_add(record, &header, sizeof(header));
    header.ids = mds_list_add_hashes(record, &list->ids);
    header.without = mds_list_add_hashes(record, &list->without);
    header.patterns = mds_list_add_patterns(record, &list->patterns);
    header.bytes = (uint32_t) record->len;

    if (mds_buffer_failed(record)) {
        return mds_fail_memory(err);
    }

    memcpy(record->data, &header, sizeof(header));
    return MDS_OK;
}
