/*
 * A second reading of versions, plain and slow, from interface.md and semver's
 * own text, to hold against mds_version.
 */

#ifndef READING_H
#define READING_H

#include <stdbool.h>

/* Whether the text is a version at all. */
bool reading_is_version(const char *text);

/* Below, at or above zero, for texts that are versions. */
int reading_cmp(const char *a, const char *b);

#endif
