/*
 * Explains why a release has no package: finds the packages that agree with
 * most of its words, and suggests theirs for the first word that differs.
 */

#include "document/mds_model_suggest.h"

#include <stdio.h>

#include "base/mds_choices.h"

/* The words of a release in the order in which packages are narrowed down. */
typedef enum {
    MDS_SUGGEST_KIND,
    MDS_SUGGEST_NAME,
    MDS_SUGGEST_VERSION,
    MDS_SUGGEST_PLATFORM,
    MDS_SUGGEST_CHANNEL
} mds_suggest_word_t;

static const char *const mds_suggest_keys[]
    = { "kind", "name", "version", "platform", "channel" };

/* Returns the first word in which the package differs. */
static mds_suggest_word_t
mds_suggest_word(const mds_package_t *package, const mds_release_t *release)
{
    if (!mds_str_eq(package->kind, release->kind)) {
        return MDS_SUGGEST_KIND;
    }

    if (!mds_str_eq(package->name, release->name)) {
        return MDS_SUGGEST_NAME;
    }

    if (mds_version_cmp(&package->key, &release->key) != 0) {
        return MDS_SUGGEST_VERSION;
    }

    return mds_scopes_meet(&package->platforms, &release->platforms)
               ? MDS_SUGGEST_CHANNEL
               : MDS_SUGGEST_PLATFORM;
}

/* Returns the package's values of the word. */
static mds_strs_t
mds_suggest_names(const mds_package_t *package, mds_suggest_word_t word)
{
    switch (word) {
    case MDS_SUGGEST_KIND:
        return (mds_strs_t){ (mds_str_t *) &package->kind, 1 };
    case MDS_SUGGEST_NAME:
        return (mds_strs_t){ (mds_str_t *) &package->name, 1 };
    case MDS_SUGGEST_VERSION:
        return (mds_strs_t){ (mds_str_t *) &package->version, 1 };
    case MDS_SUGGEST_PLATFORM:
        return package->platforms;
    default:
        return package->channels;
    }
}

static mds_str_t
mds_suggest_value(const mds_release_t *release, mds_suggest_word_t word)
{
    const mds_str_t found[] = {
        [MDS_SUGGEST_KIND] = release->kind,
        [MDS_SUGGEST_NAME] = release->name,
        [MDS_SUGGEST_VERSION] = release->version,
    };

    return word < mds_nelems(found)       ? found[word]
           : word == MDS_SUGGEST_PLATFORM ? release->platforms.items[0]
                                          : release->channels.items[0];
}

/* Writes the choices' name: "versions of bundle home", "platforms of 3.2.0". */
static void
mds_suggest_what(const mds_release_t *release, mds_suggest_word_t word,
                 char *what, size_t size)
{
    switch (word) {
    case MDS_SUGGEST_KIND:
        snprintf(what, size, "kinds of packages");
        break;
    case MDS_SUGGEST_NAME:
        snprintf(what, size, "names of %.*s", MDS_STR(release->kind));
        break;
    case MDS_SUGGEST_VERSION:
        snprintf(what, size, "versions of %.*s%s%.*s", MDS_STR(release->kind),
                 release->name.len > 0 ? " " : "", MDS_STR(release->name));
        break;
    default:
        snprintf(what, size, "%ss of %.*s", mds_suggest_keys[word],
                 MDS_STR(release->version));
    }
}

void
mds_model_suggest_package(const mds_model_t   *model,
                          const mds_release_t *release, mds_reader_t *r)
{
    mds_suggest_word_t word = MDS_SUGGEST_KIND;
    mds_choices_t      choices;
    mds_str_t          found;
    char               text[MDS_CHOICES_BYTES], what[MDS_ERROR_BYTES / 2];
    size_t             mark;

    for (size_t i = 0; i < model->package_count; i++) {
        mds_suggest_word_t own = mds_suggest_word(&model->packages[i], release);

        word = own > word ? own : word;
    }

    found = mds_suggest_value(release, word);
    mds_choices_begin(&choices, found);

    for (size_t i = 0; i < model->package_count; i++) {
        const mds_package_t *package = &model->packages[i];
        mds_strs_t           names = mds_suggest_names(package, word);

        for (size_t k = 0;
             mds_suggest_word(package, release) == word && k < names.count; k++)
        {
            mds_choices_add(&choices, names.items[k]);
        }
    }

    mds_suggest_what(release, word, what, sizeof(what));
    mds_choices_words(&choices, what, text);
    mark = mds_reader_push(r, mds_str_of(mds_suggest_keys[word]));
    mds_reader_fail_missing(
        r, "found \"%.*s\", which no package%s%.*s%s%.*s has; %s",
        MDS_STR(found), word == MDS_SUGGEST_KIND ? "" : " of ",
        word == MDS_SUGGEST_KIND ? 0 : (int) release->kind.len,
        release->kind.data, word > MDS_SUGGEST_VERSION ? " " : "",
        word > MDS_SUGGEST_VERSION ? (int) release->version.len : 0,
        release->version.data,
        text[0] != '\0' ? text : "there is no package yet");
    mds_reader_pop(r, mark);
}

void
mds_model_suggest_from(const mds_model_t *model, const mds_package_t *package,
                       mds_str_t from, mds_reader_t *r)
{
    mds_choices_t choices;
    char          text[MDS_CHOICES_BYTES];

    mds_choices_begin(&choices, from);

    for (size_t i = 0; i < model->package_count; i++) {
        const mds_package_t *other = &model->packages[i];

        if (mds_str_eq(other->kind, package->kind)
            && mds_str_eq(other->name, package->name)
            && mds_version_cmp(&other->key, &package->key) < 0
            && mds_scopes_meet(&other->platforms, &package->platforms)
            && mds_scopes_meet(&other->channels, &package->channels))
        {
            mds_choices_add(&choices, other->version);
        }
    }

    mds_choices_words(&choices, "lower versions", text);
    mds_reader_fail_missing(
        r,
        "found \"%.*s\", which no package for the same platforms"
        " and channels has; %s",
        MDS_STR(from), text[0] != '\0' ? text : "there is no lower version");
}

void
mds_model_suggest_list(const mds_model_t *model, mds_str_t name,
                       mds_reader_t *r)
{
    mds_choices_t choices;
    char          text[MDS_CHOICES_BYTES];

    mds_choices_begin(&choices, name);

    for (size_t i = 0; i < model->list_count; i++) {
        mds_choices_add(&choices, model->lists[i].name);
    }

    mds_choices_words(&choices, "lists", text);
    mds_reader_fail_missing(r, "there is no list \"%.*s\"; %s", MDS_STR(name),
                            text[0] != '\0' ? text : "the app has no lists");
}
