/*
 * mds_idset_writer: makes a list of ids, for mds_idset_import() and
 * mds_idset_merge(). It writes the text first, whose digest is the list's name.
 * Then, unless the list exists, it hashes and sorts the ids of that text,
 * writes and seals the set, and puts both in place.
 */

#ifndef MDS_IDSET_WRITER_H
#define MDS_IDSET_WRITER_H

#include "idset/mds_idset.h"

typedef struct {
    const char        *depot_dir;
    const char        *name; /* of the ids in messages */
    mds_path_t         dir;  /* DEPOT/lists */
    mds_temp_file_t    text;
    mds_temp_file_t    set;
    mds_sha256_state_t digest; /* of the text so far */
    mds_sha256_t       sha256;
    uint64_t           bytes;    /* of the text so far */
    size_t             len;      /* of the text, not written yet */
    bool               measures; /* reads, and makes nothing */
    char              *buffer;   /* mds_idset_writer_line() bounds it */
    mds_progress_t    *progress;
} mds_idset_writer_t;

/* Begins the text. The caller has set depot_dir, name and progress (may be
 * NULL), and calls mds_idset_writer_end() in any case. */
mds_status_t mds_idset_writer_begin(mds_idset_writer_t *writer,
                                    mds_error_t        *err) MDS_MUST_CHECK;

void mds_idset_writer_end(mds_idset_writer_t *writer);

/* Adds an id, of at most MDS_ID_MAX bytes, as a line of the text. */
mds_status_t mds_idset_writer_line(mds_idset_writer_t *writer, mds_str_t id,
                                   mds_error_t *err) MDS_MUST_CHECK;

/* Ends the text, and puts the list in its place. */
mds_status_t
mds_idset_writer_finish(mds_idset_writer_t *writer, mds_error_t *err,
                        mds_sha256_t *sha256, uint64_t *count) MDS_MUST_CHECK;

#endif
