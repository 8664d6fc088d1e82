/*
 * mds_details: the most frequent texts of a stream, in bounded memory: the
 * space-saving summary of Metwally, Agrawal and El Abbadi. A text that is not
 * among the MDS_DETAILS_KEPT takes the place of the rarest, and its count, as
 * the error of its own. A text that makes up more than one in MDS_DETAILS_KEPT
 * of the stream is always among them.
 *
 * A summary is bytes, entry after entry: count (8 bytes), error (8), length of
 * the text (2), the text. Numbers are big-endian.
 */

#ifndef MDS_DETAILS_H
#define MDS_DETAILS_H

#include "base/mds_base.h"
#include "base/mds_halt.h"

#define MDS_DETAILS_KEPT 64
#define MDS_DETAILS_SHOWN 20
#define MDS_DETAILS_BYTES_MAX                                                  \
    (MDS_DETAILS_KEPT * (8 + 8 + 2 + MDS_REPORT_DETAIL_MAX))

typedef struct {
    mds_str_t text;
    uint64_t  count; /* at most */
    uint64_t  error; /* at least count minus this */
} mds_detail_t;

typedef struct {
    mds_detail_t items[MDS_DETAILS_KEPT];
    size_t       count;
} mds_details_t;

/* Reads a summary, whose texts become views of the bytes. False: it is damaged.
 */
bool mds_details_read(mds_str_t bytes, mds_details_t *details);

/* Counts a text. */
void mds_details_add(mds_details_t *details, mds_str_t text);

/* Writes the summary to room for MDS_DETAILS_BYTES_MAX; returns its length. */
size_t mds_details_write(const mds_details_t *details, uint8_t *bytes);

/* Sorts the summary, the most frequent first, and drops all but
 * MDS_DETAILS_SHOWN. */
void mds_details_rank(mds_details_t *details);

#endif
