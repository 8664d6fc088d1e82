/*
 * Reads indexes of assets. What is read was checked to lie inside the bytes.
 */

#include "base/mds_asset_index.h"

#include "base/mds_endian.h"

/* Characters of the shortest hash. */
#define MDS_ASSET_HASH_MIN 8

typedef struct __attribute__((packed)) {
    char    magic[8];
    uint8_t assets[4];
    uint8_t deltas[4];
    uint8_t key[MDS_ASSET_KEY_BYTES];
} mds_asset_head_t;

bool
mds_asset_index_read(mds_str_t bytes, mds_asset_index_t *index)
{
    static const uint8_t    none[MDS_ASSET_KEY_BYTES] = { 0 };
    const mds_asset_head_t *head = (const mds_asset_head_t *) bytes.data;
    uint64_t                count, deltas;
    mds_asset_index_t       read;

    if (bytes.len < sizeof(*head) || bytes.len > MDS_ASSET_INDEX_MAX
        || memcmp(head->magic, MDS_ASSET_MAGIC, sizeof(head->magic)) != 0)
    {
        return false;
    }

    count = mds_load_be32(head->assets);
    deltas = mds_load_be32(head->deltas);

    if (bytes.len
        != sizeof(*head) + count * sizeof(mds_asset_record_t)
               + deltas * sizeof(mds_sha256_t))
    {
        return false;
    }

    read.assets = (const mds_asset_record_t *) (head + 1);
    read.deltas = (const mds_sha256_t *) (read.assets + count);
    read.count = (uint32_t) count;
    read.key = memcmp(head->key, none, sizeof(none)) == 0 ? NULL : head->key;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = mds_load_be32(read.assets[i].first);

        if (first + mds_load_be32(read.assets[i].count) > deltas
            || (i > 0
                && memcmp(&read.assets[i - 1].path, &read.assets[i].path,
                          sizeof(mds_sha256_t))
                       >= 0))
        {
            return false;
        }
    }

    *index = read;
    return true;
}

const mds_asset_record_t *
mds_asset_index_find(const mds_asset_index_t *index, mds_str_t path)
{
    uint32_t     low = 0, high = index->count;
    mds_sha256_t digest;

    mds_sha256(path.data, path.len, &digest);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int cmp = memcmp(&index->assets[middle].path, &digest, sizeof(digest));

        if (cmp == 0) {
            return &index->assets[middle];
        }

        if (cmp < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return NULL;
}

bool
mds_asset_has_delta(const mds_asset_index_t  *index,
                    const mds_asset_record_t *asset, const mds_sha256_t *from)
{
    const mds_sha256_t *delta = index->deltas + mds_load_be32(asset->first);

    for (uint32_t i = 0; i < mds_load_be32(asset->count); i++) {
        if (mds_sha256_eq(&delta[i], from)) {
            return true;
        }
    }

    return false;
}

static bool
mds_asset_is_hash_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Returns whether so many characters look like a hash: a word of letters of one
 * case does not. */
static bool
mds_asset_is_hash(const char *text, size_t len)
{
    bool digit = false, lower = false, upper = false;

    for (size_t i = 0; i < len; i++) {
        if (!mds_asset_is_hash_char(text[i])) {
            return false;
        }

        digit = digit || (text[i] >= '0' && text[i] <= '9');
        lower = lower || (text[i] >= 'a' && text[i] <= 'z');
        upper = upper || (text[i] >= 'A' && text[i] <= 'Z');
    }

    return len >= MDS_ASSET_HASH_MIN && (digit || (lower && upper));
}

mds_asset_hash_t
mds_asset_find_hash(mds_str_t path)
{
    mds_asset_hash_t hash = { 0 };
    size_t           begin = path.len;

    while (begin > 0 && path.data[begin - 1] != '/') {
        begin--;
    }

    /* The parts between '.' and '-' behind the first one; the last one counts.
     */
    for (size_t at = begin, start = begin; at <= path.len; at++) {
        if (at < path.len && path.data[at] != '.' && path.data[at] != '-') {
            continue;
        }

        if (start > begin && at < path.len
            && mds_asset_is_hash(path.data + start, at - start))
        {
            hash = (mds_asset_hash_t){ start, at - start };
        }

        start = at + 1;
    }

    return hash;
}
