/*
 * The glue between nginx and lib/: directives, variables, handlers, and the
 * life of a depot in a worker. What a device gets is decided in lib/ alone.
 *
 * Handlers return what nginx's content handlers return. Memory comes from the
 * request's pool unless said otherwise.
 */

#ifndef NGX_HTTP_MDS_MODULE_H
#define NGX_HTTP_MDS_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>

#include "base/mds_fault_guard.h"
#include "catalog/mds_depot.h"
#include "evaluate/mds_decide.h"
#include "request/mds_request.h"
#include "state/mds_registry.h"
#include "state/mds_state.h"

/* A depot as a worker has it: open, or waiting to be (ngx_http_mds_depot.c). */
typedef struct ngx_http_mds_depot_s ngx_http_mds_depot_t;
typedef struct ngx_http_mds_commit_queue_s
    ngx_http_mds_commit_queue_t; /* of writes */
typedef struct ngx_http_mds_commit_s  ngx_http_mds_commit_t;
typedef struct ngx_http_mds_reading_s ngx_http_mds_reading_t;
typedef struct ngx_http_mds_validation_s
    ngx_http_mds_validation_t; /* under way */
typedef struct ngx_http_mds_registry_s ngx_http_mds_registry_t;

/* What bounds a depot's state; NGX_CONF_UNSET: not said. */
typedef struct {
    off_t  state_max;  /* bytes: mds_state_max */
    time_t device_ttl; /* seconds: mds_device_ttl */
} ngx_http_mds_bounds_t;

/* A path that the configuration names, once for all that share it. */
typedef struct {
    ngx_str_t             path;  /* no trailing slash; zero-terminated */
    ngx_http_mds_depot_t *depot; /* found at first use in this process */
    ngx_http_mds_bounds_t bounds;
} ngx_http_mds_depot_conf_t;

typedef struct {
    ngx_str_t                name;
    ngx_http_complex_value_t value;
} ngx_http_mds_attribute_t;

/* What a location shows. */
typedef struct {
    ngx_http_complex_value_t kind;
    ngx_http_complex_value_t name; /* empty where it has none */
} ngx_http_mds_resource_t;

typedef struct {
    ngx_array_t depot_confs; /* of ngx_http_mds_depot_conf_t * */
} ngx_http_mds_main_conf_t;

typedef struct {
    ngx_http_mds_depot_conf_t *depot_conf; /* mds_depot; NULL: none */
    ngx_array_t               *attributes; /* of ngx_http_mds_attribute_t */
    ngx_http_mds_bounds_t      bounds;     /* of the depot */
    ngx_msec_t                 state_timeout;

    ngx_http_handler_pt      handler;   /* mds_check, ...; NULL: none */
    ngx_http_mds_resource_t *resource;  /* mds_resource; NULL: none */
    ngx_str_t                directive; /* that the location is for */
    ngx_str_t                file;      /* where the directive stands */
    ngx_uint_t               line;
} ngx_http_mds_loc_conf_t;

/* What the variables say of a request; empty strings are not found. */
typedef struct {
    ngx_str_t action;
    ngx_str_t release;
    ngx_str_t version;
    ngx_str_t reason;
    ngx_str_t serial;    /* also goes out as MDS-Serial */
    ngx_str_t resources; /* of a batch, once they were counted */

    ngx_http_mds_reading_t *reading; /* a body under way */

    /* Where mds_resource applies: for which location the above stands. */
    ngx_http_mds_loc_conf_t *shown;
    mds_status_t             shown_status;
} ngx_http_mds_ctx_t;

extern ngx_module_t ngx_http_mds_module;

/* ngx_http_mds_module.c */

/* The directive that is read is what its location is for; there can be one. */
char *
ngx_http_mds_claim_location(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *mlcf);

/* ngx_http_mds_attribute.c */

