/*
 * Saves an app's state by parts. Items are paired with those that were loaded
 * (mds_pairing.h), so that a part keeps its order as long as it keeps its
 * place, and only parts whose bytes differ are written.
 */

#include "loader/mds_app_state_internal.h"

#include <stdlib.h>

/* --- parts */

/* Returns the order that an item had; false: the journal does not have it. */
static bool
mds_save_old_order(const mds_save_parts_t *parts, size_t i, uint64_t *order)
{
    if (mds_save_is_ordered_by_id(parts->type)) {
        *order = (uint64_t) mds_json_get_integer(mds_json_at(parts->before, i),
                                                 "id");
        return true;
    }

    if (parts->old_orders == NULL) {
        return false;
    }

    *order = parts->old_orders[i];
    return true;
}

/* Deletes those parts that are gone or have moved, and all of the index that
 * may change. */
static void
mds_save_delete(mds_save_t *save, const mds_save_parts_t *parts)
{
    for (size_t i = 0;
         save->places->by_parts && i < parts->pairing.before_count; i++)
    {
        size_t   now = parts->pairing.after[i];
        uint64_t order;

        if (!mds_save_old_order(parts, i, &order)
            || (now != MDS_PAIRING_NONE && parts->orders[now] == order
                && mds_json_equal(mds_json_at(parts->before, i),
                                  mds_json_at(parts->after, now))))
        {
            continue;
        }

        mds_journal_delete_index(save->journal, save->app, parts->type,
                                 mds_json_at(parts->before, i), order);

        if (now == MDS_PAIRING_NONE || parts->orders[now] != order) {
            mds_journal_delete_part(save->journal, save->app, parts->type,
                                    order);
        }
    }
}

/* Returns the serial of the last change of an item: of this change, unless it
 * is as it was before. */
static uint64_t
mds_save_since(const mds_save_t *save, const mds_save_parts_t *parts, size_t i)
{
    const mds_json_t *item = mds_json_at(parts->after, i);
    size_t            was = parts->pairing.before[i];

    if (was == MDS_PAIRING_NONE
        || !mds_json_equal(mds_json_at(parts->before, was), item))
    {
        return save->serial;
    }

    return (uint64_t) mds_json_integer(
        mds_json_find(mds_json_get(save->before, "since"),
                      mds_json_get_string(item, "id")));
}

/* Returns whether the journal has just this part. */
static bool
mds_save_has(const mds_save_t *save, const mds_save_parts_t *parts,
             const mds_part_t *part)
{
    mds_part_t found;

    return save->places->by_parts
           && mds_journal_get_part(save->journal, save->app, parts->type,
                                   part->order, &found)
           && mds_str_eq(found.text, part->text);
}

static mds_status_t
mds_save_put(mds_save_t *save, const mds_save_parts_t *parts, size_t i,
             mds_error_t *err)
{
    const mds_json_t *item = mds_json_at(parts->after, i);
    mds_part_t        part = { .type = parts->type, .order = parts->orders[i] };
    char             *text;
    mds_status_t      status
        = mds_json_dump(item, MDS_JSON_COMPACT, err, &text, &part.text.len);

    if (status != MDS_OK) {
        return status;
    }

    part.text.data = text;

    if (!mds_save_has(save, parts, &part)) {
        part.since = mds_save_since(save, parts, i);
        status = mds_journal_put_part(save->journal, save->app, &part, err);
        mds_journal_put_index(save->journal, save->app, parts->type, item,
                              part.order);
    }

    free(text);
    return status;
}

/* Saves the parts of one type. Deletions come first: an order or a name may be
 * that of another part afterwards. */
static mds_status_t
mds_save_parts(mds_save_t *save, mds_save_parts_t *parts, mds_error_t *err)
{
    mds_status_t status
        = mds_pairing_init(parts->before, parts->after, &parts->pairing);

    if (status != MDS_OK) {
        return mds_fail_memory(err);
    }

    parts->orders
        = calloc(parts->pairing.after_count + 1, sizeof(*parts->orders));

    if (parts->orders == NULL) {
        status = mds_fail_memory(err);

    } else {
        mds_save_order_parts(save, parts);

        mds_save_delete(save, parts);
    }

    for (size_t i = 0; status == MDS_OK && i < parts->pairing.after_count; i++)
    {
        status = mds_save_put(save, parts, i, err);
    }

    free(parts->orders);
    mds_pairing_free(&parts->pairing);

    return status;
}

/* --- the arrays of a state */

