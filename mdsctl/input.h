/*
 * input: a file that a command reads, where "-" is standard input.
 */

#ifndef MDSCTL_INPUT_H
#define MDSCTL_INPUT_H

#include "base/mds_file.h"

typedef struct {
    const char *path; /* of a regular file, or as it was typed */
    const char *name; /* for messages */
    mds_path_t  dir;  /* of its own, for the copy; empty: none */
    mds_path_t  copy;
} mdsctl_input_t;

/*
 * Files are read more than once, so standard input is copied into a file
 * first, in $TMPDIR. *input is to be ended in any case. An exit code.
 */
int mdsctl_input_begin(const char *word, mdsctl_input_t *input) MDS_MUST_CHECK;

void mdsctl_input_end(const mdsctl_input_t *input);

/* Makes a directory of its own in $TMPDIR; `of` names what it is for. */
mds_status_t mdsctl_temp_dir(const char *of, mds_error_t *err,
                             mds_path_t *dir) MDS_MUST_CHECK;

#endif
