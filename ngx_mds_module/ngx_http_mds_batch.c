/*
 * A batch: many questions in one POST, and their results in one body. An
 * invalid question is an error in its place; the others stand. A result is
 * written as soon as it is known, directly from the catalog. If one had to wait
 * for its window, the body is put into the order asked at the end.
 *
 * The size of an answer is limited: results beyond it are errors, for which
 * room is reserved until the question is done.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_quote.h"
#include "request/mds_batch.h"

/* The first guess of a result's size: a manifest with its signature, names and
 * braces. A body that turns out to be longer is copied into a larger block. */
#define NGX_HTTP_MDS_RESULT_BYTES 1024

#define NGX_HTTP_MDS_WORDS_BYTES 64 /* of its names and braces, at most */
#define NGX_HTTP_MDS_HEAD_BYTES 128 /* before the results */
#define NGX_HTTP_MDS_TAIL_BYTES 2   /* behind them */

#define NGX_HTTP_MDS_BATCH_ANSWER_MAX (4 * 1024 * 1024)

/* $mds_action lists so many actions of a batch, in at most 292 bytes. */
#define NGX_HTTP_MDS_ACTIONS_MAX 32

static ngx_str_t ngx_http_mds_too_large = ngx_string(
    "one answer is at most 4 MiB, and this result is beyond: ask for it in"
    " another request");

typedef struct {
    size_t offset;
    size_t len;
} ngx_http_mds_result_t;

typedef struct {
    mds_batch_t           *batch;
    u_char                *data; /* room for the head, then the results */
    size_t                 len;
    size_t                 size;     /* of data */
    size_t                 reserved; /* for errors of questions not done */
    ngx_http_mds_result_t *results;  /* one for each question */
    ngx_uint_t             delivered;
    ngx_uint_t             out_of_order;
    ngx_uint_t has_poll; /* the interval is that of the body's app */
    uint32_t   poll_after_s;
    uint32_t   poll_jitter_s;
} ngx_http_mds_batch_response_t;

static mds_status_t
ngx_http_mds_batch_read(ngx_http_request_t *r, ngx_str_t *body,
                        mds_error_t *err, mds_batch_t **batch)
{
    void         *memory = ngx_palloc(r->pool, mds_batch_bytes(body->len));
    mds_request_t fixed;
    mds_status_t  status;

    if (memory == NULL) {
        return mds_fail_memory(err);
    }

    mds_request_init(&fixed);
    status = ngx_http_mds_set_trusted_attributes(r, &fixed, err);

    if (status == MDS_OK) {
        status = mds_batch_parse(ngx_http_mds_view(body), &fixed, memory, err,
                                 batch);
    }

    return status == MDS_OK ? mds_batch_validate(*batch, err) : status;
}

/* Returns the bytes of a result at most, without its manifest and its detail: a
 * control character becomes six. */
static size_t
ngx_http_mds_frame_bytes(const mds_batch_t *batch, size_t i)
{
    return NGX_HTTP_MDS_WORDS_BYTES
           + 6 * (mds_batch_kind(batch, i).len + mds_batch_name(batch, i).len);
}

