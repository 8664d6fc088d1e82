/*
 * The index of an app's parts: it finds a list by its name, a release by its
 * id, and the packages and releases of a resource.
 */

#include <stdlib.h>

#include "base/mds_endian.h"
#include "base/mds_kind.h"
#include "loader/mds_journal_internal.h"
#include "loader/mds_journal_parts.h"
#include "json/mds_json.h"

/* An index of releases by id; the other types are those of parts. */
#define MDS_INDEX_ID 'i'

/* Returns the prefix of a resource's keys in the index. */
static mds_part_key_t
mds_part_key_of_resource(mds_str_t app, mds_part_type_t type, mds_str_t kind,
                         mds_str_t name)
{
    mds_part_key_t  key = mds_part_key(app, (char) type);
    const mds_str_t zero = { 1, "" };

    mds_part_key_add(&key, kind);
    mds_part_key_add(&key, zero);

    if (!mds_kind_has(kind, MDS_KIND_IS_CONFIG)) {
        mds_part_key_add(&key, name);
    }

    mds_part_key_add(&key, zero);
    return key;
}

/* Returns the key of a list's name, or of a release's id. */
static mds_part_key_t
mds_part_key_of_name(mds_str_t app, char type, mds_str_t name)
{
    mds_part_key_t key = mds_part_key(app, type);

    mds_part_key_add(&key, name);
    return key;
}

static bool
mds_journal_find_order(mds_journal_t *journal, const mds_part_key_t *key,
                       uint64_t *order)
{
    mds_str_t value;

    if (!mds_lmdb_get(journal->lmdb, MDS_JOURNAL_INDEX, mds_part_key_str(key),
                      &value)
        || value.len != 8)
    {
        return false;
    }

    *order = mds_load_be64((const uint8_t *) value.data);
    return true;
}

bool
mds_journal_find_list(mds_journal_t *journal, mds_str_t app, mds_str_t name,
                      uint64_t *order)
{
    mds_part_key_t key = mds_part_key_of_name(app, MDS_PART_LIST, name);

    return mds_journal_find_order(journal, &key, order);
}

bool
mds_journal_find_release(mds_journal_t *journal, mds_str_t app, mds_str_t id,
                         uint64_t *order)
{
    mds_part_key_t key = mds_part_key_of_name(app, MDS_INDEX_ID, id);

    return mds_journal_find_order(journal, &key, order);
}

mds_status_t
mds_journal_find_resource(mds_journal_t *journal, mds_str_t app,
                          mds_part_type_t type, mds_str_t kind, mds_str_t name,
                          mds_error_t *err, mds_buffer_t *orders)
{
    mds_part_key_t     prefix = mds_part_key_of_resource(app, type, kind, name);
    mds_lmdb_cursor_t *cursor = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_INDEX,
                                              mds_part_key_str(&prefix));
    mds_str_t          key, value;

    while (mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, mds_part_key_str(&prefix))
           && key.len == prefix.len + 8)
    {
        uint64_t order = mds_load_be64((const uint8_t *) key.data + prefix.len);

        mds_buffer_add(orders, &order, sizeof(order));
    }

    return mds_journal_end_visit(journal, cursor,
                                 mds_buffer_failed(orders)
                                     ? mds_fail_memory(err)
                                     : MDS_OK,
                                 err);
}

/* Returns the key of a list by its name, of a release by its id. */
static mds_part_key_t
mds_index_key_of_name(mds_str_t app, mds_part_type_t type,
                      const mds_json_t *json)
{
    return type == MDS_PART_LIST
               ? mds_part_key_of_name(app, MDS_PART_LIST,
                                      mds_json_get_string(json, "name"))
               : mds_part_key_of_name(app, MDS_INDEX_ID,
                                      mds_json_get_string(json, "id"));
}

static mds_part_key_t
mds_index_key_of_resource(mds_str_t app, mds_part_type_t type,
                          const mds_json_t *json, uint64_t order)
{
    mds_part_key_t key
        = mds_part_key_of_resource(app, type, mds_json_get_string(json, "kind"),
                                   mds_json_get_string(json, "name"));

    mds_part_key_add_order(&key, order);
    return key;
}

/* The keys of a part: by its name, unless it has none, and by its resource. */
typedef struct {
    bool           has_name;
    mds_part_key_t name; /* its value is the order */
    bool           has_resource;
    mds_part_key_t resource; /* its value is empty */
    uint8_t        order[8];
} mds_index_keys_t;

