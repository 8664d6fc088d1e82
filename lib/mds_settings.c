#include "mds_settings.h"

#include "mds_judge.h"
#include "mds_token.h"

#define MDS_EPOCH_NONE 0 /* of an app without configuration */

/*
 * Settings are known by their place in the table, which is in order of
 * numbers, keys by theirs; sets of them have a bit for each.
 */
typedef struct {
    const mds_record_t *record;
    mds_judge_t        *judge;
    mds_str_t           only;
    const mds_alloc_t  *alloc;
    mds_error_t        *err;
    uint32_t            words;      /* of a set of settings */
    uint64_t           *chosen;     /* settings */
    uint64_t           *held;       /* settings */
    uint64_t           *keys;       /* that have a value */
    uint8_t            *conditions; /* mds_verdict_t */
    uint32_t            count;      /* of the chosen ones */
    mds_settings_t     *out;
} mds_choosing_t;

static void *
mds_choosing_alloc(const mds_choosing_t *c, size_t count, size_t size)
{
    return c->alloc->alloc(c->alloc->data, count * size + 1);
}

static uint32_t
mds_choosing_count(const mds_choosing_t *c, mds_table_id_t table)
{
    return c->record->tables[table].count;
}

static const mds_setting_record_t *
mds_setting_at(const mds_record_t *record, uint32_t i)
{
    return mds_record_item(record, MDS_TABLE_SETTINGS, i);
}

static const mds_release_record_t *
mds_setting_release(const mds_record_t *record, uint32_t i)
{
    return mds_record_item(record, MDS_TABLE_RELEASES, i);
}

static void
mds_bit_set(uint64_t *set, uint32_t i)
{
    set[i / 64] |= UINT64_C(1) << i % 64;
}

static bool
mds_bit_is_set(const uint64_t *set, uint32_t i)
{
    return (set[i / 64] >> i % 64 & 1) != 0;
}

/* Judged by the first release that has it, for all of them. */
static bool
mds_choosing_condition(mds_choosing_t *c, const mds_candidate_t *candidate)
{
    const mds_release_record_t *release;
    mds_reason_t                reason;
    uint32_t                    first;
    bool                        holds;

    memcpy(&first,
           mds_record_item(c->record, MDS_TABLE_CONDITIONS,
                           candidate->condition),
           sizeof(first));
    release = mds_setting_release(c->record, first);

    holds = mds_judge_condition(c->judge, release, MDS_JUDGE_NEW)
            && (candidate->bucket != 0
                || mds_judge_audience(c->judge, release, &reason));

    c->conditions[candidate->condition]
        = holds ? MDS_VERDICT_HOLDS : MDS_VERDICT_FAILS;

    return holds;
}

static inline bool
mds_candidate_holds(mds_choosing_t *c, const mds_candidate_t *candidate)
{
    uint8_t      verdict = c->conditions[candidate->condition];
    mds_reason_t reason;

    if (verdict == MDS_VERDICT_FAILS
        || (verdict == MDS_VERDICT_OPEN
            && !mds_choosing_condition(c, candidate)))
    {
        return false;
    }

    return candidate->bucket == 0
           || mds_judge_audience(c->judge,
                                 mds_setting_release(c->record,
                                                     candidate->release),
                                 &reason);
}

/* Where somebody listens, each release is judged by itself, and told of. */
static bool
mds_candidate_holds_told(mds_choosing_t *c, const mds_candidate_t *candidate)
{
    mds_reason_t reason;

    return mds_judge_release(c->judge,
                             mds_setting_release(c->record, candidate->release),
                             MDS_JUDGE_NEW, &reason);
}

/* The first candidate that holds; NULL: none does. */
static const mds_candidate_t *
mds_choose_setting(mds_choosing_t *c, const mds_config_key_t *key)
{
    const mds_candidate_t *candidate
        = mds_record_item(c->record, MDS_TABLE_CANDIDATES,
                          key->candidates.first);
    const mds_candidate_t *end = candidate + key->candidates.count;
    const mds_candidate_t *chosen = NULL;

    if (c->judge->trace == NULL) {
        while (candidate < end && !mds_candidate_holds(c, candidate)) {
            candidate++;
        }

        return candidate < end ? candidate : NULL;
    }

    for (; candidate < end; candidate++) {
        if (mds_candidate_holds_told(c, candidate) && chosen == NULL) {
            chosen = candidate;
        }
    }

    return chosen;
}

