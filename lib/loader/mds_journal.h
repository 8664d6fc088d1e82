/*
 * mds_journal: the loader's own record, DEPOT/journal/: the current document of
 * each app, the log of changes, and results that are expensive to make again
 * (signatures, deltas, compressed sizes).
 *
 *   meta       "serial"                 8 bytes, big-endian
 *              "root" 00 version        the root's envelope, JSON
 *              "stale deltas"           8 bytes: the generation of that serial
 *                                       has rows of deltas that it does not
 * need apps       app                      the head of its state, JSON: all but
 *                                       its parts (see mds_app_state.h)
 *   parts, index                        see mds_journal_parts.h
 *   removed    app                      the part of a removed app's state that
 *                                       is kept
 *   log        serial, big-endian       the entry, JSON
 *   manifests  SHA-256 of the manifest with "serial" 0
 *                                       mds_manifest_signature_t
 *   deltas     SHA-256 from, SHA-256 to mds_delta_entry_t
 *   sizes      SHA-256                  size under zstd, 8 bytes big-endian
 *
 * One change is one transaction: mds_journal_write(), then puts, then
 * mds_journal_commit(). While it is open, other loaders wait. The first
 * failure of a put sticks until then.
 */

#ifndef MDS_JOURNAL_H
#define MDS_JOURNAL_H

#include "base/mds_digest.h"
#include "sign/mds_sign.h"
#include "json/mds_json.h"

typedef struct mds_journal_s mds_journal_t;

typedef struct {
    uint8_t serial[8]; /* big-endian, of the change that made it */
    char    signature[MDS_SIGNATURE_BYTES];
} mds_manifest_signature_t;

typedef struct {
    uint8_t      worth; /* 0: the delta was made, and not worth keeping */
    mds_sha256_t sha256;
    uint8_t      size[8]; /* big-endian */
} mds_delta_entry_t;

/* The journal keeps the bytes of the structure: there is no padding in it. */
_Static_assert(sizeof(mds_delta_entry_t) == 1 + 32 + 8,
               "the layout of a delta's record is fixed");

