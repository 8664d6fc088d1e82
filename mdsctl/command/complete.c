/*
 * complete: prints what a shell may offer for the last word of a command line.
 * The scripts in completion/ call it; it only reads.
 *
 *   mdsctl complete -- pause com.example.shop a-3
 *
 * prints ":words" and a line for each value, with its description after a tab.
 * ":files" or ":folders" in the first line makes the shell offer these, and
 * ":open" makes it add no space after the value.
 */

#include <string.h>

#include "base/mds_kind.h"
#include "completion.h"
#include "escape.h"

#define WORD_BYTES 128

/* A description is cut to it: a line of a terminal, escaped. */
#define DESCRIPTION_BYTES 1024

/* Where the last word stands. */
typedef struct {
    mdsctl_completion_t c;
    mdsctl_path_t       path;
    unsigned            arguments; /* before it */
    bool                ended;     /* after "--" */

    /* The option that it is the value of, or NULL. */
    const mdsctl_option_t *option;
} position_t;

void
mdsctl_completion_add(const mdsctl_completion_t *c, mds_str_t value,
                      const char *description)
{
    char text[DESCRIPTION_BYTES];

    if (value.len == 0 || !mdsctl_is_plain(value)
        || !mds_str_starts(value, mds_str_of(c->prefix)))
    {
        return;
    }

    printf("%s%.*s", c->before, MDS_STR(value));

    if (description != NULL) {
        printf("\t%s",
               mdsctl_escape(mds_str_of(description), text, sizeof(text)));
    }

    putchar('\n');
}

static void
add_commands(const mdsctl_completion_t     *c,
             const mdsctl_command_t *const *commands, bool hidden)
{
    for (; *commands != NULL; commands++) {
        if (hidden || (*commands)->group != MDSCTL_HIDDEN) {
            mdsctl_completion_add(c, mds_str_of((*commands)->name),
                                  (*commands)->summary);
        }
    }
}

static void
add_options(const mdsctl_completion_t *c, const mdsctl_option_t *options)
{
    char name[WORD_BYTES];

    for (; options != NULL && options->name != NULL; options++) {
        (void) snprintf(name, sizeof(name), "--%s", options->name);
        mdsctl_completion_add(c, mds_str_of(name), options->text);
    }
}

static void
add_kinds(const mdsctl_completion_t *c)
{
    for (const mds_kind_t *kind = mds_kinds; kind->name.len > 0; kind++) {
        mdsctl_completion_add(c, kind->name, NULL);
    }
}

/* Adds the parts of "user|device". */
static void
add_alternatives(const mdsctl_completion_t *c, mds_str_t word)
{
    size_t len;

    for (size_t i = 0; i < word.len; i += len + 1) {
        const char *bar = memchr(word.data + i, '|', word.len - i);

        len = bar != NULL ? (size_t) (bar - word.data) - i : word.len - i;
        mdsctl_completion_add(c, (mds_str_t){ len, word.data + i }, NULL);
    }
}

/* Offers the names of attributes, and for "app=" and "kind=" their values. */
static void
add_attributes(const mdsctl_completion_t *c)
{
    mdsctl_completion_t values = *c;
    char                name[WORD_BYTES];

    if (strncmp(c->prefix, "app=", 4) == 0) {
        puts(":words");
        values.before = "app=";
        values.prefix += 4;
        mdsctl_completion_depot(&values, mds_str("APP"));
        return;
    }

    if (strncmp(c->prefix, "kind=", 5) == 0) {
        puts(":words");
        values.before = "kind=";
        values.prefix += 5;
        add_kinds(&values);
        return;
    }

    puts(":open");

    for (unsigned known = 0; known < MDS_ATTR_OTHER; known++) {
        (void) snprintf(name, sizeof(name), "%.*s=",
                        MDS_STR(mds_attribute_name((mds_attr_id_t) known)));
        mdsctl_completion_add(c, mds_str_of(name), NULL);
    }
}

/* Offers the values for a word of a usage line. */
static void
add_values(const mdsctl_completion_t *c, mds_str_t word)
{
    if (mds_str_starts(word, mds_str("FILE"))
        || mds_str_eq(word, mds_str("LOG")) || mds_str_eq(word, mds_str("DOC")))
    {
        puts(":files");
    } else if (mds_str_eq(word, mds_str("DIR"))) {
        puts(":folders");
    } else if (mds_str_eq(word, mds_str("NAME=VALUE"))) {
        add_attributes(c);
    } else if (mds_str_eq(word, mds_str("COMMAND"))) {
        puts(":words");
        add_commands(c, mdsctl_commands, false);
    } else if (mds_str_eq(word, mds_str("KIND"))) {
        puts(":words");
        add_kinds(c);
    } else if (word.len > 0 && word.data[0] >= 'a' && word.data[0] <= 'z') {
        puts(":words");
        add_alternatives(c, word);
    } else {
        puts(":words");
        mdsctl_completion_depot(c, word);
    }
}

/* Keeps a value that narrows later values down. */
static void
keep_value(position_t *p, mds_str_t word, const char *value)
{
    if (mds_str_eq(word, mds_str("APP"))) {
        p->c.app = value;
    } else if (mds_str_eq(word, mds_str("KIND"))) {
        p->c.kind = value;
    }
}

