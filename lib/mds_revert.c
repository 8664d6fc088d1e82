#include "mds_revert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mds_diff.h"
#include "mds_document.h"

/* Later changes are told one by one up to here, and counted behind. */
#define MDS_REVERT_TOLD 5

/* What the document is called while it is checked: a pointer follows. */
#define MDS_REVERT_WHAT "the document"

typedef struct {
    mds_loader_t     *loader;
    uint64_t          serial;
    const mds_json_t *changes;
    mds_json_t       *state;
    mds_json_t       *stuck; /* changes that later ones stand on */
    size_t            near;  /* where the last item was found */
} mds_undo_t;

static mds_str_t
mds_undo_word(const mds_json_t *object, const char *key)
{
    return mds_json_string(mds_json_get(object, key));
}

/* Absent is like absent. */
static bool
mds_undo_same(const mds_json_t *a, const mds_json_t *b)
{
    return a == NULL || b == NULL ? a == b : mds_json_equal(a, b);
}

static mds_status_t
mds_undo_stuck(mds_undo_t *u, mds_json_t *change)
{
    return mds_json_append(u->stuck, mds_json_retain(change));
}

/* Later changes of the same parts */

static bool
mds_undo_touches(const mds_json_t *entry, const mds_json_t *parts)
{
    const mds_json_t *changes = mds_json_get(entry, "changes");

    for (size_t i = 0; i < mds_json_size(changes); i++) {
        const mds_json_t *change = mds_json_at(changes, i);

        for (size_t j = 0; j < mds_json_size(parts); j++) {
            const mds_json_t *part = mds_json_at(parts, j);

            if (mds_str_eq(mds_undo_word(change, "what"),
                           mds_undo_word(part, "what"))
                && mds_str_eq(mds_undo_word(change, "id"),
                              mds_undo_word(part, "id")))
            {
                return true;
            }
        }
    }

    return false;
}

/* Counts the later entries that touch one of the parts, and lists the first
 * of them in words (which may be NULL). */
