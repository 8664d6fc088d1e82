/* Decides a check by both generations, and counts what differs. */

#include <stdlib.h>

#include "base/mds_buffer.h"
#include "idset/mds_idset.h"
#include "simulate/mds_simulation_internal.h"
#include "state/mds_window.h"

/* A user's hash is another one than that of a device with the same name. */
#define MDS_USER_BITS UINT64_C(0x5555555555555555)

/* Gives the hash by which the device counts as one; false: it has no name. */
static bool
mds_simulation_hash(const mds_request_t *request, uint64_t *hash)
{
    mds_str_t device = mds_request_attr(request, MDS_ATTR_DEVICE);
    mds_str_t user = mds_request_attr(request, MDS_ATTR_USER);

    if (device.len == 0 && user.len == 0) {
        return false;
    }

    *hash = device.len > 0 ? mds_id_hash(device)
                           : mds_id_hash(user) ^ MDS_USER_BITS;
    return true;
}

/* Adds the device to a group. Returns whether it may be new there; one without
 * a name counts as new. */
static bool
mds_simulation_add_device(mds_simulation_t *s, unsigned group,
                          const mds_request_t *request)
{
    uint64_t hash;

    return !mds_simulation_hash(request, &hash)
           || mds_distinct_add(s->devices, group, hash, &s->failed);
}

static void
mds_row_key_add(mds_buffer_t *key, mds_str_t text)
{
    uint32_t len = (uint32_t) text.len;

    mds_buffer_add(key, &len, sizeof(len));
    mds_buffer_add(key, text.data, text.len);
}

/* Gives the number of the row, by all that makes it another one. */
static size_t
mds_simulation_find_row(mds_simulation_t *s, const mds_row_t *row)
{
    uint8_t facts[] = { (uint8_t) row->from_action, (uint8_t) row->to_action,
                        (uint8_t) row->reason, row->cause.gains };
    mds_buffer_t key = { 0 };
    uint32_t     number = UINT32_MAX;
    bool         fresh = false;

    mds_buffer_add(&key, facts, sizeof(facts));
    mds_row_key_add(&key, row->kind);
    mds_row_key_add(&key, row->name);
    mds_row_key_add(&key, row->from_version);
    mds_row_key_add(&key, row->to_version);
    mds_row_key_add(&key, row->cause.release);
    mds_row_key_add(&key, mds_str_of(row->cause.test));
    mds_row_key_add(&key, row->cause.attribute);

    if (!mds_buffer_failed(&key)) {
        number = mds_intern(s->row_keys, mds_buffer_str(&key), &fresh);
    }

    mds_buffer_free(&key);

    if (number == UINT32_MAX) {
        s->failed = true;
        return 0;
    }

    return number + 1 < MDS_ROWS_MAX ? number + 1 : 0;
}

/* Returns the row for this change; a new one is a copy. */
static size_t
mds_simulation_take_row(mds_simulation_t *s, const mds_row_t *row)
{
    size_t number = mds_simulation_find_row(s, row);

    if (number >= s->row_count && number > 0) {
        s->rows[number] = *row;
        s->rows[number].kind = mds_arena_str(s->arena, row->kind);
        s->rows[number].name = mds_arena_str(s->arena, row->name);
    }

    if (number >= s->row_count) {
        s->row_count = number + 1;
    }

    return number;
}

/* Returns the attributes of a request as JSON. */
static mds_json_t *
mds_simulation_example(const mds_simulation_t *s, const mds_request_t *request)
{
    mds_json_t  *attributes = mds_json_object_new();
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < request->count; i++) {
        const mds_attribute_t *a = &request->attributes[i];

        /* U+0000 is valid in a request, but not in JSON as we read it. */
        if (a->value.len > 0
            && memchr(a->value.data, '\0', a->value.len) == NULL) {
            status = mds_json_put(attributes, a->name,
                                  mds_json_string_new(a->value));
        }
    }

    if (status != MDS_OK) {
        mds_json_release(attributes);
        return NULL;
    }

    return mds_json_pack("{s:I, s:o}", "line", (int64_t) s->lines, "attributes",
                         attributes);
}

static void
mds_simulation_count_change(mds_simulation_t *s, const mds_request_t *request,
                            const mds_row_t *row)
{
    size_t     number = mds_simulation_take_row(s, row);
    mds_row_t *counted = &s->rows[number];
    bool       fresh
        = mds_simulation_add_device(s, MDS_GROUP_FIRST + (unsigned) number,
                                    request);

    (void) mds_simulation_add_device(s, MDS_GROUP_CHANGED, request);
    s->changed++;
    counted->requests++;

    if (number > 0 && fresh && counted->example_count < MDS_SIMULATION_EXAMPLES)
    {
        mds_json_t *example = mds_simulation_example(s, request);

        s->failed = s->failed || example == NULL;

        if (example != NULL) {
            counted->examples[counted->example_count++] = example;
        }
    }
}

