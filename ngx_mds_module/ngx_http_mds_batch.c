/*
 * Many questions in one POST, many answers in one body. Each stands alone: a
 * mistake in one is told in its place. A result is written as soon as it is
 * known, from where the catalog has it; one that waits for its window comes
 * later, and the body is put together in the order asked.
 *
 * An answer has a most: results beyond are errors. Room for those is kept for
 * each question that is still to be told.
 */

#include "ngx_http_mds_writer.h"

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
    ngx_uint_t             told;
    ngx_uint_t             mixed; /* not told in the order asked */
    uint32_t               poll_after_s;
    uint32_t               poll_jitter_s;
} ngx_http_mds_many_t;

static void ngx_http_mds_batch_begin(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_http_mds_batch_ask(ngx_http_request_t *r, ngx_str_t *body);
static mds_status_t
ngx_http_mds_batch_request(ngx_http_mds_asking_t *asking, size_t i,
                           mds_request_t *request, mds_error_t *err);
static mds_status_t ngx_http_mds_batch_tell(ngx_http_mds_asking_t *asking,
                                            size_t i, mds_error_t *err);
static ngx_int_t    ngx_http_mds_batch_answer(ngx_http_mds_asking_t *asking);

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
    status = ngx_http_mds_fix_attributes(r, &fixed, err);

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

static ngx_http_mds_many_t *
ngx_http_mds_many(ngx_pool_t *pool, mds_batch_t *batch)
{
    size_t               count = mds_batch_count(batch);
    ngx_http_mds_many_t *many = ngx_pcalloc(pool, sizeof(*many));

    if (many == NULL) {
        return NULL;
    }

    many->batch = batch;
    many->len = NGX_HTTP_MDS_HEAD_BYTES;
    many->size = many->len + (count + 1) * NGX_HTTP_MDS_RESULT_BYTES;
    many->data = ngx_pnalloc(pool, many->size);
    many->results = ngx_palloc(pool, (count + 1) * sizeof(*many->results));

    for (size_t i = 0; i < count; i++) {
        many->kept += ngx_http_mds_beyond_bytes(batch, i);
    }

    return many->data == NULL || many->results == NULL ? NULL : many;
}

static ngx_int_t
ngx_http_mds_batch_ask(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_mds_asking_t *asking;
    mds_batch_t           *batch;
    mds_status_t           status;
    mds_error_t            err;

    status = ngx_http_mds_batch_read(r, body, &err, &batch);
    if (status != MDS_OK) {
        return ngx_http_mds_problem(r, status, err.text);
    }

    asking = ngx_http_mds_asking(r, mds_batch_count(batch));
    if (asking == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    asking->data = ngx_http_mds_many(r->pool, batch);
    if (asking->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    asking->ask = ngx_http_mds_batch_request;
    asking->tell = ngx_http_mds_batch_tell;
    asking->answer = ngx_http_mds_batch_answer;

    return ngx_http_mds_ask(asking);
}

static mds_status_t
ngx_http_mds_batch_request(ngx_http_mds_asking_t *asking, size_t i,
                           mds_request_t *request, mds_error_t *err)
{
    ngx_http_mds_many_t *many = asking->data;
    mds_status_t status = mds_batch_request(many->batch, i, request, err);

    request->may_admit = true;

    return status;
}

static void
ngx_http_mds_write_result(ngx_http_mds_writer_t *w, const mds_batch_t *batch,
                          size_t i, const ngx_http_mds_question_t *question)
{
    const mds_decision_t *decision = &question->decision;

    ngx_http_mds_write(w, i > 0 ? ",{\"kind\":\"" : "{\"kind\":\"");
    ngx_http_mds_write_quoted(w, mds_batch_kind(batch, i));
    ngx_http_mds_write(w, "\",\"name\":\"");
    ngx_http_mds_write_quoted(w, mds_batch_name(batch, i));
    ngx_http_mds_write(w, "\",\"action\":\"");

    if (question->status != MDS_OK) {
        ngx_http_mds_write(w, "error\",\"detail\":\"");
        ngx_http_mds_write_quoted(w, (mds_str_t){
                                         question->detail.len,
                                         (char *) question->detail.data });

    } else {
        ngx_http_mds_write(w, mds_action_name(decision->action));
    }

    if (question->status == MDS_OK && decision->quoted.len > 0) {
        ngx_http_mds_write(w, "\",");
        ngx_http_mds_write_bytes(w, decision->quoted.data,
                                 decision->quoted.len);
    } else {
        ngx_http_mds_write(w, "\"}");
    }
}

/* Room for that many bytes, which the answer may still have. */
static mds_status_t
ngx_http_mds_batch_grow(ngx_pool_t *pool, ngx_http_mds_many_t *many,
                        size_t bytes, mds_error_t *err)
{
    size_t size
        = ngx_min(2 * many->size + bytes, NGX_HTTP_MDS_BATCH_ANSWER_MAX);
    u_char *data;

    if (bytes <= many->size - many->len - NGX_HTTP_MDS_TAIL_BYTES) {
        return MDS_OK;
    }

    data = ngx_pnalloc(pool, size);
    if (data == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    ngx_memcpy(data, many->data, many->len);
    many->data = data;
    many->size = size;

    return MDS_OK;
}

/* How much the result takes, which is an error now if that is too much. */
static size_t
ngx_http_mds_batch_fit(ngx_http_mds_many_t *many, size_t i,
                       ngx_http_mds_question_t *question)
{
    size_t beyond = ngx_http_mds_beyond_bytes(many->batch, i);
    size_t bytes = ngx_http_mds_result_bytes(many->batch, i,
                                             question->decision.quoted.len,
                                             question->detail.len);

    many->kept -= beyond;

    if (many->len + bytes + many->kept + NGX_HTTP_MDS_TAIL_BYTES
        <= NGX_HTTP_MDS_BATCH_ANSWER_MAX)
    {
        return bytes;
    }

    question->status = MDS_NO_SPACE;
    question->detail = ngx_http_mds_beyond;

    return beyond;
}

static mds_status_t
ngx_http_mds_batch_tell(ngx_http_mds_asking_t *asking, size_t i,
                        mds_error_t *err)
{
    ngx_http_mds_question_t *question = &asking->questions[i];
    ngx_http_mds_many_t     *many = asking->data;
    ngx_http_mds_writer_t    w;
    size_t                   bytes = ngx_http_mds_batch_fit(many, i, question);

    if (ngx_http_mds_batch_grow(asking->r->pool, many, bytes, err) != MDS_OK) {
        return MDS_NO_MEMORY;
    }

    w = ngx_http_mds_writer(many->data + many->len,
                            many->size - many->len - NGX_HTTP_MDS_TAIL_BYTES);
    ngx_http_mds_write_result(&w, many->batch, i, question);

    if (w.room.overrun) {
        return mds_fail(err, MDS_NO_MEMORY, "a result is longer than its room");
    }

    many->results[i].offset = many->len;
    many->results[i].len = (u_char *) w.room.p - (many->data + many->len);
    many->len += many->results[i].len;
    many->mixed |= many->told++ != i;

    /* All resources of a body are of one app as a rule: the first that says. */
    if (many->poll_after_s == 0) {
        many->poll_after_s = question->decision.poll_after_s;
        many->poll_jitter_s = question->decision.poll_jitter_s;
    }

    return MDS_OK;
}

/* Puts the results into the order asked, behind room for the head. */
static ngx_int_t
ngx_http_mds_batch_sort(ngx_http_mds_asking_t *asking)
{
    ngx_http_mds_many_t *many = asking->data;
    u_char              *data = ngx_pnalloc(asking->r->pool, many->size);
    u_char              *p;

    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data + NGX_HTTP_MDS_HEAD_BYTES;

    for (size_t i = 0; i < asking->count; i++) {
        p = ngx_cpymem(p, many->data + many->results[i].offset,
                       many->results[i].len);
    }

    many->data = data;

    return NGX_OK;
}

/* The head, which was not known before, right before the first result. */
static u_char *
ngx_http_mds_batch_head(ngx_http_mds_many_t *many, ngx_str_t *serial,
                        uint64_t poll_after_s)
{
    u_char  head[NGX_HTTP_MDS_HEAD_BYTES];
    u_char *end, *first;

    end = ngx_snprintf(head, sizeof(head),
                       "{\"serial\":%V,\"poll_after\":%uL,\"results\":[",
                       serial, poll_after_s);
    first = many->data + sizeof(head) - (end - head);
    ngx_memcpy(first, head, end - head);

    return first;
}

static ngx_int_t
ngx_http_mds_batch_answer(ngx_http_mds_asking_t *asking)
{
    static ngx_str_t     json = ngx_string("application/json");
    ngx_http_request_t  *r = asking->r;
    ngx_http_mds_many_t *many = asking->data;
    ngx_str_t            body;
    u_char              *end;
    uint64_t             poll_after_s;

    if (ngx_http_mds_tell_actions(asking) != NGX_OK
        || ngx_http_mds_add_common_headers(r) != NGX_OK
        || ngx_http_mds_add_poll_after(r, many->poll_after_s,
                                       many->poll_jitter_s, &poll_after_s)
               != NGX_OK
        || (many->mixed && ngx_http_mds_batch_sort(asking) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data
        = ngx_http_mds_batch_head(many, &asking->ctx->serial, poll_after_s);
    end = ngx_cpymem(many->data + many->len, "]}", NGX_HTTP_MDS_TAIL_BYTES);
    body.len = end - body.data;

    return ngx_http_mds_send(r, NGX_HTTP_OK, &json, &body);
}
