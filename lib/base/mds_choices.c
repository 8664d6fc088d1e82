/*
 * Collects names beside a word, and measures how near they are to it.
 */

#include "base/mds_choices.h"

#include <stdio.h>

/* Copies the name. False: it is empty or too long. */
static bool
mds_choice_set(mds_choice_t *choice, mds_str_t name)
{
    if (name.len == 0 || name.len > MDS_CHOICE_MAX) {
        return false;
    }

    memcpy(choice->text, name.data, name.len);
    choice->len = name.len;

    return true;
}

static mds_str_t
mds_choice_str(const mds_choice_t *choice)
{
    return (mds_str_t){ choice->len, choice->text };
}

static unsigned
mds_least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static char
mds_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

/* Computes the row of the table for byte i of a: rows[0] is the newest. Words
 * have at most MDS_CHOICE_MAX bytes. */
static void
mds_edit_row(mds_str_t a, mds_str_t b, size_t i,
             unsigned rows[3][MDS_CHOICE_MAX + 1])
{
    memmove(rows[1], rows[0], 2 * sizeof(rows[0]));
    rows[0][0] = (unsigned) i;

    for (size_t j = 1; j <= b.len; j++) {
        char     x = mds_lower(a.data[i - 1]), y = mds_lower(b.data[j - 1]);
        unsigned edits = mds_least(rows[1][j], rows[0][j - 1]) + 1;

        edits = mds_least(edits, rows[1][j - 1] + (x != y));

        if (i > 1 && j > 1 && x == mds_lower(b.data[j - 2])
            && mds_lower(a.data[i - 2]) == y)
        {
            edits = mds_least(edits, rows[2][j - 2] + 1);
        }

        rows[0][j] = edits;
    }
}

unsigned
mds_edit_distance(mds_str_t a, mds_str_t b, unsigned max)
{
    unsigned rows[3][MDS_CHOICE_MAX + 1] = { { 0 } };
    size_t   gap = a.len > b.len ? a.len - b.len : b.len - a.len;
    unsigned edits;

    if (gap > max || a.len > MDS_CHOICE_MAX || b.len > MDS_CHOICE_MAX) {
        return max + 1;
    }

    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = (unsigned) j;
    }

    for (size_t i = 1; i <= a.len; i++) {
        mds_edit_row(a, b, i, rows);
    }

    edits = rows[0][b.len];

    if (edits == 0 && !mds_str_eq(a, b)) {
        edits = 1;
    }

    return mds_least(edits, max + 1);
}

void
mds_choices_begin(mds_choices_t *choices, mds_str_t word)
{
    *choices = (mds_choices_t){ .count = 0 };

    if (mds_choice_set(&choices->word, word)) {
        /* A third of the word may be wrong, and no more than three bytes. */
        choices->distance = 1 + mds_least((unsigned) (word.len + 2) / 3, 3);
    }
}

static bool
mds_choices_has(const mds_choices_t *choices, mds_str_t name)
{
    for (size_t i = 0; i < choices->count; i++) {
        if (mds_str_eq(mds_choice_str(&choices->shown[i]), name)) {
            return true;
        }
    }

    return false;
}

void
mds_choices_add(mds_choices_t *choices, mds_str_t name)
{
    if (name.len == 0 || mds_choices_has(choices, name)) {
        return;
    }

    if (choices->distance > 1) {
        unsigned edits = mds_edit_distance(mds_choice_str(&choices->word), name,
                                           choices->distance - 1);

        if (edits < choices->distance && edits < name.len
            && mds_choice_set(&choices->nearest, name))
        {
            choices->distance = edits;
        }
    }

    if (choices->count == MDS_CHOICES_SHOWN
        || !mds_choice_set(&choices->shown[choices->count], name))
    {
        choices->more = true;
    } else {
        choices->count++;
    }
}

mds_str_t
mds_choices_nearest(const mds_choices_t *choices)
{
    return mds_choice_str(&choices->nearest);
}

const char *
mds_choices_words(const mds_choices_t *choices, const char *what,
                  char text[MDS_CHOICES_BYTES])
{
    size_t len = 0;

    text[0] = '\0';

    for (size_t i = 0; what != NULL && i < choices->count; i++) {
        len += (size_t) snprintf(text + len, MDS_CHOICES_BYTES - len,
                                 "%s%s%.*s", i == 0 ? what : ",",
                                 i == 0 ? ": " : " ",
                                 MDS_STR(mds_choice_str(&choices->shown[i])));
    }

    if (len > 0 && len < MDS_CHOICES_BYTES && choices->more) {
        len += (size_t) snprintf(text + len, MDS_CHOICES_BYTES - len,
                                 ", and more");
    }

    if (choices->nearest.len > 0 && len < MDS_CHOICES_BYTES) {
        snprintf(text + len, MDS_CHOICES_BYTES - len, "%sdid you mean %.*s?",
                 len > 0 ? "; " : "", MDS_STR(mds_choices_nearest(choices)));
    }

    return text;
}
