/*
 * Questions of a request, one or many: each is decided in one go, and what is
 * to go out is copied, so that nothing of the catalog is held afterwards.
 * Where a window has to let the device in first, the request waits for that,
 * without the depot; if it was refused, the question is asked once more.
 */

#include "ngx_http_mds_module.h"

#include "base/mds_time.h"
#include "request/mds_registration.h"

/* A window that refuses is closed when it is asked again: there are no more
 * rounds than releases with windows in a row. */
#define NGX_HTTP_MDS_ROUNDS_MAX 64

static mds_status_t ngx_http_mds_evaluate(const mds_snapshot_t *snapshot,
                                          void *data, mds_error_t *err);
static ngx_int_t
            ngx_http_mds_wait(ngx_http_mds_asking_t *asking, size_t pending);
static void ngx_http_mds_admitted(ngx_http_mds_ticket_t *ticket);

ngx_http_mds_ctx_t *
ngx_http_mds_get_ctx(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);

    if (ctx == NULL) {
        ctx = ngx_pcalloc(r->pool, sizeof(*ctx) + NGX_INT64_LEN);
        if (ctx != NULL) {
            ngx_http_set_ctx(r, ctx, ngx_http_mds_module);
        }
    }

    return ctx;
}

ngx_http_mds_asking_t *
ngx_http_mds_asking(ngx_http_request_t *r, size_t count)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_asking_t   *asking;

    asking = ngx_pcalloc(r->pool, sizeof(*asking));
    if (asking == NULL) {
        return NULL;
    }

    asking->questions
        = ngx_pcalloc(r->pool, sizeof(*asking->questions) * (count + 1));
    asking->ctx = ngx_http_mds_get_ctx(r);
    if (asking->questions == NULL || asking->ctx == NULL) {
        return NULL;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    asking->depot = ngx_http_mds_depot(mlcf->place);
    asking->r = r;
    asking->count = count;

    return asking;
}

ngx_int_t
ngx_http_mds_ask(ngx_http_mds_asking_t *asking)
{
    size_t       pending = 0;
    mds_status_t status;
    mds_error_t  err;

    status = ngx_http_mds_depot_evaluate(asking->depot, ngx_http_mds_evaluate,
                                         asking, &err);

    if (!ngx_http_mds_depot_is_open(asking->depot)) {
        return ngx_http_mds_unavailable(asking->r);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_problem(asking->r, status, err.text);
    }

    for (size_t i = 0; i < asking->count; i++) {
        pending += asking->questions[i].decision.pending ? 1 : 0;
    }

    if (pending == 0) {
        return asking->answer(asking);
    }

    if (asking->rounds++ == NGX_HTTP_MDS_ROUNDS_MAX) {
        return ngx_http_mds_problem(asking->r, MDS_CONFLICT,
                                    "windows open and close without end");
    }

    return ngx_http_mds_wait(asking, pending);
}

/* A view, from now on, into the copy at *p; moves *p on. */
static void
ngx_http_mds_move(mds_str_t *view, u_char **p)
{
    u_char *copy = *p;

    /* An empty one may point nowhere, which memcpy() does not take. */
    if (view->len != 0) {
        *p = ngx_cpymem(copy, view->data, view->len);
    }

    view->data = (char *) copy;
}

/* What the snapshot owns and the answer needs goes to the request's pool: an
 * answer by itself has the manifest as it is, one among many in JSON. */
