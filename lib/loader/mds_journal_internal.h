/*
 * mds_journal_internal: the tables of the journal, for the files mds_journal*.c
 * alone.
 */

#ifndef MDS_JOURNAL_INTERNAL_H
#define MDS_JOURNAL_INTERNAL_H

#include "lmdb/mds_lmdb.h"
#include "loader/mds_journal.h"

typedef enum {
    MDS_JOURNAL_META,
    MDS_JOURNAL_APPS,
    MDS_JOURNAL_PARTS,
    MDS_JOURNAL_INDEX,
    MDS_JOURNAL_REMOVED,
    MDS_JOURNAL_LOG,
    MDS_JOURNAL_MANIFESTS,
    MDS_JOURNAL_DELTAS,
    MDS_JOURNAL_SIZES,
    MDS_JOURNAL_TABLES
} mds_journal_table_t;

/* The key of a delta: both digests. */
typedef struct {
    mds_sha256_t from;
    mds_sha256_t to;
} mds_delta_key_t;

struct mds_journal_s {
    mds_lmdb_t *lmdb;
    int         fd; /* of its file, for the mds_pid_lock */
    bool        is_locked;
};

/* Ends a walk: returns the status of its visits, or that of the transaction. */
mds_status_t
mds_journal_end_visit(mds_journal_t *journal, mds_lmdb_cursor_t *cursor,
                      mds_status_t status, mds_error_t *err) MDS_MUST_CHECK;

static inline mds_str_t
mds_bytes(const void *data, size_t len)
{
    return (mds_str_t){ len, data };
}

/* Gets a record that is JSON, a new reference. MDS_NOT_FOUND: there is none. */
mds_status_t
mds_journal_get_json(mds_journal_t *journal, unsigned table, mds_str_t key,
                     mds_error_t *err, mds_json_t **json) MDS_MUST_CHECK;
mds_status_t
mds_journal_put_json(mds_journal_t *journal, unsigned table, mds_str_t key,
                     const mds_json_t *json, mds_error_t *err) MDS_MUST_CHECK;

/* --- keys of parts and of the index (mds_journal_parts.h) */

typedef struct {
    size_t len;
    char   bytes[MDS_LMDB_KEY_MAX];
} mds_part_key_t;

static inline mds_str_t
mds_part_key_str(const mds_part_key_t *key)
{
    return (mds_str_t){ key->len, key->bytes };
}

/* Returns "app 00 type", the prefix of all keys of a type. */
mds_part_key_t mds_part_key(mds_str_t app, char type);

/* Append bytes, or an order. A key that would be too long matches nothing: all
 * names are checked before they are stored. */
void mds_part_key_add(mds_part_key_t *key, mds_str_t bytes);
void mds_part_key_add_order(mds_part_key_t *key, uint64_t order);

#endif
