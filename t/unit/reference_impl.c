/*
 * interface.md, section 2, word by word. Nothing here is fast, and nothing
 * comes from lib/ but two digests.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mds_digest.h"
#include "base/mds_siphash.h"
#include "reference_version.h"
#include "catalog_fixture.h"
#include "random_model.h"

static bool
same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool
has(const random_set_t *set, const char *item)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (same(set->items[i], item)) {
            return true;
        }
    }

    return false;
}

static bool
has_version(const random_set_t *set, const char *version)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (reference_version_cmp(set->items[i], version) == 0) {
            return true;
        }
    }

    return false;
}

static const char *
attribute(const random_device_t *d, const char *name)
{
    if (same(name, "app_version")) {
        /* "for kind upgrade it defaults to version" */
        return d->app_version == NULL && same(d->kind, "upgrade")
                   ? d->version
                   : d->app_version;
    }

    return same(name, "platform")     ? d->platform
           : same(name, "channel")    ? d->channel
           : same(name, "version")    ? d->version
           : same(name, "user")       ? d->user
           : same(name, "device")     ? d->device
           : same(name, "os_version") ? d->os_version
           : same(name, "brand")      ? d->brand
           : same(name, "net")        ? d->net
           : same(name, "score")      ? d->score
                                      : NULL;
}

/* "upper and lower case are one": of the letters that random_model.c has. */
static void
fold(const char *text, char folded[64])
{
    size_t len = 0;

    for (; *text != '\0'; text++) {
        folded[len++] = *text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text;

        if (len > 1 && strncmp(folded + len - 2, "\u00c9", 2) == 0) {
            memcpy(folded + len - 2, "\u00e9", 2);
        }
    }

    folded[len] = '\0';
}

/* A trailing * matches a prefix. */
static bool
value_fits(const random_rule_t *rule, unsigned i, const char *value)
{
    const char *pattern = rule->values.items[i];
    size_t      len = strlen(pattern);
    char        folded[2][64];

    if (rule->fold) {
        fold(pattern, folded[0]);
        fold(value, folded[1]);
        pattern = folded[0];
        value = folded[1];
    }

    return pattern[len - 1] == '*' ? strncmp(pattern, value, len - 1) == 0
                                   : strcmp(pattern, value) == 0;
}

/* docs/catalog.md: a sign, digits, and a fraction. All of them are small. */
static bool
is_number(const char *text)
{
    size_t digits = 0;

    text += *text == '-' || *text == '+';
    for (; *text >= '0' && *text <= '9'; text++) {
        digits++;
    }

    if (digits > 0 && *text == '.' && text[1] != '\0') {
        for (text++; *text >= '0' && *text <= '9'; text++) {
        }
    }

    return digits > 0 && *text == '\0';
}

static bool
number_fits(const random_rule_t *rule, const char *value)
{
    return (rule->min == NULL || atof(value) >= atof(rule->min))
           && (rule->max == NULL || atof(value) <= atof(rule->max))
           && (rule->below == NULL || atof(value) < atof(rule->below));
}

static bool
rule_holds(const random_rule_t *rule, const random_device_t *d)
{
    const char *value = attribute(d, rule->attribute);
    bool        in = false;

    /* "fails every rule about it, the not_ ones too, but for a rule with
     * "absent": true" */
    if (value == NULL) {
        return rule->absent;
    }

    if (same(rule->op, "in") || same(rule->op, "not_in")) {
        for (unsigned i = 0; i < rule->values.count; i++) {
            in = in || value_fits(rule, i, value);
        }

        return in == same(rule->op, "in");
    }

    if (rule->number) {
        return is_number(value)
               && number_fits(rule, value) == same(rule->op, "range");
    }

    /* "any other value that is none simply fails a range rule" */
    if (!reference_version_valid(value)) {
        return false;
    }

    in = (rule->min == NULL || reference_version_cmp(value, rule->min) >= 0)
         && (rule->max == NULL || reference_version_cmp(value, rule->max) <= 0)
         && (rule->below == NULL || reference_version_cmp(value, rule->below) < 0);

    return in == same(rule->op, "range");
}

