#include "mds_settings.h"

#include "mds_judge.h"
#include "mds_token.h"

#define MDS_EPOCH_NONE 0 /* of an app without configuration */

/* Settings are known by their place in the table, which is in order of
 * numbers; a set of them is an array of flags. */
typedef struct {
    const mds_record_t          *record;
    mds_str_t                    only;
    const mds_alloc_t           *alloc;
    mds_error_t                 *err;
    uint32_t                     count;  /* of the table */
    uint8_t                     *chosen; /* flags */
    uint8_t                     *held;
    const mds_release_record_t **releases; /* of the chosen ones */
    mds_span_t                  *keys;     /* that have a value, ascending */
    uint32_t                     key_count;
    mds_settings_t              *out;
} mds_choosing_t;

static void *
mds_choosing_alloc(const mds_choosing_t *c, size_t count, size_t size)
{
    return c->alloc->alloc(c->alloc->data, count * size + 1);
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

/* The place of a number; MDS_RECORD_NONE: it is none of this app's. */
static uint32_t
mds_setting_find(const mds_record_t *record, uint32_t number)
{
    uint32_t low = 0;
    uint32_t high = record->tables[MDS_TABLE_SETTINGS].count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t at = mds_setting_at(record, middle)->number;

        if (at == number) {
            return middle;
        }

        if (at < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return MDS_RECORD_NONE;
}

/* The same key is the same bytes of the record. */
static bool
mds_same_key(mds_span_t a, mds_span_t b)
{
    return a.offset == b.offset && a.len == b.len;
}

/* Of each key, the first release that holds. */
static mds_status_t
mds_choose_settings(mds_choosing_t *c, mds_judge_t *judge)
{
    const mds_record_t *record = c->record;
    mds_span_t          done = { 0 };
    mds_reason_t        reason;

    for (uint32_t i = 0; i < record->tables[MDS_TABLE_RELEASES].count; i++) {
        const mds_release_record_t *release = mds_setting_release(record, i);
        uint32_t                    place;

        if ((mds_same_key(release->setting, done) && judge->trace == NULL)
            || (c->only.len > 0
                && !mds_str_eq(mds_record_bytes(record, release->setting),
                               c->only)))
        {
            continue;
        }

        if (!mds_judge_release(judge, release, MDS_JUDGE_NEW, &reason)
            || mds_same_key(release->setting, done))
        {
            continue;
        }

        place = mds_setting_find(record, release->number);
        if (place == MDS_RECORD_NONE) {
            return mds_fail(c->err, MDS_DAMAGED,
                            "the catalog lacks a setting's number");
        }

        done = release->setting;
        c->chosen[place] = 1;
        c->releases[place] = release;
        c->keys[c->key_count++] = done;
    }

    return judge->status;
}

/* Flags of what the token says; false: it is not understood. */
static mds_status_t
mds_hold_settings(mds_choosing_t *c, mds_str_t token, bool *understood)
{
    uint32_t *numbers = mds_choosing_alloc(c, c->count, sizeof(*numbers));
    size_t    count = 0;

    if (numbers == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    *understood
        = token.len > 0
          && mds_token_read(token, c->record->epoch, numbers, c->count, &count);

    for (size_t i = 0; *understood && i < count; i++) {
        uint32_t place = mds_setting_find(c->record, numbers[i]);

        if (place == MDS_RECORD_NONE) {
            *understood = false;
        } else {
            c->held[place] = 1;
        }
    }

    if (!*understood) {
        memset(c->held, 0, c->count);
    }

    return MDS_OK;
}

static bool
mds_key_chosen(const mds_choosing_t *c, mds_span_t key)
{
    mds_str_t bytes = mds_record_bytes(c->record, key);
    uint32_t  low = 0, high = c->key_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int      order
            = mds_str_cmp(mds_record_bytes(c->record, c->keys[middle]), bytes);

        if (order == 0) {
            return true;
        }

        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return false;
}

/* What is chosen and not held is news; what is held, and whose key has no
 * value now, is to be removed. */
static mds_status_t
mds_compare_settings(mds_choosing_t *c)
{
    mds_settings_t *out = c->out;

    out->values = mds_choosing_alloc(c, c->count, sizeof(*out->values));
    out->removed = mds_choosing_alloc(c, c->count, sizeof(*out->removed));

    if (out->values == NULL || out->removed == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    for (uint32_t i = 0; i < c->count; i++) {
        const mds_setting_record_t *setting = mds_setting_at(c->record, i);

        if (c->chosen[i] && !c->held[i]) {
            out->values[out->value_count++]
                = mds_record_bytes(c->record, c->releases[i]->member);

        } else if (c->held[i] && !c->chosen[i]
                   && !mds_key_chosen(c, setting->key)) {
            out->removed[out->removed_count++]
                = mds_record_bytes(c->record, setting->quoted);
        }
    }

    return MDS_OK;
}

static mds_status_t
mds_settings_token(mds_choosing_t *c)
{
    uint32_t *numbers = mds_choosing_alloc(c, c->count, sizeof(*numbers));
    size_t    count = 0;
    char     *text;

    if (numbers == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    for (uint32_t i = 0; i < c->count; i++) {
        if (c->chosen[i]) {
            numbers[count++] = mds_setting_at(c->record, i)->number;
        }
    }

    text = mds_choosing_alloc(c, mds_token_bytes(count), 1);
    if (text == NULL) {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    c->out->token.len = mds_token_write(c->record->epoch, numbers, count, text);
    c->out->token.data = text;

    /* What could not be said in a request gets all each time. */
    if (c->out->token.len > MDS_TOKEN_MAX) {
        c->out->token.len = 0;
    }

    return MDS_OK;
}

static mds_status_t
mds_settings_record(mds_choosing_t *c, mds_judge_t *judge, mds_str_t token)
{
    bool         understood;
    mds_status_t status;

    c->count = c->record->tables[MDS_TABLE_SETTINGS].count;
    c->chosen = mds_choosing_alloc(c, c->count, 1);
    c->held = mds_choosing_alloc(c, c->count, 1);
    c->releases = mds_choosing_alloc(c, c->count, sizeof(*c->releases));
    c->keys = mds_choosing_alloc(c, c->record->tables[MDS_TABLE_RELEASES].count,
                                 sizeof(*c->keys));

    if (c->chosen == NULL || c->held == NULL || c->releases == NULL
        || c->keys == NULL)
    {
        return mds_fail(c->err, MDS_NO_MEMORY, "no memory");
    }

    memset(c->chosen, 0, c->count);
    memset(c->held, 0, c->count);

    status = mds_choose_settings(c, judge);

    if (status == MDS_OK) {
        status = mds_hold_settings(c, token, &understood);
    }

    if (status == MDS_OK) {
        c->out->full = !understood;
        status = mds_compare_settings(c);
    }

    return status == MDS_OK ? mds_settings_token(c) : status;
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
        status = mds_settings_record(&c, &judge, token);
    }

    if (status == MDS_OK) {
        *settings = found;
    }

    return status;
}
