/* Two decisions about one device: whether they differ, and by which release. */

#include "simulate/mds_decision_change.h"

#include <stdlib.h>

#include "evaluate/mds_failed_test.h"
#include "json/mds_json.h"

#define MDS_MANIFEST_PAIRS 4096 /* a power of two */

/* A pair of manifests by where they lie; one that takes the place of another
 * replaces it. */
typedef struct {
    const char *before;
    const char *after;
    const char *difference; /* NULL: they tell a device the same */
} mds_manifest_pair_t;

struct mds_manifest_diffs_s {
    mds_manifest_pair_t pairs[MDS_MANIFEST_PAIRS];
};

mds_manifest_diffs_t *
mds_manifest_diffs_new(void)
{
    return calloc(1, sizeof(mds_manifest_diffs_t));
}

void
mds_manifest_diffs_free(mds_manifest_diffs_t *diffs)
{
    free(diffs);
}

/* Returns the key in which the manifests differ first, as a word. */
static const char *
mds_manifest_difference(mds_json_t *before, mds_json_t *after)
{
    static const char *const keys[][2] = {
        { "version", "version" },
        { "full", "package" },
        { "delta", "delta" },
        { "meta", "meta" },
    };

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        if (!mds_json_equal(mds_json_get(before, keys[i][0]),
                            mds_json_get(after, keys[i][0])))
        {
            return keys[i][1];
        }
    }

    mds_json_delete(before, "serial");
    mds_json_delete(after, "serial");
    mds_json_delete(before, "release");
    mds_json_delete(after, "release");

    return mds_json_equal(before, after) ? NULL : "manifest";
}

static mds_status_t
mds_manifests_compare(mds_str_t before, mds_str_t after, mds_error_t *err,
                      const char **difference)
{
    mds_json_t  *a = NULL, *b = NULL;
    mds_status_t status = mds_json_parse(before, "manifest", err, &a);

    if (status == MDS_OK) {
        status = mds_json_parse(after, "manifest", err, &b);
    }

    if (status == MDS_OK) {
        *difference = mds_manifest_difference(a, b);
    }

    mds_json_release(a);
    mds_json_release(b);

    return status;
}

/* Compares two manifests, each pair once. */
static mds_status_t
mds_manifest_diffs_get(mds_manifest_diffs_t *diffs, mds_str_t before,
                       mds_str_t after, mds_error_t *err,
                       const char **difference)
{
    uint64_t hash = ((uintptr_t) before.data * UINT64_C(0x9e3779b97f4a7c15))
                    ^ ((uintptr_t) after.data * UINT64_C(0xbf58476d1ce4e5b9));
    mds_manifest_pair_t *pair
        = &diffs->pairs[(hash >> 40) & (MDS_MANIFEST_PAIRS - 1)];
    mds_status_t status;

    if (mds_str_eq(before, after)) {
        *difference = NULL;
        return MDS_OK;
    }

    if (pair->before != before.data || pair->after != after.data) {
        const char *found;

        status = mds_manifests_compare(before, after, err, &found);
        if (status != MDS_OK) {
            return status;
        }

        *pair = (mds_manifest_pair_t){ before.data, after.data, found };
    }

    *difference = pair->difference;
    return MDS_OK;
}

/*
 * Tests a release of one side's decision on the other side. *cause is set if it
 * does not hold there; `absent` is the word if it is not there at all.
 */
static mds_status_t
mds_cause_find(const mds_side_t *side, const mds_side_t *other,
               const mds_request_t *request, int64_t now_ms, const char *absent,
               mds_error_t *err, mds_cause_t *cause)
{
    const mds_decision_t *decision = &side->decision;
    mds_failed_test_t     failed = { .test = NULL };
    mds_status_t          status;

    /* A message is not a release. */
    if (decision->release.len == 0 || decision->reason == MDS_REASON_MESSAGE) {
        return MDS_OK;
    }

    status
        = mds_find_failed_test(other->snapshot, other->decision.record, request,
                               now_ms, decision->release, err, &failed);

    if (status == MDS_NOT_FOUND) {
        failed.test = absent;
        status = MDS_OK;
    }

    if (status == MDS_OK && failed.test != NULL) {
        cause->release = decision->release;
        cause->test = failed.test;
        cause->attribute = failed.attribute;
    }

    return status;
}

/* Finds the cause where both sides name the same release, or none. */
static void
mds_cause_set_same(const mds_decision_t *before, const mds_decision_t *after,
                   const char *difference, mds_cause_t *cause)
{
    cause->release = after->release;
    cause->gains = after->action != MDS_ACTION_NONE;

    if (before->reason == MDS_REASON_NO_DELTA
        || after->reason == MDS_REASON_NO_DELTA)
    {
        cause->test = "delta";
    } else {
        cause->test = difference != NULL ? difference : "version";
    }
}

static mds_status_t
mds_cause_find_other(const mds_side_t *before, const mds_side_t *after,
                     const mds_request_t *request, int64_t now_ms,
                     mds_error_t *err, mds_cause_t *cause)
{
    mds_status_t status
        = mds_cause_find(after, before, request, now_ms, "new", err, cause);

    if (status != MDS_OK || cause->test != NULL) {
        cause->gains = true;
        return status;
    }

    status
        = mds_cause_find(before, after, request, now_ms, "removed", err, cause);

    if (status == MDS_OK && cause->test == NULL) {
        cause->release = after->decision.release.len > 0
                             ? after->decision.release
                             : before->decision.release;
        cause->test = "order";
        cause->gains = after->decision.release.len > 0;
    }

    return status;
}

/* Finds what makes the difference between two decisions that differ. */
static mds_status_t
mds_cause_find_any(const mds_side_t *before, const mds_side_t *after,
                   const mds_request_t *request, int64_t now_ms,
                   const char *difference, mds_error_t *err, mds_cause_t *cause)
{
    const mds_decision_t *a = &before->decision, *b = &after->decision;
    bool                  was_back = a->reason == MDS_REASON_ROLLED_BACK;
    bool                  is_back = b->reason == MDS_REASON_ROLLED_BACK;

    if (was_back != is_back) {
        cause->release = is_back ? b->release : a->release;
        cause->test = "state";
        cause->gains = is_back;
        return MDS_OK;
    }

    if (!mds_str_eq(a->release, b->release)) {
        return mds_cause_find_other(before, after, request, now_ms, err, cause);
    }

    mds_cause_set_same(a, b, difference, cause);
    return MDS_OK;
}

mds_status_t
mds_decision_compare(const mds_side_t *before, const mds_side_t *after,
                     const mds_request_t *request, int64_t now_ms,
                     mds_manifest_diffs_t *diffs, mds_error_t *err,
                     bool *changed, mds_cause_t *cause)
{
    const mds_decision_t *a = &before->decision, *b = &after->decision;
    const char           *difference = NULL;
    mds_cause_t           found = { .test = NULL };
    mds_status_t          status = MDS_OK;
    bool                  differ = a->action != b->action
                  || (a->action != MDS_ACTION_NONE
                      && !mds_str_eq(a->version, b->version));

    if (!differ && a->action != MDS_ACTION_NONE) {
        status = mds_manifest_diffs_get(diffs, a->manifest, b->manifest, err,
                                        &difference);
        differ = difference != NULL;
    }

    if (status == MDS_OK && differ) {
        status = mds_cause_find_any(before, after, request, now_ms, difference,
                                    err, &found);
    }

    if (status == MDS_OK) {
        *changed = differ;
        *cause = found;
    }

    return status;
}
