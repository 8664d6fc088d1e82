/*
 * Hashes many nodes at a time: SHA-256 (FIPS 180-4) of eight messages side by
 * side, in the lanes of vector registers. A change of a large tree hashes tens
 * of thousands of nodes, which is most of the time that it takes; libsodium
 * hashes one message at a time, without vectors.
 */

#include "merkle/mds_merkle.h"

#include <endian.h>

#define MDS_LANES 8

/* A node's message, 0x01 || left || right, is padded to two blocks. */
#define MDS_NODE_MESSAGE_BYTES (1 + 2 * sizeof(mds_sha256_t))
#define MDS_BLOCK_WORDS 16
#define MDS_NODE_WORDS (2 * MDS_BLOCK_WORDS)
#define MDS_STATE_WORDS 8

/* Inlines into functions that are compiled for one processor each. */
#define MDS_ALWAYS_INLINE static inline __attribute__((always_inline))

/* One word of each of the messages. */
typedef uint32_t mds_lanes_t
    __attribute__((vector_size(MDS_LANES * sizeof(uint32_t))));

static const uint32_t mds_sha256_constants[64]
    = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
        0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
        0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
        0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
        0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
        0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
        0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
        0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

static const uint32_t mds_sha256_initial[MDS_STATE_WORDS]
    = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

#define mds_rotate(x, bits) ((x) >> (bits) | (x) << (32 - (bits)))

/* The functions of FIPS 180-4, 4.1.2. */
#define mds_choose(x, y, z) (((x) & ((y) ^ (z))) ^ (z))
#define mds_majority(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define mds_big_sigma_0(x)                                                     \
    (mds_rotate(x, 2) ^ mds_rotate(x, 13) ^ mds_rotate(x, 22))
#define mds_big_sigma_1(x)                                                     \
    (mds_rotate(x, 6) ^ mds_rotate(x, 11) ^ mds_rotate(x, 25))
#define mds_small_sigma_0(x) (mds_rotate(x, 7) ^ mds_rotate(x, 18) ^ (x) >> 3)
#define mds_small_sigma_1(x) (mds_rotate(x, 17) ^ mds_rotate(x, 19) ^ (x) >> 10)

/* Processes a block of each message (6.2.2). The block is overwritten. */
MDS_ALWAYS_INLINE void
mds_lanes_block(mds_lanes_t state[MDS_STATE_WORDS],
                mds_lanes_t block[MDS_BLOCK_WORDS])
{
    mds_lanes_t a = state[0], b = state[1], c = state[2], d = state[3];
    mds_lanes_t e = state[4], f = state[5], g = state[6], h = state[7];

#pragma GCC unroll 16
    for (unsigned t = 0; t < 64; t++) {
        mds_lanes_t *w = &block[t % MDS_BLOCK_WORDS];
        mds_lanes_t  t1, t2;

        if (t >= MDS_BLOCK_WORDS) {
            *w += mds_small_sigma_1(block[(t + 14) % MDS_BLOCK_WORDS])
                  + block[(t + 9) % MDS_BLOCK_WORDS]
                  + mds_small_sigma_0(block[(t + 1) % MDS_BLOCK_WORDS]);
        }

        t1 = h + mds_big_sigma_1(e) + mds_choose(e, f, g)
             + mds_sha256_constants[t] + *w;
        t2 = mds_big_sigma_0(a) + mds_majority(a, b, c);
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }

    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

/* Hashes MDS_LANES nodes. */
MDS_ALWAYS_INLINE void
mds_lanes_nodes(const mds_sha256_t *below, mds_sha256_t *above)
{
    mds_lanes_t state[MDS_STATE_WORDS], words[MDS_NODE_WORDS];
    uint8_t     message[MDS_NODE_WORDS * sizeof(uint32_t)] = { 1 };
    uint32_t    word;

    message[MDS_NODE_MESSAGE_BYTES] = 0x80;
    word = htobe32(8 * MDS_NODE_MESSAGE_BYTES);
    memcpy(message + sizeof(message) - sizeof(word), &word, sizeof(word));

    for (size_t lane = 0; lane < MDS_LANES; lane++) {
        memcpy(message + 1, &below[2 * lane], 2 * sizeof(*below));

        for (size_t i = 0; i < MDS_NODE_WORDS; i++) {
            memcpy(&word, message + i * sizeof(word), sizeof(word));
            words[i][lane] = be32toh(word);
        }
    }

    for (size_t i = 0; i < MDS_STATE_WORDS; i++) {
        state[i] = (mds_lanes_t){ 0 } + mds_sha256_initial[i];
    }

    mds_lanes_block(state, words);
    mds_lanes_block(state, words + MDS_BLOCK_WORDS);

    for (size_t lane = 0; lane < MDS_LANES; lane++) {
        for (size_t i = 0; i < MDS_STATE_WORDS; i++) {
            word = htobe32(state[i][lane]);
            memcpy(above[lane].bytes + i * sizeof(word), &word, sizeof(word));
        }
    }
}

MDS_ALWAYS_INLINE void
mds_nodes(const mds_sha256_t *below, uint64_t count, mds_sha256_t *above)
{
    uint64_t i = 0;

    for (; count - i >= MDS_LANES; i += MDS_LANES) {
        mds_lanes_nodes(&below[2 * i], &above[i]);
    }

    for (; i < count; i++) {
        mds_merkle_node(&below[2 * i], &below[2 * i + 1], &above[i]);
    }
}

#if defined(__x86_64__)

static __attribute__((target("avx512vl"))) void
mds_nodes_avx512(const mds_sha256_t *below, uint64_t count, mds_sha256_t *above)
{
    mds_nodes(below, count, above);
}

static __attribute__((target("avx2"))) void
mds_nodes_avx2(const mds_sha256_t *below, uint64_t count, mds_sha256_t *above)
{
    mds_nodes(below, count, above);
}

void
mds_merkle_nodes(const mds_sha256_t *below, uint64_t count, mds_sha256_t *above)
{
    if (__builtin_cpu_supports("avx512vl")) {
        mds_nodes_avx512(below, count, above);
    } else if (__builtin_cpu_supports("avx2")) {
        mds_nodes_avx2(below, count, above);
    } else {
        mds_nodes(below, count, above);
    }
}

#else

void
mds_merkle_nodes(const mds_sha256_t *below, uint64_t count, mds_sha256_t *above)
{
    mds_nodes(below, count, above);
}

#endif
