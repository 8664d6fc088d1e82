/* mds_device_run: opens runs, which may be any bytes, and reads their tables.
 * mds_device_cursor.c reads their devices, mds_device_writer.c writes them. */

#include "registry/mds_device_run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_endian.h"
#include "base/mds_siphash.h"
#include "registry/mds_device_run_internal.h"

mds_status_t
mds_run_fail_damaged(mds_device_run_t *run, const char *what, mds_error_t *err)
{
    run->damaged = true;
    return mds_fail(err, MDS_DAMAGED, "\"state/devices/%s\" is damaged: %s",
                    run->name, what);
}

mds_status_t
mds_run_read(mds_device_run_t *run, uint64_t offset, void *data, size_t len,
             mds_error_t *err)
{
    mds_status_t status
        = mds_device_file_read(run->fd, run->name, offset, data, len, err);

    run->damaged = run->damaged || status == MDS_DAMAGED;
    return status;
}

/* Returns whether the parts follow each other up to the trailer. */
static bool
mds_facts_fit(const mds_device_facts_t *facts, uint64_t bytes)
{
    return facts->blocks <= bytes && facts->blocks <= facts->devices
           && facts->devices <= MDS_DEVICE_RUN_MAX
           && facts->forgotten <= facts->devices
           && facts->users <= facts->devices
           && facts->profiles <= MDS_DEVICE_PROFILES_MAX
           && facts->index_at <= bytes
           && facts->profiles_at
                  == facts->index_at + facts->blocks * MDS_RUN_INDEX_ENTRY
           && facts->users_at >= facts->profiles_at && facts->users_at <= bytes
           && facts->users_at - facts->profiles_at
                  <= facts->profiles * MDS_RUN_PROFILE_MAX
           && facts->users_end == bytes
           && facts->users_at + facts->users * MDS_RUN_USER_ENTRY == bytes
           && facts->first <= facts->last && facts->oldest_ms >= 0;
}

static mds_status_t
mds_run_read_trailer(mds_device_run_t *run, uint64_t bytes, mds_error_t *err)
{
    mds_device_trailer_t trailer;
    mds_device_facts_t  *facts = &run->facts;
    mds_status_t         status;

    if (bytes < sizeof(trailer)) {
        return mds_run_fail_damaged(run, "it is too short", err);
    }

    bytes -= sizeof(trailer);
    status = mds_run_read(run, bytes, &trailer, sizeof(trailer), err);

    if (status != MDS_OK) {
        return status;
    }

    *facts = (mds_device_facts_t){
        .devices = mds_load_be64(trailer.devices),
        .blocks = mds_load_be64(trailer.blocks),
        .index_at = mds_load_be64(trailer.index_at),
        .profiles_at = mds_load_be64(trailer.profiles_at),
        .profiles = mds_load_be64(trailer.profiles),
        .users_at = mds_load_be64(trailer.users_at),
        .users = mds_load_be64(trailer.users),
        .users_end = bytes,
        .first = mds_load_be64(trailer.first),
        .last = mds_load_be64(trailer.last),
        .oldest_ms = (int64_t) mds_load_be64(trailer.oldest_ms),
        .forgotten = mds_load_be64(trailer.forgotten),
        .tables_hash = mds_load_be64(trailer.tables_hash),
    };

    return memcmp(trailer.magic, MDS_RUN_MAGIC, 8) == 0
                   && mds_load_be64(trailer.hash) == mds_trailer_hash(&trailer)
                   && mds_facts_fit(facts, bytes)
               ? MDS_OK
               : mds_run_fail_damaged(run, "its trailer is not valid", err);
}

mds_status_t
mds_device_run_open(int dir, const char *name, mds_error_t *err,
                    mds_device_run_t **run)
{
    mds_device_run_t *opened = calloc(1, sizeof(*opened));
    uint64_t          bytes;
    mds_status_t      status;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    strncpy(opened->name, name, sizeof(opened->name) - 1);
    status
        = mds_device_file_open(dir, name, O_RDONLY, err, &opened->fd, &bytes);

    if (status != MDS_OK) {
        free(opened);
        return status;
    }

    status = mds_run_read_trailer(opened, bytes, err);

    if (status != MDS_OK) {
        mds_device_run_close(opened);
        return status;
    }

    *run = opened;
    return MDS_OK;
}

void
mds_device_run_unload(mds_device_run_t *run)
{
    free(run->index);
    free(run->texts);
    free(run->profiles);
    run->index = NULL;
    run->texts = NULL;
    run->profiles = NULL;
}

void
mds_device_run_close(mds_device_run_t *run)
{
    if (run != NULL) {
        close(run->fd);
        mds_device_run_unload(run);
        free(run);
    }
}

bool
mds_device_run_is_damaged(const mds_device_run_t *run)
{
    return run->damaged;
}

const mds_device_facts_t *
mds_device_run_facts(const mds_device_run_t *run)
{
    return &run->facts;
}

