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
    const char     *seed;
} mdsctl_audience_t;

/* The rows of an option table; the struct has the audience as this member. */
#define MDSCTL_AUDIENCE_OPTIONS(struct_type, member)                           \
    { "all", NULL, "everybody", MDSCTL_ONE_OF,                                 \
      MDSCTL_STORE(struct_type, member.all) },                                 \
        { "list", "LIST", "those on the list; may be repeated", MDSCTL_ONE_OF, \
          MDSCTL_STORE(struct_type, member.lists) },                           \
        { "percent", "P",                                                      \
          "a share of all devices in percent, such as 5 or 2.5",               \
          MDSCTL_ONE_OF, MDSCTL_STORE(struct_type, member.percent) },          \
        { "window", "N", "the first N, a number of devices or users",          \
          MDSCTL_ONE_OF, MDSCTL_STORE(struct_type, member.window) },           \
        { "until", "TIME", "end of the window: 2026-12-01T00:00:00Z",          \
          MDSCTL_STORE(struct_type, member.until) },                           \
        { "except", "LIST", "nobody on this list; may be repeated",            \
          MDSCTL_STORE(struct_type, member.except) },                          \
        { "by", "user|device",                                                 \
          "what percent and window count; default device",                     \
          MDSCTL_STORE(struct_type, member.by) },                              \
    {                                                                          \
        "seed", "TEXT", "releases with the same seed share their dice",        \
            MDSCTL_STORE(struct_type, member.seed)                             \
    }

/*
 * Sets "audience" in the object, in the form of a document, whose checks judge
 * the contents. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the error.
 */
int mdsctl_set_audience(mds_json_t              *object,
                        const mdsctl_audience_t *audience) MDS_MUST_CHECK;

#endif
