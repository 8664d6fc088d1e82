/*
 * mds_choices: the hint of a message about a word that names nothing. It lists
 * a few of the names that exist, and the one that was probably meant.
 *
 *   mds_choices_begin(&choices, word);
 *   mds_choices_add(&choices, name);                    for each name
 *   mds_choices_words(&choices, "platforms of 3.2.0", text);
 *
 * gives "platforms of 3.2.0: android, ios; did you mean android?". Names are
 * copied. Any number may be added; the first few are listed.
 */

#ifndef MDS_CHOICES_H
#define MDS_CHOICES_H

#include "base/mds_base.h"

#define MDS_CHOICES_SHOWN 10
#define MDS_CHOICE_MAX 64 /* bytes of a name; longer ones are left out */

/* Holds the text: the shown names, the nearest, and what joins them. */
#define MDS_CHOICES_BYTES ((MDS_CHOICES_SHOWN + 2) * (MDS_CHOICE_MAX + 4) + 160)

typedef struct {
    size_t len;
    char   text[MDS_CHOICE_MAX];
} mds_choice_t;

typedef struct {
    mds_choice_t word;
    mds_choice_t nearest; /* empty: none is near */
    unsigned     distance;
    mds_choice_t shown[MDS_CHOICES_SHOWN];
    size_t       count; /* of shown, checked by mds_choices_add() */
    bool         more;
} mds_choices_t;

void mds_choices_begin(mds_choices_t *choices, mds_str_t word);
void mds_choices_add(mds_choices_t *choices, mds_str_t name);

/* Returns a view of the name that was probably meant; empty: none is near. */
mds_str_t mds_choices_nearest(const mds_choices_t *choices);

/* Writes the hint, and returns text. If what is NULL, the hint is only the
 * question. It may be empty. */
const char *mds_choices_words(const mds_choices_t *choices, const char *what,
                              char text[MDS_CHOICES_BYTES]);

/*
 * Returns the number of edits that turn one word into the other: an edit adds,
 * removes or replaces a byte, or swaps two. Differences between upper and lower
 * case count as one edit in all. If the number is above max, or a word has more
 * than MDS_CHOICE_MAX bytes, it returns max + 1.
 */
unsigned mds_edit_distance(mds_str_t a, mds_str_t b, unsigned max);

#endif
