/* mds_device_run: reads runs, which may be any bytes. mds_device_writer.c
 * writes them. */

#include "registry/mds_device_run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_endian.h"
#include "base/mds_siphash.h"
#include "registry/mds_device_run_internal.h"

/* Defines the bytes after which the system is told to drop what was read from
 * its cache. */
#define MDS_RUN_DROP (UINT64_C(4) << 20)

struct mds_device_run_s {
    int                   fd;
    mds_device_facts_t    facts;
    uint8_t              *index; /* NULL: not read yet */
    uint8_t              *texts; /* of the profiles */
    mds_device_profile_t *profiles;
    char                  name[MDS_DEVICE_NAME_BYTES];
};

static mds_status_t
mds_run_fail_damaged(const mds_device_run_t *run, const char *what,
                     mds_error_t *err)
{
    return mds_fail(err, MDS_DAMAGED, "\"state/devices/%s\" is damaged: %s",
                    run->name, what);
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
    status = mds_device_file_read(run->fd, run->name, bytes, &trailer,
                                  sizeof(trailer), err);

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
mds_device_run_close(mds_device_run_t *run)
{
    if (run != NULL) {
        close(run->fd);
        free(run->index);
        free(run->texts);
        free(run->profiles);
        free(run);
    }
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

    status = mds_device_file_read(run->fd, run->name, at, bytes, len, err);

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

/* Reads the index and the profiles, at first use. */
static mds_status_t
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

static uint64_t
mds_run_block_hash(const mds_device_run_t *run, uint64_t block)
{
    return mds_load_be64(run->index + block * MDS_RUN_INDEX_ENTRY);
}

static uint64_t
mds_run_block_at(const mds_device_run_t *run, uint64_t block)
{
    return block == run->facts.blocks
               ? run->facts.index_at
               : mds_load_be64(run->index + block * MDS_RUN_INDEX_ENTRY + 8);
}

/* Cursors */

void
mds_device_cursor_begin_block(mds_device_cursor_t *cursor,
                              mds_device_run_t *run, uint64_t block)
{
    cursor->run = run;
    cursor->block = block;
    cursor->len = 0;
    cursor->next = 0;
    cursor->left = 0;
    cursor->hash = 0;
}

mds_status_t
mds_device_cursor_begin(mds_device_cursor_t *cursor, mds_device_run_t *run,
                        uint64_t hash, mds_error_t *err)
{
    uint64_t     low = 0, high = run->facts.blocks;
    mds_status_t status = mds_run_load(run, err);

    if (status != MDS_OK) {
        return status;
    }

    /* Finds the last block whose first hash is below it. */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (mds_run_block_hash(run, middle) < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    mds_device_cursor_begin_block(cursor, run, low > 0 ? low - 1 : 0);
    return MDS_OK;
}

/* Tells the system now and then to drop what was read from its cache. */
static void
mds_cursor_drop_cache(const mds_device_run_t *run, uint64_t at, uint64_t end)
{
    if (at / MDS_RUN_DROP != end / MDS_RUN_DROP) {
        uint64_t from = at / MDS_RUN_DROP * MDS_RUN_DROP;

        (void) posix_fadvise(run->fd, (off_t) from, (off_t) (end - from),
                             POSIX_FADV_DONTNEED);
    }
}

static mds_status_t
mds_cursor_read_block(mds_device_cursor_t *cursor, mds_error_t *err)
{
    mds_device_run_t *run = cursor->run;
    uint8_t           head[MDS_RUN_BLOCK_HEAD];
    uint64_t          at = mds_run_block_at(run, cursor->block);
    uint64_t          end = mds_run_block_at(run, cursor->block + 1);
    mds_status_t      status = MDS_OK;

    if (at > end || end > run->facts.index_at || end - at < sizeof(head)
        || end - at - sizeof(head) > sizeof(cursor->bytes))
    {
        return mds_run_fail_damaged(run, "its index is not valid", err);
    }

    cursor->len = (size_t) (end - at) - sizeof(head);
    status
        = mds_device_file_read(run->fd, run->name, at, head, sizeof(head), err);

    if (status == MDS_OK) {
        status = mds_device_file_read(run->fd, run->name, at + sizeof(head),
                                      cursor->bytes, cursor->len, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (mds_load_be32(head) != cursor->len
        || mds_load_be64(head + 8) != mds_run_hash(cursor->bytes, cursor->len))
    {
        return mds_run_fail_damaged(run, "a block is not what was written",
                                    err);
    }

    mds_cursor_drop_cache(run, at, end);
    cursor->left = mds_load_be32(head + 4);
    cursor->next = 0;
    cursor->block++;
    return MDS_OK;
}

mds_status_t
mds_device_cursor_next(mds_device_cursor_t *cursor, mds_error_t *err)
{
    mds_device_run_t *run = cursor->run;
    uint64_t          before = cursor->hash;
    size_t            n;
    mds_status_t      status = mds_run_load(run, err);

    if (status == MDS_OK && cursor->left == 0) {
        if (cursor->block >= run->facts.blocks) {
            return MDS_NOT_FOUND;
        }

        status = mds_cursor_read_block(cursor, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    n = cursor->left == 0
            ? 0
            : mds_device_decode(cursor->bytes + cursor->next,
                                cursor->len - cursor->next, run->profiles,
                                (size_t) run->facts.profiles, &cursor->copy);

    if (n == 0) {
        return mds_run_fail_damaged(run,
                                    "a block has a record that is not valid",
                                    err);
    }

    cursor->next += n;
    cursor->left--;
    cursor->hash
        = mds_device_hash(cursor->copy.device.app, cursor->copy.device.device);

    return cursor->hash >= before
               ? MDS_OK
               : mds_run_fail_damaged(run, "its devices are not in order", err);
}

/* Users */

static mds_status_t
mds_run_read_user(mds_device_run_t *run, uint64_t i, mds_error_t *err,
                  uint32_t *user_hash, uint32_t *block)
{
    uint8_t      entry[MDS_RUN_USER_ENTRY];
    mds_status_t status
        = mds_device_file_read(run->fd, run->name,
                               run->facts.users_at + i * sizeof(entry), entry,
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
    uint32_t     found, block, before = UINT32_MAX;
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

        /* Blocks of the same user are in order. */
        if (block != before) {
            status = visit(data, run, block, err);
            before = block;
        }
    }

    return status;
}

/* Check of a whole run */

/* Hashes the tables between blocks and trailer, a piece at a time. */
static mds_status_t
mds_run_check_tables(mds_device_run_t *run, mds_error_t *err)
{
    static const uint64_t chunk = MDS_RUN_CHUNK;
    uint8_t              *bytes = malloc(chunk);
    uint64_t              hash = 0, at = run->facts.index_at;
    mds_status_t status = bytes == NULL ? mds_fail_memory(err) : MDS_OK;

    while (status == MDS_OK && at < run->facts.users_end) {
        uint64_t left = run->facts.users_end - at;
        size_t   len = (size_t) (left < chunk ? left : chunk);

        status = mds_device_file_read(run->fd, run->name, at, bytes, len, err);

        if (status == MDS_OK) {
            hash = mds_run_hash_on(hash, bytes, len);
        }

        at += len;
    }

    free(bytes);

    return status == MDS_OK && hash != run->facts.tables_hash
               ? mds_run_fail_damaged(run,
                                      "its tables are not what was written",
                                      err)
               : status;
}

mds_status_t
mds_device_run_check(mds_device_run_t *run, mds_error_t *err)
{
    mds_device_cursor_t *cursor = malloc(sizeof(*cursor));
    uint64_t             devices = 0, users = 0, forgotten = 0;
    mds_status_t         status = cursor == NULL
                                      ? mds_fail_memory(err)
                                      : mds_device_cursor_begin(cursor, run, 0, err);

    if (status == MDS_OK) {
        status = mds_run_check_tables(run, err);
    }

    while (status == MDS_OK) {
        status = mds_device_cursor_next(cursor, err);

        if (status == MDS_OK) {
            devices++;
            users += cursor->copy.device.user.len > 0 ? 1 : 0;
            forgotten += cursor->copy.device.forgotten ? 1 : 0;
        }
    }

    free(cursor);

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    return devices == run->facts.devices && users == run->facts.users
                   && forgotten == run->facts.forgotten
               ? MDS_OK
               : mds_run_fail_damaged(run, "it has not what its trailer says",
                                      err);
}
