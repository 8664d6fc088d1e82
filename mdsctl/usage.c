/* usage: makes usage lines of the descriptions of commands. */

#include "mdsctl.h"

#include <string.h>

#include "text.h"

#define WORD_BYTES 128

#define DOTS "..."
#define DOTS_LEN (sizeof(DOTS) - 1)

bool
mdsctl_argument_next(const char **arguments, mdsctl_argument_t *argument)
{
    mds_str_t text;

    if (*arguments == NULL || **arguments == '\0') {
        return false;
    }

    text = (mds_str_t){ strcspn(*arguments, " "), *arguments };
    *arguments += text.len + ((*arguments)[text.len] == ' ');
    *argument = (mdsctl_argument_t){ .text = text, .name = text };

    if (text.data[0] == '[') {
        argument->optional = true;
        argument->name = (mds_str_t){ text.len - 2, text.data + 1 };
    }

    if (argument->name.len > DOTS_LEN
        && memcmp(argument->name.data + argument->name.len - DOTS_LEN, DOTS,
                  DOTS_LEN)
               == 0)
    {
        argument->repeats = true;
        argument->name.len -= DOTS_LEN;
    }

    return true;
}

static void
visit_arguments(const char *arguments, mdsctl_usage_word_t visit, void *data)
{
    mdsctl_argument_t argument;
    char              word[WORD_BYTES];

    while (mdsctl_argument_next(&arguments, &argument)) {
        (void) snprintf(word, sizeof(word), "%.*s", MDS_STR(argument.text));
        visit(data, word);
    }
}

/* Writes "--list LIST...", with the brackets that its need gives it. */
static void
visit_option(const mdsctl_option_t *option, const char *before,
             const char *after, mdsctl_usage_word_t visit, void *data)
{
    char        word[WORD_BYTES];
    bool        optional = option->need == MDSCTL_OPTIONAL;
    const char *more = option->type == MDSCTL_VALUES ? "..." : "";

    (void) snprintf(word, sizeof(word), "%s%s--%s%s%s%s%s%s%s", before,
                    optional ? "[" : "", option->name,
                    option->argument != NULL ? " " : "",
                    option->argument != NULL ? option->argument : "",
                    optional ? "" : more, optional ? "]" : "",
                    optional ? more : "", after);
    visit(data, word);
}

/* Writes the options of one need; "(--all |" and "--list LIST...)" for those of
 * which one is required. */
static void
visit_options(const mdsctl_option_t *options, mdsctl_need_t need,
              mdsctl_usage_word_t visit, void *data)
{
    const mdsctl_option_t *last = NULL, *first = NULL;

    for (const mdsctl_option_t *o = options; o->name != NULL; o++) {
        if (o->need == need) {
            first = first == NULL ? o : first;
            last = o;
        }
    }

    for (const mdsctl_option_t *o = options; o->name != NULL; o++) {
        bool one_of = need == MDSCTL_ONE_OF;

        if (o->need == need) {
            visit_option(o, one_of && o == first ? "(" : "",
                         !one_of     ? ""
                         : o == last ? ")"
                                     : " |",
                         visit, data);
        }
    }
}

static void
visit_subcommands(const mdsctl_command_t *family, mdsctl_usage_word_t visit,
                  void *data)
{
    char   word[WORD_BYTES];
    size_t len = 0;

    for (size_t i = 0; family->commands[i] != NULL && len < sizeof(word); i++) {
        len += (size_t) snprintf(word + len, sizeof(word) - len, "%s%s",
                                 i > 0 ? "|" : "", family->commands[i]->name);
    }

    visit(data, word);
    visit(data, "...");
}

void
mdsctl_usage_visit(const mdsctl_path_t *path, mdsctl_usage_word_t visit,
                   void *data)
{
    const mdsctl_command_t *command = path->command;

    visit(data, "mdsctl");

    if (command == NULL) {
        visit_options(mdsctl_global_options, MDSCTL_OPTIONAL, visit, data);
        visit(data, "COMMAND");
        visit(data, "...");
        return;
    }

    if (path->family != NULL) {
        visit(data, path->family->name);
    }

    visit(data, command->name);

    if (command->commands != NULL) {
        visit_subcommands(command, visit, data);
        return;
    }

    visit_arguments(command->arguments, visit, data);

    if (command->options != NULL) {
        visit_options(command->options, MDSCTL_REQUIRED, visit, data);
        visit_options(command->options, MDSCTL_ONE_OF, visit, data);
        visit_options(command->options, MDSCTL_OPTIONAL, visit, data);
    }
}

static void
print_word(void *data, const char *word)
{
    mdsctl_text_word(data, word);
}

void
mdsctl_usage_print(FILE *out, const mdsctl_path_t *path)
{
    mdsctl_text_t text = { .out = out, .indent = 4 };

    mdsctl_text_word(&text, "usage:");
    mdsctl_usage_visit(path, print_word, &text);
    mdsctl_text_end(&text);
}
