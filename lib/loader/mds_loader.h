/*
 * mds_loader: makes changes of the catalog, each as a whole or not at all.
 *
 * A change edits the state of one app, which the journal keeps by parts
 * (mds_app_state.h), and which is JSON:
 *
 *   { "document": the document, files named by their SHA-256,
 *     "external": contents of external lists by name,
 *     "config":   numbers of settings (see mds_setting_ids.h),
 *     "messages": gray messages (see mds_message.h),
 *     "key":      the id of the key that signs the app, once one has,
 *     "since":    serials of the last changes of releases, by id,
 *     "serial":   the app's last change,
 *     "applied":  its last change by a document,
 *     "removed":  true, if the app was removed: its document is empty }
 *
 * Most steps load a part of the state alone, their extent (mds_extent.h); it is
 * a state of the same form.
 *
 * The edited document is checked; the files that it names are stored, and
 * deltas made; the next generation is compiled, signed, validated and put
 * in place; then the journal is committed, which makes the change, and CURRENT
 * is switched. A loader that is killed leaves either nothing but unused files,
 * or a committed change, which the next loader finishes.
 */

#ifndef MDS_LOADER_H
#define MDS_LOADER_H

#include "files/mds_zstd.h"
#include "loader/mds_app_parts.h"
#include "loader/mds_extent.h"
#include "loader/mds_journal.h"
#include "sign/mds_sign.h"
#include "json/mds_json.h"

/* Generations that are kept for requests under way, and for going back. */
#define MDS_GENERATIONS_KEPT 5

typedef struct mds_loader_s mds_loader_t;

/* Shows the caller's user that something takes long; both may be NULL. */
typedef struct {
    mds_progress_t *(*begin)(const char *label);
    void (*end)(mds_progress_t *progress);
} mds_loader_ui_t;

/*
 * Makes an empty depot in the directory `depot`, which is made if necessary.
 * The state will belong to uid and gid (-1: of this process). MDS_EXISTS: it is
 * a depot already.
 */
mds_status_t mds_depot_init(const char *depot, int64_t uid, int64_t gid,
                            mds_error_t *err) MDS_MUST_CHECK;

/* Returns MDS_OK if a depot can be made there: there is nothing, or an empty
 * directory, or what a killed mds_depot_init() has left. */
