/*
 * man: prints the man page of mdsctl, or of a command with the commands of its
 * family, from the descriptions that the help uses. The Makefile runs it.
 */

#include <ctype.h>
#include <string.h>

#include "help.h"

/* Prints text so that roff takes no byte of it for its own. */
static void
print_roff(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\') {
            fputs("\\e", stdout);
        } else if (text[i] == '-') {
            fputs("\\-", stdout);
        } else if (i == 0 && (text[i] == '.' || text[i] == '\'')) {
            printf("\\&%c", text[i]);
        } else {
            putchar(text[i]);
        }
    }
}

static void
print_line(const char *text)
{
    print_roff(text, strlen(text));
    putchar('\n');
}

/* Prints sentences; lines that begin with a space are printed as they are. */
static void
print_sentences(const char *text)
{
    bool   verbatim = false;
    size_t len;

    for (const char *line = text; *line != '\0';
         line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");

        if (len > 0 && (line[0] == ' ') != verbatim) {
            verbatim = !verbatim;
            puts(verbatim ? ".PP\n.nf" : ".fi");
        }

        if (len == 0) {
            puts(verbatim ? "" : ".PP");
        } else {
            print_roff(line, len);
            putchar('\n');
        }
    }

    if (verbatim) {
        puts(".fi");
    }
}

/* Prints the row of an option, or of a command. */
static void
print_row(const char *before, const char *name, const char *argument,
          const char *text)
{
    fputs(".TP\n\\fB", stdout);
    print_roff(before, strlen(before));
    print_roff(name, strlen(name));
    fputs("\\fR", stdout);

    if (argument != NULL) {
        fputs(" \\fI", stdout);
        print_roff(argument, strlen(argument));
        fputs("\\fR", stdout);
    }

    putchar('\n');
    print_line(text);
}

static void
print_options(const mdsctl_option_t *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        print_row("--", options->name, options->argument, options->text);
    }
}

static void
print_usage_word(void *data, const char *word)
{
    bool *first = data;

    if (!*first) {
        putchar(' ');
    }
    for (; *word != '\0'; word++) {
        if (*word == ' ') {
            fputs("\\ ", stdout);
        } else {
            print_roff(word, 1);
        }
    }
    *first = false;
}

static void
print_usage(const mdsctl_path_t *path)
{
    bool first = true;

    puts(".PP\n.nh\n.ad l");
    mdsctl_usage_visit(path, print_usage_word, &first);
    puts("\n.ad\n.hy");
}

static void
print_examples(const char *examples)
{
    size_t len;

    puts(".PP\n.nf");

    for (const char *line = examples; *line != '\0'; line += len + 1) {
        len = strcspn(line, "\n");
        print_roff(line, len);
        putchar('\n');
    }

    puts(".fi");
}

/* Prints the parts of a command of a family under a heading of their own. */
static void
print_subcommand(const mdsctl_path_t *path)
{
    const mdsctl_command_t *command = path->command;

    printf(".SH \"MDSCTL ");
    for (const char *c = path->family->name; *c != '\0'; c++) {
        putchar(toupper((unsigned char) *c));
    }
    putchar(' ');
    for (const char *c = command->name; *c != '\0'; c++) {
        putchar(toupper((unsigned char) *c));
    }
    puts("\"");
    print_usage(path);
    puts(".PP");
    print_sentences(command->text);
    print_options(command->options);
    print_options(mdsctl_command_change_options(command));
    print_examples(command->examples);
}

static void
print_header(const char *name, const char *summary)
{
    char title[64] = "mdsctl";

    if (name != NULL) {
        (void) snprintf(title, sizeof(title), "mdsctl-%s", name);
    }

    printf(".TH \"");
    for (const char *c = title; *c != '\0'; c++) {
        putchar(toupper((unsigned char) *c));
    }
    printf("\" \"1\" \"\" \"mdsctl %s\" \"mds\"\n.SH NAME\n", MDSCTL_VERSION);
    print_roff(title, strlen(title));
    fputs(" \\- ", stdout);
    print_line(summary);
    puts(".SH SYNOPSIS");
}

