/* option: parses the options, arguments and attributes of all commands. */

#include "mdsctl.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mds_choices.h"

#define NUMBER_MAX 1000000000
#define OPTION_BYTES 64

const mdsctl_option_t mdsctl_global_options[] = {
    { "depot", "DIR", "the depot; default $MDS_DEPOT, then /var/lib/mds",
      MDSCTL_STORE(mdsctl_t, depot) },
    { "key", "FILE", "the secret key that signs; default $MDS_KEY",
      MDSCTL_STORE(mdsctl_t, key) },
    { "head-key", "FILE", "the secret key of heads; default $MDS_HEAD_KEY",
      MDSCTL_STORE(mdsctl_t, head_key) },
    { "json", NULL, "print JSON instead of text",
      MDSCTL_STORE(mdsctl_t, json) },
    { 0 },
};

#define DRY_RUN                                                                \
    {                                                                          \
        "dry-run", NULL, "print what would change, and change nothing",        \
            MDSCTL_STORE(mdsctl_t, dry_run)                                    \
    }

const mdsctl_option_t mdsctl_change_options[] = {
    DRY_RUN,
    { "note", "TEXT", "a note for the log: why the change is made",
      MDSCTL_STORE(mdsctl_t, note) },
    { "yes", NULL, "ask nothing, even on a terminal; also -y",
      MDSCTL_STORE(mdsctl_t, yes) },
    { 0 },
};

static const mdsctl_option_t dry_run_options[] = { DRY_RUN, { 0 } };

const mdsctl_option_t *
mdsctl_command_change_options(const mdsctl_command_t *command)
{
    return command == NULL     ? NULL
           : command->changes  ? mdsctl_change_options
           : command->dry_runs ? dry_run_options
                               : NULL;
}

/* Returns the options that the command that runs has besides its own. */
static const mdsctl_option_t *
running_change_options(void)
{
    return mdsctl_command_change_options(mdsctl_running()->command);
}

/* Returns the name in "--name=value". */
static mds_str_t
name_in(const char *word)
{
    return (mds_str_t){ strcspn(word + 2, "="), word + 2 };
}

const mdsctl_option_t *
mdsctl_option_find(const mdsctl_option_t *options, mds_str_t name)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (mds_str_eq(mds_str_of(options->name), name)) {
            return options;
        }
    }

    return NULL;
}

/* Short names of options. */
typedef struct {
    const char *name;
    const char *option;
    bool        typed; /* the user has used it */
} short_option_t;

static short_option_t short_options[]
    = { { "-y", "yes", false }, { "-n", "number", false } };

/* Returns an option as the user knows it: "--number", or "-n" where that was
 * typed. text has room for "--" and the name. */
static const char *
name_typed(const char *name, char text[OPTION_BYTES])
{
    for (size_t i = 0; i < mds_nelems(short_options); i++) {
        if (short_options[i].typed
            && strcmp(short_options[i].option, name) == 0) {
            return short_options[i].name;
        }
    }

    (void) snprintf(text, OPTION_BYTES, "--%s", name);
    return text;
}

/* Returns the member of the struct that the option is stored in. */
static void *
member(const mdsctl_option_t *option, void *target)
{
    return (char *) target + option->offset;
}

static int
store(const mdsctl_option_t *option, void *target, const char *value)
{
    const char     **one = member(option, target);
    mdsctl_values_t *all = member(option, target);
    char             text[OPTION_BYTES];

    if (option->type == MDSCTL_VALUE) {
        if (*one != NULL) {
            return mdsctl_fail_usage("%s is given twice",
                                     name_typed(option->name, text));
        }
        *one = value;
        return MDSCTL_DONE;
    }

    if (all->count == MDSCTL_VALUES_MAX) {
        return mdsctl_fail_usage("--%s is given more than %d times",
                                 option->name, MDSCTL_VALUES_MAX);
    }

    all->items[all->count++] = value;
    return MDSCTL_DONE;
}

/* Stores the option in argv[*i] and its value in target; sets *i to its last
 * word. */
static int
take(const mdsctl_option_t *option, void *target, int argc, char **argv, int *i)
{
    const char *equals = strchr(argv[*i], '=');
    char        text[OPTION_BYTES];

    if (option->type == MDSCTL_FLAG) {
        if (equals != NULL) {
            return mdsctl_fail_usage("--%s takes no value", option->name);
        }
        *(bool *) member(option, target) = true;
        return MDSCTL_DONE;
    }

    if (equals != NULL) {
        return store(option, target, equals + 1);
    }

    if (*i + 1 == argc) {
        return mdsctl_fail_usage("%s needs a value",
                                 name_typed(option->name, text));
    }

    *i += 1;
    return store(option, target, argv[*i]);
}

