/*
 * mdsctl: the loader's command line. A command is a file in command/; it parses
 * its words, calls lib/, and prints.
 *
 * A new command touches two files: its own, which ends with its description as
 * mdsctl_command_NAME, and commands.c, which lists it. Its usage line, its
 * help, its man page and its completion are made from the description.
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
#define MDSCTL_UNVERIFIED 3 /* of check alone */

#define MDSCTL_COMMAND_LINE_BYTES 512

/* The global options, from the command line or the environment; mdsctl_parse()
 * completes them. */
typedef struct {
    const char   *depot;    /* --depot, MDS_DEPOT, /var/lib/mds */
    const char   *key;      /* --key, MDS_KEY, or NULL */
    const char   *head_key; /* --head-key, MDS_HEAD_KEY, or NULL */
    bool          json;     /* --json */
    bool          dry_run;  /* these three of commands that change something */
    bool          yes;
    const char   *note;
    mds_new_app_t new_app; /* the command's own */

    /* The command as it was typed, for the log. */
    char command_line[MDSCTL_COMMAND_LINE_BYTES];
} mdsctl_t;

/* option.c: the words of a command. */

#define MDSCTL_VALUES_MAX 256

typedef struct {
    size_t      count;
    const char *items[MDSCTL_VALUES_MAX]; /* views into argv */
} mdsctl_values_t;

typedef enum {
    MDSCTL_FLAG,  /* takes no value: a bool */
    MDSCTL_VALUE, /* takes one value: a const char * */
    MDSCTL_VALUES /* takes a value and may be repeated: an mdsctl_values_t */
} mdsctl_type_t;

typedef enum {
    MDSCTL_OPTIONAL,
    MDSCTL_REQUIRED,
    MDSCTL_ONE_OF /* one of the options with this need is required; the command
                   * checks it */
} mdsctl_need_t;

/* An option. Its value is stored in the command's struct of options, which is
 * zeroed before. */
typedef struct {
    const char   *name;     /* without the dashes; NULL ends the table */
    const char   *argument; /* the value in the help: "FILE"; NULL: a flag */
    const char   *text;     /* one line of help, with default and unit */
    mdsctl_need_t need;
    mdsctl_type_t type;   /* MDSCTL_STORE() sets it by the member's type, */
    size_t        offset; /* and the offset of the member */
} mdsctl_option_t;

#define MDSCTL_STORE(struct_type, member)                                      \
    .type = _Generic(((struct_type *) NULL)->member,                           \
                     bool: MDSCTL_FLAG,                                        \
                     const char *: MDSCTL_VALUE,                               \
                     mdsctl_values_t: MDSCTL_VALUES),                          \
    .offset = offsetof(struct_type, member)

/* The groups of commands in the help. */
typedef enum {
    MDSCTL_HIDDEN, /* for completion and man pages; not in the help */
    MDSCTL_START,
    MDSCTL_PUBLISH,
    MDSCTL_RELEASE,
    MDSCTL_SEE,
    MDSCTL_KEEP,
    MDSCTL_MORE,
    MDSCTL_GROUPS
} mdsctl_group_t;

typedef struct mdsctl_command_s mdsctl_command_t;

/*
 * The words in `arguments` and the options' `argument` also say how they are
 * completed: see complete.c. "[APP]" is optional, "ID..." is one or more.
 */
struct mdsctl_command_s {
    const char    *name;
    mdsctl_group_t group;
    const char    *arguments;        /* "APP ID"; NULL: none */
    const char    *summary;          /* a few words */
    const char    *text;             /* sentences; a line that begins with a
                                      * space is printed as it is */
    const mdsctl_option_t *options;  /* NULL: none */
    const char            *examples; /* commands, each ends with a newline */
    const char            *synonyms; /* other tools' words for it, or NULL */
    int (*run)(mdsctl_t *ctl, int argc, char **argv); /* argv[0] is its name */
    bool changes;  /* it also takes mdsctl_change_options, */
    bool dry_runs; /* or the first of them */
    bool pages;    /* a long answer is shown by the pager */

