/*
 * mds_document_internal: readers of the parts of a document, for the files
 * mds_document*.c alone. dest points to the member that a reader fills.
 */

#ifndef MDS_DOCUMENT_INTERNAL_H
#define MDS_DOCUMENT_INTERNAL_H

#include "document/mds_model.h"
#include "json/mds_json_reader.h"

/* Reads a string of 1 to max bytes without control characters. */
void
mds_read_text(mds_reader_t *r, const mds_json_t *json, size_t max, void *dest);

/*
 * Reads an array of structures of the given size, each by read. items is where
 * the pointer to the first one goes, *count how many there are. want says what
 * would be right.
 */
void mds_read_array(mds_reader_t *r, const mds_json_t *json, const char *want,
                    mds_read_t read, size_t size, void *items, size_t *count);

/* Checks the name of a channel or list, which is a key of its object. */
void mds_read_key(mds_reader_t *r, mds_str_t name, size_t max);
/* Fails if the value takes more bytes as compact JSON: answers have it whole.
 */
void mds_check_json_bytes(mds_reader_t *r, const mds_json_t *json, size_t max);

void mds_read_kind(mds_reader_t *r, const mds_json_t *json, void *dest);
void
mds_read_resource_name(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_by(mds_reader_t *r, const mds_json_t *json, void *dest);

/* Read "rules", and "app_version", which is short for a rule. */
void mds_read_rules(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_app_version(mds_reader_t *r, const mds_json_t *json, void *dest);

void mds_read_meta(mds_reader_t *r, const mds_json_t *json, void *dest);

void mds_read_lists(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_packages(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_releases(mds_reader_t *r, const mds_json_t *json, void *dest);

#endif
