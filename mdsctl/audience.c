#include "audience.h"

int
mdsctl_json_option(const char *name, const char *text, mds_json_t **json)
{
    mds_error_t err;

    return mds_json_parse(mds_str_of(text), name, &err, json) == MDS_OK
               ? MDSCTL_DONE
               : mdsctl_usage("%s", err.text);
}

static mds_status_t
set_names(mds_json_t *audience, const char *key, const mdsctl_values_t *names)
{
    mds_json_t  *array;
    mds_status_t status = MDS_OK;

    if (names->count == 0) {
        return MDS_OK;
    }

    array = mds_json_array_new();

    for (size_t i = 0; status == MDS_OK && i < names->count; i++) {
        status
            = mds_json_append(array,
                              mds_json_string_new(mds_str_of(names->items[i])));
    }

    if (status != MDS_OK) {
        mds_json_release(array);
        return status;
    }

    return mds_json_set(audience, key, array);
}

/* Percentages and counts are JSON numbers; others are told by the checks. */
static int
set_number(mds_json_t *audience, const char *key, const char *option,
           const char *text)
{
    mds_json_t *number = NULL;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    if (mdsctl_json_option(option, text, &number) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    return mdsctl_built(mds_json_set(audience, key, number));
}

static mds_status_t
set_word(mds_json_t *o, const char *key, const char *word)
{
    return word == NULL ? MDS_OK : mds_json_set_str(o, key, mds_str_of(word));
}

static int
set_window(mds_json_t *audience, const mdsctl_audience_t *a)
{
    mds_json_t *window;
    int         code;

    if (a->window == NULL) {
        return a->until == NULL
                   ? MDSCTL_DONE
                   : mdsctl_usage("--until is the end of a --window");
    }

    window = mds_json_object_new();

    code = set_number(window, "count", "--window", a->window)
               ?: mdsctl_built(set_word(window, "until", a->until))
               ?: mdsctl_built(set_word(window, "by", a->by));

    if (code != MDSCTL_DONE) {
        mds_json_release(window);
        return code;
    }

    return mdsctl_built(mds_json_set(audience, "window", window));
}

int
mdsctl_audience(const mdsctl_audience_t *a, mds_json_t **json)
{
    mds_json_t *audience;
    int         code;

    if (!a->all && a->lists.count == 0 && a->percent == NULL
        && a->window == NULL) {
        return mdsctl_usage("an audience is missing: --all, --list LIST,"
                            " --percent P or --window N --until T");
    }

    if (a->all
        && (a->lists.count > 0 || a->percent != NULL || a->window != NULL)) {
        return mdsctl_usage("--all is everybody; want it without --%s",
                            a->lists.count > 0   ? "list"
                            : a->percent != NULL ? "percent"
                                                 : "window");
    }

    audience = mds_json_object_new();

    code = mdsctl_built(
               a->all ? mds_json_set_bool(audience, "all", true) : MDS_OK)
               ?: mdsctl_built(set_names(audience, "lists", &a->lists))
               ?: mdsctl_built(set_names(audience, "except", &a->except))
               ?: set_number(audience, "percent", "--percent", a->percent)
               ?: set_window(audience, a)
               ?: mdsctl_built(set_word(audience, "by", a->by));

    if (code != MDSCTL_DONE) {
        mds_json_release(audience);
        return code;
    }

    *json = audience;
    return MDSCTL_DONE;
}