/* Returns the bytes of the error that replaces a result that is too large. */
static size_t
ngx_http_mds_too_large_bytes(size_t frame)
{
    return frame + 6 * ngx_http_mds_too_large.len;
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
        response->reserved
            += ngx_http_mds_too_large_bytes(ngx_http_mds_frame_bytes(batch, i));
    }

    return response->data == NULL || response->results == NULL ? NULL
                                                               : response;
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
ngx_http_mds_write_result(mds_bounded_output_t *out, const mds_batch_t *batch,
                          size_t i, const ngx_http_mds_question_t *question)
{
    const mds_decision_t *decision = &question->decision;

    if (i > 0) {
        mds_bounded_output_put(out, mds_str(","));
    }

    mds_bounded_output_put(out, mds_str("{\"kind\":\""));
    mds_quote(out, mds_batch_kind(batch, i));
    mds_bounded_output_put(out, mds_str("\",\"name\":\""));
    mds_quote(out, mds_batch_name(batch, i));
    mds_bounded_output_put(out, mds_str("\",\"action\":\""));

    if (question->status != MDS_OK) {
        mds_bounded_output_put(out, mds_str("error\",\"detail\":\""));
        mds_quote(out, ngx_http_mds_view(&question->detail));

    } else {
        mds_bounded_output_put(out,
                               mds_str_of(mds_action_name(decision->action)));
    }

    if (question->status == MDS_OK && decision->quoted.len > 0) {
        if (question->proof.len > 0) {
            mds_bounded_output_put(out, mds_str("\",\"proof\":\""));
            mds_bounded_output_put(out, ngx_http_mds_view(&question->proof));
        }

        mds_bounded_output_put(out, mds_str("\","));
        mds_bounded_output_put(out, decision->quoted);
    } else {
        mds_bounded_output_put(out, mds_str("\"}"));
    }
}

/* Makes room for so many more bytes. */
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
        return mds_fail_memory(err);
    }

    ngx_memcpy(data, response->data, response->len);
    response->data = data;
    response->size = size;

    return MDS_OK;
}

/* Returns the bytes of the result at most. A result that is too large becomes
 * an error. */
static size_t
ngx_http_mds_batch_fit(ngx_http_mds_batch_response_t *response, size_t i,
                       ngx_http_mds_question_t *question)
{
    size_t frame = ngx_http_mds_frame_bytes(response->batch, i);
    size_t too_large = ngx_http_mds_too_large_bytes(frame);
    size_t bytes = frame + question->decision.quoted.len
                   + 6 * question->detail.len + question->proof.len;

    response->reserved -= too_large;

    if (response->len + bytes + response->reserved + NGX_HTTP_MDS_TAIL_BYTES
        <= NGX_HTTP_MDS_BATCH_ANSWER_MAX)
    {
        return bytes;
    }

    question->status = MDS_NO_SPACE;
    question->detail = ngx_http_mds_too_large;

    return too_large;
}

/* Takes the interval from a result about the body's app; until then, from the
 * first result that has one. */
static void
ngx_http_mds_batch_note_poll(ngx_http_mds_batch_response_t *response, size_t i,
                             const mds_decision_t *decision)
{
    response->has_poll = !mds_batch_names_app(response->batch, i);

    if (response->has_poll || response->poll_after_s == 0) {
        response->poll_after_s = decision->poll_after_s;
        response->poll_jitter_s = decision->poll_jitter_s;
    }
}

/* Reads the interval of the body's app; the catalog may not have the app. */
static mds_status_t
ngx_http_mds_batch_read_poll(const mds_snapshot_t *snapshot, void *data,
                             mds_error_t *err)
{
    ngx_http_mds_batch_response_t *response = data;
    mds_app_record_t               app = { .poll_after_s = 0 };
    mds_status_t                   status
        = mds_catalog_app(snapshot->catalog, mds_batch_app(response->batch),
                          NULL, &app);

    if (status == MDS_OK || status == MDS_NOT_FOUND) {
        response->poll_after_s = app.poll_after_s;
        response->poll_jitter_s = app.poll_jitter_s;
    }

    return MDS_OK;
}

/* Finds the interval where no result has it: no resource was asked for, all are
 * errors, or all name another app. */
static void
ngx_http_mds_batch_find_poll(ngx_http_mds_evaluation_t *e)
{
    ngx_http_mds_batch_response_t *response = e->data;
    mds_error_t                    err;
    mds_status_t                   status;

    if (!response->has_poll && mds_batch_app(response->batch).len > 0) {
        status = ngx_http_mds_depot_evaluate(e->depot,
                                             ngx_http_mds_batch_read_poll,
                                             response, &err);
        (void) status; /* a failure has been logged; the results stand */
    }
}