/* mds_attribute NAME VALUE; */
char *ngx_http_mds_attribute(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Adds to *attributes those of prev that it does not name itself. */
ngx_int_t ngx_http_mds_merge_attributes(ngx_conf_t *cf, ngx_array_t *prev,
                                        ngx_array_t **attributes);

/* The operator's attributes. */
mds_status_t
ngx_http_mds_set_trusted_attributes(ngx_http_request_t *r,
                                    mds_request_t *request, mds_error_t *err);

/* The operator's attributes, then the query's. */
mds_status_t
ngx_http_mds_read_attributes(ngx_http_request_t *r, mds_request_t *request,
                             mds_error_t *err);

/* ngx_http_mds_depot.c */

/* Opens the depots of all depot_confs in a worker; what fails is tried again.
 */
void ngx_http_mds_open_depots(ngx_array_t *depot_confs);
void ngx_http_mds_close_depots(void);

/* Returns the depot of a path in this process, and creates it at first use;
 * NULL: no memory. */
ngx_http_mds_depot_t *
ngx_http_mds_depot_find(ngx_http_mds_depot_conf_t *depot_conf);

/* The same of the request's location. */
static inline ngx_http_mds_depot_t *
ngx_http_mds_get_depot(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    return mlcf->depot_conf->depot != NULL
               ? mlcf->depot_conf->depot
               : ngx_http_mds_depot_find(mlcf->depot_conf);
}

ngx_uint_t ngx_http_mds_depot_is_open(ngx_http_mds_depot_t *depot);
ngx_str_t *ngx_http_mds_depot_path(ngx_http_mds_depot_t *depot);

/* What to do with a snapshot; nothing of it is kept. */
typedef mds_status_t (*ngx_http_mds_evaluate_pt)(const mds_snapshot_t *snapshot,
                                                 void *data, mds_error_t *err);

/*
 * Calls evaluate on the newest good generation, and returns what it returned.
 * Where the depot is not open, or turns out to be bad, which closes it until
 * it is good again, that has been logged: look at ngx_http_mds_depot_is_open()
 * first. evaluate may end anywhere, by the guard: it owns nothing meanwhile.
 */
mds_status_t ngx_http_mds_depot_evaluate(ngx_http_mds_depot_t    *depot,
                                         ngx_http_mds_evaluate_pt evaluate,
                                         void *data, mds_error_t *err);

/* The state that is written to; NULL: not to be had. */
mds_state_t *ngx_http_mds_depot_state(ngx_http_mds_depot_t *depot);

/* Something was wrong in it: not to be had until it was read whole. */
void ngx_http_mds_depot_quarantine_state(ngx_http_mds_depot_t *depot);

/* The state cannot be read: a line in the log, but once until it is opened
 * anew. */
void ngx_http_mds_depot_log_state_error(ngx_http_mds_depot_t *depot,
                                        const mds_error_t    *err);

/* Whether requests wait for writes, or a thread is at work on them. */
ngx_uint_t ngx_http_mds_depot_is_writing(ngx_http_mds_depot_t *depot);

ngx_http_mds_registry_t *
ngx_http_mds_depot_registry(ngx_http_mds_depot_t *depot);

/* Takes in what was proved aside. */
void
ngx_http_mds_depot_adopt(ngx_http_mds_depot_t *depot, mds_validate_job_t *job);

/* ngx_http_mds_state.c */

typedef struct ngx_http_mds_env_kind_s ngx_http_mds_env_kind_t;

extern const ngx_http_mds_env_kind_t ngx_http_mds_state_kind;
extern const ngx_http_mds_env_kind_t ngx_http_mds_registry_kind;

/* Zeroed but for its kind: not opened yet. */
typedef struct {
    const ngx_http_mds_env_kind_t *kind;
    void                          *handle; /* mds_state_t or mds_registry_t */
    ngx_uint_t                     quarantined;
    ngx_uint_t                     error_logged; /* of what cannot be read */
    mds_file_id_t bad;    /* which file it was that failed; zero: none */
    mds_status_t  status; /* as it was logged last */
} ngx_http_mds_env_t;

/* Returns the handle; NULL: it is not open, or quarantined. */
static inline void *
ngx_http_mds_env_get(const ngx_http_mds_env_t *env)
{
    return env->quarantined ? NULL : env->handle;
}

/* Closes what is not to be used, opens what may be again; while no thread is
 * at work on it. */
void ngx_http_mds_env_refresh(ngx_http_mds_env_t *env, const char *path,
                              const ngx_http_mds_bounds_t *bounds);

void ngx_http_mds_env_quarantine(ngx_http_mds_env_t *env);

/* Clears what killed readers hold; at any time. */
void ngx_http_mds_env_clear_stale_readers(ngx_http_mds_env_t *env);
void ngx_http_mds_env_close(ngx_http_mds_env_t *env);

/* ngx_http_mds_registry.c */

/* NULL: no memory. */
ngx_http_mds_registry_t      *
ngx_http_mds_registry_create(ngx_http_mds_depot_t *depot);
void ngx_http_mds_registry_free(ngx_http_mds_registry_t *registry);

/* Keeps it open, and lets it forget; every second. */
void ngx_http_mds_registry_refresh(ngx_http_mds_registry_t     *registry,
                                   const char                  *path,
                                   const ngx_http_mds_bounds_t *bounds);

/* Registers a device some time soon, if it is news, and if it can. */
void ngx_http_mds_registry_record(ngx_http_mds_depot_t     *depot,
                                  const mds_registration_t *registration,
                                  int64_t                   now_ms);

/* ngx_http_mds_validate.c */

/* Proves in a thread what `of` is late with, and hands it to
 * ngx_http_mds_depot_adopt(). NULL: it could not begin. */
ngx_http_mds_validation_t *
ngx_http_mds_validation_start(ngx_http_mds_depot_t *depot, mds_depot_t *of);

/* ngx_http_mds_commit.c */

/* One request's writes, under way or done. The bytes that they point to
 * are the request's. */
typedef struct ngx_http_mds_write_req_s ngx_http_mds_write_req_t;

struct ngx_http_mds_write_req_s {
    ngx_queue_t         queue;
    ngx_http_request_t *r;
    mds_write_t        *writes; /* each has its status, once done */
    size_t              count;
    ngx_http_mds_commit_t
        *commit; /* that it is in; NULL: it waits, or is done */
    void (*done)(ngx_http_mds_write_req_t *write_req);
    void                        *data;    /* for done */
    ngx_http_mds_commit_queue_t *pending; /* where it is; NULL: done */
    ngx_event_t                  timeout;
};

/* A thread pool has to be there before workers start; NULL: it is not. */
ngx_int_t          ngx_http_mds_pool_init(ngx_conf_t *cf);
ngx_thread_pool_t *ngx_http_mds_pool(void);

/*
 * Asks for what the write_req says; done is called from the event loop once it
 * is durable, or has failed, or the location's mds_state_timeout is over
 * (MDS_AGAIN: it may yet be written). The request waits: return NGX_DONE. If
 * it goes away before, done is not called.
 */
ngx_int_t ngx_http_mds_write_state(ngx_http_mds_depot_t     *depot,
                                   ngx_http_mds_write_req_t *write_req);

/* Whether a thread is at work on the depot's state, or has to be. NULL is
 * fine. */
ngx_uint_t
     ngx_http_mds_commit_queue_is_busy(ngx_http_mds_commit_queue_t *queue);
void ngx_http_mds_commit_queue_free(ngx_http_mds_commit_queue_t *queue);

/* The writes of a depot, kept with it. */
ngx_http_mds_commit_queue_t **
ngx_http_mds_depot_queue(ngx_http_mds_depot_t *depot);

/* ngx_http_mds_body.c */

typedef void (*ngx_http_mds_body_pt)(ngx_http_request_t *r, ngx_str_t *body);

/*
 * Reads a body of up to max bytes, and calls done with it, or answers: 413,
 * 400. It is read into memory and never to disk, unless nginx is configured to
 * do so. Returns what a content handler returns.
 */
ngx_int_t ngx_http_mds_read_body(ngx_http_request_t *r, size_t max,
                                 ngx_http_mds_body_pt done);

/* Reads a body of application/json, or answers 415. */
ngx_int_t ngx_http_mds_read_json_body(ngx_http_request_t *r, size_t max,
                                      ngx_http_mds_body_pt done);

/* Whether the body is application/json, whatever its parameters are. */
ngx_uint_t ngx_http_mds_is_json(ngx_http_request_t *r);

/* ngx_http_mds_evaluation.c */

/* One question of a request, and its result. */
typedef struct {
    mds_decision_t decision;
    mds_status_t   status; /* MDS_INVALID, MDS_DENIED (a window, while the state
                            * is unavailable), MDS_NO_SPACE (a result beyond
                            * what one answer may have): see detail */
    ngx_str_t detail;
    unsigned  done : 1;      /* decided for good */
    unsigned  delivered : 1; /* on_result was called */
} ngx_http_mds_question_t;

/* A registration that was collected during an evaluation. */
typedef struct ngx_http_mds_report_s ngx_http_mds_report_t;

struct ngx_http_mds_report_s {
    mds_registration_t     registration;
    ngx_http_mds_report_t *next;
};

typedef struct ngx_http_mds_evaluation_s ngx_http_mds_evaluation_t;

/*
 * What a request asks, in the request's pool. The caller sets r, questions and
 * count, respond, and either request or next_request; the rest is zeroed.
 */
struct ngx_http_mds_evaluation_s {
    ngx_http_request_t      *r;
    ngx_http_mds_question_t *questions;
    size_t                   count;
    void                    *data; /* the caller's */

    /* The only question; NULL: next_request fills in the i-th of many. */
    const mds_request_t *request;
    mds_status_t (*next_request)(ngx_http_mds_evaluation_t *evaluation,
                                 size_t i, mds_request_t *request,
                                 mds_error_t *err);

    /* The i-th question is done; the views of its decision are good during the
     * call. NULL: they are copied, and kept until respond. */
    mds_status_t (*on_result)(ngx_http_mds_evaluation_t *evaluation, size_t i,
                              mds_error_t *err);

    /* Answers the request, once all questions are done. */
    ngx_int_t (*respond)(ngx_http_mds_evaluation_t *evaluation);

    ngx_http_mds_ctx_t    *ctx;
    ngx_http_mds_depot_t  *depot;
    int64_t                now_ms; /* of this round */
    ngx_uint_t             rounds;
    ngx_http_mds_report_t *reports; /* to be recorded after the evaluation */
    ngx_http_mds_report_t *last_report; /* recorded or not; NULL: none yet */
};

/* Returns the request's context, made if it is not there; NULL: no memory. */
ngx_http_mds_ctx_t *ngx_http_mds_get_ctx(ngx_http_request_t *r);

/* Evaluates all questions in one snapshot, waits for windows if need be, and
 * responds. */
ngx_int_t ngx_http_mds_evaluate(ngx_http_mds_evaluation_t *evaluation);

/* ngx_http_mds_messages.c */

ngx_int_t ngx_http_mds_messages_handler(ngx_http_request_t *r);

/* ngx_http_mds_settings.c */

ngx_int_t ngx_http_mds_settings_handler(ngx_http_request_t *r);

/* ngx_http_mds_batch.c */

ngx_int_t ngx_http_mds_batch_handler(ngx_http_request_t *r);

/* ngx_http_mds_respond.c */

/* A header line; the value is not copied. NULL: no memory. */
ngx_table_elt_t *ngx_http_mds_push_header(ngx_http_request_t *r,
                                          const char *name, ngx_str_t *value);

ngx_int_t ngx_http_mds_add_header(ngx_http_request_t *r, const char *name,
                                  ngx_str_t *value);

/* The first line of that name; NULL: none. */
ngx_table_elt_t *
ngx_http_mds_find_header(ngx_http_request_t *r, const char *name);

/* Cache-Control, which then is this one line, whoever has set it before. */
ngx_int_t
     ngx_http_mds_set_cache_control(ngx_http_request_t *r, ngx_str_t *value);
void ngx_http_mds_clear_cache_control(ngx_http_request_t *r);

/* Draws the seconds until the next poll: after_s and up to jitter_s more; 0
 * where the app asks for no interval. */
uint64_t ngx_http_mds_poll_after(uint64_t after_s, uint64_t jitter_s);

/* An answer with status 200, or 204 where the body is empty. */
typedef struct {
    ngx_str_t *type;
    ngx_str_t  body;         /* is not copied */
    ngx_str_t  signature;    /* MDS-Signature; empty: none */
    uint64_t   poll_after_s; /* MDS-Poll-After; 0: none */
} ngx_http_mds_response_t;

extern ngx_str_t ngx_http_mds_json_type; /* application/json */

/* Sends the answer with MDS-Serial, where it is known, and Cache-Control:
 * no-store. */
ngx_int_t ngx_http_mds_respond(ngx_http_request_t            *r,
                               const ngx_http_mds_response_t *response);

/* Sends status, content type and the body, which is not copied. */
ngx_int_t ngx_http_mds_send(ngx_http_request_t *r, ngx_uint_t status,
                            ngx_str_t *type, const ngx_str_t *body);

/* ngx_http_mds_problem.c */

/*
 * Logs what is the edge's own failure: at that level when it is new in this
 * worker, and at info for every other request that meets it. The text has
 * nothing in it that a client chooses.
 */
void ngx_http_mds_log_failure(ngx_http_request_t *r, ngx_uint_t level,
                              const char *text);

/*
 * Refusals are problems (RFC 9457). All but those of mds_files have MDS-Serial,
 * which is looked up here if it is not known yet, and are 503 while the depot
 * is not open.
 */

/* Answers a request that has failed, by its status, and logs why. */
ngx_int_t ngx_http_mds_fail(ngx_http_request_t *r, mds_status_t status,
                            const char *detail);

/* Answers a request whose evaluation has failed. */
ngx_int_t
ngx_http_mds_fail_evaluation(ngx_http_request_t *r, mds_status_t status,
                             const mds_error_t *err);

/* Answers with a status of HTTP's own: 400, 413, 415. */
ngx_int_t ngx_http_mds_refuse(ngx_http_request_t *r, ngx_uint_t status,
                              const char *detail);

/* Answers 405; allowed as in Allow: "GET, HEAD". */
ngx_int_t ngx_http_mds_refuse_method(ngx_http_request_t *r, ngx_str_t *allowed);

/* Answers 503 with Retry-After. */
ngx_int_t ngx_http_mds_refuse_unavailable(ngx_http_request_t *r);

/* ngx_http_mds_error_page.c */

/* A refusal, and what its header says of it. */
typedef struct {
    ngx_uint_t status;
    ngx_str_t  serial; /* empty: not known */
    ngx_str_t  allow;  /* empty: it is not about the method */
} ngx_http_mds_refusal_t;

/* Whether error_page has something for this status here and now. */
ngx_uint_t
ngx_http_mds_has_error_page(ngx_http_request_t *r, ngx_uint_t status);

/* Keeps it for the header of the page that is sent with its status. */
ngx_int_t ngx_http_mds_keep_refusal(ngx_http_request_t           *r,
                                    const ngx_http_mds_refusal_t *refusal);

/* Its header lines, unless they are there already. */
ngx_int_t ngx_http_mds_add_refusal_headers(ngx_http_request_t     *r,
                                           ngx_http_mds_refusal_t *refusal);

ngx_int_t ngx_http_mds_error_page_filter(ngx_http_request_t *r);

/* ngx_http_mds_header_filter.c */

void ngx_http_mds_header_filter_init(void);

/* ngx_http_mds_check.c, ngx_http_mds_files.c */

ngx_int_t ngx_http_mds_check_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mds_files_handler(ngx_http_request_t *r);
void      ngx_http_mds_file_filter(ngx_http_request_t *r);

/* ngx_http_mds_manifest.c */

/* Sends the manifest of a decision, in the form that the client prefers. */
ngx_int_t ngx_http_mds_send_manifest(ngx_http_request_t   *r,
                                     const mds_decision_t *decision);

/* ngx_http_mds_resource.c */

/* mds_resource KIND [NAME]; */
char     *ngx_http_mds_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_mds_resource_init(ngx_conf_t *cf);

/* Lets the variables say what the location shows, if they do not yet. */
void ngx_http_mds_resource_evaluate(ngx_http_request_t *r);

/* ngx_http_mds_resources.c */

/* $mds_resources, and what counts for it where a configuration names it. */
ngx_int_t ngx_http_mds_resources_add(ngx_conf_t *cf);
ngx_int_t ngx_http_mds_resources_init(ngx_conf_t *cf);

/* ngx_http_mds_variable.c */

/* Lets $mds_serial say it. */
void ngx_http_mds_set_serial(ngx_http_mds_ctx_t *ctx, uint64_t serial);

/* Lets the variables say what was decided; the views are the request's. */
void ngx_http_mds_set_variables(ngx_http_mds_ctx_t   *ctx,
                                const mds_decision_t *decision);

/* Lets $mds_action list what was decided for each question. */
ngx_int_t ngx_http_mds_set_actions(ngx_http_mds_evaluation_t *evaluation);

ngx_int_t ngx_http_mds_add_variables(ngx_conf_t *cf);

/* Allocates from a pool, as mds_alloc_t wants it. */
void *ngx_http_mds_pool_alloc(void *pool, size_t bytes);

static inline mds_str_t
ngx_http_mds_view(ngx_str_t *s)
{
    return (mds_str_t){ s->len, (const char *) s->data };
}

#endif
