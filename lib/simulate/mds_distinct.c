/* Distinct ids: a hash table while it is small enough, HyperLogLog beyond. */

#include "simulate/mds_distinct.h"

#include <math.h>
#include <stdlib.h>

#define MDS_DISTINCT_PRECISION 14
#define MDS_DISTINCT_REGISTERS (1u << MDS_DISTINCT_PRECISION)
#define MDS_DISTINCT_RANKS (64 - MDS_DISTINCT_PRECISION + 1)
#define MDS_DISTINCT_SLOTS_MIN ((uint64_t) 1 << 12)

typedef struct {
    uint64_t exact;     /* count of the group */
    uint8_t *registers; /* the highest rank of each; NULL: no id was added */
} mds_distinct_group_t;

struct mds_distinct_s {
    uint64_t             exact_max;
    uint64_t             used;
    uint64_t             mask;  /* number of slots, less one */
    uint64_t            *slots; /* 0: free; NULL once counts are estimates */
    mds_distinct_group_t groups[MDS_DISTINCT_GROUPS_MAX];
};

/* Mixes all bits (the finalizer of SplitMix64). */
static inline uint64_t
mds_distinct_mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);

    return x ^ x >> 31;
}

mds_distinct_t *
mds_distinct_new(uint64_t exact_max)
{
    mds_distinct_t *distinct = calloc(1, sizeof(*distinct));

    if (distinct != NULL) {
        distinct->exact_max = exact_max;
        distinct->mask = MDS_DISTINCT_SLOTS_MIN - 1;
        distinct->slots
            = calloc(MDS_DISTINCT_SLOTS_MIN, sizeof(*distinct->slots));
    }

    if (distinct != NULL && distinct->slots == NULL) {
        free(distinct);
        return NULL;
    }

    return distinct;
}

void
mds_distinct_free(mds_distinct_t *distinct)
{
    if (distinct == NULL) {
        return;
    }

    for (size_t i = 0; i < MDS_DISTINCT_GROUPS_MAX; i++) {
        free(distinct->groups[i].registers);
    }

    free(distinct->slots);
    free(distinct);
}

/* Returns the slot that has the entry, or is free for it. */
static inline uint64_t *
mds_distinct_slot(uint64_t *slots, uint64_t mask, uint64_t entry)
{
    uint64_t i = entry & mask;

    while (slots[i] != 0 && slots[i] != entry) {
        i = (i + 1) & mask;
    }

    return &slots[i];
}

/* Doubles the table. */
static bool
mds_distinct_grow(mds_distinct_t *distinct)
{
    uint64_t  mask = 2 * distinct->mask + 1;
    uint64_t *slots = calloc(mask + 1, sizeof(*slots));

    if (slots == NULL) {
        return false;
    }

    for (uint64_t i = 0; i <= distinct->mask; i++) {
        if (distinct->slots[i] != 0) {
            *mds_distinct_slot(slots, mask, distinct->slots[i])
                = distinct->slots[i];
        }
    }

    free(distinct->slots);
    distinct->slots = slots;
    distinct->mask = mask;

    return true;
}

/* Raises the register of the id. The register is chosen by the upper bits, and
 * the rank is the place of the first one in the others. */
static bool
mds_distinct_raise(mds_distinct_group_t *group, uint64_t hash)
{
    uint64_t rest = hash << MDS_DISTINCT_PRECISION
                    | UINT64_C(1) << (MDS_DISTINCT_PRECISION - 1);
    uint8_t  rank = (uint8_t) (__builtin_clzll(rest) + 1);
    uint8_t *reg;

    if (group->registers == NULL
        && (group->registers = calloc(MDS_DISTINCT_REGISTERS, 1)) == NULL)
    {
        return false;
    }

    reg = &group->registers[hash >> (64 - MDS_DISTINCT_PRECISION)];
    *reg = *reg < rank ? rank : *reg;

    return true;
}

/* Adds the entry to the table, and drops the table when it has too many.
 * Returns whether it is new. */
static bool
mds_distinct_insert(mds_distinct_t *distinct, mds_distinct_group_t *group,
                    uint64_t entry)
{
    uint64_t *slot = mds_distinct_slot(distinct->slots, distinct->mask, entry);

    if (*slot != 0) {
        return false;
    }

    if (distinct->used == distinct->exact_max
        || (distinct->used > distinct->mask / 4 * 3
            && !mds_distinct_grow(distinct)))
    {
        free(distinct->slots);
        distinct->slots = NULL;
        return true;
    }

    *mds_distinct_slot(distinct->slots, distinct->mask, entry) = entry;
    distinct->used++;
    group->exact++;

    return true;
}

bool
mds_distinct_add(mds_distinct_t *distinct, unsigned group, uint64_t hash,
                 bool *failed)
{
    mds_distinct_group_t *counted = &distinct->groups[group];
    uint64_t              mixed = mds_distinct_mix(hash);
    uint64_t              entry = mds_distinct_mix(
                     mixed + (group + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15));

    if (distinct->slots != NULL
        && !mds_distinct_insert(distinct, counted, entry == 0 ? 1 : entry))
    {
        return false;
    }

    if (!mds_distinct_raise(counted, mixed)) {
        *failed = true;
    }

    return true;
}

/* The functions sigma and tau of Ertl's estimator. */
static double
mds_distinct_sigma(double x)
{
    double y = 1, z = x, last;

    if (x == 1) {
        return INFINITY;
    }

    do {
        x *= x;
        last = z;
        z += x * y;
        y += y;
    } while (z != last);

    return z;
}

static double
mds_distinct_tau(double x)
{
    double y = 1, z = 1 - x, last;

    if (x == 0 || x == 1) {
        return 0;
    }

    do {
        x = sqrt(x);
        last = z;
        y /= 2;
        z -= (1 - x) * (1 - x) * y;
    } while (z != last);

    return z / 3;
}

static uint64_t
mds_distinct_estimate(const uint8_t *registers)
{
    const double m = MDS_DISTINCT_REGISTERS;
    unsigned     counts[MDS_DISTINCT_RANKS + 1] = { 0 };
    double       z;

    for (size_t i = 0; i < MDS_DISTINCT_REGISTERS; i++) {
        counts[registers[i]]++;
    }

    z = m * mds_distinct_tau(1 - counts[MDS_DISTINCT_RANKS] / m);

    for (size_t rank = MDS_DISTINCT_RANKS - 1; rank >= 1; rank--) {
        z = (z + counts[rank]) / 2;
    }

    z += m * mds_distinct_sigma(counts[0] / m);

    /* 0.5 / ln 2 is the constant for many registers. */
    return (uint64_t) llround(0.5 / M_LN2 * m * m / z);
}

uint64_t
mds_distinct_count(const mds_distinct_t *distinct, unsigned group)
{
    const mds_distinct_group_t *counted = &distinct->groups[group];

    if (mds_distinct_is_exact(distinct)) {
        return counted->exact;
    }

    return counted->registers == NULL
               ? 0
               : mds_distinct_estimate(counted->registers);
}

bool
mds_distinct_is_exact(const mds_distinct_t *distinct)
{
    return distinct->slots != NULL;
}
