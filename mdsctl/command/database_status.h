/*
 * database_status: what is in the shared database, for `mdsctl database
 * status`.
 */

#ifndef MDSCTL_DATABASE_STATUS_H
#define MDSCTL_DATABASE_STATUS_H

#include "database/database.h"
#include "json/mds_json.h"

/* Reads the facts, in one snapshot. name is that of the database. */
mds_status_t
mdsctl_database_facts(mdsctl_database_t *db, const char *name, mds_error_t *err,
                      mds_json_t **facts) MDS_MUST_CHECK;

/* Prints them as lines. */
void mdsctl_database_facts_print(const mds_json_t *facts);

#endif
