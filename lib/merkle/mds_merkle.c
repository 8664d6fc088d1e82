/*
 * Makes hash trees, and makes and verifies inclusion paths.
 */

#include "merkle/mds_merkle.h"

void
mds_merkle_leaf(mds_str_t entry, mds_sha256_t *hash)
{
    mds_sha256_state_t state;

    mds_sha256_begin(&state);
    mds_sha256_add(&state, "\0", 1);
    mds_sha256_add(&state, entry.data, entry.len);
    mds_sha256_end(&state, hash);
}

void
mds_merkle_node(const mds_sha256_t *left, const mds_sha256_t *right,
                mds_sha256_t *hash)
{
    uint8_t bytes[1 + 2 * sizeof(mds_sha256_t)];

    bytes[0] = 1;
    memcpy(bytes + 1, left, sizeof(*left));
    memcpy(bytes + 1 + sizeof(*left), right, sizeof(*right));
    mds_sha256(bytes, sizeof(bytes), hash);
}

uint64_t
mds_merkle_size(uint64_t count)
{
    uint64_t size = 1;

    for (; count > 1; count = (count + 1) / 2) {
        size += count;
    }

    return size;
}

/* Makes one level from the one below. The first `same` nodes below are those of
 * the old tree; old is its level above, NULL if it has none. */
static void
mds_merkle_fill_level(const mds_sha256_t *below, uint64_t count,
                      mds_sha256_t *above, const mds_sha256_t *old,
                      uint64_t same)
{
    uint64_t i = 0;

    if (old != NULL && same >= 2) {
        i = same / 2;
        memcpy(above, old, i * sizeof(*above));
    }

    mds_merkle_nodes(&below[2 * i], count / 2 - i, &above[i]);

    if (count % 2 == 1) {
        above[count / 2] = below[count - 1];
    }
}

void
mds_merkle_fill(mds_sha256_t *levels, uint64_t count, const mds_sha256_t *old,
                uint64_t old_count, uint64_t same)
{
    if (count == 0) {
        mds_sha256("", 0, levels);
        return;
    }

    while (count > 1) {
        mds_sha256_t *above = levels + count;

        old = old == NULL || old_count <= 1 ? NULL : old + old_count;
        old_count = (old_count + 1) / 2;
        mds_merkle_fill_level(levels, count, above, old, same);

        levels = above;
        count = (count + 1) / 2;
        same /= 2;
    }
}

bool
mds_merkle_verify(const mds_sha256_t *leaf, uint64_t index, uint64_t count,
                  const mds_sha256_t *path, size_t path_len,
                  const mds_sha256_t *root)
{
    uint64_t     fn = index, sn = count - 1; /* the names of RFC 9162 */
    mds_sha256_t r = *leaf;

    if (count == 0 || index >= count || path_len > MDS_MERKLE_PATH_MAX) {
        return false;
    }

    for (size_t i = 0; i < path_len; i++) {
        if (sn == 0) {
            return false;
        }

        if (fn % 2 == 1 || fn == sn) {
            mds_merkle_node(&path[i], &r, &r);

            while (fn % 2 == 0 && fn != 0) {
                fn /= 2;
                sn /= 2;
            }
        } else {
            mds_merkle_node(&r, &path[i], &r);
        }

        fn /= 2;
        sn /= 2;
    }

    return sn == 0 && mds_sha256_eq(&r, root);
}
