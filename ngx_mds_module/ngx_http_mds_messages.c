/*
 * mds_messages: a user's gray messages. GET lists the newest ones; POST marks
 * some as read and deletes others, and is answered once that is durable.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_time.h"
#include "evaluate/mds_user_messages.h"
#include "request/mds_read_marks_body.h"

#define NGX_HTTP_MDS_MESSAGES_DEFAULT 20
#define NGX_HTTP_MDS_MESSAGES_MAX 1000

typedef struct {
    ngx_http_request_t     *r;
    ngx_http_mds_ctx_t     *ctx;
    ngx_http_mds_depot_t   *depot;
    mds_alloc_t             alloc; /* from the request's pool */
    ngx_http_mds_response_t response;
    size_t                  max; /* messages to list */
    mds_read_marks_body_t   marks;
    void                   *text; /* viewed by marks and request */
    mds_request_t           request;
    mds_message_list_t      list;
} ngx_http_mds_messages_t;

static ngx_http_mds_messages_t *
ngx_http_mds_messages_create(ngx_http_request_t *r)
{
    ngx_http_mds_messages_t *m = ngx_pcalloc(r->pool, sizeof(*m));

    if (m == NULL) {
        return NULL;
    }

    m->r = r;
    m->depot = ngx_http_mds_get_depot(r);
    m->ctx = ngx_http_mds_get_ctx(r);
    m->alloc = (mds_alloc_t){ ngx_http_mds_pool_alloc, r->pool };
    m->response.type = &ngx_http_mds_json_type;

    return m->ctx == NULL ? NULL : m;
}

/* GET */

/* Reads the parameter "n", the number of messages to list. */
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
        return mds_fail(
            err, MDS_INVALID,
            "parameter \"n\": \"%.*s\" is not a number from 1 to %d",
            MDS_STR(text), NGX_HTTP_MDS_MESSAGES_MAX);
    }

    *n = (size_t) value;
    return MDS_OK;
}

static void
ngx_http_mds_messages_write(ngx_http_mds_json_t *w, const void *data)
{
    const mds_message_list_t *list = data;
    char                      time[MDS_TIME_BYTES];

    ngx_http_mds_json_raw(w, "{\"latest\":{");

    for (size_t i = 0; i < list->latest_count; i++) {
        ngx_http_mds_json_string(w, i > 0 ? ",\"" : "\"",
                                 list->latest[i].platform);
        ngx_http_mds_json_string(w, ":\"", list->latest[i].version);
    }

    ngx_http_mds_json_raw(w, list->more ? "},\"more\":true,\"messages\":["
                                        : "},\"more\":false,\"messages\":[");

    for (size_t i = 0; i < list->count; i++) {
        const mds_listed_message_t *message = &list->messages[i];

        (void) mds_time_format(message->expires_ms, time);

        ngx_http_mds_json_raw(w, i > 0 ? ",{\"id\":" : "{\"id\":");
        ngx_http_mds_json_number(w, message->id);
        ngx_http_mds_json_string(w, ",\"platform\":\"", message->platform);
        ngx_http_mds_json_string(w, ",\"version\":\"", message->version);
        ngx_http_mds_json_string(w, ",\"expires\":\"", mds_str_of(time));
        ngx_http_mds_json_string(w, ",\"url\":\"", message->url);
        ngx_http_mds_json_raw(w, message->read ? ",\"read\":true}"
                                               : ",\"read\":false}");
    }

    ngx_http_mds_json_raw(w, "]}");
}

static mds_status_t
ngx_http_mds_messages_list(const mds_snapshot_t *snapshot, void *data,
                           mds_error_t *err)
{
    ngx_http_mds_messages_t *m = data;
    mds_status_t             status;

    ngx_http_mds_set_serial(m->ctx, mds_catalog_serial(snapshot->catalog));

    status = mds_user_messages(snapshot, &m->request, m->max, mds_time_now_ms(),
                               &m->alloc, err, &m->list);
    if (status != MDS_OK) {
        return status;
    }

    return ngx_http_mds_json_body(m->r->pool, ngx_http_mds_messages_write,
                                  &m->list, &m->response.body)
                   == NGX_OK
               ? MDS_OK
               : mds_fail_memory(err);
}

