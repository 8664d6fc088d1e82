/*
 * Writes entries of the log into a line of fixed size, which is cut where they
 * are longer.
 */

#include "loader/mds_log_excerpt.h"

#include <inttypes.h>
#include <stdio.h>

void
mds_log_excerpt_add(mds_log_excerpt_t *excerpt, uint64_t serial,
                    const mds_json_t *entry)
{
    size_t left;

    if (excerpt->count++ >= MDS_LOG_EXCERPT_MAX
        || excerpt->len >= sizeof(excerpt->text))
    {
        return;
    }

    left = sizeof(excerpt->text) - excerpt->len;
    excerpt->len
        += (size_t) snprintf(excerpt->text + excerpt->len, left,
                             "%s%" PRIu64 " %.*s (%.*s)",
                             excerpt->count > 1 ? "; " : "", serial,
                             MDS_STR(mds_json_get_string(entry, "command")),
                             MDS_STR(mds_json_get_string(entry, "who")));
}
