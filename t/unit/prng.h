/*
 * Random numbers for tests that compare two readings: the same for the same
 * seed, which MDS_SEED sets and which a test prints before it rolls.
 */

#ifndef PRNG_H
#define PRNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t state;
} prng_t;

/* Seeded by MDS_SEED, or by the time; prints the seed. */
void prng_seed(prng_t *prng);

/* From 0 to n - 1. */
unsigned prng_below(prng_t *prng, unsigned n);

/* True once in n times. */
static inline bool
prng_one_in(prng_t *prng, unsigned n)
{
    return prng_below(prng, n) == 0;
}

#endif
