/* mds_device_writer_internal: the writer of runs, for the files
 * mds_device_writer*.c. */

#ifndef MDS_DEVICE_WRITER_INTERNAL_H
#define MDS_DEVICE_WRITER_INTERNAL_H

#include "registry/mds_device_run_internal.h"

/* Defines the slots of the table of profiles, more than twice as many as
 * profiles. */
#define MDS_WRITER_SLOTS (UINT32_C(1) << 17)

struct mds_device_writer_s {
    int          dir;
    int          fd;
    mds_buffer_t out; /* bytes that are not written yet */
    uint64_t     written;
    uint64_t     synced;
    mds_buffer_t index;
    mds_buffer_t texts;   /* of the profiles */
    uint32_t    *slots;   /* numbers of profiles, counted from 1 */
    mds_buffer_t offsets; /* of each profile's texts, a uint32_t each */
    uint32_t     profiles;
    mds_buffer_t users; /* hash and block of each, a uint64_t */
    uint64_t     user_count;
    uint64_t     devices;
    uint64_t     forgotten;
    uint64_t     first;
    uint64_t     last;
    int64_t      oldest_ms;
    uint64_t     block_hash; /* of its first device */
    uint32_t     block_count;
    size_t       block_len;
    uint8_t      block[MDS_RUN_BLOCK_HEAD + MDS_DEVICE_BLOCK_MAX];
    char         temp[MDS_DEVICE_NAME_BYTES];
};

/* Appends bytes to the file. */
mds_status_t mds_writer_put(mds_device_writer_t *w, const void *data,
                            size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Finds or adds a device's profile and gives its number: 0 if there are
 * too many profiles and the device is written out. */
mds_status_t
mds_writer_find_profile(mds_device_writer_t *w, const mds_device_t *device,
                        mds_error_t *err, uint32_t *number) MDS_MUST_CHECK;

/* Adds the block of a user's device to the users. */
mds_status_t
mds_writer_add_user(mds_device_writer_t *w, const mds_device_t *device,
                    mds_error_t *err) MDS_MUST_CHECK;

/* Writes the tables and the trailer, after the last block. */
mds_status_t
mds_writer_end(mds_device_writer_t *w, mds_error_t *err) MDS_MUST_CHECK;

#endif
