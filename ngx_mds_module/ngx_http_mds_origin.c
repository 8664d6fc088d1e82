/*
 * mds_origin: a file that is not there is fetched by the agent, which owns
 * files/ and verifies what it fetches.
 *
 *   request ─┐
 *   request ─┼─ fetch of SHA256 ── DEPOT/agent/files, a Unix socket
 *   request ─┘
 *
 * A worker makes one connection for each file, sends "SHA256 URL" and waits for
 * a line in the event loop, with all requests for that file. No byte goes out
 * before the file is complete and verified.
 */

#include "ngx_http_mds_origin.h"

#include <sys/un.h>

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_digest.h"

#define NGX_HTTP_MDS_ORIGIN_TIMEOUT 60000
#define NGX_HTTP_MDS_ORIGIN_LINE 1024

typedef enum {
    NGX_HTTP_MDS_ORIGIN_OK,
    NGX_HTTP_MDS_ORIGIN_NO,   /* there is no such file */
    NGX_HTTP_MDS_ORIGIN_LATER /* the origin or the agent is away */
} ngx_http_mds_origin_result_t;

/* In a pool of its own. */
typedef struct {
    ngx_queue_t           link;
    ngx_pool_t           *pool;
    ngx_http_mds_depot_t *depot;
    mds_str_t             hex;
    ngx_queue_t           waiters;
    ngx_peer_connection_t peer;
    struct sockaddr_un    address;
    ngx_str_t             name; /* of the peer */
    ngx_buf_t            *request;
    u_char                line[NGX_HTTP_MDS_ORIGIN_LINE];
    size_t                line_len;
} ngx_http_mds_origin_fetch_t;

/* In the pool of its request. */
typedef struct {
    ngx_queue_t         link;
    ngx_http_request_t *r; /* NULL: it waits no more */
} ngx_http_mds_origin_waiter_t;

/* Of this process. */
static ngx_queue_t ngx_http_mds_origin_fetches;
static ngx_uint_t  ngx_http_mds_origin_away; /* it was logged */

char *
ngx_http_mds_check_origin(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *url = data;
    u_char    *p;

    if (ngx_strncmp(url->data, "http://", 7) != 0
        && ngx_strncmp(url->data, "https://", 8) != 0)
    {
        return "must begin with http:// or https://";
    }

    if (url->len > 512 || ngx_strchr(url->data, ' ') != NULL) {
        return "must be a URL of at most 512 bytes";
    }

    if (url->data[url->len - 1] == '/') {
        return NGX_CONF_OK;
    }

    p = ngx_pnalloc(cf->pool, url->len + 2);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(p, url->data, url->len);
    p[url->len] = '/';
    p[url->len + 1] = '\0';
    url->data = p;
    url->len++;

    return NGX_CONF_OK;
}

/* Answers a request that has waited. It may be gone afterwards. */
static void
ngx_http_mds_origin_resume(ngx_http_request_t          *r,
                           ngx_http_mds_origin_result_t result)
{
    ngx_connection_t        *c = r->connection;
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    ngx_int_t rc;

    ngx_http_set_log_request(c->log, r);
    r->write_event_handler = ngx_http_request_empty_handler;

    switch (result) {

    case NGX_HTTP_MDS_ORIGIN_OK:
        rc = mlcf->endpoint->get(r);
        break;

    case NGX_HTTP_MDS_ORIGIN_NO:
        rc = ngx_http_mds_fail(r, MDS_NOT_FOUND, "the file does not exist");
        break;

    default:
        rc = ngx_http_mds_refuse_unavailable(r);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}

/* Ends the fetch, and answers all that wait for it. */
static void
ngx_http_mds_origin_end(ngx_http_mds_origin_fetch_t *fetch,
                        ngx_http_mds_origin_result_t result)
{
    ngx_http_mds_origin_waiter_t *waiter;
    ngx_http_request_t           *r;

    if (fetch->peer.connection != NULL) {
        ngx_close_connection(fetch->peer.connection);
        fetch->peer.connection = NULL;
    }

    /* A new request for the file begins a new fetch. */
    ngx_queue_remove(&fetch->link);

    while (!ngx_queue_empty(&fetch->waiters)) {
        waiter = ngx_queue_data(ngx_queue_head(&fetch->waiters),
                                ngx_http_mds_origin_waiter_t, link);
        ngx_queue_remove(&waiter->link);
        r = waiter->r;
        waiter->r = NULL;
        ngx_http_mds_origin_resume(r, result);
    }

    ngx_destroy_pool(fetch->pool);
}

/* Ends a fetch for which the agent is not there, and logs that once. */
static void
ngx_http_mds_origin_fail(ngx_http_mds_origin_fetch_t *fetch, const char *why)
{
    if (!ngx_http_mds_origin_away) {
        ngx_http_mds_origin_away = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the agent fetches no files: %s",
                      &fetch->depot->path, why);
    }

    ngx_http_mds_origin_end(fetch, NGX_HTTP_MDS_ORIGIN_LATER);
}

