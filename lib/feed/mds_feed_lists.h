/*
 * mds_feed_lists: the index of the lists that a generation names, as an edge
 * fetches it. A line for each list, in ascending order:
 *
 *   SHA256-OF-THE-IDS SP SHA256-OF-THE-FILE SP SIZE LF
 *
 * The first names the list in the catalog, and the file in lists/ (SHA256.mdb,
 * mds_idset.h); by the second it is fetched and verified. The text of ids stays
 * at the origin.
 */

#ifndef MDS_FEED_LISTS_H
#define MDS_FEED_LISTS_H

#include "base/mds_buffer.h"
#include "catalog/mds_catalog.h"
#include "feed/mds_feed_head.h"

/* The bounds of an index that is fetched. */
#define MDS_FEED_LISTS_BYTES_MAX ((uint64_t) 64 * 1024 * 1024)

typedef struct {
    mds_sha256_t      name; /* of the ids */
    mds_feed_object_t file;
} mds_feed_list_t;

/* Adds the names of all lists of the catalog's files, each once and in
 * ascending order: also of those that a higher layer hides, since a layer is
 * validated by all of its records. */
mds_status_t mds_feed_list_names(mds_catalog_t *catalog, mds_error_t *err,
                                 mds_buffer_t *names) MDS_MUST_CHECK;

/* Appends the line of a list. */
void mds_feed_list_write(mds_buffer_t *text, const mds_feed_list_t *list);

/* Takes the next line of *text. MDS_NOT_FOUND: there is none. MDS_INVALID: it
 * is not such a line. */
mds_status_t mds_feed_list_next(mds_str_t *text, mds_error_t *err,
                                mds_feed_list_t *list) MDS_MUST_CHECK;

#endif
