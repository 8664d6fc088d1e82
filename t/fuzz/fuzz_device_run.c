/*
 * A run of devices, whatever it is: it is refused, or read to its end, and
 * found by hash and by user; what is found is valid. So that more than the
 * trailer is looked at, its hash is made right where the first byte asks for
 * it, and so are those of the blocks.
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_endian.h"
#include "fuzz.h"
#include "registry/mds_device_merge.h"
#include "registry/mds_device_run_internal.h"

#define NAME "run-9-0000000000000001-00000000"

/* Makes the hashes of the trailer and of the blocks of the index right. */
static void
mend(uint8_t *bytes, size_t size)
{
    mds_device_trailer_t trailer;
    uint64_t             index_at, blocks;

    if (size < sizeof(trailer)) {
        return;
    }

    memcpy(&trailer, bytes + size - sizeof(trailer), sizeof(trailer));
    memcpy(trailer.magic, MDS_RUN_MAGIC, sizeof(trailer.magic));
    mds_store_be64(trailer.hash, mds_trailer_hash(&trailer));
    memcpy(bytes + size - sizeof(trailer), &trailer, sizeof(trailer));
    index_at = mds_load_be64(trailer.index_at);
    blocks = mds_load_be64(trailer.blocks);

    for (uint64_t i = 0; i < blocks && i < 16; i++) {
        uint64_t entry = index_at + i * MDS_RUN_INDEX_ENTRY, at, len;

        if (entry > size || size - entry < MDS_RUN_INDEX_ENTRY) {
            return;
        }

        at = mds_load_be64(bytes + entry + 8);

        if (at > size || size - at < MDS_RUN_BLOCK_HEAD) {
            return;
        }

        len = mds_load_be32(bytes + at);

        if (len <= size - at - MDS_RUN_BLOCK_HEAD) {
            mds_store_be64(bytes + at + 8,
                           mds_run_hash(bytes + at + MDS_RUN_BLOCK_HEAD,
                                        (size_t) len));
        }
    }
}

static mds_status_t
visit(void *data, mds_device_run_t *run, uint64_t block, mds_error_t *err)
{
    mds_device_cursor_t *cursor = data;

    mds_device_cursor_begin_block(cursor, run, block);
    return mds_device_cursor_next(cursor, err);
}

static void
look_up(mds_device_run_t *run, mds_device_cursor_t *cursor, uint64_t hash,
        uint32_t user_hash)
{
    if (mds_device_cursor_begin(cursor, run, hash, NULL) == MDS_OK) {
        (void) !mds_device_cursor_next(cursor, NULL);
    }

    (void) !mds_device_run_find_user(run, user_hash, visit, cursor, NULL);
}

static void
read_all(mds_device_run_t *run)
{
    mds_device_part_t   part = { .run = run };
    mds_device_merge_t *merge;
    mds_device_item_t   item;
    uint64_t            before = 0;

    fuzz_must(mds_device_merge_new(0, NULL, &merge) == MDS_OK);
    fuzz_must(mds_device_merge_add_parts(merge, &part, 1, NULL) == MDS_OK);

    while (mds_device_merge_next(merge, NULL, &item) == MDS_OK) {
        fuzz_must(item.hash >= before);
        fuzz_must(mds_device_is_valid(item.device));
        fuzz_read(item.device->app);
        fuzz_read(item.device->device);
        fuzz_read(item.device->user);
        fuzz_read(item.device->platform);
        fuzz_read(item.device->version);
        before = item.hash;
    }

    mds_device_merge_free(merge);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mds_device_cursor_t cursor;
    mds_device_run_t          *run;
    uint8_t                   *bytes;
    int                        dir, fd;

    if (size < 13) {
        return 0;
    }

    bytes = fuzz_room(size - 13);
    memcpy(bytes, data + 13, size - 13);

    if (data[0] & 1) {
        mend(bytes, size - 13);
    }

    fuzz_folder_clear();
    dir = open(fuzz_folder(), O_RDONLY | O_DIRECTORY);
    fuzz_must(mds_device_file_create(dir, NAME, NULL, &fd) == MDS_OK);
    fuzz_must(mds_device_file_write(fd, NAME, bytes, size - 13, NULL)
              == MDS_OK);
    close(fd);

    if (mds_device_run_open(dir, NAME, NULL, &run) == MDS_OK) {
        (void) !mds_device_run_check(run, NULL);
        read_all(run);
        look_up(run, &cursor, mds_load_be64(data + 1),
                mds_load_be32(data + 9));
        mds_device_run_close(run);
    }

    close(dir);
    free(bytes);
    return 0;
}
