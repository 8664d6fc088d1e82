/*
 * mds_lmdb_internal: what the files of the border to LMDB share.
 */

#ifndef MDS_LMDB_INTERNAL_H
#define MDS_LMDB_INTERNAL_H

#include <lmdb.h>
#include <stdatomic.h>

#include "lmdb/mds_lmdb.h"
#include "lmdb/mds_proxy_internal.h"

/* An answer of a proxy, kept as long as views of it may be looked at. */
typedef struct mds_lmdb_kept_s mds_lmdb_kept_t;

struct mds_lmdb_kept_s {
    mds_lmdb_kept_t *next;
    char            *payload;
};

struct mds_lmdb_s {
    MDB_env        *env;
    atomic_uint    *handles; /* that share the environment */
    MDB_txn        *txn;     /* under way, NULL: none */
    MDB_txn        *reader;  /* kept between reads, NULL: none yet */
    mds_lmdb_mode_t mode;
    int             code;    /* the transaction's first failure */
    mds_file_id_t   file_id; /* of the file; IMMUTABLE alone */
    unsigned        table_count;
    MDB_dbi         tables[MDS_LMDB_TABLES_MAX];

    mds_proxy_t     *proxy;  /* has the environment instead; NULL: none */
    uint32_t         handle; /* its number there */
    mds_lmdb_kept_t *kept;
};

struct mds_lmdb_cursor_s {
    mds_lmdb_t *lmdb;
    MDB_cursor *cursor; /* NULL: the walk could not begin */
    MDB_val     from;
    bool        begun;

    /* Of a proxy: the pairs of the last answer, those not yet handed out, and
     * where the next answer is to go on. */
    unsigned table;
    char    *pairs;
    char    *next;
    char    *end;
    size_t   last_len;
    char     last[MDS_LMDB_KEY_MAX];
    bool     more;
};

/* mds_lmdb.c: fails with LMDB's code: "failed to VERB PATH". */
mds_status_t
mds_lmdb_fail(mds_error_t *err, int code, const char *verb, const char *path);

/* mds_lmdb.c: the path that the environment was opened by. */
const char *mds_lmdb_path(const mds_lmdb_t *lmdb);

/* mds_lmdb_files.c: MDS_INVALID, something else is under a file's name. */
mds_status_t
mds_lmdb_check_files(const char *dir, mds_error_t *err) MDS_MUST_CHECK;

/* mds_lmdb_proxy.c: the same as the functions of mds_lmdb.h without "proxy",
 * for a handle that has one. */
mds_status_t mds_lmdb_proxy_do(mds_lmdb_t *lmdb, mds_proxy_op_t op,
                               mds_error_t *err) MDS_MUST_CHECK;

void mds_lmdb_proxy_end(mds_lmdb_t *lmdb);

mds_status_t
mds_lmdb_proxy_copy(mds_lmdb_t *lmdb, int fd, mds_error_t *err) MDS_MUST_CHECK;

uint64_t mds_lmdb_proxy_bytes(const mds_lmdb_t *lmdb);

bool mds_lmdb_proxy_get(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                        mds_str_t *value);

void mds_lmdb_proxy_put(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                        mds_str_t value);

void mds_lmdb_proxy_delete(mds_lmdb_t *lmdb, unsigned table, mds_str_t key);

uint64_t mds_lmdb_proxy_count(mds_lmdb_t *lmdb, unsigned table);

bool mds_lmdb_proxy_next(mds_lmdb_cursor_t *cursor, mds_str_t *key,
                         mds_str_t *value);

void mds_lmdb_proxy_walk_end(mds_lmdb_cursor_t *cursor);

#endif
