/*
 * completion: the values that a shell offers for an argument, by the word that
 * stands for it in a usage line: APP, ID, LIST, KIND, FILE …
 */

#ifndef MDSCTL_COMPLETION_H
#define MDSCTL_COMPLETION_H

#include "mdsctl.h"

/* The words of the command line that narrow the values down, and the word that
 * is completed. */
typedef struct {
    const char *depot;
    const char *app;    /* NULL: not given yet */
    const char *kind;   /* NULL: not given yet */
    const char *list;   /* the argument LIST; NULL: not given */
    const char *prefix; /* what was typed of the value */
    const char *before; /* what stands before it in its word: "--app=" */
} mdsctl_completion_t;

/* Prints the value and its description (NULL: none) in a line, if the value
 * begins with the prefix and has no control characters. */
void mdsctl_completion_add(const mdsctl_completion_t *c, mds_str_t value,
                           const char *description);

/* Prints the values of the depot for "APP", "ID", "LIST", "VERSION",
 * "PLATFORM", "CHANNEL", "NAME", "MESSAGE", "SERIAL" or "MEMBER", an id of the
 * list. Prints nothing if the depot cannot be read. */
void mdsctl_completion_depot(const mdsctl_completion_t *c, mds_str_t word);

#endif
