/*
 * Random numbers for tests that compare two readings: the same for the same
 * seed, which MDS_SEED sets and which a test prints before it rolls.
 */

#ifndef DICE_H
#define DICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t state;
} dice_t;

/* Seeded by MDS_SEED, or by the time; prints the seed. */
void dice_begin(dice_t *dice);

/* From 0 to n - 1. */
unsigned dice_roll(dice_t *dice, unsigned n);

/* True once in n times. */
static inline bool
dice_once_in(dice_t *dice, unsigned n)
{
    return dice_roll(dice, n) == 0;
}

#endif
