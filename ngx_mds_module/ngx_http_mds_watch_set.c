/*
 * The timer of a depot's watchers: which topics a change concerns, and the
 * evaluation of their watchers in slices.
 */

#include "ngx_http_mds_watch.h"

#include "base/mds_time.h"
#include "evaluate/mds_next_change.h"
#include "request/mds_request_pack.h"
#include "state/mds_tally.h"

/* How soon a change is noticed. */
#define NGX_HTTP_MDS_WATCH_TICK_MS 100

/* A slice ends with so many watchers, or after so much time. */
#define NGX_HTTP_MDS_WATCH_SLICE 64
#define NGX_HTTP_MDS_WATCH_SLICE_NS 1000000

typedef struct {
    ngx_http_mds_topic_t   *topic;
    ngx_http_mds_watcher_t *watchers[NGX_HTTP_MDS_WATCH_SLICE];
    ngx_uint_t              count;
    ngx_uint_t              done;
    ngx_pool_t             *pool;
    mds_request_t           request; /* of the one that is evaluated */
} ngx_http_mds_slice_t;

static void ngx_http_mds_watch_tick(ngx_event_t *event);
static void ngx_http_mds_watch_slice(ngx_event_t *event);

ngx_http_mds_watch_set_t *
ngx_http_mds_watch_set_create(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_watch_set_t *set = ngx_calloc(sizeof(*set), ngx_cycle->log);

    if (set == NULL) {
        return NULL;
    }

    set->depot = depot;
    set->cycle = (ngx_cycle_t *) ngx_cycle;
    ngx_rbtree_init(&set->tree, &set->sentinel, ngx_str_rbtree_insert_value);
    ngx_queue_init(&set->topics);
    ngx_queue_init(&set->dirty);

    set->timer.handler = ngx_http_mds_watch_tick;
    set->timer.data = set;
    set->timer.log = ngx_cycle->log;
    set->timer.cancelable = 1;
    set->slice.handler = ngx_http_mds_watch_slice;
    set->slice.data = set;
    set->slice.log = ngx_cycle->log;

    return set;
}

void
ngx_http_mds_watch_set_start(ngx_http_mds_watch_set_t *set)
{
    if (!set->timer.timer_set) {
        ngx_add_timer(&set->timer, NGX_HTTP_MDS_WATCH_TICK_MS);
    }
}

void
ngx_http_mds_watch_set_free(ngx_http_mds_watch_set_t *set)
{
    ngx_queue_t *q;

    if (set == NULL) {
        return;
    }

    if (set->timer.timer_set) {
        ngx_del_timer(&set->timer);
    }

    if (set->slice.posted) {
        ngx_delete_posted_event(&set->slice);
    }

    while (!ngx_queue_empty(&set->topics)) {
        q = ngx_queue_head(&set->topics);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_mds_topic_t, link));
    }

    ngx_free(set);
}

/* Looks whether the app of the topic has changed, or a time has come. */
static void
ngx_http_mds_watch_look_at(ngx_http_mds_topic_t *topic,
                           const mds_snapshot_t *snapshot, int64_t now_ms)
{
    mds_app_record_t app = { 0 };
    mds_error_t      err;

    /* An app that is not there, or no longer, has serial 0. */
    if (mds_catalog_app(snapshot->catalog, topic->app, &err, &app) != MDS_OK) {
        app = (mds_app_record_t){ 0 };
    }

    /* A new topic is marked once: a time may have come since its watcher was
     * evaluated. */
    if (app.serial != topic->serial || now_ms >= topic->next_ms) {
        ngx_http_mds_topic_mark(topic);
    }

    topic->serial = app.serial;
    topic->spread_s = app.push_spread_s;
    topic->next_ms = topic->kind.len == 0
                         ? INT64_MAX
                         : mds_next_change_ms(snapshot, topic->app, topic->kind,
                                              topic->name, now_ms);
}

/* Returns 1 if a release was halted or resumed since the last look: the answer
 * of any device may be another one. */
