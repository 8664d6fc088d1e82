/*
 * mds_fold: folds letters of upper and lower case into one. This is Unicode's
 * simple case folding, which changes single characters: "ß" is not "ss", and
 * no language has rules of its own.
 */

#ifndef MDS_FOLD_H
#define MDS_FOLD_H

#include "base/mds_base.h"

/* Returns the room that the folded form of so many bytes needs: two bytes of
 * UTF-8 become three at most, and no character grows by more. */
#define MDS_FOLD_BYTES(bytes) ((bytes) + (bytes) / 2)

/* Writes the folded text to buffer, which has room for MDS_FOLD_BYTES() of its
 * length, and returns a view of it. The text is valid UTF-8. */
mds_str_t mds_fold(mds_str_t text, char *buffer);

#endif
