/*
 * schema: the tables and functions of the shared state in PostgreSQL, and their
 * versions. The SQL is in schema_N.sql, whose head says how it works; each file
 * takes a database from version N - 1 to N. A file that was released is never
 * edited: a database that has it would keep what it was.
 */

#ifndef MDSCTL_SCHEMA_H
#define MDSCTL_SCHEMA_H

#include "database/database.h"

#define MDSCTL_SCHEMA_VERSION 2

/* Gives the version of the database's schema; 0: it has none. */
mds_status_t mdsctl_schema_version(mdsctl_database_t *db, mds_error_t *err,
                                   int64_t *version) MDS_MUST_CHECK;

/* Fails with words unless the version is ours. */
mds_status_t
mdsctl_schema_check(mdsctl_database_t *db, mds_error_t *err) MDS_MUST_CHECK;

/* Makes the schema, or upgrades it, in one transaction, and gives the version
 * that it had before. A newer one is an error. After a failure, the connection
 * is of no more use: close it. */
mds_status_t mdsctl_schema_upgrade(mdsctl_database_t *db, mds_error_t *err,
                                   int64_t *before) MDS_MUST_CHECK;

/* Fails with words unless the version is ours. */
mds_status_t
mdsctl_schema_check_version(int64_t version, mds_error_t *err) MDS_MUST_CHECK;

#endif
