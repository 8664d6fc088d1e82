/*
 * The configuration of an app for a device. Each key has candidates, in order
 * of choice; a candidate is a release with a value. Candidates share
 * conditions, so that each condition is evaluated once. The client's token says
 * which settings it holds, and only changes since are in the answer.
 */

#include "evaluate/mds_settings.h"

#include "base/mds_kind.h"
#include "evaluate/mds_eval.h"
#include "request/mds_token.h"

#define MDS_EPOCH_NONE 0 /* of an app without configuration */

/*
 * Settings are known by their place in the table, which is in order of
 * numbers, keys by theirs; sets of them have a bit for each.
 */
typedef struct {
    const mds_record_t         *record;
    const mds_setting_record_t *settings; /* its tables */
    const mds_release_record_t *releases;
    mds_eval_t                 *eval;
    mds_str_t                   only;
    const mds_alloc_t          *alloc;
    mds_error_t                *err;
    uint32_t                    words;      /* in a set of settings */
    uint64_t                   *chosen;     /* settings */
    uint64_t                   *held;       /* settings */
    uint64_t                   *keys;       /* keys that have a value */
    uint8_t                    *conditions; /* mds_match_t */
    uint32_t                   *numbers; /* of a token, at most one a setting */
    char                       *text;    /* of the new token */
    size_t                      text_bytes; /* the room in text */
    size_t                      values_max; /* room in out: one a key */
    size_t          removed_max; /* room in out: one a setting held */
    bool            overrun;     /* out had no room */
    mds_settings_t *out;
} mds_settings_eval_t;

static void *
mds_settings_alloc(const mds_settings_eval_t *c, size_t bytes)
{
    return c->alloc->alloc(c->alloc->data, bytes);
}

static uint32_t
mds_settings_count(const mds_settings_eval_t *c, mds_table_id_t table)
{
    return c->record->tables[table].count;
}

static void
mds_bit_set(uint64_t *set, uint32_t i)
{
    set[i / 64] |= UINT64_C(1) << i % 64;
}

/* Returns the place of the lowest bit of a word. */
static uint32_t
mds_bit_place(uint32_t word, uint64_t bits)
{
    return word * 64 + (uint32_t) __builtin_ctzll(bits);
}

static bool
mds_bit_is_set(const uint64_t *set, uint32_t i)
{
    return (set[i / 64] >> i % 64 & 1) != 0;
}

/* Evaluates the first release with the condition, for all that have it. */
static MDS_NOINLINE bool
mds_settings_condition(mds_settings_eval_t *c, const mds_candidate_t *candidate)
{
    const mds_release_record_t *release;
    bool                        holds;
    mds_reason_t                reason;
    uint32_t                    first;

    memcpy(&first,
           mds_record_item(c->record, MDS_TABLE_CONDITIONS,
                           candidate->condition),
           sizeof(first));
    release = &c->releases[first];

    holds = mds_eval_condition(c->eval, release, MDS_EVAL_OFFER)
            && (candidate->bucket != MDS_BUCKET_NONE
                || mds_eval_audience(c->eval, release, &reason));
    c->conditions[candidate->condition] = holds ? MDS_MATCH_YES : MDS_MATCH_NO;

    return holds;
}

/* Tests what is not known yet of a candidate, except its percentage. */
static MDS_NOINLINE bool
mds_settings_test(mds_settings_eval_t *c, const mds_candidate_t *candidate)
{
    uint8_t      match = c->conditions[candidate->condition];
    mds_reason_t reason;

    return (match == MDS_MATCH_YES || mds_settings_condition(c, candidate))
           && (candidate->bucket != MDS_BUCKET_ASK
               || mds_eval_audience(c->eval, &c->releases[candidate->release],
                                    &reason));
}

/*
 * Returns the lower address of chosen and candidate if in is 1, chosen if it is
 * 0: min(chosen, candidate | (in - 1)), where in - 1 is zero or all ones. This
 * has no branch on purpose: whether a device is in a percentage is as good as
 * random, and a branch on it would be mispredicted half of the time.
 */
static inline uintptr_t
mds_select_min(uintptr_t chosen, uintptr_t candidate, uintptr_t in)
{
    candidate |= in - 1;
    return candidate < chosen ? candidate : chosen;
}

/* Returns the first candidate that holds, or end. With percentages, candidates
 * behind the one chosen are tested as well, up to one without. */
