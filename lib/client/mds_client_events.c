/* Reads a stream of events, line by line. */

#include "client/mds_client_events.h"

/* A time to reconnect has so many digits at most: nine are eleven days. */
#define MDS_RETRY_DIGITS_MAX 9

static void
mds_events_dispatch(mds_client_events_t *events)
{
    /* The standard keeps the id of an event without data, too. */
    memcpy(events->id, events->next_id, events->next_id_len);
    events->id_len = events->next_id_len;

    if (events->has_data && events->is_change) {
        events->changes++;
    }

    events->is_change = false;
    events->has_data = false;
}

static void
mds_events_retry(mds_client_events_t *events, mds_str_t value)
{
    int64_t ms = 0;

    if (value.len == 0 || value.len > MDS_RETRY_DIGITS_MAX) {
        return;
    }

    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return;
        }

        ms = ms * 10 + (value.data[i] - '0');
    }

    events->retry_ms = ms;
}

static void
mds_events_field(mds_client_events_t *events, mds_str_t name, mds_str_t value)
{
    if (mds_str_eq(name, mds_str("data"))) {
        /* A single empty line of data does not count. */
        events->has_data = events->has_data || value.len > 0;

    } else if (mds_str_eq(name, mds_str("event"))) {
        events->is_change = mds_str_eq(value, mds_str("change"));

    } else if (mds_str_eq(name, mds_str("id"))) {
        /* memcpy() and memchr() do not take a null pointer. */
        if (value.len == 0) {
            events->next_id_len = 0;

        } else if (value.len <= MDS_CLIENT_ID_MAX
                   && memchr(value.data, 0, value.len) == NULL)
        {
            memcpy(events->next_id, value.data, value.len);
            events->next_id_len = value.len;
        }

    } else if (mds_str_eq(name, mds_str("retry"))) {
        mds_events_retry(events, value);
    }
}

static void
mds_events_line(mds_client_events_t *events)
{
    mds_str_t   line = { events->line_len, events->line };
    mds_str_t   value = mds_null_str;
    const char *colon;

    /* The byte order mark. */
    if (!events->has_begun && line.len >= 3
        && memcmp(line.data, "\xef\xbb\xbf", 3) == 0)
    {
        line = (mds_str_t){ line.len - 3, line.data + 3 };
    }

    events->has_begun = true;
    events->line_len = 0;

    if (line.len == 0) {
        mds_events_dispatch(events);
        return;
    }

    if (line.data[0] == ':') {
        events->comments++;
        return;
    }

    colon = memchr(line.data, ':', line.len);

    if (colon != NULL) {
        value.data = colon + 1;
        value.len = (size_t) (line.data + line.len - value.data);
        line.len = (size_t) (colon - line.data);

        if (value.len > 0 && value.data[0] == ' ') {
            value = (mds_str_t){ value.len - 1, value.data + 1 };
        }
    }

    mds_events_field(events, line, value);
}

mds_status_t
mds_client_events_read(mds_client_events_t *events, mds_str_t piece,
                       mds_error_t *err)
{
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.data[i];
        bool follows_cr = events->follows_cr;

        events->follows_cr = c == '\r';

        if (c == '\n' && follows_cr) {
            continue;
        }

        if (c == '\n' || c == '\r') {
            mds_events_line(events);
            continue;
        }

        if (events->line_len == MDS_CLIENT_LINE_MAX) {
            return mds_fail(err, MDS_INVALID,
                            "a line of the stream is longer than %d bytes",
                            MDS_CLIENT_LINE_MAX);
        }

        events->line[events->line_len++] = c;
    }

    return MDS_OK;
}

void
mds_client_events_restart(mds_client_events_t *events)
{
    int64_t retry_ms = events->retry_ms;
    size_t  id_len = events->id_len;
    char    id[MDS_CLIENT_ID_MAX];

    memcpy(id, events->id, id_len);
    memset(events, 0, sizeof(*events));
    memcpy(events->id, id, id_len);
    memcpy(events->next_id, id, id_len);
    events->id_len = id_len;
    events->next_id_len = id_len;
    events->retry_ms = retry_ms;
}
