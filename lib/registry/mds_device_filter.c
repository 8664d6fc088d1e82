/* mds_device_filter: looks up, adds and removes words of the filter. */

#include "registry/mds_device_filter.h"

#include "base/mds_digest.h"

#define MDS_FILTER_WORDS 16        /* of a bucket */
#define MDS_FILTER_BUCKETS_MIN 512 /* a power of two */
#define MDS_FILTER_LEVEL_MAX 32

#define MDS_FILTER_TAG_SHIFT 18
#define MDS_FILTER_DAY_SHIFT 16
#define MDS_FILTER_DAY_BITS (UINT32_C(3) << MDS_FILTER_DAY_SHIFT)
#define MDS_FILTER_STATE_BITS UINT32_C(0xffff)

/* Defines the sixteenths of the words that are used when the table is doubled.
 */
#define MDS_FILTER_FULL 11

typedef _Atomic uint32_t mds_filter_word_t;

struct mds_device_filter_s {
    uint64_t         seed[2];
    uint64_t         buckets_max; /* a power of two */
    _Atomic uint64_t buckets;     /* in use, a power of two */
    _Atomic uint64_t used;        /* words */
    _Atomic uint64_t folder;      /* that the filter is bound to */
    uint8_t          unused[MDS_FILTER_LINE - 48];
};

_Static_assert(sizeof(mds_device_filter_t) == MDS_FILTER_LINE,
               "the buckets begin at a line");

size_t
mds_device_filter_bytes(uint64_t max_bytes)
{
    uint64_t buckets = MDS_FILTER_BUCKETS_MIN;

    while (buckets * 2 * MDS_FILTER_LINE <= max_bytes) {
        buckets *= 2;
    }

    return sizeof(mds_device_filter_t) + buckets * MDS_FILTER_LINE;
}

mds_device_filter_t *
mds_device_filter_init(void *memory, size_t bytes)
{
    mds_device_filter_t *filter = memory;

    mds_random(filter->seed, sizeof(filter->seed));
    filter->buckets_max = (bytes - sizeof(*filter)) / MDS_FILTER_LINE;
    atomic_init(&filter->buckets, MDS_FILTER_BUCKETS_MIN);
    atomic_init(&filter->used, 0);
    atomic_init(&filter->folder, 0);

    return filter;
}

void
mds_device_filter_bind(mds_device_filter_t *filter, uint64_t folder)
{
    uint64_t before = atomic_load(&filter->folder);

    /* With another seed, no word matches any more. */
    if (before != folder
        && atomic_compare_exchange_strong(&filter->folder, &before, folder)
        && before != 0)
    {
        mds_random(filter->seed, sizeof(filter->seed));
    }
}

/* The hash is that of wyhash: a product of 64 bits and 64 bits, folded. It is
 * fast, and its seed is not known outside. */

static inline uint64_t
mds_filter_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

static inline uint64_t
mds_filter_load(const char *bytes, size_t len)
{
    uint64_t word = 0;

    memcpy(&word, bytes, len);
    return word;
}

/* Reads fewer than nine bytes, in two loads that may overlap. */
static inline uint64_t
mds_filter_load_short(const char *bytes, size_t len)
{
    if (len == 8) {
        return mds_filter_load(bytes, 8);
    }

    if (len >= 4) {
        return mds_filter_load(bytes, 4)
               | mds_filter_load(bytes + len - 4, 4) << 32;
    }

    return len == 0 ? 0
                    : (uint64_t) (uint8_t) bytes[0]
                          | (uint64_t) (uint8_t) bytes[len / 2] << 8
                          | (uint64_t) (uint8_t) bytes[len - 1] << 16;
}

