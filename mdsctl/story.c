#include "story.h"

#include <stdarg.h>
#include <stdio.h>

void
mdsctl_tell(const mdsctl_story_t *story, const char *about, const char *format,
            ...)
{
    va_list args;

    if (story->json) {
        return;
    }

    printf("%-10s ", about);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    /* the next step may take long */
    fflush(stdout);
}

void
mdsctl_fact(mdsctl_story_t *story, const char *key, mds_json_t *value)
{
    if (mds_json_set(story->facts, key, value) != MDS_OK) {
        mds_json_release(story->facts);
        story->facts = NULL;
    }
}

void
mdsctl_fact_str(mdsctl_story_t *story, const char *key, mds_str_t value)
{
    mdsctl_fact(story, key, mds_json_string_new(value));
}

void
mdsctl_fact_bytes(mdsctl_story_t *story, const char *key, uint64_t bytes)
{
    mdsctl_fact(story, key, mds_json_integer_new((int64_t) bytes));
}