/* Creates the journal of a new depot, whose folder exists. */
mds_status_t
mds_journal_create(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

/* Opens the journal. MDS_NOT_FOUND, MDS_DAMAGED: its file is missing or empty;
 * no other is made in its place, since documents are restored from it. */
mds_status_t mds_journal_open(const char *depot, mds_error_t *err,
                              mds_journal_t **journal) MDS_MUST_CHECK;

void mds_journal_close(mds_journal_t *journal);

/* Returns whether this user can only read it (mds_lmdb_is_read_only()). */
bool mds_journal_is_read_only(const mds_journal_t *journal);

/* --- transactions */

mds_status_t
mds_journal_read(mds_journal_t *journal, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_journal_write(mds_journal_t *journal, mds_error_t *err) MDS_MUST_CHECK;

mds_status_t
mds_journal_commit(mds_journal_t *journal, mds_error_t *err) MDS_MUST_CHECK;
void mds_journal_abort(mds_journal_t *journal);

/* Sets the function that is called when a write has waited for another loader
 * for a second (mds_pid_lock_take()). A program sets it once. */
void mds_journal_on_wait(void (*waits)(int64_t pid));

/* Copies the journal as it is now to fd (mds_lmdb_copy()); not within a
 * transaction. */
mds_status_t mds_journal_copy(mds_journal_t *journal, int fd,
                              mds_error_t *err) MDS_MUST_CHECK;

/* --- records */

/* Returns the serial of the last change; 0 before the first. */
uint64_t mds_journal_get_serial(mds_journal_t *journal);

void mds_journal_set_serial(mds_journal_t *journal, uint64_t serial);

/* Returns whether the next generation is to be swept of rows of deltas
 * (mds_generation_sweep_deltas()). */
bool mds_journal_has_stale_deltas(mds_journal_t *journal);

/* Notes so, and that it was. */
void mds_journal_put_stale_deltas(mds_journal_t *journal, uint64_t serial);
void mds_journal_delete_stale_deltas(mds_journal_t *journal);

/* Gets the envelope of a root, a view. False: there is none. */
bool mds_journal_get_root(mds_journal_t *journal, uint32_t version,
                          mds_str_t *envelope);

void mds_journal_put_root(mds_journal_t *journal, uint32_t version,
                          mds_str_t envelope);

/* Gets the record of an app, a new reference: the head of its state, or, if
 * by_parts is false, the whole state, as an older program wrote it.
 * MDS_NOT_FOUND: it does not exist. */
mds_status_t
mds_journal_get_app(mds_journal_t *journal, mds_str_t app, mds_error_t *err,
                    mds_json_t **head, bool *by_parts) MDS_MUST_CHECK;

/* Gets an entry of the log, a new reference. MDS_NOT_FOUND: it does not exist.
 */
mds_status_t
mds_journal_get_entry(mds_journal_t *journal, uint64_t serial, mds_error_t *err,
                      mds_json_t **entry) MDS_MUST_CHECK;

/* Gets an entry as mds_journal_get_entry() does, but *entry is NULL if the log
 * has none of that serial. */
mds_status_t
mds_journal_find_entry(mds_journal_t *journal, uint64_t serial,
                       mds_error_t *err, mds_json_t **entry) MDS_MUST_CHECK;

/* The same without "changes", of which there may be 100,000. */
mds_status_t mds_journal_find_entry_head(mds_journal_t *journal,
                                         uint64_t serial, mds_error_t *err,
                                         mds_json_t **entry) MDS_MUST_CHECK;

/* Puts the head of an app's state. */
mds_status_t
mds_journal_put_app(mds_journal_t *journal, mds_str_t app,
                    const mds_json_t *head, mds_error_t *err) MDS_MUST_CHECK;

/* Removes an app. state is the part of its state that is kept, from which the
 * app continues if it is created again; mds_journal_put_app() deletes it. */
mds_status_t mds_journal_remove_app(mds_journal_t *journal, mds_str_t app,
                                    const mds_json_t *state,
                                    mds_error_t      *err) MDS_MUST_CHECK;

/* Gets what was kept of the state of a removed app, a new reference.
 * MDS_NOT_FOUND: no such app was removed. */
mds_status_t mds_journal_get_removed_app(mds_journal_t *journal, mds_str_t app,
                                         mds_error_t *err,
                                         mds_json_t **state) MDS_MUST_CHECK;

/*
 * An entry whose changes are read one by one, since there may be one for each
 * release:
 *
 *   mds_journal_open_entry(journal, serial, err, &entry)
 *   mds_journal_next_change(&entry, err, &change)     until it is NULL
 *   mds_journal_close_entry(&entry)
 *
 * within one transaction.
 */
typedef struct {
    mds_json_t *head; /* the entry without its changes; NULL: there is none */
    bool        changes; /* it has changes, and */
    mds_str_t   rest;    /* the text of those that were not read yet */
} mds_journal_entry_t;

mds_status_t mds_journal_open_entry(mds_journal_t *journal, uint64_t serial,
                                    mds_error_t         *err,
                                    mds_journal_entry_t *entry) MDS_MUST_CHECK;

/* Reads the next change, a new reference; NULL: there are no more. */
mds_status_t
mds_journal_next_change(mds_journal_entry_t *entry, mds_error_t *err,
                        mds_json_t **change) MDS_MUST_CHECK;

void mds_journal_close_entry(mds_journal_entry_t *entry);

mds_status_t
mds_journal_put_entry(mds_journal_t *journal, uint64_t serial,
                      const mds_json_t *entry, mds_error_t *err) MDS_MUST_CHECK;

/* Look up a record. False: it does not exist. */
bool
mds_journal_get_signature(mds_journal_t *journal, const mds_sha256_t *manifest,
                          mds_manifest_signature_t *made);
bool mds_journal_get_delta(mds_journal_t *journal, const mds_sha256_t *from,
                           const mds_sha256_t *to, mds_delta_entry_t *entry);
bool mds_journal_get_size(mds_journal_t *journal, const mds_sha256_t *sha256,
                          uint64_t *compressed_bytes);

void
mds_journal_put_signature(mds_journal_t *journal, const mds_sha256_t *manifest,
                          const mds_manifest_signature_t *made);
void
     mds_journal_put_delta(mds_journal_t *journal, const mds_sha256_t *from,
                           const mds_sha256_t *to, const mds_delta_entry_t *entry);
void mds_journal_put_size(mds_journal_t *journal, const mds_sha256_t *sha256,
                          uint64_t compressed_bytes);

void mds_journal_delete_delta(mds_journal_t *journal, const mds_sha256_t *from,
                              const mds_sha256_t *to);
void
mds_journal_delete_size(mds_journal_t *journal, const mds_sha256_t *sha256);

/* --- visits: each calls back for every record in ascending order; the first
 * status that is not MDS_OK ends it and is returned. Views are valid during the
 * call. */

typedef mds_status_t (*mds_journal_visit_t)(void *data, mds_str_t app,
                                            mds_error_t *err);

mds_status_t
mds_journal_visit_apps(mds_journal_t *journal, mds_journal_visit_t visit,
                       void *data, mds_error_t *err) MDS_MUST_CHECK;

typedef mds_status_t (*mds_journal_delta_visit_t)(
    void *data, const mds_sha256_t *from, const mds_sha256_t *to,
    const mds_delta_entry_t *entry, mds_error_t *err);

mds_status_t
mds_journal_visit_deltas(mds_journal_t            *journal,
                         mds_journal_delta_visit_t visit, void *data,
                         mds_error_t *err) MDS_MUST_CHECK;

typedef mds_status_t (*mds_journal_size_visit_t)(void               *data,
                                                 const mds_sha256_t *sha256,
                                                 mds_error_t        *err);

mds_status_t
mds_journal_visit_sizes(mds_journal_t *journal, mds_journal_size_visit_t visit,
                        void *data, mds_error_t *err) MDS_MUST_CHECK;

#endif
