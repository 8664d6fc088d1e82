/* option: parses the options, arguments and attributes of all commands. */

#include "mdsctl.h"

#include <stdlib.h>

#include "base/mds_choices.h"

#define GLOBALS 4 /* including the end of the table */
#define NUMBER_MAX 1000000000

static void
make_globals(mdsctl_t *ctl, mdsctl_option_t globals[GLOBALS])
{
    globals[0] = (mdsctl_option_t){ .name = "depot", .value = &ctl->depot };
    globals[1] = (mdsctl_option_t){ .name = "key", .value = &ctl->key };
    globals[2] = (mdsctl_option_t){ .name = "json", .flag = &ctl->json };
    globals[3] = (mdsctl_option_t){ .name = NULL };
}

/* Returns the name in "--name=value". */
static mds_str_t
name_in(const char *word)
{
    return (mds_str_t){ strcspn(word + 2, "="), word + 2 };
}

static const mdsctl_option_t *
find(const mdsctl_option_t *options, mds_str_t name)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (mds_str_eq(mds_str_of(options->name), name)) {
            return options;
        }
    }

    return NULL;
}

static int
store(const mdsctl_option_t *option, const char *value)
{
    if (option->value != NULL) {
        if (*option->value != NULL) {
            return mdsctl_fail_usage("--%s is given twice", option->name);
        }
        *option->value = value;
        return MDSCTL_DONE;
    }

    /* An option has a flag, a value, or values. */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    if (option->values->count == MDSCTL_VALUES_MAX) {
        return mdsctl_fail_usage("--%s is given more than %d times",
                                 option->name, MDSCTL_VALUES_MAX);
    }

    option->values->items[option->values->count++] = value;
    return MDSCTL_DONE;
}

/* Parses the option in argv[*i] and its value; sets *i to its last word. */
static int
take(const mdsctl_option_t *option, int argc, char **argv, int *i)
{
    const char *equals = strchr(argv[*i], '=');

    if (option->flag != NULL) {
        if (equals != NULL) {
            return mdsctl_fail_usage("--%s takes no value", option->name);
        }
        *option->flag = true;
        return MDSCTL_DONE;
    }

    if (equals != NULL) {
        return store(option, equals + 1);
    }

    if (*i + 1 == argc) {
        return mdsctl_fail_usage("--%s needs a value", option->name);
    }

    *i += 1;
    return store(option, argv[*i]);
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
unknown_option(const mdsctl_option_t *options, const mdsctl_option_t *globals,
               const char *word)
{
    const mdsctl_option_t *tables[] = { options, globals };
    mds_choices_t          choices;
    mds_str_t              nearest;

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

static int
parse_words(const mdsctl_option_t *options, const mdsctl_option_t *globals,
            int *argc, char **argv)
{
    int                    kept = 1;
    bool                   ended = false;
    const mdsctl_option_t *option;

    for (int i = 1; i < *argc; i++) {
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[kept++] = argv[i];
            continue;
        }

        if (strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }

        option = NULL;
        if (argv[i][1] == '-') {
            option = find(options, name_in(argv[i]));
            if (option == NULL) {
                option = find(globals, name_in(argv[i]));
            }
        }

        if (option == NULL) {
            return unknown_option(options, globals, argv[i]);
        }

        if (take(option, *argc, argv, &i) != MDSCTL_DONE) {
            return MDSCTL_USAGE;
        }
    }

    *argc = kept;
    return MDSCTL_DONE;
}

int
mdsctl_parse(mdsctl_t *ctl, const mdsctl_option_t *options, int min, int max,
             int *argc, char **argv)
{
    mdsctl_option_t globals[GLOBALS];

    make_globals(ctl, globals);

    if (parse_words(options, globals, argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (ctl->depot == NULL) {
        ctl->depot = environment("MDS_DEPOT", "/var/lib/mds");
    }
    if (ctl->key == NULL) {
        ctl->key = environment("MDS_KEY", NULL);
    }

    if (*argc - 1 < min) {
        return mdsctl_fail_usage("%s: an argument is missing", argv[0]);
    }
    if (max >= 0 && *argc - 1 > max) {
        return mdsctl_fail_usage("%s: \"%s\" is one argument too many", argv[0],
                                 argv[max + 1]);
    }

    return MDSCTL_DONE;
}

int
mdsctl_parse_leading(mdsctl_t *ctl, int *argc, char ***argv)
{
    int                    i;
    mdsctl_option_t        globals[GLOBALS];
    const mdsctl_option_t *option;

    make_globals(ctl, globals);

    for (i = 0; i < *argc && (*argv)[i][0] == '-'; i++) {
        /* These two stand in the place of a command. */
        if (strcmp((*argv)[i], "--help") == 0
            || strcmp((*argv)[i], "--version") == 0) {
            break;
        }

        option = NULL;
        if (strncmp((*argv)[i], "--", 2) == 0) {
            option = find(globals, name_in((*argv)[i]));
        }

        if (option == NULL) {
            return unknown_option(NULL, globals, (*argv)[i]);
        }

        if (take(option, *argc, *argv, &i) != MDSCTL_DONE) {
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
    int64_t value = 0;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    for (const char *c = text; *c != '\0' && value <= NUMBER_MAX; c++) {
        value
            = *c >= '0' && *c <= '9' ? 10 * value + (*c - '0') : NUMBER_MAX + 1;
    }

    if (*text == '\0' || value < least || value > NUMBER_MAX) {
        return mdsctl_fail_usage(
            "%s: found \"%s\"; want a number from %lld to %d", option, text,
            (long long) least, NUMBER_MAX);
    }

    *number = value;
    return MDSCTL_DONE;
}
