/*
 * mds_id_reader: reads a text file of ids, of any size, one by one.
 *
 * Each line is an id of 1 to MDS_ID_MAX bytes of UTF-8. LF or CRLF ends a line;
 * the last may lack it. Lines that are empty or only blanks are skipped; all
 * other blanks are part of the id. A byte order mark before the first line is
 * skipped. UTF-16, a zero byte and a CR without its LF are refused.
 */

#ifndef MDS_ID_READER_H
#define MDS_ID_READER_H

#include "base/mds_base.h"

#define MDS_ID_MAX 256 /* bytes */

typedef struct mds_id_reader_s mds_id_reader_t;

/*
 * Checks that an id could stand in a file. MDS_INVALID: it is too long, not
 * UTF-8, only blanks, has a line break inside, or begins with a byte order
 * mark.
 */
mds_status_t mds_id_check(mds_str_t id, mds_error_t *err) MDS_MUST_CHECK;

/* Opens a file, which messages call by the name. The name is used until the
 * file is closed. */
mds_status_t
mds_id_reader_open(const char *path, const char *name, mds_error_t *err,
                   mds_id_reader_t **file) MDS_MUST_CHECK;

/* Closes the file. NULL is fine. */
void mds_id_reader_close(mds_id_reader_t *file);

/*
 * Gives the next id, which is valid until the next call. MDS_NOT_FOUND, without
 * a message: there are no more. MDS_INVALID: *err names the line.
 */
mds_status_t mds_id_reader_next(mds_id_reader_t *file, mds_error_t *err,
                                mds_str_t *id) MDS_MUST_CHECK;

/* Returns the number of bytes read so far, for progress. */
uint64_t mds_id_reader_bytes(const mds_id_reader_t *file);

#endif
