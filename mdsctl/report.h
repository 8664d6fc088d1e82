/*
 * report: prints the progress of a long command line by line, or, with --json,
 * gathers the members of one object.
 */

#ifndef MDSCTL_REPORT_H
#define MDSCTL_REPORT_H

#include "json/mds_json.h"

typedef struct {
    bool        json;   /* --json: prints no lines */
    mds_json_t *object; /* the owner releases it; NULL once memory has run
                         * out, which mdsctl_print() reports */
} mdsctl_report_t;

/* Prints a line that begins with what it is about. */
void mdsctl_report_line(const mdsctl_report_t *report, const char *about,
                        const char *format, ...) MDS_PRINTF(3, 4);

/* Sets a member of the object, and takes the reference; a second value of a key
 * replaces the first. */
void
mdsctl_report_set(mdsctl_report_t *report, const char *key, mds_json_t *value);
void mdsctl_report_set_str(mdsctl_report_t *report, const char *key,
                           mds_str_t value);
void mdsctl_report_set_bytes(mdsctl_report_t *report, const char *key,
                             uint64_t bytes);

#endif
