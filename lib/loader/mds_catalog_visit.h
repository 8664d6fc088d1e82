/*
 * mds_catalog_visit: visits all values of a generation, and their manifests.
 *
 * The first status that is not MDS_OK ends a visit and is returned. Records are
 * valid during the call.
 */

#ifndef MDS_CATALOG_VISIT_H
#define MDS_CATALOG_VISIT_H

#include "catalog/mds_catalog.h"
#include "catalog/mds_record.h"

typedef mds_status_t (*mds_catalog_value_visit_t)(void *data, mds_str_t value,
                                                  mds_error_t *err);

typedef mds_status_t (*mds_record_visit_t)(void               *data,
                                           const mds_record_t *record,
                                           mds_error_t        *err);

typedef mds_status_t (*mds_answer_visit_t)(void               *data,
                                           const mds_record_t *record,
                                           const mds_answer_t *answer,
                                           mds_error_t        *err);

/* Visits the values of a table whose keys begin with the prefix. They are not
 * checked. */
mds_status_t
mds_catalog_visit(mds_catalog_t *catalog, mds_catalog_table_t table,
                  mds_str_t prefix, mds_catalog_value_visit_t visit, void *data,
                  mds_error_t *err) MDS_MUST_CHECK;

/* The same for the records of resources. Each is checked before. */
mds_status_t mds_catalog_visit_records(mds_catalog_t *catalog, mds_str_t prefix,
                                       mds_record_visit_t visit, void *data,
                                       mds_error_t *err) MDS_MUST_CHECK;

/* Visits the answers of a record's offers, or those of its deltas that have a
 * manifest. */
mds_status_t
mds_record_visit_offers(const mds_record_t *record, mds_answer_visit_t visit,
                        void *data, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_record_visit_deltas(const mds_record_t *record, mds_answer_visit_t visit,
                        void *data, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Visits the answers that some device can be given by the record, at that time
 * or later: those of running releases that have not ended, of messages that
 * have not expired, and all rollbacks. A start that is still to come does not
 * matter: no change of the catalog is needed for it.
 */
mds_status_t mds_record_visit_given(const mds_record_t *record, int64_t now_ms,
                                    mds_answer_visit_t visit, void *data,
                                    mds_error_t *err) MDS_MUST_CHECK;

#endif