/* Returns the lists of a state as parts, a new reference. NULL: no memory. */
static mds_json_t *
mds_save_lists_of(const mds_json_t *state)
{
    const mds_json_t  *lists = mds_app_state_get(state, "lists");
    const mds_json_t  *external = mds_json_get(state, "external");
    mds_json_t        *parts = mds_json_array_new();
    mds_json_member_t *m;
    mds_status_t       status = MDS_OK;

    for (m = mds_json_first(lists); status == MDS_OK && m != NULL;
         m = mds_json_next(lists, m))
    {
        mds_str_t name = mds_json_key(m);

        status
            = mds_json_append(parts,
                              mds_json_pack("{s:o, s:O, s:O*}", "name",
                                            mds_json_string_new(name), "list",
                                            mds_json_value(m), "external",
                                            mds_json_find(external, name)));
    }

    if (status != MDS_OK) {
        mds_json_release(parts);
        return NULL;
    }

    return parts;
}

static const uint64_t *
mds_save_orders_of(const mds_save_t *save, const mds_buffer_t *orders)
{
    return save->places->by_parts ? (const uint64_t *) orders->data : NULL;
}

static mds_status_t
mds_save_lists(mds_save_t *save, const mds_json_t *after, mds_error_t *err)
{
    mds_json_t *old = mds_save_lists_of(save->before);
    mds_json_t *new = mds_save_lists_of(after);
    mds_save_parts_t parts
        = { .type = MDS_PART_LIST,
            .before = old,
            .after = new,
            .old_orders = mds_save_orders_of(save, &save->places->lists) };
    mds_status_t status = old == NULL || new == NULL
                              ? mds_fail_memory(err)
                              : mds_save_parts(save, &parts, err);

    mds_json_release(old);
    mds_json_release(new);

    return status;
}

/* Saves the numbers of the settings, of which a state has one object. */
static mds_status_t
mds_save_config(mds_save_t *save, const mds_json_t *after, mds_error_t *err)
{
    mds_json_t *old
        = mds_json_pack("[O*]", mds_json_get(save->before, "config"));
    mds_json_t *new = mds_json_pack("[O*]", mds_json_get(after, "config"));
    mds_save_parts_t parts
        = { .type = MDS_PART_CONFIG, .before = old, .after = new };
    mds_status_t status = old == NULL || new == NULL
                              ? mds_fail_memory(err)
                              : mds_save_parts(save, &parts, err);

    mds_json_release(old);
    mds_json_release(new);

    return status;
}

static const mds_json_t *
mds_save_messages_of(const mds_json_t *state)
{
    return mds_json_get(mds_json_get(state, "messages"), "items");
}

static mds_status_t
mds_save_all_parts(mds_save_t *save, const mds_json_t *after, mds_error_t *err)
{
    const mds_json_t *before = save->before;
    mds_save_parts_t  packages
        = { .type = MDS_PART_PACKAGE,
            .before = mds_app_state_get(before, "packages"),
            .after = mds_app_state_get(after, "packages"),
            .old_orders = mds_save_orders_of(save, &save->places->packages) };
    mds_save_parts_t releases
        = { .type = MDS_PART_RELEASE,
            .before = mds_app_state_get(before, "releases"),
            .after = mds_app_state_get(after, "releases"),
            .old_orders = mds_save_orders_of(save, &save->places->releases) };
    mds_save_parts_t messages = { .type = MDS_PART_MESSAGE,
                                  .before = mds_save_messages_of(before),
                                  .after = mds_save_messages_of(after) };
    mds_status_t     status;

    if ((status = mds_save_lists(save, after, err)) != MDS_OK
        || (status = mds_save_parts(save, &packages, err)) != MDS_OK
        || (status = mds_save_parts(save, &releases, err)) != MDS_OK
        || (status = mds_save_parts(save, &messages, err)) != MDS_OK)
    {
        return status;
    }

    return mds_save_config(save, after, err);
}

/* --- the head */

/* Copies the members of an object that are not among the keys; for those, it
 * sets empty values of their type. Other values are shared. */
static mds_json_t *
mds_save_empty(const mds_json_t *object, const char *const *keys, size_t count)
{
    mds_json_t        *copy = mds_json_object_new();
    mds_json_member_t *m;
    mds_status_t       status = copy == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (m = mds_json_first(object); status == MDS_OK && m != NULL;
         m = mds_json_next(object, m))
    {
        mds_json_t *value = mds_json_value(m);
        size_t      i = 0;

        while (i < count && !mds_str_eq(mds_json_key(m), mds_str_of(keys[i]))) {
            i++;
        }

        value = i == count                 ? mds_json_retain(value)
                : mds_json_is_array(value) ? mds_json_array_new()
                                           : mds_json_object_new();
        status = mds_json_put(copy, mds_json_key(m), value);
    }

    if (status != MDS_OK) {
        mds_json_release(copy);
        return NULL;
    }

    return copy;
}

