/*
 * fetch: downloads a file of a manifest, and verifies size and digest.
 */

#ifndef MDSCTL_FETCH_H
#define MDSCTL_FETCH_H

#include "client/mds_client_manifest.h"
#include "device/http.h"

/* An interrupted transfer continues where it stopped, in so many tries. */
#define MDSCTL_FETCH_TRIES 5

typedef struct {
    uint64_t bytes; /* that were received */
    unsigned tries;
    double   seconds;
} mdsctl_fetched_t;

/*
 * Downloads url to path, which must not exist. The new file has size and
 * SHA-256 of `file`, and mode 0644 less the umask; after a failure there is no
 * file. Returns MDS_DAMAGED if the digest differs, MDS_IO if the transfer was
 * interrupted too often, or MDS_NOT_FOUND, MDS_INVALID or MDS_NO_SPACE. Sets
 * *fetched after a failure too.
 */
mds_status_t
mdsctl_fetch(mdsctl_http_t *http, const char *url,
             const mds_client_file_t *file, const char *path, mds_error_t *err,
             mdsctl_fetched_t *fetched) MDS_MUST_CHECK;

#endif
