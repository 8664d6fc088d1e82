/*
 * mds_feed: the head of the feed in a worker, and the edges that wait for the
 * next one.
 */

#ifndef NGX_HTTP_MDS_FEED_H
#define NGX_HTTP_MDS_FEED_H

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_module.h"

struct ngx_http_mds_feed_s {
    ngx_http_mds_depot_t *depot;
    ngx_str_t             text;   /* of DEPOT/feed/head; empty: none */
    uint64_t              serial; /* of that head */
    ino_t                 inode;  /* of the file that was read */
    struct timespec       written;
    time_t                noted;   /* when DEPOT/state/FED was written last */
    ngx_uint_t            damaged; /* the file is there, and is not a head */
    ngx_queue_t           waiters;
    ngx_event_t           timer; /* runs while there are any */
};

/* Returns the feed of the depot, with the head that is there now; NULL: out of
 * memory. A head that cannot be read is logged, and counts as none. */
ngx_http_mds_feed_t *ngx_http_mds_feed_get(ngx_http_mds_depot_t *depot);

/* Returns the serial that the head names; without a head, that of the
 * generation used last. The head may be the only answer that this worker gives.
 */
uint64_t ngx_http_mds_feed_serial(const ngx_http_mds_feed_t *feed);

/* Sends the head, or 204 if it is not later than the serial (-1: none), or 503
 * if it is damaged. */
ngx_int_t ngx_http_mds_feed_respond(ngx_http_request_t  *r,
                                    ngx_http_mds_feed_t *feed, off_t serial);

/* Lets the request wait for a head that is later than the serial. Returns what
 * a content handler returns. */
ngx_int_t
ngx_http_mds_feed_wait(ngx_http_request_t *r, ngx_http_mds_feed_t *feed,
                       off_t serial, ngx_msec_t wait);

/* Returns how many edges wait in this worker. */
ngx_uint_t ngx_http_mds_feed_waiting(void);

/* Frees the feed of a depot, at the exit of the worker. */
void ngx_http_mds_feed_free(ngx_http_mds_feed_t *feed);

#endif
