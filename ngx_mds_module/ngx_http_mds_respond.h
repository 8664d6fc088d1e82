/*
 * Answers: their header lines and bodies, and refusals.
 */

#ifndef NGX_HTTP_MDS_RESPOND_H
#define NGX_HTTP_MDS_RESPOND_H

#include "ngx_http_mds_module.h"

/* Adds a header line; neither name nor value is copied. NULL: out of memory. */
ngx_table_elt_t *ngx_http_mds_push_header(ngx_http_request_t *r, mds_str_t name,
                                          ngx_str_t *value);

/* Adds a header line, unless the value is empty. */
ngx_int_t ngx_http_mds_add_header(ngx_http_request_t *r, mds_str_t name,
                                  ngx_str_t *value);

/* Returns the first header line of that name, or NULL. */
ngx_table_elt_t *
ngx_http_mds_find_header(ngx_http_request_t *r, mds_str_t name);

/* Replaces all lines of Cache-Control by this one. */
ngx_int_t
ngx_http_mds_set_cache_control(ngx_http_request_t *r, ngx_str_t *value);

void ngx_http_mds_clear_cache_control(ngx_http_request_t *r);

/* Returns the seconds until the next poll, between after_s and after_s +
 * jitter_s; 0 if after_s is 0. */
uint64_t ngx_http_mds_poll_after(uint64_t after_s, uint64_t jitter_s);

/* An answer with status 200, or 204 if it has no body. */
typedef struct {
    ngx_str_t *type;
    ngx_str_t  body;         /* not copied */
    ngx_str_t  signature;    /* MDS-Signature; empty: none */
    ngx_str_t  proof;        /* MDS-Proof; empty: none */
    uint64_t   poll_after_s; /* MDS-Poll-After; 0: none */
} ngx_http_mds_response_t;

extern ngx_str_t ngx_http_mds_json_type; /* application/json */
extern ngx_str_t ngx_http_mds_dsse_type; /* of an envelope */

/* Sends the answer with MDS-Serial and Cache-Control: no-store. */
ngx_int_t ngx_http_mds_respond(ngx_http_request_t            *r,
                               const ngx_http_mds_response_t *response);

/* Sends status, content type and body, which is not copied. */
ngx_int_t ngx_http_mds_send(ngx_http_request_t *r, ngx_uint_t status,
                            ngx_str_t *type, const ngx_str_t *body);

/* Sends the header and then the buffer. */
ngx_int_t ngx_http_mds_send_buf(ngx_http_request_t *r, ngx_buf_t *b);

/* Allocates from a pool, as mds_alloc_t. */
void *ngx_http_mds_pool_alloc(void *pool, size_t bytes);

/*
 * Refusals (ngx_http_mds_problem.c). Their body is a problem (RFC 9457). All
 * but those of mds_files have MDS-Serial, and are 503 while the depot is not
 * open.
 */

/* Logs a failure and answers with the status that belongs to it. */
ngx_int_t ngx_http_mds_fail(ngx_http_request_t *r, mds_status_t status,
                            const char *detail);

/* Does the same for a failed evaluation. */
ngx_int_t
ngx_http_mds_fail_evaluation(ngx_http_request_t *r, mds_status_t status,
                             const mds_error_t *err);

/* Answers 400, 413 or 415. */
ngx_int_t ngx_http_mds_refuse(ngx_http_request_t *r, ngx_uint_t status,
                              const char *detail);

/* Answers 405; allow is the value of Allow. */
ngx_int_t ngx_http_mds_refuse_method(ngx_http_request_t *r, ngx_str_t *allow);

/* Answers 503 with Retry-After. The reason has been logged. */
ngx_int_t ngx_http_mds_refuse_unavailable(ngx_http_request_t *r);

/* Answers 503 with Retry-After to a stream, or a long poll, beyond
 * mds_watch_max. */
ngx_int_t ngx_http_mds_refuse_full(ngx_http_request_t *r);

/* Sets the serial of the answer where no evaluation has done so. NGX_DECLINED:
 * the depot is not open. */
ngx_int_t ngx_http_mds_require_serial(ngx_http_request_t *r);

/* Adds the header lines of ctx->refused that are not there yet. */
ngx_int_t ngx_http_mds_add_refusal_headers(ngx_http_request_t *r,
                                           ngx_http_mds_ctx_t *ctx);

/* Adds the header filter (ngx_http_mds_header_filter.c). */
void ngx_http_mds_header_filter_init(void);

/* Drops the digest of a file whose body was changed by a filter. */
void ngx_http_mds_file_filter(ngx_http_request_t *r);

#endif
