/*
 * input: a file that a command reads; "-" is standard input.
 */

#ifndef MDSCTL_INPUT_H
#define MDSCTL_INPUT_H

#include "base/mds_file.h"

typedef struct {
    const char *path; /* of the file, or of the copy of standard input */
    const char *name; /* for messages */
    mds_path_t  dir;  /* directory of the copy, or empty */
    mds_path_t  copy;
} mdsctl_input_t;

/*
 * Copies standard input to a file in $TMPDIR, because a command reads its file
 * more than once. The caller calls mdsctl_input_end() in any case. Returns an
 * exit code.
 */
int mdsctl_input_begin(const char *word, mdsctl_input_t *input) MDS_MUST_CHECK;

void mdsctl_input_end(const mdsctl_input_t *input);

#endif
