/*
 * Reverts a change, part by part: members of the document here, packages and
 * releases in mds_revert_items.c. A part that a later change has touched is not
 * reverted, and the message names that change.
 */

#include "loader/mds_revert_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "document/mds_document.h"
#include "loader/mds_app_state.h"
#include "loader/mds_diff.h"
#include "loader/mds_edit_internal.h"
#include "loader/mds_pairing.h"

/* Names the document while it is checked; a JSON pointer follows. */
#define MDS_REVERT_WHAT "the document"

mds_status_t
mds_revert_add_stuck(mds_revert_t *u, mds_json_t *change)
{
    return mds_json_append(u->stuck, mds_json_retain(change));
}

/* --- later changes of the same parts */

static bool
mds_revert_touches(const mds_json_t *entry, const mds_json_t *parts)
{
    const mds_json_t *changes = mds_json_get(entry, "changes");

    for (size_t i = 0; i < mds_json_size(changes); i++) {
        const mds_json_t *change = mds_json_at(changes, i);

        for (size_t j = 0; j < mds_json_size(parts); j++) {
            const mds_json_t *part = mds_json_at(parts, j);

            if (mds_str_eq(mds_json_get_string(change, "what"),
                           mds_json_get_string(part, "what"))
                && mds_str_eq(mds_json_get_string(change, "id"),
                              mds_json_get_string(part, "id")))
            {
                return true;
            }
        }
    }

    return false;
}

mds_status_t
mds_revert_find_later(const mds_revert_t *u, const mds_json_t *parts,
                      mds_error_t *err, mds_log_excerpt_t *later)
{
    mds_journal_t *journal = mds_loader_journal(u->loader);
    uint64_t       last = mds_journal_get_serial(journal);
    mds_str_t      app = mds_json_string(mds_app_state_get(u->state, "app"));

    for (uint64_t serial = u->serial + 1; serial <= last; serial++) {
        mds_json_t  *entry;
        mds_status_t status
            = mds_journal_find_entry(journal, serial, err, &entry);

        if (status != MDS_OK) {
            return status;
        }

        if (mds_str_eq(mds_json_get_string(entry, "app"), app)
            && mds_revert_touches(entry, parts))
        {
            mds_log_excerpt_add(later, serial, entry);
        }

        mds_json_release(entry);
    }

    return MDS_OK;
}

/* Fails, and names the first of the parts and what touches them. */
static mds_status_t
mds_revert_fail(const mds_revert_t *u, const mds_json_t *parts, const char *why,
                mds_error_t *err)
{
    const mds_json_t *part = mds_json_at(parts, 0);
    mds_str_t         id = mds_json_get_string(part, "id");
    char              name[256];
    mds_log_excerpt_t later = { 0 };
    mds_status_t      status = mds_revert_find_later(u, parts, err, &later);

    if (status != MDS_OK) {
        return status;
    }

    snprintf(name, sizeof(name), "%.*s%s%.*s",
             MDS_STR(mds_json_get_string(part, "what")), id.len > 0 ? " " : "",
             MDS_STR(id));

    return mds_fail(err, MDS_CONFLICT,
                    "change %" PRIu64 " cannot be undone: %s %s%s%s%s%s",
                    u->serial, name, why,
                    later.count > 0 ? ". Later changes: " : "", later.text,
                    mds_log_excerpt_end(&later),
                    later.count > 0 ? ". Undo these first" : "");
}

/* --- members: poll, channels, lists */

static mds_status_t
mds_revert_member(mds_revert_t *u, mds_json_t *object, const char *key,
                  mds_json_t *change)
{
    const mds_json_t *before = mds_json_get(change, "before");

    if (!mds_json_equal(mds_json_get(object, key),
                        mds_json_get(change, "after"))) {
        return mds_revert_add_stuck(u, change);
    }

    if (before == NULL) {
        mds_json_delete(object, key);
        return MDS_OK;
    }

    return mds_json_set(object, key, mds_json_copy(before));
}

/* Reverts a member, named by the change's id, of parent[key]. */
static mds_status_t
mds_revert_inner(mds_revert_t *u, mds_json_t *parent, const char *key,
                 mds_json_t *change)
{
    if (mds_json_get(parent, key) == NULL
        && mds_json_set(parent, key, mds_json_object_new()) != MDS_OK)
    {
        return MDS_NO_MEMORY;
    }

    return mds_revert_member(u, mds_json_get(parent, key),
                             mds_json_get_string(change, "id").data, change);
}

/* Reverts a part of the document, which is removed when it is empty. */
static mds_status_t
mds_revert_part(mds_revert_t *u, const char *key, mds_json_t *change)
{
    mds_json_t  *document = mds_json_get(u->state, "document");
    mds_status_t status = mds_revert_inner(u, document, key, change);

    if (status == MDS_OK && mds_json_size(mds_json_get(document, key)) == 0) {
        mds_json_delete(document, key);
    }

    return status;
}

static mds_status_t
mds_revert_members(mds_revert_t *u)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_diff_is(change, "poll")) {
            status = mds_revert_member(u, mds_json_get(u->state, "document"),
                                       "poll", change);

        } else if (mds_diff_is(change, "channel")) {
            status = mds_revert_part(u, "channels", change);

        } else if (mds_diff_is(change, "list")) {
            status = mds_revert_part(u, "lists", change);

        } else if (mds_diff_is(change, "external")) {
            status = mds_revert_inner(u, u->state, "external", change);
        }
    }

    return status;
}