/* Returns the row of a window; NULL: there are too many. */
static mds_window_row_t *
mds_simulation_window(mds_simulation_t *s, const mds_decision_t *decision,
                      mds_error_t *err)
{
    mds_window_t window;
    size_t       i = 0;

    while (i < s->window_count
           && !mds_str_eq(s->windows[i].release, decision->release))
    {
        i++;
    }

    if (i == MDS_WINDOWS_MAX) {
        return NULL;
    }

    if (i == s->window_count) {
        if (mds_state_get_window(s->options.after.state,
                                 decision->admission.window, err, &window)
            != MDS_OK)
        {
            return NULL;
        }

        s->windows[s->window_count++] = (mds_window_row_t){
            .release = decision->release,
            .places = decision->admission.limit - window.count,
        };
    }

    return &s->windows[i];
}

/* Counts the device if a window of the generation after would take it in. */
static mds_status_t
mds_simulation_count_window(mds_simulation_t *s, mds_request_t *request,
                            mds_error_t *err)
{
    mds_window_row_t *window;
    mds_decision_t    decision;
    mds_status_t      status;

    request->may_admit = true;
    status = mds_decide(&s->options.after, request, s->options.now_ms, NULL,
                        err, &decision);
    request->may_admit = false;

    if (status != MDS_OK || !decision.pending
        || (window = mds_simulation_window(s, &decision, err)) == NULL)
    {
        return status;
    }

    window->requests++;
    (void) mds_distinct_add(s->devices,
                            MDS_GROUP_FIRST + MDS_ROWS_MAX
                                + (unsigned) (window - s->windows),
                            mds_id_hash(decision.admission.id), &s->failed);

    return MDS_OK;
}

static bool
mds_simulation_has_window(const mds_record_t *record)
{
    const mds_release_record_t *release;

    if (record == NULL) {
        return false;
    }

    release = mds_record_item(record, MDS_TABLE_RELEASES, 0);

    for (uint32_t i = 0; i < record->tables[MDS_TABLE_RELEASES].count; i++) {
        if ((release[i].flags & MDS_AUDIENCE_WINDOW) != 0
            && release[i].state == MDS_RELEASE_RUNNING)
        {
            return true;
        }
    }

    return false;
}

static mds_row_t
mds_simulation_row(const mds_request_t *request, const mds_decision_t *before,
                   const mds_decision_t *after, const mds_cause_t *cause)
{
    return (mds_row_t){
        .kind = mds_request_attr(request, MDS_ATTR_KIND),
        .name = mds_request_attr(request, MDS_ATTR_NAME),
        .from_action = before->action,
        .from_version
        = before->action == MDS_ACTION_NONE ? mds_null_str : before->version,
        .to_action = after->action,
        .to_version
        = after->action == MDS_ACTION_NONE ? mds_null_str : after->version,
        .reason = after->reason,
        .cause = *cause,
    };
}

mds_status_t
mds_simulation_check(mds_simulation_t *s, mds_request_t *request,
                     mds_error_t *err)
{
    const mds_simulation_options_t *o = &s->options;
    mds_side_t                      before = { .snapshot = &o->before };
    mds_side_t                      after = { .snapshot = &o->after };
    mds_cause_t                     cause;
    mds_row_t                       row;
    bool                            changed;
    uint64_t                        hash;
    mds_status_t                    status;

    if (!mds_str_eq(mds_request_attr(request, MDS_ATTR_APP), o->app)) {
        s->foreign++;
        return MDS_OK;
    }

    s->requests++;
    s->nameless += !mds_simulation_hash(request, &hash);
    (void) mds_simulation_add_device(s, MDS_GROUP_ALL, request);

    if ((status = mds_decide(&o->before, request, o->now_ms, NULL, err,
                             &before.decision))
            != MDS_OK
        || (status = mds_decide(&o->after, request, o->now_ms, NULL, err,
                                &after.decision))
               != MDS_OK
        || (status = mds_decision_compare(&before, &after, request, o->now_ms,
                                          s->diffs, err, &changed, &cause))
               != MDS_OK)
    {
        return status;
    }

    if (changed) {
        row = mds_simulation_row(request, &before.decision, &after.decision,
                                 &cause);
        mds_simulation_count_change(s, request, &row);
    }

    if (mds_simulation_has_window(after.decision.record)) {
        status = mds_simulation_count_window(s, request, err);
    }

    return status == MDS_OK && (s->failed || mds_arena_failed(s->arena))
               ? mds_fail_memory(err)
               : status;
}
