/* Finds the first test of a release that does not hold for a device. */

#include "evaluate/mds_failed_test.h"

#include "evaluate/mds_eval.h"
#include "evaluate/mds_installed.h"

static const mds_release_record_t *
mds_find_release(const mds_record_t *record, mds_str_t id)
{
    const mds_release_record_t *release
        = mds_record_item(record, MDS_TABLE_RELEASES, 0);

    for (uint32_t i = 0; i < record->tables[MDS_TABLE_RELEASES].count; i++) {
        if (mds_str_eq(mds_record_bytes(record, release[i].id), id)) {
            return &release[i];
        }
    }

    return NULL;
}

mds_status_t
mds_find_failed_test(const mds_snapshot_t *snapshot, const mds_record_t *record,
                     const mds_request_t *request, int64_t now_ms,
                     mds_str_t release, mds_error_t *err,
                     mds_failed_test_t *failed)
{
    const mds_release_record_t *found
        = record == NULL ? NULL : mds_find_release(record, release);
    mds_failed_test_t result = { .test = NULL };
    mds_eval_t        eval;

    if (found == NULL) {
        return MDS_NOT_FOUND;
    }

    mds_eval_init(&eval, snapshot, record, request, now_ms, NULL, err);
    mds_installed_drop_hotfix(&eval);
    eval.may_admit = false;
    result.test = mds_eval_failed_test(&eval, found);

    if (result.test != NULL && strcmp(result.test, "rule") == 0) {
        result.attribute = mds_eval_failed_rule(&eval, found->rules);
    }

    if (eval.status == MDS_OK) {
        *failed = result;
    }

    return eval.status;
}
