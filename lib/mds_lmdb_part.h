/*
 * mds_lmdb_part: what the two files of the border to LMDB share.
 */

#ifndef MDS_LMDB_PART_H
#define MDS_LMDB_PART_H

#include <lmdb.h>
#include <stdatomic.h>

#include "mds_lmdb.h"

struct mds_lmdb_s {
    MDB_env        *env;
    atomic_uint    *handles; /* that share the environment */
    MDB_txn        *txn;     /* under way, NULL: none */
    MDB_txn        *reader;  /* kept between reads, NULL: none yet */
    mds_lmdb_mode_t mode;
    int             code; /* the transaction's first failure */
    mds_file_mark_t mark; /* of the file; IMMUTABLE alone */
    unsigned        table_count;
    MDB_dbi         tables[MDS_LMDB_TABLES_MAX];
};

struct mds_lmdb_cursor_s {
    mds_lmdb_t *lmdb;
    MDB_cursor *cursor; /* NULL: the walk could not begin */
    MDB_val     from;
    bool        begun;
};

#endif