static mds_status_t
mds_choose_settings(mds_choosing_t *c)
{
    const mds_config_key_t *keys
        = mds_record_item(c->record, MDS_TABLE_KEYS, 0);
    uint32_t count = mds_choosing_count(c, MDS_TABLE_KEYS);

    for (uint32_t i = 0; i < count; i++) {
        const mds_candidate_t *chosen;

        if (c->only.len > 0
            && !mds_str_eq(mds_record_bytes(c->record, keys[i].name), c->only))
        {
            continue;
        }

        chosen = mds_choose_setting(c, &keys[i]);

        if (chosen != NULL) {
            mds_bit_set(c->chosen, chosen->setting);
            mds_bit_set(c->keys, i);
            c->count++;
        }
    }

    return c->judge->status;
}

/*
 * The place of a number behind others, which ascend: at is the first that may
 * be it. MDS_RECORD_NONE: it is none of this app's.
 */
static uint32_t
mds_setting_find(const mds_record_t *record, uint32_t at, uint32_t number)
{
    uint32_t low = at;
    uint32_t high = record->tables[MDS_TABLE_SETTINGS].count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t found = mds_setting_at(record, middle)->number;

        if (found == number) {
            return middle;
        }

        if (found < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return MDS_RECORD_NONE;
}

/* The settings of a token; *understood false: it is not, and none are. */
static mds_status_t
mds_hold_settings(mds_choosing_t *c, mds_str_t token, bool *understood)
{
    uint32_t  most = mds_choosing_count(c, MDS_TABLE_SETTINGS);
    uint32_t *numbers = mds_choosing_alloc(c, most, sizeof(*numbers));
    size_t    count = 0;
    uint32_t  place = 0;

    if (numbers == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    *understood
        = mds_token_read(token, c->record->epoch, numbers, most, &count);

    for (size_t i = 0; *understood && i < count; i++) {
        place = mds_setting_find(c->record, place, numbers[i]);

        if (place == MDS_RECORD_NONE) {
            *understood = false;
            memset(c->held, 0, c->words * sizeof(*c->held));
        } else {
            mds_bit_set(c->held, place);
        }
    }

    return MDS_OK;
}

static void
mds_setting_changed(mds_choosing_t *c, uint32_t i)
{
    const mds_setting_record_t *setting = mds_setting_at(c->record, i);
    mds_settings_t             *out = c->out;

    if (mds_bit_is_set(c->chosen, i)) {
        out->values[out->value_count++]
            = mds_record_bytes(c->record, setting->member);

    } else if (setting->key == MDS_RECORD_NONE
               || !mds_bit_is_set(c->keys, setting->key))
    {
        out->removed[out->removed_count++]
            = mds_record_bytes(c->record, setting->quoted);
    }
}

/* What is chosen and not held is news; what is held, and whose key has no
 * value now, is to be removed. */
static mds_status_t
mds_compare_settings(mds_choosing_t *c)
{
    uint32_t held = 0;

    for (uint32_t i = 0; i < c->words; i++) {
        held += (uint32_t) __builtin_popcountll(c->held[i]);
    }

    c->out->values = mds_choosing_alloc(c, c->count, sizeof(*c->out->values));
    c->out->removed = mds_choosing_alloc(c, held, sizeof(*c->out->removed));

    if (c->out->values == NULL || c->out->removed == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    for (uint32_t i = 0; i < c->words; i++) {
        uint64_t bits = c->chosen[i] ^ c->held[i];

        for (; bits != 0; bits &= bits - 1) {
            mds_setting_changed(c, i * 64 + (uint32_t) __builtin_ctzll(bits));
        }
    }

    return MDS_OK;
}

static mds_status_t
mds_settings_token(mds_choosing_t *c)
{
    uint32_t *numbers = mds_choosing_alloc(c, c->count, sizeof(*numbers));
    char     *text = mds_choosing_alloc(c, mds_token_bytes(c->count), 1);
    size_t    count = 0;

    if (numbers == NULL || text == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    for (uint32_t i = 0; i < c->words; i++) {
        for (uint64_t bits = c->chosen[i]; bits != 0; bits &= bits - 1) {
            numbers[count++]
                = mds_setting_at(c->record,
                                 i * 64 + (uint32_t) __builtin_ctzll(bits))
                      ->number;
        }
    }

    c->out->token.len = mds_token_write(c->record->epoch, numbers, count, text);
    c->out->token.data = text;

    /* What could not be said in a request gets all each time. */
    if (c->out->token.len > MDS_TOKEN_MAX) {
        c->out->token.len = 0;
    }

    return MDS_OK;
}

/* Sets and verdicts, all zero: none, and MDS_VERDICT_OPEN. */
static mds_status_t
mds_choosing_begin(mds_choosing_t *c)
{
    uint32_t  keys = mds_choosing_count(c, MDS_TABLE_KEYS) / 64 + 1;
    size_t    conditions = mds_choosing_count(c, MDS_TABLE_CONDITIONS);
    size_t    bytes;
    uint64_t *memory;

    c->words = mds_choosing_count(c, MDS_TABLE_SETTINGS) / 64 + 1;
    bytes = (2 * (size_t) c->words + keys) * sizeof(*memory) + conditions;
    memory = mds_choosing_alloc(c, bytes, 1);

    if (memory == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    memset(memory, 0, bytes);
    c->chosen = memory;
    c->held = c->chosen + c->words;
    c->keys = c->held + c->words;
    c->conditions = (uint8_t *) (c->keys + keys);

    return MDS_OK;
}

static mds_status_t
mds_settings_record(mds_choosing_t *c, mds_str_t token)
{
    bool         understood = false;
    mds_status_t status = mds_choosing_begin(c);

    if (status == MDS_OK) {
        status = mds_choose_settings(c);
    }

    if (status == MDS_OK) {
        status = mds_settings_token(c);
    }

    if (status != MDS_OK) {
        return status;
    }

    /* A set has one token: with the same there is nothing to compare. */
    if (token.len > 0 && mds_str_eq(token, c->out->token)) {
        return MDS_OK;
    }

    if (token.len > 0) {
        status = mds_hold_settings(c, token, &understood);
    }

    if (status == MDS_OK) {
        c->out->full = !understood;
        status = mds_compare_settings(c);
    }

    return status;
}

/* An app that has no configuration: nothing, and a token that says so. */
static mds_status_t
mds_settings_none(mds_choosing_t *c, const mds_snapshot_t *snapshot,
                  mds_str_t app, mds_str_t token)
{
    mds_app_record_t record;
    size_t           count;
    char            *text = mds_choosing_alloc(c, mds_token_bytes(0), 1);
    mds_status_t     status;

    if (text == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    status = mds_catalog_app(snapshot->catalog, app, c->err, &record);

    if (status == MDS_OK) {
        c->out->poll_after_s = record.poll_after_s;
        c->out->poll_jitter_s = record.poll_jitter_s;
    }

    c->out->full = !mds_token_read(token, MDS_EPOCH_NONE, NULL, 0, &count);
    c->out->token.len = mds_token_write(MDS_EPOCH_NONE, NULL, 0, text);
    c->out->token.data = text;

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

mds_status_t
mds_settings(const mds_snapshot_t *snapshot, const mds_request_t *request,
             mds_str_t only, int64_t now_ms, mds_trace_t *trace,
             const mds_alloc_t *alloc, mds_error_t *err,
             mds_settings_t *settings)
{
    mds_settings_t found = { 0 };
    mds_choosing_t c
        = { .only = only, .alloc = alloc, .err = err, .out = &found };
    mds_str_t    app = mds_request_get(request, mds_str("app"));
    mds_str_t    token = mds_request_get(request, mds_str("state"));
    mds_judge_t  judge;
    mds_status_t status;

    status = mds_catalog_resource(snapshot->catalog, app, mds_str("config"),
                                  mds_str(""), err, &c.record);

    if (status == MDS_NOT_FOUND) {
        status = mds_settings_none(&c, snapshot, app, token);

    } else if (status == MDS_OK) {
        found.poll_after_s = c.record->poll_after_s;
        found.poll_jitter_s = c.record->poll_jitter_s;
        mds_judge_begin(&judge, snapshot, c.record, request, now_ms, trace,
                        err);
        c.judge = &judge;
        status = mds_settings_record(&c, token);
    }

    if (status == MDS_OK) {
        *settings = found;
    }

    return status;
}
