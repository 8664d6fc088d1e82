/*
 * fetch: one file of a manifest, downloaded and proven to be that file.
 */

#ifndef MDSCTL_FETCH_H
#define MDSCTL_FETCH_H

#include "client/mds_client_manifest.h"
#include "device/http.h"

/* Broken transfers are taken up where they broke, in so many tries in all. */
#define MDSCTL_FETCH_TRIES 5

typedef struct {
    uint64_t bytes; /* that came over the line */
    unsigned tries;
    double   seconds;
} mdsctl_fetched_t;

/*
 * Makes path, which must not be there yet, from url. On MDS_OK it has the size
 * and SHA-256 that file says, and is 0644 less the umask; on failure it is
 * gone. MDS_DAMAGED: other bytes than the manifest says; MDS_IO: broken too
 * often; MDS_NOT_FOUND, MDS_INVALID, MDS_NO_SPACE. *fetched is filled on
 * failure as well.
 */
mds_status_t
mdsctl_fetch(mdsctl_http_t *http, const char *url,
             const mds_client_file_t *file, const char *path, mds_error_t *err,
             mdsctl_fetched_t *fetched) MDS_MUST_CHECK;

#endif
