/*
 * mds_device_run: a file of devices in the order of their hashes. A run never
 * changes: it is written once, under another name, and removed after a merge
 * has copied its devices.
 *
 *   blocks     of up to MDS_DEVICE_BLOCK bytes, or of one record: 4 bytes of
 *              length, 4 bytes of the number of records, 8 bytes of their
 *              SipHash, records (mds_device_record.h)
 *   index      for each block: its first hash, and where it begins, 8 bytes
 *              each
 *   profiles   texts that many devices share: app, platform, version, each
 *              with 2 bytes of length before it
 *   users      for each device that has a user: 4 bytes of the user's hash, 4
 *              bytes of the block's number; in order
 *   trailer    mds_device_trailer_t
 *
 * Numbers are big-endian. A device is found by its hash in the index and in
 * one block; a user's devices by the users, and then in the blocks. The
 * reader checks each number and each block, as a run may be any file.
 */

#ifndef MDS_DEVICE_RUN_H
#define MDS_DEVICE_RUN_H

#include "base/mds_buffer.h"
#include "registry/mds_device_folder.h"
#include "registry/mds_device_record.h"

#define MDS_DEVICE_BLOCK 8192
#define MDS_DEVICE_BLOCK_MAX (MDS_DEVICE_BLOCK + MDS_DEVICE_RECORD_MAX)

/* Limits the devices of one file; a longer run has several parts. */
#define MDS_DEVICE_RUN_MAX (UINT32_C(1) << 22)

typedef struct MDS_PACKED {
    uint8_t magic[8];
    uint8_t devices[8];
    uint8_t blocks[8];
    uint8_t index_at[8];
    uint8_t profiles_at[8];
    uint8_t profiles[8];
    uint8_t users_at[8];
    uint8_t users[8];
    uint8_t first[8]; /* hash */
    uint8_t last[8];
    uint8_t oldest_ms[8];
    uint8_t forgotten[8];
    uint8_t tables_hash[8]; /* of index, profiles and users */
    uint8_t hash[8];        /* of all before it */
} mds_device_trailer_t;

/* Describes a run, as its trailer does. Its parts lie within the file, which
 * mds_device_run_open() checks. */
typedef struct {
    uint64_t devices;
    uint64_t blocks;
    uint64_t index_at;
    uint64_t profiles_at;
    uint64_t profiles;
    uint64_t users_at;
    uint64_t users;
    uint64_t users_end;
    uint64_t first;
    uint64_t last;
    int64_t  oldest_ms;
    uint64_t forgotten; /* devices that are only to be forgotten */
    uint64_t tables_hash;
} mds_device_facts_t;

typedef struct mds_device_run_s mds_device_run_t;

/* Opens a run of the folder. Its index and profiles are read at first use. */
mds_status_t mds_device_run_open(int dir, const char *name, mds_error_t *err,
                                 mds_device_run_t **run) MDS_MUST_CHECK;

void mds_device_run_close(mds_device_run_t *run);

/* Frees the index and the profiles, which are read again when they are needed.
 * It ends the views of devices of this run. */
void mds_device_run_unload(mds_device_run_t *run);

/* Returns whether a part of the run that was read is not valid. */
bool mds_device_run_is_damaged(const mds_device_run_t *run);

const mds_device_facts_t *mds_device_run_facts(const mds_device_run_t *run);

/* Holds a position in a run, and the device there. */
typedef struct {
    mds_device_run_t *run;
    uint64_t          block; /* that follows the one in bytes */
    size_t            len;   /* of the bytes */
    size_t            next;
    uint32_t          left; /* records of the block after the device */
    uint64_t          hash; /* of the device */
    mds_device_copy_t copy;
    uint8_t           bytes[MDS_DEVICE_BLOCK_MAX];
} mds_device_cursor_t;

/* Begins before the first device whose hash is not below that one. */
mds_status_t
mds_device_cursor_begin(mds_device_cursor_t *cursor, mds_device_run_t *run,
                        uint64_t hash, mds_error_t *err) MDS_MUST_CHECK;

/* Begins before the first device of a block. */
void mds_device_cursor_begin_block(mds_device_cursor_t *cursor,
                                   mds_device_run_t *run, uint64_t block);

/* Steps to the next device. Returns MDS_NOT_FOUND at the end and leaves err
 * alone. */
mds_status_t mds_device_cursor_next(mds_device_cursor_t *cursor,
                                    mds_error_t         *err) MDS_MUST_CHECK;

/* Receives each block that has a device of a user with that hash. */
typedef mds_status_t (*mds_device_block_t)(void *data, mds_device_run_t *run,
                                           uint64_t block, mds_error_t *err);
mds_status_t mds_device_run_find_user(mds_device_run_t *run, uint32_t user_hash,
                                      mds_device_block_t visit, void *data,
                                      mds_error_t *err) MDS_MUST_CHECK;

/* Checks the hash of the tables between blocks and trailer. A merge does, as it
 * would write what is wrong in them under a new hash. */
mds_status_t mds_device_run_check_tables(mds_device_run_t *run,
                                         mds_error_t      *err) MDS_MUST_CHECK;

/* Reads and checks the whole run. Returns MDS_DAMAGED if a part is not valid.
 */
mds_status_t
mds_device_run_check(mds_device_run_t *run, mds_error_t *err) MDS_MUST_CHECK;

/* Writing of runs */

typedef struct mds_device_writer_s mds_device_writer_t;

/* Begins a file of the folder under a temporary name. */
mds_status_t
mds_device_writer_begin(int dir, mds_error_t *err,
                        mds_device_writer_t **writer) MDS_MUST_CHECK;

/* Adds a valid device, which must come after all those before in the order. */
mds_status_t mds_device_writer_add(mds_device_writer_t *writer, uint64_t hash,
                                   const mds_device_t *device,
                                   mds_error_t        *err) MDS_MUST_CHECK;

/* Return the number of devices, and about the number of bytes. */
uint64_t mds_device_writer_devices(const mds_device_writer_t *writer);
uint64_t mds_device_writer_bytes(const mds_device_writer_t *writer);

/* Ends the file and gives it its name. The writer is freed in any case. */
mds_status_t
mds_device_writer_commit(mds_device_writer_t *writer, const char *name,
                         mds_error_t *err) MDS_MUST_CHECK;

/* Removes the file and frees the writer. NULL is allowed. */
void mds_device_writer_abort(mds_device_writer_t *writer);

#endif