static bool
rules_hold(const random_rules_t *rules, const random_device_t *d)
{
    for (unsigned i = 0; i < rules->count; i++) {
        if (!rule_holds(&rules->items[i], d)) {
            return false;
        }
    }

    return true;
}

/* "absent is every one" */
static bool
scope_holds(const random_set_t *scope, const char *value)
{
    return scope->count == 0 || (value != NULL && has(scope, value));
}

static bool
in_list(const random_model_t *w, const char *name, const random_device_t *d)
{
    for (unsigned i = 0; i < w->list_count; i++) {
        const random_list_t *list = &w->lists[i];
        const char         *id = list->by_device ? d->device : d->user;

        if (!same(list->name, name) || id == NULL) {
            continue;
        }

        return (has(&list->ids, id) && !has(&list->without, id))
               || (list->prefix != NULL
                   && strncmp(id, list->prefix, strlen(list->prefix)) == 0);
    }

    return false;
}

static bool
in_one_of(const random_model_t *w, const random_set_t *lists, const random_device_t *d)
{
    for (unsigned i = 0; i < lists->count; i++) {
        if (in_list(w, lists->items[i], d)) {
            return true;
        }
    }

    return false;
}

/* docs/catalog.md: the bytes of the bucket, as a part of one. */
static long double
bucket(const random_model_t *w, const random_release_t *r, const char *id)
{
    char         text[64];
    int          len;
    mds_sha256_t digest;

    len = snprintf(text, sizeof(text), "%s%c%s", w->app, 0,
                   r->seed != NULL ? r->seed : r->id);
    mds_sha256(text, (size_t) len, &digest);

    return (long double) mds_siphash(digest.bytes, mds_str_of(id))
           / 18446744073709551616.0L;
}

/* A straight line; nobody before it begins. */
static long double
ramp_percent(const random_release_t *r)
{
    if (!r->has_ramp || r->ramp_start_s > 0) {
        return 0;
    }

    if (r->ramp_end_s <= 0) {
        return r->ramp_to;
    }

    return r->ramp_from
           + ((long double) r->ramp_to - r->ramp_from) * -r->ramp_start_s
                 / (r->ramp_end_s - r->ramp_start_s);
}

static bool
under_percent(const random_model_t *w, const random_release_t *r,
              const random_device_t *d)
{
    const char *id = r->by_user ? d->user : d->device;

    return id != NULL
           && (bucket(w, r, id) < (long double) r->percent / 100
               || bucket(w, r, id) < ramp_percent(r) / 100);
}

static bool
audience_holds(const random_model_t *w, const random_release_t *r,
               const random_device_t *d)
{
    return !in_one_of(w, &r->except, d)
           && (r->all || in_one_of(w, &r->lists, d) || under_percent(w, r, d));
}

static bool
of_resource(const char *kind, const char *name, const random_device_t *d)
{
    return same(kind, d->kind) && same(name, d->name);
}

/*
 * "of the packages of a version that are for its platform, those of its own
 * channel before those for every channel, in document order, the first whose
 * rules and app_version range hold and that is online". What is installed may
 * be embedded.
 */
static const random_package_t *
build_for(const random_model_t *w, const char *version, bool online,
          const random_device_t *d)
{
    for (int own = 1; own >= 0; own--) {
        for (unsigned i = 0; i < w->package_count; i++) {
            const random_package_t *p = &w->packages[i];

            if (of_resource(p->kind, p->name, d)
                && reference_version_cmp(p->version, version) == 0
                && scope_holds(&p->platforms, d->platform)
                && (own ? d->channel != NULL && has(&p->channels, d->channel)
                        : p->channels.count == 0)
                && rules_hold(&p->rules, d)
                && (!p->has_range || rule_holds(&p->range, d))
                && !(online && p->embedded))
            {
                return p;
            }
        }
    }

    return NULL;
}

static bool
for_device(const random_release_t *r, const random_device_t *d)
{
    return of_resource(r->kind, r->name, d)
           && scope_holds(&r->platforms, d->platform)
           && scope_holds(&r->channels, d->channel);
}

/* All but the state. */
static bool
release_holds(const random_model_t *w, const random_release_t *r,
              const random_device_t *d)
{
    return for_device(r, d) && !has_version(&d->refuse, r->version)
           && audience_holds(w, r, d) && rules_hold(&r->rules, d)
           && build_for(w, r->version, true, d) != NULL;
}

