/*
 * mds_verify: reads everything in a depot and compares it: the generation in
 * force, all kept generations with each record and manifest, lists, files, the
 * journal, the state.
 *
 * It locks and changes nothing: loaders and workers go on meanwhile, and what
 * they remove is not missed.
 */

#ifndef MDS_VERIFY_H
#define MDS_VERIFY_H

#include "sign/mds_sign.h"
#include "json/mds_json.h"

typedef struct {
    /* The keys that signatures are verified with. Without any, only the form of
     * signatures is checked. */
    const mds_public_t *keys;
    size_t              key_count;

    bool saved;               /* a restore: reports damage alone, not what an
                               * older program has signed for the wrong app, or
                               * a generation in the format of its time */
    mds_progress_t *progress; /* bytes; may be NULL */

    /* Called for each problem: what it is about, within the depot, and text. */
    void (*problem)(void *data, const char *where, const char *words);
    void *data;
} mds_verify_options_t;

/* The numbers of everything that was checked. */
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

    bool outdated; /* saved: the generation is of another format, which the next
                    * change makes anew */

    mds_json_t *keys; /* {"KEYID": number of signatures}; a new reference */
} mds_verify_result_t;

/* Returns MDS_OK if it could check all, whatever it found; else this is not a
 * depot, or the system has failed. */
mds_status_t
mds_verify(const char *depot, const mds_verify_options_t *options,
           mds_error_t *err, mds_verify_result_t *result) MDS_MUST_CHECK;

#endif