static const char *
environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : otherwise;
}

/* Reports an unknown option, without its value, which may be a password.
 * options may be NULL. */
static int
unknown_option(const mdsctl_option_t *options, const char *word)
{
    const mdsctl_option_t *tables[]
        = { options, running_change_options(), mdsctl_global_options };
    mds_choices_t choices;
    mds_str_t     nearest;

    mds_choices_begin(&choices,
                      word[1] == '-' ? name_in(word) : mds_str_of(word + 1));

    for (size_t i = 0; i < mds_nelems(tables); i++) {
        const mdsctl_option_t *option = tables[i];

        for (; option != NULL && option->name != NULL; option++) {
            mds_choices_add(&choices, mds_str_of(option->name));
        }
    }

    nearest = mds_choices_nearest(&choices);

    return nearest.len > 0 ? mdsctl_fail_usage(
               "unknown option \"%.*s\"; did you mean --%.*s?",
               (int) strcspn(word, "="), word, MDS_STR(nearest))
                           : mdsctl_fail_usage("unknown option \"%.*s\"",
                                               (int) strcspn(word, "="), word);
}

/* Takes an option by its short name: "-y", "-n N" or "-nN". */
static int
take_short(const mdsctl_option_t *option, short_option_t *short_option,
           void *target, int argc, char **argv, int *i)
{
    const char *value = argv[*i] + strlen(short_option->name);

    short_option->typed = true;

    return *value != '\0' && option->type != MDSCTL_FLAG
               ? store(option, target, value)
               : take(option, target, argc, argv, i);
}

/* Returns the short option in a word; NULL: it is none. */
static short_option_t *
find_short(const char *word)
{
    for (size_t i = 0; i < mds_nelems(short_options); i++) {
        if (strncmp(word, short_options[i].name, 2) == 0) {
            return &short_options[i];
        }
    }

    return NULL;
}

/* Finds an option of the command that runs, or of all, and the struct that it
 * is stored in. */
static const mdsctl_option_t *
find_any(mdsctl_t *ctl, const mdsctl_option_t *options, mds_str_t name,
         void **target)
{
    const mdsctl_option_t *option = mdsctl_option_find(options, name);

    if (option != NULL) {
        return option;
    }

    *target = ctl;
    option = mdsctl_option_find(running_change_options(), name);

    return option != NULL ? option
                          : mdsctl_option_find(mdsctl_global_options, name);
}

/* Takes the option in argv[*i], one of the command's or a global one. *taken is
 * its description. */
static int
take_any(mdsctl_t *ctl, const mdsctl_option_t *options, void *target, int argc,
         char **argv, int *i, const mdsctl_option_t **taken)
{
    short_option_t *short_option = find_short(argv[*i]);
    const char     *word = argv[*i];
    mds_str_t       name = word[1] == '-'         ? name_in(word)
                           : short_option != NULL ? mds_str_of(short_option->option)
                                                  : mds_null_str;

    *taken = find_any(ctl, options, name, &target);

    if (*taken == NULL
        || (short_option != NULL && (*taken)->type == MDSCTL_FLAG
            && word[2] != '\0'))
    {
        return unknown_option(options, word);
    }

    return short_option != NULL
               ? take_short(*taken, short_option, target, argc, argv, i)
               : take(*taken, target, argc, argv, i);
}

/* Returns how many arguments a command takes. */
static int
count_arguments(const char *words)
{
    mdsctl_argument_t argument = { .repeats = false };
    int               count = 0;

    while (mdsctl_argument_next(&words, &argument)) {
        count++;
    }

    return argument.repeats ? INT_MAX : count;
}

/* A word behind the value of an option that may be repeated is one more value
 * of it, if it would be one argument too many: "--to android=2.0 ios=3.0". */
static int
parse_words(mdsctl_t *ctl, const mdsctl_option_t *options, void *target,
            int *argc, char **argv)
{
    int  most = count_arguments(mdsctl_running()->command->arguments);
    int  kept = 1, code;
    bool ended = false;
    const mdsctl_option_t *option = NULL; /* whose value is in front */

    for (int i = 1; i < *argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
            option = NULL;

        } else if (!ended && argv[i][0] == '-' && argv[i][1] != '\0') {
            code = take_any(ctl, options, target, *argc, argv, &i, &option);

            if (code != MDSCTL_DONE) {
                return code;
            }

        } else if (option != NULL && option->type == MDSCTL_VALUES
                   && kept > most) {
            code = store(option, target, argv[i]);

            if (code != MDSCTL_DONE) {
                return code;
            }

        } else {
            argv[kept++] = argv[i];
            option = NULL;
        }
    }

    *argc = kept;
    return MDSCTL_DONE;
}

