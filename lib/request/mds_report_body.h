/*
 * mds_report_body: what a device reports of releases.
 *
 *   {"app": …, "device": …, "release": …, "version": …, "event": …, "detail":
 * …}
 *   {"app": …, "device": …, "reports": [{"release": …, "event": …, …}, …]}
 */

#ifndef MDS_REPORT_BODY_H
#define MDS_REPORT_BODY_H

#include "base/mds_arena.h"
#include "base/mds_halt.h"
#include "request/mds_request.h"

#define MDS_REPORT_BYTES_MAX 65536 /* of the body */
#define MDS_REPORTS_MAX 64

typedef struct {
    mds_str_t          release;
    mds_str_t          version; /* empty: it was left out */
    mds_report_event_t event;
    mds_str_t          detail; /* empty: none */
} mds_report_item_t;

typedef struct {
    mds_arena_t       *arena; /* owns all of it, and what the request views */
    mds_report_item_t *items;
    size_t             count; /* 1 to MDS_REPORTS_MAX */
} mds_report_body_t;

/*
 * Parses a body, and claims app and device for the request, which has the
 * operator's attributes already; neither is empty afterwards. The caller frees
 * the body. MDS_INVALID names the place.
 */
mds_status_t
mds_report_body_parse(mds_str_t bytes, mds_request_t *request, mds_error_t *err,
                      mds_report_body_t *body) MDS_MUST_CHECK;

/* Frees a body; one that is all zeros is fine. */
void mds_report_body_free(mds_report_body_t *body);

#endif