static void
ngx_http_mds_origin_read(ngx_event_t *event)
{
    ngx_connection_t            *c = event->data;
    ngx_http_mds_origin_fetch_t *fetch = c->data;
    size_t                       room;
    ssize_t                      n;

    if (event->timedout) {
        ngx_http_mds_origin_fail(fetch, "it does not answer");
        return;
    }

    while (ngx_strlchr(fetch->line, fetch->line + fetch->line_len, '\n')
           == NULL) {
        room = sizeof(fetch->line) - fetch->line_len;
        n = room == 0 ? 0 : c->recv(c, fetch->line + fetch->line_len, room);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(event, 0) != NGX_OK) {
                ngx_http_mds_origin_fail(fetch, "it cannot be read");
            }
            return;
        }

        if (n <= 0) {
            ngx_http_mds_origin_fail(fetch, "it has closed the connection");
            return;
        }

        fetch->line_len += n;
    }

    ngx_http_mds_origin_away = 0;
    ngx_http_mds_origin_end(fetch, ngx_strncmp(fetch->line, "ok\n", 3) == 0
                                       ? NGX_HTTP_MDS_ORIGIN_OK
                                   : ngx_strncmp(fetch->line, "no ", 3) == 0
                                       ? NGX_HTTP_MDS_ORIGIN_NO
                                       : NGX_HTTP_MDS_ORIGIN_LATER);
}

static void
ngx_http_mds_origin_write(ngx_event_t *event)
{
    ngx_connection_t            *c = event->data;
    ngx_http_mds_origin_fetch_t *fetch = c->data;
    ngx_buf_t                   *b = fetch->request;
    ssize_t                      n;

    while (b->pos < b->last) {
        n = c->send(c, b->pos, b->last - b->pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_mds_origin_fail(fetch, "it cannot be asked");
            return;
        }

        b->pos += n;
    }

    if (ngx_handle_write_event(event, 0) != NGX_OK) {
        ngx_http_mds_origin_fail(fetch, "it cannot be asked");
    }
}

/* Writes the request, and connects. */
static ngx_int_t
ngx_http_mds_origin_connect(ngx_http_mds_origin_fetch_t *fetch, ngx_str_t *url)
{
    /* That the agent is not there is logged once, and not by each request. */
    static ngx_log_t quiet;

    ngx_peer_connection_t *peer = &fetch->peer;
    ngx_connection_t      *c;
    u_char                *end;
    ngx_int_t              rc;

    fetch->address.sun_family = AF_UNIX;
    end = ngx_snprintf((u_char *) fetch->address.sun_path,
                       sizeof(fetch->address.sun_path) - 1, "%V/agent/files",
                       &fetch->depot->path);
    *end = '\0';
    ngx_str_set(&fetch->name, "agent/files");

    peer->sockaddr = (struct sockaddr *) &fetch->address;
    peer->socklen = sizeof(fetch->address);
    peer->name = &fetch->name;
    peer->get = ngx_event_get_peer;
    peer->log = &quiet;
    peer->log_error = NGX_ERROR_ERR;

    fetch->request->last = ngx_sprintf(fetch->request->pos, "%*s %V\n",
                                       fetch->hex.len, fetch->hex.data, url);
    rc = ngx_event_connect_peer(peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        return NGX_ERROR;
    }

    c = peer->connection;
    c->data = fetch;
    c->read->handler = ngx_http_mds_origin_read;
    c->write->handler = ngx_http_mds_origin_write;
    c->read->log = c->write->log = c->log = ngx_cycle->log;
    ngx_add_timer(c->read, NGX_HTTP_MDS_ORIGIN_TIMEOUT);
    ngx_post_event(c->write, &ngx_posted_events);

    return NGX_OK;
}

