/*
 * mds_device_log: a file of devices in the order in which they were seen, which
 * one process appends to and syncs about once a second. A log is valid up to
 * its last whole frame: a write that was cut by a crash is skipped.
 *
 *   frame    4 bytes "mdl1", 4 bytes: the payload's length, 8 bytes: its
 *            SipHash, payload: records (mds_device_record.h) with all texts
 *
 * Numbers are big-endian.
 */

#ifndef MDS_DEVICE_LOG_H
#define MDS_DEVICE_LOG_H

#include "base/mds_buffer.h"
#include "registry/mds_device_folder.h"
#include "registry/mds_device_record.h"

#define MDS_DEVICE_FRAME_MAX ((size_t) 4 << 20)

/* Limits the bytes of a log that is read: workers and commands end one long
 * before. */
#define MDS_DEVICE_LOG_MAX (UINT64_C(64) << 20)

/* Limits how far the clocks of processes may differ. */
#define MDS_DEVICE_AHEAD_MS (INT64_C(600) * 1000)

/* Describes a log that is being written; fd is below zero if it has no file
 * yet. */
typedef struct {
    int      dir;
    int      fd;
    uint64_t bytes;
    int64_t  begun_ms;
    char     name[MDS_DEVICE_NAME_BYTES];
} mds_device_log_t;

/* Appends the devices as one frame and syncs it; the first frame creates the
 * file, whose name begins with prefix. Nothing is kept on failure. Devices that
 * are not valid are left out. */
mds_status_t
mds_device_log_append(mds_device_log_t *log, const char *prefix,
                      const mds_device_t *devices, size_t count, int64_t now_ms,
                      mds_error_t *err) MDS_MUST_CHECK;

/* Closes the log, so that a merge may take it. */
void mds_device_log_close(mds_device_log_t *log);

/* Describes a device that was read from a log. */
typedef struct {
    uint64_t hash;
    size_t   at; /* offset of its record in bytes */
} mds_device_entry_t;

/* Holds the devices of many logs. All zero is empty. */
typedef struct {
    mds_buffer_t        bytes;
    mds_buffer_t        entry_bytes;
    mds_device_entry_t *entries; /* in entry_bytes */
    size_t              count;
    int64_t             now_ms;  /* when it was sorted */
    uint64_t            cut;     /* bytes of frames that are not whole */
    bool                damaged; /* such bytes lie before whole frames */
} mds_device_logs_t;

/* Adds the devices of a log. bytes is the size of the file, which may have
 * grown since. Returns MDS_INVALID if it is more than MDS_DEVICE_LOG_MAX. */
mds_status_t
mds_device_logs_read(mds_device_logs_t *logs, int fd, const char *name,
                     uint64_t bytes, mds_error_t *err) MDS_MUST_CHECK;

/* Adds the devices in the bytes of a log. */
mds_status_t mds_device_logs_add(mds_device_logs_t *logs, const uint8_t *bytes,
                                 size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Returns seen_ms, or 0 if that is long after now. */
int64_t mds_device_sanitize_seen(int64_t seen_ms, int64_t now_ms);

/* Sorts by hash and device; entries of the same device are in the order in
 * which they were seen, and then read. */
void mds_device_logs_sort(mds_device_logs_t *logs, int64_t now_ms);

/* Decodes the entry's device; its views are valid as long as the logs. */
void
mds_device_logs_get(const mds_device_logs_t  *logs,
                    const mds_device_entry_t *entry, mds_device_copy_t *copy);

void mds_device_logs_free(mds_device_logs_t *logs);

#endif
