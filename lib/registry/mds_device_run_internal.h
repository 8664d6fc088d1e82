/*
 * mds_device_run_internal: sizes, hashes and functions that the reader and the
 * writer of runs share.
 */

#ifndef MDS_DEVICE_RUN_INTERNAL_H
#define MDS_DEVICE_RUN_INTERNAL_H

#include "base/mds_endian.h"
#include "base/mds_siphash.h"
#include "registry/mds_device_run.h"

#define MDS_RUN_MAGIC "mdsrun1"
#define MDS_RUN_CHUNK 65536 /* bytes of tables in one hash */
#define MDS_RUN_BLOCK_HEAD 16
#define MDS_RUN_INDEX_ENTRY 16
#define MDS_RUN_USER_ENTRY 8
#define MDS_RUN_PROFILE_MAX (3 * (2 + MDS_VALUE_MAX))

static inline uint64_t
mds_run_hash(const void *data, size_t len)
{
    static const uint8_t key[MDS_SIPHASH_KEY] = "mds device block";

    return mds_siphash(key, (mds_str_t){ len, data });
}

/* Hashes a piece after those before. Pieces have MDS_RUN_CHUNK bytes but the
 * last. */
static inline uint64_t
mds_run_hash_on(uint64_t hash, const void *data, size_t len)
{
    uint8_t pair[16];

    mds_store_be64(pair, hash);
    mds_store_be64(pair + 8, mds_run_hash(data, len));
    return mds_run_hash(pair, sizeof(pair));
}

static inline uint64_t
mds_trailer_hash(const mds_device_trailer_t *trailer)
{
    return mds_run_hash(trailer, offsetof(mds_device_trailer_t, hash));
}

struct mds_device_run_s {
    int                   fd;
    bool                  damaged; /* a part was read that is not valid */
    mds_device_facts_t    facts;
    uint8_t              *index; /* NULL: not read yet */
    uint8_t              *texts; /* of the profiles */
    mds_device_profile_t *profiles;
    char                  name[MDS_DEVICE_NAME_BYTES];
};

/* Records that the run is damaged, and fails. */
mds_status_t
mds_run_fail_damaged(mds_device_run_t *run, const char *what, mds_error_t *err);

/* Reads len bytes at an offset. */
mds_status_t mds_run_read(mds_device_run_t *run, uint64_t offset, void *data,
                          size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Reads the index and the profiles, at first use. */
mds_status_t
mds_run_load(mds_device_run_t *run, mds_error_t *err) MDS_MUST_CHECK;

#endif