static mds_index_keys_t
mds_index_keys(mds_str_t app, mds_part_type_t type, const mds_json_t *json,
               uint64_t order)
{
    mds_index_keys_t keys
        = { .has_name = type == MDS_PART_LIST || type == MDS_PART_RELEASE,
            .has_resource
            = type == MDS_PART_PACKAGE || type == MDS_PART_RELEASE };

    if (keys.has_name) {
        keys.name = mds_index_key_of_name(app, type, json);
    }

    if (keys.has_resource) {
        keys.resource = mds_index_key_of_resource(app, type, json, order);
    }

    mds_store_be64(keys.order, order);
    return keys;
}

void
mds_journal_put_index(mds_journal_t *journal, mds_str_t app,
                      mds_part_type_t type, const mds_json_t *json,
                      uint64_t order)
{
    mds_index_keys_t keys = mds_index_keys(app, type, json, order);

    if (keys.has_name) {
        mds_lmdb_put(journal->lmdb, MDS_JOURNAL_INDEX,
                     mds_part_key_str(&keys.name),
                     (mds_str_t){ sizeof(keys.order),
                                  (const char *) keys.order });
    }

    if (keys.has_resource) {
        mds_lmdb_put(journal->lmdb, MDS_JOURNAL_INDEX,
                     mds_part_key_str(&keys.resource), mds_str(""));
    }
}

void
mds_journal_delete_index(mds_journal_t *journal, mds_str_t app,
                         mds_part_type_t type, const mds_json_t *json,
                         uint64_t order)
{
    mds_index_keys_t keys = mds_index_keys(app, type, json, order);

    if (keys.has_name) {
        mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_INDEX,
                        mds_part_key_str(&keys.name));
    }

    if (keys.has_resource) {
        mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_INDEX,
                        mds_part_key_str(&keys.resource));
    }
}

/* --- the check */

typedef struct {
    mds_journal_t *journal;
    mds_str_t      app;
    uint64_t       entries; /* that the index has to have */
} mds_index_check_t;

static mds_status_t
mds_index_fail(const mds_index_check_t *check, const char *what,
               mds_error_t *err)
{
    return mds_fail(err, MDS_DAMAGED, "journal: the index of app \"%.*s\" %s",
                    MDS_STR(check->app), what);
}

/* Checks that the index finds a part. */
static mds_status_t
mds_index_check_part(void *data, const mds_part_t *part, mds_error_t *err)
{
    mds_index_check_t *check = data;
    mds_index_keys_t   keys;
    mds_json_t        *json;
    mds_str_t          value;
    uint64_t           order;
    bool               found;
    mds_status_t status = mds_json_parse(part->text, "journal", err, &json);

    if (status != MDS_OK) {
        return status;
    }

    keys = mds_index_keys(check->app, part->type, json, part->order);
    mds_json_release(json);
    check->entries += (uint64_t) keys.has_name + keys.has_resource;

    found = (!keys.has_name
             || (mds_journal_find_order(check->journal, &keys.name, &order)
                 && order == part->order))
            && (!keys.has_resource
                || mds_lmdb_get(check->journal->lmdb, MDS_JOURNAL_INDEX,
                                mds_part_key_str(&keys.resource), &value));

    return found ? MDS_OK
                 : mds_index_fail(check, "lacks one of its parts", err);
}

/* Counts the entries of the app in the index. */
static mds_status_t
mds_index_count(mds_journal_t *journal, mds_str_t app, mds_error_t *err,
                uint64_t *entries)
{
    mds_part_key_t     prefix = { 0 };
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;

    mds_part_key_add(&prefix, app);
    mds_part_key_add(&prefix, (mds_str_t){ 1, "" });
    cursor = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_INDEX,
                           mds_part_key_str(&prefix));
    *entries = 0;

    while (mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, mds_part_key_str(&prefix)))
    {
        (*entries)++;
    }

    return mds_journal_end_visit(journal, cursor, MDS_OK, err);
}

mds_status_t
mds_journal_check_index(mds_journal_t *journal, mds_str_t app, mds_error_t *err)
{
    static const mds_part_type_t types[]
        = { MDS_PART_LIST, MDS_PART_PACKAGE, MDS_PART_RELEASE };
    mds_index_check_t check = { .journal = journal, .app = app };
    uint64_t          entries = 0;
    mds_status_t      status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(types); i++) {
        status = mds_journal_visit_parts(journal, app, types[i],
                                         mds_index_check_part, &check, err);
    }

    if (status == MDS_OK) {
        status = mds_index_count(journal, app, err, &entries);
    }

    return status == MDS_OK && entries != check.entries
               ? mds_index_fail(&check, "names parts that do not exist", err)
               : status;
}
