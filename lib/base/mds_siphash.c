/*
 * SipHash-2-4 twice: in scalar registers, for a key or a short id, and in
 * vector lanes, for many keys at a time. Both are made of the same round.
 */

#include "base/mds_siphash.h"

#include <endian.h>

#include "base/mds_word.h"

/* The words that one vector register holds. */
#define MDS_LANES (MDS_SIPHASH_LANES / 2)

typedef uint64_t mds_lanes_t
    __attribute__((vector_size(MDS_LANES * sizeof(uint64_t))));

/* The paper's v0 to v3, one lane for each key. */
typedef struct {
    mds_lanes_t v0, v1, v2, v3;
} mds_sip_t;

/* Inlines into functions that are compiled for one processor each. */
#define MDS_ALWAYS_INLINE static inline __attribute__((always_inline))

#define mds_rotate(lanes, bits) ((lanes) << (bits) | (lanes) >> (64 - (bits)))

/* One SipRound of the paper. On lanes, TYPE_rotate_16() and TYPE_rotate_32()
 * are one shuffle each, where two shifts and an or would be three instructions.
 */
#define MDS_SIP_ROUND(type, s)                                                 \
    do {                                                                       \
        (s)->v0 += (s)->v1;                                                    \
        (s)->v2 += (s)->v3;                                                    \
        (s)->v1 = mds_rotate((s)->v1, 13) ^ (s)->v0;                           \
        type##_rotate_16(&(s)->v3);                                            \
        (s)->v3 ^= (s)->v2;                                                    \
        type##_rotate_32(&(s)->v0);                                            \
        (s)->v0 += (s)->v3;                                                    \
        (s)->v2 += (s)->v1;                                                    \
        (s)->v1 = mds_rotate((s)->v1, 17) ^ (s)->v2;                           \
        (s)->v3 = mds_rotate((s)->v3, 21) ^ (s)->v0;                           \
        type##_rotate_32(&(s)->v2);                                            \
    } while (0)

/* The scalar form */

typedef struct {
    uint64_t v0, v1, v2, v3;
} mds_sip_scalar_t;

static inline void
mds_scalar_rotate_16(uint64_t *word)
{
    *word = mds_rotate(*word, 16);
}

static inline void
mds_scalar_rotate_32(uint64_t *word)
{
    *word = mds_rotate(*word, 32);
}

static inline void
mds_sip_scalar_word(mds_sip_scalar_t *s, uint64_t word)
{
    s->v3 ^= word;
    MDS_SIP_ROUND(mds_scalar, s);
    MDS_SIP_ROUND(mds_scalar, s);
    s->v0 ^= word;
}

/* A check hashes about ten short ids: inline rounds take less time than calls
 * of a library would. */
