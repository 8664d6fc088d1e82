/*
 * mds_codepush: what clients of the CodePush server's protocol send: the query
 * of update_check, and the bodies of report_status/deploy and /download. Each
 * parameter has two spellings, deployment_key and deploymentKey, and unknown
 * ones are ignored, as the CodePush server does.
 */

#ifndef MDS_CODEPUSH_H
#define MDS_CODEPUSH_H

#include "base/mds_arena.h"
#include "base/mds_halt.h"
#include "request/mds_request.h"

#define MDS_CODEPUSH_KEY_MAX 100          /* bytes of a deployment key */
#define MDS_CODEPUSH_BODY_BYTES_MAX 65536 /* of a report */

/* A check. Values are views, and empty where a parameter is absent. */
typedef struct {
    mds_str_t key; /* of the deployment */
    mds_str_t app_version;
    mds_str_t device;
    mds_str_t label;
    mds_str_t hash;
    mds_str_t companion; /* "true": every binary fits */
} mds_codepush_query_t;

/* Reads a query without checking its values: escaped ones are decoded to
 * buffer, which has room for query.len bytes. MDS_INVALID: a % is not followed
 * by two digits, or a parameter comes twice. */
mds_status_t
mds_codepush_query_parse(mds_str_t query, char *buffer, mds_error_t *err,
                         mds_codepush_query_t *parsed) MDS_MUST_CHECK;

/* Returns whether the key has the characters that the server's keys have. */
bool mds_codepush_key_is_valid(mds_str_t key);

/* Checks what an update check must have: a deployment key and the version of
 * the app. */
mds_status_t mds_codepush_query_check(const mds_codepush_query_t *query,
                                      mds_error_t *err) MDS_MUST_CHECK;

/* Claims the attributes of a check: app_version, device and version, which is
 * the label. A label that is not a version, such as that of another server,
 * stands for nothing that is installed. */
mds_status_t mds_codepush_query_claim(const mds_codepush_query_t *query,
                                      mds_request_t              *request,
                                      mds_error_t *err) MDS_MUST_CHECK;

/* What is reported. */
typedef struct {
    mds_arena_t       *arena; /* owns all of it; NULL: none */
    mds_str_t          key;
    mds_str_t          app_version; /* empty: it was left out */
    mds_str_t          device;      /* empty: it is not known */
    mds_str_t          label;       /* empty: the binary itself runs */
    mds_report_event_t event;
} mds_codepush_report_t;

/*
 * Parses the body of report_status/deploy, or of report_status/download. The
 * caller frees the report. MDS_INVALID: it lacks what the CodePush server
 * requires.
 */
mds_status_t
mds_codepush_report_parse(mds_str_t bytes, bool deploy, mds_error_t *err,
                          mds_codepush_report_t *report) MDS_MUST_CHECK;

/* Frees a report; one that is all zeros is fine. */
void mds_codepush_report_free(mds_codepush_report_t *report);

#endif
