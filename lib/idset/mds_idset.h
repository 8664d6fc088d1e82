/*
 * mds_idset: huge sets of ids, immutable, each an LMDB file of its own.
 *
 *   DEPOT/lists/SHA256.ids   the text (mds_idfile), 0600: ids are private, and
 *                            only the loader shows and merges them
 *   DEPOT/lists/SHA256.mdb   the set of their hashes, sealed, 0444
 *
 * SHA256 is that of the text; the same text is the same list, and is made only
 * once. An id is known by 64 bits, SipHash-2-4 of its bytes under a key that
 * is public and fixed. So a foreign id is taken for one of 10 million listed
 * with a chance of 5e-13, and a list is no place for what has to withstand
 * somebody who searches for such an id.
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
 * A chunk (2 bytes, big-endian) is the first `bits` of the hashes that it
 * holds, 8,000 to 16,000 of them until there are 2^12 chunks. Hashes are
 * evenly spread, so the place of one can be computed, and is found after two
 * or three looks near by. t/bench/idlist.c compares this with LMDB's own
 * DUPFIXED tables.
 */

#ifndef MDS_IDSET_H
#define MDS_IDSET_H

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "idset/mds_u64_sort.h"

typedef struct mds_idset_s mds_idset_t;

/* What the sets are made of. */
uint64_t mds_id_hash(mds_str_t id);

/* DEPOT/lists/SHA256 and the suffix, ".mdb" or ".ids". */
mds_status_t mds_idset_path(const char *depot_dir, const mds_sha256_t *sha256,
                            const char *suffix, mds_error_t *err,
                            mds_path_t *path) MDS_MUST_CHECK;

/*
 * Opens a list for look-ups; its seal is checked in form only (full checks are
 * mds_seal_check()'s). The caller owns *list, and uses it in one thread.
 * MDS_NOT_FOUND, MDS_DENIED, MDS_DAMAGED, MDS_INCOMPATIBLE.
 */
mds_status_t
mds_idset_open(const char *depot_dir, const mds_sha256_t *sha256,
               mds_error_t *err, mds_idset_t **list) MDS_MUST_CHECK;

/* The file that was opened, and whether it is still as it was: as
 * mds_lmdb_file_id() and mds_lmdb_check(). */
const mds_file_id_t *mds_idset_file_id(const mds_idset_t *list);
mds_status_t
mds_idset_check(const mds_idset_t *list, mds_error_t *err) MDS_MUST_CHECK;

/* NULL is fine. */
void mds_idset_close(mds_idset_t *list);

/*
 * Whether the set has the hash. No memory is asked for, nor the system.
 * MDS_DAMAGED: a chunk does not consist of hashes.
 */
mds_status_t mds_idset_contains(mds_idset_t *list, uint64_t hash,
                                mds_error_t *err, bool *in) MDS_MUST_CHECK;

/* How many hashes there are. */
uint64_t mds_idset_count(const mds_idset_t *list);

/*
 * The look-up in the bytes of one chunk of a list with that many bits, whatever
 * they are: out of order they give wrong answers, with a broken length
 * MDS_DAMAGED (without words).
 */
mds_status_t mds_idset_search(mds_str_t chunk, unsigned bits, uint64_t hash,
                              bool *in) MDS_MUST_CHECK;

/*
 * Writes the environment from values to which the last was added; `path` is
 * new, or empty, and is not sealed afterwards. progress may be NULL.
 */
mds_status_t mds_idset_build(const char *path, mds_u64_sort_t *sort,
                             mds_progress_t *progress, mds_error_t *err,
                             uint64_t *count) MDS_MUST_CHECK;

/*
 * Makes the list of a file of ids, and tells its name and how many there are,
 * doubles counted once. Takes some 200 MiB at most, whatever the size. What is
 * there and whole is not made again. progress (may be NULL) counts 3 steps for
 * each byte: copied, hashed, written.
 *
 * MDS_INVALID: an id breaks the rules, and on which line. DEPOT/lists has to
 * exist; nothing but mds_idset_sweep()'s business stays after a failure.
 */
mds_status_t
mds_idset_import(const char *depot_dir, const char *path,
                 mds_progress_t *progress, mds_error_t *err,
                 mds_sha256_t *sha256, uint64_t *count) MDS_MUST_CHECK;

/*
 * Reads a file of ids as mds_idset_import() does, and makes nothing: its name
 * as a list, and how many lines have an id.
 */
mds_status_t
mds_idset_measure(const char *path, mds_progress_t *progress, mds_error_t *err,
                  mds_sha256_t *sha256, uint64_t *count) MDS_MUST_CHECK;

/*
 * Makes the list of the base's ids (NULL: none) without those in `removed` and
 * with those in `added`; what is in both is added. The base's order stays, and
 * new ids follow in theirs, each once.
 */
mds_status_t mds_idset_merge(const char *depot_dir, const mds_sha256_t *base,
                             const mds_str_t *added, size_t added_count,
                             const mds_str_t *removed, size_t removed_count,
                             mds_error_t *err, mds_sha256_t *sha256,
                             uint64_t *count) MDS_MUST_CHECK;

/*
 * Removes what interrupted imports left in DEPOT/lists; to be called while no
 * import is under way, so under the loader's lock.
 */
mds_status_t
mds_idset_sweep(const char *depot_dir, mds_error_t *err) MDS_MUST_CHECK;

#endif
