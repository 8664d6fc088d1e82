/*
 * mds_client_manifest: a manifest as the device reads it.
 *
 * The caller has verified the signature of the bytes (mds_dsse_verify()):
 * nothing in a manifest is to be trusted before. Unknown members are ignored,
 * so that manifests can grow.
 */

#ifndef MDS_CLIENT_MANIFEST_H
#define MDS_CLIENT_MANIFEST_H

#include "base/mds_digest.h"
#include "request/mds_request.h"
#include "json/mds_json.h"

typedef struct {
    const char  *path; /* relative to the URL of the service */
    uint64_t     size_bytes;
    mds_sha256_t sha256;
} mds_client_file_t;

/* Views and paths live as long as json, which mds_client_manifest_free()
 * releases. */
typedef struct {
    mds_json_t *json;
    mds_str_t   app;
    mds_str_t   kind;
    mds_str_t   name;
    mds_str_t   release;
    int64_t     serial;
    bool        rollback; /* else install */
    mds_str_t   version;  /* to have afterwards; empty: none */
    mds_str_t   from;     /* rollback: the version that has to go */

    bool              has_full; /* always, unless there is no version */
    mds_client_file_t full;
    const char       *minisig; /* the path of its signature; NULL: not named */

    /* A delta of an unknown format is left out. */
    bool              has_delta;
    mds_client_file_t delta;
    mds_str_t         delta_from; /* the version */
    mds_sha256_t      delta_from_sha256;
} mds_client_manifest_t;

/* Parses a manifest. MDS_INVALID says which member is wrong. */
mds_status_t
mds_client_manifest_parse(mds_str_t text, mds_error_t *err,
                          mds_client_manifest_t *manifest) MDS_MUST_CHECK;

void mds_client_manifest_free(mds_client_manifest_t *manifest);

/*
 * Checks that the manifest answers the request: a valid signature may be on an
 * old answer, or on one for another device. App, kind, name and platform are
 * those of the request; an install is above the installed version; a rollback
 * is of the installed version, to one below. Nothing is for another channel
 * than the request's, or is a version that the request refuses. MDS_CONFLICT
 * says what differs.
 */
mds_status_t mds_client_manifest_check(const mds_client_manifest_t *manifest,
                                       const mds_request_t         *request,
                                       mds_error_t *err) MDS_MUST_CHECK;

#endif
