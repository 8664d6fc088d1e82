/*
 * mds_verify: everything in a depot, read and compared: what is in force, all
 * kept generations with every record and manifest, lists, files, the journal,
 * the state.
 *
 * Nothing is locked and nothing is changed: loaders and workers go on
 * meanwhile, and what they take away is not missed.
 */

#ifndef MDS_VERIFY_H
#define MDS_VERIFY_H

#include "sign/mds_sign.h"
#include "json/mds_json.h"

typedef struct {
    const mds_public_t *keys; /* whose signatures hold; key_count 0: of
                               * signatures, only the form is looked at */
    size_t key_count;
    bool   saved;             /* damage alone counts, not what an older program
                               * has signed for the wrong app: a restore */
    mds_progress_t *progress; /* bytes; may be NULL */

    /* Told each problem: what it is about, within the depot, and words. */
    void (*problem)(void *data, const char *where, const char *words);
    void *data;
} mds_verify_options_t;

/* What was looked at. */
typedef struct {
    uint64_t serial; /* in force */
    uint64_t generations;
    uint64_t manifests;  /* different ones */
    uint64_t signatures; /* of files and manifests */
    uint64_t lists;
    uint64_t files;
    uint64_t bytes;
    uint64_t apps;
    uint64_t changes; /* in the log */
    uint64_t windows;
    uint64_t problems;

    mds_json_t *keys; /* {"KEYID": how many signatures}; a new reference */
} mds_verify_result_t;

/* MDS_OK: it was looked at, whatever was found. Otherwise it is no depot, or
 * the system refused to show it. */
mds_status_t
mds_verify(const char *depot, const mds_verify_options_t *options,
           mds_error_t *err, mds_verify_result_t *result) MDS_MUST_CHECK;

#endif
