/*
 * near: the name that somebody may have meant, of those that are there.
 */

#ifndef MDSCTL_NEAR_H
#define MDSCTL_NEAR_H

#include "base/mds_base.h"

#define MDSCTL_NEAR_MAX 128 /* bytes; longer names are not compared */

typedef struct {
    mds_str_t word;
    size_t    distance;                     /* of the nearest up to now */
    char      nearest[MDSCTL_NEAR_MAX + 1]; /* empty: none is near */
} mdsctl_near_t;

void mdsctl_near_begin(mdsctl_near_t *near, mds_str_t word);
void mdsctl_near_try(mdsctl_near_t *near, mds_str_t name);

/* ": did you mean \"NAME\"?", or "" where no name is near. */
const char *
mdsctl_near_words(const mdsctl_near_t *near, char words[MDSCTL_NEAR_MAX + 32]);

#endif