static inline uint64_t
mds_filter_hash(const mds_device_filter_t *filter, uint64_t hash,
                mds_str_t text)
{
    const char *next = text.data;
    size_t      len = text.len;

    hash ^= filter->seed[0] + len;

    for (; len > 16; len -= 16, next += 16) {
        hash = mds_filter_mix(mds_filter_load(next, 8) ^ filter->seed[1],
                              mds_filter_load(next + 8, 8) ^ hash);
    }

    return len > 8 ? mds_filter_mix(mds_filter_load(next, 8) ^ filter->seed[1],
                                    mds_filter_load(next + len - 8, 8) ^ hash)
                   : mds_filter_mix(mds_filter_load_short(next, len)
                                        ^ filter->seed[1],
                                    hash);
}

static inline uint64_t
mds_filter_place(const mds_device_filter_t *filter, mds_str_t app,
                 mds_str_t device)
{
    return mds_filter_hash(filter, mds_filter_hash(filter, 0, app), device);
}

/* Returns the device's bits of a word, which are never all zero. */
static inline uint32_t
mds_filter_tag(uint64_t place)
{
    uint32_t tag = (uint32_t) (place >> (64 - 14));

    return (tag == 0 ? 1 : tag) << MDS_FILTER_TAG_SHIFT;
}

mds_filter_key_t
mds_device_filter_key(const mds_device_filter_t *filter,
                      const mds_device_t *device, int64_t now_ms,
                      int64_t refresh_ms)
{
    uint64_t place = mds_filter_place(filter, device->app, device->device);
    uint64_t phase = (place >> 32) % (uint64_t) refresh_ms;
    uint64_t day = ((uint64_t) now_ms + phase) / (uint64_t) refresh_ms;
    uint64_t state = mds_filter_hash(filter, place + day, device->user);

    state = mds_filter_hash(filter, state, device->platform);
    state = mds_filter_hash(filter, state, device->version);

    return (mds_filter_key_t){
        .place = place,
        .word = mds_filter_tag(place)
                | (uint32_t) (day & 3) << MDS_FILTER_DAY_SHIFT
                | (uint32_t) (state & MDS_FILTER_STATE_BITS),
    };
}

static inline mds_filter_word_t *
mds_filter_bucket(const mds_device_filter_t *filter, uint64_t place,
                  uint64_t buckets)
{
    return (mds_filter_word_t *) (filter + 1)
           + (place & (buckets - 1)) * MDS_FILTER_WORDS;
}

/* Counts the words of a device in a bucket, and those that equal its word. */
typedef struct {
    uint32_t tagged;
    uint32_t equal;
} mds_filter_found_t;

/* Holds four words. Each of them is read as a whole, as aligned words are; it
 * does no harm that they are read at different moments. */
typedef uint32_t mds_filter_words_t __attribute__((vector_size(16), may_alias));

static inline uint32_t
mds_filter_sum(mds_filter_words_t words)
{
    return words[0] + words[1] + words[2] + words[3];
}

static inline mds_filter_found_t
mds_filter_find(const mds_filter_word_t *bucket, uint32_t word)
{
    const mds_filter_words_t *words = (const void *) bucket;
    mds_filter_words_t        tagged = { 0 }, equal = { 0 };

    /* A comparison that holds yields -1. */
    for (int i = 0; i < MDS_FILTER_WORDS / 4; i++) {
        mds_filter_words_t other = words[i] ^ word;

        tagged -= (mds_filter_words_t) (other >> MDS_FILTER_TAG_SHIFT == 0);
        equal -= (mds_filter_words_t) (other == 0);
    }

    return (mds_filter_found_t){ mds_filter_sum(tagged),
                                 mds_filter_sum(equal) };
}

bool
mds_device_filter_has(const mds_device_filter_t *filter, mds_filter_key_t key)
{
    uint64_t buckets
        = atomic_load_explicit(&filter->buckets, memory_order_relaxed);
    mds_filter_word_t *bucket = mds_filter_bucket(filter, key.place, buckets);
    mds_filter_found_t found = mds_filter_find(bucket, key.word);

    /* The word may still be where it was before the table was doubled. */
    if (found.tagged == 0 && buckets > MDS_FILTER_BUCKETS_MIN) {
        bucket = mds_filter_bucket(filter, key.place, buckets / 2);
        found = mds_filter_find(bucket, key.word);
    }

    /* Of two words, it is not known which one is later. */
    return found.tagged == 1 && found.equal == 1;
}

