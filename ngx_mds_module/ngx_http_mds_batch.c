/*
 * Many questions in one POST, many answers in one body. Each stands alone: a
 * mistake in one is told in its place.
 */

#include "ngx_http_mds_module.h"

#include "mds_batch.h"

static void ngx_http_mds_batch_begin(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_http_mds_batch_ask(ngx_http_request_t *r, ngx_str_t *body);
static mds_status_t
ngx_http_mds_batch_request(ngx_http_mds_asking_t *asking, size_t i,
                           mds_request_t *request, mds_error_t *err);
static ngx_int_t ngx_http_mds_batch_answer(ngx_http_mds_asking_t *asking);

/* "application/json", whatever its parameters are. */
ngx_uint_t
ngx_http_mds_is_json(ngx_http_request_t *r)
{
    static ngx_str_t json = ngx_string("application/json");
    ngx_table_elt_t *type = r->headers_in.content_type;

    return type != NULL && type->value.len >= json.len
           && ngx_strncasecmp(type->value.data, json.data, json.len) == 0
           && (type->value.len == json.len || type->value.data[json.len] == ';'
               || type->value.data[json.len] == ' ');
}

ngx_int_t
ngx_http_mds_batch_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;

    if (!ngx_http_mds_is_json(r)) {
        rc = ngx_http_discard_request_body(r);
        return rc != NGX_OK
                   ? rc
                   : ngx_http_mds_refuse(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                         "the body has to be application/json");
    }

    return ngx_http_mds_read_body(r, MDS_BATCH_BYTES_MAX,
                                  ngx_http_mds_batch_begin);
}

static void
ngx_http_mds_batch_begin(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_finalize_request(r, ngx_http_mds_batch_ask(r, body));
}

static void
ngx_http_mds_batch_cleanup(void *data)
{
    mds_batch_free(data);
}

static ngx_int_t
ngx_http_mds_batch_ask(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_pool_cleanup_t    *cleanup = ngx_pool_cleanup_add(r->pool, 0);
    ngx_http_mds_asking_t *asking;
    mds_batch_t           *batch;
    mds_status_t           status;
    mds_error_t            err;

    if (cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = mds_batch_parse(ngx_http_mds_view(body), &err, &batch);
    if (status != MDS_OK) {
        return ngx_http_mds_problem(r, status, err.text);
    }

    cleanup->handler = ngx_http_mds_batch_cleanup;
    cleanup->data = batch;

    asking = ngx_http_mds_asking(r, mds_batch_count(batch));
    if (asking == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    asking->data = batch;
    asking->ask = ngx_http_mds_batch_request;
    asking->answer = ngx_http_mds_batch_answer;

    return ngx_http_mds_ask(asking);
}

static mds_status_t
ngx_http_mds_batch_request(ngx_http_mds_asking_t *asking, size_t i,
                           mds_request_t *request, mds_error_t *err)
{
    mds_status_t status;

    status = ngx_http_mds_fix_attributes(asking->r, request, err);
    if (status != MDS_OK) {
        return status;
    }

    request->admits = true;

    return mds_batch_request(asking->data, i, request, err);
}

static void
ngx_http_mds_write_result(ngx_http_mds_writer_t *w, const mds_batch_t *batch,
                          size_t i, const ngx_http_mds_question_t *question)
{
    const mds_decision_t *decision = &question->decision;
    mds_str_t             kind = mds_batch_kind(batch, i);
    mds_str_t             name = mds_batch_name(batch, i);
    const char           *action = question->status == MDS_OK
                                       ? mds_action_name(decision->action)
                                       : "error";

    ngx_http_mds_write_string(w, i > 0 ? ",{\"kind\":\"" : "{\"kind\":\"",
                              kind.data, kind.len);
    ngx_http_mds_write_string(w, ",\"name\":\"", name.data, name.len);
    ngx_http_mds_write_string(w, ",\"action\":\"", action, ngx_strlen(action));

    if (question->status != MDS_OK) {
        ngx_http_mds_write_string(w, ",\"detail\":\"",
                                  (char *) question->detail.data,
                                  question->detail.len);

    } else if (decision->manifest.len > 0) {
        ngx_http_mds_write_string(w, ",\"manifest\":\"",
                                  decision->manifest.data,
                                  decision->manifest.len);
        ngx_http_mds_write_string(w, ",\"signature\":\"",
                                  decision->signature.data,
                                  decision->signature.len);
    }

    ngx_http_mds_write(w, "}");
}

static void
ngx_http_mds_write_answer(ngx_http_mds_writer_t *w,
                          ngx_http_mds_asking_t *asking, uint64_t poll_after_s)
{
    ngx_str_t *serial = &asking->ctx->serial;

    ngx_http_mds_write(w, "{\"serial\":");
    ngx_http_mds_write_bytes(w, (char *) serial->data, serial->len);

    ngx_http_mds_write(w, ",\"poll_after\":");
    ngx_http_mds_write_number(w, poll_after_s);
    ngx_http_mds_write(w, ",\"results\":[");

    for (size_t i = 0; i < asking->count; i++) {
        ngx_http_mds_write_result(w, asking->data, i, &asking->questions[i]);
    }

    ngx_http_mds_write(w, "]}");
}

/* All resources of a body are of one app as a rule: the first that says. */
static const mds_decision_t *
ngx_http_mds_batch_poll(ngx_http_mds_asking_t *asking)
{
    static const mds_decision_t none;

    for (size_t i = 0; i < asking->count; i++) {
        if (asking->questions[i].decision.poll_after_s > 0) {
            return &asking->questions[i].decision;
        }
    }

    return &none;
}

static ngx_int_t
ngx_http_mds_batch_answer(ngx_http_mds_asking_t *asking)
{
    static ngx_str_t      json = ngx_string("application/json");
    ngx_http_request_t   *r = asking->r;
    const mds_decision_t *poll = ngx_http_mds_batch_poll(asking);
    ngx_http_mds_writer_t w = { NULL, 0 };
    ngx_str_t             body;
    uint64_t              poll_after_s;

    if (ngx_http_mds_add_common_headers(r) != NGX_OK
        || ngx_http_mds_add_poll_after(r, poll->poll_after_s,
                                       poll->poll_jitter_s, &poll_after_s)
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mds_write_answer(&w, asking, poll_after_s);

    body.len = w.len;
    body.data = ngx_pnalloc(r->pool, body.len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w.p = body.data;
    ngx_http_mds_write_answer(&w, asking, poll_after_s);

    return ngx_http_mds_send(r, NGX_HTTP_OK, &json, &body);
}
