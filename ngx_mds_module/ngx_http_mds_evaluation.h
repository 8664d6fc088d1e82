/*
 * The evaluation of a request: one question or many, in one snapshot.
 */

#ifndef NGX_HTTP_MDS_EVALUATION_H
#define NGX_HTTP_MDS_EVALUATION_H

#include "ngx_http_mds_ctx.h"

#include "evaluate/mds_decide.h"
#include "registry/mds_device.h"

typedef struct {
    mds_decision_t decision;
    mds_status_t   status; /* MDS_OK or, with a detail: MDS_INVALID, MDS_DENIED
                            * (its window is unavailable), MDS_NO_SPACE (its
                            * result is too large) */
    ngx_str_t            detail;
    ngx_str_t            proof;    /* MDS-Proof; empty: none */
    struct mds_series_s *series;   /* that counts the decision; NULL: none */
    unsigned             done : 1; /* the decision is final */
    unsigned             delivered : 1; /* on_result was called */
    unsigned             unknown : 1;   /* the fleet could not be asked */

    /* Windows that the fleet has not let the device in. */
    const mds_closed_window_t *closed;
} ngx_http_mds_question_t;

/* A registration that was collected during the evaluation. */
typedef struct ngx_http_mds_report_s ngx_http_mds_report_t;

struct ngx_http_mds_report_s {
    mds_device_t           device;
    ngx_http_mds_report_t *next;
};

typedef struct ngx_http_mds_evaluation_s ngx_http_mds_evaluation_t;

/*
 * An evaluation, on the caller's stack; while the request waits, a copy is in
 * its pool. The caller initializes it, sets questions, count and respond, and
 * either the request or next_request.
 */
struct ngx_http_mds_evaluation_s {
    ngx_http_request_t      *r;
    ngx_http_mds_question_t *questions; /* in the pool, or the only one */
    size_t                   count;
    ngx_uint_t               may_prove;   /* an answer may have a proof */
    ngx_uint_t               wants_proof; /* ngx_http_mds_evaluate() sets it */
    void                    *data;        /* the caller's */

    /* Decides the only question inside the fault guard; NULL: mds_decide()
     * does. */
    mds_status_t (*decide)(ngx_http_mds_evaluation_t *evaluation,
                           const mds_snapshot_t *snapshot, mds_error_t *err,
                           mds_decision_t *decision);

    /* Makes the request of the i-th question; NULL: there is only one. */
    mds_status_t (*next_request)(ngx_http_mds_evaluation_t *evaluation,
                                 size_t i, mds_request_t *request,
                                 mds_error_t *err);

    /* Receives the i-th question when it is done. The views of its decision are
     * valid during the call. NULL: they are copied and kept until respond. */
    mds_status_t (*on_result)(ngx_http_mds_evaluation_t *evaluation, size_t i,
                              mds_error_t *err);

    /* Answers the request when all questions are done. */
    ngx_int_t (*respond)(ngx_http_mds_evaluation_t *evaluation);

    ngx_http_mds_ctx_t    *ctx;
    ngx_http_mds_depot_t  *depot;
    int64_t                now_ms; /* of this round */
    ngx_uint_t             rounds; /* before this one */
    ngx_http_mds_report_t *reports;
    ngx_http_mds_report_t *last_report;
    ngx_http_mds_report_t *spare_report; /* for the next; NULL: none */

    ngx_http_mds_question_t only; /* of one */

    /* These are not zeroed. */
    ngx_http_mds_report_t first_report;
    mds_request_t         request; /* of the question that is evaluated */
};

static inline void
ngx_http_mds_evaluation_init(ngx_http_mds_evaluation_t *evaluation,
                             ngx_http_request_t        *r)
{
    ngx_memzero(evaluation, offsetof(ngx_http_mds_evaluation_t, first_report));
    evaluation->r = r;
    evaluation->questions = &evaluation->only;
    evaluation->count = 1;
    evaluation->spare_report = &evaluation->first_report;
}

/* Evaluates all questions, waits for windows if there are any, and responds. */
ngx_int_t ngx_http_mds_evaluate(ngx_http_mds_evaluation_t *evaluation);

/* Evaluates once more, with the windows closed that the fleet has closed. */
ngx_int_t ngx_http_mds_evaluate_closed(ngx_http_mds_evaluation_t *evaluation);

/* Drops a tentative decision, since the state is unavailable. */
void ngx_http_mds_fail_window(ngx_http_mds_question_t *question);

/* Asks all windows of the request at once, and lets it wait; it is evaluated
 * once more if one refuses (ngx_http_mds_admission.c). */
ngx_int_t
ngx_http_mds_wait(ngx_http_mds_evaluation_t *evaluation, size_t pending);

/* Copies to the pool what a decision views of the snapshot. */
mds_status_t
ngx_http_mds_copy_decision(ngx_pool_t *pool, mds_decision_t *decision,
                           mds_error_t *err);

/* Answers with the manifest of the only question's decision. */
ngx_int_t ngx_http_mds_manifest_respond(ngx_http_mds_evaluation_t *evaluation);

/* Returns 1 if the request asks for proofs (ngx_http_mds_proof.c). */
ngx_uint_t ngx_http_mds_wants_proof(ngx_http_request_t *r);

/* Sets the question's proof, if its decision has a manifest, and the app a
 * tree that has it. The decision's views are those of the snapshot. */
mds_status_t
ngx_http_mds_prove(ngx_http_mds_evaluation_t *evaluation,
                   const mds_snapshot_t      *snapshot,
                   ngx_http_mds_question_t *question, mds_error_t *err);

#endif
