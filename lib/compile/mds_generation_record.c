/*
 * Puts records into a generation, unless the generation before has them.
 */

#include "catalog/mds_list_record.h"
#include "compile/mds_generation_internal.h"
#include "json/mds_json_view.h"

/* What every record begins with. */
typedef struct MDS_PACKED {
    uint32_t tag;
    uint32_t bytes;
    uint64_t check;
    uint32_t number; /* older generations have one */
} mds_generation_head_t;

_Static_assert(offsetof(mds_record_t, number)
                   == offsetof(mds_generation_head_t, number),
               "records and lists begin alike");
_Static_assert(offsetof(mds_list_record_t, number)
                   == offsetof(mds_generation_head_t, number),
               "records and lists begin alike");

bool
mds_generation_note(mds_generation_t *generation, mds_catalog_table_t table,
                    mds_str_t key)
{
    char bytes[1 + MDS_LMDB_KEY_MAX];
    bool fresh = false;

    if (key.len > MDS_LMDB_KEY_MAX) {
        return true; /* LMDB refuses it */
    }

    bytes[0] = (char) table;
    memcpy(bytes + 1, key.data, key.len);

    if (mds_intern(generation->put, (mds_str_t){ 1 + key.len, bytes }, &fresh)
        == UINT32_MAX)
    {
        generation->status = MDS_NO_MEMORY;
    }

    return fresh;
}

void
mds_generation_count(mds_generation_t *generation, mds_catalog_table_t table,
                     uint32_t change)
{
    if (table == MDS_CATALOG_LISTS) {
        generation->meta.list_count += change;
    } else if (table == MDS_CATALOG_RESOURCES) {
        generation->meta.resource_count += change;
    }
}

/* Bytes that are kept in memory until they are written: LMDB copies each page
 * that it changes. */
#define MDS_GENERATION_UNWRITTEN_MAX ((uint64_t) 8 << 20)

/* Returns whether two records differ in their checksums and numbers at most. */
static bool
mds_generation_is_same(mds_str_t a, mds_str_t b)
{
    const size_t head = offsetof(mds_generation_head_t, check);
    const size_t rest = sizeof(mds_generation_head_t);

    return a.len == b.len && a.len >= rest && memcmp(a.data, b.data, head) == 0
           && memcmp(a.data + rest, b.data + rest, a.len - rest) == 0;
}

void
mds_generation_write(mds_generation_t *generation, size_t bytes)
{
    generation->unwritten += bytes;

    if (generation->unwritten >= MDS_GENERATION_UNWRITTEN_MAX) {
        mds_lmdb_checkpoint(generation->lmdb);
        generation->unwritten = 0;
    }
}

void
mds_generation_app(mds_generation_t *generation, mds_str_t app,
                   const mds_app_record_t *record)
{
    mds_str_t value = { sizeof(*record), (const char *) record };
    mds_str_t old;

    (void) mds_generation_note(generation, MDS_CATALOG_APPS, app);

    if (!mds_generation_get_before(generation, MDS_CATALOG_APPS, app, &old)
        || !mds_str_eq(old, value))
    {
        mds_lmdb_put(generation->lmdb, MDS_CATALOG_APPS, app, value);
    }
}

/* Puts a copy of the record, and returns it without a number; NULL: it is there
 * already, or there was a failure. */
static void *
mds_generation_put(mds_generation_t *generation, mds_catalog_table_t table,
                   mds_str_t key, mds_str_t bytes)
{
    mds_generation_head_t *head;
    mds_str_t              old;

    (void) mds_generation_note(generation, table, key);

    if (!mds_generation_get_before(generation, table, key, &old)) {
        mds_generation_count(generation, table, 1);

    } else if (mds_generation_is_same(old, bytes)) {
        return NULL;
    }

    head = mds_lmdb_put_room(generation->lmdb, table, key, bytes.len);

    if (head != NULL) {
        memcpy(head, bytes.data, bytes.len);
        head->number = 0;
    }

    return head;
}

void
mds_generation_list(mds_generation_t *generation, mds_str_t key,
                    mds_str_t bytes)
{
    mds_list_record_t *record
        = mds_generation_put(generation, MDS_CATALOG_LISTS, key, bytes);

    if (record != NULL) {
        record->check = mds_list_record_sum(record);
        mds_generation_write(generation, bytes.len);
    }
}

mds_str_t
mds_generation_release_key(const mds_record_t *record, uint32_t i,
                           char bytes[MDS_LMDB_KEY_MAX])
{
    const mds_release_record_t *release
        = mds_record_item(record, MDS_TABLE_RELEASES, i);
    mds_str_t resource = mds_record_bytes(record, record->key);
    mds_str_t app = mds_str_cut(&resource, '\0');
    mds_str_t id = mds_record_bytes(record, release->id);

    if (app.len + 1 + id.len > MDS_LMDB_KEY_MAX) {
        return mds_null_str; /* documents have shorter ones */
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);

    return (mds_str_t){ app.len + 1 + id.len, bytes };
}