static inline const mds_candidate_t *
mds_setting_select(mds_settings_eval_t *c, const mds_candidate_t *first,
                   const mds_candidate_t *end)
{
    const uint8_t *matches = c->conditions;
    uintptr_t      chosen = (uintptr_t) end;

    for (const mds_candidate_t *at = first; at < end; at++) {
        uint8_t   match = matches[at->condition];
        uintptr_t in;

        if (match == MDS_MATCH_NO) {
            continue;
        }

        if (match == MDS_MATCH_UNKNOWN || at->bucket == MDS_BUCKET_ASK) {
            /* None behind a chosen candidate is before it. */
            if (chosen != (uintptr_t) end) {
                break;
            }

            if (!mds_settings_test(c, at)) {
                continue;
            }
        }

        in = at->bucket != MDS_BUCKET_PERCENT
             || mds_eval_in_percent(c->eval, at->salt, at->by, at->percent);
        chosen = mds_select_min(chosen, (uintptr_t) at, in);

        if (at->bucket != MDS_BUCKET_PERCENT) {
            break;
        }
    }

    return (const mds_candidate_t *) ((const char *) first
                                      + (chosen - (uintptr_t) first));
}

/* Does the same with a trace: each release is evaluated in full. */
static MDS_COLD const mds_candidate_t *
mds_setting_select_traced(mds_settings_eval_t   *c,
                          const mds_candidate_t *candidate,
                          const mds_candidate_t *end)
{
    const mds_candidate_t *chosen = end;
    mds_reason_t           reason;

    for (; candidate < end; candidate++) {
        if (mds_eval_release(c->eval, &c->releases[candidate->release],
                             MDS_EVAL_OFFER, &reason)
            && chosen == end)
        {
            chosen = candidate;
        }
    }

    return chosen;
}

/* Selects with a trace, or the one key that is asked for. */
static MDS_COLD mds_status_t
mds_settings_select_traced(mds_settings_eval_t *c)
{
    const mds_config_key_t *key = mds_record_item(c->record, MDS_TABLE_KEYS, 0);
    uint32_t                count = mds_settings_count(c, MDS_TABLE_KEYS);

    for (uint32_t i = 0; i < count; i++, key++) {
        const mds_candidate_t *first
            = mds_record_item(c->record, MDS_TABLE_CANDIDATES,
                              key->candidates.first);
        const mds_candidate_t *end = first + key->candidates.count;
        const mds_candidate_t *chosen;

        if (c->only.len > 0
            && !mds_str_eq(mds_record_bytes(c->record, key->name), c->only))
        {
            continue;
        }

        chosen = c->eval->trace == NULL
                     ? mds_setting_select(c, first, end)
                     : mds_setting_select_traced(c, first, end);

        if (chosen != end) {
            mds_bit_set(c->chosen, chosen->setting);
        }
    }

    return c->eval->status;
}

static mds_status_t
mds_settings_select(mds_settings_eval_t *c)
{
    const mds_config_key_t *key = mds_record_item(c->record, MDS_TABLE_KEYS, 0);
    const mds_config_key_t *end = key + mds_settings_count(c, MDS_TABLE_KEYS);
    const mds_candidate_t  *all
        = mds_record_item(c->record, MDS_TABLE_CANDIDATES, 0);

    if (c->only.len > 0 || c->eval->trace != NULL) {
        return mds_settings_select_traced(c);
    }

    for (; key < end; key++) {
        const mds_candidate_t *first = all + key->candidates.first;
        const mds_candidate_t *behind = first + key->candidates.count;
        const mds_candidate_t *chosen = mds_setting_select(c, first, behind);

        if (chosen != behind) {
            mds_bit_set(c->chosen, chosen->setting);
        }
    }

    return c->eval->status;
}

static inline void
mds_settings_add(mds_settings_eval_t *c, mds_span_t item, mds_str_t *items,
                 size_t max, size_t *count)
{
    if (*count == max) {
        c->overrun = true;
        return;
    }

    items[(*count)++] = mds_record_bytes(c->record, item);
    c->out->bytes += item.len + 1;
}

static MDS_COLD mds_status_t
mds_settings_overrun(const mds_settings_eval_t *c)
{
    return mds_fail(c->err, MDS_DAMAGED,
                    "the configuration has more values than keys");
}

/* Lists the values of all chosen settings, and their numbers: there is room for
 * as many numbers as values, or more. */
