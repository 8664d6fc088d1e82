/*
 * The evaluation of a request's questions, one or many, in one snapshot. The
 * answer's parts are copied, so that the catalog is released afterwards. If a
 * window has to admit the device, the request waits for that without the depot;
 * if the window refuses, the question is evaluated once more.
 *
 * The part inside the fault guard only reads the snapshot and copies from it;
 * registrations are collected there and recorded after it.
 */

#include "ngx_http_mds_evaluation.h"

#include "ngx_http_mds_counters.h"
#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_time.h"
#include "request/mds_registration.h"

/* Two evaluations have a copy each: the one that closes windows, and the other,
 * which is not to become slower by it. */
#define NGX_HTTP_MDS_INLINE static inline __attribute__((always_inline))

static mds_status_t ngx_http_mds_evaluate_all(const mds_snapshot_t *snapshot,
                                              void *data, mds_error_t *err);
static mds_status_t
ngx_http_mds_evaluate_all_closed(const mds_snapshot_t *snapshot, void *data,
                                 mds_error_t *err);

/* Remembers the devices that are told to install a release with a limit. */
NGX_HTTP_MDS_INLINE void
ngx_http_mds_note_installs(ngx_http_mds_evaluation_t *e)
{
    for (size_t i = 0; i < e->count; i++) {
        const ngx_http_mds_question_t *question = &e->questions[i];

        if (question->decision.install != 0 && question->status == MDS_OK) {
            ngx_http_mds_installs_add(e->depot, question->decision.install);
        }
    }
}

NGX_HTTP_MDS_INLINE void
ngx_http_mds_count_decisions(ngx_http_mds_evaluation_t *e)
{
    for (size_t i = 0; i < e->count; i++) {
        mds_series_t *series = e->questions[i].series;

        if (series != NULL && e->questions[i].status == MDS_OK) {
            mds_series_add(series, 0, 1);
        }
    }
}

