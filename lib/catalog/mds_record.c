/*
 * Checks the record of a resource: no reference of it leads outside.
 */

#include "catalog/mds_record.h"

#include "base/mds_siphash.h"

/* The key is public: the checksum detects accidents, not forgery. */
static const uint8_t mds_record_sum_key[MDS_SIPHASH_KEY] = "mds-record-sum-1";

uint64_t
mds_record_sum(const mds_record_t *record)
{
    size_t before = offsetof(mds_record_t, number);

    return mds_siphash(mds_record_sum_key,
                       (mds_str_t){ record->bytes - before,
                                    (const char *) record + before });
}

static bool
mds_span_fits(const mds_record_t *record, mds_span_t span)
{
    return (uint64_t) span.offset + span.len <= record->bytes;
}

static bool
mds_range_fits(const mds_record_t *record, mds_table_id_t table,
               mds_range_t range)
{
    return (uint64_t) range.first + range.count <= record->tables[table].count;
}

static bool
mds_table_fits(const mds_record_t *record, mds_table_id_t table)
{
    const mds_table_t *t = &record->tables[table];

    return t->offset + (uint64_t) t->count * mds_table_item_bytes[table]
           <= record->bytes;
}

static bool
mds_index_fits(const mds_record_t *record, mds_table_id_t table, uint32_t i)
{
    return i < record->tables[table].count;
}

/* Returns whether each ref of the range is an index of the table. */
static bool
mds_refs_fit(const mds_record_t *record, mds_table_id_t table,
             mds_range_t range)
{
    if (!mds_range_fits(record, MDS_TABLE_REFS, range)) {
        return false;
    }

    for (uint32_t i = 0; i < range.count; i++) {
        if (!mds_index_fits(record, table,
                            mds_record_ref(record, range.first + i))) {
            return false;
        }
    }

    return true;
}

static bool
mds_span_item_fits(const mds_record_t *record, const void *item)
{
    return mds_span_fits(record, *(const mds_span_t *) item);
}

static bool
mds_rule_fits(const mds_record_t *record, const void *item)
{
    const mds_rule_record_t *rule = item;

    return (rule->op & MDS_RULE_OP_MASK) < MDS_RULE_OP_COUNT
           && mds_index_fits(record, MDS_TABLE_ATTRIBUTES, rule->attribute)
           && mds_range_fits(record, MDS_TABLE_TEXTS, rule->values)
           && mds_range_fits(record, MDS_TABLE_TEXTS, rule->prefixes)
           && mds_span_fits(record, rule->words)
           && mds_span_fits(record, rule->min)
           && mds_span_fits(record, rule->max)
           && mds_span_fits(record, rule->below);
}

static bool
mds_list_ref_fits(const mds_record_t *record, const void *item)
{
    const mds_list_ref_t *list = item;

    return mds_span_fits(record, list->name) && mds_span_fits(record, list->key)
           && list->by <= MDS_BY_USER;
}

/* Accepts any item: it is bytes, or is checked where it is used. */
static bool
mds_any_fits(const mds_record_t *record, const void *item)
{
    (void) record;
    (void) item;

    return true;
}

static bool
mds_build_fits(const mds_record_t *record, const void *item)
{
    const mds_build_t *build = item;

    return mds_span_fits(record, build->version)
           && mds_span_fits(record, build->version_key)
           && mds_range_fits(record, MDS_TABLE_TEXTS, build->platforms)
           && mds_range_fits(record, MDS_TABLE_TEXTS, build->channels)
           && mds_refs_fit(record, MDS_TABLE_RULES, build->rules);
}

/* Buckets are computed for as many salts at a time as there are lanes. */
static bool
mds_salt_fits(const mds_record_t *record, uint32_t salt)
{
    return mds_index_fits(record, MDS_TABLE_SALTS,
                          salt | (MDS_SIPHASH_LANES - 1));
}

static bool
mds_bucket_fits(const mds_record_t *record, const mds_release_record_t *release)
{
    return release->salt == MDS_RECORD_NONE
               ? (release->flags & (MDS_AUDIENCE_PERCENT | MDS_AUDIENCE_RAMP))
                     == 0
               : mds_salt_fits(record, release->salt);
}

