/*
 * mds_log_excerpt: the first few of several entries of the log, as one line of
 * an error message.
 */

#ifndef MDS_LOG_EXCERPT_H
#define MDS_LOG_EXCERPT_H

#include "json/mds_json.h"

#define MDS_LOG_EXCERPT_MAX 5 /* entries in the text; the rest are counted */

typedef struct {
    size_t count; /* of all entries */
    size_t len;
    char   text[MDS_ERROR_BYTES / 2];
} mds_log_excerpt_t; /* all zero: empty */

/* Adds the entry as "SERIAL COMMAND (WHO)". */
void mds_log_excerpt_add(mds_log_excerpt_t *excerpt, uint64_t serial,
                         const mds_json_t *entry);

/* Returns what stands behind the text: an ellipsis if there are more entries.
 */
static inline const char *
mds_log_excerpt_end(const mds_log_excerpt_t *excerpt)
{
    return excerpt->count > MDS_LOG_EXCERPT_MAX ? "; …" : "";
}

#endif