/* Removes the device's words from a bucket. */
static void
mds_filter_clear(mds_device_filter_t *filter, mds_filter_word_t *bucket,
                 uint32_t word)
{
    for (int i = 0; i < MDS_FILTER_WORDS; i++) {
        uint32_t other = atomic_load_explicit(&bucket[i], memory_order_relaxed);

        if ((other ^ word) >> MDS_FILTER_TAG_SHIFT == 0) {
            atomic_store_explicit(&bucket[i], 0, memory_order_relaxed);
            atomic_fetch_sub_explicit(&filter->used, 1, memory_order_relaxed);
        }
    }
}

/* Returns the place for a word: a free one, or that of the oldest of a few
 * words, which begin at an index that the hash selects. */
static mds_filter_word_t *
mds_filter_select_victim(mds_filter_word_t *bucket, mds_filter_key_t key)
{
    mds_filter_word_t *victim = bucket;
    uint32_t           oldest = 0;
    uint32_t           first = (uint32_t) (key.word ^ key.place >> 20);

    for (uint32_t i = 0; i < MDS_FILTER_WORDS; i++) {
        mds_filter_word_t *at = &bucket[(first + i) % MDS_FILTER_WORDS];
        uint32_t other = atomic_load_explicit(at, memory_order_relaxed);
        uint32_t days
            = (key.word - other) >> MDS_FILTER_DAY_SHIFT & UINT32_C(3);

        if (other == 0) {
            return at;
        }

        /* A device's days begin at any time: one that seems to be of tomorrow
         * is of today. */
        days = days == 3 ? 1 : days + 1;

        if (days > oldest) {
            victim = at;
            oldest = days;
        }
    }

    return victim;
}

static void
mds_filter_grow(mds_device_filter_t *filter, uint64_t buckets)
{
    uint64_t used = atomic_load_explicit(&filter->used, memory_order_relaxed);

    if (buckets < filter->buckets_max && used / MDS_FILTER_FULL >= buckets) {
        (void) atomic_compare_exchange_strong(&filter->buckets, &buckets,
                                              buckets * 2);
    }
}

void
mds_device_filter_add(mds_device_filter_t *filter, mds_filter_key_t key)
{
    uint64_t buckets
        = atomic_load_explicit(&filter->buckets, memory_order_relaxed);
    mds_filter_word_t *bucket = mds_filter_bucket(filter, key.place, buckets);
    mds_filter_word_t *at;

    mds_filter_clear(filter, bucket, key.word);

    if (buckets > MDS_FILTER_BUCKETS_MIN) {
        mds_filter_clear(filter,
                         mds_filter_bucket(filter, key.place, buckets / 2),
                         key.word);
    }

    at = mds_filter_select_victim(bucket, key);

    if (atomic_exchange_explicit(at, key.word, memory_order_relaxed) == 0) {
        atomic_fetch_add_explicit(&filter->used, 1, memory_order_relaxed);
        mds_filter_grow(filter, buckets);
    }
}

void
mds_device_filter_remove(mds_device_filter_t *filter, mds_str_t app,
                         mds_str_t device)
{
    uint64_t place = mds_filter_place(filter, app, device);
    uint64_t buckets
        = atomic_load_explicit(&filter->buckets, memory_order_relaxed);

    mds_filter_clear(filter, mds_filter_bucket(filter, place, buckets),
                     mds_filter_tag(place));
    mds_filter_clear(filter, mds_filter_bucket(filter, place, buckets / 2),
                     mds_filter_tag(place));
}
