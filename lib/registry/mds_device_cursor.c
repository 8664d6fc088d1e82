/* mds_device_cursor: reads the devices of a run, block by block. */

#include <fcntl.h>
#include <stdlib.h>

#include "registry/mds_device_run_internal.h"

/* Defines the bytes after which the system is told to drop what was read from
 * its cache. */
#define MDS_RUN_DROP (UINT64_C(4) << 20)

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
    status = mds_run_read(run, at, head, sizeof(head), err);

    if (status == MDS_OK) {
        status = mds_run_read(run, at + sizeof(head), cursor->bytes,
                              cursor->len, err);
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

    if (cursor->left == 0 && cursor->next != cursor->len) {
        return mds_run_fail_damaged(run, "a block has more than its records",
                                    err);
    }

    cursor->hash
        = mds_device_hash(cursor->copy.device.app, cursor->copy.device.device);

    return cursor->hash >= before
               ? MDS_OK
               : mds_run_fail_damaged(run, "its devices are not in order", err);
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
        status = mds_device_run_check_tables(run, err);
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
