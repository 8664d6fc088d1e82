/*
 * Endpoints: the locations of mds_check, mds_config, mds_messages, mds_files,
 * mds_report, mds_watch, mds_trust, mds_feed, mds_explain, mds_status and
 * mds_codepush. All have one content handler, which looks at the method.
 */

#ifndef NGX_HTTP_MDS_ENDPOINT_H
#define NGX_HTTP_MDS_ENDPOINT_H

#include "ngx_http_mds_module.h"

#include "metrics/mds_counters.h"

struct ngx_http_mds_endpoint_s {
    mds_endpoint_t      id;  /* in the counters */
    ngx_http_handler_pt get; /* answers GET and HEAD; NULL: none */
    ngx_int_t (*post)(ngx_http_request_t *r, ngx_str_t *body); /* NULL: none */
    size_t    body_max;                                        /* of a POST */
    ngx_str_t allow; /* the methods, for a 405 */
};

extern ngx_http_mds_endpoint_t ngx_http_mds_check_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_settings_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_messages_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_files_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_watch_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_trust_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_feed_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_explain_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_report_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_status_endpoint;
extern ngx_http_mds_endpoint_t ngx_http_mds_codepush_endpoint;

/* Makes the location an endpoint; cmd->post is the endpoint. */
char *ngx_http_mds_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Handles the directives "mds_files", "mds_trust", "mds_feed" and
 * "mds_codepush", whose location has to be a prefix. */
char *
ngx_http_mds_prefix_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Lets a nested "if" or "limit_except" keep the endpoint of its location. */
void ngx_http_mds_merge_endpoint(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *prev,
                                 ngx_http_mds_loc_conf_t *conf);

/* Returns what follows the location's name in the (decoded, normalized) URI. */
mds_str_t ngx_http_mds_uri_rest(ngx_http_request_t *r);

/* Answers a request for "root/N". NGX_DECLINED: the name is another one. */
ngx_int_t ngx_http_mds_root_answer(ngx_http_request_t *r, mds_str_t name);

/* Answers a POST to mds_check. */
ngx_int_t ngx_http_mds_batch_post(ngx_http_request_t *r, ngx_str_t *body);

#endif
