/*
 * mds_codepush_decision: decides a check of the CodePush server's protocol. It
 * is a decision of mds, and what that protocol adds: the installed version is
 * known by the hash of its package, too; an update is mandatory if a version
 * that it leaves out is; and a device learns that there is something for
 * another binary.
 *
 * What it needs is in the "meta" of manifests: "package_hash", "mandatory" and
 * "target_binary_range".
 */

#ifndef MDS_CODEPUSH_DECISION_H
#define MDS_CODEPUSH_DECISION_H

#include "base/mds_version.h"
#include "evaluate/mds_decide.h"

typedef struct {
    mds_decision_t decision;
    bool           mandatory;  /* there is an update, and it is mandatory */
    bool           update_app; /* the newest version is for higher binaries */
    /* The binaries that the newest version is for, if they are others; without
     * characters that JSON escapes. */
    char binary_range[MDS_VERSION_MAX + 1];
} mds_codepush_decision_t;

/*
 * Decides for the resource that the request names, whose version is the label,
 * if that is one. hash (may be empty) is that of the installed package;
 * any_binary: versions for other binaries fit, too. Errors are those of
 * mds_decide(), and views die with the snapshot.
 */
mds_status_t
mds_codepush_decide(const mds_snapshot_t *snapshot,
                    const mds_request_t *request, mds_str_t hash,
                    bool any_binary, int64_t now_ms, mds_error_t *err,
                    mds_codepush_decision_t *result) MDS_MUST_CHECK;

/*
 * Visits the ids of the releases of the version for the device's platform and
 * channel: first the one by which the device gets it, if it does now, then the
 * others in order of choice. visit() returns false to end the walk.
 */
mds_status_t
mds_codepush_visit_releases(const mds_snapshot_t *snapshot,
                            const mds_request_t *request, mds_str_t version,
                            int64_t now_ms,
                            bool (*visit)(void *data, mds_str_t release,
                                          const mds_halt_t *limit),
                            void *data, mds_error_t *err) MDS_MUST_CHECK;

/* Returns the manifest's "meta", as a view; empty: there is none. */
mds_str_t mds_codepush_meta(mds_str_t manifest);

/* Returns the text of a string in "meta", as it is written between its quotes;
 * empty: there is none. */
mds_str_t mds_codepush_meta_text(mds_str_t meta, mds_str_t member);

#endif
