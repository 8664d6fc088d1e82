/*
 * mds_feed_folder: DEPOT/feed/, what edges fetch of a depot.
 *
 *   feed/head              the head's envelope (mds_feed_head.h)
 *   feed/catalog/SHA256    a file of the generation
 *   feed/lists/SHA256      a list, or the index of lists
 *   feed/trees/SHA256      a tree, named by its root
 *
 * Each object but the index is a hard link to the depot's own file, under the
 * name by which edges ask for it: nothing is copied, and nothing is hashed on a
 * request. A link also proves that the depot's file is still the one that was
 * hashed, and keeps what the head names when the depot has removed it.
 */

#ifndef MDS_FEED_FOLDER_H
#define MDS_FEED_FOLDER_H

#include "base/mds_file.h"
#include "feed/mds_feed_head.h"

#define MDS_FEED "feed"
#define MDS_FEED_CATALOG "catalog"
#define MDS_FEED_LISTS "lists"
#define MDS_FEED_TREES "trees"

#define MDS_FEED_FOLLOWED "state/FED"

/* Writes the path of the head, or of an object. */
mds_status_t mds_feed_head_path(const char *depot, mds_error_t *err,
                                mds_path_t *path) MDS_MUST_CHECK;
mds_status_t
mds_feed_path(const char *depot, const char *folder, const mds_sha256_t *sha256,
              mds_error_t *err, mds_path_t *path) MDS_MUST_CHECK;

/* Makes the folders that do not exist. */
mds_status_t
mds_feed_make_folders(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

/* Returns whether the object is a link to that file of the depot, and which
 * size it has. */
bool mds_feed_has_link(const char *depot, const char *folder,
                       const mds_sha256_t *sha256, const char *path,
                       uint64_t *bytes) MDS_MUST_CHECK;

/* Links the depot's file as the object, and replaces another file. The caller
 * syncs the folder. */
mds_status_t
mds_feed_link(const char *depot, const char *folder, const mds_sha256_t *sha256,
              const char *path, mds_error_t *err) MDS_MUST_CHECK;

/* Reads the head of the depot, without verifying its signatures. MDS_NOT_FOUND:
 * there is none. */
mds_status_t mds_feed_load_head(const char *depot, mds_error_t *err,
                                mds_feed_head_t *head) MDS_MUST_CHECK;

/* Replaces the head, durably. */
mds_status_t mds_feed_store_head(const char *depot, mds_str_t text,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Returns whether an edge has asked for the head since that time. nginx notes
 * it by the time of DEPOT/state/FED. */
bool mds_feed_is_followed(const char *depot, int64_t since_ms) MDS_MUST_CHECK;

/*
 * Removes the objects that nothing else links, but for the index that the head
 * names; serial is that in force. Nothing is removed while the head is of
 * another change, since edges still fetch what that names.
 */
void mds_feed_sweep(const char *depot, uint64_t serial);

#endif