    /* The commands of a family such as "list", which has no run; the last is
     * NULL. */
    const mdsctl_command_t *const *commands;
};

/* commands.c: all commands, in the order of the help; the last is NULL. */
extern const mdsctl_command_t *const mdsctl_commands[];

/* Returns the command of that name, or NULL. */
const mdsctl_command_t *
mdsctl_command_find(const mdsctl_command_t *const *commands, const char *name);

/* The options of every command, stored in an mdsctl_t. */
extern const mdsctl_option_t mdsctl_global_options[];

/* The options of every command that changes the catalog. */
extern const mdsctl_option_t mdsctl_change_options[];

/* Returns those of them that the command takes; NULL: none. */
const mdsctl_option_t *
mdsctl_command_change_options(const mdsctl_command_t *command);

/* Returns the option of that name, or NULL; options may be NULL. */
const mdsctl_option_t *
mdsctl_option_find(const mdsctl_option_t *options, mds_str_t name);

/* A command as it is called: `list add` is `add` of the family `list`. */
typedef struct {
    const mdsctl_command_t *family;  /* NULL: none */
    const mdsctl_command_t *command; /* NULL: mdsctl itself */
} mdsctl_path_t;

/* usage.c: the usage line, made of the command's description. */
void mdsctl_usage_print(FILE *out, const mdsctl_path_t *path);

/* An argument of a usage line: "APP", "[LIST]", "ID..." or "[WORD...]". */
typedef struct {
    mds_str_t text; /* as it is written */
    mds_str_t name; /* without brackets and dots */
    bool      optional;
    bool      repeats;
} mdsctl_argument_t;

/* Takes the next argument from *arguments, which may be NULL. Returns false if
 * there is none, and leaves *argument. */
bool mdsctl_argument_next(const char **arguments, mdsctl_argument_t *argument);

/* Prints the words of the usage line, one a line: "[--name NAME]". */
typedef void (*mdsctl_usage_word_t)(void *data, const char *word);
void mdsctl_usage_visit(const mdsctl_path_t *path, mdsctl_usage_word_t visit,
                        void *data);

/*
 * Removes the options ("--name VALUE" or "--name=VALUE", anywhere before "--"),
 * including the global ones, from argv, so that argv[1] to argv[*argc - 1] are
 * the arguments, and stores them in `options`, the struct that the command's
 * table describes; NULL if it has none. Values point into argv, which outlives
 * the command. Missing and surplus arguments, and missing options, are errors.
 *
 * Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the error.
 */
int mdsctl_parse(mdsctl_t *ctl, void *options, int *argc,
                 char **argv) MDS_MUST_CHECK;

/* Removes the global options that stand before the command from *argc and
 * *argv. */
int mdsctl_parse_leading(mdsctl_t *ctl, int *argc, char ***argv) MDS_MUST_CHECK;

/*
 * Sets attributes of the request from words of the form NAME=VALUE, which must
 * outlive it. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the error.
 */
int mdsctl_attributes(int count, char **words,
                      mds_request_t *request) MDS_MUST_CHECK;

/* Parses a number from least to 1,000,000,000; leaves *number if text is NULL.
 * option is for the error. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing
 * the error. */
int mdsctl_number(const char *option, const char *text, int64_t least,
                  int64_t *number) MDS_MUST_CHECK;

/* quantity.c: numbers and times as people write them. */

/* Writes the number with a comma between thousands; returns text. */
#define MDSCTL_COUNT_BYTES 32 /* 20 digits, 6 commas */
const char *mdsctl_format_count(uint64_t number, char text[MDSCTL_COUNT_BYTES]);

/* Parses a number up to max: digits, and k, M or G for thousands, millions and
 * billions, or Ki, Mi or Gi for 2^10, 2^20 and 2^30. False: it is something
 * else. */
bool mdsctl_parse_count(const char *text, int64_t max,
                        int64_t *count) MDS_MUST_CHECK;

/* Parses a duration: digits, and s, m, h or d. */
bool mdsctl_parse_duration(const char *text, int64_t *seconds) MDS_MUST_CHECK;

