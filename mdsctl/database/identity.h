/*
 * identity: the 16 bytes by which an edge knows the database that it shares.
 */

#ifndef MDSCTL_IDENTITY_H
#define MDSCTL_IDENTITY_H

#include "database/database.h"
#include "fleet/mds_agent_frame.h"

/* Reads a uuid. False: the text is none. */
bool mdsctl_identity_parse(mds_str_t text, uint8_t identity[MDS_FLEET_BYTES]);

mds_status_t
mdsctl_database_identity(mdsctl_database_t *db, mds_error_t *err,
                         uint8_t identity[MDS_FLEET_BYTES]) MDS_MUST_CHECK;

#endif
