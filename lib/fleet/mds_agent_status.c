/*
 * Writes and reads DEPOT/agent/status.
 */

#include "fleet/mds_agent_status.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json/mds_json_view.h"

#define MDS_AGENT_FIGURE_ROW(id, member, type, help) { member, type, help },

const mds_agent_figure_row_t mds_agent_figures[MDS_AGENT_FIGURE_COUNT]
    = { MDS_AGENT_FIGURES(MDS_AGENT_FIGURE_ROW) };

/* Copies a text as JSON may have it between quotes: what would need an escape
 * becomes a space. */
static void
mds_agent_status_text(const char *from, char *to, size_t size)
{
    size_t n = 0;

    for (; from[n] != '\0' && n + 1 < size; n++) {
        unsigned char c = (unsigned char) from[n];

        to[n] = c == '\\' ? '/' : c == '"' ? '\'' : c < ' ' ? ' ' : from[n];
    }

    to[n] = '\0';
}

static size_t
mds_agent_status_format(const mds_agent_status_t *status,
                        char                      text[MDS_AGENT_STATUS_BYTES])
{
    char   state[MDS_AGENT_STATE_BYTES], trouble[MDS_AGENT_TROUBLE_BYTES];
    char   database[MDS_AGENT_TROUBLE_BYTES];
    size_t len;

    mds_agent_status_text(status->state, state, sizeof(state));
    mds_agent_status_text(status->trouble, trouble, sizeof(trouble));
    mds_agent_status_text(status->database, database, sizeof(database));

    len = (size_t) snprintf(text, MDS_AGENT_STATUS_BYTES,
                            "{\"version\":1,\"pid\":%" PRId64
                            ",\"state\":\"%s\",\"trouble\":\"%s\""
                            ",\"database_error\":\"%s\"",
                            status->pid, state, trouble, database);

    for (int i = 0; i < MDS_AGENT_FIGURE_COUNT; i++) {
        len += (size_t) snprintf(text + len, MDS_AGENT_STATUS_BYTES - len,
                                 ",\"%s\":%" PRId64,
                                 mds_agent_figures[i].member,
                                 status->values[i]);
    }

    len += (size_t) snprintf(text + len, MDS_AGENT_STATUS_BYTES - len, "}");
    return len;
}

_Static_assert(MDS_AGENT_STATUS_BYTES > 2 * MDS_AGENT_TROUBLE_BYTES + 128
                                            + 56 * MDS_AGENT_FIGURE_COUNT,
               "all figures fit");

mds_status_t
mds_agent_status_write(const char *depot, const mds_agent_status_t *status,
                       mds_error_t *err)
{
    char         text[MDS_AGENT_STATUS_BYTES];
    size_t       len = mds_agent_status_format(status, text);
    mds_path_t   path, draft;
    int          fd;
    mds_status_t done = mds_path(&path, err, "%s/agent/status", depot);

    if (done == MDS_OK) {
        done = mds_path(&draft, err, "%s/agent/.tmp-status", depot);
    }

    if (done != MDS_OK) {
        return done;
    }

    fd = open(draft.text, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
              0644);
    if (fd < 0) {
        return mds_fail_errno(err, "create \"%s\"", draft.text);
    }

    done = fchmod(fd, 0644) == 0
               ? mds_file_write_all(fd, draft.text, text, len, err)
               : mds_fail_errno(err, "chmod \"%s\"", draft.text);
    close(fd);

    return done == MDS_OK && rename(draft.text, path.text) != 0
               ? mds_fail_errno(err, "rename \"%s\"", draft.text)
               : done;
}

/* Reads a whole number, which may be negative; 0 for other texts. */
static int64_t
mds_agent_status_number(mds_str_t text)
{
    char digits[24];

    if (text.len == 0 || text.len >= sizeof(digits)) {
        return 0;
    }

    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';

    return strtoll(digits, NULL, 10);
}

static void
mds_agent_status_string(mds_str_t object, const char *key, char *to,
                        size_t size)
{
    mds_str_t inside = mds_null_str;
    size_t    len;

    (void) mds_json_view_is_string(mds_json_view_member(object,
                                                        mds_str_of(key)),
                                   &inside);
    len = inside.len < size ? inside.len : size - 1;
    memcpy(to, inside.len == 0 ? "" : inside.data, len);
    to[len] = '\0';
}

bool
mds_agent_status_read(const char *depot, mds_agent_status_t *status)
{
    char       text[MDS_AGENT_STATUS_BYTES];
    mds_str_t  object;
    mds_path_t path;
    ssize_t    len;
    int        fd;

    if (mds_path(&path, NULL, "%s/agent/status", depot) != MDS_OK) {
        return false;
    }

    fd = open(path.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    len = read(fd, text, sizeof(text));
    close(fd);

    if (len <= 0) {
        return false;
    }

    object = (mds_str_t){ (size_t) len, text };

    if (mds_agent_status_number(
            mds_json_view_member(object, mds_str("version")))
        != 1)
    {
        return false;
    }

    status->pid
        = mds_agent_status_number(mds_json_view_member(object, mds_str("pid")));
    mds_agent_status_string(object, "state", status->state,
                            sizeof(status->state));
    mds_agent_status_string(object, "trouble", status->trouble,
                            sizeof(status->trouble));
    mds_agent_status_string(object, "database_error", status->database,
                            sizeof(status->database));

    for (int i = 0; i < MDS_AGENT_FIGURE_COUNT; i++) {
        status->values[i] = mds_agent_status_number(
            mds_json_view_member(object,
                                 mds_str_of(mds_agent_figures[i].member)));
    }

    return true;
}
