/* bounded_file: counts the bytes that are written, and reports the progress. */

#include "archive/bounded_file.h"

#include <inttypes.h>

mds_status_t
mdsctl_bounded_file_write(mdsctl_bounded_file_t *file, const void *data,
                          size_t len, mds_error_t *err)
{
    if (len > file->max_bytes - file->written) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" would be stored in over %" PRIu64
                        " bytes; --unpack-bytes N allows more (a zip has at"
                        " most 4 GB)",
                        file->source, file->max_bytes);
    }

    file->written += len;

    if (file->progress != NULL) {
        file->progress->report(file->progress, file->written, 0);
    }

    return mds_temp_file_write(file->draft, data, len, err);
}
