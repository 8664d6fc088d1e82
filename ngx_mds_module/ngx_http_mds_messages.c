/*
 * mds_messages: a user's gray messages, and what becomes of them. GET
 * lists the newest; POST marks and deletes, and is answered once that is
 * durable.
 */

#include "ngx_http_mds_writer.h"

#include "base/mds_time.h"
#include "document/mds_document.h"
#include "evaluate/mds_user_messages.h"
#include "request/mds_read_marks_body.h"

#define NGX_HTTP_MDS_MESSAGES_DEFAULT 20
#define NGX_HTTP_MDS_MESSAGES_MAX 1000

typedef struct {
    ngx_http_request_t   *r;
    ngx_http_mds_depot_t *depot;
    ngx_str_t             body; /* of the answer, or of the request */
    mds_read_marks_body_t marks;
    void                 *text; /* that marks and request view */
    mds_request_t         request;
    mds_message_list_t    list;
} ngx_http_mds_messages_t;

static ngx_int_t ngx_http_mds_messages_get(ngx_http_mds_messages_t *m);
static void ngx_http_mds_messages_post(ngx_http_request_t *r, ngx_str_t *body);

static ngx_http_mds_messages_t *
ngx_http_mds_messages_create(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_messages_t *m = ngx_pcalloc(r->pool, sizeof(*m));

    if (m == NULL || ngx_http_mds_get_ctx(r) == NULL) {
        return NULL;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    m->r = r;
    m->depot = ngx_http_mds_depot(mlcf->place);

    return m;
}

ngx_int_t
ngx_http_mds_messages_handler(ngx_http_request_t *r)
{
    ngx_http_mds_messages_t *m;
    ngx_int_t                rc;

    if (r->method == NGX_HTTP_POST && ngx_http_mds_is_json(r)) {
        return ngx_http_mds_read_body(r, MDS_MARK_BYTES_MAX,
                                      ngx_http_mds_messages_post);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_POST) {
        return ngx_http_mds_refuse(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                   "the body has to be application/json");
    }

    m = ngx_http_mds_messages_create(r);

    return m == NULL ? NGX_HTTP_INTERNAL_SERVER_ERROR
                     : ngx_http_mds_messages_get(m);
}

/* GET */

static void *
ngx_http_mds_messages_alloc(void *data, size_t bytes)
{
    return ngx_palloc(data, bytes);
}

/* "n": how many at most. */
static mds_status_t
ngx_http_mds_messages_n(const mds_request_t *request, mds_error_t *err,
                        size_t *n)
{
    mds_str_t text = mds_request_attr(request, MDS_ATTR_N);
    ngx_int_t value = NGX_HTTP_MDS_MESSAGES_DEFAULT;

    if (text.len > 0) {
        value = ngx_atoi((u_char *) text.data, text.len);
    }

    if (value < 1 || value > NGX_HTTP_MDS_MESSAGES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"n\": \"%.*s\" is no number from 1 to %d",
                        MDS_STR(text), NGX_HTTP_MDS_MESSAGES_MAX);
    }

    *n = (size_t) value;
    return MDS_OK;
}

static void
ngx_http_mds_messages_write(ngx_http_mds_writer_t    *w,
                            const mds_message_list_t *list)
{
    char time[MDS_TIME_BYTES];

    ngx_http_mds_write(w, "{\"latest\":{");

    for (size_t i = 0; i < list->latest_count; i++) {
        const mds_official_t *latest = &list->latest[i];

        ngx_http_mds_write_string(w, i > 0 ? ",\"" : "\"",
                                  latest->platform.data, latest->platform.len);
        ngx_http_mds_write_string(w, ":\"", latest->version.data,
                                  latest->version.len);
    }

    ngx_http_mds_write(w, list->more ? "},\"more\":true,\"messages\":["
                                     : "},\"more\":false,\"messages\":[");

    for (size_t i = 0; i < list->count; i++) {
        const mds_listed_message_t *message = &list->messages[i];

        ngx_http_mds_write(w, i > 0 ? ",{\"id\":" : "{\"id\":");
        ngx_http_mds_write_number(w, message->id);
        ngx_http_mds_write_string(w, ",\"platform\":\"", message->platform.data,
                                  message->platform.len);
        ngx_http_mds_write_string(w, ",\"version\":\"", message->version.data,
                                  message->version.len);
        (void) mds_time_format(message->expires_ms, time);
        ngx_http_mds_write_string(w, ",\"expires\":\"", time, ngx_strlen(time));
        ngx_http_mds_write_string(w, ",\"url\":\"", message->url.data,
                                  message->url.len);
        ngx_http_mds_write(w, message->read ? ",\"read\":true}"
                                            : ",\"read\":false}");
    }

    ngx_http_mds_write(w, "]}");
}

