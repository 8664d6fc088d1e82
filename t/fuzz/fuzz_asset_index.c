/*
 * Indexes of assets. The first byte says whether the counts of what follows are
 * made to fit its length; the others are the index, and its end is a path. What
 * is read lies inside the bytes, and each asset is found by a search for it.
 */

#include "base/mds_asset_index.h"
#include "base/mds_endian.h"
#include "fuzz.h"

#define HEAD_BYTES 48
#define FIT 1   /* the magic, and counts */
#define RANGE 2 /* the deltas of each asset, too */

/* Makes the counts, and perhaps each asset's deltas, fit the length. */
static size_t
fit(uint8_t *bytes, size_t len, uint8_t how)
{
    uint32_t            count, deltas;
    mds_asset_record_t *assets;

    if (len < HEAD_BYTES) {
        return len;
    }

    memcpy(bytes, MDS_ASSET_MAGIC, 8);
    count = (uint32_t) ((len - HEAD_BYTES) / sizeof(*assets));
    count = count > 0 ? bytes[11] % (count + 1) : 0;
    deltas = (uint32_t) ((len - HEAD_BYTES - count * sizeof(*assets))
                         / sizeof(mds_sha256_t));
    mds_store_be32(bytes + 8, count);
    mds_store_be32(bytes + 12, deltas);
    assets = (mds_asset_record_t *) (bytes + HEAD_BYTES);

    for (uint32_t i = 0; (how & RANGE) != 0 && i < count; i++) {
        uint32_t first = assets[i].first[3] % (deltas + 1);

        mds_store_be32(assets[i].path.bytes, i);
        mds_store_be32(assets[i].first, first);
        mds_store_be32(assets[i].count,
                       assets[i].count[3] % (deltas - first + 1));
    }

    return HEAD_BYTES + count * sizeof(*assets) + deltas * sizeof(mds_sha256_t);
}

static void
check(const mds_asset_index_t *index, mds_str_t bytes)
{
    mds_sha256_t none = { .bytes = { 0 } };

    fuzz_must(fuzz_inside((mds_str_t){ index->count * sizeof(*index->assets),
                                       (const char *) index->assets },
                          bytes.data, bytes.len));

    for (uint32_t i = 0; i < index->count; i++) {
        const mds_asset_record_t *asset = &index->assets[i];
        uint32_t                  first = mds_load_be32(asset->first);
        uint32_t                  count = mds_load_be32(asset->count);

        fuzz_must(
            fuzz_inside((mds_str_t){ count * sizeof(mds_sha256_t),
                                     (const char *) (index->deltas + first) },
                        bytes.data, bytes.len));
        (void) mds_asset_has_delta(index, asset, &none);

        for (uint32_t delta = first; delta < first + count; delta++) {
            fuzz_must(mds_asset_has_delta(index, asset, &index->deltas[delta]));
        }
    }
}

/* Checks that the index has the path exactly if a record has its digest. */
static void
check_find(const mds_asset_index_t *index, mds_str_t path)
{
    const mds_asset_record_t *found = mds_asset_index_find(index, path);
    const mds_asset_record_t *expected = NULL;
    mds_sha256_t              sha256;

    mds_sha256(path.data, path.len, &sha256);

    for (uint32_t i = 0; i < index->count; i++) {
        if (mds_sha256_eq(&index->assets[i].path, &sha256)) {
            expected = &index->assets[i];
        }
    }

    fuzz_must(found == expected);
}

static void
check_hash(mds_str_t path)
{
    mds_asset_hash_t hash = mds_asset_find_hash(path);

    if (hash.len == 0) {
        return;
    }

    fuzz_must(hash.len >= 8 && hash.at > 0 && hash.at + hash.len < path.len);
    fuzz_must(memchr(path.data + hash.at, '/', path.len - hash.at) == NULL);
    fuzz_must(path.data[hash.at - 1] == '.' || path.data[hash.at - 1] == '-');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_asset_index_t index;
    mds_str_t         bytes, path;
    uint8_t          *room;
    size_t            len;

    if (size == 0) {
        return 0;
    }

    room = fuzz_room(size - 1);
    memcpy(room, data + 1, size - 1);
    len = data[0] & (FIT | RANGE) ? fit(room, size - 1, data[0]) : size - 1;
    room = realloc(room, len > 0 ? len : 1);
    fuzz_must(room != NULL);

    bytes = (mds_str_t){ len, (const char *) room };
    path = (mds_str_t){ size - 1 < 64 ? size - 1 : 64, NULL };
    path.data = (const char *) data + size - path.len;
    check_hash(path);

    if (mds_asset_index_read(bytes, &index)) {
        check(&index, bytes);
        check_find(&index, path);
        check_find(&index, mds_str("index.html"));
    }

    free(room);
    return 0;
}
