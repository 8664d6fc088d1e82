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
    const char     *ramp;
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
        { "ramp", "P-P,TIME", "a share that grows: 1-100,7d or 1-100,2h,7d",   \
          MDSCTL_ONE_OF, MDSCTL_STORE(struct_type, member.ramp) },             \
        { "window", "N", "the first N devices or users, such as 5k",           \
          MDSCTL_ONE_OF, MDSCTL_STORE(struct_type, member.window) },           \
        { "until", "TIME", "end of the window, such as 7d from now",           \
          MDSCTL_STORE(struct_type, member.until) },                           \
        { "except", "LIST", "nobody on this list; may be repeated",            \
          MDSCTL_STORE(struct_type, member.except) },                          \
        { "by", "user|device",                                                 \
          "what percent and window count; default device",                     \
          MDSCTL_STORE(struct_type, member.by) },                              \
    {                                                                          \
        "seed", "TEXT", "the same seed picks the same devices",                \
            MDSCTL_STORE(struct_type, member.seed)                             \
    }

/* Returns whether one of the options of which one is required was given. */
bool mdsctl_audience_given(const mdsctl_audience_t *audience);

/*
 * Sets "audience" in the object, in the form of a document, whose checks judge
 * the contents. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the error.
 */
int mdsctl_set_audience(mds_json_t              *object,
                        const mdsctl_audience_t *audience) MDS_MUST_CHECK;

#endif
