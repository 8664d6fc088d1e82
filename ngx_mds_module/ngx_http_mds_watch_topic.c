/*
 * The topics of a depot: which watchers a change concerns, and their evaluation
 * in slices.
 */

#include "ngx_http_mds_watch.h"

#include "base/mds_time.h"
#include "evaluate/mds_next_change.h"
#include "request/mds_request_pack.h"
#include "state/mds_tally.h"

/* How soon a change is noticed. */
#define NGX_HTTP_MDS_WATCH_TICK_MS 100

/* A slice takes less than a millisecond. */
#define NGX_HTTP_MDS_WATCH_SLICE 64

/* When a failed evaluation is repeated. */
#define NGX_HTTP_MDS_WATCH_RETRY_MS 1000

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

static ngx_http_mds_watch_set_t *
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

static ngx_http_mds_topic_t *
ngx_http_mds_topic_create(ngx_http_mds_watch_set_t *set, mds_str_t app,
                          mds_str_t kind, mds_str_t name)
{
    ngx_http_mds_topic_t *topic;
    size_t                len = app.len + 1 + kind.len + 1 + name.len;
    u_char               *p;

    topic = ngx_calloc(sizeof(*topic) + len, ngx_cycle->log);
    if (topic == NULL) {
        return NULL;
    }

    p = (u_char *) (topic + 1);
    topic->node.str.len = len;
    topic->node.str.data = p;
    topic->app = (mds_str_t){ app.len, (char *) p };
    p = ngx_cpymem(p, app.data, app.len) + 1;
    topic->kind = (mds_str_t){ kind.len, (char *) p };
    p = (kind.len > 0 ? ngx_cpymem(p, kind.data, kind.len) : p) + 1;
    topic->name = (mds_str_t){ name.len, (char *) p };
    if (name.len > 0) {
        ngx_memcpy(p, name.data, name.len);
    }

    topic->set = set;
    topic->node.node.key
        = ngx_crc32_long(topic->node.str.data, topic->node.str.len);
    ngx_queue_init(&topic->watchers);
    ngx_queue_insert_tail(&set->topics, &topic->link);
    ngx_rbtree_insert(&set->tree, &topic->node.node);

    return topic;
}

ngx_http_mds_topic_t *
ngx_http_mds_topic_get(ngx_http_mds_depot_t *depot,
                       const mds_request_t  *request)
{
    mds_str_t app = mds_request_attr(request, MDS_ATTR_APP);
    mds_str_t kind = mds_request_attr(request, MDS_ATTR_KIND);
    mds_str_t name = mds_request_attr(request, MDS_ATTR_NAME);
    u_char    key[3 * MDS_VALUE_MAX + 2]; /* values are bounded by that */
    u_char   *p = key;
    ngx_str_t text = { 0, key };

    ngx_str_node_t *node;

    if (depot->watch == NULL) {
        depot->watch = ngx_http_mds_watch_set_create(depot);
        if (depot->watch == NULL) {
            return NULL;
        }
    }

    if (kind.len == 0) {
        name = mds_null_str;
    }

    p = ngx_slprintf(p, key + sizeof(key), "%*s%Z%*s%Z%*s", app.len, app.data,
                     kind.len, kind.data, name.len, name.data);
    text.len = p - key;

    node = ngx_str_rbtree_lookup(&depot->watch->tree, &text,
                                 ngx_crc32_long(text.data, text.len));

    return node != NULL
               ? (ngx_http_mds_topic_t *) node
               : ngx_http_mds_topic_create(depot->watch, app, kind, name);
}

void
ngx_http_mds_topic_add(ngx_http_mds_topic_t   *topic,
                       ngx_http_mds_watcher_t *watcher)
{
    ngx_http_mds_watch_set_t *set = topic->set;

    /* The times of a new topic are looked up with the next tick. */
    if (ngx_queue_empty(&topic->watchers)) {
        topic->serial = watcher->app_serial;
        set->next_ms = 0;
    }

    watcher->topic = topic;
    watcher->round = topic->round;
    ngx_queue_insert_tail(&topic->watchers, &watcher->link);

    if (!set->timer.timer_set) {
        ngx_add_timer(&set->timer, NGX_HTTP_MDS_WATCH_TICK_MS);
    }
}

static void
ngx_http_mds_topic_free(ngx_http_mds_topic_t *topic)
{
    if (topic->is_dirty) {
        ngx_queue_remove(&topic->work);
    }

    ngx_queue_remove(&topic->link);
    ngx_rbtree_delete(&topic->set->tree, &topic->node.node);
    ngx_free(topic);
}

void
ngx_http_mds_topic_remove(ngx_http_mds_watcher_t *watcher)
{
    ngx_http_mds_topic_t *topic = watcher->topic;

    ngx_queue_remove(&watcher->link);
    watcher->topic = NULL;

    if (ngx_queue_empty(&topic->watchers)) {
        ngx_http_mds_topic_free(topic);
    }
}

static void
ngx_http_mds_topic_mark(ngx_http_mds_topic_t *topic)
{
    topic->round++;

    if (!topic->is_dirty) {
        topic->is_dirty = 1;
        ngx_queue_insert_tail(&topic->set->dirty, &topic->work);
    }
}

/* Looks whether the app of the topic has changed, or a time has come. */
static void
ngx_http_mds_topic_look(ngx_http_mds_topic_t *topic,
                        const mds_snapshot_t *snapshot, int64_t now_ms)
{
    mds_app_record_t app = { 0 };
    mds_error_t      err;

    /* An app that is not there, or no longer, has serial 0. */
    if (mds_catalog_app(snapshot->catalog, topic->app, &err, &app) != MDS_OK) {
        app = (mds_app_record_t){ 0 };
    }

    if (app.serial != topic->serial
        || (topic->next_ms != 0 && now_ms >= topic->next_ms))
    {
        ngx_http_mds_topic_mark(topic);
    }

    topic->serial = app.serial;
    topic->spread_s = app.push_spread_s;
    topic->next_ms
        = topic->kind.len == 0
              ? INT64_MAX
              : mds_next_change_ms(snapshot, topic->app, topic->kind,
                                   mds_str_eq(topic->kind, mds_str("config"))
                                       ? mds_null_str
                                       : topic->name,
                                   now_ms);
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
            ngx_http_mds_topic_look(topic, snapshot, now_ms);
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

/* Lets a topic be evaluated again after some time. */
static void
ngx_http_mds_topic_postpone(ngx_http_mds_topic_t *topic)
{
    topic->next_ms = mds_time_now_ms() + NGX_HTTP_MDS_WATCH_RETRY_MS;
    topic->set->next_ms = ngx_min(topic->set->next_ms, topic->next_ms);
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

    if (status != MDS_OK || slice.count < NGX_HTTP_MDS_WATCH_SLICE) {
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
