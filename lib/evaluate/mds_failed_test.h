/*
 * mds_failed_test: finds the test of one release that a device fails first, by
 * the code that decides, and without the texts of an explanation.
 */

#ifndef MDS_FAILED_TEST_H
#define MDS_FAILED_TEST_H

#include "evaluate/mds_snapshot.h"
#include "request/mds_request.h"

typedef struct {
    const char *test; /* "state", "rule", …, "audience"; NULL: none fails */
    mds_str_t   attribute; /* of a rule; empty otherwise */
} mds_failed_test_t;

/*
 * Tests the release of that id among those of a resource's record. attribute is
 * a view into the snapshot. A window takes no device in. MDS_NOT_FOUND, without
 * a message: the record has no such release. The other errors are those of
 * mds_decide().
 */
mds_status_t
mds_find_failed_test(const mds_snapshot_t *snapshot, const mds_record_t *record,
                     const mds_request_t *request, int64_t now_ms,
                     mds_str_t release, mds_error_t *err,
                     mds_failed_test_t *failed) MDS_MUST_CHECK;

#endif
