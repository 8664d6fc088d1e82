/*
 * The audience of a release: everybody, a percentage, a ramp, lists, a window.
 * A part with a percentage compares the device's bucket, a hash of its id under
 * the release's salt, with a threshold.
 */

#include <inttypes.h>

#include "base/mds_digest.h"
#include "base/mds_time.h"
#include "evaluate/mds_eval.h"
#include "idset/mds_idset.h"
#include "state/mds_window.h"

uint64_t
mds_eval_id_hash(mds_eval_t *eval, mds_by_t by)
{
    if (!eval->hashed[by]) {
        eval->hashes[by] = mds_id_hash(eval->ids[by]);
        eval->hashed[by] = true;
    }

    return eval->hashes[by];
}

/* Neighbouring salts are likely to be needed together, so that each call
 * computes twice as many as the one before, up to MDS_BUCKETS_MAX. */
void
mds_eval_buckets(mds_eval_t *eval, uint32_t salt, mds_by_t by)
{
    uint32_t first = salt & ~(MDS_SIPHASH_LANES - 1u);
    uint32_t left = eval->record->tables[MDS_TABLE_SALTS].count - first;
    uint32_t most = left < MDS_BUCKETS_MAX ? left : MDS_BUCKETS_MAX;
    uint32_t count = eval->bucket_count[by] == 0 ? MDS_SIPHASH_LANES
                                                 : 2 * eval->bucket_count[by];

    /* Records have salts up to a multiple of the lanes. */
    count = (count < most ? count : most) & ~(MDS_SIPHASH_LANES - 1u);
    mds_siphash_lanes(mds_record_item(eval->record, MDS_TABLE_SALTS, first),
                      count, eval->ids[by], eval->buckets[by]);
    eval->bucket_first[by] = first;
    eval->bucket_count[by] = count;
}

/* Looks the device or user up in the list, once a request for each meaning of a
 * match that is given up: two bits of a byte have the result of one. */
static bool
mds_eval_list_match(mds_eval_t *eval, uint32_t i, const mds_list_ref_t *list,
                    bool on_match_limit)
{
    unsigned shift = on_match_limit ? 2 : 0;
    uint8_t *match = i < MDS_LIST_MATCHES_MAX ? &eval->list_matches[i] : NULL;
    unsigned known = match == NULL ? MDS_MATCH_UNKNOWN : *match >> shift & 3;
    bool     in = false;

    if (known != MDS_MATCH_UNKNOWN) {
        return known == MDS_MATCH_YES;
    }

    if (eval->ids[list->by].len > 0 && eval->status == MDS_OK) {
        eval->status
            = mds_catalog_list_has(eval->snapshot->catalog,
                                   mds_record_bytes(eval->record, list->key),
                                   eval->ids[list->by],
                                   mds_eval_id_hash(eval, list->by),
                                   on_match_limit, eval->err, &in);
    }

    if (match != NULL) {
        *match |= (uint8_t) ((in ? MDS_MATCH_YES : MDS_MATCH_NO) << shift);
    }

    return in;
}

static bool
mds_eval_list(mds_eval_t *eval, uint32_t i, const char *what,
              bool on_match_limit)
{
    const mds_list_ref_t *list
        = mds_record_item(eval->record, MDS_TABLE_LISTS, i);
    bool in = mds_eval_list_match(eval, i, list, on_match_limit);

    return mds_eval_trace(eval, what,
                          mds_record_bytes(eval->record, list->name),
                          eval->ids[list->by], in, "list of %s",
                          list->by == MDS_BY_USER ? "users" : "devices");
}

bool
mds_eval_lists(mds_eval_t *eval, mds_range_t lists, const char *what,
               bool on_match_limit)
{
    bool any = false;

    for (uint32_t i = 0; i < lists.count; i++) {
        if (mds_eval_list(eval, mds_record_ref(eval->record, lists.first + i),
                          what, on_match_limit))
        {
            any = true;
            if (eval->trace == NULL) {
                break;
            }
        }
    }

    return any;
}

