/* The topics of a depot: the watchers of a resource. */

#include "ngx_http_mds_watch.h"

#include "base/mds_kind.h"
#include "base/mds_time.h"

/* When a failed evaluation is repeated. */
#define NGX_HTTP_MDS_WATCH_RETRY_MS 1000

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

    /* All values of a configuration are one resource. */
    if (kind.len == 0 || mds_str_eq(kind, MDS_KIND_CONFIG)) {
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

    if (watcher->is_unknown) {
        watcher->is_unknown = 0;
        ngx_http_mds_topic_postpone(topic);
    }

    ngx_http_mds_watch_set_start(set);
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

void
ngx_http_mds_topic_mark(ngx_http_mds_topic_t *topic)
{
    topic->round++;

    if (!topic->is_dirty) {
        topic->is_dirty = 1;
        ngx_queue_insert_tail(&topic->set->dirty, &topic->work);
    }
}

void
ngx_http_mds_topic_postpone(ngx_http_mds_topic_t *topic)
{
    /* No app has this serial, so that a look before that time marks it, too. */
    topic->serial = UINT64_MAX;
    topic->next_ms = mds_time_now_ms() + NGX_HTTP_MDS_WATCH_RETRY_MS;
    topic->set->next_ms = ngx_min(topic->set->next_ms, topic->next_ms);
}