uint64_t
mds_siphash(const uint8_t key[MDS_SIPHASH_KEY], mds_str_t data)
{
    uint64_t         k0 = mds_word_load((const char *) key);
    uint64_t         k1 = mds_word_load((const char *) key + 8);
    uint64_t         last = (uint64_t) data.len << 56;
    mds_sip_scalar_t s = { k0 ^ UINT64_C(0x736f6d6570736575),
                           k1 ^ UINT64_C(0x646f72616e646f6d),
                           k0 ^ UINT64_C(0x6c7967656e657261),
                           k1 ^ UINT64_C(0x7465646279746573) };

    for (; data.len >= 8; data.data += 8, data.len -= 8) {
        mds_sip_scalar_word(&s, mds_word_load(data.data));
    }

    mds_sip_scalar_word(&s, last | mds_word_load_part(data.data, data.len));
    s.v2 ^= 0xff;
    MDS_SIP_ROUND(mds_scalar, &s);
    MDS_SIP_ROUND(mds_scalar, &s);
    MDS_SIP_ROUND(mds_scalar, &s);
    MDS_SIP_ROUND(mds_scalar, &s);

    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* The lanes */

typedef uint16_t mds_lanes_16_t
    __attribute__((vector_size(sizeof(mds_lanes_t))));
typedef uint32_t mds_lanes_32_t
    __attribute__((vector_size(sizeof(mds_lanes_t))));

/* Each word's quarters move up by one, and the upper one becomes the lowest. */
MDS_ALWAYS_INLINE void
mds_lanes_rotate_16(mds_lanes_t *lanes)
{
    mds_lanes_16_t q = (mds_lanes_16_t) *lanes;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    q = __builtin_shufflevector(q, q, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15,
                                12, 13, 14);
#else
    q = __builtin_shufflevector(q, q, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13,
                                14, 15, 12);
#endif

    *lanes = (mds_lanes_t) q;
}

/* Each word's halves change places. */
MDS_ALWAYS_INLINE void
mds_lanes_rotate_32(mds_lanes_t *lanes)
{
    mds_lanes_32_t halves = (mds_lanes_32_t) *lanes;

    *lanes = (mds_lanes_t) __builtin_shufflevector(halves, halves, 1, 0, 3, 2,
                                                   5, 4, 7, 6);
}

MDS_ALWAYS_INLINE void
mds_sip_begin(mds_sip_t *s, const uint8_t *keys)
{
    uint64_t    words[2 * MDS_LANES];
    mds_lanes_t a, b, k0, k1;

    memcpy(words, keys, sizeof(words));

    for (int i = 0; i < 2 * MDS_LANES; i++) {
        words[i] = le64toh(words[i]);
    }

    memcpy(&a, words, sizeof(a));
    memcpy(&b, words + MDS_LANES, sizeof(b));
    k0 = __builtin_shufflevector(a, b, 0, 2, 4, 6);
    k1 = __builtin_shufflevector(a, b, 1, 3, 5, 7);

    s->v0 = k0 ^ UINT64_C(0x736f6d6570736575);
    s->v1 = k1 ^ UINT64_C(0x646f72616e646f6d);
    s->v2 = k0 ^ UINT64_C(0x6c7967656e657261);
    s->v3 = k1 ^ UINT64_C(0x7465646279746573);
}

/* Runs two rounds of two states, which do not wait for each other. */
MDS_ALWAYS_INLINE void
mds_sip_rounds(mds_sip_t s[2])
{
    MDS_SIP_ROUND(mds_lanes, &s[0]);
    MDS_SIP_ROUND(mds_lanes, &s[1]);
    MDS_SIP_ROUND(mds_lanes, &s[0]);
    MDS_SIP_ROUND(mds_lanes, &s[1]);
}

MDS_ALWAYS_INLINE void
mds_sip_word(mds_sip_t s[2], uint64_t word)
{
    s[0].v3 ^= word;
    s[1].v3 ^= word;
    mds_sip_rounds(s);
    s[0].v0 ^= word;
    s[1].v0 ^= word;
}

MDS_ALWAYS_INLINE void
mds_sip_end(const mds_sip_t *s, uint64_t *digests)
{
    mds_lanes_t all = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;

    memcpy(digests, &all, sizeof(all));
}

/* Returns the last word: the bytes after the last whole one, and the length. */
MDS_ALWAYS_INLINE uint64_t
mds_sip_last(mds_str_t data)
{
    size_t rest = data.len % 8;

    return mds_word_load_part(data.data + data.len - rest, rest)
           | (uint64_t) data.len << 56;
}

MDS_ALWAYS_INLINE void
mds_sip_lanes(const uint8_t *keys, mds_str_t data, uint64_t last,
              uint64_t *digests)
{
    mds_sip_t s[2];

    mds_sip_begin(&s[0], keys);
    mds_sip_begin(&s[1], keys + MDS_LANES * MDS_SIPHASH_KEY);

    for (size_t i = 0; i + 8 <= data.len; i += 8) {
        mds_sip_word(s, mds_word_load(data.data + i));
    }

    mds_sip_word(s, last);
    s[0].v2 ^= UINT64_C(0xff);
    s[1].v2 ^= UINT64_C(0xff);
    mds_sip_rounds(s);
    mds_sip_rounds(s);
    mds_sip_end(&s[0], digests);
    mds_sip_end(&s[1], digests + MDS_LANES);
}

MDS_ALWAYS_INLINE void
mds_sip(const uint8_t *keys, size_t count, mds_str_t data, uint64_t *digests)
{
    uint64_t last = mds_sip_last(data);

    for (size_t i = 0; i < count; i += MDS_SIPHASH_LANES) {
        mds_sip_lanes(keys + i * MDS_SIPHASH_KEY, data, last, digests + i);
    }
}

#if defined(__x86_64__)

static __attribute__((target("avx512vl"))) void
mds_sip_avx512(const uint8_t *keys, size_t count, mds_str_t data,
               uint64_t *digests)
{
    mds_sip(keys, count, data, digests);
}

static __attribute__((target("avx2"))) void
mds_sip_avx2(const uint8_t *keys, size_t count, mds_str_t data,
             uint64_t *digests)
{
    mds_sip(keys, count, data, digests);
}

void
mds_siphash_lanes(const uint8_t *keys, size_t count, mds_str_t data,
                  uint64_t *digests)
{
    if (__builtin_cpu_supports("avx512vl")) {
        mds_sip_avx512(keys, count, data, digests);
    } else if (__builtin_cpu_supports("avx2")) {
        mds_sip_avx2(keys, count, data, digests);
    } else {
        mds_sip(keys, count, data, digests);
    }
}

#else

void
mds_siphash_lanes(const uint8_t *keys, size_t count, mds_str_t data,
                  uint64_t *digests)
{
    mds_sip(keys, count, data, digests);
}

#endif
