/*
 * mds_device_filter: a table in shared memory of the devices that the registry
 * has on the disk, so that a check of a device that has not changed reads one
 * line of memory, and no file.
 *
 *   bucket   64 bytes, the device's place: 16 words
 *   word     14 bits of the device, 2 of the day, 16 of its state
 *            and of its day
 *
 * A device's word is replaced when the device changes, and it differs on each
 * of its days; the days of devices begin at different times. It is added once
 * the device's record is on the disk: a process that is killed, or a write that
 * fails, loses no device for longer than until its next check. Where a bucket
 * is full, the oldest word is overwritten, and that device is written again
 * with its next check. Two devices of one bucket have the same 14 bits once in
 * a thousand: they are written too often, never too rarely. An unknown device
 * passes for a known one only if another 16 bits, of its state, are the same
 * too, and only for a day.
 *
 * All processes that have the memory may read and write it at any time: words
 * are atomic, and a race loses at most a word, which costs one more write.
 * Memory is touched as devices are added: the table begins small and is
 * doubled.
 */

#ifndef MDS_DEVICE_FILTER_H
#define MDS_DEVICE_FILTER_H

#include <stdatomic.h>

#include "registry/mds_device.h"

#define MDS_FILTER_LINE 64

typedef struct mds_device_filter_s mds_device_filter_t;

/* Holds the place of a device and its word. */
typedef struct {
    uint64_t place;
    uint32_t word;
} mds_filter_key_t;

/* Returns the bytes of memory that a filter of at most max_bytes takes. */
size_t mds_device_filter_bytes(uint64_t max_bytes);

/* Initializes an empty filter in memory that is zero, is aligned to a line, and
 * has mds_device_filter_bytes() bytes. Nothing has to be freed. */
mds_device_filter_t *mds_device_filter_init(void *memory, size_t bytes);

/* Binds the filter to a folder, by a number that is not 0. A filter that was
 * bound to another folder becomes empty. */
void mds_device_filter_bind(mds_device_filter_t *filter, uint64_t folder);

/* Computes the key of a device as it is now. refresh_ms is the length of one of
 * its days, after which it is written again. */
mds_filter_key_t mds_device_filter_key(const mds_device_filter_t *filter,
                                       const mds_device_t        *device,
                                       int64_t now_ms, int64_t refresh_ms);

/* Returns whether the filter has the key. */
bool
mds_device_filter_has(const mds_device_filter_t *filter, mds_filter_key_t key);

/* Adds the key of a device that is on the disk, and removes its former one. */
void mds_device_filter_add(mds_device_filter_t *filter, mds_filter_key_t key);

/* Removes a device, and perhaps a few others. */
void mds_device_filter_remove(mds_device_filter_t *filter, mds_str_t app,
                              mds_str_t device);

#endif