static double
mds_percent_of(uint64_t threshold)
{
    return (double) threshold * 100 / 18446744073709551616.0;
}

static MDS_COLD bool
mds_trace_threshold(mds_eval_t *eval, const mds_release_record_t *release,
                    uint64_t threshold, const char *what, bool in)
{
    const mds_release_extra_t *extra = mds_record_extra(eval->record, release);
    mds_str_t                  id = eval->ids[release->by];
    mds_str_t                  seed = mds_null_str;
    uint64_t                   bucket;

    if (extra != NULL) {
        seed = mds_record_bytes(eval->record, extra->seed);
    }

    if (id.len == 0) {
        return mds_eval_trace(eval, what, mds_null_str, id, false,
                              "must be below %.4f, and there is no %s",
                              mds_percent_of(threshold),
                              release->by == MDS_BY_USER ? "user" : "device");
    }

    bucket = mds_eval_bucket(eval, release->salt, release->by);

    return mds_eval_trace(eval, what, mds_null_str, id, in,
                          "bucket %.4f%s%.*s, must be below %.4f",
                          mds_percent_of(bucket),
                          seed.len > 0 ? " of seed " : "", MDS_STR(seed),
                          mds_percent_of(threshold));
}

static inline bool
mds_eval_threshold(mds_eval_t *eval, const mds_release_record_t *release,
                   uint64_t threshold, const char *what)
{
    bool in = mds_eval_in_percent(eval, release->salt, release->by, threshold);

    return eval->trace == NULL
               ? in
               : mds_trace_threshold(eval, release, threshold, what, in);
}

/* Returns the threshold on the straight line between the ramp's two ends. */
uint64_t
mds_eval_ramp(const mds_eval_t *eval, const mds_release_record_t *release)
{
    int64_t           now_ms = eval->now_ms;
    uint64_t          from = release->audience.ramp_from;
    uint64_t          to = release->audience.ramp_to;
    unsigned __int128 risen;

    if (now_ms >= release->audience.ramp_end_ms) {
        return to;
    }

    if (now_ms < release->audience.ramp_start_ms) {
        return 0;
    }

    risen = (unsigned __int128) (to - from)
            * ((uint64_t) now_ms - (uint64_t) release->audience.ramp_start_ms)
            / ((uint64_t) release->audience.ramp_end_ms
               - (uint64_t) release->audience.ramp_start_ms);

    return from + (uint64_t) risen;
}

static bool
mds_in_all(mds_eval_t *eval, const mds_release_record_t *release)
{
    (void) release;

    return mds_eval_trace(eval, "all", mds_null_str, mds_null_str, true,
                          "everybody");
}

static bool
mds_in_percent(mds_eval_t *eval, const mds_release_record_t *release)
{
    return mds_eval_threshold(eval, release, release->percent, "percent");
}

static bool
mds_in_ramp(mds_eval_t *eval, const mds_release_record_t *release)
{
    return mds_eval_threshold(eval, release, mds_eval_ramp(eval, release),
                              "ramp");
}

static MDS_NOINLINE bool
mds_in_lists(mds_eval_t *eval, const mds_release_record_t *release)
{
    return mds_eval_lists(eval, release->lists, "list", false);
}

static mds_status_t
mds_read_admission(mds_state_t *state, mds_str_t key, mds_str_t id,
                   mds_error_t *err, mds_window_t *window, bool *in)
{
    mds_status_t status = mds_state_begin(state, err);

    if (status == MDS_OK) {
        status = mds_state_get_window(state, key, err, window);
    }

    return status == MDS_OK ? mds_state_is_admitted(state, window, id, err, in)
                            : status;
}

/* Returns whether the window has admitted the device or user. *open is set to
 * whether it still admits others. */
