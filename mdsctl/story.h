/*
 * story: what a long command does, told twice: to people line by line while
 * it happens, to machines as one object at the end.
 */

#ifndef MDSCTL_STORY_H
#define MDSCTL_STORY_H

#include "json/mds_json.h"

typedef struct {
    bool        json;  /* for machines: no lines */
    mds_json_t *facts; /* owned by whoever made the story; NULL once memory
                        * has run out, which mdsctl_print() will say */
} mdsctl_story_t;

/* A line: what it is about, and the words. */
void mdsctl_tell(const mdsctl_story_t *story, const char *about,
                 const char *format, ...) MDS_PRINTF(3, 4);

/* Takes the reference. A fact told again replaces the one before. */
void mdsctl_fact(mdsctl_story_t *story, const char *key, mds_json_t *value);
void mdsctl_fact_str(mdsctl_story_t *story, const char *key, mds_str_t value);
void mdsctl_fact_bytes(mdsctl_story_t *story, const char *key, uint64_t bytes);

#endif
