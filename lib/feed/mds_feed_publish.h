/*
 * mds_feed_publish: makes the feed of a generation at the origin.
 *
 * It costs what has changed: a file whose link is there was hashed by an
 * earlier change, whose head and index have its digest.
 */

#ifndef MDS_FEED_PUBLISH_H
#define MDS_FEED_PUBLISH_H

#include "catalog/mds_catalog.h"
#include "feed/mds_feed_folder.h"

/* Links what the catalog needs, and writes the head, signed by the key. Objects
 * that are needed no more are removed. */
mds_status_t mds_feed_publish(const char *depot, mds_catalog_t *catalog,
                              const mds_key_t *key, int64_t now_ms,
                              int64_t ttl_ms, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Makes the links and the index of the head that is there, for a depot that was
 * restored. MDS_CONFLICT: the head is not of this catalog, and is removed: the
 * next change makes another.
 */
mds_status_t mds_feed_relink(const char *depot, mds_catalog_t *catalog,
                             mds_error_t *err) MDS_MUST_CHECK;

#endif
