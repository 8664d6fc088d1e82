/*
 * mds_device_filter: a table in shared memory of what the registry has on the
 * disk, so that a check of a device that has not changed costs one look at one
 * line of memory, and none at a file.
 *
 *   bucket   64 bytes, the device's place: 16 words
 *   word     14 bits of the device, 2 of the day, 16 of all that is known of
 *            it and of its day
 *
 * A device's word is replaced when it changes, and is another on each of its
 * days; the days of devices begin at different times. It is added once the
 * device's record is on the disk: a process that is killed, or a write that
 * fails, loses no device for longer than until its next check. Where a bucket
 * is full, the oldest word is overwritten, and that device is written again
 * with its next check. Two devices of one bucket have the same 14 bits once in
 * a thousand: they are written too often, never too rarely. Another 16 bits
 * have to be the same, of a device and of its state, before one is taken for
 * known that is not, and for a day.
 *
 * All processes that have the memory may read and write it at any time: words
 * are atomic, and what is lost in a race is a word, thus a write too many.
 * Memory is touched as devices come: the table begins small and is doubled.
 */

#ifndef MDS_DEVICE_FILTER_H
#define MDS_DEVICE_FILTER_H

#include <stdatomic.h>

#include "registry/mds_device.h"

#define MDS_FILTER_LINE 64

typedef struct mds_device_filter_s mds_device_filter_t;

/* Where a device is, and what its word is. */
typedef struct {
    uint64_t place;
    uint32_t word;
} mds_filter_key_t;

/* Returns how much memory a filter of so many bytes at most needs. */
size_t mds_device_filter_bytes(uint64_t max_bytes);

/* Makes an empty filter of memory that is zero, aligned to a line, and has
 * mds_device_filter_bytes() bytes. Nothing has to be freed. */
mds_device_filter_t *mds_device_filter_init(void *memory, size_t bytes);

/* Says of which folder it is, by a number that is not 0. One of another folder
 * knows nothing any more. */
void mds_device_filter_bind(mds_device_filter_t *filter, uint64_t folder);

/* Computes the key of a device as it is now. refresh_ms: how long one of its
 * days is, after which it is news again. */
mds_filter_key_t mds_device_filter_key(const mds_device_filter_t *filter,
                                       const mds_device_t        *device,
                                       int64_t now_ms, int64_t refresh_ms);

/* Whether that is known of the device. */
bool
mds_device_filter_has(const mds_device_filter_t *filter, mds_filter_key_t key);

/* Adds what is on the disk now, instead of what was known of the device. */
void mds_device_filter_add(mds_device_filter_t *filter, mds_filter_key_t key);

/* Removes what is known of a device, and perhaps of a few others. */
void mds_device_filter_remove(mds_device_filter_t *filter, mds_str_t app,
                              mds_str_t device);

#endif
