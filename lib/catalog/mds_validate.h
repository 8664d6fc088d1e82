/*
 * mds_validate: checks a whole generation before it is served.
 *
 * Every byte of its files, and of the lists that it names, is compared with the
 * seals, and every record is checked. The validation holds while the files are
 * the same (mds_file_id_t), which is checked while they are served
 * (mds_catalog_watch()). A layer or a list that was validated with an earlier
 * generation is not read again.
 *
 * About 700 MB are read in a second. A generation that takes too long for a
 * request is validated in a thread; when one process has validated it, the
 * others only look at its file's identity.
 */

#ifndef MDS_VALIDATE_H
#define MDS_VALIDATE_H

#include "catalog/mds_catalog.h"
#include "catalog/mds_validated.h"
#include "catalog/mds_validation_hint.h"

#define MDS_VALIDATE_NO_BUDGET UINT64_MAX

/*
 * Validates and opens a generation; the caller closes *catalog. known (may be
 * NULL) has the layers and lists that are validated. trusted_ns is the time at
 * which a validated generation was written: lists that are no newer count as
 * validated (INT64_MIN: none do). budget_bytes bounds what is read of files;
 * MDS_AGAIN: that is too little. MDS_NOT_FOUND, MDS_DAMAGED, MDS_INCOMPATIBLE.
 */
mds_status_t
mds_validate_generation(const char *depot, uint64_t serial,
                        const mds_chain_t *known, int64_t trusted_ns,
                        uint64_t budget_bytes, mds_error_t *err,
                        mds_catalog_t **catalog) MDS_MUST_CHECK;

/* Validates a generation's top before it gets its name; sets *files, whose
 * identities a rename does not change. */
mds_status_t
mds_validate_file(const char *depot, const char *path, uint64_t serial,
                  const mds_chain_t *known, int64_t trusted_ns,
                  mds_error_t *err, mds_chain_files_t *files) MDS_MUST_CHECK;

/*
 * Opens a generation that another process has validated, and compares only the
 * identities of files. MDS_CONFLICT: a file is another one. Lists that are
 * newer than the generation, or not those that are known, are validated here.
 */
mds_status_t
mds_validate_next(const char *depot, uint64_t serial, const mds_chain_t *known,
                  const mds_validation_hint_t *hint, mds_error_t *err,
                  mds_catalog_t **catalog) MDS_MUST_CHECK;

/* The same if the hint says so; else validates the generation by its bytes. */
mds_status_t
mds_validate_open(const char *depot, uint64_t serial,
                  const mds_validation_hint_t *hint, mds_error_t *err,
                  mds_catalog_t **catalog) MDS_MUST_CHECK;

#endif
