/*
 * ngx_http_mds_counters: what a worker counts, in the shared memory of mds_zone
 * (metrics/mds_counters.h). Without a zone, or a slot in it, nothing is
 * counted.
 */

#ifndef NGX_HTTP_MDS_COUNTERS_H
#define NGX_HTTP_MDS_COUNTERS_H

#include "ngx_http_mds_module.h"

#include "evaluate/mds_decide.h"
#include "metrics/mds_counters.h"

/* Checks the argument of "mds_zone". */
char *ngx_http_mds_check_counters_size(ngx_conf_t *cf, void *post, void *data);

/* Adds the zone, and the log handler that counts answers, to a configuration,
 * unless its size is 0. */
ngx_int_t ngx_http_mds_counters_init(ngx_conf_t *cf);

/* Counts an answer, in the log phase. */
ngx_int_t ngx_http_mds_counters_log(ngx_http_request_t *r);

/* Claims a slot in a worker, and gives it back. */
void ngx_http_mds_counters_open(ngx_http_mds_main_conf_t *mcf);
void ngx_http_mds_counters_close(void);

/* Returns the number of a depot in the counters of this process. */
ngx_uint_t
ngx_http_mds_counters_depot(const ngx_http_mds_depot_conf_t *depot_conf);

/* Returns the counters of this process that are always there; NULL: nothing is
 * counted. */
mds_fixed_counters_t *ngx_http_mds_counters_fixed(void);

/* Returns the zone; NULL: there is none. */
mds_counter_zone_t *ngx_http_mds_counters_zone(void);

/* Returns the nanoseconds of a clock that only goes forward. Threads may call
 * it. */
uint64_t ngx_http_mds_clock_ns(void);

/* Returns the same; 0 if nothing is counted. */
uint64_t ngx_http_mds_counters_clock(void);

/* Returns the series of a decision, whose views are valid; NULL: nothing is
 * counted. It may be called inside the fault guard. */
mds_series_t *
ngx_http_mds_decision_series(ngx_http_mds_depot_t *depot, uint64_t serial,
                             const mds_decision_t *decision);

/* Returns the series of an open file of the depot, named by its digest. */
mds_series_t *ngx_http_mds_file_series(ngx_http_mds_depot_t *depot,
                                       mds_str_t hex, ngx_fd_t fd);

/* Counts that a file of the depot was damaged while it was read. */
void ngx_http_mds_count_fault(ngx_http_mds_depot_t *depot);

/* Counts a write of the state that took so long. */
void ngx_http_mds_count_commit(uint64_t took_ns);

/* Notes how many watchers this worker has. */
void ngx_http_mds_count_watchers(ngx_uint_t count);

/* Brings the gauges of a depot, and the history, up to date; called every
 * second. */
void ngx_http_mds_counters_refresh(ngx_http_mds_depot_t *depot);

#endif
