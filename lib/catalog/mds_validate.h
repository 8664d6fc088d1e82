/*
 * mds_validate: what is known of a generation before it is served.
 *
 * It is proved when every byte of its file, and of the lists that it names,
 * has been compared with the seal, and every record has been read. It stays
 * proved while the files are those that were read (mds_file_id_t), which is
 * looked at while they are served (mds_catalog_watch()). A list that was
 * proved with the generation before is not read again.
 *
 * Some 700 MB are read in a second. What is too long for a moment is proved
 * aside, in a thread; and what one process of many has proved, the others
 * follow at once, so that no two of them differ for longer than a look.
 */

#ifndef MDS_VALIDATE_H
#define MDS_VALIDATE_H

#include "catalog/mds_catalog.h"
#include "catalog/mds_validated.h"
#include "catalog/mds_validation_hint.h"

#define MDS_VALIDATE_NO_BUDGET UINT64_MAX

/*
 * Proves and opens a generation; the caller closes *catalog. known (may be
 * NULL): what is proved already. trusted_ns: lists that are not in it, and
 * were written no later than a generation that was proved, are good (INT64_MIN:
 * there was none). budget_bytes: what may be read of files.
 * MDS_AGAIN: it would take more. MDS_NOT_FOUND, MDS_DAMAGED, MDS_INCOMPATIBLE.
 */
mds_status_t
mds_validate_generation(const char *depot, uint64_t serial,
                        const mds_validated_t *known, int64_t trusted_ns,
                        uint64_t budget_bytes, mds_error_t *err,
                        mds_catalog_t **catalog) MDS_MUST_CHECK;

/* Validates a generation's file before it gets its name. *file_id, which a
 * rename does not change, is what was validated. */
mds_status_t
mds_validate_file(const char *depot, const char *path, uint64_t serial,
                  int64_t trusted_ns, mds_error_t *err,
                  mds_file_id_t *file_id) MDS_MUST_CHECK;

/*
 * Opens what another process has proved, at the price of a look at each file.
 * MDS_CONFLICT: it is not what was proved. Lists that were written since, or
 * are not what is known, are proved here.
 */
mds_status_t
mds_validate_next(const char *depot, uint64_t serial,
                  const mds_validated_t       *known,
                  const mds_validation_hint_t *proved, mds_error_t *err,
                  mds_catalog_t **catalog) MDS_MUST_CHECK;

/* The proof that the two left with their catalog. */
const mds_validated_t *mds_catalog_validated(const mds_catalog_t *catalog);

#endif
