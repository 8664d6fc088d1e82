/* member: makes the members of a document's objects from options. */

#include "member.h"

#include "base/mds_kind.h"
#include "base/mds_name.h"
#include "base/mds_terms.h"
#include "base/mds_time.h"
#include "base/mds_version.h"

int
mdsctl_set_word(mds_json_t *object, const char *key, const char *word)
{
    return word == NULL ? MDSCTL_DONE
                        : mdsctl_json_status(
                            mds_json_set_str(object, key, mds_str_of(word)));
}

int
mdsctl_set_words(mds_json_t *object, const char *key,
                 const mdsctl_values_t *words)
{
    mds_json_t  *array;
    mds_status_t status = MDS_OK;

    if (words->count == 0) {
        return MDSCTL_DONE;
    }

    array = mds_json_array_new();

    for (size_t i = 0; status == MDS_OK && i < words->count; i++) {
        status
            = mds_json_append(array,
                              mds_json_string_new(mds_str_of(words->items[i])));
    }

    if (status != MDS_OK) {
        mds_json_release(array);
        return mdsctl_json_status(status);
    }

    return mdsctl_json_status(mds_json_set(object, key, array));
}

int
mdsctl_set_scope(mds_json_t *object, const char *key,
                 const mdsctl_values_t *words)
{
    return words->count == 1 ? mdsctl_set_word(object, key, words->items[0])
                             : mdsctl_set_words(object, key, words);
}

int
mdsctl_set_time(mds_json_t *object, const char *key, const char *option,
                const char *text)
{
    char    formatted[MDS_TIME_BYTES];
    int64_t ms;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    return mdsctl_parse_time(option, text, mds_time_now_ms(), &ms)
               ?: mdsctl_set_word(object, key, mds_time_format(ms, formatted));
}

static int
parse_json(const char *option, const char *text, mds_json_t **json)
{
    mds_error_t err;

    return mds_json_parse(mds_str_of(text), option, &err, json) == MDS_OK
               ? MDSCTL_DONE
               : mdsctl_fail_usage("%s", err.text);
}

int
mdsctl_set_json(mds_json_t *object, const char *key, const char *option,
                const char *text)
{
    mds_json_t *value;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    return parse_json(option, text, &value)
               ?: mdsctl_json_status(mds_json_set(object, key, value));
}

static int
parse_object(const char *option, const char *text, mds_json_t **json)
{
    mds_json_t *value;
    int         code = parse_json(option, text, &value);

    if (code != MDSCTL_DONE) {
        return code;
    }

    if (!mds_json_is_object(value)) {
        mds_json_release(value);
        return mdsctl_fail_usage("%s: found %s; want a JSON object", option,
                                 text);
    }

    *json = value;
    return MDSCTL_DONE;
}

int
mdsctl_set_object(mds_json_t *object, const char *key, const char *option,
                  const char *text)
{
    mds_json_t *value;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    return parse_object(option, text, &value)
               ?: mdsctl_json_status(mds_json_set(object, key, value));
}

int
mdsctl_check_version(const char *option, const char *text)
{
    mds_version_t version;

    return text == NULL || mds_version_parse(mds_str_of(text), &version)
               ? MDSCTL_DONE
               : mdsctl_fail_usage("%s: found \"%s\"; want a version such as"
                                   " \"3.2.0\" or \"3.2.0-rc.1\"",
                                   option, text);
}

int
mdsctl_check_kind(const char *text)
{
    return text == NULL || mds_kind_valid(mds_str_of(text))
               ? MDSCTL_DONE
               : mdsctl_fail_usage("--kind: found \"%s\"; want %s, or a kind of"
                                   " your own: a lower-case letter, then up to"
                                   " %d letters, digits, _ and -",
                                   text, mds_kind_names, MDS_KIND_MAX - 1);
}

int
mdsctl_set_jsons(mds_json_t *object, const char *key, const char *option,
                 const mdsctl_values_t *texts)
{
    mds_json_t *array, *value;
    int         code = MDSCTL_DONE;

    if (texts->count == 0) {
        return MDSCTL_DONE;
    }

    array = mds_json_array_new();

    for (size_t i = 0; code == MDSCTL_DONE && i < texts->count; i++) {
        code = parse_object(option, texts->items[i], &value)
                   ?: mdsctl_json_status(mds_json_append(array, value));
    }

    if (code != MDSCTL_DONE) {
        mds_json_release(array);
        return code;
    }

    return mdsctl_json_status(mds_json_set(object, key, array));
}