static mds_status_t
ngx_http_mds_keep(ngx_http_mds_asking_t *asking, mds_decision_t *decision,
                  mds_error_t *err)
{
    mds_str_t *views[] = { &decision->release,     &decision->version,
                           &decision->manifest,    &decision->signature,
                           &decision->quoted,      &decision->admission.window,
                           &decision->admission.id };
    size_t     bytes = 1;
    u_char    *p;

    if (asking->tell == NULL) {
        decision->quoted = mds_null_str;
    } else {
        decision->manifest = mds_null_str;
        decision->signature = mds_null_str;
    }

    for (size_t i = 0; i < mds_nelems(views); i++) {
        bytes += views[i]->len;
    }

    p = ngx_pnalloc(asking->r->pool, bytes);
    if (p == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    for (size_t i = 0; i < mds_nelems(views); i++) {
        ngx_http_mds_move(views[i], &p);
    }

    return MDS_OK;
}

/* Nothing was promised to whom a window could not be asked for. */
static void
ngx_http_mds_closed(ngx_http_mds_question_t *question)
{
    static ngx_str_t detail
        = ngx_string("its window cannot be asked at present");

    ngx_memzero(&question->decision, sizeof(question->decision));
    question->detail = detail;
    question->status = MDS_DENIED;
    question->settled = 1;
}

/* A question that is wrong is its own failure, and no one else's. */
static mds_status_t
ngx_http_mds_wrong(ngx_pool_t *pool, ngx_http_mds_question_t *question,
                   mds_error_t *err)
{
    size_t len = ngx_strlen(err->text);

    question->detail.data = ngx_pnalloc(pool, len + 1);
    if (question->detail.data == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    ngx_memcpy(question->detail.data, err->text, len + 1);
    question->detail.len = len;
    question->status = MDS_INVALID;
    question->settled = 1;

    return MDS_OK;
}

/* Many questions are of one device as a rule, which is looked up once. */
static void
ngx_http_mds_seen(ngx_http_mds_asking_t    *asking,
                  const mds_registration_t *registration)
{
    u_char *key;

    if (asking->count > 1
        && (key = ngx_pnalloc(asking->r->pool, registration->device.len))
               != NULL)
    {
        asking->seen = *registration;
        asking->seen.device.data = (char *) key;
        ngx_memcpy(key, registration->device.data, registration->device.len);
    }
}

/* A device that is new, or has changed, or was not seen for a day. */
static void
ngx_http_mds_notice(ngx_http_mds_asking_t *asking,
                    const mds_snapshot_t  *snapshot,
                    const mds_decision_t  *decision,
                    const mds_request_t *request, int64_t now_ms)
{
    char               bytes[MDS_DEVICE_KEY_MAX];
    mds_registration_t registration;
    mds_app_record_t   app;

    if (!request->may_admit
        || !mds_registration_from_request(request, bytes, &registration)
        || mds_registration_eq(&registration, &asking->seen))
    {
        return;
    }

    /* Names are free to make up: devices are of apps that there are. */
    if (decision->reason == MDS_REASON_UNKNOWN
        && mds_catalog_app(snapshot->catalog,
                           mds_request_attr(request, MDS_ATTR_APP), NULL, &app)
               != MDS_OK)
    {
        return;
    }

    ngx_http_mds_registry_see(asking->depot, &registration, now_ms);
    ngx_http_mds_seen(asking, &registration);
}

static mds_status_t
ngx_http_mds_settle(ngx_http_mds_asking_t *asking, size_t i,
                    const mds_snapshot_t *snapshot, int64_t now_ms,
                    mds_error_t *err)
{
    ngx_http_mds_question_t *question = &asking->questions[i];
    mds_request_t            request;
    mds_status_t             status;

    mds_request_init(&request);

    status = asking->ask(asking, i, &request, err);
    if (status == MDS_INVALID) {
        return ngx_http_mds_wrong(asking->r->pool, question, err);
    }

    if (status == MDS_OK) {
        status = mds_decide(snapshot, &request, now_ms, NULL, err,
                            &question->decision);
    }

    if (status == MDS_DENIED) {
        ngx_http_mds_depot_complain(asking->depot, err);
        ngx_http_mds_closed(question);
        return MDS_OK;
    }

    if (status == MDS_OK
        && (asking->tell == NULL || question->decision.pending)) {
        status = ngx_http_mds_keep(asking, &question->decision, err);
    }

    if (status == MDS_OK) {
        ngx_http_mds_notice(asking, snapshot, &question->decision, &request,
                            now_ms);
    }

    question->settled = status == MDS_OK && !question->decision.pending;

    return status;
}

static mds_status_t
ngx_http_mds_evaluate(const mds_snapshot_t *snapshot, void *data,
                      mds_error_t *err)
{
    ngx_http_mds_asking_t *asking = data;
    int64_t                now_ms = mds_time_now_ms();
    mds_status_t           status = MDS_OK;

    ngx_http_mds_tell_serial(asking->ctx,
                             mds_catalog_serial(snapshot->catalog));

    for (size_t i = 0; status == MDS_OK && i < asking->count; i++) {
        ngx_http_mds_question_t *question = &asking->questions[i];

        if (!question->settled) {
            status = ngx_http_mds_settle(asking, i, snapshot, now_ms, err);
        }

        if (status == MDS_OK && question->settled && !question->told
            && asking->tell != NULL)
        {
            question->told = 1;
            status = asking->tell(asking, i, err);
        }
    }

    return status;
}

/* All windows of the request are asked at once. */
static ngx_int_t
ngx_http_mds_wait(ngx_http_mds_asking_t *asking, size_t pending)
{
    ngx_http_mds_ticket_t *ticket;
    size_t                 n = 0;

    ticket = ngx_pcalloc(asking->r->pool,
                         sizeof(*ticket) + pending * sizeof(*ticket->writes));
    if (ticket == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ticket->r = asking->r;
    ticket->writes = (mds_write_t *) (ticket + 1);
    ticket->count = pending;
    ticket->done = ngx_http_mds_admitted;
    ticket->data = asking;

    for (size_t i = 0; i < asking->count && n < pending; i++) {
        if (asking->questions[i].decision.pending) {
            ticket->writes[n].type = MDS_WRITE_ADMISSION;
            ticket->writes[n++].admission
                = asking->questions[i].decision.admission;
        }
    }

    return ngx_http_mds_write_state(asking->depot, ticket);
}

static void
ngx_http_mds_admitted(ngx_http_mds_ticket_t *ticket)
{
    ngx_http_mds_asking_t *asking = ticket->data;
    ngx_http_request_t    *r = asking->r;
    ngx_connection_t      *c = r->connection;
    size_t                 n = 0;
    ngx_int_t              rc;

    ngx_http_set_log_request(c->log, r);

    for (size_t i = 0; i < asking->count; i++) {
        ngx_http_mds_question_t *question = &asking->questions[i];

        if (!question->decision.pending || n == ticket->count) {
            continue;
        }

        if (ticket->writes[n].status == MDS_OK) {
            question->settled = ticket->writes[n].admission.admitted;
            question->decision.pending = false;
        } else {
            ngx_http_mds_closed(question);
        }

        n++;
    }

    rc = ngx_http_mds_ask(asking);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}
