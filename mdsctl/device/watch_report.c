/* watch_report: prints the events of a watch. */

#include "device/watch_internal.h"

#include <stdlib.h>

void
mdsctl_watch_print(const char *event, mds_json_t *members)
{
    char       *text;
    size_t      len;
    mds_error_t err;

    if (mds_json_set(members, "event", mds_json_string_new(mds_str_of(event)))
            != MDS_OK
        || mds_json_dump(members, MDS_JSON_COMPACT, &err, &text, &len)
               != MDS_OK)
    {
        mds_fail_memory(&err);
        (void) mdsctl_fail(&err);
    } else {
        printf("%s\n", text);
        fflush(stdout);
        free(text);
    }

    mds_json_release(members);
}

void
mdsctl_watch_event(const mdsctl_check_t *c, const char *event,
                   const char *detail, int64_t pause_ms)
{
    mds_json_t *members;

    if (!c->report.json) {
        mdsctl_report_line(&c->report, "watch",
                           pause_ms > 0 ? "%s: again in %.1f s" : "%s", event,
                           (double) pause_ms / 1000);
        return;
    }

    members = mds_json_object_new();

    if (detail != NULL
        && mds_json_set(members, "detail",
                        mds_json_string_new(mds_str_of(detail)))
               != MDS_OK)
    {
        mds_json_release(members);
        members = NULL;
    }

    if (pause_ms > 0
        && mds_json_set_integer(members, "retry_ms", pause_ms) != MDS_OK)
    {
        mds_json_release(members);
        members = NULL;
    }

    mdsctl_watch_print(event, members);
}

void
mdsctl_watch_failure(const mdsctl_check_t *c, const char *event,
                     const mds_error_t *err, int64_t pause_ms)
{
    if (!c->report.json) {
        (void) mdsctl_fail(err);
    }

    mdsctl_watch_event(c, event, err->text, pause_ms);
}
