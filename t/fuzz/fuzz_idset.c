/*
 * A list's environment: bits and count, a hash, and the chunk in which it is
 * looked for. Out of order, a chunk may hide a hash, but never invents one.
 */

#include "fuzz.h"
#include "idset/mds_idset.h"
#include "lmdb/mds_seal.h"

enum { INFO, HASH };

/* In place of the file: only what is in it matters here. */
mds_status_t
mds_seal_check(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
               bool full, mds_error_t *err, mds_file_id_t *mark)
{
    (void) path, (void) identity, (void) full, (void) err, (void) mark;
    return MDS_OK;
}

static bool
holds(mds_str_t chunk, uint64_t hash, bool *ordered)
{
    uint64_t value, before = 0;
    bool     found = false;

    *ordered = true;

    for (size_t i = 0; i < chunk.len; i += sizeof(value)) {
        memcpy(&value, chunk.data + i, sizeof(value));
        *ordered = *ordered && (i == 0 || value > before);
        found = found || value == hash;
        before = value;
    }

    return found;
}

static void
look(mds_str_t chunk, unsigned bits, uint64_t hash)
{
    mds_idset_t      *list;
    const mds_sha256_t name = { { 0 } };
    char               key[2];
    bool               in, ordered, there;

    if (bits <= 12) {
        key[0] = (char) (hash >> 1 >> (63 - bits) >> 8);
        key[1] = (char) (hash >> 1 >> (63 - bits));
        fuzz_table_put(HASH, (mds_str_t){ 2, key }, chunk);
    }

    if (mds_idset_open("/nowhere", &name, NULL, &list) != MDS_OK) {
        fuzz_must(bits > 12);
        return;
    }

    if (mds_idset_contains(list, hash, NULL, &in) != MDS_OK) {
        fuzz_must(chunk.len % sizeof(hash) != 0);
    } else {
        there = holds(chunk, hash, &ordered);
        fuzz_must(!in || there);
        fuzz_must(!ordered || in == there);
    }

    mds_idset_close(list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t hash;
    uint8_t  info[16] = { 0 };

    if (size <= sizeof(hash)) {
        return 0;
    }

    memcpy(&hash, data + 1, sizeof(hash));
    info[0] = data[0];

    fuzz_table_clear();
    fuzz_table_put(INFO, mds_str("list"),
                   (mds_str_t){ sizeof(info), (const char *) info });
    look((mds_str_t){ size - 9, (const char *) data + 9 }, data[0], hash);
    fuzz_table_clear();

    return 0;
}