static mds_status_t
mds_list_settings(mds_settings_eval_t *c)
{
    mds_str_t *value = c->out->values;
    mds_str_t *end = value + c->values_max;
    uint32_t  *number = c->numbers;
    size_t     bytes = 0;

    for (uint32_t i = 0; i < c->words; i++) {
        for (uint64_t bits = c->chosen[i]; bits != 0; bits &= bits - 1) {
            const mds_setting_record_t *setting
                = &c->settings[mds_bit_place(i, bits)];

            if (value == end) {
                return mds_settings_overrun(c);
            }

            *value = mds_record_bytes(c->record, setting->member);
            *number++ = setting->number;
            bytes += value->len + 1;
            value++;
        }
    }

    c->out->value_count = (size_t) (value - c->out->values);
    c->out->bytes = bytes;

    return MDS_OK;
}

static void
mds_settings_write_token(mds_settings_eval_t *c)
{
    mds_settings_t *out = c->out;

    out->token.len = mds_token_write(c->record->epoch, c->numbers,
                                     out->value_count, c->text, c->text_bytes);
    out->token.data = c->text;

    /* A request has no room for it: the client gets all values each time. */
    if (out->token.len > MDS_TOKEN_MAX) {
        out->token.len = 0;
    }
}

/*
 * Returns the place of the setting with the number, searching from `at` on, or
 * MDS_RECORD_NONE if the app has none.
 */
