/*
 * mds_id_reader: a text file of ids, read one by one, whatever its size.
 *
 * One UTF-8 id a line, 1 to MDS_ID_MAX bytes; LF or CRLF ends a line, the
 * last may lack it; lines that are empty or only blanks are skipped. All
 * other blanks are part of the id. A byte order mark before the first line is
 * skipped; UTF-16, a zero byte and a CR without its LF are refused.
 */

#ifndef MDS_ID_READER_H
#define MDS_ID_READER_H

#include "base/mds_base.h"

#define MDS_ID_MAX 256 /* bytes */

typedef struct mds_id_reader_s mds_id_reader_t;

/*
 * MDS_INVALID: longer, no UTF-8, only blanks, with a line's end inside or a
 * byte order mark before it, so that it could not stand in a file.
 */
mds_status_t mds_id_check(mds_str_t id, mds_error_t *err) MDS_MUST_CHECK;

/*
 * name is what messages call the file; it and the file are used until
 * mds_id_reader_close(), which takes NULL as well.
 */
mds_status_t
mds_id_reader_open(const char *path, const char *name, mds_error_t *err,
                   mds_id_reader_t **file) MDS_MUST_CHECK;

void mds_id_reader_close(mds_id_reader_t *file);

/*
 * The next id, valid until the next call. MDS_NOT_FOUND, without words: there
 * are no more. MDS_INVALID names the line.
 */
mds_status_t mds_id_reader_next(mds_id_reader_t *file, mds_error_t *err,
                                mds_str_t *id) MDS_MUST_CHECK;

/* For progress: bytes read so far. */
uint64_t mds_id_reader_bytes(const mds_id_reader_t *file);

#endif
