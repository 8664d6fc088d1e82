#include "near.h"

#include <stdio.h>

/* One edit in four bytes, and one more, is a slip. */
static size_t
slips(size_t len)
{
    return 1 + len / 4;
}

void
mdsctl_near_begin(mdsctl_near_t *near, mds_str_t word)
{
    *near = (mdsctl_near_t){ .word = word, .distance = slips(word.len) + 1 };
}

static size_t
least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* How many bytes are put in, left out or changed: Levenshtein, row by row.
 * Both are at most MDSCTL_NEAR_MAX long. */
static size_t
distance(mds_str_t a, mds_str_t b)
{
    size_t row[MDSCTL_NEAR_MAX + 1];

    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }

    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;

        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];

            row[j] = least(above + 1, row[j - 1] + 1,
                           diagonal + (a.data[i - 1] != b.data[j - 1]));
            diagonal = above;
        }
    }

    return row[b.len];
}

void
mdsctl_near_try(mdsctl_near_t *near, mds_str_t name)
{
    size_t d;

    if (name.len > MDSCTL_NEAR_MAX || near->word.len > MDSCTL_NEAR_MAX) {
        return;
    }

    d = distance(near->word, name);

    if (d < near->distance) {
        near->distance = d;
        snprintf(near->nearest, sizeof(near->nearest), "%.*s", MDS_STR(name));
    }
}

const char *
mdsctl_near_words(const mdsctl_near_t *near, char words[MDSCTL_NEAR_MAX + 32])
{
    words[0] = '\0';

    if (near->nearest[0] != '\0') {
        snprintf(words, MDSCTL_NEAR_MAX + 32, ": did you mean \"%s\"?",
                 near->nearest);
    }

    return words;
}
