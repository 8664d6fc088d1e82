/*
 * mds_edit: the edits, one for each step that changes an app's part of the
 * catalog.
 *
 * An edit is a mds_edit_t (mds_loader.h): mds_loader_change() runs it within a
 * change, on a copy of the app's state, and drops that copy where the edit
 * fails. The edit checks only what the step itself needs; the document that it
 * leaves is checked afterwards, as one of `apply` is. The app exists, or
 * mds_change_t.new_app allows the change to make it.
 *
 * The data of an edit is the structure that its comment names. All in it
 * belongs to the caller and is copied where it is kept; results beside the
 * state are marked "out". Strings end with a zero byte.
 *
 * Where the words of an error are about a member of that structure, they begin
 * with its name, as in "/version: \"x\" is not a version"; a front end may put
 * its own name, such as an option's, in its place.
 *
 * mds_edit_revert() undoes a change; it is in mds_revert.h.
 */

#ifndef MDS_EDIT_H
#define MDS_EDIT_H

#include "loader/mds_loader.h"

/* Releases (mds_edit_release.c) */

/* Adds a release; data is its JSON, a mds_json_t with an "id", in the form that
 * a document has. MDS_EXISTS: the app has a release of that id. */
mds_status_t mds_edit_release(mds_loader_t *loader, void *data,
                              mds_json_t *state, mds_error_t *err);

typedef struct {
    const char       *id;
    const mds_json_t *members; /* as a document has them; null removes one */
} mds_release_edit_t;

/* Gives a release other members, such as another audience; data is a
 * mds_release_edit_t. MDS_NOT_FOUND; MDS_CONFLICT: the release is over. */
mds_status_t mds_edit_release_members(mds_loader_t *loader, void *data,
                                      mds_json_t *state, mds_error_t *err);

typedef struct {
    mds_str_t   from_app;
    const char *id;       /* of the release */
    const char *new_id;   /* of its copy */
    const char *channel;  /* of the copy; NULL: those of the release */
    bool        recalled; /* set by the edit: the release was rolled back */
} mds_release_copy_t;

/*
 * Copies a release of that app to the app that is edited, which may be the
 * same, with the packages of its version that are missing there. The copy is
 * running. data is a mds_release_copy_t. MDS_NOT_FOUND: there is no such
 * release; MDS_EXISTS: there is one of the new id.
 */
mds_status_t mds_edit_copy_release(mds_loader_t *loader, void *data,
                                   mds_json_t *state, mds_error_t *err);

/*
 *              pause               end
 *   running ───────────▶ paused ─────────▶ ended
 *      │  ◀───────────     │                 │
 *      │     resume        │                 │     rollback
 *      └───────────────────┴─────────────────┴──────────────▶ rolled_back
 *
 * (`end` takes a running release as well.)
 */
typedef struct {
    const char *id;
    const char *action;       /* "pause", "resume", "end" or "rollback" */
    bool        may_be_there; /* the release may be in the new state already */
    const char *hint; /* for the error that the release is in another state, in
                       * which the action is meant otherwise; or NULL */
} mds_transition_t;

/* Moves a release to another state; data is a mds_transition_t. MDS_NOT_FOUND;
 * MDS_INVALID: there is no such action; MDS_CONFLICT: the release is in a state
 * that the action does not take. */
mds_status_t mds_edit_transition(mds_loader_t *loader, void *data,
                                 mds_json_t *state, mds_error_t *err);

/* Packages (mds_edit_package.c) */

typedef struct {
    const mds_json_t *package; /* as a document has it, with a "file" */
    mds_str_t         version; /* out: as it is published; a view into the
                                * state */
} mds_publication_t;

/*
 * Adds a package; data is a mds_publication_t. The file of a build that is
 * published already changes nothing but the build's "deltas" and "meta", where
 * they are given. MDS_EXISTS: that build is published with another file.
 */
mds_status_t mds_edit_publish(mds_loader_t *loader, void *data,
                              mds_json_t *state, mds_error_t *err);

/* Lists (mds_edit_list.c) */

typedef struct {
    const char        *list;
    const char        *by; /* "user" or "device" for a new list; NULL: user */
    const char *const *ids;
    size_t             count;
} mds_list_edit_t;

