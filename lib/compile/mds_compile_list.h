/*
 * mds_compile_list: compiles a list into its record.
 */

#ifndef MDS_COMPILE_LIST_H
#define MDS_COMPILE_LIST_H

#include "catalog/mds_list_record.h"
#include "document/mds_model.h"

/* Writes the record of a list (its base has to be stored); number and check
 * are left to the generation. MDS_NO_MEMORY. */
mds_status_t mds_compile_list(const mds_list_t *list, mds_error_t *err,
                              mds_buffer_t *record) MDS_MUST_CHECK;

#endif
