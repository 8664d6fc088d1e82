/* report: prints lines, or gathers members of an object. */

#include "report.h"

#include <stdarg.h>
#include <stdio.h>

void
mdsctl_report_line(const mdsctl_report_t *report, const char *about,
                   const char *format, ...)
{
    va_list args;

    if (report->json) {
        return;
    }

    printf("%-10s ", about);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    /* The next step may take a long time. */
    fflush(stdout);
}

void
mdsctl_report_set(mdsctl_report_t *report, const char *key, mds_json_t *value)
{
    if (mds_json_set(report->object, key, value) != MDS_OK) {
        mds_json_release(report->object);
        report->object = NULL;
    }
}

void
mdsctl_report_set_str(mdsctl_report_t *report, const char *key, mds_str_t value)
{
    mdsctl_report_set(report, key, mds_json_string_new(value));
}

void
mdsctl_report_set_bytes(mdsctl_report_t *report, const char *key,
                        uint64_t bytes)
{
    mdsctl_report_set(report, key, mds_json_integer_new((int64_t) bytes));
}