/* Reads a part of the file into new memory. */
static mds_status_t
mds_run_read_part(mds_device_run_t *run, uint64_t at, uint64_t end,
                  mds_error_t *err, uint8_t **part)
{
    size_t       len = (size_t) (end - at);
    uint8_t     *bytes = malloc(len + 1);
    mds_status_t status;

    if (bytes == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_run_read(run, at, bytes, len, err);

    if (status != MDS_OK) {
        free(bytes);
        return status;
    }

    *part = bytes;
    return MDS_OK;
}

/* Reads a text with its length from *next. Returns false if there is none. */
static bool
mds_run_take_text(const uint8_t **next, const uint8_t *end, size_t max,
                  mds_str_t *text)
{
    size_t len;

    if (end - *next < 2) {
        return false;
    }

    len = (size_t) ((*next)[0] << 8 | (*next)[1]);

    if (len > max || len > (size_t) (end - *next) - 2) {
        return false;
    }

    *text = (mds_str_t){ len, (const char *) *next + 2 };
    *next += 2 + len;
    return true;
}

static mds_status_t
mds_run_read_profiles(mds_device_run_t *run, mds_error_t *err)
{
    const mds_device_facts_t *facts = &run->facts;
    const uint8_t            *next, *end;
    mds_status_t status = mds_run_read_part(run, facts->profiles_at,
                                            facts->users_at, err, &run->texts);

    if (status != MDS_OK) {
        return status;
    }

    run->profiles
        = calloc((size_t) facts->profiles + 1, sizeof(*run->profiles));

    if (run->profiles == NULL) {
        return mds_fail_memory(err);
    }

    next = run->texts;
    end = next + (facts->users_at - facts->profiles_at);

    for (uint64_t i = 0; i < facts->profiles; i++) {
        mds_device_profile_t *profile = &run->profiles[i];

        if (!mds_run_take_text(&next, end, MDS_APP_MAX, &profile->app)
            || !mds_run_take_text(&next, end, MDS_VALUE_MAX, &profile->platform)
            || !mds_run_take_text(&next, end, MDS_VALUE_MAX, &profile->version))
        {
            return mds_run_fail_damaged(run, "its profiles are not valid", err);
        }
    }

    return MDS_OK;
}

mds_status_t
mds_run_load(mds_device_run_t *run, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (run->profiles == NULL) {
        free(run->texts);
        run->texts = NULL;
        status = mds_run_read_profiles(run, err);

        if (status != MDS_OK) {
            free(run->profiles);
            run->profiles = NULL;
        }
    }

    if (status == MDS_OK && run->index == NULL) {
        status = mds_run_read_part(run, run->facts.index_at,
                                   run->facts.profiles_at, err, &run->index);
    }

    return status;
}

/* Users */

static mds_status_t
mds_run_read_user(mds_device_run_t *run, uint64_t i, mds_error_t *err,
                  uint32_t *user_hash, uint32_t *block)
{
    uint8_t      entry[MDS_RUN_USER_ENTRY];
    mds_status_t status
        = mds_run_read(run, run->facts.users_at + i * sizeof(entry), entry,
                       sizeof(entry), err);

    if (status == MDS_OK) {
        *user_hash = mds_load_be32(entry);
        *block = mds_load_be32(entry + 4);
    }

    return status;
}

mds_status_t
mds_device_run_find_user(mds_device_run_t *run, uint32_t user_hash,
                         mds_device_block_t visit, void *data, mds_error_t *err)
{
    uint64_t     low = 0, high = run->facts.users;
    uint64_t     next = 0; /* the first block that was not visited */
    uint32_t     found, block;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && low < high) {
        uint64_t middle = low + (high - low) / 2;

        status = mds_run_read_user(run, middle, err, &found, &block);

        if (status == MDS_OK && found < user_hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    for (; status == MDS_OK && low < run->facts.users; low++) {
        status = mds_run_read_user(run, low, err, &found, &block);

        if (status != MDS_OK || found != user_hash) {
            break;
        }

        /* The blocks of a user are in order, so none is visited twice. */
        if (block + UINT64_C(1) < next) {
            return mds_run_fail_damaged(run, "its users are not in order", err);
        }

        if (block >= next) {
            status = visit(data, run, block, err);
            next = block + UINT64_C(1);
        }
    }

    return status;
}

/* Hashes the tables a piece at a time. */
mds_status_t
mds_device_run_check_tables(mds_device_run_t *run, mds_error_t *err)
{
    static const uint64_t chunk = MDS_RUN_CHUNK;
    uint8_t              *bytes = malloc(chunk);
    uint64_t              hash = 0, at = run->facts.index_at;
    mds_status_t status = bytes == NULL ? mds_fail_memory(err) : MDS_OK;

    while (status == MDS_OK && at < run->facts.users_end) {
        uint64_t left = run->facts.users_end - at;
        size_t   len = (size_t) (left < chunk ? left : chunk);

        status = mds_run_read(run, at, bytes, len, err);

        if (status == MDS_OK) {
            hash = mds_run_hash_on(hash, bytes, len);
        }

        at += len;
    }

    free(bytes);
    (void) posix_fadvise(run->fd, (off_t) run->facts.users_at,
                         (off_t) (run->facts.users_end - run->facts.users_at),
                         POSIX_FADV_DONTNEED);

    return status == MDS_OK && hash != run->facts.tables_hash
               ? mds_run_fail_damaged(run,
                                      "its tables are not what was written",
                                      err)
               : status;
}
