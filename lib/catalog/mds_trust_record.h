/*
 * mds_trust_record: roots, heads and trees as a generation has them, in its
 * table "meta":
 *
 *   "root" 00 version, 4 bytes big-endian   the root's envelope, JSON
 *   "head" 00 app                           the head's envelope, JSON
 *   "tree" 00 app                           mds_tree_record_t, and behind it
 *                                           the changes of the tree
 * (mds_tree.h)
 *
 * An edge serves the envelopes as they are; the tree is a file beside the
 * generation (mds_tree.h).
 */

#ifndef MDS_TRUST_RECORD_H
#define MDS_TRUST_RECORD_H

#include "catalog/mds_catalog.h"
#include "merkle/mds_tree.h"

#define MDS_TREE_RECORD_TAG 0x5473646d /* "mdsT" */

/* Files of trees that older generations need, which are still kept. */
#define MDS_TREE_OLD_MAX 8

/* A tree that was replaced by the change of that serial. */
typedef struct MDS_PACKED {
    uint64_t serial; /* 0: none */
    uint8_t  root[32];
} mds_old_tree_t;

/* The file of a tree: root and count are those of the tree without changes. */
typedef struct MDS_PACKED {
    uint32_t       tag;
    uint8_t        root[32];
    uint64_t       count;
    mds_old_tree_t old[MDS_TREE_OLD_MAX];
} mds_tree_record_t;

/* A key of the table. */
typedef struct {
    size_t len;
    char   bytes[MDS_LMDB_KEY_MAX + 1];
} mds_trust_key_t;

void mds_trust_root_key(uint32_t version, mds_trust_key_t *key);
void mds_trust_head_key(mds_str_t app, mds_trust_key_t *key);
void mds_trust_tree_key(mds_str_t app, mds_trust_key_t *key);

static inline mds_str_t
mds_trust_key_str(const mds_trust_key_t *key)
{
    return (mds_str_t){ key->len, key->bytes };
}

/* Look up an envelope. False: there is none, or mds_catalog_status() is a
 * failure. */
bool mds_catalog_get_root(mds_catalog_t *catalog, uint32_t version,
                          mds_str_t *envelope);
bool mds_catalog_get_head(mds_catalog_t *catalog, mds_str_t app,
                          mds_str_t *envelope);

/* Reads the value of a tree's key: the record, and a view of the changes behind
 * it. False: it is not a record. */
bool mds_tree_record_read(mds_str_t value, mds_tree_record_t *record,
                          mds_str_t *changes);

/* Gives the record of an app's tree, and its mapped changes. False: the app has
 * none. */
bool mds_catalog_get_tree(mds_catalog_t *catalog, mds_str_t app,
                          mds_tree_record_t *record, mds_str_t *changes);

/* Finds out whether any app has a tree; mds_catalog_has_trees() tells. */
void mds_catalog_find_trees(mds_catalog_t *catalog);

/* Returns the version of the newest root; 0: there is none. */
uint32_t mds_catalog_newest_root(mds_catalog_t *catalog);

/*
 * Gives the app's tree, which is opened at its first use and kept open by the
 * catalog. MDS_NOT_FOUND, without a message: the app has none. Other failures
 * are those of its file.
 */
mds_status_t
mds_catalog_tree(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err,
                 const mds_tree_t **tree) MDS_MUST_CHECK;

/* Closes the trees that were opened. */
void mds_catalog_close_trees(mds_catalog_t *catalog);

#endif
