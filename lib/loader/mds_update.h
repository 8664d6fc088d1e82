/*
 * mds_update: the context of one change of the catalog.
 *
 * mds_loader_change() (mds_update.c) runs the steps that docs/design.md draws
 * under "Update sequence"; each is a function that takes this context. Data
 * that only one change needs is here, and not in the loader, which lives
 * longer.
 */

#ifndef MDS_UPDATE_H
#define MDS_UPDATE_H

#include "base/mds_buffer.h"
#include "base/mds_file.h"
#include "catalog/mds_chain.h"
#include "compile/mds_delta_plan.h"
#include "loader/mds_app_state.h"
#include "loader/mds_build_trust.h"
#include "loader/mds_created_files.h"
#include "loader/mds_delta_batch.h"
#include "loader/mds_loader_internal.h"
#include "loader/mds_preview_internal.h"

/* The key that signs an app. */
typedef struct {
    char             keyid[MDS_KEYID_HEX + 1]; /* empty: nothing was signed */
    const mds_key_t *key; /* of that id; NULL: it was not given */
} mds_signer_t;

typedef struct {
    mds_loader_t       *loader;
    const mds_change_t *change; /* what the caller wants */
    int64_t             now_ms;
    uint64_t            serial; /* of the next generation */

    mds_extent_t extent;   /* what the states below have of the app */
    mds_places_t places;   /* of the parts of before */
    mds_json_t  *before;   /* the app's state */
    mds_json_t  *after;    /* a copy of it, edited */
    mds_json_t  *document; /* that of `after`, with contents of its lists */
    mds_model_t *model;    /* of document: has views into it */
    mds_json_t  *changes;  /* from before to after, see mds_diff.h */
    mds_json_t  *warnings; /* strings */

    /* The key that signs the head of the feed, and the root that allows it. */
    const mds_key_t *feed_key;  /* NULL: the feed stays as it is */
    uint32_t         feed_root; /* 0: there is no root, and any key may */

    mds_delta_batch_t *batch;   /* of this change; outlives the context */
    mds_preview_t     *preview; /* NULL: none is asked for */

    mds_signer_t         signer;
    mds_created_files_t *created;     /* removed where the change fails */
    mds_json_t          *stored;      /* SHA-256 of packages, by "file" */
    mds_json_t          *list_counts; /* of ids, by SHA-256 of files read */
    mds_buffer_t         stale;       /* see mds_update_find_stale() */
    mds_buffer_t         stale_trees; /* roots, of mds_build_trust_t */
    mds_chain_files_t    files;       /* of the generation that was validated */
} mds_update_t;

/* Appends a warning for the caller. */
mds_status_t mds_update_warn(mds_update_t *update, mds_error_t *err,
                             const char *format, ...) MDS_PRINTF(3, 4);

/*
 * Puts the files of the edited document into the depot: each "file" becomes a
 * "sha256", also in the model. A dry run only digests them.
 */
mds_status_t
mds_update_store(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

/* Warns of lists that become empty, or lose more than half of their ids. */
mds_status_t
mds_update_warn_lists(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Sets "key" of the state before if an older program has not, from the
 * signatures that are there. MDS_DENIED: the change comes with another key than
 * the app's.
 */
mds_status_t
mds_update_check_key(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

typedef mds_status_t (*mds_update_file_visit_t)(mds_update_t        *update,
                                                const mds_package_t *package,
                                                mds_error_t         *err);

/* Visits the model's packages, of those that are the same file the first. */
mds_status_t
mds_update_visit_files(mds_update_t *update, mds_update_file_visit_t visit,
                       mds_error_t *err) MDS_MUST_CHECK;

/* Returns the key that signs the app according to its state. */
mds_signer_t mds_app_signer(const mds_json_t *state, const mds_key_t *key);

/*
 * Finds each SHA256.minisig of the model's packages whose key signs that file
 * for no app but that of the change, and notes it in update->stale.
 * mds_update_replace_stale() replaces these by the app's own signatures, once
 * the change is made.
 */
mds_status_t
mds_update_find_stale(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;
void mds_update_replace_stale(mds_update_t *update);

/*
 * Takes the deltas that the model asks for from the batch, and adds to it those
 * that have to be made. Signs the model's packages if there is none of these.
 * MDS_DENIED: a package must be signed, and the change has no key.
 */
mds_status_t
mds_update_take_deltas(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

/* Checks the deltas that the document brought: with a tool of another project,
 * and hence only once in a change, in the last of its rounds. */
mds_status_t
mds_update_check_deltas(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Checks a delta that was made elsewhere, unless it was checked by an
 * earlier change. If it cannot be checked, there is a warning.
 */
mds_status_t
mds_update_check_delta(mds_update_t *update, const mds_delta_pair_t *pair,
                       mds_error_t *err) MDS_MUST_CHECK;

/*
 * Builds, seals and validates the next generation: the model's app compiled,
 * all others as the one in force has them. Only what differs is written.
 */
mds_status_t
mds_update_build(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Chooses the key that signs the head of the feed: the head key, or else the
 * signing key. Where a root is in force, it must be one of its head keys.
 * MDS_DENIED: the change comes with a head key that is not.
 */
mds_status_t mds_update_choose_feed_key(mds_update_t *update,
                                        mds_error_t  *err) MDS_MUST_CHECK;

/* Signs manifests. */
typedef struct {
    mds_journal_t *journal;
    mds_signer_t   signer;     /* of the app that is built now */
    uint64_t       serial;     /* of the generation */
    bool           is_preview; /* what was not signed stays so */
    mds_str_t      text;       /* the manifest written last, with serial 0 */
    mds_str_t      body;       /* ... with its serial; both are owned */
} mds_signing_t;

/* Signs a manifest, unless the journal has its signature. *body, the manifest
 * with its serial, is valid until the next call. */
mds_status_t
mds_signing_get_or_sign(mds_signing_t *signing, mds_json_t *manifest,
                        mds_error_t *err, mds_str_t *body,
                        char *signature) MDS_MUST_CHECK;

/* Releases the manifests, not the struct. */
void mds_signing_free(mds_signing_t *signing);

/* Checks a change of what devices trust, and builds its generation. */
mds_status_t
mds_update_run_trust(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

/* Returns whether the change is of what devices trust, and edits no app. */
static inline bool
mds_update_is_of_trust(const mds_update_t *update)
{
    return update->change->new_root != NULL || update->change->renews_heads;
}

/* Writes the edited state and an entry of the log into the journal. */
mds_status_t
mds_update_record(mds_update_t *update, mds_error_t *err) MDS_MUST_CHECK;

/* Makes the feed of the generation in force, if the change has a key. A failure
 * is a warning, since the change is made. */
mds_status_t mds_update_feed(mds_update_t *update);

/* Forgets the reports of releases that the change has removed. If that fails,
 * gc forgets them. */
void mds_update_forget_reports(const mds_update_t *update);

#endif