/* "to devices it is as if paused" */
static bool
running(const random_release_t *r)
{
    return same(r->state, "running") && !r->halted && r->start_s <= 0
           && (r->end_s == 0 || r->end_s > 0);
}

/* Running or ended, also by the clock: a device may have got it. */
static bool
entitles(const random_release_t *r)
{
    return (same(r->state, "running") || same(r->state, "ended")) && !r->halted
           && r->start_s <= 0;
}

/* "higher priority first, then the higher version, then the newer release" */
static bool
before(const random_release_t *a, const random_release_t *b)
{
    int order = reference_version_cmp(a->version, b->version);

    return a->priority != b->priority ? a->priority > b->priority
           : order != 0               ? order > 0
                                      : a > b;
}

/* The first release that would be before all others, if it were not halted. */
static const random_release_t *
blocked(const random_model_t *w, const random_device_t *d,
        const random_release_t *chosen)
{
    const random_release_t *first = NULL;

    for (unsigned i = 0; i < w->release_count; i++) {
        const random_release_t *r = &w->releases[i];
        random_release_t        resumed = *r;

        resumed.halted = false;

        if (r->halted && running(&resumed) && release_holds(w, r, d)
            && (chosen == NULL || before(r, chosen))
            && (first == NULL || before(r, first)))
        {
            first = r;
        }
    }

    return first != NULL
                   && (d->version == NULL
                       || reference_version_cmp(first->version, d->version) > 0)
               ? first
               : NULL;
}

static const random_release_t *
choose(const random_model_t *w, const random_device_t *d)
{
    const random_release_t *chosen = NULL;

    for (unsigned i = 0; i < w->release_count; i++) {
        const random_release_t *r = &w->releases[i];

        if (running(r) && release_holds(w, r, d)
            && (chosen == NULL || before(r, chosen)))
        {
            chosen = r;
        }
    }

    return chosen;
}

/* "With "rollback": true (not for `upgrade`) it is as if rolled back." */
static bool
is_rolled_back(const random_release_t *r)
{
    return same(r->state, "rolled_back") || (r->halted && r->halt_rollback);
}

/* The release that was rolled back under the device's installed version. */
static const random_release_t *
rolled_back(const random_model_t *w, const random_device_t *d)
{
    const random_release_t *found = NULL;

    for (unsigned i = 0; d->version != NULL && i < w->release_count; i++) {
        const random_release_t *r = &w->releases[i];

        if (is_rolled_back(r) && for_device(r, d)
            && reference_version_cmp(r->version, d->version) == 0
            && (found == NULL || before(r, found)))
        {
            found = r;
        }
    }

    return found;
}

/* A package of the installed version, for the device's platform and channel. */
static bool
of_installed(const random_package_t *p, const random_device_t *d)
{
    return of_resource(p->kind, p->name, d)
           && reference_version_cmp(p->version, d->version) == 0
           && scope_holds(&p->platforms, d->platform)
           && scope_holds(&p->channels, d->channel);
}

/* "unknown (no package of it for the device's platform and channel)" */
static bool
known(const random_model_t *w, const random_device_t *d)
{
    for (unsigned i = 0; i < w->package_count; i++) {
        const random_package_t *p = &w->packages[i];

        if (of_installed(p, d)) {
            return true;
        }
    }

    return false;
}

static bool
meet(const random_set_t *a, const random_set_t *b)
{
    for (unsigned i = 0; i < a->count; i++) {
        if (has(b, a->items[i])) {
            return true;
        }
    }

    return a->count == 0 || b->count == 0;
}

/* The ranges of app_version that a package has. */
static unsigned
app_ranges(const random_package_t *p, const random_rule_t *ranges[])
{
    unsigned count = 0;

    if (p->has_range) {
        ranges[count++] = &p->range;
    }

    for (unsigned i = 0; i < p->rules.count; i++) {
        const random_rule_t *rule = &p->rules.items[i];

        if (same(rule->attribute, "app_version") && same(rule->op, "range")) {
            ranges[count++] = rule;
        }
    }

    return count;
}

