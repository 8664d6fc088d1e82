/*
 * What a depot remembers, read by the library alone, as a worker does:
 *
 *   fault_probe DEPOT < EXPECTED
 *
 * EXPECTED has lines of words between tabs: "in APP RELEASE ID" (let in by
 * that window), "marked APP USER THROUGH ID" (deleted through, and read).
 * Prints the serial in force, then a line for each thing that is wrong.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "catalog/mds_depot.h"
#include "state/mds_read_marks.h"
#include "state/mds_state.h"
#include "state/mds_window.h"

static mds_error_t err;

/* app 00 name */
static mds_str_t
key_of(const char *app, const char *name, char *bytes, size_t size)
{
    size_t len = (size_t) snprintf(bytes, size, "%s%c%s", app, 0, name);

    return (mds_str_t){ len, bytes };
}

static void
expect_in(mds_state_t *state, char **word)
{
    char         bytes[512];
    mds_window_t window;
    bool         in = false;

    if (mds_state_get_window(state, key_of(word[1], word[2], bytes, sizeof(bytes)),
                         &err, &window)
            != MDS_OK
        || mds_state_is_admitted(state, &window, mds_str_of(word[3]), &err, &in)
               != MDS_OK)
    {
        printf("%s\n", err.text);

    } else if (!in) {
        printf("%s is not in %s\n", word[3], word[2]);
    }
}

static void
expect_marked(mds_state_t *state, char **word)
{
    char        bytes[512];
    uint64_t    through, id;
    mds_read_marks_t marks;

    if (sscanf(word[3], "%" SCNu64, &through) != 1
        || sscanf(word[4], "%" SCNu64, &id) != 1
        || mds_state_get_read_marks(state,
                           key_of(word[1], word[2], bytes, sizeof(bytes)), &err,
                           &marks)
               != MDS_OK)
    {
        printf("%s\n", err.text);

    } else if (marks.delete_through < through
               || (id > marks.delete_through && !mds_read_marks_has_read(&marks, id)))
    {
        printf("marks of %s are lost: through %s, %s\n", word[2], word[3],
               word[4]);
    }
}

static void
expect(mds_state_t *state, char *line)
{
    char  *word[6] = { 0 };
    size_t n = 0;

    for (char *p = strtok(line, "\t\n"); p != NULL && n < 5;
         p = strtok(NULL, "\t\n"))
    {
        word[n++] = p;
    }

    if (n == 4 && strcmp(word[0], "in") == 0) {
        expect_in(state, word);
    } else if (n == 5 && strcmp(word[0], "marked") == 0) {
        expect_marked(state, word);
    } else {
        printf("\"%s\" is no expectation\n", line);
    }
}

int
main(int argc, char **argv)
{
    char           line[1024];
    mds_depot_t   *depot;
    mds_state_t   *state;
    mds_catalog_t *catalog;
    mds_error_t    warning;
    uint64_t       windows;

    if (argc != 2) {
        return 2;
    }

    if (mds_depot_open(argv[1], &err, &depot) != MDS_OK
        || mds_depot_begin(depot, 1, &warning, &catalog) != MDS_OK)
    {
        printf("none: %s\n", err.text);
        return 0;
    }

    printf("%" PRIu64 "\n", mds_catalog_serial(catalog));

    if (mds_state_open(argv[1], &err, &state) != MDS_OK
        || mds_state_audit(state, &err, &windows) != MDS_OK
        || mds_state_begin(state, &err) != MDS_OK)
    {
        printf("%s\n", err.text);
        return 0;
    }

    while (fgets(line, sizeof(line), stdin) != NULL) {
        expect(state, line);
    }

    mds_state_end(state);
    mds_state_close(state);
    mds_depot_close(depot);

    return 0;
}