/* Keeps the value of an option. */
static void
keep_option(position_t *p, const mdsctl_option_t *option, const char *value)
{
    if (strcmp(option->name, "depot") == 0) {
        p->c.depot = value;
    }

    keep_value(p, mds_str_of(option->argument), value);
}

/* Returns the name of an argument: "LIST" for the second of "APP [LIST]". The
 * last one may repeat. */
static mds_str_t
argument_name(const char *arguments, unsigned index)
{
    mdsctl_argument_t argument = { .repeats = false };

    while (mdsctl_argument_next(&arguments, &argument)) {
        if (index-- == 0) {
            return argument.name;
        }
    }

    return argument.repeats ? argument.name : mds_null_str;
}

/* Reads an option before the last word. */
static void
read_option(position_t *p, const char *text)
{
    size_t                 len = strcspn(text + 2, "=");
    mds_str_t              name = { len, text + 2 };
    const mdsctl_option_t *option = NULL;

    if (p->path.command != NULL) {
        option = mdsctl_option_find(p->path.command->options, name);
    }

    if (option == NULL) {
        option
            = mdsctl_option_find(mdsctl_command_change_options(p->path.command),
                                 name);
    }

    if (option == NULL) {
        option = mdsctl_option_find(mdsctl_global_options, name);
    }

    if (option == NULL || option->type == MDSCTL_FLAG) {
        return;
    }

    if (text[2 + len] == '\0') {
        p->option = option;
        return;
    }

    keep_option(p, option, text + 2 + len + 1);
}

/* Reads a word before the last one. Returns false if it names no command. */
static bool
read_word(position_t *p, const char *text)
{
    const mdsctl_command_t *command = p->path.command;

    if (p->option != NULL) {
        keep_option(p, p->option, text);
        p->option = NULL;
    } else if (!p->ended && strcmp(text, "--") == 0) {
        p->ended = true;
    } else if (!p->ended && strncmp(text, "--", 2) == 0) {
        read_option(p, text);
    } else if (command == NULL || command->commands != NULL) {
        p->path.family = command;
        p->path.command
            = mdsctl_command_find(command == NULL ? mdsctl_commands
                                                  : command->commands,
                                  text);
        return p->path.command != NULL;
    } else {
        mds_str_t name = argument_name(command->arguments, p->arguments++);

        keep_value(p, name, text);
        p->c.list = mds_str_eq(name, mds_str("LIST")) ? text : p->c.list;
    }

    return true;
}

/* Offers the values for "--name=VALUE". */
static void
offer_option_value(position_t *p, char *word)
{
    static char before[WORD_BYTES];
    char       *equals = strchr(word, '=');

    *equals = '\0';
    read_option(p, word);

    if (p->option != NULL) {
        (void) snprintf(before, sizeof(before), "%s=", word);
        p->c.before = before;
        p->c.prefix = equals + 1;
        add_values(&p->c, mds_str_of(p->option->argument));
    }
}

/* Returns the word for the argument that is completed. The ID of `list remove`
 * is one of the list, not of a release, and that of `list add` a new one. */
static mds_str_t
argument_word(const position_t *p, const mdsctl_command_t *command)
{
    mds_str_t name = argument_name(command->arguments, p->arguments);

    if (p->c.list == NULL || !mds_str_eq(name, mds_str("ID"))) {
        return name;
    }

    return strcmp(command->name, "remove") == 0 ? mds_str("MEMBER")
                                                : mds_null_str;
}

static void
offer(position_t *p, char *word)
{
    const mdsctl_command_t *command = p->path.command;

    p->c.prefix = word;

    if (p->option != NULL) {
        add_values(&p->c, mds_str_of(p->option->argument));
    } else if (!p->ended && strncmp(word, "--", 2) == 0
               && strchr(word, '=') != NULL)
    {
        offer_option_value(p, word);
    } else if (!p->ended && word[0] == '-') {
        puts(":words");
        add_options(&p->c, command != NULL ? command->options : NULL);
        add_options(&p->c, mdsctl_command_change_options(command));
        add_options(&p->c, mdsctl_global_options);
    } else if (command == NULL || command->commands != NULL) {
        puts(":words");
        add_commands(&p->c,
                     command == NULL ? mdsctl_commands : command->commands,
                     command != NULL);
    } else {
        add_values(&p->c, argument_word(p, command));
    }
}

static int
run_complete(mdsctl_t *ctl, int argc, char **argv)
{
    position_t p = { .c.before = "" };

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    p.c.depot = ctl->depot;

    for (int i = 1; i < argc - 1; i++) {
        if (!read_word(&p, argv[i])) {
            return MDSCTL_DONE;
        }
    }

    if (argc > 1) {
        offer(&p, argv[argc - 1]);
    }

    return MDSCTL_DONE;
}

const mdsctl_command_t mdsctl_command_complete = {
    .name = "complete",
    .arguments = "[WORD...]",
    .summary = "print what a shell may offer for the last word",
    .text = "Completes the last of the words, which follow \"--\".",
    .examples = "mdsctl complete -- pause com.example.shop a\n"
                "mdsctl complete -- release --\n",
    .run = run_complete,
};