static bool
mds_read_window(mds_eval_t *eval, const mds_release_record_t *release,
                mds_window_t *window, bool *open)
{
    mds_error_t  why = { .text = "it cannot be opened" };
    mds_state_t *state = eval->snapshot->state;
    bool         in = false;

    /* Not MDS_DAMAGED: the catalog is not at fault. */
    if (state == NULL
        || mds_read_admission(state,
                              mds_record_bytes(eval->record,
                                               release->audience.window),
                              eval->ids[release->window_by], &why, window, &in)
               != MDS_OK)
    {
        eval->status
            = mds_fail(eval->err, MDS_DENIED,
                       "failed to read the window of \"%.*s\" from the"
                       " state: %s",
                       MDS_STR(mds_record_bytes(eval->record, release->id)),
                       why.text);
        return false;
    }

    *open = window->count < release->audience.window_count
            && eval->now_ms < release->audience.window_until_ms;

    return in;
}

/* Returns whether the request takes the window for closed. */
static MDS_COLD bool
mds_is_closed(const mds_eval_t *eval, const mds_release_record_t *release)
{
    mds_str_t key = mds_record_bytes(eval->record, release->audience.window);

    for (const mds_closed_window_t *closed = eval->request->closed;
         closed != NULL; closed = closed->next)
    {
        if (closed->window.len == 0 || mds_str_eq(closed->window, key)) {
            return true;
        }
    }

    return false;
}

static MDS_NOINLINE bool
mds_in_window(mds_eval_t *eval, const mds_release_record_t *release)
{
    mds_str_t    id = eval->ids[release->window_by];
    mds_window_t window = { 0 };
    char         until[MDS_TIME_BYTES] = "it is full";
    bool         open = false, in;

    if (eval->status != MDS_OK) {
        return false;
    }

    if (id.len == 0) {
        return mds_eval_trace(eval, "window", mds_null_str, id, false,
                              "there is no %s",
                              release->window_by == MDS_BY_USER ? "user"
                                                                : "device");
    }

    in = mds_read_window(eval, release, &window, &open);

    if (eval->status != MDS_OK) {
        return mds_eval_trace(eval, "window", mds_null_str, id, false,
                              "is unknown: the state cannot be read");
    }

    eval->pending
        = !in && open && eval->may_admit
          && !(eval->request->has_closed && mds_is_closed(eval, release));

    if (eval->trace != NULL && release->audience.window_until_ms != INT64_MAX) {
        (void) mds_time_format(release->audience.window_until_ms, until);
    }

    return mds_eval_trace(eval, "window", mds_null_str, id, in || eval->pending,
                          "%" PRIu64 " of %" PRIu64 ", until %s: %s%s",
                          window.count, release->audience.window_count, until,
                          in ? "is in it" : "is not in it",
                          in     ? ""
                          : open ? ", and may still come in"
                          : window.count >= release->audience.window_count
                              ? ", and it is full"
                              : ", and its time is over");
}

static bool (*const mds_audience_tests[MDS_AUDIENCE_COUNT])(
    mds_eval_t *eval, const mds_release_record_t *release)
    = { [MDS_AUDIENCE_ALL_BIT] = mds_in_all,
        [MDS_AUDIENCE_PERCENT_BIT] = mds_in_percent,
        [MDS_AUDIENCE_RAMP_BIT] = mds_in_ramp,
        [MDS_AUDIENCE_LISTS_BIT] = mds_in_lists,
        [MDS_AUDIENCE_WINDOW_BIT] = mds_in_window };

bool
mds_eval_audience(mds_eval_t *eval, const mds_release_record_t *release,
                  mds_reason_t *reason)
{
    unsigned rest = release->flags;
    bool     in = false;

    *reason = MDS_REASON_OUTSIDE;

    /* Tests from the lowest bit on: cheaper parts have lower ones. */
    for (; rest != 0 && (!in || eval->trace != NULL); rest &= rest - 1) {
        unsigned part = (unsigned) __builtin_ctz(rest);

        if (mds_audience_tests[part](eval, release) && !in) {
            in = true;
            *reason = MDS_REASON_ALL + part;
        }
    }

    return in;
}
