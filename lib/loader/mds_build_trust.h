/*
 * mds_build_trust: the tree and the head of an app, made with a generation.
 *
 * Only an app that has a tree already, or whose change comes with a head key,
 * has its tree made: all others cost nothing. A change without the head key
 * keeps the tree up to date; if that makes it another tree, the head that was
 * signed no longer fits, and is removed.
 */

#ifndef MDS_BUILD_TRUST_H
#define MDS_BUILD_TRUST_H

#include "catalog/mds_trust_record.h"
#include "compile/mds_generation.h"
#include "loader/mds_extent.h"
#include "loader/mds_loader_internal.h"

/* The key and the life of the heads that a change signs. */
typedef struct {
    const mds_key_t *key; /* NULL: none is signed */
    int64_t          ttl_ms;
} mds_head_signer_t;

typedef struct {
    const char       *depot;
    mds_generation_t *generation;
    mds_catalog_t    *before; /* NULL: there is none */
    uint64_t          serial;
    int64_t           now_ms;
    mds_head_signer_t signer;

    /* Of the app that is built. */
    mds_str_t           app;
    const mds_extent_t *extent;   /* NULL: all of the app */
    bool                is_made;  /* the app gets a tree */
    bool                has_tree; /* it has one */
    mds_tree_record_t   record;   /* of that */
    mds_str_t           changes;  /* of that, mapped */
    mds_buffer_t        removed;  /* mds_leaf_t */
    mds_buffer_t        added;

    bool         head_removed; /* the head did not fit any more */
    mds_buffer_t stale;        /* roots of trees that nothing needs any more */
} mds_build_trust_t;

/* Begins with an app of the generation; extent is what changes of it. */
void mds_build_trust_begin(mds_build_trust_t *trust, mds_str_t app,
                           const mds_extent_t *extent);

/* Takes a record of the app that is put into the generation. */
mds_status_t
mds_build_trust_add(mds_build_trust_t *trust, const mds_record_t *record,
                    mds_error_t *err) MDS_MUST_CHECK;

/* Makes the tree and the head of the app, or removes both if the app is
 * removed. */
mds_status_t mds_build_trust_end(mds_build_trust_t *trust, bool app_removed,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Makes tree and head of an app that does not change, or of all apps if app is
 * empty: heads are to be renewed. */
mds_status_t mds_build_trust_renew(mds_build_trust_t *trust, mds_str_t app,
                                   mds_error_t *err) MDS_MUST_CHECK;

void mds_build_trust_free(mds_build_trust_t *trust);

/* Removes the files of trees that nothing needs any more, once the generation
 * is in force. */
void mds_build_trust_sweep(const char *depot, const mds_buffer_t *stale);

#endif
