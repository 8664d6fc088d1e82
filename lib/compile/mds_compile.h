/*
 * mds_compile: turns a model into the records of a generation.
 *
 * The compiler decides all that does not depend on a request: the order of
 * releases, the deltas that exist, the signed manifests.
 */

#ifndef MDS_COMPILE_H
#define MDS_COMPILE_H

#include "compile/mds_delta_plan.h"
#include "compile/mds_manifest.h"
#include "document/mds_model.h"
#include "sign/mds_sign.h"

/* A delta that was made, or that was not worth it. */
typedef struct {
    bool            worth; /* false: file is not set */
    mds_file_info_t file;
} mds_delta_outcome_t;

/* The compiler's callbacks. */
typedef struct mds_compile_s mds_compile_t;

struct mds_compile_s {
    mds_status_t (*package_size)(mds_compile_t *c, const mds_sha256_t *sha256,
                                 mds_error_t *err, uint64_t *size_bytes);

    /* MDS_NOT_FOUND: there is no delta of the pair. */
    mds_status_t (*delta)(mds_compile_t *c, const mds_delta_pair_t *pair,
                          mds_error_t *err, mds_delta_outcome_t *outcome);

    /*
     * Sets "serial", and signs; *body lives until the next call. signature
     * has room for MDS_SIGNATURE_BYTES and a zero byte.
     */
    mds_status_t (*sign)(mds_compile_t *c, mds_json_t *manifest,
                         mds_error_t *err, mds_str_t *body, char *signature);

    /* Takes records in ascending order of keys; number and check are not set.
     */
    mds_status_t (*emit)(mds_compile_t *c, mds_str_t key, mds_str_t record,
                         mds_error_t *err);
};

/* Compiles all resources of an app. The model's releases and packages are not
 * changed; memory is taken from its arena. */
mds_status_t mds_compile(mds_compile_t *c, const mds_model_t *model,
                         mds_error_t *err) MDS_MUST_CHECK;

#endif
