/*
 * The builds of the installed version, by which offers choose a delta, and the
 * hotfix that is ignored since it was made for another version of the app.
 */

#include "evaluate/mds_installed.h"

#include <stdio.h>

#include "base/mds_kind.h"

/* Searches BUILDS, which has higher versions first. */
mds_range_t
mds_installed_builds(const mds_eval_t *eval)
{
    const mds_record_t *record = eval->record;
    uint32_t            low = 0;
    uint32_t            high = record->tables[MDS_TABLE_BUILDS].count;
    mds_range_t         range = { 0 };

    while (low < high) {
        uint32_t           middle = low + (high - low) / 2;
        const mds_build_t *build
            = mds_record_item(record, MDS_TABLE_BUILDS, middle);

        if (mds_eval_version_cmp(eval, build->version_key) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    range.first = low;

    while (range.first + range.count < record->tables[MDS_TABLE_BUILDS].count) {
        const mds_build_t *build = mds_record_item(record, MDS_TABLE_BUILDS,
                                                   range.first + range.count);

        if (mds_eval_version_cmp(eval, build->version_key) != 0) {
            break;
        }

        range.count++;
    }

    return range;
}

bool
mds_installed_has_build(mds_eval_t *eval, mds_range_t builds)
{
    for (uint32_t i = builds.first; i < builds.first + builds.count; i++) {
        const mds_build_t *build
            = mds_record_item(eval->record, MDS_TABLE_BUILDS, i);

        if (mds_eval_scope(eval, &build->platforms, &build->channels)) {
            return true;
        }
    }

    return false;
}

/*
 * Returns whether the catalog has the installed version for the device's
 * platform and channel, but no build of it for the device's app_version. Rules
 * about other attributes are ignored: a device keeps a hotfix when its network
 * changes.
 */
static bool
mds_installed_hotfix_is_foreign(mds_eval_t *eval)
{
    mds_range_t builds = mds_installed_builds(eval);
    bool        known = false;

    for (uint32_t i = builds.first; i < builds.first + builds.count; i++) {
        const mds_build_t *build
            = mds_record_item(eval->record, MDS_TABLE_BUILDS, i);

        if (!mds_eval_scope(eval, &build->platforms, &build->channels)) {
            continue;
        }

        if (mds_eval_rules_about(eval, build->rules, mds_str("app_version"))) {
            return false;
        }

        known = true;
    }

    return known;
}

static MDS_COLD void
mds_installed_trace(mds_eval_t *eval, mds_str_t app_version)
{
    mds_str_t version = mds_request_attr(eval->request, MDS_ATTR_VERSION);
    char      words[MDS_DETAIL_MAX];

    snprintf(words, sizeof(words),
             "hotfix %.*s is not for app_version %.*s, so the device counts as"
             " having none",
             MDS_STR(version), MDS_STR(app_version));
    eval->trace->event(eval->trace, &(mds_trace_event_t){
                                        .type = MDS_TRACE_INSTALLED,
                                        .what = "installed",
                                        .detail = words,
                                        .seen = version,
                                    });
}

void
mds_installed_drop_hotfix(mds_eval_t *eval)
{
    mds_str_t app_version
        = mds_request_attr(eval->request, MDS_ATTR_APP_VERSION);

    /* A request without app_version gives no reason to drop the hotfix. */
    if (eval->installed.len == 0 || app_version.len == 0
        || !mds_kind_has(mds_request_attr(eval->request, MDS_ATTR_KIND),
                         MDS_KIND_IS_HOTFIX)
        || !mds_installed_hotfix_is_foreign(eval))
    {
        return;
    }

    eval->installed.len = 0;
    eval->installed_dropped = true;

    if (eval->trace != NULL) {
        mds_installed_trace(eval, app_version);
    }
}
