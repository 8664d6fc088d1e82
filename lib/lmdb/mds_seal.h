/*
 * mds_seal: the trailer that makes a finished LMDB file immutable.
 *
 * The file is whole pages; the seal lies behind the last of them, where LMDB
 * never looks. It says what the file is (the identity: a list's SHA-256, a
 * generation's serial), on which kind of machine it was made, since pages are
 * in the machine's own words, how long it is, and its digest. Numbers of the
 * seal itself are little-endian.
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
 * No secret goes in: a seal finds accidents, not forgers. The directory's
 * permissions keep those out.
 */

#ifndef MDS_SEAL_H
#define MDS_SEAL_H

#include "base/mds_file.h"

#define MDS_SEAL_BYTES 96
#define MDS_SEAL_IDENTITY 32

/*
 * Appends the seal to a file that mds_lmdb_commit() has finished and
 * mds_lmdb_close() closed, makes it 0444 and syncs it (its directory is the
 * caller's to sync). MDS_INVALID: the file is no row of whole pages, so for
 * instance one that is sealed already.
 */
mds_status_t
mds_seal_write(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
               mds_error_t *err) MDS_MUST_CHECK;

/*
 * Whether the file is whole, of a machine like this one, and has this
 * identity. That much takes a few system calls, and finds every truncation;
 * with full, all bytes are read and compared with the digest, which finds all
 * else (and leaves the file in the page cache, ready to be served). *file_id,
 * if it is asked for, is what the file was before the first byte of it was
 * read.
 *
 * MDS_DAMAGED: cut, changed, or of another identity than its name says.
 * MDS_INCOMPATIBLE: made by another format or on another kind of machine.
 */
mds_status_t
mds_seal_check(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
               bool full, mds_error_t *err,
               mds_file_id_t *file_id) MDS_MUST_CHECK;

#endif
