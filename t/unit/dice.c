#include "dice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mds_time.h"

void
dice_begin(dice_t *dice)
{
    const char *seed = getenv("MDS_SEED");

    dice->state
        = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t) mds_time_now_ms();
    printf("MDS_SEED=%" PRIu64 "\n", dice->state);
}

/* splitmix64 */
unsigned
dice_roll(dice_t *dice, unsigned n)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;

    return (unsigned) (z >> 32) % n;
}
