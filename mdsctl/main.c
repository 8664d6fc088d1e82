/*
 * mdsctl: lists the commands, finds the one that is named, and runs it.
 *
 * A new command is a file in command/ that defines mdsctl_command_NAME, and a
 * line in the list below.
 */

#include <string.h>

#include "base/mds_choices.h"
#include "base/mds_fault_guard.h"
#include "loader/mds_journal.h"
#include "mdsctl.h"
#include "proxy/mds_proxy.h"

/* The commands, in the order of the help: each is defined in its own file. */
#define COMMANDS(X)                                                            \
    X(init)                                                                    \
    X(keygen)                                                                  \
    X(publish)                                                                 \
    X(release)                                                                 \
    X(promote)                                                                 \
    X(pause)                                                                   \
    X(resume)                                                                  \
    X(end)                                                                     \
    X(rollback)                                                                \
    X(rekey)                                                                   \
    X(list)                                                                    \
    X(message)                                                                 \
    X(remove)                                                                  \
    X(apply)                                                                   \
    X(export)                                                                  \
    X(explain)                                                                 \
    X(check)                                                                   \
    X(status)                                                                  \
    X(versions)                                                                \
    X(devices)                                                                 \
    X(log)                                                                     \
    X(revert)                                                                  \
    X(snapshot)                                                                \
    X(restore)                                                                 \
    X(gc)                                                                      \
    X(verify)

#define DECLARE(name) extern const mdsctl_command_t mdsctl_command_##name;
#define ADDRESS(name) &mdsctl_command_##name,

COMMANDS(DECLARE)

static const mdsctl_command_t *const commands[] = { COMMANDS(ADDRESS) NULL };

/* The commands of a family, and the words before their names. */
typedef struct {
    const mdsctl_command_t *const *commands;   /* ends with NULL */
    char                           prefix[64]; /* "", or "list " */
} family_t;

static family_t
family_of(const family_t *outer, const mdsctl_command_t *command)
{
    family_t inner = { .commands = command->commands };

    (void) snprintf(inner.prefix, sizeof(inner.prefix), "%.31s%.31s ",
                    outer->prefix, command->name);
    return inner;
}

static const mdsctl_command_t *
find(const family_t *family, const char *name)
{
    for (size_t i = 0; family->commands[i] != NULL; i++) {
        if (strcmp(family->commands[i]->name, name) == 0) {
            return family->commands[i];
        }
    }

    return NULL;
}

/* Adds "; did you mean release?", and for a family the commands it has. */
static int
unknown_command(const family_t *family, const char *name)
{
    bool          is_root = family->prefix[0] == '\0';
    mds_choices_t choices;
    char          text[MDS_CHOICES_BYTES];

    mds_choices_begin(&choices, mds_str_of(name));

    for (size_t i = 0; family->commands[i] != NULL; i++) {
        mds_choices_add(&choices, mds_str_of(family->commands[i]->name));
    }

    mds_choices_words(&choices, is_root ? NULL : "want one of", text);

    return mdsctl_fail_usage("unknown command \"%s%s\"%s%s", family->prefix,
                             name, text[0] != '\0' ? "; " : "", text);
}

static void
print_table(const family_t *family)
{
    for (size_t i = 0; family->commands[i] != NULL; i++) {
        const mdsctl_command_t *command = family->commands[i];

        if (command->commands != NULL) {
            family_t inner = family_of(family, command);

            print_table(&inner);
            continue;
        }
        printf("  %s%s %s\n      %s\n", family->prefix, command->name,
               command->usage, command->summary);
    }
}

static void
print_help(const family_t *root)
{
    printf("usage: mdsctl [--depot DIR] [--key FILE] [--json] COMMAND ...\n\n"
           "DIR defaults to $MDS_DEPOT, then /var/lib/mds; FILE to $MDS_KEY.\n"
           "Exit: 0 done, 1 failed, 2 wrong usage.\n\n");
    print_table(root);
    printf("  help [COMMAND]\n      this, or the usage of a command\n");
}

static int
print_command_help(const mdsctl_command_t *command, const family_t *family)
{
    if (command->commands != NULL) {
        family_t inner = family_of(family, command);

        print_table(&inner);
    } else {
        printf("usage: %s\n\n%s\n", mdsctl_usage_line(), command->summary);
    }

    return MDSCTL_DONE;
}

static bool
asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }

    return false;
}

/* Runs the command. argv[0] is the first word that may name a command of the
 * family. */
static int
dispatch(mdsctl_t *ctl, const family_t *family, bool help, int argc,
         char **argv)
{
    family_t                inner;
    const mdsctl_command_t *command;

    if (argc == 0) {
        return mdsctl_fail_usage("%scommand is missing", family->prefix);
    }

    command = find(family, argv[0]);
    if (command == NULL) {
        return unknown_command(family, argv[0]);
    }

    mdsctl_set_command(family->prefix, command);

    if (command->commands == NULL) {
        return help || asks_for_help(argc, argv)
                   ? print_command_help(command, family)
                   : command->run(ctl, argc, argv);
    }

    argc--;
    argv++;
    if (mdsctl_parse_leading(ctl, &argc, &argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if ((help && argc == 0) || (argc > 0 && strcmp(argv[0], "--help") == 0)) {
        return print_command_help(command, family);
    }

    inner = family_of(family, command);
    return dispatch(ctl, &inner, help, argc, argv);
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

    for (len = strlen(ctl->command_line);
         !mds_str_is_utf8((mds_str_t){ len, ctl->command_line }); len--)
    {
        ctl->command_line[len - 1] = '\0';
    }
}

static int
run(mdsctl_t *ctl, int argc, char **argv)
{
    family_t root = { .commands = commands };

    if (check_utf8(argc, argv) != MDSCTL_DONE
        || mdsctl_parse_leading(ctl, &argc, &argv) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    keep_command_line(ctl, argc, argv);

    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        printf("mdsctl %s\n", MDSCTL_VERSION);
        return MDSCTL_DONE;
    }

    if (argc > 0
        && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0))
    {
        if (argc == 1) {
            print_help(&root);
            return MDSCTL_DONE;
        }
        return dispatch(ctl, &root, true, argc - 1, argv + 1);
    }

    return dispatch(ctl, &root, false, argc, argv);
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

    /* Reports a full disk. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        mds_fail_errno(&err, "write to standard output");
        return mdsctl_fail(&err);
    }

    return invocation.code;
}
