/*
 * mds_idset: immutable sets of millions of ids, each an LMDB file of its own.
 *
 *   DEPOT/lists/SHA256.ids   the text (mds_id_reader.h), 0600: ids are private,
 *                            and only the loader prints and merges them
 *   DEPOT/lists/SHA256.mdb   the set of their hashes, sealed, 0444
 *
 * SHA256 is that of the text: equal texts are one list, which is made once. A
 * set holds 64 bits of an id, SipHash-2-4 of its bytes under a key that is
 * public and fixed. Another id is taken for one of 10 million with a
 * probability of 5e-13. A list does not withstand an attacker who searches for
 * such an id.
 *
 * The environment has two tables:
 *
 *   info  "list"  →  0      1        8        16
 *                    +------+--------+--------+
 *                    | bits | 0 … 0  | count  |  count of the hashes
 *                    +------+--------+--------+
 *
 *   hash  chunk   →  +--------+--------+-- … --+
 *                    | hash   | hash   |       |  ascending, 8 bytes each, in
 *                    +--------+--------+-- … --+  the machine's byte order
 *
 * A chunk's number (2 bytes, big-endian) is the first `bits` bits of its
 * hashes, of which it has 8,000 to 16,000, until there are 2^12 chunks. Hashes
 * are evenly spread: the place of one is computed, and it is found after two or
 * three reads near by. t/bench/idlist.c compares this with LMDB's own DUPFIXED
 * tables.
 */

#ifndef MDS_IDSET_H
#define MDS_IDSET_H

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "idset/mds_u64_sort.h"

typedef struct mds_idset_s mds_idset_t;

/* Returns the hash of an id, by which sets know it. */
uint64_t mds_id_hash(mds_str_t id);

/* Gives DEPOT/lists/SHA256 with the suffix, ".mdb" or ".ids". */
mds_status_t mds_idset_path(const char *depot_dir, const mds_sha256_t *sha256,
                            const char *suffix, mds_error_t *err,
                            mds_path_t *path) MDS_MUST_CHECK;

/* The files of lists/, by their names. */
typedef enum {
    MDS_IDSET_OTHER,  /* not a list's */
    MDS_IDSET_HASHES, /* SHA256.mdb */
    MDS_IDSET_TEXT    /* SHA256.ids */
} mds_idset_file_t;

/* Parses the name of a file of lists/. */
mds_idset_file_t
mds_idset_parse_name(const char *name, mds_sha256_t *sha256) MDS_MUST_CHECK;

/*
 * Opens a list for look-ups. Its bytes are not compared with the digest of its
 * seal, which mds_seal_check() does. One thread may use *list; the caller
 * closes it.
 */
mds_status_t
mds_idset_open(const char *depot_dir, const mds_sha256_t *sha256,
               mds_error_t *err, mds_idset_t **list) MDS_MUST_CHECK;

/* Return the identity of the file, and check that it is unchanged, as
 * mds_lmdb_file_id() and mds_lmdb_check() do. */
const mds_file_id_t *mds_idset_file_id(const mds_idset_t *list);
mds_status_t
mds_idset_check(const mds_idset_t *list, mds_error_t *err) MDS_MUST_CHECK;

/* Closes the list. NULL is fine. */
void mds_idset_close(mds_idset_t *list);

/*
 * Looks up a hash, without an allocation or a system call. MDS_DAMAGED: the
 * length of its chunk is not that of hashes.
 */
mds_status_t mds_idset_contains(mds_idset_t *list, uint64_t hash,
                                mds_error_t *err, bool *in) MDS_MUST_CHECK;

/* Returns the number of hashes. */
uint64_t mds_idset_count(const mds_idset_t *list);

/*
 * Looks up a hash in the bytes of one chunk of a list with that many bits.
 * Bytes in disorder give wrong answers, and do no other harm. MDS_DAMAGED,
 * without a message: the length is not that of hashes.
 */
mds_status_t mds_idset_search(mds_str_t chunk, unsigned bits, uint64_t hash,
                              bool *in) MDS_MUST_CHECK;

/*
 * Writes the environment of all values that were added to sort. The file is new
 * or empty, and is not sealed. progress may be NULL.
 */
mds_status_t mds_idset_build(const char *path, mds_u64_sort_t *sort,
                             mds_progress_t *progress, mds_error_t *err,
                             uint64_t *count) MDS_MUST_CHECK;

/*
 * Imports a file of ids as a list, unless a complete one exists. Gives its name
 * and the number of distinct ids. It takes some 200 MiB of memory at most, for
 * a file of any size. progress (may be NULL) counts each byte three times:
 * copied, hashed, written.
 *
 * MDS_INVALID: an id breaks the rules; *err names the line. DEPOT/lists exists.
 * After a failure mds_idset_sweep() may have files to remove.
 */
mds_status_t
mds_idset_import(const char *depot_dir, const char *path,
                 mds_progress_t *progress, mds_error_t *err,
                 mds_sha256_t *sha256, uint64_t *count) MDS_MUST_CHECK;

/* Reads a file of ids as mds_idset_import() does, without making the list.
 * Gives its name, and the number of lines that have an id. */
mds_status_t
mds_idset_measure(const char *path, mds_progress_t *progress, mds_error_t *err,
                  mds_sha256_t *sha256, uint64_t *count) MDS_MUST_CHECK;

/*
 * Makes the list of the base's ids (NULL: none) without the removed ones and
 * with the added ones; an id in both is added. The base's order stays; new ids
 * follow in their order, each once.
 */
mds_status_t mds_idset_merge(const char *depot_dir, const mds_sha256_t *base,
                             const mds_str_t *added, size_t added_count,
                             const mds_str_t *removed, size_t removed_count,
                             mds_error_t *err, mds_sha256_t *sha256,
                             uint64_t *count) MDS_MUST_CHECK;

/* Removes files that interrupted imports have left in DEPOT/lists. Call it
 * under the loader's lock: no import may be under way. */
mds_status_t
mds_idset_sweep(const char *depot_dir, mds_error_t *err) MDS_MUST_CHECK;

#endif
