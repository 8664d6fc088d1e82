/*
 * audience: the options for the audience of a release.
 */

#ifndef MDSCTL_AUDIENCE_H
#define MDSCTL_AUDIENCE_H

#include "mdsctl.h"

typedef struct {
    bool            all;
    mdsctl_values_t lists;
    mdsctl_values_t except;
    const char     *percent;
    const char     *window;
    const char     *until;
    const char     *by;
} mdsctl_audience_t;

/* The part of a usage line for these options. */
#define MDSCTL_AUDIENCE_USAGE                                                  \
    "--all | --list LIST... | --percent P | --window N --until TIME"           \
    " [--except LIST] [--by user|device]"

#define MDSCTL_AUDIENCE_OPTIONS(a)                                             \
    { .name = "all", .flag = &(a).all },                                       \
        { .name = "list", .values = &(a).lists },                              \
        { .name = "except", .values = &(a).except },                           \
        { .name = "percent", .value = &(a).percent },                          \
        { .name = "window", .value = &(a).window },                            \
        { .name = "until", .value = &(a).until },                              \
    {                                                                          \
        .name = "by", .value = &(a).by                                         \
    }

/*
 * Sets "audience" in the object, in the form of a document, whose checks judge
 * the contents. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the error.
 */
int mdsctl_set_audience(mds_json_t              *object,
                        const mdsctl_audience_t *audience) MDS_MUST_CHECK;

#endif
