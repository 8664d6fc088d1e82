/* mdsctl: the table of commands, and the way to the one that is meant. */

#include <string.h>

#include "base/mds_choices.h"
#include "lmdb/mds_proxy.h"
#include "loader/mds_journal.h"
#include "mdsctl.h"

#define AUDIENCE                                                               \
    "--all | --list LIST... | --percent P | --window N --until TIME"           \
    " [--except LIST] [--by user|device]"

static const mdsctl_command_t commands[] = {
    { "init", "[--user USER] [--group GROUP]", "make an empty depot",
      mdsctl_init, NULL },
    { "keygen", "NAME", "make a key pair, NAME.key and NAME.pub", mdsctl_keygen,
      NULL },
    { "publish",
      "FILE --app APP --kind KIND [--name NAME] [--platform PLATFORM]"
      " [--channel CHANNEL] --version VERSION [--deltas N] [--meta JSON]"
      " [--store] [--unpack DIR] [--unpack-bytes N] [--unpack-entries N]"
      " [--new-app]",
      "digest, sign and store a package, and make its differences",
      mdsctl_publish, NULL },
    { "release",
      "APP ID --kind KIND [--name NAME] [--platform PLATFORM]"
      " [--channel CHANNEL] --version VERSION " AUDIENCE
      " [--rule JSON]... [--meta JSON]",
      "put a version before an audience", mdsctl_release, NULL },
    { "promote", "APP ID " AUDIENCE, "give a release another audience",
      mdsctl_promote, NULL },
    { "pause", "APP ID", "no new devices, for now", mdsctl_move, NULL },
    { "resume", "APP ID", "take a paused release up again", mdsctl_move, NULL },
    { "end", "APP ID", "no new devices, for good", mdsctl_move, NULL },
    { "rollback", "APP ID", "tell devices that have it to go back", mdsctl_move,
      NULL },
    { "rekey", "APP --key FILE", "sign all of an app anew, with another key",
      mdsctl_rekey, NULL },
    { "list", "import|add|remove|show ...", "lists of users and devices", NULL,
      mdsctl_list },
    { "message", "push|list|withdraw ...", "gray messages to users", NULL,
      mdsctl_message },
    { "remove", "app|release|list|package ...", "what nothing needs any more",
      NULL, mdsctl_remove },
    { "apply", "FILE [--dry-run] [--force] [--allow-outside]",
      "make an app's part of the catalog equal to a document", mdsctl_apply,
      NULL },
    { "export", "APP", "print an app's document", mdsctl_export, NULL },
    { "explain", "NAME=VALUE...", "say what a device gets, and why",
      mdsctl_explain, NULL },
    { "check",
      "URL --pub FILE.pub... [--have FILE] [--out FILE] [--deadline SECONDS]"
      " [--least-rate BYTES[/SECONDS]] [--cacert FILE]"
      " [--cert FILE [--cert-key FILE]] [--user NAME:PASSWORD]"
      " [--header \"NAME: VALUE\"]... NAME=VALUE...",
      "play a device: ask, verify, download, patch", mdsctl_check, NULL },
    { "status", "[APP]", "what is in force", mdsctl_status, NULL },
    { "versions", "APP", "published and installed versions", mdsctl_versions,
      NULL },
    { "devices", "APP USER | APP --forget DEVICE|USER",
      "a user's devices, and what they run; or forgets some", mdsctl_devices,
      NULL },
    { "log", "[APP]", "who changed what, and when", mdsctl_log, NULL },
    { "revert", "SERIAL", "undo one change of the log", mdsctl_revert, NULL },
    { "snapshot", "FILE", "write a copy of the whole depot", mdsctl_snapshot,
      NULL },
    { "restore",
      "FILE [--force] [--user USER] [--group GROUP] [--pub FILE.pub]...",
      "make the depot what a snapshot says", mdsctl_restore, NULL },
    { "gc", "[--dry-run] [--keep-generations N] [--grace SECONDS]",
      "remove files that nothing needs", mdsctl_gc, NULL },
    { "verify", "[--pub FILE.pub]...",
      "read everything in the depot, and compare", mdsctl_verify, NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static const mdsctl_command_t *
find(const mdsctl_command_t *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }

    return NULL;
}

/* "; did you mean release?"; of a family, what there is. */
static int
unknown_command(const mdsctl_command_t *table, const char *family,
                const char *name)
{
    mds_choices_t choices;
    char          text[MDS_CHOICES_BYTES];

    mds_choices_begin(&choices, mds_str_of(name));

    for (; table->name != NULL; table++) {
        mds_choices_add(&choices, mds_str_of(table->name));
    }

    mds_choices_words(&choices, *family != '\0' ? "want one of" : NULL, text);

    return mdsctl_usage("unknown command \"%s%s\"%s%s", family, name,
                        text[0] != '\0' ? "; " : "", text);
}

static void
print_table(const mdsctl_command_t *table, const char *family)
{
    for (; table->name != NULL; table++) {
        if (table->commands != NULL) {
            char inner[64];

            snprintf(inner, sizeof(inner), "%s%s ", family, table->name);
            print_table(table->commands, inner);
            continue;
        }
        printf("  %s%s %s\n      %s\n", family, table->name, table->usage,
               table->summary);
    }
}

static void
print_help(void)
{
    printf("usage: mdsctl [--depot DIR] [--key FILE] [--json] COMMAND ...\n\n"
           "DIR defaults to $MDS_DEPOT, then /var/lib/mds; FILE to $MDS_KEY.\n"
           "Exit: 0 done, 1 failed, 2 wrong usage.\n\n");
    print_table(commands, "");
    printf("  help [COMMAND]\n      this, or the usage of a command\n");
}

/* family stands before the command's name, as in "list ". */
static int
help_on(const mdsctl_command_t *command, const char *family)
{
    char inner[64];

    if (command->commands != NULL) {
        snprintf(inner, sizeof(inner), "%s%s ", family, command->name);
        print_table(command->commands, inner);
        return MDSCTL_DONE;
    }

    printf("usage: %s\n\n%s\n", mdsctl_usage_line(), command->summary);
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

/* argv[0] is the first word that may name a command of the table. */
static int
dispatch(mdsctl_t *ctl, const mdsctl_command_t *table, const char *family,
         bool help, int argc, char **argv)
{
    char                    inner[64];
    const mdsctl_command_t *command;

    if (argc == 0) {
        return mdsctl_usage("%scommand is missing", family);
    }

    command = find(table, argv[0]);
    if (command == NULL) {
        return unknown_command(table, family, argv[0]);
    }

    mdsctl_usage_of(family, command);

    if (command->commands == NULL) {
        if (help || asks_for_help(argc, argv)) {
            return help_on(command, family);
        }
        return command->run(ctl, argc, argv);
    }

    argc--;
    argv++;
    if (mdsctl_parse_leading(ctl, &argc, &argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if ((help && argc == 0) || (argc > 0 && strcmp(argv[0], "--help") == 0)) {
        return help_on(command, family);
    }

    snprintf(inner, sizeof(inner), "%s%s ", family, command->name);
    return dispatch(ctl, command->commands, inner, help, argc, argv);
}

/* Names, ids and words go into JSON, all of which is UTF-8. */
static int
check_words(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!mds_str_is_utf8(mds_str_of(argv[i]))) {
            return mdsctl_usage("\"%s\" is no UTF-8", argv[i]);
        }
    }

    return MDSCTL_DONE;
}

/* What was typed, before options are taken out of it; cut between two
 * characters where it is too long. */
static void
note_words(mdsctl_t *ctl, int argc, char **argv)
{
    size_t len = 0;

    for (int i = 0; i < argc && len < sizeof(ctl->words); i++) {
        len += (size_t) snprintf(ctl->words + len, sizeof(ctl->words) - len,
                                 "%s%s", i > 0 ? " " : "", argv[i]);
    }

    for (len = strlen(ctl->words);
         !mds_str_is_utf8((mds_str_t){ len, ctl->words }); len--)
    {
        ctl->words[len - 1] = '\0';
    }
}

static int
run(int argc, char **argv)
{
    mdsctl_t ctl = { 0 };

    if (check_words(argc, argv) != MDSCTL_DONE
        || mdsctl_parse_leading(&ctl, &argc, &argv) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    note_words(&ctl, argc, argv);

    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        printf("mdsctl %s\n", MDSCTL_VERSION);
        return MDSCTL_DONE;
    }

    if (argc > 0
        && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0))
    {
        if (argc == 1) {
            print_help();
            return MDSCTL_DONE;
        }
        return dispatch(&ctl, commands, "", true, argc - 1, argv + 1);
    }

    return dispatch(&ctl, commands, "", false, argc, argv);
}

int
main(int argc, char **argv)
{
    int code;

    if (argc > 0 && strcmp(argv[0], MDS_PROXY_NAME) == 0) {
        return mds_proxy_serve();
    }

    mds_proxy_enable();
    mds_journal_on_wait(mdsctl_waits);
    code = argc > 0 ? run(argc - 1, argv + 1) : MDSCTL_USAGE;

    /* a full disk shows here at the latest */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        mds_error_t err;

        mds_fail_errno(&err, "cannot write to standard output");
        return mdsctl_failed(&err);
    }

    return code;
}
