#include "loader/mds_revert_internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "document/mds_document.h"
#include "loader/mds_diff.h"

/* Later changes are told one by one up to here, and counted behind. */
#define MDS_REVERT_TOLD 5

/* What the document is called while it is checked: a pointer follows. */
#define MDS_REVERT_WHAT "the document"

mds_status_t
mds_revert_stuck(mds_revert_t *u, mds_json_t *change)
{
    return mds_json_append(u->stuck, mds_json_retain(change));
}

/* Later changes of the same parts */

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
mds_revert_later(const mds_revert_t *u, const mds_json_t *parts, char *words,
                 size_t size, mds_error_t *err, size_t *count)
{
    mds_journal_t *journal = mds_loader_journal(u->loader);
    uint64_t       last = mds_journal_get_serial(journal);
    mds_str_t      app
        = mds_json_get_string(mds_json_get(u->state, "document"), "app");
    size_t       found = 0, len = 0;
    mds_status_t status = MDS_OK;

    for (uint64_t s = u->serial + 1; status == MDS_OK && s <= last; s++) {
        mds_json_t *entry;

        status = mds_journal_get_entry(journal, s, err, &entry);

        if (status != MDS_OK) {
            status = status == MDS_NOT_FOUND ? MDS_OK : status;
            continue;
        }

        if (mds_str_eq(mds_json_get_string(entry, "app"), app)
            && mds_revert_touches(entry, parts) && found++ < MDS_REVERT_TOLD
            && len < size)
        {
            len += (size_t)
                snprintf(words + len, size - len, "%s%" PRIu64 " %.*s (%.*s)",
                         found > 1 ? "; " : "", s,
                         MDS_STR(mds_json_get_string(entry, "command")),
                         MDS_STR(mds_json_get_string(entry, "who")));
        }

        mds_json_release(entry);
    }

    if (status == MDS_OK) {
        *count = found;
    }

    return status;
}

/* "release a-3.2.0" */
static const char *
mds_revert_name(const mds_json_t *part, char name[256])
{
    mds_str_t id = mds_json_get_string(part, "id");

    snprintf(name, 256, "%.*s%s%.*s",
             MDS_STR(mds_json_get_string(part, "what")), id.len > 0 ? " " : "",
             MDS_STR(id));
    return name;
}

static mds_status_t
mds_revert_conflict(const mds_revert_t *u, const mds_json_t *parts,
                    const char *why, mds_error_t *err)
{
    char         name[256], words[MDS_ERROR_BYTES / 2] = "";
    size_t       count;
    mds_status_t status
        = mds_revert_later(u, parts, words, sizeof(words), err, &count);

    if (status != MDS_OK) {
        return status;
    }

    return mds_fail(err, MDS_CONFLICT,
                    "change %" PRIu64 " cannot be undone: %s %s%s%s%s%s",
                    u->serial, mds_revert_name(mds_json_at(parts, 0), name),
                    why, count > 0 ? ". What stands on it: " : "", words,
                    count > MDS_REVERT_TOLD ? "; …" : "",
                    count > 0 ? ". To undo that first may help" : "");
}

/* Members: poll, channels, lists */

/* The object that the part is a member of, made where it has to be. */
static mds_json_t *
mds_revert_object(mds_json_t *parent, const char *key)
{
    if (mds_json_get(parent, key) == NULL
        && mds_json_set(parent, key, mds_json_object_new()) != MDS_OK)
    {
        return NULL;
    }

    return mds_json_get(parent, key);
}

static mds_status_t
mds_revert_member(mds_revert_t *u, mds_json_t *object, const char *key,
                  mds_json_t *change)
{
    const mds_json_t *before = mds_json_get(change, "before");

    if (!mds_json_equal(mds_json_get(object, key),
                        mds_json_get(change, "after"))) {
        return mds_revert_stuck(u, change);
    }

    if (before == NULL) {
        mds_json_delete(object, key);
        return MDS_OK;
    }

    return mds_json_set(object, key, mds_json_copy(before));
}

/* A member of a member: channels, lists. What is empty then goes as well. */
static mds_status_t
mds_revert_inner(mds_revert_t *u, mds_json_t *parent, const char *key,
                 mds_json_t *change)
{
    mds_json_t  *object = mds_revert_object(parent, key);
    mds_status_t status
        = object == NULL
              ? MDS_NO_MEMORY
              : mds_revert_member(u, object,
                                  mds_json_get_string(change, "id").data,
                                  change);

    if (status == MDS_OK && mds_json_size(object) == 0) {
        mds_json_delete(parent, key);
    }

    return status;
}

