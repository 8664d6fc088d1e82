/*
 * A second reading of versions, plain and slow, from interface.md and semver's
 * own text, to hold against mds_version.
 */

#ifndef REFERENCE_VERSION_H
#define REFERENCE_VERSION_H

#include <stdbool.h>

/* Whether the text is a version at all. */
bool reference_version_valid(const char *text);

/* Below, at or above zero, for texts that are versions. */
int reference_version_cmp(const char *a, const char *b);

#endif