static bool
mds_release_fits(const mds_record_t *record, const void *item)
{
    const mds_release_record_t *release = item;

    return mds_span_fits(record, release->id)
           && mds_span_fits(record, release->setting)
           && mds_span_fits(record, release->version)
           && mds_span_fits(record, release->version_key)
           && mds_span_fits(record, release->stage)
           && mds_span_fits(record, release->audience.window)
           && mds_range_fits(record, MDS_TABLE_TEXTS, release->platforms)
           && mds_range_fits(record, MDS_TABLE_TEXTS, release->channels)
           && mds_range_fits(record, MDS_TABLE_TEXTS, release->force_full)
           && mds_refs_fit(record, MDS_TABLE_RULES, release->rules)
           && mds_refs_fit(record, MDS_TABLE_LISTS, release->lists)
           && mds_refs_fit(record, MDS_TABLE_LISTS, release->except)
           && mds_range_fits(record, MDS_TABLE_BUILDS, release->builds)
           && mds_range_fits(record, MDS_TABLE_OFFERS, release->offers)
           && mds_range_fits(record, MDS_TABLE_OFFERS, release->rollbacks)
           && mds_bucket_fits(record, release)
           && (release->halt == MDS_RECORD_NONE
               || mds_index_fits(record, MDS_TABLE_HALTS, release->halt))
           && (release->extra == MDS_RECORD_NONE
               || mds_index_fits(record, MDS_TABLE_EXTRAS, release->extra))
           && release->flags < 1 << MDS_AUDIENCE_COUNT
           && release->state <= MDS_RELEASE_ROLLED_BACK
           && release->by <= MDS_BY_USER && release->window_by <= MDS_BY_USER;
}

static bool
mds_answer_fits(const mds_record_t *record, const mds_answer_t *answer)
{
    return mds_span_fits(record, answer->manifest)
           && mds_span_fits(record, answer->signature)
           && mds_span_fits(record, answer->quoted);
}

static bool
mds_offer_fits(const mds_record_t *record, const void *item)
{
    const mds_offer_t *offer = item;

    return (offer->build == MDS_RECORD_NONE
            || mds_index_fits(record, MDS_TABLE_BUILDS, offer->build))
           && mds_answer_fits(record, &offer->answer)
           && mds_range_fits(record, MDS_TABLE_DELTAS, offer->deltas);
}

static bool
mds_delta_fits(const mds_record_t *record, const void *item)
{
    const mds_delta_record_t *delta = item;

    return mds_index_fits(record, MDS_TABLE_BUILDS, delta->from)
           && mds_answer_fits(record, &delta->answer);
}

static bool
mds_setting_fits(const mds_record_t *record, const void *item)
{
    const mds_setting_record_t *setting = item;

    return (setting->key == MDS_RECORD_NONE
            || mds_index_fits(record, MDS_TABLE_KEYS, setting->key))
           && mds_span_fits(record, setting->quoted)
           && mds_span_fits(record, setting->member);
}

static bool
mds_config_key_fits(const mds_record_t *record, const void *item)
{
    const mds_config_key_t *key = item;

    return mds_span_fits(record, key->name)
           && mds_range_fits(record, MDS_TABLE_CANDIDATES, key->candidates);
}

static bool
mds_candidate_fits(const mds_record_t *record, const void *item)
{
    const mds_candidate_t      *candidate = item;
    const mds_setting_record_t *settings
        = mds_record_item(record, MDS_TABLE_SETTINGS, 0);

    return mds_index_fits(record, MDS_TABLE_RELEASES, candidate->release)
           && mds_index_fits(record, MDS_TABLE_CONDITIONS, candidate->condition)
           && mds_index_fits(record, MDS_TABLE_SETTINGS, candidate->setting)
           && settings[candidate->setting].key != MDS_RECORD_NONE
           && (candidate->bucket != MDS_BUCKET_PERCENT
               || (candidate->by <= MDS_BY_USER
                   && mds_salt_fits(record, candidate->salt)));
}

static bool
mds_condition_fits(const mds_record_t *record, const void *item)
{
    uint32_t release;

    memcpy(&release, item, sizeof(release));
    return mds_index_fits(record, MDS_TABLE_RELEASES, release);
}