/* Puts the row of the record's i-th release. */
static void
mds_generation_release(mds_generation_t *generation, const mds_record_t *record,
                       uint32_t i)
{
    const mds_release_record_t *release
        = mds_record_item(record, MDS_TABLE_RELEASES, i);
    char              key_bytes[MDS_LMDB_KEY_MAX];
    char              bytes[sizeof(mds_release_row_t) + MDS_LMDB_KEY_MAX];
    mds_str_t         key = mds_generation_release_key(record, i, key_bytes);
    mds_str_t         resource = mds_record_bytes(record, record->key);
    mds_release_row_t row = { .tag = MDS_RELEASE_ROW_TAG };
    mds_str_t         value = { 0, bytes }, old;

    if (release->halt != MDS_RECORD_NONE) {
        const mds_halt_record_t *halt
            = mds_record_item(record, MDS_TABLE_HALTS, release->halt);

        row.limit = halt->limit;
    }

    (void) mds_str_cut(&resource, '\0');
    value.len = sizeof(row) + resource.len;
    memcpy(bytes, &row, sizeof(row));
    memcpy(bytes + sizeof(row), resource.data, resource.len);
    (void) mds_generation_note(generation, MDS_CATALOG_RELEASES, key);

    if (!mds_generation_get_before(generation, MDS_CATALOG_RELEASES, key, &old)
        || !mds_str_eq(old, value))
    {
        mds_lmdb_put(generation->lmdb, MDS_CATALOG_RELEASES, key, value);
    }
}

/* Reads the digest in a member of a manifest's "full" or "delta". */
static bool
mds_generation_read_digest(mds_str_t file, mds_str_t member,
                           mds_sha256_t *sha256)
{
    mds_str_t text;

    return mds_json_view_is_string(mds_json_view_member(file, member), &text)
           && mds_sha256_parse(text, sha256);
}

/* Puts the row of the record's i-th delta, by the manifest that offers it, if
 * browsers can read it. It stays as long as both files are packages, also while
 * the delta is not offered: what the digests say does not change. */
static void
mds_generation_delta(mds_generation_t *generation, const mds_record_t *record,
                     uint32_t i)
{
    const mds_delta_record_t *delta
        = mds_record_item(record, MDS_TABLE_DELTAS, i);
    mds_str_t       manifest = mds_record_bytes(record, delta->answer.manifest);
    mds_str_t       full = mds_json_view_member(manifest, mds_str("full"));
    mds_str_t       file = mds_json_view_member(manifest, mds_str("delta"));
    mds_sha256_t    to, from, made;
    char            bytes[MDS_DELTA_KEY_BYTES] = "";
    mds_str_t       key = { sizeof(bytes), bytes }, old;
    mds_delta_row_t row = { .tag = MDS_DELTA_ROW_TAG };

    if (!mds_str_eq(mds_json_view_member(file, mds_str("format")),
                    mds_str("\"dcz\""))
        || !mds_generation_read_digest(full, mds_str("sha256"), &to)
        || !mds_generation_read_digest(file, mds_str("from_sha256"), &from)
        || !mds_generation_read_digest(file, mds_str("sha256"), &made))
    {
        return;
    }

    memcpy(bytes + 1, to.bytes, sizeof(to.bytes));
    memcpy(bytes + 1 + sizeof(to.bytes), from.bytes, sizeof(from.bytes));
    memcpy(row.sha256, made.bytes, sizeof(row.sha256));

    if (!mds_generation_get_before(generation, MDS_CATALOG_RELEASES, key, &old)
        || old.len != sizeof(row) || memcmp(old.data, &row, sizeof(row)) != 0)
    {
        mds_lmdb_put(generation->lmdb, MDS_CATALOG_RELEASES, key,
                     (mds_str_t){ sizeof(row), (const char *) &row });
    }
}

void
mds_generation_resource(mds_generation_t *generation, mds_str_t key,
                        mds_str_t bytes)
{
    const mds_record_t *given = (const mds_record_t *) bytes.data;
    mds_record_t       *record
        = mds_generation_put(generation, MDS_CATALOG_RESOURCES, key, bytes);

    if (record != NULL) {
        record->check = mds_record_sum(record);
        mds_generation_write(generation, bytes.len);
    }

    mds_package_set_add(&generation->packages, given);

    for (uint32_t i = 0; i < given->tables[MDS_TABLE_RELEASES].count; i++) {
        mds_generation_release(generation, given, i);
    }

    for (uint32_t i = 0; i < given->tables[MDS_TABLE_DELTAS].count; i++) {
        mds_generation_delta(generation, given, i);
    }
}

void
mds_generation_trust(mds_generation_t *generation, mds_str_t key,
                     mds_str_t bytes)
{
    (void) mds_generation_note(generation, MDS_CATALOG_META, key);
    mds_lmdb_put(generation->lmdb, MDS_CATALOG_META, key, bytes);
}
