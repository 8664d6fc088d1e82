/* input: copies standard input to a file. */

#include "input.h"

#include <unistd.h>

#include "mdsctl.h"

static mds_status_t
copy_chunk(void *data, const void *bytes, size_t len, mds_error_t *err)
{
    return mds_temp_file_write(data, bytes, len, err);
}

static mds_status_t
store_stdin(mds_error_t *err, mdsctl_input_t *input)
{
    mds_temp_file_t temp = MDS_NO_TEMP_FILE;
    mds_status_t    status = mds_temp_dir_create(NULL, err, &input->dir);

    if (status == MDS_OK) {
        status
            = mds_path(&input->copy, err, "%s/standard-input", input->dir.text);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_create(&temp, input->dir.text, err);
    }

    if (status == MDS_OK) {
        status = mds_file_read_chunks(STDIN_FILENO, "standard input",
                                      copy_chunk, &temp, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&temp, input->copy.text, 0600, err);
    }

    mds_temp_file_discard(&temp);
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

    return store_stdin(&err, input) == MDS_OK ? MDSCTL_DONE : mdsctl_fail(&err);
}

void
mdsctl_input_end(const mdsctl_input_t *input)
{
    if (input->dir.text[0] != '\0') {
        unlink(input->copy.text);
        rmdir(input->dir.text);
    }
}
