/* help: prints an overview of the commands, the help of one, or a topic. */

#include "help.h"

#include <string.h>

#include "base/mds_choices.h"
#include "text.h"

const char *const mdsctl_group_titles[MDSCTL_GROUPS] = {
    [MDSCTL_START] = "Start",     [MDSCTL_PUBLISH] = "Publish",
    [MDSCTL_RELEASE] = "Release", [MDSCTL_SEE] = "See",
    [MDSCTL_KEEP] = "Keep safe",  [MDSCTL_MORE] = "More",
};

const char mdsctl_about[]
    = "mdsctl is the loader of mds, which delivers releases from inside nginx. "
      "It writes a depot, and nginx reads it: the next request after a change "
      "sees the change.";

const char mdsctl_first_steps[]
    = "These commands lead to the first release that a device can get:\n"
      "\n"
      "    mdsctl init\n"
      "    mdsctl keygen ops\n"
      "    export MDS_KEY=ops.key\n"
      "    mdsctl publish shop-1.0.0.apk --app com.example.shop \\\n"
      "        --kind upgrade --platform android --version 1.0.0\n"
      "    mdsctl release com.example.shop first --kind upgrade \\\n"
      "        --platform android --version 1.0.0 --all\n"
      "\n"
      "nginx serves the depot with the module of mds and these lines, for "
      "example "
      "in /etc/nginx/conf.d/mds.conf. After `nginx -t`, reload nginx once; "
      "changes "
      "by mdsctl need no reload.\n"
      "\n"
      "    mds_depot /var/lib/mds;\n"
      "    server {\n"
      "        listen 8080;\n"
      "        location = /mds/v1/check    { mds_check; }\n"
      "        location = /mds/v1/config   { mds_config; }\n"
      "        location = /mds/v1/messages { mds_messages; }\n"
      "        location   /mds/v1/files/   { mds_files; }\n"
      "    }\n"
      "\n"
      "Then act as a device that has nothing installed:\n"
      "\n"
      "    mdsctl check http://127.0.0.1:8080/mds/v1/ --pub ops.pub \\\n"
      "        --out shop.apk app=com.example.shop kind=upgrade \\\n"
      "        platform=android\n";

/* Prints "  NAME  TEXT" with the texts below each other. */
static void
print_row(const char *name, size_t width, const char *text)
{
    printf("  %-*s  %s\n", (int) width, name, text);
}

static size_t
option_label(const mdsctl_option_t *option, char label[MDSCTL_LABEL_BYTES])
{
    int len = snprintf(label, MDSCTL_LABEL_BYTES, "--%s%s%s", option->name,
                       option->argument != NULL ? " " : "",
                       option->argument != NULL ? option->argument : "");

    return (size_t) len;
}

static void
print_options(const mdsctl_option_t *options)
{
    char   label[MDSCTL_LABEL_BYTES];
    size_t width = 0;

    for (const mdsctl_option_t *o = options; o->name != NULL; o++) {
        size_t len = option_label(o, label);

        width = len > width ? len : width;
    }

    for (const mdsctl_option_t *o = options; o->name != NULL; o++) {
        (void) option_label(o, label);
        print_row(label, width, o->text);
    }
}

static void
print_commands(const mdsctl_command_t *const *commands, mdsctl_group_t group)
{
    for (; *commands != NULL; commands++) {
        if ((*commands)->group == group) {
            print_row((*commands)->name, 9, (*commands)->summary);
        }
    }
}

void
mdsctl_help_overview(void)
{
    mdsctl_path_t path = { .command = NULL };

    mdsctl_text_fill(stdout, mdsctl_about);
    putchar('\n');
    mdsctl_usage_print(stdout, &path);

    for (mdsctl_group_t group = MDSCTL_START; group < MDSCTL_GROUPS; group++) {
        printf("\n%s\n", mdsctl_group_titles[group]);
        print_commands(mdsctl_commands, group);
    }

    printf("\nOptions of every change\n");
    print_options(mdsctl_change_options);
    printf("\nOptions of every command\n");
    print_options(mdsctl_global_options);
    printf("\n`mdsctl help COMMAND` explains a command and has examples.\n"
           "`mdsctl help start` shows the first steps.\n"
           "Exit code: 0 done, 1 failed, 2 wrong usage.\n");
}

/* Prints "    mdsctl pause …" for each line of the examples. */
static void
print_examples(const char *examples)
{
    size_t len;

    printf("\nExamples\n");

    for (const char *line = examples; *line != '\0'; line += len + 1) {
        len = strcspn(line, "\n");
        printf("  %.*s\n", (int) len, line);
    }
}