static ngx_int_t
ngx_http_mds_messages_get(ngx_http_request_t *r)
{
    ngx_http_mds_messages_t *m = ngx_http_mds_messages_create(r);
    mds_status_t             status;
    mds_error_t              err;

    if (m == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mds_read_query(r, mds_request_validate_app, &m->request,
                                     &err);
    if (status == MDS_OK) {
        status = ngx_http_mds_messages_n(&m->request, &err, &m->max);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    status = ngx_http_mds_depot_evaluate(m->depot, ngx_http_mds_messages_list,
                                         m, &err);

    return status == MDS_OK ? ngx_http_mds_respond(r, &m->response)
                            : ngx_http_mds_fail_evaluation(r, status, &err);
}

/* POST */

/* Checks the marks against the app's messages. */
static mds_status_t
ngx_http_mds_messages_check(const mds_snapshot_t *snapshot, void *data,
                            mds_error_t *err)
{
    ngx_http_mds_messages_t *m = data;
    mds_status_t             status;

    ngx_http_mds_set_serial(m->ctx, mds_catalog_serial(snapshot->catalog));

    status = mds_user_messages(snapshot, &m->request, 0, mds_time_now_ms(),
                               &m->alloc, err, &m->list);

    if (status == MDS_OK && m->marks.highest > m->list.newest) {
        status = mds_fail(err, MDS_INVALID,
                          "id %llu is above the newest, which is %llu",
                          (unsigned long long) m->marks.highest,
                          (unsigned long long) m->list.newest);
    }

    return status;
}

static ngx_int_t
ngx_http_mds_messages_on_write(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_messages_t *m = write_req->data;

    return write_req->writes->status == MDS_OK
               ? ngx_http_mds_respond(m->r, &m->response)
               : ngx_http_mds_refuse_unavailable(m->r);
}

/* Makes the key "app 00 user" in the request's pool. */
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

    /* Neither is empty: the request was validated. */
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
    ngx_http_mds_write_req_t *write_req;
    mds_write_t              *write;

    write_req = ngx_http_mds_write_req_create(m->r, 1);
    if (write_req == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    write = write_req->writes;
    write->type = MDS_WRITE_READ_MARK;
    write->read_mark.delete_through = m->marks.delete_through;
    write->read_mark.read = m->marks.read;
    write->read_mark.read_count = m->marks.read_count;
    write->read_mark.oldest = m->list.oldest;

    if (ngx_http_mds_messages_key(m, &write->read_mark.user) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    write_req->done = ngx_http_mds_messages_on_write;
    write_req->data = m;

    return ngx_http_mds_write_state(m->depot, write_req);
}

static void
ngx_http_mds_messages_cleanup(void *data)
{
    ngx_http_mds_messages_t *m = data;

    mds_read_marks_body_free(&m->marks, m->text);
}

static ngx_int_t
ngx_http_mds_messages_post(ngx_http_request_t *r, ngx_str_t *body)
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

    status = ngx_http_mds_set_trusted_attributes(r, &m->request, &err);
    if (status == MDS_OK) {
        status = mds_read_marks_body_parse(ngx_http_mds_view(body), &m->request,
                                           &err, &m->marks, &m->text);
    }

    if (status == MDS_OK) {
        status = mds_request_validate_app(&m->request, &err);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    status = ngx_http_mds_depot_evaluate(m->depot, ngx_http_mds_messages_check,
                                         m, &err);

    return status == MDS_OK ? ngx_http_mds_messages_mark(m)
                            : ngx_http_mds_fail_evaluation(r, status, &err);
}

ngx_http_mds_endpoint_t ngx_http_mds_messages_endpoint = {
    .id = MDS_ENDPOINT_MESSAGES,
    .get = ngx_http_mds_messages_get,
    .post = ngx_http_mds_messages_post,
    .body_max = MDS_MARK_BYTES_MAX,
    .allow = ngx_string("GET, HEAD, POST"),
};
