/* The keys and values of parts. */

#include "loader/mds_journal_parts.h"

#include "base/mds_endian.h"
#include "loader/mds_journal_internal.h"

void
mds_part_key_add(mds_part_key_t *key, mds_str_t bytes)
{
    if (bytes.len == 0) {
        return;
    }

    if (bytes.len <= sizeof(key->bytes) - key->len) {
        memcpy(key->bytes + key->len, bytes.data, bytes.len);
        key->len += bytes.len;
    } else {
        key->len = 0;
    }
}

void
mds_part_key_add_order(mds_part_key_t *key, uint64_t order)
{
    uint8_t bytes[8];

    mds_store_be64(bytes, order);
    mds_part_key_add(key, (mds_str_t){ sizeof(bytes), (const char *) bytes });
}

mds_part_key_t
mds_part_key(mds_str_t app, char type)
{
    mds_part_key_t key = { 0 };
    const char     end[2] = { '\0', type };

    mds_part_key_add(&key, app);
    mds_part_key_add(&key, (mds_str_t){ sizeof(end), end });

    return key;
}

static mds_part_key_t
mds_part_key_of(mds_str_t app, mds_part_type_t type, uint64_t order)
{
    mds_part_key_t key = mds_part_key(app, (char) type);

    mds_part_key_add_order(&key, order);
    return key;
}

/* --- parts */

static bool
mds_part_read(mds_str_t value, mds_part_t *part)
{
    if (value.len < 8) {
        return false;
    }

    part->since = mds_load_be64((const uint8_t *) value.data);
    part->text = (mds_str_t){ value.len - 8, value.data + 8 };

    return true;
}

bool
mds_journal_get_part(mds_journal_t *journal, mds_str_t app,
                     mds_part_type_t type, uint64_t order, mds_part_t *part)
{
    mds_part_key_t key = mds_part_key_of(app, type, order);
    mds_str_t      value;

    part->type = type;
    part->order = order;

    return mds_lmdb_get(journal->lmdb, MDS_JOURNAL_PARTS,
                        mds_part_key_str(&key), &value)
           && mds_part_read(value, part);
}

mds_status_t
mds_journal_put_part(mds_journal_t *journal, mds_str_t app,
                     const mds_part_t *part, mds_error_t *err)
{
    mds_part_key_t key = mds_part_key_of(app, part->type, part->order);
    mds_buffer_t   value = { 0 };
    uint8_t        since[8];
    mds_status_t   status = MDS_OK;

    mds_store_be64(since, part->since);
    mds_buffer_add(&value, since, sizeof(since));
    mds_buffer_add(&value, part->text.data, part->text.len);

    if (mds_buffer_failed(&value)) {
        status = mds_fail_memory(err);
    } else {
        mds_lmdb_put(journal->lmdb, MDS_JOURNAL_PARTS, mds_part_key_str(&key),
                     mds_buffer_str(&value));
    }

    mds_buffer_free(&value);
    return status;
}

void
mds_journal_delete_part(mds_journal_t *journal, mds_str_t app,
                        mds_part_type_t type, uint64_t order)
{
    mds_part_key_t key = mds_part_key_of(app, type, order);

    mds_lmdb_delete(journal->lmdb, MDS_JOURNAL_PARTS, mds_part_key_str(&key));
}

mds_status_t
mds_journal_visit_parts(mds_journal_t *journal, mds_str_t app,
                        mds_part_type_t type, mds_part_visit_t visit,
                        void *data, mds_error_t *err)
{
    mds_part_key_t     prefix = mds_part_key(app, (char) type);
    mds_lmdb_cursor_t *cursor = mds_lmdb_walk(journal->lmdb, MDS_JOURNAL_PARTS,
                                              mds_part_key_str(&prefix));
    mds_part_t         part = { .type = type };
    mds_str_t          key, value;
    mds_status_t       status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, mds_part_key_str(&prefix)))
    {
        if (key.len != prefix.len + 8 || !mds_part_read(value, &part)) {
            status = mds_fail(err, MDS_DAMAGED,
                              "journal: the record of a part of app \"%.*s\""
                              " has a wrong length",
                              MDS_STR(app));
            break;
        }

        part.order = mds_load_be64((const uint8_t *) key.data + prefix.len);
        status = visit(data, &part, err);
    }

    return mds_journal_end_visit(journal, cursor, status, err);
}