NGX_HTTP_MDS_INLINE ngx_int_t
ngx_http_mds_evaluate_by(ngx_http_mds_evaluation_t *e,
                         ngx_http_mds_evaluate_pt   evaluate)
{
    ngx_http_mds_report_t *report;
    size_t                 pending = 0;
    mds_status_t           status;
    mds_error_t            err;

    e->ctx = ngx_http_mds_get_ctx(e->r);
    if (e->ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e->depot = ngx_http_mds_get_depot(e->r);
    e->now_ms = mds_time_now_ms();

    if (e->rounds == 0) {
        e->ctx->began_ns = ngx_http_mds_counters_clock();
    }

    status = ngx_http_mds_depot_evaluate(e->depot, evaluate, e, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail_evaluation(e->r, status, &err);
    }

    for (report = e->reports; report != NULL; report = report->next) {
        ngx_http_mds_registry_record(e->depot, &report->device, e->now_ms);
    }

    e->reports = NULL;

    for (size_t i = 0; i < e->count; i++) {
        pending += e->questions[i].decision.pending ? 1 : 0;
    }

    if (pending > 0) {
        return ngx_http_mds_wait(e, pending);
    }

    ngx_http_mds_note_installs(e);
    ngx_http_mds_count_decisions(e);

    if (e->on_result == NULL && e->questions->status == MDS_OK) {
        ngx_http_mds_set_variables(e->ctx, &e->questions->decision);
    }

    return e->respond(e);
}

ngx_int_t
ngx_http_mds_evaluate(ngx_http_mds_evaluation_t *e)
{
    return ngx_http_mds_evaluate_by(e, ngx_http_mds_evaluate_all);
}

ngx_int_t
ngx_http_mds_evaluate_closed(ngx_http_mds_evaluation_t *e)
{
    return ngx_http_mds_evaluate_by(e, ngx_http_mds_evaluate_all_closed);
}

/* Copies the bytes of a view to *p, moves *p on, and points the view there. */
static void
ngx_http_mds_copy_view(mds_str_t *view, u_char **p)
{
    u_char *copy = *p;

    /* memcpy() does not take a null pointer. */
    if (view->len != 0) {
        *p = ngx_cpymem(copy, view->data, view->len);
    }

    view->data = (char *) copy;
}

mds_status_t
ngx_http_mds_copy_decision(ngx_pool_t *pool, mds_decision_t *decision,
                           mds_error_t *err)
{
    mds_admission_t *admission = &decision->admission;
    size_t           bytes = 1;
    u_char          *p;

    bytes += decision->release.len + decision->version.len
             + decision->manifest.len + decision->signature.len
             + decision->quoted.len;
    if (decision->pending) {
        bytes += admission->window.len + admission->id.len;
    }

    p = ngx_pnalloc(pool, bytes);
    if (p == NULL) {
        return mds_fail_memory(err);
    }

    ngx_http_mds_copy_view(&decision->release, &p);
    ngx_http_mds_copy_view(&decision->version, &p);
    ngx_http_mds_copy_view(&decision->manifest, &p);
    ngx_http_mds_copy_view(&decision->signature, &p);
    ngx_http_mds_copy_view(&decision->quoted, &p);

    if (decision->pending) {
        ngx_http_mds_copy_view(&admission->window, &p);
        ngx_http_mds_copy_view(&admission->id, &p);
    }

    return MDS_OK;
}

void
ngx_http_mds_fail_window(ngx_http_mds_question_t *question)
{
    static ngx_str_t detail
        = ngx_string("its window is unavailable at present");

    ngx_memzero(&question->decision, sizeof(question->decision));
    question->detail = detail;
    question->status = MDS_DENIED;
    question->done = 1;
}

/* Fails one invalid question; the others go on. */
static mds_status_t
ngx_http_mds_fail_question(ngx_pool_t *pool, ngx_http_mds_question_t *question,
                           mds_error_t *err)
{
    ngx_str_t text = ngx_http_mds_str(mds_str_of(err->text));

    question->detail.data = ngx_pstrdup(pool, &text);
    if (question->detail.data == NULL) {
        return mds_fail_memory(err);
    }

    question->detail.len = text.len;
    question->status = MDS_INVALID;
    question->done = 1;

    return MDS_OK;
}

/* Collects the request's device, if it is news. Most of a batch's questions
 * have the same one, which is collected once. */
NGX_HTTP_MDS_INLINE mds_status_t
ngx_http_mds_collect_report(ngx_http_mds_evaluation_t *e,
                            const mds_snapshot_t      *snapshot,
                            const mds_decision_t *decision, mds_error_t *err)
{
    ngx_http_mds_report_t *last = e->last_report, *report;
    mds_app_record_t       app;
    mds_device_t           device;

    if (!e->request.may_admit || e->rounds > 0
        || !mds_registration_from_request(&e->request, &device)
        || !ngx_http_mds_registry_is_news(e->depot, &device, e->now_ms)
        || (last != NULL && mds_device_eq(&device, &last->device)))
    {
        return MDS_OK;
    }

    /* Clients can make up names: only devices of existing apps count. */
    if (decision->reason == MDS_REASON_UNKNOWN
        && mds_catalog_app(snapshot->catalog,
                           mds_request_attr(&e->request, MDS_ATTR_APP), NULL,
                           &app)
               != MDS_OK)
    {
        return MDS_OK;
    }

    if (e->spare_report == NULL) {
        e->spare_report = ngx_palloc(e->r->pool, sizeof(*e->spare_report));
        if (e->spare_report == NULL) {
            return mds_fail_memory(err);
        }
    }

    report = e->spare_report;
    report->device = device;
    report->next = NULL;
    *(last == NULL ? &e->reports : &last->next) = report;
    e->last_report = report;
    e->spare_report = NULL;

    return MDS_OK;
}

/* Copies the parts of a decision that outlive the snapshot: all of a single
 * answer, with its manifest as it is. One of many is written by on_result()
 * while the snapshot lasts; if it is pending, its window is asked by a copy. */
NGX_HTTP_MDS_INLINE mds_status_t
ngx_http_mds_keep_decision(ngx_http_mds_evaluation_t *e,
                           mds_decision_t *decision, mds_error_t *err)
{
    if (e->on_result == NULL) {
        decision->quoted = mds_null_str;

    } else if (decision->pending) {
        decision->manifest = mds_null_str;
        decision->signature = mds_null_str;

    } else {
        return MDS_OK;
    }

    return ngx_http_mds_copy_decision(e->r->pool, decision, err);
}

/* Evaluates a question; closed is a constant, so that others than those of a
 * fleet do not test for windows that it has closed. */
NGX_HTTP_MDS_INLINE mds_status_t
ngx_http_mds_evaluate_one(ngx_http_mds_evaluation_t *e, size_t i,
                          const mds_snapshot_t *snapshot, bool closed,
                          mds_error_t *err)
{
    ngx_http_mds_question_t *question = &e->questions[i];
    mds_decision_t          *decision = &question->decision;
    mds_str_t                asked = decision->release;
    mds_status_t             status;

    if (e->next_request != NULL) {
        mds_request_init(&e->request);

        status = e->next_request(e, i, &e->request, err);
        if (status == MDS_INVALID) {
            return ngx_http_mds_fail_question(e->r->pool, question, err);
        }

        if (status != MDS_OK) {
            return status;
        }
    }

    if (closed) {
        e->request.has_closed = question->closed != NULL;
        e->request.closed = question->closed;
    }

    status = e->decide != NULL ? e->decide(e, snapshot, err, decision)
                               : mds_decide(snapshot, &e->request, e->now_ms,
                                            NULL, err, decision);

    /* The feed of the fleet may have let the device in meanwhile. */
    if (closed && question->unknown
        && (decision->reason != MDS_REASON_WINDOW
            || !mds_str_eq(decision->release, asked)))
    {
        decision->reason = MDS_REASON_WINDOW_UNKNOWN;
    }

    if (status == MDS_DENIED) {
        ngx_http_mds_depot_log_state_error(e->depot, err);
        ngx_http_mds_fail_window(question);
        return MDS_OK;
    }

    if (status == MDS_OK) {
        question->series = ngx_http_mds_decision_series(
            e->depot, mds_catalog_serial(snapshot->catalog), decision);
    }

    if (status == MDS_OK && e->wants_proof) {
        status = ngx_http_mds_prove(e, snapshot, question, err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_keep_decision(e, decision, err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_collect_report(e, snapshot, decision, err);
    }

    question->done = status == MDS_OK && !decision->pending;

    return status;
}

NGX_HTTP_MDS_INLINE mds_status_t
ngx_http_mds_evaluate_each(const mds_snapshot_t      *snapshot,
                           ngx_http_mds_evaluation_t *e, bool closed,
                           mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    ngx_http_mds_set_serial(e->ctx, mds_catalog_serial(snapshot->catalog));

    /* Header lines are not looked at where nothing can be proved. */
    e->wants_proof = e->may_prove && mds_catalog_has_trees(snapshot->catalog)
                     && ngx_http_mds_wants_proof(e->r);

    for (size_t i = 0; status == MDS_OK && i < e->count; i++) {
        ngx_http_mds_question_t *question = &e->questions[i];

        if (!question->done) {
            status = ngx_http_mds_evaluate_one(e, i, snapshot, closed, err);
        }

        if (status == MDS_OK && question->done && !question->delivered
            && e->on_result != NULL)
        {
            question->delivered = 1;
            status = e->on_result(e, i, err);
        }
    }

    return status;
}

static mds_status_t
ngx_http_mds_evaluate_all(const mds_snapshot_t *snapshot, void *data,
                          mds_error_t *err)
{
    return ngx_http_mds_evaluate_each(snapshot, data, false, err);
}

static MDS_COLD mds_status_t
ngx_http_mds_evaluate_all_closed(const mds_snapshot_t *snapshot, void *data,
                                 mds_error_t *err)
{
    return ngx_http_mds_evaluate_each(snapshot, data, true, err);
}
