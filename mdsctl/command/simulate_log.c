/* Reads an access log for `mdsctl simulate`, and cuts it into lines. */

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/mds_time.h"
#include "command/simulate.h"

#define CHUNK_BYTES ((size_t) 1 << 20)
#define STATE_MS 1000 /* so long a view of the state is kept */
#define BUFFER_BYTES (MDS_SIMULATION_LINE_MAX + CHUNK_BYTES)

typedef struct {
    mdsctl_archive_t *archive;
    mds_simulation_t *simulation;
    mds_state_t      *state;
    int64_t           state_ms; /* when a view of it was taken; about */
    char             *buffer;
    size_t            len;
    bool              skipping; /* the rest of a line that is too long */
} reader_t;

/* Returns the size of the log on the disk; 0: it is not known. */
static uint64_t
size_of(const char *path)
{
    struct stat st;

    return (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(path, &st))
                       == 0
                   && S_ISREG(st.st_mode)
               ? (uint64_t) st.st_size
               : 0;
}

static mds_status_t
read_line(reader_t *reader, mds_str_t line, mds_error_t *err)
{
    if (reader->skipping) {
        reader->skipping = false;
        mds_simulation_skip(reader->simulation);
        return MDS_OK;
    }

    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }

    return line.len > MDS_SIMULATION_LINE_MAX
               ? (mds_simulation_skip(reader->simulation), MDS_OK)
               : mds_simulation_read(reader->simulation, line, err);
}

/* Ends reading the state from time to time: its pages are free again for nginx.
 * What was read once is read again afterwards. */
static void
end_state(reader_t *reader)
{
    int64_t now_ms = mds_time_now_ms();

    if (reader->state != NULL
        && (now_ms < reader->state_ms || now_ms - reader->state_ms >= STATE_MS))
    {
        mds_state_end(reader->state);
        reader->state_ms = now_ms;
    }
}

/* Reads the whole lines of the buffer, and moves the rest to its begin. */
static mds_status_t
read_lines(reader_t *reader, mds_error_t *err)
{
    const char  *p = reader->buffer, *end = reader->buffer + reader->len;
    const char  *newline;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK
           && (newline = memchr(p, '\n', (size_t) (end - p))) != NULL)
    {
        status
            = read_line(reader, (mds_str_t){ (size_t) (newline - p), p }, err);
        p = newline + 1;
    }

    reader->len = (size_t) (end - p);

    if (reader->len > MDS_SIMULATION_LINE_MAX) {
        reader->skipping = true;
        reader->len = 0;
    }

    memmove(reader->buffer, p, reader->len);

    end_state(reader);
    return status;
}

/* Reads all of the log. The last line may lack its end. */
static mds_status_t
read_all(reader_t *reader, mds_progress_t *progress, uint64_t size,
         mds_error_t *err)
{
    mdsctl_entry_t entry;
    bool           more;
    size_t         len = 1;
    mds_status_t   status
        = mdsctl_archive_next(reader->archive, err, &entry, &more);

    while (status == MDS_OK && more && len > 0) {
        status
            = mdsctl_archive_read(reader->archive, reader->buffer + reader->len,
                                  CHUNK_BYTES, err, &len);

        if (status == MDS_OK) {
            reader->len += len;
            status = read_lines(reader, err);
            progress->report(progress, mdsctl_archive_position(reader->archive),
                             size);
        }
    }

    if (status == MDS_OK && (reader->len > 0 || reader->skipping)) {
        status = read_line(reader, (mds_str_t){ reader->len, reader->buffer },
                           err);
    }

    return status;
}

mds_status_t
mdsctl_simulate_log(const char *path, mds_simulation_t *simulation,
                    mds_state_t *state, mds_error_t *err)
{
    reader_t        reader = { .simulation = simulation, .state = state };
    mds_progress_t *progress;
    mds_status_t    status
        = mdsctl_archive_open_raw(strcmp(path, "-") == 0 ? NULL : path, err,
                                  &reader.archive);

    if (status != MDS_OK) {
        return status;
    }

    reader.buffer = malloc(BUFFER_BYTES);
    progress = mdsctl_progress_begin("reading the log");
    status = reader.buffer == NULL
                 ? mds_fail_memory(err)
                 : read_all(&reader, progress, size_of(path), err);
    mdsctl_progress_end(progress);
    free(reader.buffer);
    mdsctl_archive_close(reader.archive);

    return status;
}
