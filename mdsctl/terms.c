/* terms: makes the members of a release of its options. */

#include "terms.h"

#include "member.h"

#define PRIORITY_MAX 1000000000

/* Returns whether the option takes the member away; sets null then. */
static bool
is_removal(const char *text, bool edits)
{
    return edits && text != NULL && strcmp(text, "none") == 0;
}

static int
set_null(mds_json_t *release, const char *key)
{
    return mdsctl_json_status(mds_json_set(release, key, mds_json_null_new()));
}

static int
set_time(mds_json_t *release, const char *key, const char *option,
         const char *text, bool edits)
{
    return is_removal(text, edits)
               ? set_null(release, key)
               : mdsctl_set_time(release, key, option, text);
}

static int
set_object(mds_json_t *release, const char *key, const char *option,
           const char *text, bool edits)
{
    return is_removal(text, edits)
               ? set_null(release, key)
               : mdsctl_set_object(release, key, option, text);
}

static int
set_priority(mds_json_t *release, const char *text, bool edits)
{
    bool    negative = text != NULL && text[0] == '-';
    int64_t number;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    if (is_removal(text, edits)) {
        return set_null(release, "priority");
    }

    if (!mdsctl_parse_count(text + negative, PRIORITY_MAX, &number)) {
        return mdsctl_fail_usage("--priority \"%s\": must be a whole number",
                                 text);
    }

    return mdsctl_json_status(
        mds_json_set_integer(release, "priority", negative ? -number : number));
}

static int
set_rules(mds_json_t *release, const mdsctl_values_t *rules, bool edits)
{
    return rules->count == 1 && is_removal(rules->items[0], edits)
               ? set_null(release, "rules")
               : mdsctl_set_jsons(release, "rules", "--rule", rules);
}

int
mdsctl_set_terms(mds_json_t *release, const mdsctl_terms_t *t, bool edits)
{
    return set_rules(release, &t->rules, edits)
               ?: set_time(release, "start", "--start", t->start, edits)
               ?: set_time(release, "end", "--end", t->end, edits)
               ?: set_priority(release, t->priority, edits)
               ?: set_object(release, "halt", "--halt", t->halt, edits)
               ?: (is_removal(t->force_below, edits)
                       ? set_null(release, "force_below")
                       : mdsctl_check_version("--force-below", t->force_below)
                             ?: mdsctl_set_word(release, "force_below",
                                                t->force_below))
               ?: set_object(release, "meta", "--meta", t->meta, edits);
}
