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

/* A delta, its format, and the package that it applies to. */
typedef struct {
    mds_file_info_t      file;
    mds_str_t            format; /* "dcz", or what the document says */
    const mds_package_t *from;
} mds_delta_fact_t;

/* Returns the manifest of an installation, a new reference (NULL: out of
 * memory). Its "serial" is 0, and is set before it is signed. delta may be
 * NULL: the full package alone. forced: its "prompt" is "force". */
mds_json_t *
mds_manifest_install(mds_str_t app, const mds_release_t *release,
                     const mds_package_t *package, uint64_t size_bytes,
                     const mds_delta_fact_t *delta, bool forced);

/* Returns the manifest of a rollback in the same way. package may be NULL: the
 * rollback is to none. */
mds_json_t *
mds_manifest_rollback(mds_str_t app, const mds_release_t *release,
                      const mds_package_t *package, uint64_t size_bytes);

/* Removes what the manifest of an older program did not have: the "meta" of a
 * rollback. Returns whether there was one. */
bool mds_manifest_remove_rollback_meta(mds_json_t *manifest);

/*
 * Sets "minisig" of "full" to the path of its signature by that key, an id in
 * text, or removes it if the id is empty; sets "serial" to 0, and writes the
 * manifest. The text, which the caller frees, is the same whenever the manifest
 * is made again, and so its digest identifies its signature.
 */
mds_status_t
mds_manifest_write(mds_json_t *manifest, mds_str_t keyid, mds_error_t *err,
                   mds_str_t *text) MDS_MUST_CHECK;

/* Copies a manifest that was written so, with its serial. The caller frees the
 * copy. */
mds_status_t
mds_manifest_set_serial(mds_str_t text, uint64_t serial, mds_error_t *err,
                        mds_str_t *with) MDS_MUST_CHECK;

/* Writes the manifest in the same way, and returns the digest of the text. */
mds_status_t
mds_manifest_digest(mds_json_t *manifest, mds_str_t keyid, mds_error_t *err,
                    mds_sha256_t *digest) MDS_MUST_CHECK;

#endif