static mds_status_t
ngx_http_mds_batch_on_result(ngx_http_mds_evaluation_t *e, size_t i,
                             mds_error_t *err)
{
    ngx_http_mds_question_t       *question = &e->questions[i];
    ngx_http_mds_batch_response_t *response = e->data;
    mds_bounded_output_t           out;
    size_t bytes = ngx_http_mds_batch_fit(response, i, question);

    if (ngx_http_mds_batch_grow(e->r->pool, response, bytes, err) != MDS_OK) {
        return MDS_NO_MEMORY;
    }

    out = (mds_bounded_output_t){
        .p = (char *) response->data + response->len,
        .end
        = (char *) response->data + response->size - NGX_HTTP_MDS_TAIL_BYTES,
    };
    ngx_http_mds_write_result(&out, response->batch, i, question);

    if (out.overrun) {
        return mds_fail(err, MDS_NO_MEMORY, "a result is longer than its room");
    }

    response->results[i].offset = response->len;
    response->results[i].len
        = (u_char *) out.p - (response->data + response->len);
    response->len += response->results[i].len;
    response->out_of_order |= response->delivered++ != i;

    if (!response->has_poll && question->status == MDS_OK) {
        ngx_http_mds_batch_note_poll(response, i, &question->decision);
    }

    return MDS_OK;
}

/* Copies the results in the order asked, behind the room for the head. */
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

/* Writes the head directly before the first result. */
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

/* Lets $mds_action list the actions of all questions. */
static ngx_int_t
ngx_http_mds_batch_set_actions(ngx_http_mds_evaluation_t *e)
{
    size_t  count = ngx_min(e->count, NGX_HTTP_MDS_ACTIONS_MAX);
    size_t  size = count * (sizeof("rollback,") - 1) + sizeof("...,") - 1;
    u_char *data;
    mds_bounded_output_t out;

    if (e->count == 0) {
        return NGX_OK;
    }

    data = ngx_pnalloc(e->r->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    out = (mds_bounded_output_t){ .p = (char *) data,
                                  .end = (char *) data + size };

    for (size_t i = 0; i < count; i++) {
        ngx_http_mds_question_t *question = &e->questions[i];
        const char              *action = question->status == MDS_OK
                                              ? mds_action_name(question->decision.action)
                                              : "error";

        mds_bounded_output_put(&out, mds_str_of(action));
        mds_bounded_output_put(&out, mds_str(","));
    }

    if (count < e->count) {
        mds_bounded_output_put(&out, mds_str("...,"));
    }

    /* The last comma is left out. */
    e->ctx->action.data = data;
    e->ctx->action.len = (u_char *) out.p - 1 - data;

    return out.overrun ? NGX_ERROR : NGX_OK;
}

static ngx_int_t
ngx_http_mds_batch_respond(ngx_http_mds_evaluation_t *e)
{
    ngx_http_mds_batch_response_t *response = e->data;
    ngx_http_mds_response_t        answer = { .type = &ngx_http_mds_json_type };
    u_char                        *end;

    ngx_http_mds_batch_find_poll(e);
    answer.poll_after_s = ngx_http_mds_poll_after(response->poll_after_s,
                                                  response->poll_jitter_s);

    if (ngx_http_mds_batch_set_actions(e) != NGX_OK
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

ngx_int_t
ngx_http_mds_batch_post(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_mds_evaluation_t e;
    mds_batch_t              *batch;
    mds_status_t              status;
    mds_error_t               err;

    status = ngx_http_mds_batch_read(r, body, &err, &batch);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    ngx_http_mds_evaluation_init(&e, r);
    e.count = mds_batch_count(batch);
    e.questions = ngx_pcalloc(r->pool, sizeof(*e.questions) * (e.count + 1));
    e.data = ngx_http_mds_batch_response_create(r->pool, batch);
    if (e.questions == NULL || e.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e.may_prove = 1;
    e.next_request = ngx_http_mds_batch_request;
    e.on_result = ngx_http_mds_batch_on_result;
    e.respond = ngx_http_mds_batch_respond;

    return ngx_http_mds_evaluate(&e);
}