/* Checks the number of arguments against "APP [LIST]" or "APP ID...". */
static int
check_arguments(const char *words, int argc, char **argv)
{
    mdsctl_argument_t argument = { .repeats = false };
    int               count = 0;

    while (mdsctl_argument_next(&words, &argument)) {
        count++;

        if (count >= argc && !argument.optional) {
            return mdsctl_fail_usage("%s: an argument is missing: %.*s",
                                     argv[0], MDS_STR(argument.name));
        }
    }

    if (argc - 1 > count && !argument.repeats) {
        return mdsctl_fail_usage("%s: \"%s\" is one argument too many", argv[0],
                                 argv[count + 1]);
    }

    return MDSCTL_DONE;
}

static int
check_required(const mdsctl_option_t *options, void *target)
{
    for (; options != NULL && options->name != NULL; options++) {
        const char *const     *one = member(options, target);
        const mdsctl_values_t *all = member(options, target);

        if (options->need == MDSCTL_REQUIRED
            && (options->type == MDSCTL_VALUE ? *one == NULL : all->count == 0))
        {
            return mdsctl_fail_usage("--%s is missing", options->name);
        }
    }

    return MDSCTL_DONE;
}

int
mdsctl_parse(mdsctl_t *ctl, void *options, int *argc, char **argv)
{
    const mdsctl_command_t *command = mdsctl_running()->command;

    if (parse_words(ctl, command->options, options, argc, argv) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (ctl->depot == NULL) {
        ctl->depot = environment("MDS_DEPOT", "/var/lib/mds");
    }
    mdsctl_set_depot(ctl->depot);

    if (ctl->key == NULL) {
        ctl->key = environment("MDS_KEY", NULL);
    }
    if (ctl->head_key == NULL) {
        ctl->head_key = environment("MDS_HEAD_KEY", NULL);
    }

    return check_arguments(command->arguments, *argc, argv)
               ?: check_required(command->options, options);
}

/* Returns whether the word stands in the place of a command. */
static bool
is_command_word(const char *word)
{
    return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0
           || strcmp(word, "--version") == 0;
}

int
mdsctl_parse_leading(mdsctl_t *ctl, int *argc, char ***argv)
{
    const mdsctl_option_t *option;
    int                    i;

    for (i = 0;
         i < *argc && (*argv)[i][0] == '-' && !is_command_word((*argv)[i]); i++)
    {
        if (strcmp((*argv)[i], "--") == 0) {
            i++;
            break;
        }

        if (take_any(ctl, NULL, NULL, *argc, *argv, &i, &option) != MDSCTL_DONE)
        {
            return MDSCTL_USAGE;
        }
    }

    *argc -= i;
    *argv += i;
    return MDSCTL_DONE;
}

int
mdsctl_attributes(int count, char **words, mds_request_t *request)
{
    const char *equals;
    mds_str_t   name, nearest;
    mds_error_t err;

    for (int i = 0; i < count; i++) {
        equals = strchr(words[i], '=');
        if (equals == NULL) {
            return mdsctl_fail_usage("\"%s\" is not of the form NAME=VALUE",
                                     words[i]);
        }

        name = (mds_str_t){ (size_t) (equals - words[i]), words[i] };
        nearest = mds_attribute_nearest(name);

        if (mds_request_set_claimed(request, name, mds_str_of(equals + 1), &err)
            != MDS_OK)
        {
            return nearest.len > 0
                       ? mdsctl_fail_usage("\"%s\": %s; did you mean %.*s?",
                                           words[i], err.text, MDS_STR(nearest))
                       : mdsctl_fail_usage("\"%s\": %s", words[i], err.text);
        }

        if (nearest.len > 0) {
            fprintf(stderr,
                    "mdsctl: note: attribute \"%.*s\" is one of your own; did"
                    " you mean %.*s?\n",
                    MDS_STR(name), MDS_STR(nearest));
        }
    }

    return MDSCTL_DONE;
}

int
mdsctl_number(const char *option, const char *text, int64_t least,
              int64_t *number)
{
    int64_t value;
    char    typed[OPTION_BYTES];

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    if (!mdsctl_parse_count(text, NUMBER_MAX, &value) || value < least) {
        return mdsctl_fail_usage(
            "%s: found \"%s\"; want a number from %lld to %d",
            option[0] == '-' ? name_typed(option + 2, typed) : option, text,
            (long long) least, NUMBER_MAX);
    }

    *number = value;
    return MDSCTL_DONE;
}
