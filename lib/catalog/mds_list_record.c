/*
 * Checks and reads the record of a list.
 */

#include "catalog/mds_list_record.h"

#include "base/mds_siphash.h"
#include "idset/mds_idset.h"

static const uint8_t mds_list_sum_key[MDS_SIPHASH_KEY] = "mds-list-sum-v1.";

uint64_t
mds_list_record_sum(const mds_list_record_t *record)
{
    size_t before = offsetof(mds_list_record_t, number);

    return mds_siphash(mds_list_sum_key,
                       (mds_str_t){ record->bytes - before,
                                    (const char *) record + before });
}

int
mds_id_hash_cmp(const void *a, const void *b)
{
    uint64_t ha, hb;

    memcpy(&ha, a, sizeof(ha));
    memcpy(&hb, b, sizeof(hb));

    return (ha > hb) - (ha < hb);
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
    mds_str_t chunk = { hashes.count * sizeof(hash),
                        (const char *) record + hashes.offset };
    bool      has;

    return mds_idset_search(chunk, 0, hash, &has) == MDS_OK && has;
}

mds_str_t
mds_list_record_pattern(const mds_list_record_t *record, uint32_t i)
{
    mds_span_t span = mds_list_pattern_span(record, i);

    return (mds_str_t){ span.len, (const char *) record + span.offset };
}