/* Returns the number of parts that there are after the change, in all. */
static int64_t
mds_save_count(const mds_save_t *save, const mds_json_t *after, const char *key)
{
    int64_t had = mds_json_get_integer(save->places->counts, key);

    if (save->places->by_parts) {
        had -= (int64_t) mds_json_size(mds_app_state_get(save->before, key));
    }

    return had + (int64_t) mds_json_size(mds_app_state_get(after, key));
}

/*
 * Returns the document without its parts, a new reference. An edit that saw
 * none of a kind may have removed the member; the parts that it did not load go
 * there nevertheless. NULL: no memory.
 */
static mds_json_t *
mds_save_document(const mds_save_t *save, const mds_json_t *after)
{
    static const char *const keys[] = { "lists", "packages", "releases" };
    mds_json_t *document = mds_save_empty(mds_json_get(after, "document"), keys,
                                          mds_nelems(keys));

    for (size_t i = 0; document != NULL && i < mds_nelems(keys); i++) {
        if (mds_json_get(document, keys[i]) == NULL
            && mds_save_count(save, after, keys[i]) > 0
            && mds_json_set(document, keys[i],
                            i == 0 ? mds_json_object_new()
                                   : mds_json_array_new())
                   != MDS_OK)
        {
            mds_json_release(document);
            document = NULL;
        }
    }

    return document;
}

/* Returns the head of a state, a new reference. NULL: no memory. */
static mds_json_t *
mds_save_head(const mds_save_t *save, const mds_json_t *after)
{
    static const char *const in_messages[] = { "items" };
    static const char *const in_state[] = { "external" };
    const mds_json_t        *messages = mds_json_get(after, "messages");
    mds_json_t *head = mds_save_empty(after, in_state, mds_nelems(in_state));

    mds_json_delete(head, "since");
    mds_json_delete(head, "config");

    if (mds_json_set(head, "document", mds_save_document(save, after)) != MDS_OK
        || (messages != NULL
            && mds_json_set(head, "messages",
                            mds_save_empty(messages, in_messages,
                                           mds_nelems(in_messages)))
                   != MDS_OK)
        || mds_json_set(head, "parts",
                        mds_json_pack("{s:I, s:I, s:I, s:I}", "next",
                                      (int64_t) save->next, "lists",
                                      mds_save_count(save, after, "lists"),
                                      "packages",
                                      mds_save_count(save, after, "packages"),
                                      "releases",
                                      mds_save_count(save, after, "releases")))
               != MDS_OK)
    {
        mds_json_release(head);
        return NULL;
    }

    return head;
}

static mds_save_t
mds_save_init(mds_journal_t *journal, mds_str_t app, const mds_json_t *before,
              const mds_places_t *places, uint64_t serial)
{
    int64_t next = mds_json_get_integer(places->counts, "next");

    return (mds_save_t){ .journal = journal,
                         .app = app,
                         .before = before,
                         .places = places,
                         .serial = serial,
                         .next = next > 0 ? (uint64_t) next : MDS_ORDER_STEP };
}

mds_status_t
mds_app_state_save(mds_journal_t *journal, mds_str_t app,
                   const mds_json_t *before, const mds_json_t *after,
                   const mds_places_t *places, uint64_t serial,
                   mds_error_t *err)
{
    mds_save_t   save = mds_save_init(journal, app, before, places, serial);
    mds_json_t  *head;
    mds_status_t status = mds_save_all_parts(&save, after, err);

    if (status != MDS_OK) {
        return status;
    }

    head = mds_save_head(&save, after);
    status = head == NULL ? mds_fail_memory(err)
                          : mds_journal_put_app(journal, app, head, err);
    mds_json_release(head);

    return status;
}

mds_status_t
mds_app_state_save_removed(mds_journal_t *journal, mds_str_t app,
                           const mds_json_t *before, const mds_json_t *after,
                           const mds_places_t *places, mds_error_t *err)
{
    mds_save_t   save = mds_save_init(journal, app, before, places, 0);
    mds_json_t  *kept;
    mds_status_t status = mds_save_all_parts(&save, after, err);

    if (status != MDS_OK) {
        return status;
    }

    kept = mds_save_empty(after, NULL, 0);
    mds_json_delete(kept, "since");
    status = kept == NULL ? mds_fail_memory(err)
                          : mds_journal_remove_app(journal, app, kept, err);
    mds_json_release(kept);

    return status;
}
