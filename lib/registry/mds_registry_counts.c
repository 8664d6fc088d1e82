/* mds_registry_counts: reads and writes the file "counts". */

#include "registry/mds_registry_counts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mds_digest.h"
#include "base/mds_endian.h"
#include "base/mds_siphash.h"

#define MDS_COUNTS_MAGIC "mdscnt1"

typedef struct MDS_PACKED {
    uint8_t magic[8];
    uint8_t folder[8];
    uint8_t dropped[8];
    uint8_t max_bytes[8];
    uint8_t ttl_ms[8];
    uint8_t hash[8];
} mds_counts_record_t;

static uint64_t
mds_counts_hash(const mds_counts_record_t *record)
{
    static const uint8_t key[MDS_SIPHASH_KEY] = "mds device count";

    return mds_siphash(key, (mds_str_t){ offsetof(mds_counts_record_t, hash),
                                         (const char *) record });
}

static mds_registry_counts_t
mds_counts_parse(int fd)
{
    mds_counts_record_t record;

    if (mds_device_file_read(fd, MDS_REGISTRY_COUNTS, 0, &record,
                             sizeof(record), NULL)
            != MDS_OK
        || memcmp(record.magic, MDS_COUNTS_MAGIC, sizeof(record.magic)) != 0
        || mds_load_be64(record.hash) != mds_counts_hash(&record))
    {
        return (mds_registry_counts_t){ 0 };
    }

    return (mds_registry_counts_t){
        .folder = mds_load_be64(record.folder),
        .dropped = mds_load_be64(record.dropped),
        .max_bytes = mds_load_be64(record.max_bytes),
        .ttl_ms = (int64_t) mds_load_be64(record.ttl_ms) & INT64_MAX,
    };
}

mds_registry_counts_t
mds_registry_counts_read(int dir)
{
    mds_registry_counts_t counts = { 0 };
    uint64_t              bytes;
    int                   fd;

    if (mds_device_file_open(dir, MDS_REGISTRY_COUNTS, O_RDONLY, NULL, &fd,
                             &bytes)
        == MDS_OK)
    {
        counts = mds_counts_parse(fd);
        close(fd);
    }

    return counts;
}

/* Locks the file. The event loop of a worker must not wait for another process,
 * so the lock is not waited for. */
static mds_status_t
mds_counts_lock(int fd, mds_error_t *err)
{
    if (lockf(fd, F_TLOCK, 0) == 0) {
        return MDS_OK;
    }

    return errno == EAGAIN || errno == EACCES
               ? mds_fail(err, MDS_AGAIN,
                          "\"state/devices/counts\" is locked by another"
                          " process")
               : mds_fail_errno(err, "lock \"state/devices/counts\"");
}

static mds_status_t
mds_counts_write(int fd, const mds_registry_counts_t *counts, mds_error_t *err)
{
    mds_counts_record_t record = { .magic = MDS_COUNTS_MAGIC };

    mds_store_be64(record.folder, counts->folder);
    mds_store_be64(record.dropped, counts->dropped);
    mds_store_be64(record.max_bytes, counts->max_bytes);
    mds_store_be64(record.ttl_ms, (uint64_t) counts->ttl_ms);
    mds_store_be64(record.hash, mds_counts_hash(&record));

    return mds_device_file_write(fd, MDS_REGISTRY_COUNTS, &record,
                                 sizeof(record), err);
}

mds_status_t
mds_registry_counts_add(int dir, const mds_registry_counts_t *add,
                        mds_error_t *err, mds_registry_counts_t *counts)
{
    mds_registry_counts_t sum;
    uint64_t              bytes;
    int                   fd;
    mds_status_t status = mds_device_file_open(dir, MDS_REGISTRY_COUNTS, O_RDWR,
                                               err, &fd, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_counts_lock(fd, err);

    if (status == MDS_OK) {
        sum = mds_counts_parse(fd);
        sum.dropped += add->dropped;
        sum.max_bytes = add->max_bytes;
        sum.ttl_ms = add->ttl_ms;

        while (sum.folder == 0) {
            mds_random(&sum.folder, sizeof(sum.folder));
        }

        status = mds_counts_write(fd, &sum, err);
    }

    close(fd);

    if (status == MDS_OK) {
        *counts = sum;
    }

    return status;
}