/* Whether one begins behind the end of the other. */
static bool
is_behind(const random_rule_t *one, const random_rule_t *other)
{
    return one->min != NULL
           && ((other->max != NULL
                && reference_version_cmp(one->min, other->max) > 0)
               || (other->below != NULL
                   && reference_version_cmp(one->min, other->below) >= 0));
}

/* "Of a hotfix, only versions for the same app_version count." */
static bool
counts_for(const random_package_t *from, const random_package_t *to)
{
    const random_rule_t *a[RANDOM_FEW + 1], *b[RANDOM_FEW + 1];
    unsigned             a_count = app_ranges(from, a);
    unsigned             b_count = app_ranges(to, b);

    for (unsigned i = 0; i < a_count; i++) {
        for (unsigned j = 0; j < b_count; j++) {
            if (!(a[i]->absent && b[j]->absent)
                && (is_behind(a[i], b[j]) || is_behind(b[j], a[i])))
            {
                return !same(to->kind, "hotfix");
            }
        }
    }

    return true;
}

/*
 * "from how many of the next lower versions of the resource on that platform
 * (default 3), or a list of {"from":V}"
 */
static bool
asked_for(const random_model_t *w, const random_package_t *from,
          const random_package_t *to)
{
    const char *nearer[RANDOM_MANY];
    unsigned    count = 0;
    int         most = to->deltas < 0 ? 3 : to->deltas;

    if (to->specs.count > 0) {
        return has_version(&to->specs, from->version);
    }

    if (reference_version_cmp(from->version, to->version) >= 0
        || !counts_for(from, to))
    {
        return false;
    }

    /* Versions between the two. */
    for (unsigned i = 0; i < w->package_count; i++) {
        const random_package_t *p = &w->packages[i];
        bool                   seen = false;

        for (unsigned j = 0; j < count; j++) {
            seen = seen || reference_version_cmp(nearer[j], p->version) == 0;
        }

        if (!seen && same(p->kind, to->kind) && same(p->name, to->name)
            && meet(&p->platforms, &to->platforms) && counts_for(p, to)
            && reference_version_cmp(p->version, to->version) < 0
            && reference_version_cmp(p->version, from->version) > 0)
        {
            nearer[count++] = p->version;
        }
    }

    return (int) count < most;
}

/* "a running release of the same version that holds for it" */
static bool
holds_again(const random_model_t *w, const random_device_t *d)
{
    for (unsigned i = 0; i < w->release_count; i++) {
        const random_release_t *r = &w->releases[i];

        if (running(r) && reference_version_cmp(r->version, d->version) == 0
            && release_holds(w, r, d))
        {
            return true;
        }
    }

    return false;
}

/* "meta: the package's, with the release's keys over it." "to devices below V it
 * goes out with "prompt": "force"" */
static void
add_prompt(const random_release_t *r, const random_package_t *to,
           const random_device_t *d, char line[512])
{
    bool forced = r->force_below != NULL && d->version != NULL
                  && reference_version_cmp(d->version, r->force_below) < 0;
    const char *prompt = forced               ? "force"
                         : r->prompt != NULL  ? r->prompt
                                              : to->prompt;

    if (prompt != NULL) {
        sprintf(line + strlen(line), " prompt=%s", prompt);
    }
}

/* "delta: once a version to install is chosen, in this order." */
static void
install(const random_model_t *w, const random_release_t *r, const random_device_t *d,
        char line[512])
{
    const random_package_t *to = build_for(w, r->version, true, d);
    const random_package_t *from = NULL;
    fixture_delta_t          fate = FIXTURE_NONE;
    bool                   none
        = r->missing != NULL ? same(r->missing, "none") : same(r->kind, "sdk");
    int len = snprintf(line, 512, "install %s by %s full=%s", to->version,
                       r->id, to->file);

    if (d->version == NULL
        || (d->channel != NULL && has(&w->full_channels, d->channel))
        || !known(w, d) || has_version(&r->force_full, d->version)
        || (r->stage != NULL && reference_version_cmp(d->version, r->stage) < 0)
        || (rolled_back(w, d) != NULL && !holds_again(w, d)))
    {
        add_prompt(r, to, d, line);
        return;
    }

    from = build_for(w, d->version, false, d);

    if (from != NULL && asked_for(w, from, to)) {
        fate = fixture_delta(from->file, to->file);
    }

    if (fate == FIXTURE_WORTH) {
        snprintf(line + len, 512 - (size_t) len, " delta=%s>%s from=%s",
                 from->file, to->file, from->version);

    } else if (fate == FIXTURE_NONE && none) {
        snprintf(line, 512, "no_delta %s by %s", r->version, r->id);
        return;
    }

    add_prompt(r, to, d, line);
}