static ngx_uint_t
ngx_http_mds_watch_look_at_halts(ngx_http_mds_watch_set_t *set,
                                 const mds_snapshot_t     *snapshot)
{
    uint64_t    before = set->halts;
    mds_error_t err;

    return snapshot->state != NULL
           && mds_state_begin(snapshot->state, &err) == MDS_OK
           && mds_state_get_halt_serial(snapshot->state, &err, &set->halts)
                  == MDS_OK
           && set->halts != before;
}

/* Looks at all topics, if the catalog has changed or a time has come. */
static mds_status_t
ngx_http_mds_watch_look(const mds_snapshot_t *snapshot, void *data,
                        mds_error_t *err)
{
    ngx_http_mds_watch_set_t *set = data;
    uint64_t                  serial = mds_catalog_serial(snapshot->catalog);
    int64_t                   now_ms = mds_time_now_ms(), next_ms = INT64_MAX;
    ngx_uint_t   halts = ngx_http_mds_watch_look_at_halts(set, snapshot);
    ngx_queue_t *q;

    (void) err;

    if (serial == set->serial && now_ms < set->next_ms && !halts) {
        return MDS_OK;
    }

    for (q = ngx_queue_head(&set->topics);
         q != ngx_queue_sentinel(&set->topics); q = ngx_queue_next(q))
    {
        ngx_http_mds_topic_t *topic
            = ngx_queue_data(q, ngx_http_mds_topic_t, link);

        if (serial != set->serial || now_ms >= topic->next_ms) {
            ngx_http_mds_watch_look_at(topic, snapshot, now_ms);
        }

        if (halts && topic->kind.len > 0) {
            ngx_http_mds_topic_mark(topic);
        }

        next_ms = ngx_min(next_ms, topic->next_ms);
    }

    set->serial = serial;
    set->next_ms = next_ms;

    return MDS_OK;
}

/* Takes watchers that this round has not evaluated. */
static void
ngx_http_mds_slice_fill(ngx_http_mds_slice_t *slice)
{
    ngx_http_mds_topic_t *topic = slice->topic;
    ngx_queue_t          *q = ngx_queue_head(&topic->watchers);

    while (slice->count < NGX_HTTP_MDS_WATCH_SLICE
           && q != ngx_queue_sentinel(&topic->watchers))
    {
        ngx_http_mds_watcher_t *watcher
            = ngx_queue_data(q, ngx_http_mds_watcher_t, link);

        if (watcher->round == topic->round) {
            return;
        }

        slice->watchers[slice->count++] = watcher;
        q = ngx_queue_next(q);
    }
}

static mds_status_t
ngx_http_mds_slice_evaluate(const mds_snapshot_t *snapshot, void *data,
                            mds_error_t *err)
{
    ngx_http_mds_slice_t *slice = data;
    struct timespec       now;
    int64_t               begun_ns;

    clock_gettime(CLOCK_MONOTONIC, &now);
    begun_ns = now.tv_sec * 1000000000LL + now.tv_nsec;

    for (; slice->done < slice->count; slice->done++) {
        ngx_http_mds_watcher_t *watcher = slice->watchers[slice->done];
        mds_status_t            status;

        mds_request_unpack(&slice->request, watcher->packed);
        slice->request.may_admit = true;

        status = ngx_http_mds_watcher_evaluate(watcher, &slice->request,
                                               snapshot, slice->pool, err);
        if (status != MDS_OK) {
            return status;
        }

        clock_gettime(CLOCK_MONOTONIC, &now);

        if (now.tv_sec * 1000000000LL + now.tv_nsec - begun_ns
            >= NGX_HTTP_MDS_WATCH_SLICE_NS)
        {
            slice->done++;
            break;
        }
    }

    return MDS_OK;
}