static uint32_t
mds_setting_find(const mds_settings_eval_t *c, uint32_t at, uint32_t number)
{
    uint32_t low = at;
    uint32_t high = mds_settings_count(c, MDS_TABLE_SETTINGS);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t found = c->settings[middle].number;

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

/* Marks the settings of a token as held. Returns false if the token is not
 * valid; *count is then unchanged. */
static bool
mds_settings_read_token(mds_settings_eval_t *c, mds_str_t token, size_t *count)
{
    uint32_t most = mds_settings_count(c, MDS_TABLE_SETTINGS);
    uint32_t place = 0;
    size_t   held;

    if (!mds_token_read(token, c->record->epoch, c->numbers, most, &held)) {
        return false;
    }

    for (size_t i = 0; i < held; i++) {
        place = mds_setting_find(c, place, c->numbers[i]);

        if (place == MDS_RECORD_NONE) {
            return false;
        }

        mds_bit_set(c->held, place);
    }

    *count = held;
    return true;
}

/* Marks the keys of the chosen settings. */
static void
mds_mark_keys(mds_settings_eval_t *c)
{
    for (uint32_t i = 0; i < c->words; i++) {
        for (uint64_t bits = c->chosen[i]; bits != 0; bits &= bits - 1) {
            mds_bit_set(c->keys, c->settings[mds_bit_place(i, bits)].key);
        }
    }
}

static void
mds_compare_setting(mds_settings_eval_t *c, uint32_t place)
{
    const mds_setting_record_t *setting = &c->settings[place];
    mds_settings_t             *out = c->out;

    if (mds_bit_is_set(c->chosen, place)) {
        mds_settings_add(c, setting->member, out->values, c->values_max,
                         &out->value_count);

    } else if (setting->key == MDS_RECORD_NONE
               || !mds_bit_is_set(c->keys, setting->key))
    {
        mds_settings_add(c, setting->quoted, out->removed, c->removed_max,
                         &out->removed_count);
    }
}

/* Lists settings that are chosen and not held as values, and those that are
 * held, and whose key has no value now, as removed. */
static mds_status_t
mds_compare_settings(mds_settings_eval_t *c, size_t held)
{
    mds_settings_t *out = c->out;

    out->value_count = 0;
    out->bytes = 0;
    out->full = false;
    c->removed_max = held;
    out->removed = mds_settings_alloc(c, (held + 1) * sizeof(*out->removed));

    if (out->removed == NULL) {
        return mds_fail_memory(c->err);
    }

    mds_mark_keys(c);

    for (uint32_t i = 0; i < c->words; i++) {
        uint64_t bits = c->chosen[i] ^ c->held[i];

        for (; bits != 0; bits &= bits - 1) {
            mds_compare_setting(c, mds_bit_place(i, bits));
        }
    }

    return c->overrun ? mds_settings_overrun(c) : MDS_OK;
}

/* Allocates all arrays in one block. Sets are empty, conditions unknown. */
static mds_status_t
mds_settings_init(mds_settings_eval_t *c)
{
    size_t settings = mds_settings_count(c, MDS_TABLE_SETTINGS);
    size_t keys = mds_settings_count(c, MDS_TABLE_KEYS);
    size_t conditions = mds_settings_count(c, MDS_TABLE_CONDITIONS);
    size_t words = settings / 64 + 1;
    size_t sets = (2 * words + keys / 64 + 1) * sizeof(*c->chosen);

    c->out->values
        = mds_settings_alloc(c, keys * sizeof(*c->out->values) + sets
                                    + settings * sizeof(*c->numbers)
                                    + conditions + mds_token_bytes(keys));

    if (c->out->values == NULL) {
        return mds_fail_memory(c->err);
    }

    c->words = (uint32_t) words;
    c->values_max = keys < settings ? keys : settings;
    c->text_bytes = mds_token_bytes(keys);
    c->chosen = (uint64_t *) (c->out->values + keys);
    c->held = c->chosen + words;
    c->keys = c->held + words;
    c->numbers = (uint32_t *) (c->keys + keys / 64 + 1);
    c->conditions = (uint8_t *) (c->numbers + settings);
    c->text = (char *) c->conditions + conditions;
    c->settings = mds_record_item(c->record, MDS_TABLE_SETTINGS, 0);
    c->releases = mds_record_item(c->record, MDS_TABLE_RELEASES, 0);

    memset(c->chosen, 0, sets);
    memset(c->conditions, MDS_MATCH_UNKNOWN, conditions);

    return MDS_OK;
}

static mds_status_t
mds_settings_record(mds_settings_eval_t *c, mds_str_t token)
{
    size_t       held;
    mds_status_t status = mds_settings_init(c);

    if (status == MDS_OK) {
        status = mds_settings_select(c);
    }

    if (status == MDS_OK) {
        status = mds_list_settings(c);
    }

    if (status != MDS_OK) {
        return status;
    }

    mds_settings_write_token(c);

    /* Equal sets have equal tokens: nothing has changed. */
    if (token.len > 0 && mds_str_eq(token, c->out->token)) {
        c->out->value_count = 0;
        c->out->bytes = 0;
        return MDS_OK;
    }

    c->out->full = true;

    return token.len > 0 && mds_settings_read_token(c, token, &held)
               ? mds_compare_settings(c, held)
               : MDS_OK;
}

/* Answers for an app without configuration: no values, and a token that says
 * so. */
static mds_status_t
mds_settings_none(mds_settings_eval_t *c, const mds_snapshot_t *snapshot,
                  mds_str_t app, mds_str_t token)
{
    mds_app_record_t record;
    size_t           count;
    char            *text = mds_settings_alloc(c, mds_token_bytes(0));
    mds_status_t     status;

    if (text == NULL) {
        return mds_fail_memory(c->err);
    }

    status = mds_catalog_app(snapshot->catalog, app, c->err, &record);

    if (status == MDS_OK) {
        c->out->poll_after_s = record.poll_after_s;
        c->out->poll_jitter_s = record.poll_jitter_s;
    }

    c->out->full = !mds_token_read(token, MDS_EPOCH_NONE, NULL, 0, &count);
    c->out->token.len
        = mds_token_write(MDS_EPOCH_NONE, NULL, 0, text, mds_token_bytes(0));
    c->out->token.data = text;

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

mds_status_t
mds_settings_evaluate(const mds_snapshot_t *snapshot,
                      const mds_request_t *request, mds_str_t only,
                      int64_t now_ms, mds_trace_t *trace,
                      const mds_alloc_t *alloc, mds_error_t *err,
                      mds_settings_t *settings)
{
    mds_settings_t      found = { 0 };
    mds_settings_eval_t c
        = { .only = only, .alloc = alloc, .err = err, .out = &found };
    mds_str_t    app = mds_request_attr(request, MDS_ATTR_APP);
    mds_str_t    token = mds_request_attr(request, MDS_ATTR_STATE);
    mds_eval_t   eval;
    mds_status_t status;

    status = mds_catalog_resource(snapshot->catalog, app, MDS_KIND_CONFIG,
                                  mds_str(""), err, &c.record);

    if (status == MDS_NOT_FOUND) {
        status = mds_settings_none(&c, snapshot, app, token);

    } else if (status == MDS_OK) {
        found.poll_after_s = c.record->poll_after_s;
        found.poll_jitter_s = c.record->poll_jitter_s;
        mds_eval_init(&eval, snapshot, c.record, request, now_ms, trace, err);
        c.eval = &eval;
        status = mds_settings_record(&c, token);
    }

    if (status == MDS_OK) {
        *settings = found;
    }

    return status;
}
