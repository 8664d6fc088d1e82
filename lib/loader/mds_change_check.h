/*
 * mds_change_check: what a change must not do to what is there already, and
 * what it should not. A document by itself is checked by mds_document.h; here
 * it is compared with the state before. Only what the change touches is an
 * error, so that whatever is in a depot can be exported and applied again.
 */

#ifndef MDS_CHANGE_CHECK_H
#define MDS_CHANGE_CHECK_H

#include "document/mds_model.h"

typedef struct {
    const char       *what;    /* names the document in messages */
    bool              applies; /* by a whole document, not by a step */
    bool              reverts; /* undoes a change: what was final is not */
    const mds_json_t *before;  /* states, as in mds_loader.h */
    const mds_json_t *after;
    const mds_json_t *changes; /* between them, see mds_diff.h */
    mds_model_t      *model;   /* of after */
    int64_t           now_ms;
    mds_json_t       *warnings; /* strings are appended */
} mds_change_check_t;

/*
 * MDS_CONFLICT: the bytes of a version would be others, a release that has
 * ended would run, a version is there with another build number. MDS_INVALID:
 * it can't be meant. Both name the place: "WHAT: /releases/0/end: ...".
 */
mds_status_t mds_change_check(const mds_change_check_t *check,
                              mds_error_t              *err) MDS_MUST_CHECK;

#endif