static mds_status_t
mds_undo_later(const mds_undo_t *u, const mds_json_t *parts, char *words,
               size_t size, mds_error_t *err, size_t *count)
{
    mds_journal_t *journal = mds_loader_journal(u->loader);
    uint64_t       last = mds_journal_serial(journal);
    mds_str_t    app = mds_undo_word(mds_json_get(u->state, "document"), "app");
    size_t       found = 0, len = 0;
    mds_status_t status = MDS_OK;

    for (uint64_t s = u->serial + 1; status == MDS_OK && s <= last; s++) {
        mds_json_t *entry;

        status = mds_journal_entry(journal, s, err, &entry);

        if (status != MDS_OK) {
            status = status == MDS_NOT_FOUND ? MDS_OK : status;
            continue;
        }

        if (mds_str_eq(mds_undo_word(entry, "app"), app)
            && mds_undo_touches(entry, parts) && found++ < MDS_REVERT_TOLD
            && len < size)
        {
            len += (size_t) snprintf(words + len, size - len,
                                     "%s%" PRIu64 " %.*s (%.*s)",
                                     found > 1 ? "; " : "", s,
                                     MDS_STR(mds_undo_word(entry, "command")),
                                     MDS_STR(mds_undo_word(entry, "who")));
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
mds_undo_name(const mds_json_t *part, char name[256])
{
    mds_str_t id = mds_undo_word(part, "id");

    snprintf(name, 256, "%.*s%s%.*s", MDS_STR(mds_undo_word(part, "what")),
             id.len > 0 ? " " : "", MDS_STR(id));
    return name;
}

static mds_status_t
mds_undo_conflict(const mds_undo_t *u, const mds_json_t *parts, const char *why,
                  mds_error_t *err)
{
    char         name[256], words[MDS_ERROR_BYTES / 2] = "";
    size_t       count;
    mds_status_t status
        = mds_undo_later(u, parts, words, sizeof(words), err, &count);

    if (status != MDS_OK) {
        return status;
    }

    return mds_fail(err, MDS_CONFLICT,
                    "change %" PRIu64 " cannot be undone: %s %s%s%s%s%s",
                    u->serial, mds_undo_name(mds_json_at(parts, 0), name), why,
                    count > 0 ? ". What stands on it: " : "", words,
                    count > MDS_REVERT_TOLD ? "; …" : "",
                    count > 0 ? ". To undo that first may help" : "");
}

/* Members: poll, channels, lists */

/* The object that the part is a member of, made where it has to be. */
static mds_json_t *
mds_undo_object(mds_json_t *parent, const char *key)
{
    if (mds_json_get(parent, key) == NULL
        && mds_json_set(parent, key, mds_json_object_new()) != MDS_OK)
    {
        return NULL;
    }

    return mds_json_get(parent, key);
}

static mds_status_t
mds_undo_member(mds_undo_t *u, mds_json_t *object, const char *key,
                mds_json_t *change)
{
    const mds_json_t *before = mds_json_get(change, "before");

    if (!mds_undo_same(mds_json_get(object, key),
                       mds_json_get(change, "after"))) {
        return mds_undo_stuck(u, change);
    }

    if (before == NULL) {
        mds_json_delete(object, key);
        return MDS_OK;
    }

    return mds_json_set(object, key, mds_json_copy(before));
}

/* A member of a member: channels, lists. What is empty then goes as well. */
static mds_status_t
mds_undo_inner(mds_undo_t *u, mds_json_t *parent, const char *key,
               mds_json_t *change)
{
    mds_json_t  *object = mds_undo_object(parent, key);
    mds_status_t status
        = object == NULL
              ? MDS_NO_MEMORY
              : mds_undo_member(u, object, mds_undo_word(change, "id").data,
                                change);

    if (status == MDS_OK && mds_json_size(object) == 0) {
        mds_json_delete(parent, key);
    }

    return status;
}

/* Items: packages and releases */

/* Where an item is that is just so; the number of them: there is none. */
static size_t
mds_undo_find(mds_undo_t *u, const mds_json_t *array, const mds_json_t *item)
{
    size_t count = mds_json_size(array);

    for (size_t n = 0; n < count; n++) {
        size_t i = (u->near + n) % count;

        if (mds_json_equal(mds_json_at(array, i), item)) {
            u->near = i;
            return i;
        }
    }

    return count;
}

static size_t
mds_undo_find_id(const mds_json_t *array, mds_str_t id)
{
    char   own[MDS_DIFF_ID_MAX];
    size_t i = 0, count = mds_json_size(array);

    while (i < count
           && !mds_str_eq(mds_diff_id(mds_json_at(array, i), own), id)) {
        i++;
    }

    return i;
}

/* What was there and is changed, or was not there: as it was. */
static mds_status_t
mds_undo_item(mds_undo_t *u, mds_json_t *array, mds_json_t *change)
{
    const mds_json_t *before = mds_json_get(change, "before");
    size_t i = mds_undo_find(u, array, mds_json_get(change, "after"));

    if (i == mds_json_size(array)) {
        return mds_undo_stuck(u, change);
    }

    mds_json_remove(array, i);

    return before == NULL ? MDS_OK
                          : mds_json_insert(array, i, mds_json_copy(before));
}

/* One of that id is in the way if a later change has put it there; the same
 * package twice is not. */
static mds_status_t
mds_undo_in_way(mds_undo_t *u, mds_json_t *array, mds_json_t *change,
                mds_error_t *err, size_t *count)
{
    mds_json_t  *parts;
    mds_status_t status;

    *count = 0;

    if (mds_undo_find_id(array, mds_undo_word(change, "id"))
        == mds_json_size(array))
    {
        return MDS_OK;
    }

    parts = mds_json_array_new();
    status = mds_json_append(parts, mds_json_retain(change));

    if (status == MDS_OK) {
        status = mds_undo_later(u, parts, NULL, 0, err, count);
    }

    mds_json_release(parts);
    return status;
}

/* What was removed comes back, behind the one that it was behind. */
static mds_status_t
mds_undo_removal(mds_undo_t *u, mds_json_t *array, mds_json_t *change,
                 mds_error_t *err)
{
    const mds_json_t *behind = mds_json_get(change, "behind");
    size_t            later, i = mds_json_size(array);
    mds_status_t      status = mds_undo_in_way(u, array, change, err, &later);

    if (status != MDS_OK) {
        return status;
    }

    if (later > 0) {
        return mds_undo_stuck(u, change);
    }

    if (mds_json_is_null(behind)) {
        i = 0;

    } else if (behind != NULL) {
        i = mds_undo_find_id(array, mds_json_string(behind));
        i += i < mds_json_size(array) ? 1 : 0;
    }

    return mds_json_insert(array, i,
                           mds_json_copy(mds_json_get(change, "before")));
}

/* Order */

/* Where each item is in the order, by id; SIZE_MAX: nowhere. The n-th of an
 * id is the n-th of it there. */
static size_t *
mds_undo_ranks(const mds_json_t *array, const mds_json_t *order)
{
    size_t  count = mds_json_size(array), ranked = mds_json_size(order);
    size_t *ranks = calloc(count + 1, sizeof(*ranks));
    bool   *taken = calloc(ranked + 1, sizeof(*taken));
    size_t  near = 0;
    char    id[MDS_DIFF_ID_MAX];

    for (size_t i = 0; ranks != NULL && taken != NULL && i < count; i++) {
        mds_str_t name = mds_diff_id(mds_json_at(array, i), id);

        ranks[i] = SIZE_MAX;

        for (size_t n = 0; ranks[i] == SIZE_MAX && n < ranked; n++) {
            size_t r = (near + n) % ranked;

            if (!taken[r]
                && mds_str_eq(mds_json_string(mds_json_at(order, r)), name)) {
                ranks[i] = r;
                taken[r] = true;
                near = r + 1;
            }
        }
    }

    free(taken);
    if (taken == NULL) {
        free(ranks);
        ranks = NULL;
    }

    return ranks;
}

static bool
mds_undo_ascending(const size_t *ranks, size_t count)
{
    size_t last = 0;

    for (size_t i = 0; i < count; i++) {
        if (ranks[i] != SIZE_MAX) {
            if (ranks[i] < last) {
                return false;
            }
            last = ranks[i];
        }
    }

    return true;
}

static int
mds_undo_rank_cmp(const void *a, const void *b)
{
    size_t left = *(const size_t *) a, right = *(const size_t *) b;

    return left < right ? -1 : left > right;
}

/* What the order knows takes turns in the places that it has; the rest stays
 * where it is. */
static mds_status_t
mds_undo_arrange(mds_json_t *array, const size_t *ranks)
{
    size_t       count = mds_json_size(array), known = 0, next = 0;
    size_t      *sorted = calloc(count + 1, sizeof(*sorted));
    mds_json_t  *old = mds_json_array_new();
    mds_status_t status = sorted == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_json_append(old, mds_json_retain(mds_json_at(array, i)));
        if (ranks[i] != SIZE_MAX) {
            sorted[known++] = ranks[i];
        }
    }

    if (status == MDS_OK) {
        qsort(sorted, known, sizeof(*sorted), mds_undo_rank_cmp);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        size_t from = 0;

        if (ranks[i] == SIZE_MAX) {
            continue;
        }

        while (ranks[from] != sorted[next]) {
            from++;
        }

        next++;
        mds_json_remove(array, i);
        status = mds_json_insert(array, i,
                                 mds_json_retain(mds_json_at(old, from)));
    }

    mds_json_release(old);
    free(sorted);
    return status;
}

/* Whether the change itself has made the item. */
static mds_status_t
mds_undo_order(mds_undo_t *u, mds_json_t *array, mds_json_t *change)
{
    size_t      *now, *then;
    mds_status_t status;

    now = mds_undo_ranks(array, mds_json_get(change, "after"));
    then = mds_undo_ranks(array, mds_json_get(change, "before"));

    if (now == NULL || then == NULL) {
        status = MDS_NO_MEMORY;

    } else if (!mds_undo_ascending(now, mds_json_size(array))) {
        status = mds_undo_stuck(u, change);

    } else {
        status = mds_undo_arrange(array, then);
    }

    free(now);
    free(then);
    return status;
}

/* All changes of one array: first what is still there, then what is not, then
 * the order of all. */
static mds_status_t
mds_undo_array(mds_undo_t *u, const char *what, const char *whats,
               mds_error_t *err)
{
    mds_json_t  *document = mds_json_get(u->state, "document");
    mds_json_t  *array = mds_json_get(document, whats);
    mds_status_t status = MDS_OK;

    if (array == NULL) {
        status = mds_json_set(document, whats, mds_json_array_new());
        array = mds_json_get(document, whats);
    }

    u->near = 0;

    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes);
             i++) {
            mds_json_t *change = mds_json_at(u->changes, i);
            mds_str_t   of = mds_undo_word(change, "what");
            bool        item = mds_str_eq(of, mds_str_of(what));
            bool        there = mds_json_get(change, "after") != NULL;

            if (pass == 0 && item && there) {
                status = mds_undo_item(u, array, change);

            } else if (pass == 1 && item && !there) {
                status = mds_undo_removal(u, array, change, err);

            } else if (pass == 2 && mds_str_eq(of, mds_str_of(whats))) {
                status = mds_undo_order(u, array, change);
            }
        }
    }

    if (status == MDS_OK && mds_json_size(array) == 0) {
        mds_json_delete(document, whats);
    }

    return status;
}