mds_status_t
mds_depot_check_empty(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Gives a depot that was just made to the user of the agent, but for the state
 * and the journal, and makes the agent's folder: sockets in it belong to the
 * workers' group (-1: to that of this process).
 */
mds_status_t mds_depot_give_agent(const char *depot, int64_t uid, int64_t gid,
                                  mds_error_t *err) MDS_MUST_CHECK;

/*
 * Lets a group read the journal and the state. Its members may write to nothing
 * but the state's table of readers, state/lock.mdb.
 */
mds_status_t mds_depot_set_readers(const char *depot, int64_t gid,
                                   mds_error_t *err) MDS_MUST_CHECK;

/* Gets the group that mds_depot_set_readers() has set; *gid is -1 without one.
 */
mds_status_t mds_depot_get_readers(const char *depot, mds_error_t *err,
                                   int64_t *gid) MDS_MUST_CHECK;

/* Opens a depot, and finishes a change that a killed loader had committed. */
mds_status_t
mds_loader_open(const char *depot, const mds_loader_ui_t *ui, mds_error_t *err,
                mds_loader_t **loader) MDS_MUST_CHECK;
void mds_loader_close(mds_loader_t *loader);

mds_journal_t *mds_loader_journal(mds_loader_t *loader);

const char *mds_loader_depot(const mds_loader_t *loader);

/* Returns the serial of the generation in force. */
uint64_t mds_loader_serial(const mds_loader_t *loader);

/* Returns the app's state; a new reference. MDS_NOT_FOUND has a message. */
mds_status_t
mds_loader_get_state(mds_loader_t *loader, mds_str_t app, mds_error_t *err,
                     mds_json_t **state) MDS_MUST_CHECK;

/*
 * Puts into force, with the journal locked, a change that another loader has
 * committed, but was killed before it put it into force. MDS_CONFLICT: the
 * depot was restored meanwhile, or is a copy of another, and a change made here
 * would be lost.
 */
mds_status_t
mds_loader_roll_forward(mds_loader_t *loader, mds_error_t *err) MDS_MUST_CHECK;

/* --- changes */

/*
 * Edits *state, which is a fresh {"document": {"app": …}, "external": {}} for
 * an app that is not known yet. An app that was removed, {"removed": true, …},
 * exists again afterwards, unless the edit sets "removed". Runs within the
 * journal's transaction; again, on the state as it is by then, after deltas
 * were made, and for the whole app if it failed within an extent.
 */
typedef mds_status_t (*mds_edit_t)(mds_loader_t *loader, void *data,
                                   mds_json_t *state, mds_error_t *err);

/*
 * Finds, by the data of an edit and within one of the journal's transactions,
 * what the edit may touch (mds_extent.h); the extent comes as all zero. An app
 * that the journal does not keep by parts has nothing that can be found: the
 * extent is all of it then.
 */
typedef mds_status_t (*mds_find_extent_t)(mds_loader_t *loader, mds_str_t app,
                                          const void *data, mds_error_t *err,
                                          mds_extent_t *extent);

typedef mds_status_t (*mds_precondition_t)(mds_loader_t *loader, void *data,
                                           const mds_json_t *before,
                                           mds_error_t      *err);

/* Tells whether a change may create the app that it names. */
typedef enum {
    MDS_NEW_APP_NEVER, /* the app has to exist */
    MDS_NEW_APP_FIRST, /* only where the depot has no app yet */
    MDS_NEW_APP_ALWAYS
} mds_new_app_t;

/* Checks, within one of the journal's transactions, that the app exists or may
 * be made. MDS_NOT_FOUND: "there is no app", and those that there are. */
mds_status_t
mds_loader_check_app(mds_loader_t *loader, mds_str_t app, mds_new_app_t new_app,
                     mds_error_t *err) MDS_MUST_CHECK;

/* Begins one of the journal's transactions, and opens the app's parts in it.
 * MDS_NOT_FOUND has the message of mds_loader_check_app(). */
mds_status_t
mds_loader_open_app(mds_loader_t *loader, mds_str_t app, mds_error_t *err,
                    mds_app_parts_t *parts) MDS_MUST_CHECK;

/* Closes the parts, and ends the transaction. */
void mds_loader_close_app(mds_loader_t *loader, mds_app_parts_t *parts);

/* A root that is published: its envelope, as it will be served. */
typedef struct {
    uint32_t  version;
    mds_str_t envelope;
} mds_new_root_t;

typedef struct {
    mds_str_t        app;
    mds_new_app_t    new_app;
    const char      *command;  /* for the log: "pause a-3.2.0" */
    const char      *note;     /* for the log: why; NULL: none */
    bool             applies;  /* applies a whole document; not a step */
    bool             reverts;  /* undoes a change: what was final is not */
    bool             dry_run;  /* lists the changes, and makes none */
    bool             rekeys;   /* the key may be another than the app's */
    const mds_key_t *key;      /* NULL: what is new cannot be signed */
    const mds_key_t *head_key; /* NULL: no head is signed */
    int64_t          head_ttl_ms;
    mds_zstd_level_t deltas_level;
    const char      *what; /* names the document in messages */

    /* The directory that holds the document: relative paths of files begin and
     * end in it, unless `outside` is set. NULL: the paths are the caller's. */
    const char *base_dir;
    bool        outside;

    /* Checked, unless NULL, if the edit changes something; `before` is the
     * state as it is. */
    mds_precondition_t precondition;

    mds_find_extent_t
               find_extent; /* NULL: the change may touch all of the app */
    mds_edit_t edit;
    void      *data; /* for all three */

    /* Changes of what devices trust, which edit no app: a root is published,
     * or heads are renewed, of `app`, or of all apps if that is empty. */
    const mds_new_root_t *new_root;
    bool                  renews_heads;
} mds_change_t;

typedef struct {
    uint64_t    serial;  /* of the catalog, after */
    mds_json_t *changes; /* see mds_diff.h; a new reference */

    /* Strings about what is allowed, but probably a mistake; a new reference.
     */
    mds_json_t *warnings;
} mds_change_result_t;

/* Makes the change. An edit that changes nothing uses no serial. */
mds_status_t
mds_loader_change(mds_loader_t *loader, const mds_change_t *change,
                  mds_error_t *err, mds_change_result_t *result) MDS_MUST_CHECK;

#endif
