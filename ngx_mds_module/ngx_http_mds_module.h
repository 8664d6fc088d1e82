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
typedef struct ngx_http_mds_depot_s    ngx_http_mds_depot_t;
typedef struct ngx_http_mds_queue_s    ngx_http_mds_queue_t; /* of writes */
typedef struct ngx_http_mds_batch_s    ngx_http_mds_batch_t;
typedef struct ngx_http_mds_reading_s  ngx_http_mds_reading_t;
typedef struct ngx_http_mds_proof_s    ngx_http_mds_proof_t; /* under way */
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
} ngx_http_mds_place_t;

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
    ngx_array_t places; /* of ngx_http_mds_place_t * */
} ngx_http_mds_main_conf_t;

typedef struct {
    ngx_http_mds_place_t *place;      /* mds_depot; NULL: none */
    ngx_array_t          *attributes; /* of ngx_http_mds_attribute_t */
    ngx_http_mds_bounds_t bounds;     /* of the place */
    ngx_msec_t            state_timeout;

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
char *ngx_http_mds_take_location(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *mlcf);

/* ngx_http_mds_attribute.c */

/* mds_attribute NAME VALUE; */
char *ngx_http_mds_attribute(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Adds to *attributes those of prev that it does not name itself. */
ngx_int_t ngx_http_mds_merge_attributes(ngx_conf_t *cf, ngx_array_t *prev,
                                        ngx_array_t **attributes);

/* The operator's attributes. */
mds_status_t
ngx_http_mds_fix_attributes(ngx_http_request_t *r, mds_request_t *request,
                            mds_error_t *err);

/* The operator's attributes, then the query's. */
mds_status_t
ngx_http_mds_read_attributes(ngx_http_request_t *r, mds_request_t *request,
                             mds_error_t *err);

/* ngx_http_mds_depot.c */

/* Opens the depots of all places in a worker; what fails is tried again. */
void ngx_http_mds_open_depots(ngx_array_t *places);
void ngx_http_mds_close_depots(void);

/* The depot of a place in this process; NULL only if memory is out. */
ngx_http_mds_depot_t *ngx_http_mds_depot(ngx_http_mds_place_t *place);

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
void ngx_http_mds_depot_suspect(ngx_http_mds_depot_t *depot);

/* The state cannot be read: a line in the log, but once until it is opened
 * anew. */
void ngx_http_mds_depot_complain(ngx_http_mds_depot_t *depot,
                                 const mds_error_t    *err);

/* Whether requests wait for writes, or a thread is at work on them. */
ngx_uint_t ngx_http_mds_depot_is_writing(ngx_http_mds_depot_t *depot);

ngx_http_mds_registry_t *
ngx_http_mds_depot_registry(ngx_http_mds_depot_t *depot);

/* Takes in what was proved aside. */
void ngx_http_mds_depot_proved(ngx_http_mds_depot_t *depot,
                               mds_validate_job_t   *proving);

/* ngx_http_mds_state.c */

typedef struct ngx_http_mds_env_kind_s ngx_http_mds_env_kind_t;

extern const ngx_http_mds_env_kind_t ngx_http_mds_state_kind;
extern const ngx_http_mds_env_kind_t ngx_http_mds_registry_kind;

/* Zeroed but for its kind: not opened yet. */
typedef struct {
    const ngx_http_mds_env_kind_t *kind;
    void                          *handle; /* mds_state_t or mds_registry_t */
    ngx_uint_t                     suspect;
    ngx_uint_t                     complained; /* of what cannot be read */
    mds_file_id_t bad;    /* which file it was that failed; zero: none */
    mds_status_t  status; /* as it was logged last */
} ngx_http_mds_env_t;

/* The handle; NULL: not to be had. */
void *ngx_http_mds_env_get(ngx_http_mds_env_t *env);

/* Closes what is not to be used, opens what may be again; while no thread is
 * at work on it. */
void ngx_http_mds_env_look(ngx_http_mds_env_t *env, const char *path,
                           const ngx_http_mds_bounds_t *bounds);

void ngx_http_mds_env_suspect(ngx_http_mds_env_t *env);

/* Clears what killed readers hold; at any time. */
void ngx_http_mds_env_bury(ngx_http_mds_env_t *env);
void ngx_http_mds_env_close(ngx_http_mds_env_t *env);

/* ngx_http_mds_registry.c */

/* NULL: no memory. */
ngx_http_mds_registry_t      *
ngx_http_mds_registry_create(ngx_http_mds_depot_t *depot);
void ngx_http_mds_registry_free(ngx_http_mds_registry_t *registry);

/* Keeps it open, and lets it forget; every second. */
void
ngx_http_mds_registry_look(ngx_http_mds_registry_t *registry, const char *path,
                           const ngx_http_mds_bounds_t *bounds);

/* Registers a device some time soon, if it is news, and if it can. */
void ngx_http_mds_registry_see(ngx_http_mds_depot_t     *depot,
                               const mds_registration_t *registration,
                               int64_t                   now_ms);

/* ngx_http_mds_proof.c */

/* Proves in a thread what `of` is late with, and hands it to
 * ngx_http_mds_depot_proved(). NULL: it could not begin. */
ngx_http_mds_proof_t *
ngx_http_mds_proof_begin(ngx_http_mds_depot_t *depot, mds_depot_t *of);

/* ngx_http_mds_write.c */

/* One request's writes, under way or done. The bytes that they point to
 * are the request's. */
typedef struct ngx_http_mds_ticket_s ngx_http_mds_ticket_t;

struct ngx_http_mds_ticket_s {
    ngx_queue_t           queue;
    ngx_http_request_t   *r;
    mds_write_t          *writes; /* each has its status, once done */
    size_t                count;
    ngx_http_mds_batch_t *batch; /* that it is in; NULL: it waits, or is done */
    void (*done)(ngx_http_mds_ticket_t *ticket);
    void                 *data;    /* for done */
    ngx_http_mds_queue_t *pending; /* where it is; NULL: done */
    ngx_event_t           timeout;
};

/* A thread pool has to be there before workers start; NULL: it is not. */
ngx_int_t ngx_http_mds_pool_init(ngx_conf_t *cf);

ngx_thread_pool_t *ngx_http_mds_pool(void);

/*
 * Asks for what the ticket says; done is called from the event loop once it
 * is durable, or has failed, or the location's mds_state_timeout is over
 * (MDS_AGAIN: it may yet be written). The request waits: return NGX_DONE. If
 * it goes away before, done is not called.
 */
ngx_int_t ngx_http_mds_write_state(ngx_http_mds_depot_t  *depot,
                                   ngx_http_mds_ticket_t *ticket);

/* Whether a thread is at work on the depot's state, or has to be. NULL is
 * fine. */
ngx_uint_t ngx_http_mds_queue_is_busy(ngx_http_mds_queue_t *queue);

void ngx_http_mds_queue_free(ngx_http_mds_queue_t *queue);

/* The writes of a depot, kept with it. */
ngx_http_mds_queue_t **ngx_http_mds_depot_queue(ngx_http_mds_depot_t *depot);

/* ngx_http_mds_body.c */

typedef void (*ngx_http_mds_body_pt)(ngx_http_request_t *r, ngx_str_t *body);

/*
 * Reads a body of up to max bytes, and calls done with it, or answers: 413,
 * 400. It is read into memory and never to disk, unless nginx is configured to
 * do so. Returns what a content handler returns.
 */
ngx_int_t ngx_http_mds_read_body(ngx_http_request_t *r, size_t max,
                                 ngx_http_mds_body_pt done);

/* ngx_http_mds_asking.c */

/* What is asked, and what came of it; all in the request's pool. */
typedef struct {
    mds_decision_t decision;
    mds_status_t   status; /* MDS_INVALID, MDS_DENIED (a window without a
                            * state to ask), MDS_NO_SPACE (a result beyond what
                            * one answer may have): see detail */
    ngx_str_t detail;
    unsigned  settled : 1; /* no more to be asked */
    unsigned  told : 1;
} ngx_http_mds_question_t;

typedef struct ngx_http_mds_asking_s ngx_http_mds_asking_t;

struct ngx_http_mds_asking_s {
    ngx_http_request_t      *r;
    ngx_http_mds_ctx_t      *ctx;
    ngx_http_mds_depot_t    *depot;
    ngx_http_mds_question_t *questions;
    size_t                   count;
    ngx_uint_t               rounds;
    mds_registration_t       seen; /* of many questions: the device's last */
    void                    *data;

    /* The i-th question, the operator's attributes first. */
    mds_status_t (*ask)(ngx_http_mds_asking_t *asking, size_t i,
                        mds_request_t *request, mds_error_t *err);
    /* The i-th is settled; the views of its decision are good during the call.
     * NULL: they are kept until the answer. */
    mds_status_t (*tell)(ngx_http_mds_asking_t *asking, size_t i,
                         mds_error_t *err);
    /* Answers, once all are settled. */
    ngx_int_t (*answer)(ngx_http_mds_asking_t *asking);
};

/* The request's context, made if it is not there; NULL: no memory. */
ngx_http_mds_ctx_t *ngx_http_mds_get_ctx(ngx_http_request_t *r);

/* A context for the request, and an asking for that many questions; NULL: no
 * memory. */
ngx_http_mds_asking_t *ngx_http_mds_asking(ngx_http_request_t *r, size_t count);

/* Asks them all, waits for windows if need be, and answers. */
ngx_int_t ngx_http_mds_ask(ngx_http_mds_asking_t *asking);

/* ngx_http_mds_messages.c */

ngx_int_t ngx_http_mds_messages_handler(ngx_http_request_t *r);

/* ngx_http_mds_config.c */

ngx_int_t ngx_http_mds_config_handler(ngx_http_request_t *r);

/* ngx_http_mds_batch.c */

ngx_int_t ngx_http_mds_batch_handler(ngx_http_request_t *r);

/* Whether the body is application/json, whatever its parameters are. */
ngx_uint_t ngx_http_mds_is_json(ngx_http_request_t *r);

/* ngx_http_mds_answer.c */

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

/* MDS-Serial, where it is known, and Cache-Control: no-store. */
ngx_int_t ngx_http_mds_add_common_headers(ngx_http_request_t *r);

/* MDS-Poll-After, where it is asked for; *seconds is what it says, jitter
 * added (0: nothing). */
ngx_int_t ngx_http_mds_add_poll_after(ngx_http_request_t *r, uint64_t after_s,
                                      uint64_t jitter_s, uint64_t *seconds);

/* 204 */
ngx_int_t ngx_http_mds_send_no_content(ngx_http_request_t *r);

/* Status, content type, and the body, which is not copied; empty: none. */
ngx_int_t ngx_http_mds_send(ngx_http_request_t *r, ngx_uint_t status,
                            ngx_str_t *type, ngx_str_t *body);

/* ngx_http_mds_problem.c */

/*
 * Logs what is the edge's own failure: at that level when it is new in this
 * worker, and at info for every other request that meets it. The text has
 * nothing in it that a client chooses.
 */
void ngx_http_mds_log_failure(ngx_http_request_t *r, ngx_uint_t level,
                              const char *text);

/* Logs and answers a problem (RFC 9457) that fits the status. */
ngx_int_t ngx_http_mds_problem(ngx_http_request_t *r, mds_status_t status,
                               const char *detail);

/* 405; allowed as in Allow: "GET, HEAD". */
ngx_int_t ngx_http_mds_not_allowed(ngx_http_request_t *r, ngx_str_t *allowed);

/* A problem of HTTP's own: 413, 415. */
ngx_int_t ngx_http_mds_refuse(ngx_http_request_t *r, ngx_uint_t status,
                              const char *detail);

/* 503 with Retry-After. */
ngx_int_t ngx_http_mds_unavailable(ngx_http_request_t *r);

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

void ngx_http_mds_file_filter(ngx_http_request_t *r);

/* ngx_http_mds_accept.c */

/* Whether the request's Accept would rather have type than the usual one, or
 * names it and likes it as much. */
ngx_uint_t
ngx_http_mds_accepts(ngx_http_request_t *r, ngx_str_t *type, ngx_str_t *usual);

/* ngx_http_mds_envelope.c */

/* The DSSE envelope (JSON) of a decision's manifest. */
ngx_int_t
ngx_http_mds_envelope(ngx_http_request_t *r, const mds_decision_t *decision,
                      ngx_str_t *envelope);

/* ngx_http_mds_resource.c */

/* mds_resource KIND [NAME]; */
char *ngx_http_mds_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

ngx_int_t ngx_http_mds_resource_init(ngx_conf_t *cf);

/* Lets the variables say what the location shows, if they do not yet. */
void ngx_http_mds_resource_look(ngx_http_request_t *r);

/* ngx_http_mds_resources.c */

/* $mds_resources, and what counts for it where a configuration names it. */
ngx_int_t ngx_http_mds_resources_add(ngx_conf_t *cf);
ngx_int_t ngx_http_mds_resources_init(ngx_conf_t *cf);

/* ngx_http_mds_variable.c */

/* Lets $mds_serial say it. */
void ngx_http_mds_tell_serial(ngx_http_mds_ctx_t *ctx, uint64_t serial);

/* Lets the variables say what was decided; the views are the request's. */
void ngx_http_mds_tell(ngx_http_mds_ctx_t *ctx, const mds_decision_t *decision);

/* Lets $mds_action list what was decided for each question. */
ngx_int_t ngx_http_mds_tell_actions(ngx_http_mds_asking_t *asking);

ngx_int_t ngx_http_mds_add_variables(ngx_conf_t *cf);

static inline mds_str_t
ngx_http_mds_view(ngx_str_t *s)
{
    return (mds_str_t){ s->len, (const char *) s->data };
}

#endif
