/*
 * mds_choices: what there is in place of a word that names nothing: a few of
 * the names, and the one that was probably meant.
 *
 *   mds_choices_begin(&choices, word);
 *   mds_choices_add(&choices, name);                    for each there is
 *   mds_choices_words(&choices, "platforms of 3.2.0", text);
 *
 * gives "platforms of 3.2.0: android, ios; did you mean android?". Names are
 * copied; any number may be added, the first few are shown.
 */

#ifndef MDS_CHOICES_H
#define MDS_CHOICES_H

#include "base/mds_base.h"

#define MDS_CHOICES_SHOWN 10
#define MDS_CHOICE_MAX 64 /* bytes of a name that is shown or meant */

/* Room for the words: the shown names, the nearest, and what joins them. */
#define MDS_CHOICES_BYTES ((MDS_CHOICES_SHOWN + 2) * (MDS_CHOICE_MAX + 4) + 160)

typedef struct {
    size_t len;
    char   text[MDS_CHOICE_MAX];
} mds_choice_t;

typedef struct {
    mds_choice_t word;
    mds_choice_t nearest; /* no longer than 0: none is near */
    unsigned     distance;
    mds_choice_t shown[MDS_CHOICES_SHOWN];
    size_t       count; /* of shown */
    bool         more;
} mds_choices_t;

void mds_choices_begin(mds_choices_t *choices, mds_str_t word);
void mds_choices_add(mds_choices_t *choices, mds_str_t name);

/* What was probably meant, as a view; empty: nothing is near. */
mds_str_t mds_choices_nearest(const mds_choices_t *choices);

/* Returns text. what may be NULL: nothing but the question then. Where there
 * is nothing to say the text is empty. */
const char *mds_choices_words(const mds_choices_t *choices, const char *what,
                              char text[MDS_CHOICES_BYTES]);

/*
 * Edits that make one word of the other: a byte more, less or another, or two
 * that change places; letters in upper and lower case are the same but for one
 * edit in all. More than max, or words over MDS_CHOICE_MAX bytes: max + 1.
 */
unsigned mds_edit_distance(mds_str_t a, mds_str_t b, unsigned max);

#endif
