/*
 * mds_change_check: refuses changes that conflict with what is published, and
 * warns of those that are probably mistakes. mds_document.h checks a document
 * by itself; here it is compared with the state before. Only what the change
 * touches is an error, so that everything in a depot can be exported and
 * applied again.
 */

#ifndef MDS_CHANGE_CHECK_H
#define MDS_CHANGE_CHECK_H

#include "document/mds_model.h"

typedef struct {
    const char       *what;    /* names the document in messages */
    bool              applies; /* applies a whole document: this is no step */
    bool              reverts; /* undoes a change: what was final is not */
    const mds_json_t *before;  /* states, as in mds_loader.h */
    const mds_json_t *after;
    const mds_json_t *changes; /* between them, see mds_diff.h */
    mds_model_t      *model;   /* of after */
    int64_t           now_ms;
    mds_json_t       *warnings; /* strings are appended */
} mds_change_check_t;

/*
 * Checks the change. MDS_CONFLICT: a version would get other bytes or another
 * build number, or a release that has ended would run again. MDS_INVALID: the
 * change makes no sense. Both name the place: "WHAT: /releases/0/end: ...".
 */
mds_status_t mds_change_check(const mds_change_check_t *check,
                              mds_error_t              *err) MDS_MUST_CHECK;

#endif