static mds_status_t
mds_undo_members(mds_undo_t *u)
{
    mds_json_t  *document = mds_json_get(u->state, "document");
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        mds_json_t *change = mds_json_at(u->changes, i);
        mds_str_t   what = mds_undo_word(change, "what");

        if (mds_str_eq(what, mds_str("poll"))) {
            status = mds_undo_member(u, document, "poll", change);

        } else if (mds_str_eq(what, mds_str("channel"))) {
            status = mds_undo_inner(u, document, "channels", change);

        } else if (mds_str_eq(what, mds_str("list"))) {
            status = mds_undo_inner(u, document, "lists", change);

        } else if (mds_str_eq(what, mds_str("external"))) {
            status = mds_undo_member(u, mds_undo_object(u->state, "external"),
                                     mds_undo_word(change, "id").data, change);
        }
    }

    return status;
}

/* What the message of a failed check points at: the part, as a change names
 * it; NULL where it points elsewhere. */
static mds_json_t *
mds_undo_pointed(const mds_json_t *document, const char *text)
{
    char        array[16], id[MDS_DIFF_ID_MAX];
    size_t      i;
    mds_json_t *part, *item;

    if (sscanf(text, MDS_REVERT_WHAT ": /%15[a-z]/%zu", array, &i) != 2) {
        return NULL;
    }

    item = mds_json_at(mds_json_get(document, array), i);
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
mds_undo_check(mds_undo_t *u, mds_error_t *err)
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

    part = mds_undo_pointed(document, why.text);
    if (part == NULL) {
        return mds_fail(err, status, "change %" PRIu64 " cannot be undone: %s",
                        u->serial, why.text);
    }

    snprintf(words, sizeof(words), "needs it (%.*s)", (int) sizeof(words) - 16,
             why.text + strlen(MDS_REVERT_WHAT ": "));
    parts = mds_json_array_new();
    status = mds_json_append(parts, part);

    if (status == MDS_OK) {
        status = mds_undo_conflict(u, parts, words, err);
    }

    mds_json_release(parts);
    return status;
}