void
mdsctl_help_command(const mdsctl_path_t *path)
{
    const mdsctl_command_t *command = path->command;
    const mdsctl_option_t  *changes = mdsctl_command_change_options(command);

    mdsctl_usage_print(stdout, path);
    putchar('\n');
    mdsctl_text_fill(stdout, command->text);

    if (command->commands != NULL) {
        printf("\nCommands\n");
        print_commands(command->commands, MDSCTL_HIDDEN);
        printf("\n`mdsctl help %s COMMAND` explains one of them.\n",
               command->name);
        return;
    }

    if (command->options != NULL) {
        printf("\nOptions\n");
        print_options(command->options);
    }

    if (changes != NULL) {
        printf("\nOptions of every change\n");
        print_options(changes);
    }

    printf("\nOptions of every command\n");
    print_options(mdsctl_global_options);
    print_examples(command->examples);
}

/* Returns the command that has the word among its synonyms, or NULL. */
static const mdsctl_command_t *
find_synonym(const mdsctl_command_t *const *commands, const char *word)
{
    size_t len;

    for (; *commands != NULL; commands++) {
        const char *synonym = (*commands)->synonyms;

        for (; synonym != NULL && *synonym != '\0';
             synonym += len + (synonym[len] == ' '))
        {
            len = strcspn(synonym, " ");

            if (len == strlen(word) && strncmp(synonym, word, len) == 0) {
                return *commands;
            }
        }
    }

    return NULL;
}

int
mdsctl_unknown_command(const mdsctl_command_t *family, const char *name)
{
    const mdsctl_command_t *const *commands
        = family == NULL ? mdsctl_commands : family->commands;
    const mdsctl_command_t *synonym = find_synonym(commands, name);
    const char             *space = family == NULL ? "" : " ";
    mds_choices_t           choices;
    char                    text[MDS_CHOICES_BYTES];

    if (synonym != NULL) {
        return mdsctl_fail_usage("unknown command \"%s%s%s\"; did you mean %s?",
                                 family == NULL ? "" : family->name, space,
                                 name, synonym->name);
    }

    mds_choices_begin(&choices, mds_str_of(name));

    for (size_t i = 0; commands[i] != NULL; i++) {
        if (family != NULL || commands[i]->group != MDSCTL_HIDDEN) {
            mds_choices_add(&choices, mds_str_of(commands[i]->name));
        }
    }

    mds_choices_words(&choices, family == NULL ? NULL : "want one of", text);

    return mdsctl_fail_usage("unknown command \"%s%s%s\"%s%s",
                             family == NULL ? "" : family->name, space, name,
                             text[0] != '\0' ? "; " : "", text);
}

int
mdsctl_help(int count, char **words)
{
    mdsctl_path_t path = { .command = NULL };

    if (count == 0) {
        mdsctl_help_overview();
        return MDSCTL_DONE;
    }

    if (strcmp(words[0], "start") == 0) {
        mdsctl_text_fill(stdout, mdsctl_first_steps);
        return MDSCTL_DONE;
    }

    path.command = mdsctl_command_find(mdsctl_commands, words[0]);

    if (path.command == NULL) {
        return mdsctl_unknown_command(NULL, words[0]);
    }

    if (count > 1 && path.command->commands != NULL) {
        path.family = path.command;
        path.command = mdsctl_command_find(path.family->commands, words[1]);

        if (path.command == NULL) {
            return mdsctl_unknown_command(path.family, words[1]);
        }
    }

    mdsctl_help_command(&path);
    return MDSCTL_DONE;
}

static int
run_help(mdsctl_t *ctl, int argc, char **argv)
{
    return mdsctl_parse(ctl, NULL, &argc, argv)
               ?: mdsctl_help(argc - 1, argv + 1);
}

const mdsctl_command_t mdsctl_command_help = {
    .name = "help",
    .group = MDSCTL_MORE,
    .arguments = "[COMMAND...]",
    .summary = "explain a command; `help start`: the first steps",
    .text
    = "Prints an overview of the commands, the help of one command, or the "
      "first steps. -h and --help after a command do the same.",
    .examples = "mdsctl help list add\n"
                "mdsctl help start\n",
    .synonyms = "usage",
    .run = run_help,
};

static int
run_version(mdsctl_t *ctl, int argc, char **argv)
{
    int code = mdsctl_parse(ctl, NULL, &argc, argv);

    if (code != MDSCTL_DONE) {
        return code;
    }

    if (ctl->json) {
        return mdsctl_print(mds_json_pack("{s:s}", "version", MDSCTL_VERSION));
    }

    printf("mdsctl %s\n", MDSCTL_VERSION);
    return MDSCTL_DONE;
}

const mdsctl_command_t mdsctl_command_version = {
    .name = "version",
    .group = MDSCTL_MORE,
    .summary = "print the version of mdsctl",
    .text = "Prints the version. --version does the same.",
    .examples = "mdsctl version\n"
                "mdsctl --json version\n",
    .run = run_version,
};