/* "the highest lower version that it is entitled to …, or to none" */
static void
roll_back(const random_model_t *w, const random_release_t *r, const random_device_t *d,
          char line[512])
{
    const random_release_t *best = NULL;
    const random_package_t *to;

    for (unsigned i = 0; i < w->release_count; i++) {
        const random_release_t *lower = &w->releases[i];

        if (entitles(lower) && release_holds(w, lower, d)
            && reference_version_cmp(lower->version, d->version) < 0
            && (best == NULL || reference_version_cmp(lower->version, best->version) > 0))
        {
            best = lower;
        }
    }

    to = best != NULL ? build_for(w, best->version, true, d) : NULL;

    snprintf(line, 512, "rollback %s by %s%s%s",
             to != NULL ? to->version : "none", r->id,
             to != NULL ? " full=" : "", to != NULL ? to->file : "");

    /* "A rollback manifest has the release's meta." */
    if (r->prompt != NULL) {
        sprintf(line + strlen(line), " prompt=%s", r->prompt);
    }
}

/* Nothing is known of a resource that has no release. */
static bool
unknown(const random_model_t *w, const random_device_t *d)
{
    for (unsigned i = 0; i < w->release_count; i++) {
        if (of_resource(w->releases[i].kind, w->releases[i].name, d)) {
            return false;
        }
    }

    return true;
}

/* Of a package: what it says of app_version, in its range or in its rules. */
static bool
for_app_version(const random_package_t *p, const random_device_t *d)
{
    bool fits = !p->has_range || rule_holds(&p->range, d);

    for (unsigned i = 0; i < p->rules.count; i++) {
        const random_rule_t *rule = &p->rules.items[i];

        fits
            = fits
              && (!same(rule->attribute, "app_version") || rule_holds(rule, d));
    }

    return fits;
}

/*
 * "A hotfix that is installed counts only for the app_version that it was
 * for." docs/kinds.md: what is unknown, and an app_version that is not said,
 * are not taken for another one.
 */
bool
reference_foreign(const random_model_t *w, const random_device_t *d)
{
    unsigned known_builds = 0;

    if (!same(d->kind, "hotfix") || d->version == NULL
        || d->app_version == NULL) {
        return false;
    }

    for (unsigned i = 0; i < w->package_count; i++) {
        const random_package_t *p = &w->packages[i];

        if (of_installed(p, d)) {
            known_builds++;

            if (for_app_version(p, d)) {
                return false;
            }
        }
    }

    return known_builds > 0;
}

static void
decide(const random_model_t *w, const random_device_t *d, char line[512])
{
    const random_release_t *chosen = choose(w, d);
    const random_release_t *back = rolled_back(w, d);
    const random_release_t *halted = blocked(w, d, chosen);

    if (unknown(w, d)) {
        strcpy(line, "unknown");

    } else if (chosen != NULL
               && (d->version == NULL
                   || reference_version_cmp(chosen->version, d->version) > 0))
    {
        install(w, chosen, d, line);

        if (line[0] == 'n' && halted != NULL) {
            snprintf(line, 512, "halted %s by %s", chosen->version, chosen->id);
        }

    } else if (back != NULL && !holds_again(w, d)) {
        roll_back(w, back, d, line);

    } else if (halted != NULL) {
        snprintf(line, 512, "halted %s by %s",
                 chosen != NULL ? chosen->version : "",
                 chosen != NULL ? chosen->id : halted->id);

    } else if (chosen != NULL) {
        snprintf(line, 512, "current %s by %s", chosen->version, chosen->id);

    } else {
        strcpy(line, "outside");
    }
}

void
reference_decide(const random_model_t *w, const random_device_t *d, char line[512])
{
    random_device_t counted = *d;

    if (reference_foreign(w, d)) {
        counted.version = NULL;
    }

    decide(w, &counted, line);
}