static mds_status_t
ngx_http_mds_messages_list(const mds_snapshot_t *snapshot, void *data,
                           mds_error_t *err)
{
    ngx_http_mds_messages_t *m = data;
    ngx_http_request_t      *r = m->r;
    mds_alloc_t              alloc = { ngx_http_mds_messages_alloc, r->pool };
    ngx_http_mds_writer_t    w = { .len = 0 };
    size_t                   n;
    mds_status_t             status;

    ngx_http_mds_tell_serial(ngx_http_mds_get_ctx(r),
                             mds_catalog_serial(snapshot->catalog));

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return MDS_OK;
    }

    status = ngx_http_mds_read_attributes(r, &m->request, err);

    if (status == MDS_OK) {
        status = mds_request_validate_app(&m->request, err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_messages_n(&m->request, err, &n);
    }

    if (status == MDS_OK) {
        status = mds_user_messages(snapshot, &m->request, n, mds_time_now_ms(),
                                   &alloc, err, &m->list);
    }

    if (status != MDS_OK) {
        return status;
    }

    ngx_http_mds_messages_write(&w, &m->list);
    m->body.len = w.len;
    m->body.data = ngx_pnalloc(r->pool, w.len);
    if (m->body.data == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    w = ngx_http_mds_writer(m->body.data, m->body.len);
    ngx_http_mds_messages_write(&w, &m->list);

    return w.room.overrun
               ? mds_fail(err, MDS_NO_MEMORY,
                          "the list of messages is longer than its room")
               : MDS_OK;
}

/* A state that is not to be had is logged once, not for each who asks. */
static ngx_int_t
ngx_http_mds_messages_failed(ngx_http_mds_messages_t *m, mds_status_t status,
                             const mds_error_t *err)
{
    if (status != MDS_DENIED) {
        return ngx_http_mds_problem(m->r, status, err->text);
    }

    ngx_http_mds_depot_complain(m->depot, err);
    return ngx_http_mds_unavailable(m->r);
}

static ngx_int_t
ngx_http_mds_messages_get(ngx_http_mds_messages_t *m)
{
    static ngx_str_t    json = ngx_string("application/json");
    static ngx_str_t    allowed = ngx_string("GET, HEAD, POST");
    ngx_http_request_t *r = m->r;
    mds_status_t        status;
    mds_error_t         err;

    status = ngx_http_mds_depot_evaluate(m->depot, ngx_http_mds_messages_list,
                                         m, &err);

    if (!ngx_http_mds_depot_is_open(m->depot)) {
        return ngx_http_mds_unavailable(r);
    }

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return ngx_http_mds_not_allowed(r, &allowed);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_messages_failed(m, status, &err);
    }

    if (ngx_http_mds_add_common_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mds_send(r, NGX_HTTP_OK, &json, &m->body);
}

/* POST */

/* What the catalog says of the app's messages; the marks have to fit. */
static mds_status_t
ngx_http_mds_messages_look(const mds_snapshot_t *snapshot, void *data,
                           mds_error_t *err)
{
    ngx_http_mds_messages_t *m = data;
    mds_alloc_t  alloc = { ngx_http_mds_messages_alloc, m->r->pool };
    mds_status_t status;

    ngx_http_mds_tell_serial(ngx_http_mds_get_ctx(m->r),
                             mds_catalog_serial(snapshot->catalog));

    status = mds_request_validate_app(&m->request, err);

    if (status == MDS_OK) {
        status = mds_user_messages(snapshot, &m->request, 0, mds_time_now_ms(),
                                   &alloc, err, &m->list);
    }

    if (status == MDS_OK && m->marks.highest > m->list.newest) {
        status = mds_fail(err, MDS_INVALID,
                          "id %llu is above the newest, which is %llu",
                          (unsigned long long) m->marks.highest,
                          (unsigned long long) m->list.newest);
    }

    return status;
}

static void
ngx_http_mds_messages_marked(ngx_http_mds_ticket_t *ticket)
{
    ngx_http_mds_messages_t *m = ticket->data;
    ngx_http_request_t      *r = m->r;
    ngx_connection_t        *c = r->connection;
    ngx_int_t                rc;

    ngx_http_set_log_request(c->log, r);

    if (ticket->writes->status != MDS_OK) {
        rc = ngx_http_mds_unavailable(r);
    } else if (ngx_http_mds_add_common_headers(r) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    } else {
        rc = ngx_http_mds_send_no_content(r);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}

/* app 00 user, in the request's pool. */
static ngx_int_t
ngx_http_mds_messages_key(ngx_http_mds_messages_t *m, mds_str_t *key)
{
    mds_str_t app = mds_request_attr(&m->request, MDS_ATTR_APP);
    mds_str_t user = mds_request_attr(&m->request, MDS_ATTR_USER);
    u_char   *bytes = ngx_pnalloc(m->r->pool, app.len + 1 + user.len);
    u_char   *p;

    if (bytes == NULL) {
        return NGX_ERROR;
    }

    /* Neither is empty: the request is valid. */
    /* NOLINTBEGIN(clang-analyzer-core.NonNullParamChecker) */
    p = ngx_cpymem(bytes, app.data, app.len);
    *p++ = '\0';
    p = ngx_cpymem(p, user.data, user.len);
    /* NOLINTEND(clang-analyzer-core.NonNullParamChecker) */
    *key = (mds_str_t){ (size_t) (p - bytes), (char *) bytes };

    return NGX_OK;
}

static ngx_int_t
ngx_http_mds_messages_mark(ngx_http_mds_messages_t *m)
{
    ngx_http_mds_ticket_t *ticket;
    mds_write_t           *write;

    ticket = ngx_pcalloc(m->r->pool, sizeof(*ticket) + sizeof(*write));
    if (ticket == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    write = (mds_write_t *) (ticket + 1);
    write->type = MDS_WRITE_READ_MARK;
    write->read_mark.delete_through = m->marks.delete_through;
    write->read_mark.read = m->marks.read;
    write->read_mark.read_count = m->marks.read_count;
    write->read_mark.oldest = m->list.oldest;

    if (ngx_http_mds_messages_key(m, &write->read_mark.user) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ticket->r = m->r;
    ticket->writes = write;
    ticket->count = 1;
    ticket->done = ngx_http_mds_messages_marked;
    ticket->data = m;

    return ngx_http_mds_write_state(m->depot, ticket);
}

static void
ngx_http_mds_messages_cleanup(void *data)
{
    ngx_http_mds_messages_t *m = data;

    mds_read_marks_body_free(&m->marks, m->text);
}

static ngx_int_t
ngx_http_mds_messages_posted(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_mds_messages_t *m = ngx_http_mds_messages_create(r);
    ngx_pool_cleanup_t      *cleanup = ngx_pool_cleanup_add(r->pool, 0);
    mds_status_t             status;
    mds_error_t              err;

    if (m == NULL || cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cleanup->handler = ngx_http_mds_messages_cleanup;
    cleanup->data = m;

    status = ngx_http_mds_fix_attributes(r, &m->request, &err);

    if (status == MDS_OK) {
        status = mds_read_marks_body_parse(ngx_http_mds_view(body), &m->request,
                                           &err, &m->marks, &m->text);
    }

    if (status == MDS_OK) {
        status
            = ngx_http_mds_depot_evaluate(m->depot, ngx_http_mds_messages_look,
                                          m, &err);

        if (!ngx_http_mds_depot_is_open(m->depot)) {
            return ngx_http_mds_unavailable(r);
        }
    }

    return status == MDS_OK ? ngx_http_mds_messages_mark(m)
                            : ngx_http_mds_messages_failed(m, status, &err);
}

static void
ngx_http_mds_messages_post(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_finalize_request(r, ngx_http_mds_messages_posted(r, body));
}
