/*
 * mds_write_copy: deep copies of writes, so that a thread may make them
 * durable after the request that asked for them has gone.
 */

#include "state/mds_state.h"

/* Returns the views of a write, whose bytes a copy takes along. */
static size_t
mds_write_views(mds_write_t *write, mds_str_t *views[2])
{
    switch (write->type) {
    case MDS_WRITE_ADMISSION:
        views[0] = &write->admission.window;
        views[1] = &write->admission.id;
        return 2;
    case MDS_WRITE_READ_MARK:
        views[0] = &write->read_mark.user;
        return 1;
    case MDS_WRITE_REPORT:
        views[0] = &write->report.release;
        views[1] = &write->report.detail;
        return 2;
    case MDS_WRITE_FEED_ENTRY:
        views[0] = &write->feed_entry.bytes;
        return 1;
    case MDS_WRITE_OUTBOX:
        views[0] = &write->outbox.bytes;
        return 1;
    default:
        return 0;
    }
}

static size_t
mds_write_runs_bytes(const mds_write_t *write)
{
    return write->type == MDS_WRITE_READ_MARK
               ? write->read_mark.read_count * sizeof(*write->read_mark.read)
               : 0;
}

size_t
mds_write_bytes(const mds_write_t *write)
{
    mds_write_t copy = *write;
    mds_str_t  *views[2];
    size_t      bytes = mds_write_runs_bytes(write);

    for (size_t i = mds_write_views(&copy, views); i-- > 0;) {
        bytes += views[i]->len;
    }

    return (bytes + sizeof(mds_run_t) - 1) & ~(sizeof(mds_run_t) - 1);
}

void *
mds_write_copy(const mds_write_t *write, void *memory, mds_write_t *copy)
{
    char      *p = memory;
    mds_str_t *views[2];
    size_t     runs = mds_write_runs_bytes(write);
    size_t     count;

    *copy = *write;
    count = mds_write_views(copy, views);

    /* Runs go first: they have to be aligned. */
    if (runs > 0) {
        memcpy(p, write->read_mark.read, runs);
        copy->read_mark.read = memory;
        p += runs;
    }

    for (size_t i = 0; i < count; i++) {
        /* An empty view may point nowhere, which memcpy() does not take. */
        if (views[i]->len > 0) {
            memcpy(p, views[i]->data, views[i]->len);
        }

        views[i]->data = p;
        p += views[i]->len;
    }

    return (char *) memory + mds_write_bytes(write);
}
