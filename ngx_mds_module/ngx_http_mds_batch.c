/*
 * Many questions in one POST, many answers in one body. Each stands alone: a
 * mistake in one is told in its place. A result is written as soon as it is
 * known, from where the catalog has it; one that waits for its window comes
 * later, and the body is put together in the order asked.
 *
 * An answer has a most: results beyond are errors. Room for those is kept for
 * each question that is still to be told.
 */

#include "ngx_http_mds_json.h"

#include "request/mds_batch.h"

/* The results' first guess, and what each has in names and braces; what comes
 * before them: two numbers, and words. */
#define NGX_HTTP_MDS_RESULT_BYTES 640
#define NGX_HTTP_MDS_WORDS_BYTES 64
#define NGX_HTTP_MDS_HEAD_BYTES 128
#define NGX_HTTP_MDS_TAIL_BYTES 2

#define NGX_HTTP_MDS_BATCH_ANSWER_MAX (4 * 1024 * 1024)

static ngx_str_t ngx_http_mds_beyond = ngx_string(
    "one answer is at most 4 MiB, and this result is beyond: ask for it in"
    " another request");

typedef struct {
    size_t offset;
    size_t len;
} ngx_http_mds_result_t;

typedef struct {
    mds_batch_t           *batch;
    u_char                *data; /* room for what comes before, results */
    size_t                 len;
    size_t                 size;    /* of data: the bound of len */
    size_t                 kept;    /* room for questions not told yet */
    ngx_http_mds_result_t *results; /* by question: one for each */
    ngx_uint_t             delivered;
    ngx_uint_t             out_of_order; /* not told in the order asked */
    uint32_t               poll_after_s;
    uint32_t               poll_jitter_s;
} ngx_http_mds_batch_response_t;

