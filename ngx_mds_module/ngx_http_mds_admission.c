/*
 * The wait for windows. A window has to admit the device before the answer may
 * tell it to install. The request waits until the admission is durable, with a
 * copy of its evaluation and without the depot.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_fleet.h"
#include "ngx_http_mds_respond.h"

/* A window that refuses is closed in the next round, so there are no more
 * rounds than releases with windows in a row. */
#define NGX_HTTP_MDS_ROUNDS_MAX 64

/* Takes a window for closed that the fleet has not let the device in, and every
 * one if the fleet could not be asked: the device is not to wait again. */
static ngx_int_t
ngx_http_mds_close_window(ngx_http_mds_evaluation_t *e,
                          ngx_http_mds_question_t   *question,
                          const mds_admission_t     *admission)
{
    mds_closed_window_t *closed = ngx_palloc(e->r->pool, sizeof(*closed));

    if (closed == NULL) {
        return NGX_ERROR;
    }

    question->unknown = admission->verdict == MDS_VERDICT_UNKNOWN;
    closed->window = question->unknown ? mds_null_str : admission->window;
    closed->next = question->closed;
    question->closed = closed;

    return NGX_OK;
}

/* Receives the answers of the windows, and evaluates the questions that were
 * refused once more. */
static ngx_int_t
ngx_http_mds_on_admission(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_evaluation_t *e = write_req->data;
    ngx_uint_t                 closed = 0;
    size_t                     n = 0;

    for (size_t i = 0; i < e->count; i++) {
        ngx_http_mds_question_t *question = &e->questions[i];

        closed = closed || question->closed != NULL;

        if (!question->decision.pending || n == write_req->count) {
            continue;
        }

        if (write_req->writes[n].status == MDS_OK) {
            const mds_admission_t *admission = &write_req->writes[n].admission;

            question->done = admission->admitted;
            question->decision.pending = false;

            if (!admission->admitted && admission->verdict != 0) {
                closed = 1;

                if (ngx_http_mds_close_window(e, question, admission) != NGX_OK)
                {
                    return NGX_HTTP_INTERNAL_SERVER_ERROR;
                }
            }

        } else {
            ngx_http_mds_fail_window(question);
        }

        n++;
    }

    return closed ? ngx_http_mds_evaluate_closed(e) : ngx_http_mds_evaluate(e);
}

ngx_int_t
ngx_http_mds_wait(ngx_http_mds_evaluation_t *e, size_t pending)
{
    ngx_http_mds_evaluation_t *waiting;
    ngx_http_mds_write_req_t  *write_req;
    size_t                     n = 0;

    if (e->rounds == NGX_HTTP_MDS_ROUNDS_MAX) {
        return ngx_http_mds_fail(e->r, MDS_CONFLICT,
                                 "windows open and close without end");
    }

    waiting = e->rounds > 0 ? e : ngx_palloc(e->r->pool, sizeof(*e));
    write_req = ngx_http_mds_write_req_create(e->r, pending);
    if (waiting == NULL || write_req == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (waiting != e) {
        ngx_memcpy(waiting, e,
                   offsetof(ngx_http_mds_evaluation_t, first_report));
        mds_request_copy(&waiting->request, &e->request);

        /* These may point to the first report of the caller's evaluation. */
        waiting->last_report = NULL;
        waiting->spare_report = NULL;

        if (e->questions == &e->only) {
            waiting->questions = &waiting->only;
        }
    }

    waiting->rounds++;

    write_req->done = ngx_http_mds_on_admission;
    write_req->data = waiting;

    for (size_t i = 0; i < e->count && n < pending; i++) {
        if (e->questions[i].decision.pending) {
            write_req->writes[n].type = MDS_WRITE_ADMISSION;
            write_req->writes[n++].admission
                = e->questions[i].decision.admission;
        }
    }

    return ngx_http_mds_fleet_is_shared(e->depot->fleet)
               ? ngx_http_mds_fleet_admit(e->depot, write_req)
               : ngx_http_mds_write_state(e->depot, write_req);
}