static mds_status_t
mds_revert_members(mds_revert_t *u)
{
    mds_json_t  *document = mds_json_get(u->state, "document");
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        mds_json_t *change = mds_json_at(u->changes, i);
        mds_str_t   what = mds_json_get_string(change, "what");

        if (mds_str_eq(what, mds_str("poll"))) {
            status = mds_revert_member(u, document, "poll", change);

        } else if (mds_str_eq(what, mds_str("channel"))) {
            status = mds_revert_inner(u, document, "channels", change);

        } else if (mds_str_eq(what, mds_str("list"))) {
            status = mds_revert_inner(u, document, "lists", change);

        } else if (mds_str_eq(what, mds_str("external"))) {
            status
                = mds_revert_member(u, mds_revert_object(u->state, "external"),
                                    mds_json_get_string(change, "id").data,
                                    change);
        }
    }

    return status;
}

/* What the message of a failed check points at: the part, as a change names
 * it; NULL where it points elsewhere. */
static mds_json_t *
mds_revert_pointed(const mds_json_t *document, const char *text)
{
    static const char prefix[] = MDS_REVERT_WHAT ": /";
    char              array[16] = "", id[MDS_DIFF_ID_MAX];
    size_t            len;
    mds_json_t       *part, *item;

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

    array[strlen(array) - 1] = '\0'; /* "releases" are of releases */
    part = mds_json_object_new();

    if (mds_json_set_str(part, "what", mds_str_of(array)) != MDS_OK
        || mds_json_set_str(part, "id", mds_diff_id(item, id)) != MDS_OK)
    {
        mds_json_release(part);
        return NULL;
    }

    return part;
}

/* Whether what is left makes sense: a release needs its package. */
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

    part = mds_revert_pointed(document, why.text);
    if (part == NULL) {
        return mds_fail(err, status, "change %" PRIu64 " cannot be undone: %s",
                        u->serial, why.text);
    }

    snprintf(words, sizeof(words), "needs it (%.*s)", (int) sizeof(words) - 16,
             why.text + strlen(MDS_REVERT_WHAT ": "));
    parts = mds_json_array_new();
    status = mds_json_done(mds_json_append(parts, part), err);

    if (status == MDS_OK) {
        status = mds_revert_conflict(u, parts, words, err);
    }

    mds_json_release(parts);
    return status;
}

/* A key is no part of the document: `rekey` needs the other one. */
static mds_status_t
mds_revert_no_key(const mds_revert_t *u, mds_error_t *err)
{
    for (size_t i = 0; i < mds_json_size(u->changes); i++) {
        const mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_str_eq(mds_json_get_string(change, "what"), mds_str("key"))) {
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

/* Whether the change has brought an app back that had been removed. */
static bool
mds_revert_made_app(const mds_revert_t *u)
{
    for (size_t i = 0; i < mds_json_size(u->changes); i++) {
        const mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_str_eq(mds_json_get_string(change, "what"), mds_str("app"))) {
            return mds_json_get(change, "before") == NULL;
        }
    }

    return false;
}

/* Nothing but a name is left of an app. */
static bool
mds_revert_emptied(const mds_revert_t *u)
{
    static const char *const parts[]
        = { "poll", "channels", "lists", "packages", "releases" };
    const mds_json_t *document = mds_json_get(u->state, "document");

    for (size_t i = 0; i < mds_nelems(parts); i++) {
        if (mds_json_size(mds_json_get(document, parts[i])) > 0) {
            return false;
        }
    }

    return mds_json_size(
               mds_json_get(mds_json_get(u->state, "messages"), "items"))
           == 0;
}

static mds_status_t
mds_revert_all(mds_revert_t *u, mds_error_t *err)
{
    mds_status_t status = mds_revert_no_key(u, err);

    if (status == MDS_OK) {
        status = mds_revert_members(u);
    }

    if (status == MDS_OK) {
        status = mds_revert_array(u, "package", "packages", err);
    }

    if (status == MDS_OK) {
        status = mds_revert_array(u, "release", "releases", err);
    }

    if (status == MDS_OK) {
        status = mds_revert_messages(u);
    }

    if (status == MDS_NO_MEMORY) {
        return mds_fail_memory(err);
    }

    if (status == MDS_OK && mds_json_size(u->stuck) > 0) {
        return mds_revert_conflict(u, u->stuck, "is no longer as it left it",
                                   err);
    }

    if (status == MDS_OK && mds_revert_made_app(u) && mds_revert_emptied(u)) {
        return mds_edit_remove(u->loader, NULL, u->state, err);
    }

    return status == MDS_OK ? mds_revert_check(u, err) : status;
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

mds_status_t
mds_revert_find_entry(mds_loader_t *loader, uint64_t serial, mds_error_t *err,
                      mds_json_t **entry)
{
    mds_journal_t *journal = mds_loader_journal(loader);
    uint64_t       last;
    mds_status_t   status = mds_journal_read(journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_journal_get_entry(journal, serial, err, entry);
    last = mds_journal_get_serial(journal);
    mds_journal_abort(journal);

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    return last == 0 ? mds_fail(err, MDS_NOT_FOUND, "nothing was changed yet")
                     : mds_fail(err, MDS_NOT_FOUND,
                                "there is no change %" PRIu64
                                " in the log; the last one is %" PRIu64,
                                serial, last);
}
