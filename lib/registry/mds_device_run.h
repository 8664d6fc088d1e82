/*
 * mds_device_run: devices in the order of their hashes, in a file that never
 * changes: it is written once, under another name, and removed when a merge
 * has taken in what it has.
 *
 *   blocks     of up to MDS_DEVICE_BLOCK bytes, or of one record: 4 bytes how
 *              many follow, 4 bytes how many records, 8 bytes their SipHash,
 *              records (mds_device_record.h)
 *   index      for each block: its first hash, and where it begins, 8 bytes
 *              each
 *   profiles   texts that many devices share: app, platform, version, each
 *              with 2 bytes of length before it
 *   users      for each device that has a user: 4 bytes of the user's hash, 4
 *              bytes which block; in order
 *   trailer    mds_device_trailer_t
 *
 * Numbers are big-endian. A device is found by its hash in the index and in
 * one block; a user's devices by the users, and then in the blocks. Whoever
 * reads a run checks each number and each block: it may be any file.
 */

#ifndef MDS_DEVICE_RUN_H
#define MDS_DEVICE_RUN_H

#include "base/mds_buffer.h"
#include "registry/mds_device_folder.h"
#include "registry/mds_device_record.h"

#define MDS_DEVICE_BLOCK 8192
#define MDS_DEVICE_BLOCK_MAX (MDS_DEVICE_BLOCK + MDS_DEVICE_RECORD_MAX)

/* Devices in one file; a longer run has several parts. */
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

/* What a run says of itself, checked to lie within its file. */
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
    uint64_t forgotten; /* how many of the devices are only to be forgotten */
    uint64_t tables_hash;
} mds_device_facts_t;

typedef struct mds_device_run_s mds_device_run_t;

/* Opens a run of the folder. Its index and profiles are read at first use. */
mds_status_t mds_device_run_open(int dir, const char *name, mds_error_t *err,
                                 mds_device_run_t **run) MDS_MUST_CHECK;

void mds_device_run_close(mds_device_run_t *run);

const mds_device_facts_t *mds_device_run_facts(const mds_device_run_t *run);

/* A place in a run, and the device there. */
typedef struct {
    mds_device_run_t *run;
    uint64_t          block; /* the one after that in bytes */
    size_t            len;   /* of the bytes */
    size_t            next;
    uint32_t          left; /* records of the block after the device */
    uint64_t          hash; /* of the device */
    mds_device_copy_t copy;
    uint8_t           bytes[MDS_DEVICE_BLOCK_MAX];
} mds_device_cursor_t;

/* Begins before the first device whose hash is not below that. */
mds_status_t
mds_device_cursor_begin(mds_device_cursor_t *cursor, mds_device_run_t *run,
                        uint64_t hash, mds_error_t *err) MDS_MUST_CHECK;

/* Begins before the first device of a block. */
void mds_device_cursor_begin_block(mds_device_cursor_t *cursor,
                                   mds_device_run_t *run, uint64_t block);

/* Steps to the next device. MDS_NOT_FOUND, without words: there is none. */
mds_status_t mds_device_cursor_next(mds_device_cursor_t *cursor,
                                    mds_error_t         *err) MDS_MUST_CHECK;

/* Calls back for each block that has a device of a user with that hash. */
typedef mds_status_t (*mds_device_block_t)(void *data, mds_device_run_t *run,
                                           uint64_t block, mds_error_t *err);
mds_status_t mds_device_run_find_user(mds_device_run_t *run, uint32_t user_hash,
                                      mds_device_block_t visit, void *data,
                                      mds_error_t *err) MDS_MUST_CHECK;

/* Reads all of it. MDS_DAMAGED says what is wrong. */
mds_status_t
mds_device_run_check(mds_device_run_t *run, mds_error_t *err) MDS_MUST_CHECK;

/* Writing */

typedef struct mds_device_writer_s mds_device_writer_t;

/* Begins a file of the folder, under a temporary name. */
mds_status_t
mds_device_writer_begin(int dir, mds_error_t *err,
                        mds_device_writer_t **writer) MDS_MUST_CHECK;

/* Adds a valid device, behind all that were added before. */
mds_status_t mds_device_writer_add(mds_device_writer_t *writer, uint64_t hash,
                                   const mds_device_t *device,
                                   mds_error_t        *err) MDS_MUST_CHECK;

/* Returns how many devices, and about how many bytes, it has. */
uint64_t mds_device_writer_devices(const mds_device_writer_t *writer);
uint64_t mds_device_writer_bytes(const mds_device_writer_t *writer);

/* Ends the file and gives it its name; the writer is gone in any case. */
mds_status_t
mds_device_writer_commit(mds_device_writer_t *writer, const char *name,
                         mds_error_t *err) MDS_MUST_CHECK;

/* Removes the file. NULL is fine. */
void mds_device_writer_abort(mds_device_writer_t *writer);

#endif