static mds_status_t
mds_undo_all(mds_undo_t *u, mds_error_t *err)
{
    mds_status_t status = mds_undo_members(u);

    if (status == MDS_OK) {
        status = mds_undo_array(u, "package", "packages", err);
    }

    if (status == MDS_OK) {
        status = mds_undo_array(u, "release", "releases", err);
    }

    if (status == MDS_NO_MEMORY) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    if (status == MDS_OK && mds_json_size(u->stuck) > 0) {
        return mds_undo_conflict(u, u->stuck, "is no longer as it left it",
                                 err);
    }

    return status == MDS_OK ? mds_undo_check(u, err) : status;
}

mds_status_t
mds_edit_revert(mds_loader_t *loader, void *data, mds_json_t *state,
                mds_error_t *err)
{
    uint64_t     serial = *(const uint64_t *) data;
    mds_json_t  *entry;
    mds_undo_t   u = { .loader = loader, .serial = serial, .state = state };
    mds_status_t status
        = mds_journal_entry(mds_loader_journal(loader), serial, err, &entry);

    if (status != MDS_OK) {
        return status;
    }

    u.changes = mds_json_get(entry, "changes");
    u.stuck = mds_json_array_new();
    status = mds_undo_all(&u, err);

    mds_json_release(u.stuck);
    mds_json_release(entry);

    return status;
}

mds_status_t
mds_revert_entry(mds_loader_t *loader, uint64_t serial, mds_error_t *err,
                 mds_json_t **entry)
{
    mds_journal_t *journal = mds_loader_journal(loader);
    uint64_t       last;
    mds_status_t   status = mds_journal_read(journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_journal_entry(journal, serial, err, entry);
    last = mds_journal_serial(journal);
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

/* Where removed items were */

static mds_status_t
mds_revert_place(const mds_json_t *array, const char *what, mds_json_t *changes)
{
    char         id[MDS_DIFF_ID_MAX];
    size_t       at = 0, count = mds_json_size(array);
    mds_status_t status = MDS_OK;

    /* Changes come in the order of the items. */
    for (size_t i = 0; status == MDS_OK && i < mds_json_size(changes); i++) {
        mds_json_t *change = mds_json_at(changes, i);
        mds_json_t *before = mds_json_get(change, "before");

        if (before == NULL || mds_json_get(change, "after") != NULL
            || !mds_str_eq(mds_undo_word(change, "what"), mds_str_of(what)))
        {
            continue;
        }

        while (at < count && !mds_json_equal(mds_json_at(array, at), before)) {
            at++;
        }

        if (at < count) {
            status = mds_json_set(change, "behind",
                                  at == 0 ? mds_json_null_new()
                                          : mds_json_string_new(mds_diff_id(
                                              mds_json_at(array, at - 1), id)));
        }
    }

    return status;
}

mds_status_t
mds_revert_places(const mds_json_t *before, mds_json_t *changes,
                  mds_error_t *err)
{
    const mds_json_t *document = mds_json_get(before, "document");

    if (mds_revert_place(mds_json_get(document, "packages"), "package", changes)
            != MDS_OK
        || mds_revert_place(mds_json_get(document, "releases"), "release",
                            changes)
               != MDS_OK)
    {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    return MDS_OK;
}
