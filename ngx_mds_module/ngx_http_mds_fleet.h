/*
 * The fleet of a depot: what a worker shares with other edges, by way of the
 * agent that listens at DEPOT/agent/socket. An edge without an agent has none
 * of this but a look for the socket each second.
 */

#ifndef NGX_HTTP_MDS_FLEET_H
#define NGX_HTTP_MDS_FLEET_H

#include "ngx_http_mds_commit.h"

#include "registry/mds_device.h"

typedef struct ngx_http_mds_fleet_s ngx_http_mds_fleet_t;

/* Returns NULL if it is out of memory. */
ngx_http_mds_fleet_t *ngx_http_mds_fleet_create(ngx_http_mds_depot_t *depot);

/* Reads what the state remembers, and looks after the connection. Call it each
 * second. */
void ngx_http_mds_fleet_refresh(ngx_http_mds_fleet_t *fleet);

/* Closes the connection. NULL is fine. */
void ngx_http_mds_fleet_free(ngx_http_mds_fleet_t *fleet);

/* Returns 1 if only the fleet admits to windows. */
ngx_uint_t ngx_http_mds_fleet_is_shared(const ngx_http_mds_fleet_t *fleet);

/* Returns 1 if the worker's agent is connected and reaches the database. */
ngx_uint_t ngx_http_mds_fleet_is_reachable(const ngx_http_mds_fleet_t *fleet);

/*
 * Asks the fleet for the admissions of a request, which waits for at most
 * NGX_HTTP_MDS_FLEET_BUDGET_MS, and writes those that it has granted. If it
 * cannot be asked, done is called at once: each verdict is
 * MDS_VERDICT_UNKNOWN. Returns what a content handler returns.
 */
ngx_int_t ngx_http_mds_fleet_admit(ngx_http_mds_depot_t     *depot,
                                   ngx_http_mds_write_req_t *write_req);

/* Puts devices that were registered into the outbox. */
void ngx_http_mds_fleet_add_devices(ngx_http_mds_depot_t *depot,
                                    const mds_device_t *devices, size_t count);

#endif
