/*
 * mds_device_log: devices in the order in which they were seen, in a file that
 * one process appends to and syncs, about once a second. A log is as good as
 * its last whole frame: a write that was cut by a crash is passed over.
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

/* Clocks of processes may differ by so much. */
#define MDS_DEVICE_AHEAD_MS (INT64_C(600) * 1000)

/* A log that is written to; fd is below zero where there is none yet. */
typedef struct {
    int      dir;
    int      fd;
    uint64_t bytes;
    int64_t  begun_ms;
    char     name[MDS_DEVICE_NAME_BYTES];
} mds_device_log_t;

/* Appends the devices as one frame and syncs it; the first frame makes the
 * file, whose name begins with prefix. Nothing of it is kept on failure.
 * Devices that are not valid are left out. */
mds_status_t
mds_device_log_append(mds_device_log_t *log, const char *prefix,
                      const mds_device_t *devices, size_t count, int64_t now_ms,
                      mds_error_t *err) MDS_MUST_CHECK;

/* Ends the log: others may take it then. */
void mds_device_log_close(mds_device_log_t *log);

/* A device that was read from a log. */
typedef struct {
    uint64_t hash;
    size_t   at; /* its record, in bytes */
} mds_device_entry_t;

/* Devices of many logs. All zero is empty. */
typedef struct {
    mds_buffer_t        bytes;
    mds_device_entry_t *entries;
    size_t              count;
    size_t              room;
    int64_t             now_ms;  /* when it was sorted */
    uint64_t            cut;     /* bytes of frames that are not whole */
    bool                damaged; /* such bytes lie before whole frames */
} mds_device_logs_t;

/* Adds what a log has; its bytes are a bound that the file may grow beyond
 * meanwhile. */
mds_status_t
mds_device_logs_read(mds_device_logs_t *logs, int fd, const char *name,
                     uint64_t bytes, mds_error_t *err) MDS_MUST_CHECK;

/* Adds what the bytes of a log have. */
mds_status_t mds_device_logs_add(mds_device_logs_t *logs, const uint8_t *bytes,
                                 size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Returns seen_ms, or 0 where that is long after now. */
int64_t mds_device_seen(int64_t seen_ms, int64_t now_ms);

/* Sorts by hash and device; of the same device, what was seen later, or read
 * later, comes later. */
void mds_device_logs_sort(mds_device_logs_t *logs, int64_t now_ms);

/* Reads the entry's device; its views are good while the logs are. */
void
mds_device_logs_get(const mds_device_logs_t  *logs,
                    const mds_device_entry_t *entry, mds_device_copy_t *copy);

void mds_device_logs_free(mds_device_logs_t *logs);

#endif
