#include "prng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mds_time.h"

void
prng_seed(prng_t *prng)
{
    const char *seed = getenv("MDS_SEED");

    prng->state
        = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t) mds_time_now_ms();
    printf("MDS_SEED=%" PRIu64 "\n", prng->state);
}

/* splitmix64 */
unsigned
prng_below(prng_t *prng, unsigned n)
{
    uint64_t z = prng->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;

    return (unsigned) (z >> 32) % n;
}
