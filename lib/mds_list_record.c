#include "mds_list_record.h"

#include <stdlib.h>

#include "mds_digest.h"
#include "mds_idlist.h"

static const uint8_t mds_list_sum_key[MDS_SIPHASH_KEY] = "mds-list-sum-v1.";

uint64_t
mds_list_record_sum(const mds_list_record_t *record)
{
    size_t before = offsetof(mds_list_record_t, number);

    return mds_siphash(mds_list_sum_key,
                       (mds_str_t){ record->bytes - before,
                                    (const char *) record + before });
}

static int
mds_hash_cmp(const void *a, const void *b)
{
    uint64_t ha, hb;

    memcpy(&ha, a, sizeof(ha));
    memcpy(&hb, b, sizeof(hb));

    return (ha > hb) - (ha < hb);
}

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
              mds_hash_cmp);
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
mds_list_record_build(const mds_list_t *list, mds_error_t *err,
                      mds_buffer_t *record)
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
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    memcpy(record->data, &header, sizeof(header));
    return MDS_OK;
}

static bool
mds_list_table_fits(const mds_list_record_t *record, mds_table_t table,
                    size_t item_bytes)
{
    return table.offset + (uint64_t) table.count * item_bytes <= record->bytes;
}

static mds_span_t
mds_list_pattern_span(const mds_list_record_t *record, uint32_t i)
{
    mds_span_t span;

    memcpy(&span,
           (const char *) record + record->patterns.offset + i * sizeof(span),
           sizeof(span));

    return span;
}

mds_status_t
mds_list_record_check(mds_str_t bytes, mds_error_t *err)
{
    const mds_list_record_t *record = (const mds_list_record_t *) bytes.data;

    if (bytes.len < sizeof(*record) || bytes.len > UINT32_MAX
        || record->tag != MDS_LIST_TAG || record->bytes != bytes.len)
    {
        return mds_fail(err, MDS_DAMAGED, "not a record of a list");
    }

    if (record->check != mds_list_record_sum(record)) {
        return mds_fail(err, MDS_DAMAGED, "the checksum differs");
    }

    if (record->by > MDS_BY_USER
        || !mds_list_table_fits(record, record->ids, sizeof(uint64_t))
        || !mds_list_table_fits(record, record->without, sizeof(uint64_t))
        || !mds_list_table_fits(record, record->patterns, sizeof(mds_span_t)))
    {
        return mds_fail(err, MDS_DAMAGED, "a table reaches outside");
    }

    for (uint32_t i = 0; i < record->patterns.count; i++) {
        mds_span_t span = mds_list_pattern_span(record, i);

        if ((uint64_t) span.offset + span.len > record->bytes) {
            return mds_fail(err, MDS_DAMAGED, "a pattern reaches outside");
        }
    }

    return MDS_OK;
}

bool
mds_list_record_has(const mds_list_record_t *record, mds_table_t hashes,
                    uint64_t hash)
{
    return hashes.count > 0
           && bsearch(&hash, (const char *) record + hashes.offset,
                      hashes.count, sizeof(hash), mds_hash_cmp)
                  != NULL;
}

mds_str_t
mds_list_record_pattern(const mds_list_record_t *record, uint32_t i)
{
    mds_span_t span = mds_list_pattern_span(record, i);

    return (mds_str_t){ span.len, (const char *) record + span.offset };
}
