/*
 * mds_record_builder: writes a record (mds_record.h), table by table.
 *
 * The first failure sticks: mds_record_builder_finish() returns it.
 */

#ifndef MDS_RECORD_BUILDER_H
#define MDS_RECORD_BUILDER_H

#include "base/mds_buffer.h"
#include "base/mds_intern.h"
#include "base/mds_version.h"
#include "catalog/mds_record.h"

typedef struct mds_record_builder_s mds_record_builder_t;

/* Creates an empty builder. NULL: out of memory. */
mds_record_builder_t *mds_record_builder_new(void);

void mds_record_builder_free(mds_record_builder_t *builder);

/* Returns the header, whose sums, sizes and tables the builder sets. */
mds_record_t *mds_record_builder_header(mds_record_builder_t *builder);

/* Add bytes. Equal texts are stored once; others, such as manifests, each time.
 */
mds_span_t
mds_record_builder_text(mds_record_builder_t *builder, mds_str_t text);
mds_span_t
mds_record_builder_bytes(mds_record_builder_t *builder, mds_str_t bytes);
mds_span_t mds_record_builder_version(mds_record_builder_t *builder,
                                      const mds_version_t  *version);

/* Adds the version that the text is; the span of other texts is empty. */
mds_span_t mds_record_builder_parsed_version(mds_record_builder_t *builder,
                                             mds_str_t             text);

/* Return the number of items of a table, and add one. */
uint32_t mds_record_builder_count(const mds_record_builder_t *builder,
                                  mds_table_id_t              table);
void mds_record_builder_add(mds_record_builder_t *builder, mds_table_id_t table,
                            const void *item);

/* Returns the items from first to the end of the table; equal ranges are stored
 * once. */
mds_range_t mds_record_builder_range(mds_record_builder_t *builder,
                                     mds_table_id_t table, uint32_t first);

/*
 * Returns the index of the item that was found by an equal key before, of the
 * ATTRIBUTES, RULES or LISTS. *fresh: it is the next one, which the caller adds
 * now.
 */
uint32_t
mds_record_builder_find(mds_record_builder_t *builder, mds_table_id_t table,
                        mds_str_t key, bool *fresh);

/* Adds the span of a text to TEXTS or ATTRIBUTES. */
void mds_record_builder_add_text(mds_record_builder_t *builder,
                                 mds_table_id_t table, mds_str_t text);

/* Adds strings to TEXTS. */
mds_range_t
mds_record_builder_texts(mds_record_builder_t *builder, const mds_strs_t *strs);

/*
 * Returns the finished record, which lives until the builder is freed.
 * MDS_NO_MEMORY; MDS_INVALID: over 4 GiB, or more than
 * MDS_RULE_ATTRIBUTES_MAX attributes.
 */
mds_status_t
mds_record_builder_finish(mds_record_builder_t *builder, mds_error_t *err,
                          mds_str_t *record) MDS_MUST_CHECK;

#endif
