/* Files of ids: each id that is read could stand in a file, and a file of
 * those ids has the same ids. */

#include "base/mds_buffer.h"
#include "fuzz.h"
#include "idset/mds_id_reader.h"

/* The ids, a line each; false: the file is wrong. */
static bool
lines(const char *path, mds_buffer_t *text)
{
    mds_id_reader_t *file;
    mds_error_t   err = { MDS_OK, "" };
    mds_str_t     id;
    mds_status_t  status;

    fuzz_must(mds_id_reader_open(path, "ids", &err, &file) == MDS_OK);

    while ((status = mds_id_reader_next(file, &err, &id)) == MDS_OK) {
        fuzz_must(id.len > 0 && id.len <= MDS_ID_MAX);
        fuzz_must(mds_id_check(id, &err) == MDS_OK);
        mds_buffer_add(text, id.data, id.len);
        mds_buffer_add(text, "\n", 1);
    }

    mds_id_reader_close(file);

    fuzz_must(status == MDS_NOT_FOUND || status == MDS_INVALID);
    fuzz_must(status == MDS_NOT_FOUND || mds_str_is_utf8(mds_str_of(err.text)));
    return status == MDS_NOT_FOUND;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_buffer_t first = { 0 }, second = { 0 };

    if (lines(fuzz_file(0, data, size), &first)) {
        fuzz_must(lines(fuzz_file(1, first.data, first.len), &second));
        fuzz_must(first.len == second.len
                  && (first.len == 0
                      || memcmp(first.data, second.data, first.len) == 0));
    }

    mds_buffer_free(&first);
    mds_buffer_free(&second);
    return 0;
}