/* Adds ids to a list, which is created if it does not exist; data is a
 * mds_list_edit_t. MDS_INVALID: an id breaks the rules. */
mds_status_t mds_edit_list_add(mds_loader_t *loader, void *data,
                               mds_json_t *state, mds_error_t *err);

/* Removes ids from a list; data is a mds_list_edit_t. MDS_NOT_FOUND names the
 * lists that exist. */
mds_status_t mds_edit_list_remove(mds_loader_t *loader, void *data,
                                  mds_json_t *state, mds_error_t *err);

typedef struct {
    const char *list;
    const char *by;     /* as above; of a list that exists, too */
    const char *file;   /* an id a line */
    bool        add;    /* to the ids that the list has, instead of them */
    uint64_t    before; /* out: ids that it had */
    uint64_t    after;  /* out: ids that it has */
} mds_list_import_t;

/* Creates or extends a list by a file's ids; data is a mds_list_import_t.
 * MDS_INVALID names the line of an id that breaks the rules. */
mds_status_t mds_edit_list_import(mds_loader_t *loader, void *data,
                                  mds_json_t *state, mds_error_t *err);

/* Gray messages (mds_edit_message.c) */

typedef struct {
    mds_str_t platform;
    mds_str_t version;
} mds_message_target_t;

typedef struct {
    const char                 *users; /* a file, an id a line */
    int64_t                     until_ms;
    const mds_message_target_t *targets; /* one message for each */
    size_t                      target_count;
} mds_message_push_t;

/* Sends messages to the users of a file; data is a mds_message_push_t.
 * MDS_INVALID: the file has no ids; MDS_NOT_FOUND: a target is not published.
 */
mds_status_t mds_edit_message_push(mds_loader_t *loader, void *data,
                                   mds_json_t *state, mds_error_t *err);

/* Withdraws a message; data is its id, a uint64_t. MDS_NOT_FOUND. */
mds_status_t mds_edit_message_withdraw(mds_loader_t *loader, void *data,
                                       mds_json_t *state, mds_error_t *err);

/* Whole documents (mds_edit_apply.c) */

typedef struct {
    const mds_json_t *document;
    bool              force; /* single steps since the last one may be lost */
} mds_apply_t;

/* Replaces the app's document; data is a mds_apply_t. Lists that stay external
 * keep their ids. */
mds_status_t mds_edit_apply(mds_loader_t *loader, void *data, mds_json_t *state,
                            mds_error_t *err);

/* Checks, as the precondition of that edit, that no single steps are lost.
 * MDS_CONFLICT lists them. */
mds_status_t mds_precondition_apply(mds_loader_t *loader, void *data,
                                    const mds_json_t *before, mds_error_t *err);

/* The app's key (mds_update_key.c) */

/* Lets another key sign the app from now on; data is that mds_key_t, and
 * mds_change_t.rekeys is set. MDS_NOT_FOUND: the app has no key yet. */
mds_status_t mds_edit_rekey(mds_loader_t *loader, void *data, mds_json_t *state,
                            mds_error_t *err);

/* Removals (mds_edit_remove.c). MDS_CONFLICT names everything that still needs
 * the part. */

/* Removes the app; data is ignored. */
mds_status_t mds_edit_remove_app(mds_loader_t *loader, void *data,
                                 mds_json_t *state, mds_error_t *err);

/* Removes a release that is ended or rolled back; data is its id, a string. */
mds_status_t mds_edit_remove_release(mds_loader_t *loader, void *data,
                                     mds_json_t *state, mds_error_t *err);

/* Removes a list; data is its name, a string. */
mds_status_t mds_edit_remove_list(mds_loader_t *loader, void *data,
                                  mds_json_t *state, mds_error_t *err);

/* The packages of a version. name NULL: the empty one; platform or channel
 * NULL: any; else only packages that are for that one alone. */
typedef struct {
    const char *kind;
    const char *name;
    const char *platform;
    const char *channel;
    const char *version;
} mds_package_selection_t;

/* Removes packages; data is a mds_package_selection_t. MDS_NOT_FOUND names the
 * packages that exist. */
mds_status_t mds_edit_remove_packages(mds_loader_t *loader, void *data,
                                      mds_json_t *state, mds_error_t *err);

#endif
