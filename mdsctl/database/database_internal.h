/*
 * database_internal: what database.c and database_async.c share.
 */

#ifndef MDSCTL_DATABASE_INTERNAL_H
#define MDSCTL_DATABASE_INTERNAL_H

#include <libpq-fe.h>

#include "database/database.h"

struct mdsctl_database_s {
    PGconn   *conn;
    PGresult *answer; /* to the statement that was sent, while more of it may
                       * come; NULL: none yet */
};

/* Fails with the first line of libpq's text. */
mds_status_t mdsctl_database_fail(const char *text, mds_error_t *err);

/* Fails with the words of the server. */
mds_status_t
mdsctl_database_fail_rows(const mdsctl_database_t *db,
                          const mdsctl_rows_t *rows, mds_error_t *err);

mds_status_t mdsctl_database_check_server(const mdsctl_database_t *db,
                                          mds_error_t *err) MDS_MUST_CHECK;

#endif
