/*
 * mds_loader_internal: what the files mds_loader*.c share, and nobody else.
 */

#ifndef MDS_LOADER_INTERNAL_H
#define MDS_LOADER_INTERNAL_H

#include "base/mds_buffer.h"
#include "base/mds_file.h"
#include "catalog/mds_current.h"
#include "compile/mds_delta_plan.h"
#include "loader/mds_loader.h"

struct mds_loader_s {
    char           *depot;
    mds_journal_t  *journal;
    mds_current_t  *current;
    mds_loader_ui_t ui;

    /* Of the change under way. */
    mds_file_id_t     proved;      /* the generation's file */
    mds_buffer_t      stale;       /* see mds_loader_find_stale() */
    mds_json_t       *warnings;    /* strings */
    mds_json_t       *list_counts; /* of ids, by SHA-256 of files just read */
    const mds_json_t *before;      /* the state */
    const char       *what;        /* names the document in messages */
};

mds_progress_t *mds_loader_busy(mds_loader_t *loader, const char *label);

void mds_loader_idle(mds_loader_t *loader, mds_progress_t *progress);

/*
 * Files of a document take their places in the depot: each "file" becomes a
 * "sha256". dry_run: they are digested, and nothing is stored. *stored is how
 * many there were.
 */
mds_status_t mds_loader_store(mds_loader_t *loader, const mds_change_t *change,
                              mds_json_t *document, mds_error_t *err,
                              size_t *stored) MDS_MUST_CHECK;

/* The state's document with the contents of its external lists put in; a new
 * reference. */
mds_status_t mds_app_expand_lists(const mds_json_t *state, mds_error_t *err,
                                  mds_json_t **document) MDS_MUST_CHECK;

/* Notes the serial as that of the last change of the releases in changes. */
mds_status_t mds_loader_since(mds_json_t *state, const mds_json_t *changes,
                              uint64_t serial, mds_error_t *err) MDS_MUST_CHECK;

/* Warns of lists that become empty, or lose more than half of their ids. */
mds_status_t
mds_loader_warn_lists(mds_loader_t *loader, const mds_json_t *before,
                      const mds_json_t *after, mds_error_t *err) MDS_MUST_CHECK;

/* Which key signs an app, and whether it is at hand. */
typedef struct {
    char             keyid[MDS_KEYID_HEX + 1]; /* empty: nothing was signed */
    const mds_key_t *key;                      /* that one; NULL: not given */
} mds_signer_t;

/*
 * Sets "key" of the state where an older program has not, from the signatures
 * that are there. MDS_DENIED: the change comes with another key than the app's.
 */
mds_status_t
mds_loader_check_key(mds_loader_t *loader, const mds_change_t *change,
                     mds_json_t *state, mds_error_t *err) MDS_MUST_CHECK;

/* Who signs the app as the state has it. */
mds_signer_t mds_loader_signer(const mds_json_t *state, const mds_key_t *key);

/*
 * Finds each SHA256.minisig of the model's packages whose key signs that file
 * for no app any more, that of the change aside, and notes it in
 * loader->stale. What was noted is replaced by the app's own signature once
 * the change is made.
 */
mds_status_t
mds_loader_find_stale(mds_loader_t *loader, const mds_model_t *model,
                      const mds_key_t *key, mds_error_t *err) MDS_MUST_CHECK;

void mds_loader_replace_stale(mds_loader_t *loader, const mds_key_t *key);

/* Makes the differences that the model asks for, and signs its packages. */
mds_status_t
mds_loader_prepare(mds_loader_t *loader, const mds_model_t *model,
                   const mds_signer_t *signer, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Checks a difference that was made elsewhere, unless that was done when it
 * came; where that cannot be done, a warning says so.
 */
mds_status_t
mds_loader_foreign(mds_loader_t *loader, const mds_delta_pair_t *pair,
                   mds_error_t *err) MDS_MUST_CHECK;

/*
 * Builds generation `serial`: the model's app compiled, all others as the one
 * in force has them.
 */
mds_status_t mds_loader_build(mds_loader_t *loader, const mds_model_t *model,
                              const mds_signer_t *signer, uint64_t serial,
                              int64_t now_ms, mds_error_t *err) MDS_MUST_CHECK;

/* With the journal locked: where the generation in force is of another format,
 * an older program's, it is made anew from the journal, under its serial. */
mds_status_t
mds_loader_upgrade_format(mds_loader_t *loader, const mds_key_t *key,
                          mds_error_t *err) MDS_MUST_CHECK;

#endif
