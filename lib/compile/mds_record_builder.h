/*
 * mds_record_builder: writes a record (mds_record.h), table by table.
 *
 * The first failure sticks: mds_record_builder_finish() tells.
 */

#ifndef MDS_RECORD_BUILDER_H
#define MDS_RECORD_BUILDER_H

#include "base/mds_buffer.h"
#include "base/mds_intern.h"
#include "catalog/mds_record.h"
#include "document/mds_model.h"

typedef struct mds_record_builder_s mds_record_builder_t;

/* NULL: no memory. */
mds_record_builder_t *mds_record_builder_new(void);

void mds_record_builder_free(mds_record_builder_t *builder);

/* The header to be filled in; sums, sizes and tables are the builder's. */
mds_record_t *mds_record_builder_header(mds_record_builder_t *builder);

/* Bytes; equal ones are there once (texts), or always anew (manifests). */
mds_span_t
mds_record_builder_text(mds_record_builder_t *builder, mds_str_t text);
mds_span_t
mds_record_builder_bytes(mds_record_builder_t *builder, mds_str_t bytes);
mds_span_t mds_record_builder_version(mds_record_builder_t *builder,
                                      const mds_version_t  *version);

/* The next free index of a table, and one more item in it. */
uint32_t mds_record_builder_count(const mds_record_builder_t *builder,
                                  mds_table_id_t              table);
void mds_record_builder_add(mds_record_builder_t *builder, mds_table_id_t table,
                            const void *item);

/* All from first to the end of the table; equal ranges are there once. */
mds_range_t mds_record_builder_range(mds_record_builder_t *builder,
                                     mds_table_id_t table, uint32_t first);

/* Strings as items of TEXTS. */
mds_range_t
mds_record_builder_texts(mds_record_builder_t *builder, const mds_strs_t *strs);

/* The index of the rule, new or known; and rules as a range of REFS. */
mds_range_t mds_record_builder_rules(mds_record_builder_t *builder,
                                     const mds_rules_t    *rules);

/* Lists of the model by name, as a range of REFS. */
mds_range_t
mds_record_builder_lists(mds_record_builder_t *builder,
                         const mds_model_t *model, const mds_strs_t *names);

/*
 * The finished record; lives as long as the builder, or until the next call.
 * MDS_NO_MEMORY; MDS_INVALID: over 4 GiB, or more than
 * MDS_RULE_ATTRIBUTES_MAX attributes.
 */
mds_status_t
mds_record_builder_finish(mds_record_builder_t *builder, mds_error_t *err,
                          mds_str_t *record) MDS_MUST_CHECK;

#endif
