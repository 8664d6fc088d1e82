/*
 * Reads a file in chunks, and splits it into lines.
 */

#include "idset/mds_id_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "base/mds_text.h"

#define MDS_ID_READER_CHUNK (256 * 1024)

struct mds_id_reader_s {
    int         fd;
    bool        ended; /* the file is read */
    const char *name;
    uint64_t    bytes;
    uint64_t    line; /* of the last id, from 1 */
    size_t      next; /* offset of the next line in data */
    size_t      len;
    char        data[MDS_ID_READER_CHUNK]; /* mds_id_reader_fill() */
};

static bool
mds_id_is_blank(mds_str_t id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] != ' ' && id.data[i] != '\t') {
            return false;
        }
    }

    return true;
}

mds_status_t
mds_id_check(mds_str_t id, mds_error_t *err)
{
    if (id.len > MDS_ID_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "the id is too long: at most %d bytes", MDS_ID_MAX);
    }

    if (mds_id_is_blank(id)) {
        return mds_fail(err, MDS_INVALID, "the id is empty");
    }

    if (memchr(id.data, '\n', id.len) != NULL
        || memchr(id.data, '\r', id.len) != NULL)
    {
        return mds_fail(err, MDS_INVALID, "the id has a line break inside");
    }

    if (!mds_str_is_utf8(id)) {
        return mds_fail(err, MDS_INVALID, "the id is not valid UTF-8");
    }

    if (mds_text_mark(id) > 0) {
        return mds_fail(err, MDS_INVALID,
                        "the id begins with a byte order mark, which belongs"
                        " to the beginning of a file");
    }

    return MDS_OK;
}

mds_status_t
mds_id_reader_open(const char *path, const char *name, mds_error_t *err,
                   mds_id_reader_t **file)
{
    uint64_t         size;
    mds_status_t     status;
    mds_id_reader_t *opened = malloc(sizeof(*opened));

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_file_open(path, err, &opened->fd, &size);
    if (status != MDS_OK) {
        free(opened);
        return status;
    }

    opened->ended = false;
    opened->name = name;
    opened->bytes = 0;
    opened->line = 0;
    opened->next = 0;
    opened->len = 0;

    *file = opened;
    return MDS_OK;
}

void
mds_id_reader_close(mds_id_reader_t *file)
{
    if (file != NULL) {
        close(file->fd);
        free(file);
    }
}

/* Moves the rest of a line to the front, and reads on behind it. A line that is
 * longer than an id is cut, so that there is room. */
static mds_status_t
mds_id_reader_fill(mds_id_reader_t *file, mds_error_t *err)
{
    ssize_t n;

    memmove(file->data, file->data + file->next, file->len - file->next);
    file->len -= file->next;
    file->next = 0;

    do {
        n = read(file->fd, file->data + file->len,
                 sizeof(file->data) - file->len);
    } while (n < 0 && errno == EINTR);

    if (n < 0) {
        return mds_fail_errno(err, "read \"%s\"", file->name);
    }

    file->ended = n == 0;
    file->len += (size_t) n;

    if (file->bytes == 0) {
        mds_str_t first = { file->len, file->data };

        if (mds_text_is_utf16(first)) {
            return mds_fail(err, MDS_INVALID,
                            "\"%s\", line 1: the file is UTF-16; want UTF-8",
                            file->name);
        }

        file->next = mds_text_mark(first);
    }

    file->bytes += (uint64_t) n;

    return MDS_OK;
}

/* Takes the next line without its end. False: it goes on behind the data. */
static bool
mds_id_reader_line(mds_id_reader_t *file, mds_str_t *line)
{
    const char *start = file->data + file->next;
    size_t      left = file->len - file->next;
    const char *end = memchr(start, '\n', left);

    if (end == NULL) {
        /* A line that is too long already is cut. */
        if (left == 0 || (!file->ended && left <= MDS_ID_MAX + 1)) {
            return false;
        }

        end = start + left;
        file->next = file->len;

    } else {
        file->next += (size_t) (end - start) + 1;

        if (end > start && end[-1] == '\r') {
            end--;
        }
    }

    file->line++;
    *line = (mds_str_t){ (size_t) (end - start), start };
    return true;
}

/* Checks a line, with messages that are about files. */
static mds_status_t
mds_id_reader_check(mds_str_t line, mds_error_t *err)
{
    if (line.len > 0 && memchr(line.data, '\r', line.len) != NULL) {
        return mds_fail(err, MDS_INVALID,
                        "a carriage return (CR) alone ends no line; want LF"
                        " or CRLF");
    }

    if (line.len > 0 && memchr(line.data, '\0', line.len) != NULL) {
        return mds_fail(err, MDS_INVALID,
                        "the line has a zero byte, as UTF-16 does; want UTF-8");
    }

    return mds_id_check(line, err);
}

mds_status_t
mds_id_reader_next(mds_id_reader_t *file, mds_error_t *err, mds_str_t *id)
{
    mds_str_t    line;
    mds_error_t  why;
    mds_status_t status;

    do {
        while (!mds_id_reader_line(file, &line)) {
            if (file->ended) {
                return MDS_NOT_FOUND;
            }

            status = mds_id_reader_fill(file, err);
            if (status != MDS_OK) {
                return status;
            }
        }
    } while (line.len <= MDS_ID_MAX && mds_id_is_blank(line));

    status = mds_id_reader_check(line, &why);
    if (status != MDS_OK) {
        return mds_fail(err, status, "\"%s\", line %llu: %s", file->name,
                        (unsigned long long) file->line, why.text);
    }

    *id = line;
    return MDS_OK;
}

uint64_t
mds_id_reader_bytes(const mds_id_reader_t *file)
{
    return file->bytes;
}