/*
 * Parses a time: 2026-12-01T00:00:00Z, or a duration from now_ms on, such as
 * 90m, 36h or 7d. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the
 * error, which names the option.
 */
int mdsctl_parse_time(const char *option, const char *text, int64_t now_ms,
                      int64_t *ms) MDS_MUST_CHECK;

/* output.c: messages. They are printed without the user and password of a URL,
 * the part before its "@". */

/* Replaces "http://NAME:PASSWORD@HOST" by "http://HOST", and empties
 * "password=…", in place. */
void mdsctl_hide_users(char *text);

/* Reports on stderr that another loader is in the middle of a change. */
void mdsctl_report_wait(int64_t pid);

/* Sets the depot that the command uses, for the error that a right is missing;
 * it must outlive the command. */
void mdsctl_set_depot(const char *depot);

/* Prints "mdsctl: WORDS" to stderr and returns MDSCTL_FAILED or _USAGE; the
 * latter with the usage line of the command that runs. */
int mdsctl_fail(const mds_error_t *err);

int mdsctl_fail_usage(const char *format, ...) MDS_PRINTF(1, 2);

typedef enum {
    MDSCTL_PLAIN, /* ends another one */
    MDSCTL_RED,
    MDSCTL_GREEN,
    MDSCTL_YELLOW
} mdsctl_colour_t;

/* Returns what switches the colour of stdout; empty unless that is a terminal,
 * or if NO_COLOR is set (no-color.org). */
const char *mdsctl_colour(mdsctl_colour_t colour);

/* Returns the exit code for the status of a JSON function, and prints an error
 * if memory ran out. Calls can be joined by ?:, which gives the first code that
 * is not MDSCTL_DONE. */
int mdsctl_json_status(mds_status_t status);

/* Sets the command that runs, for its name and for mdsctl_fail_usage(). */
void mdsctl_set_command(const mdsctl_path_t *path);

/* Returns the command that runs. */
const mdsctl_path_t *mdsctl_running(void);

/* Returns the name of the command that runs: "list add". */
const char *mdsctl_command_name(void);

/* Prints the value to stdout, indented, and takes the reference. NULL means
 * that memory ran out. Returns an exit code. */
int mdsctl_print(mds_json_t *json) MDS_MUST_CHECK;

/*
 * confirm.c: asks before what cannot be taken back, and what concerns
 * everybody. The question is asked on a terminal, and not with --yes or
 * --dry-run; without a terminal the command goes on. Returns MDSCTL_DONE, or
 * MDSCTL_FAILED after a "no".
 */
int mdsctl_confirm(const mdsctl_t *ctl, const char *format, ...)
    MDS_PRINTF(2, 3) MDS_MUST_CHECK;

/* Returns whether mdsctl_confirm() would ask. */
bool mdsctl_confirm_asks(const mdsctl_t *ctl);

/* Asks, if there is a terminal; returns whether the answer begins with y. */
bool mdsctl_ask(const char *question);

/* progress.c: begins a progress bar on stderr, if that is a terminal. There is
 * one at a time, and label must outlive it. */
mds_progress_t *mdsctl_progress_begin(const char *label);

void mdsctl_progress_end(mds_progress_t *progress);

/* Returns the time of a clock that does not jump. */
int64_t mdsctl_clock_ms(void);

/* init.c: the owner of a depot's state; -1: the user that runs mdsctl. */
typedef struct {
    int64_t uid;
    int64_t gid;
} mdsctl_owner_t;

/*
 * Looks up the owner by names, which may be NULL. Only root can give the state
 * to another user; for other users the workers run as the same user. Returns
 * MDSCTL_DONE, or MDSCTL_USAGE after printing the error.
 */
int mdsctl_owner(const char *user, const char *group,
                 mdsctl_owner_t *owner) MDS_MUST_CHECK;

/* verify.c: reads the public keys of these files into keys, which has room for
 * MDSCTL_VALUES_MAX. */
int
mdsctl_keys(const mdsctl_values_t *files, mds_public_t *keys) MDS_MUST_CHECK;

#endif