static ngx_http_mds_origin_fetch_t *
ngx_http_mds_origin_create(ngx_http_mds_depot_t *depot, mds_str_t hex,
                           ngx_str_t *url)
{
    ngx_pool_t *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    ngx_http_mds_origin_fetch_t *fetch;
    char                        *copy;

    if (pool == NULL) {
        return NULL;
    }

    fetch = ngx_pcalloc(pool, sizeof(*fetch));
    copy = ngx_pnalloc(pool, hex.len);

    if (fetch == NULL || copy == NULL
        || (fetch->request = ngx_create_temp_buf(pool, hex.len + url->len + 2))
               == NULL)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_memcpy(copy, hex.data, hex.len);
    fetch->pool = pool;
    fetch->depot = depot;
    fetch->hex = (mds_str_t){ hex.len, copy };
    ngx_queue_init(&fetch->waiters);
    ngx_queue_insert_tail(&ngx_http_mds_origin_fetches, &fetch->link);

    return fetch;
}

/* Returns the fetch of the file that is under way; NULL: there is none. */
static ngx_http_mds_origin_fetch_t *
ngx_http_mds_origin_find(ngx_http_mds_depot_t *depot, mds_str_t hex)
{
    ngx_queue_t *q;

    if (ngx_http_mds_origin_fetches.next == NULL) {
        ngx_queue_init(&ngx_http_mds_origin_fetches);
    }

    for (q = ngx_queue_head(&ngx_http_mds_origin_fetches);
         q != ngx_queue_sentinel(&ngx_http_mds_origin_fetches);
         q = ngx_queue_next(q))
    {
        ngx_http_mds_origin_fetch_t *fetch
            = ngx_queue_data(q, ngx_http_mds_origin_fetch_t, link);

        if (fetch->depot == depot && mds_str_eq(fetch->hex, hex)) {
            return fetch;
        }
    }

    return NULL;
}

/* Takes the waiter out; called again, it does nothing. */
static void
ngx_http_mds_origin_leave(void *data)
{
    ngx_http_mds_origin_waiter_t *waiter = data;

    if (waiter->r != NULL) {
        waiter->r = NULL;
        ngx_queue_remove(&waiter->link);
    }
}

ngx_int_t
ngx_http_mds_origin_fetch(ngx_http_request_t *r, mds_str_t hex)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    ngx_http_mds_depot_t         *depot = ngx_http_mds_get_depot(r);
    ngx_http_mds_ctx_t           *ctx = ngx_http_mds_get_ctx(r);
    ngx_http_mds_origin_fetch_t  *fetch;
    ngx_http_mds_origin_waiter_t *waiter;
    ngx_http_cleanup_t           *cleanup;

    if (mlcf->origin.len == 0 || r != r->main || ctx == NULL || ctx->fetched) {
        return NGX_DECLINED;
    }

    waiter = ngx_pcalloc(r->pool, sizeof(*waiter));
    cleanup = ngx_http_cleanup_add(r, 0);
    fetch = ngx_http_mds_origin_find(depot, hex);

    if (waiter == NULL || cleanup == NULL
        || ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (fetch == NULL) {
        fetch = ngx_http_mds_origin_create(depot, hex, &mlcf->origin);

        if (fetch == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ngx_http_mds_origin_connect(fetch, &mlcf->origin) != NGX_OK) {
            ngx_http_mds_origin_fail(fetch, "the file does not exist");
            return ngx_http_mds_refuse_unavailable(r);
        }
    }

    ctx->fetched = 1;
    waiter->r = r;
    ngx_queue_insert_tail(&fetch->waiters, &waiter->link);
    cleanup->handler = ngx_http_mds_origin_leave;
    cleanup->data = waiter;

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;
    r->main->count++;

    return NGX_DONE;
}
