/*
 * mdsctl: finds the command that the words name, and runs it.
 */

#include <string.h>

#include "base/mds_fault_guard.h"
#include "help.h"
#include "lmdb/mds_lmdb.h"
#include "loader/mds_journal.h"
#include "mdsctl.h"
#include "proxy/mds_proxy.h"
#include "terminal.h"

/* Returns whether one of the options, before "--", is this word. */
static bool
has_option(int argc, char **argv, const char *word)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], word) == 0) {
            return true;
        }
    }

    return false;
}

static bool
asks_for_help(int argc, char **argv)
{
    return has_option(argc, argv, "--help") || has_option(argc, argv, "-h");
}

/* Returns whether --version is meant for mdsctl: `release --version V` has an
 * option of that name. */
static bool
asks_for_version(const mdsctl_command_t *command, int argc, char **argv)
{
    return mdsctl_option_find(command->options, mds_str("version")) == NULL
           && has_option(argc, argv, "--version");
}

/* Runs the command of the path. argv[0] is its name. */
static int
run_command(mdsctl_t *ctl, const mdsctl_path_t *path, int argc, char **argv)
{
    mdsctl_path_t version = { .command = &mdsctl_command_version };
    char         *name[] = { "version" };

    mdsctl_set_command(path);

    if (asks_for_help(argc, argv)) {
        mdsctl_help_command(path);
        return MDSCTL_DONE;
    }

    if (asks_for_version(path->command, argc, argv)) {
        mdsctl_set_command(&version);
        return version.command->run(ctl, 1, name);
    }

    if (path->command->pages) {
        mdsctl_pager_begin();
    }

    return path->command->run(ctl, argc, argv);
}

/* Runs a command of the family. argv[0] is the family's name. */
static int
run_family(mdsctl_t *ctl, const mdsctl_command_t *family, int argc, char **argv)
{
    mdsctl_path_t path = { .command = family };

    mdsctl_set_command(&path);
    argc--;
    argv++;

    if (mdsctl_parse_leading(ctl, &argc, &argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (argc == 0) {
        return mdsctl_fail_usage("%s: a command is missing", family->name);
    }

    path = (mdsctl_path_t){ family,
                            mdsctl_command_find(family->commands, argv[0]) };

    if (path.command != NULL) {
        return run_command(ctl, &path, argc, argv);
    }

    if (asks_for_help(1, argv) || strcmp(argv[0], "help") == 0) {
        path = (mdsctl_path_t){ NULL, family };
        mdsctl_help_command(&path);
        return MDSCTL_DONE;
    }

    return mdsctl_unknown_command(family, argv[0]);
}

/* Runs the command that argv[0] names, or the option that stands in its place.
 */
static int
run_named(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_path_t path = { .command = NULL };

    if (asks_for_help(1, argv)) {
        return mdsctl_help(argc - 1, argv + 1);
    }

    path.command = strcmp(argv[0], "--version") == 0
                       ? &mdsctl_command_version
                       : mdsctl_command_find(mdsctl_commands, argv[0]);

    if (path.command == NULL) {
        return mdsctl_unknown_command(NULL, argv[0]);
    }

    return path.command->commands != NULL
               ? run_family(ctl, path.command, argc, argv)
               : run_command(ctl, &path, argc, argv);
}

/* Checks all arguments, because they may become part of JSON. */
static int
check_utf8(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!mds_str_is_utf8(mds_str_of(argv[i]))) {
            return mdsctl_fail_usage("\"%s\" is not valid UTF-8", argv[i]);
        }
    }

    return MDSCTL_DONE;
}

/* Copies the arguments for the log, before options are removed. A long line is
 * cut between two characters. */
static void
keep_command_line(mdsctl_t *ctl, int argc, char **argv)
{
    size_t len = 0;

    for (int i = 0; i < argc && len < sizeof(ctl->command_line); i++) {
        len += (size_t) snprintf(ctl->command_line + len,
                                 sizeof(ctl->command_line) - len, "%s%s",
                                 i > 0 ? " " : "", argv[i]);
    }

    mdsctl_hide_users(ctl->command_line); /* for example of --database */

    for (len = strlen(ctl->command_line);
         !mds_str_is_utf8((mds_str_t){ len, ctl->command_line }); len--)
    {
        ctl->command_line[len - 1] = '\0';
    }
}

static int
run(mdsctl_t *ctl, int argc, char **argv)
{
    if (argc == 0) {
        mdsctl_help_overview();
        return MDSCTL_DONE;
    }

    if (check_utf8(argc, argv) != MDSCTL_DONE
        || mdsctl_parse_leading(ctl, &argc, &argv) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    keep_command_line(ctl, argc, argv);

    return argc == 0 ? mdsctl_fail_usage("a command is missing")
                     : run_named(ctl, argc, argv);
}

typedef struct {
    mdsctl_t ctl;
    int      argc;
    char   **argv;
    int      code;
} invocation_t;

static void
run_guarded(void *data)
{
    invocation_t *invocation = data;

    invocation->code
        = run(&invocation->ctl, invocation->argc, invocation->argv);
}

int
main(int argc, char **argv)
{
    invocation_t invocation = { .argc = argc - 1, .argv = argv + 1 };
    mds_error_t  err;

    if (argc == 0) {
        return MDSCTL_USAGE;
    }

    if (strcmp(argv[0], MDS_PROXY_NAME) == 0) {
        return mds_proxy_serve();
    }

    mds_proxy_enable();
    mds_lmdb_enable_reading();
    mds_journal_on_wait(mdsctl_report_wait);

    if (!mds_fault_guard_install()) {
        mds_fail_errno(&err, "handle SIGBUS and SIGSEGV");
        return mdsctl_fail(&err);
    }

    if (!mds_fault_guard_call(run_guarded, &invocation)) {
        mds_fail(&err, MDS_DAMAGED,
                 "failed to read \"%s\": a file was truncated or damaged"
                 " while it was read",
                 invocation.ctl.depot);
        return mdsctl_fail(&err);
    }

    mdsctl_pager_end();

    /* Reports a full disk. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        mds_fail_errno(&err, "write to standard output");
        return mdsctl_fail(&err);
    }

    return invocation.code;
}