/* Evaluates and tells one slice of the topic. */
static void
ngx_http_mds_watch_run_slice(ngx_http_mds_topic_t *topic)
{
    ngx_http_mds_slice_t slice;
    mds_error_t          err;
    mds_status_t         status = MDS_NO_MEMORY;

    slice.topic = topic;
    slice.count = 0;
    slice.done = 0;
    ngx_http_mds_slice_fill(&slice);

    /* Only configuration needs it. */
    slice.pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);

    if (slice.pool != NULL) {
        status = ngx_http_mds_depot_evaluate(topic->set->depot,
                                             ngx_http_mds_slice_evaluate,
                                             &slice, &err);
        ngx_destroy_pool(slice.pool);
    }

    if (status == MDS_DENIED) {
        ngx_http_mds_depot_log_state_error(topic->set->depot, &err);
    }

    if (status != MDS_OK
        || (slice.done == slice.count
            && slice.count < NGX_HTTP_MDS_WATCH_SLICE))
    {
        topic->is_dirty = 0;
        ngx_queue_remove(&topic->work);
    }

    if (status != MDS_OK) {
        ngx_http_mds_topic_postpone(topic);
    }

    for (ngx_uint_t i = 0; i < slice.done; i++) {
        ngx_http_mds_watcher_t *watcher = slice.watchers[i];

        watcher->round = topic->round;
        ngx_queue_remove(&watcher->link);
        ngx_queue_insert_tail(&topic->watchers, &watcher->link);
    }

    /* Telling the last watcher may free the topic. */
    for (ngx_uint_t i = 0; i < slice.done; i++) {
        ngx_http_mds_watcher_notify(slice.watchers[i]);
    }
}

static void
ngx_http_mds_watch_slice(ngx_event_t *event)
{
    ngx_http_mds_watch_set_t *set = event->data;

    if (ngx_queue_empty(&set->dirty)) {
        return;
    }

    ngx_http_mds_watch_run_slice(ngx_queue_data(ngx_queue_head(&set->dirty),
                                                ngx_http_mds_topic_t, work));

    if (!ngx_queue_empty(&set->dirty)) {
        ngx_post_event(event, &ngx_posted_next_events);
    }
}

/* Ends the topic's watchers that belong to a configuration which is no longer
 * in force. The end of the last one frees the topic. */
static void
ngx_http_mds_topic_end_old(ngx_http_mds_topic_t *topic)
{
    ngx_queue_t *q, *next = ngx_queue_head(&topic->watchers);
    ngx_queue_t *last = ngx_queue_last(&topic->watchers);

    do {
        ngx_http_mds_watcher_t *watcher
            = ngx_queue_data(next, ngx_http_mds_watcher_t, link);

        q = next;
        next = ngx_queue_next(q);

        if (ngx_exiting || watcher->cycle != ngx_cycle) {
            ngx_http_mds_watcher_end(watcher);
        }

    } while (q != last);
}

/* Does so for all topics: the watchers would keep an old worker, or an old
 * configuration, in memory. */
static void
ngx_http_mds_watch_end_old(ngx_http_mds_watch_set_t *set)
{
    ngx_queue_t *q, *next;

    for (q = ngx_queue_head(&set->topics);
         q != ngx_queue_sentinel(&set->topics); q = next)
    {
        next = ngx_queue_next(q);
        ngx_http_mds_topic_end_old(
            ngx_queue_data(q, ngx_http_mds_topic_t, link));
    }
}

static void
ngx_http_mds_watch_tick(ngx_event_t *event)
{
    ngx_http_mds_watch_set_t *set = event->data;
    mds_error_t               err;

    event->log = ngx_cycle->log;
    set->slice.log = ngx_cycle->log;

    if (ngx_exiting || set->cycle != ngx_cycle) {
        set->cycle = (ngx_cycle_t *) ngx_cycle;
        ngx_http_mds_watch_end_old(set);
    }

    if (ngx_queue_empty(&set->topics)) {
        return;
    }

    /* The reason for a failure was logged; it is repeated soon. */
    if (ngx_http_mds_depot_evaluate(set->depot, ngx_http_mds_watch_look, set,
                                    &err)
            == MDS_OK
        && !ngx_queue_empty(&set->dirty) && !set->slice.posted)
    {
        ngx_post_event(&set->slice, &ngx_posted_events);
    }

    ngx_add_timer(event, NGX_HTTP_MDS_WATCH_TICK_MS);
}
