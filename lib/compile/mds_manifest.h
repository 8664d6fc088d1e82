/*
 * mds_manifest: the answer to a client, as JSON, before it is signed.
 */

#ifndef MDS_MANIFEST_H
#define MDS_MANIFEST_H

#include "base/mds_digest.h"
#include "document/mds_model.h"
#include "json/mds_json.h"

/* A file that a client may fetch. */
typedef struct {
    mds_sha256_t sha256;
    uint64_t     size_bytes;
} mds_file_info_t;

/* A difference: what it is, and what it is made for. */
typedef struct {
    mds_file_info_t      file;
    mds_str_t            format; /* "dcz", or what the document says */
    const mds_package_t *from;
} mds_delta_fact_t;

/*
 * Both return a new reference (NULL: no memory) with "serial" 0, which is set
 * before it is signed. delta may be NULL: the full package alone.
 */
mds_json_t *
mds_manifest_install(mds_str_t app, const mds_release_t *release,
                     const mds_package_t *package, uint64_t size_bytes,
                     const mds_delta_fact_t *delta);

/* package may be NULL: the rollback is to none. */
mds_json_t *
mds_manifest_rollback(mds_str_t app, const mds_release_t *release,
                      const mds_package_t *package, uint64_t size_bytes);

/*
 * Sets "minisig" of "full" to the path of its signature by that key, an id in
 * text; where that is empty, takes it out. A manifest without "full" stays.
 */
mds_status_t
mds_manifest_set_minisig(mds_json_t *manifest, mds_str_t keyid) MDS_MUST_CHECK;

/*
 * Sets "minisig" as above and "serial" to 0, and digests the manifest: the
 * digest is the same whenever the manifest is made again, and so identifies its
 * signature.
 */
mds_status_t
mds_manifest_digest(mds_json_t *manifest, mds_str_t keyid, mds_error_t *err,
                    mds_sha256_t *digest) MDS_MUST_CHECK;

#endif
