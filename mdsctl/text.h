/*
 * text: fills words into lines of 80 columns, for usage lines and help.
 *
 *   mdsctl_text_t text = { .out = stdout, .indent = 4 };
 *   mdsctl_text_word(&text, "[--name NAME]");              for each word
 *   mdsctl_text_end(&text);
 */

#ifndef MDSCTL_TEXT_H
#define MDSCTL_TEXT_H

#include <stddef.h>
#include <stdio.h>

#define MDSCTL_COLUMNS 80

typedef struct {
    FILE  *out;
    size_t indent; /* of every line but the first */
    size_t column;
} mdsctl_text_t;

/* Prints the word, which may contain spaces, after a space or on a new line. */
void mdsctl_text_word(mdsctl_text_t *text, const char *word);

/* Ends the line. */
void mdsctl_text_end(mdsctl_text_t *text);

/* Prints sentences. A line that begins with a space is printed as it is, and an
 * empty line separates paragraphs. */
void mdsctl_text_fill(FILE *out, const char *sentences);

#endif