static bool
mds_message_fits(const mds_record_t *record, const void *item)
{
    const mds_message_record_t *message = item;

    return mds_span_fits(record, message->release)
           && mds_span_fits(record, message->platform)
           && mds_span_fits(record, message->version)
           && mds_span_fits(record, message->version_key)
           && mds_span_fits(record, message->list)
           && mds_span_fits(record, message->url)
           && mds_range_fits(record, MDS_TABLE_BUILDS, message->builds)
           && mds_range_fits(record, MDS_TABLE_OFFERS, message->offers);
}

static bool
mds_halt_fits(const mds_record_t *record, const void *item)
{
    const mds_halt_record_t *halt = item;

    return mds_index_fits(record, MDS_TABLE_RELEASES, halt->release)
           && mds_span_fits(record, halt->key);
}

static bool
mds_extra_fits(const mds_record_t *record, const void *item)
{
    const mds_release_extra_t *extra = item;

    return mds_span_fits(record, extra->seed)
           && mds_span_fits(record, extra->force_below)
           && mds_span_fits(record, extra->force_below_key)
           && mds_range_fits(record, MDS_TABLE_OFFERS, extra->forced);
}

typedef bool (*mds_item_fits_t)(const mds_record_t *record, const void *item);

static const mds_item_fits_t mds_item_fits[MDS_TABLE_COUNT] = {
    [MDS_TABLE_TEXTS] = mds_span_item_fits,
    [MDS_TABLE_ATTRIBUTES] = mds_span_item_fits,
    [MDS_TABLE_RULES] = mds_rule_fits,
    [MDS_TABLE_LISTS] = mds_list_ref_fits,
    [MDS_TABLE_REFS] = mds_any_fits,
    [MDS_TABLE_BUILDS] = mds_build_fits,
    [MDS_TABLE_RELEASES] = mds_release_fits,
    [MDS_TABLE_SALTS] = mds_any_fits,
    [MDS_TABLE_OFFERS] = mds_offer_fits,
    [MDS_TABLE_DELTAS] = mds_delta_fits,
    [MDS_TABLE_SETTINGS] = mds_setting_fits,
    [MDS_TABLE_KEYS] = mds_config_key_fits,
    [MDS_TABLE_CANDIDATES] = mds_candidate_fits,
    [MDS_TABLE_CONDITIONS] = mds_condition_fits,
    [MDS_TABLE_MESSAGES] = mds_message_fits,
    [MDS_TABLE_HALTS] = mds_halt_fits,
    [MDS_TABLE_EXTRAS] = mds_extra_fits,
};

static mds_status_t
mds_record_check_items(const mds_record_t *record, mds_table_id_t table,
                       mds_error_t *err)
{
    for (uint32_t i = 0; i < record->tables[table].count; i++) {
        if (!mds_item_fits[table](record, mds_record_item(record, table, i))) {
            return mds_fail(err, MDS_DAMAGED,
                            "item %u of table %d points outside", i, table);
        }
    }

    return MDS_OK;
}

mds_status_t
mds_record_check(mds_str_t bytes, mds_error_t *err)
{
    const mds_record_t *record = (const mds_record_t *) bytes.data;
    mds_status_t        status = MDS_OK;

    if (bytes.len < sizeof(*record) || bytes.len > UINT32_MAX
        || record->tag != MDS_RECORD_TAG || record->bytes != bytes.len)
    {
        return mds_fail(err, MDS_DAMAGED, "not a record of a resource");
    }

    if (record->check != mds_record_sum(record)) {
        return mds_fail(err, MDS_DAMAGED, "the checksum differs");
    }

    for (int table = 0; table < MDS_TABLE_COUNT; table++) {
        if (!mds_table_fits(record, table)) {
            return mds_fail(err, MDS_DAMAGED, "table %d reaches outside",
                            table);
        }
    }

    if (!mds_span_fits(record, record->key)
        || !mds_range_fits(record, MDS_TABLE_TEXTS, record->full_channels))
    {
        return mds_fail(err, MDS_DAMAGED, "its key reaches outside");
    }

    if (record->tables[MDS_TABLE_ATTRIBUTES].count > MDS_RULE_ATTRIBUTES_MAX) {
        return mds_fail(err, MDS_DAMAGED, "its rules have too many attributes");
    }

    for (int table = 0; status == MDS_OK && table < MDS_TABLE_COUNT; table++) {
        status = mds_record_check_items(record, table, err);
    }

    return status;
}
