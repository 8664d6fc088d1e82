/*
 * audience: the options that say before whom a release is put.
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

/* Their part of a usage line. */
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
 * Sets the object's "audience", as a document has it; what is in it is for the
 * document's checks to judge. MDSCTL_DONE, or MDSCTL_USAGE with the mistake
 * printed.
 */
int mdsctl_set_audience(mds_json_t              *object,
                        const mdsctl_audience_t *audience) MDS_MUST_CHECK;

#endif