static void
print_command(const mdsctl_command_t *command)
{
    mdsctl_path_t path = { .command = command };

    print_header(command->name, command->summary);

    for (size_t i = 0;
         command->commands != NULL && command->commands[i] != NULL; i++)
    {
        print_usage(&(mdsctl_path_t){ command, command->commands[i] });
    }

    if (command->commands == NULL) {
        print_usage(&path);
    }

    puts(".SH DESCRIPTION");
    print_sentences(command->text);

    for (size_t i = 0;
         command->commands != NULL && command->commands[i] != NULL; i++)
    {
        print_subcommand(&(mdsctl_path_t){ command, command->commands[i] });
    }

    puts(".SH OPTIONS");
    print_options(command->options);
    print_options(mdsctl_command_change_options(command));
    print_options(mdsctl_global_options);

    if (command->commands == NULL) {
        puts(".SH EXAMPLES");
        print_examples(command->examples);
    }

    puts(".SH SEE ALSO\n.BR mdsctl (1)");
}

static void
print_overview(void)
{
    mdsctl_path_t path = { .command = NULL };

    print_header(NULL, "the loader of mds: releases versions of apps by nginx");
    print_usage(&path);
    puts(".SH DESCRIPTION");
    print_sentences(mdsctl_about);
    puts(".PP\nEach command has a page of its own, such as\n"
         ".BR mdsctl\\-release (1).");

    for (mdsctl_group_t group = MDSCTL_START; group < MDSCTL_GROUPS; group++) {
        printf(".SS %s\n", mdsctl_group_titles[group]);

        for (size_t i = 0; mdsctl_commands[i] != NULL; i++) {
            if (mdsctl_commands[i]->group == group) {
                print_row("", mdsctl_commands[i]->name, NULL,
                          mdsctl_commands[i]->summary);
            }
        }
    }

    puts(".SH OPTIONS");
    print_options(mdsctl_global_options);
    puts(".SH \"FIRST STEPS\"");
    print_sentences(mdsctl_first_steps);
    puts(".SH \"EXIT STATUS\"\n.TP\n.B 0\nThe command is done.\n.TP\n.B 1\n"
         "It failed; standard error has the reason, and the depot is "
         "unchanged.\n.TP\n.B 2\nThe usage is wrong.\n.TP\n.B 3\nOf check "
         "alone: "
         "what came could not be verified, and nothing was "
         "installed.\n.SH ENVIRONMENT");
    print_row("", "MDS_DEPOT", NULL, "The depot, unless --depot is given.");
    print_row("", "MDS_KEY", NULL, "The secret key, unless --key is given.");
    print_row("", "MDS_HEAD_KEY", NULL,
              "The key of heads, unless --head-key is given.");
    print_row("", "MDS_KEY_PASSWORD_FILE", NULL,
              "A file with the password of an encrypted key.");
    print_row("", "MDS_PAGER", NULL,
              "The pager of long answers on a terminal; default $PAGER, then "
              "less. cat turns it off.");
    print_row("", "NO_COLOR", NULL, "If it is set, nothing is coloured.");
    print_row("", "TMPDIR", NULL,
              "Where standard input and downloads are kept; default /tmp.");
    puts(".SH FILES");
    print_row("", "/var/lib/mds", NULL, "The depot, unless another is given.");
    puts(".SH SEE ALSO\n.BR nginx (8)");
}

static int
run_man(mdsctl_t *ctl, int argc, char **argv)
{
    const mdsctl_command_t *command;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (argc == 1) {
        print_overview();
        return MDSCTL_DONE;
    }

    command = mdsctl_command_find(mdsctl_commands, argv[1]);

    if (command == NULL) {
        return mdsctl_unknown_command(NULL, argv[1]);
    }

    print_command(command);
    return MDSCTL_DONE;
}

const mdsctl_command_t mdsctl_command_man = {
    .name = "man",
    .arguments = "[COMMAND]",
    .summary = "print a man page",
    .text = "Prints the man page of mdsctl or of a command, in roff.",
    .examples = "mdsctl man\n"
                "mdsctl man release\n",
    .run = run_man,
};
