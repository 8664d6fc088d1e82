/*
 * mds_seal: the trailer that makes a finished LMDB file immutable.
 *
 * The file consists of whole pages. The seal lies behind the last one, which
 * LMDB does not read. It holds the identity (a list's SHA-256, or a
 * generation's serial), the kind of machine, since pages are in its byte order,
 * the length, and the digest. Numbers of the seal are little-endian.
 *
 *   0        8     12    13     14    16       20       24      32
 *   +--------+------+-----+------+-----+--------+--------+-------+
 *   | tag    | form | word| order| 0 0 | page   | 0 0 0 0| pages |
 *   | mdsseal| at 1 | size| 1: LE|     | size   |        | bytes |
 *   +--------+------+-----+------+-----+--------+--------+-------+
 *   | identity, 32 bytes                                         |
 *   +------------------------------------------------------------+
 *   | BLAKE2b-256 of the pages and of the 64 bytes above         |
 *   +------------------------------------------------------------+ 96
 *
 * A layer stands on another file, which its seal names by a number and by the
 * digest that the other seal has. These 40 bytes lie between the pages and the
 * seal, whose form is 2 then, and are part of its digest.
 *
 * It contains no secret: a seal detects accidents, and the directory's
 * permissions keep forgers out.
 */

#ifndef MDS_SEAL_H
#define MDS_SEAL_H

#include "base/mds_file.h"

#define MDS_SEAL_BYTES 96
#define MDS_SEAL_IDENTITY 32
#define MDS_SEAL_DIGEST 32
#define MDS_SEAL_LINK_BYTES 40

/* Names the file that a layer stands on. */
typedef struct {
    uint64_t number;
    uint8_t  digest[MDS_SEAL_DIGEST];
} mds_seal_link_t;

/* The content of a seal, and the file's identity before its first byte was
 * read. */
typedef struct {
    mds_file_id_t   file_id;
    uint8_t         digest[MDS_SEAL_DIGEST];
    bool            is_layer;
    mds_seal_link_t below; /* of a layer */
} mds_seal_t;

/*
 * Appends the seal to a file that was committed and closed, sets its mode to
 * 0444 and syncs it; the caller syncs the directory. MDS_INVALID: the file does
 * not consist of whole pages; it may be sealed already.
 */
mds_status_t
mds_seal_write(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
               mds_error_t *err) MDS_MUST_CHECK;

/* The same for a layer; below is NULL for a file that stands on none. */
mds_status_t mds_seal_write_layer(const char   *path,
                                  const uint8_t identity[MDS_SEAL_IDENTITY],
                                  const mds_seal_link_t *below,
                                  mds_error_t           *err) MDS_MUST_CHECK;

/*
 * Checks that the file is whole, of a machine like this one, and has this
 * identity. That takes a few system calls, and finds every truncation. With
 * full, all bytes are compared with the digest, which finds every other change
 * (and leaves the file in the page cache). *file_id, which may be NULL, is the
 * file's identity before its first byte was read.
 *
 * MDS_DAMAGED: it was truncated or changed, has another identity, or is a
 * layer. MDS_INCOMPATIBLE: it has another format, or is of another kind of
 * machine.
 */
mds_status_t
mds_seal_check(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
               bool full, mds_error_t *err,
               mds_file_id_t *file_id) MDS_MUST_CHECK;

/* The same for a file that may be a layer. */
mds_status_t
mds_seal_read(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
              bool full, mds_error_t *err, mds_seal_t *seal) MDS_MUST_CHECK;

#endif
