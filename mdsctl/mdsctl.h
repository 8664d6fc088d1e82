/*
 * mdsctl: the loader's command line. A command is a file in command/; it parses
 * its words, calls lib/, and prints.
 *
 * A new command touches two files: its own, which ends with its name, usage,
 * summary and function as mdsctl_command_NAME, and main.c, which lists it.
 */

#ifndef MDSCTL_H
#define MDSCTL_H

#include <stdio.h>

#include "base/mds_base.h"
#include "loader/mds_loader.h"
#include "request/mds_request.h"
#include "sign/mds_sign.h"
#include "json/mds_json.h"

#define MDSCTL_VERSION "0.1.0"

/* Exit codes. */
#define MDSCTL_DONE 0
#define MDSCTL_FAILED 1
#define MDSCTL_USAGE 2

#define MDSCTL_COMMAND_LINE_BYTES 512

/* The global options, from the command line or the environment; complete once
 * the command has called mdsctl_parse(). */
typedef struct {
    const char   *depot;   /* --depot, MDS_DEPOT, /var/lib/mds */
    const char   *key;     /* --key, MDS_KEY; NULL: none given */
    bool          json;    /* --json */
    mds_new_app_t new_app; /* the command's own */

    /* As it was typed, for the log. */
    char command_line[MDSCTL_COMMAND_LINE_BYTES];
} mdsctl_t;

typedef struct mdsctl_command_s mdsctl_command_t;

struct mdsctl_command_s {
    const char *name;
    const char *usage;   /* what follows the name: "NAME", "APP ID" */
    const char *summary; /* one line for the help */
    int (*run)(mdsctl_t *ctl, int argc, char **argv); /* argv[0] is its name */

    /* A family such as "list" has no run, but commands of its own; NULL is the
     * last. */
    const mdsctl_command_t *const *commands;
};

/* option.c: the words of a command. */

#define MDSCTL_VALUES_MAX 256

typedef struct {
    size_t      count;
    const char *items[MDSCTL_VALUES_MAX]; /* views into argv */
} mdsctl_values_t;

/* "--name"; one of the three says what it takes, and where that goes, which
 * is all zero before. */
typedef struct {
    const char      *name;   /* without the dashes; NULL ends the table */
    bool            *flag;   /* no value */
    const char     **value;  /* one, given once; NULL before, and if absent */
    mdsctl_values_t *values; /* one, each time that it is given */
} mdsctl_option_t;

/*
 * Takes the options out of argv ("--name VALUE" or "--name=VALUE", anywhere
 * before a "--"), the global ones among them, so that argv[1] to
 * argv[*argc - 1] are the other words, at least min and at most max of them
 * (-1: any number). options may be NULL. A value that is given need not be
 * copied: argv outlives the command.
 *
 * MDSCTL_DONE, or MDSCTL_USAGE with the mistake printed: return that.
 */
int mdsctl_parse(mdsctl_t *ctl, const mdsctl_option_t *options, int min,
                 int max, int *argc, char **argv) MDS_MUST_CHECK;

/* The global ones that stand before a command: how many words they take is
 * subtracted from *argc and added to *argv. For main.c. */
int mdsctl_parse_leading(mdsctl_t *ctl, int *argc, char ***argv) MDS_MUST_CHECK;

/*
 * Claims words of the form NAME=VALUE for the request, as views into them.
 * MDSCTL_DONE, or MDSCTL_USAGE with the mistake printed.
 */
int mdsctl_attributes(int count, char **words,
                      mds_request_t *request) MDS_MUST_CHECK;

/* A number from least to 1,000,000,000; text NULL: as it is. option names it
 * in the mistake. MDSCTL_DONE, or MDSCTL_USAGE with the mistake printed. */
int mdsctl_number(const char *option, const char *text, int64_t least,
                  int64_t *number) MDS_MUST_CHECK;

/* output.c: messages. The user and password of a URL, before its "@", are left
 * out of each. */

/* Reports on stderr that another loader is in the middle of a change. */
void mdsctl_report_wait(int64_t pid);

/* Prints "mdsctl: WORDS" to stderr and returns MDSCTL_FAILED or _USAGE; the
 * latter with the usage line of the command that runs. */
int mdsctl_fail(const mds_error_t *err);

/* Returns the exit code for a status of JSON building; prints that memory ran
 * out. Calls can be joined by ?:, which gives the first that is not done. */
int mdsctl_json_status(mds_status_t status);
int mdsctl_fail_usage(const char *format, ...) MDS_PRINTF(1, 2);

/* Sets the command that runs, whose usage line mdsctl_fail_usage() adds; family
 * is
 * "" or, say, "list ". */
void mdsctl_set_command(const char *family, const mdsctl_command_t *command);

/* The name of the command that runs: "list add". */
const char *mdsctl_command_name(void);

/* The usage line of the command that runs, without "usage:". */
const char *mdsctl_usage_line(void);

/* Prints the value to stdout, indented, and takes the reference; a NULL is
 * memory that ran out. MDSCTL_DONE or MDSCTL_FAILED. */
int mdsctl_print(mds_json_t *json) MDS_MUST_CHECK;

/* progress.c: a bar on stderr, where that is a terminal. One at a time; label
 * has to outlive it. */
mds_progress_t *mdsctl_progress_begin(const char *label);

void mdsctl_progress_end(mds_progress_t *progress);

/* init.c: the owner of a depot's state; -1: the user that runs mdsctl. */
typedef struct {
    int64_t uid;
    int64_t gid;
} mdsctl_owner_t;

/*
 * By name; both may be NULL. Only root can give the state to somebody else;
 * others' workers are their own. MDSCTL_DONE, or MDSCTL_USAGE with the mistake
 * printed.
 */
int mdsctl_owner(const char *user, const char *group,
                 mdsctl_owner_t *owner) MDS_MUST_CHECK;

/* verify.c: the public keys of these files; there is room for each. */
int
mdsctl_keys(const mdsctl_values_t *files, mds_public_t *keys) MDS_MUST_CHECK;

#endif