/* --- the document that is left */

/* Returns the part that the message of a failed check points at, as a change
 * names it, or NULL if it points elsewhere. */
static mds_json_t *
mds_revert_find_part(const mds_json_t *document, const char *text)
{
    static const char prefix[] = MDS_REVERT_WHAT ": /";
    char              array[16] = "", id[MDS_ITEM_ID_MAX];
    size_t            len;
    const mds_json_t *item;

    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0) {
        return NULL;
    }

    text += sizeof(prefix) - 1;
    len = strcspn(text, "/");

    if (len == 0 || len >= sizeof(array) || text[len] != '/') {
        return NULL;
    }

    memcpy(array, text, len);
    item = mds_json_at(mds_json_get(document, array),
                       strtoul(text + len + 1, NULL, 10));

    if (item == NULL) {
        return NULL;
    }

    array[len - 1] = '\0'; /* "releases" have changes of a "release" */

    return mds_json_pack("{s:s, s:o}", "what", array, "id",
                         mds_json_string_new(mds_item_id(item, id)));
}

/* Checks what is left: a release needs its package, for example. */
static mds_status_t
mds_revert_check(mds_revert_t *u, mds_error_t *err)
{
    const mds_json_t *document = mds_json_get(u->state, "document");
    mds_json_t       *parts, *part;
    mds_model_t      *model;
    mds_error_t       why;
    char              words[MDS_ERROR_BYTES / 2];
    mds_status_t      status
        = mds_document_check(document, MDS_REVERT_WHAT, &why, &model);

    if (status == MDS_OK) {
        mds_model_free(model);
        return MDS_OK;
    }

    part = mds_revert_find_part(document, why.text);

    if (part == NULL) {
        return mds_fail(err, status, "change %" PRIu64 " cannot be undone: %s",
                        u->serial, why.text);
    }

    parts = mds_json_pack("[o]", part);

    if (parts == NULL) {
        return mds_fail_memory(err);
    }

    snprintf(words, sizeof(words), "needs it (%.*s)", (int) sizeof(words) - 16,
             why.text + strlen(MDS_REVERT_WHAT ": "));
    status = mds_revert_fail(u, parts, words, err);
    mds_json_release(parts);

    return status;
}

/* Checks that the change is not one of the key, which cannot be reverted:
 * `rekey` needs the other key. */
static mds_status_t
mds_revert_check_key(const mds_revert_t *u, mds_error_t *err)
{
    for (size_t i = 0; i < mds_json_size(u->changes); i++) {
        const mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_diff_is(change, "key")) {
            return mds_fail(err, MDS_CONFLICT,
                            "change %" PRIu64 " cannot be undone: it gave the"
                            " app another key, %.*s. `mdsctl rekey` with key"
                            " %.*s changes it back",
                            u->serial,
                            MDS_STR(mds_json_get_string(change, "after")),
                            MDS_STR(mds_json_get_string(change, "before")));
        }
    }

    return MDS_OK;
}

/* Returns whether the change has restored an app that had been removed. */
static bool
mds_revert_made_app(const mds_revert_t *u)
{
    for (size_t i = 0; i < mds_json_size(u->changes); i++) {
        const mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_diff_is(change, "app")) {
            return mds_json_get(change, "before") == NULL;
        }
    }

    return false;
}

/* Returns whether nothing but the name is left of the app. */
static bool
mds_revert_is_empty(const mds_revert_t *u)
{
    static const char *const parts[]
        = { "poll", "channels", "lists", "packages", "releases" };
    const mds_json_t *messages = mds_json_get(u->state, "messages");

    for (size_t i = 0; i < mds_nelems(parts); i++) {
        if (mds_json_size(mds_app_state_get(u->state, parts[i])) > 0) {
            return false;
        }
    }

    return mds_json_size(mds_json_get(messages, "items")) == 0;
}

static mds_status_t
mds_revert_all(mds_revert_t *u, mds_error_t *err)
{
    mds_status_t status;

    if ((status = mds_revert_check_key(u, err)) != MDS_OK
        || (status = mds_revert_members(u)) != MDS_OK
        || (status = mds_revert_array(u, "package", "packages", err)) != MDS_OK
        || (status = mds_revert_array(u, "release", "releases", err)) != MDS_OK
        || (status = mds_revert_messages(u)) != MDS_OK)
    {
        return status == MDS_NO_MEMORY ? mds_fail_memory(err) : status;
    }

    if (mds_json_size(u->stuck) > 0) {
        return mds_revert_fail(u, u->stuck, "was changed later", err);
    }

    return mds_revert_made_app(u) && mds_revert_is_empty(u)
               ? mds_edit_clear_app(u->state, err)
               : mds_revert_check(u, err);
}

mds_status_t
mds_edit_revert(mds_loader_t *loader, void *data, mds_json_t *state,
                mds_error_t *err)
{
    uint64_t     serial = *(const uint64_t *) data;
    mds_json_t  *entry;
    mds_revert_t u = { .loader = loader, .serial = serial, .state = state };
    mds_status_t status = mds_journal_get_entry(mds_loader_journal(loader),
                                                serial, err, &entry);

    if (status != MDS_OK) {
        return status;
    }

    u.changes = mds_json_get(entry, "changes");
    u.stuck = mds_json_array_new();
    status = mds_revert_all(&u, err);

    mds_json_release(u.stuck);
    mds_json_release(entry);

    return status;
}