static void ngx_http_mds_batch_begin(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t
ngx_http_mds_batch_evaluate(ngx_http_request_t *r, ngx_str_t *body);
static mds_status_t
ngx_http_mds_batch_request(ngx_http_mds_evaluation_t *e, size_t i,
                           mds_request_t *request, mds_error_t *err);
static mds_status_t ngx_http_mds_batch_on_result(ngx_http_mds_evaluation_t *e,
                                                 size_t i, mds_error_t *err);
static ngx_int_t    ngx_http_mds_batch_respond(ngx_http_mds_evaluation_t *e);

ngx_int_t
ngx_http_mds_batch_handler(ngx_http_request_t *r)
{
    return ngx_http_mds_read_json_body(r, MDS_BATCH_BYTES_MAX,
                                       ngx_http_mds_batch_begin);
}

static void
ngx_http_mds_batch_begin(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_finalize_request(r, ngx_http_mds_batch_evaluate(r, body));
}

static mds_status_t
ngx_http_mds_batch_read(ngx_http_request_t *r, ngx_str_t *body,
                        mds_error_t *err, mds_batch_t **batch)
{
    void         *memory = ngx_palloc(r->pool, mds_batch_bytes(body->len));
    mds_request_t fixed;
    mds_status_t  status;

    if (memory == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    mds_request_init(&fixed);
    status = ngx_http_mds_set_trusted_attributes(r, &fixed, err);

    return status == MDS_OK ? mds_batch_parse(ngx_http_mds_view(body), &fixed,
                                              memory, err, batch)
                            : status;
}

/* What a result takes at most; a byte becomes six if it is a control. */
static size_t
ngx_http_mds_result_bytes(const mds_batch_t *batch, size_t i, size_t quoted,
                          size_t detail)
{
    return NGX_HTTP_MDS_WORDS_BYTES + quoted
           + 6
                 * (mds_batch_kind(batch, i).len + mds_batch_name(batch, i).len
                    + detail);
}

/* The same of one that is beyond. */
static size_t
ngx_http_mds_beyond_bytes(const mds_batch_t *batch, size_t i)
{
    return ngx_http_mds_result_bytes(batch, i, 0, ngx_http_mds_beyond.len);
}

static ngx_http_mds_batch_response_t *
ngx_http_mds_batch_response_create(ngx_pool_t *pool, mds_batch_t *batch)
{
    size_t                         count = mds_batch_count(batch);
    ngx_http_mds_batch_response_t *response
        = ngx_pcalloc(pool, sizeof(*response));

    if (response == NULL) {
        return NULL;
    }

    response->batch = batch;
    response->len = NGX_HTTP_MDS_HEAD_BYTES;
    response->size = response->len + (count + 1) * NGX_HTTP_MDS_RESULT_BYTES;
    response->data = ngx_pnalloc(pool, response->size);
    response->results
        = ngx_palloc(pool, (count + 1) * sizeof(*response->results));

    for (size_t i = 0; i < count; i++) {
        response->kept += ngx_http_mds_beyond_bytes(batch, i);
    }

    return response->data == NULL || response->results == NULL ? NULL
                                                               : response;
}

static ngx_int_t
ngx_http_mds_batch_evaluate(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_mds_evaluation_t *e;
    mds_batch_t               *batch;
    mds_status_t               status;
    mds_error_t                err;

    status = ngx_http_mds_batch_read(r, body, &err, &batch);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    e = ngx_pcalloc(r->pool, sizeof(*e));
    if (e == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e->r = r;
    e->count = mds_batch_count(batch);
    e->questions = ngx_pcalloc(r->pool, sizeof(*e->questions) * (e->count + 1));
    e->data = ngx_http_mds_batch_response_create(r->pool, batch);
    if (e->questions == NULL || e->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e->next_request = ngx_http_mds_batch_request;
    e->on_result = ngx_http_mds_batch_on_result;
    e->respond = ngx_http_mds_batch_respond;

    return ngx_http_mds_evaluate(e);
}

static mds_status_t
ngx_http_mds_batch_request(ngx_http_mds_evaluation_t *e, size_t i,
                           mds_request_t *request, mds_error_t *err)
{
    ngx_http_mds_batch_response_t *response = e->data;
    mds_status_t status = mds_batch_request(response->batch, i, request, err);

    request->may_admit = true;

    return status;
}

static void
ngx_http_mds_write_result(ngx_http_mds_json_t *w, const mds_batch_t *batch,
                          size_t i, const ngx_http_mds_question_t *question)
{
    const mds_decision_t *decision = &question->decision;

    ngx_http_mds_json_raw(w, i > 0 ? ",{\"kind\":\"" : "{\"kind\":\"");
    ngx_http_mds_json_quoted(w, mds_batch_kind(batch, i));
    ngx_http_mds_json_raw(w, "\",\"name\":\"");
    ngx_http_mds_json_quoted(w, mds_batch_name(batch, i));
    ngx_http_mds_json_raw(w, "\",\"action\":\"");

    if (question->status != MDS_OK) {
        ngx_http_mds_json_raw(w, "error\",\"detail\":\"");
        ngx_http_mds_json_quoted(w,
                                 (mds_str_t){ question->detail.len,
                                              (char *) question->detail.data });

    } else {
        ngx_http_mds_json_raw(w, mds_action_name(decision->action));
    }

    if (question->status == MDS_OK && decision->quoted.len > 0) {
        ngx_http_mds_json_raw(w, "\",");
        ngx_http_mds_json_bytes(w, decision->quoted.data, decision->quoted.len);
    } else {
        ngx_http_mds_json_raw(w, "\"}");
    }
}

/* Room for that many bytes, which the answer may still have. */
static mds_status_t
ngx_http_mds_batch_grow(ngx_pool_t                    *pool,
                        ngx_http_mds_batch_response_t *response, size_t bytes,
                        mds_error_t *err)
{
    size_t size
        = ngx_min(2 * response->size + bytes, NGX_HTTP_MDS_BATCH_ANSWER_MAX);
    u_char *data;

    if (bytes <= response->size - response->len - NGX_HTTP_MDS_TAIL_BYTES) {
        return MDS_OK;
    }

    data = ngx_pnalloc(pool, size);
    if (data == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    ngx_memcpy(data, response->data, response->len);
    response->data = data;
    response->size = size;

    return MDS_OK;
}

/* How much the result takes, which is an error now if that is too much. */
static size_t
ngx_http_mds_batch_fit(ngx_http_mds_batch_response_t *response, size_t i,
                       ngx_http_mds_question_t *question)
{
    size_t beyond = ngx_http_mds_beyond_bytes(response->batch, i);
    size_t bytes = ngx_http_mds_result_bytes(response->batch, i,
                                             question->decision.quoted.len,
                                             question->detail.len);

    response->kept -= beyond;

    if (response->len + bytes + response->kept + NGX_HTTP_MDS_TAIL_BYTES
        <= NGX_HTTP_MDS_BATCH_ANSWER_MAX)
    {
        return bytes;
    }

    question->status = MDS_NO_SPACE;
    question->detail = ngx_http_mds_beyond;

    return beyond;
}

static mds_status_t
ngx_http_mds_batch_on_result(ngx_http_mds_evaluation_t *e, size_t i,
                             mds_error_t *err)
{
    ngx_http_mds_question_t       *question = &e->questions[i];
    ngx_http_mds_batch_response_t *response = e->data;
    ngx_http_mds_json_t            w;
    size_t bytes = ngx_http_mds_batch_fit(response, i, question);

    if (ngx_http_mds_batch_grow(e->r->pool, response, bytes, err) != MDS_OK) {
        return MDS_NO_MEMORY;
    }

    w = ngx_http_mds_json_into(response->data + response->len,
                               response->size - response->len
                                   - NGX_HTTP_MDS_TAIL_BYTES);
    ngx_http_mds_write_result(&w, response->batch, i, question);

    if (w.out.overrun) {
        return mds_fail(err, MDS_NO_MEMORY, "a result is longer than its room");
    }

    response->results[i].offset = response->len;
    response->results[i].len
        = (u_char *) w.out.p - (response->data + response->len);
    response->len += response->results[i].len;
    response->out_of_order |= response->delivered++ != i;

    /* All resources of a body are of one app as a rule: the first that says. */
    if (response->poll_after_s == 0) {
        response->poll_after_s = question->decision.poll_after_s;
        response->poll_jitter_s = question->decision.poll_jitter_s;
    }

    return MDS_OK;
}

/* Puts the results into the order asked, behind room for the head. */
static ngx_int_t
ngx_http_mds_batch_sort(ngx_http_mds_evaluation_t *e)
{
    ngx_http_mds_batch_response_t *response = e->data;
    u_char *data = ngx_pnalloc(e->r->pool, response->size);
    u_char *p;

    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data + NGX_HTTP_MDS_HEAD_BYTES;

    for (size_t i = 0; i < e->count; i++) {
        p = ngx_cpymem(p, response->data + response->results[i].offset,
                       response->results[i].len);
    }

    response->data = data;

    return NGX_OK;
}

/* The head, which was not known before, right before the first result. */
static u_char *
ngx_http_mds_batch_head(ngx_http_mds_batch_response_t *response,
                        ngx_str_t *serial, uint64_t poll_after_s)
{
    u_char  head[NGX_HTTP_MDS_HEAD_BYTES];
    u_char *end, *first;

    end = ngx_snprintf(head, sizeof(head),
                       "{\"serial\":%V,\"poll_after\":%uL,\"results\":[",
                       serial, poll_after_s);
    first = response->data + sizeof(head) - (end - head);
    ngx_memcpy(first, head, end - head);

    return first;
}

static ngx_int_t
ngx_http_mds_batch_respond(ngx_http_mds_evaluation_t *e)
{
    ngx_http_mds_batch_response_t *response = e->data;
    ngx_http_mds_response_t        answer = { .type = &ngx_http_mds_json_type };
    u_char                        *end;

    answer.poll_after_s = ngx_http_mds_poll_after(response->poll_after_s,
                                                  response->poll_jitter_s);

    if (ngx_http_mds_set_actions(e) != NGX_OK
        || (response->out_of_order && ngx_http_mds_batch_sort(e) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer.body.data = ngx_http_mds_batch_head(response, &e->ctx->serial,
                                               answer.poll_after_s);
    end = ngx_cpymem(response->data + response->len, "]}",
                     NGX_HTTP_MDS_TAIL_BYTES);
    answer.body.len = end - answer.body.data;

    return ngx_http_mds_respond(e->r, &answer);
}
