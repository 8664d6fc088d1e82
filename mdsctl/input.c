/* input: copies standard input to a file, for commands that read it twice. */

#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "mdsctl.h"

#define CHUNK_BYTES 65536

mds_status_t
mdsctl_temp_dir(const char *of, mds_error_t *err, mds_path_t *dir)
{
    const char  *tmp = getenv("TMPDIR");
    mds_status_t status = mds_path(dir, err, "%s/" MDS_TEMP_PREFIX "mds-XXXXXX",
                                   tmp != NULL && *tmp != '\0' ? tmp : "/tmp");

    if (status == MDS_OK && mkdtemp(dir->text) == NULL) {
        status = mds_fail_errno(err, "make a directory for \"%s\"", of);
        dir->text[0] = '\0';
    }

    return status;
}

static mds_status_t
copy_stdin(mds_temp_file_t *draft, mds_error_t *err)
{
    char         chunk[CHUNK_BYTES];
    ssize_t      n;
    mds_status_t status = MDS_OK;

    do {
        n = read(STDIN_FILENO, chunk, sizeof(chunk));

        if (n > 0) {
            status = mds_temp_file_write(draft, chunk, (size_t) n, err);
        } else if (n < 0 && errno != EINTR) {
            status = mds_fail_errno(err, "read standard input");
        }
    } while (n != 0 && status == MDS_OK);

    return status;
}

static mds_status_t
take_stdin(mds_error_t *err, mdsctl_input_t *input)
{
    mds_temp_file_t draft = MDS_NO_TEMP_FILE;
    mds_status_t status = mdsctl_temp_dir("standard input", err, &input->dir);

    if (status == MDS_OK) {
        status
            = mds_path(&input->copy, err, "%s/standard-input", input->dir.text);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_create(&draft, input->dir.text, err);
    }

    if (status == MDS_OK) {
        status = copy_stdin(&draft, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&draft, input->copy.text, 0600, err);
    }

    mds_temp_file_discard(&draft);
    return status;
}

int
mdsctl_input_begin(const char *word, mdsctl_input_t *input)
{
    mds_error_t err;

    input->path = word;
    input->name = word;
    input->dir.text[0] = '\0';
    input->copy.text[0] = '\0';

    if (strcmp(word, "-") != 0) {
        return MDSCTL_DONE;
    }

    input->path = input->copy.text;
    input->name = "standard input";

    return take_stdin(&err, input) == MDS_OK ? MDSCTL_DONE : mdsctl_fail(&err);
}

void
mdsctl_input_end(const mdsctl_input_t *input)
{
    if (input->dir.text[0] != '\0') {
        unlink(input->copy.text);
        rmdir(input->dir.text);
    }
}
