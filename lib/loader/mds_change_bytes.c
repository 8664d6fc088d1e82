/*
 * Checks that a published version keeps its bytes. A version may have several
 * builds, and a device gets the first that is for it. So each build that was
 * there is compared with what its devices would get now, for each platform and
 * channel on its own: the same bytes or none, never others.
 */

#include <stddef.h>

#include "loader/mds_change_check_internal.h"

/* The builds of one version, before and after the change. */
typedef struct {
    mds_builds_t before;
    mds_builds_t after;
} mds_version_builds_t;

/* A platform and a channel; an empty text is one that no build names. */
typedef struct {
    mds_str_t platform;
    mds_str_t channel;
} mds_scope_t;

mds_builds_t
mds_change_builds_of(const mds_builds_t *builds, const mds_package_t *package)
{
    mds_package_t        first = *package;
    const mds_package_t *key = &first;
    size_t               low = 0, high = builds->count;
    mds_builds_t         found;

    first.index = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mds_builds_cmp(&builds->items[middle], &key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    found = (mds_builds_t){ builds->items + low, 0 };

    while (low + found.count < builds->count) {
        const mds_package_t *next = found.items[found.count];

        if (mds_resource_cmp(next->kind, next->name, package->kind,
                             package->name)
                != 0
            || mds_version_cmp(&next->key, &package->key) != 0)
        {
            break;
        }

        found.count++;
    }

    return found;
}

static bool
mds_strs_equal(const mds_strs_t *a, const mds_strs_t *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++) {
        if (!mds_str_eq(a->items[i], b->items[i])) {
            return false;
        }
    }

    return a->count == b->count;
}

static bool
mds_rule_equal(const mds_rule_t *a, const mds_rule_t *b)
{
    return mds_str_eq(a->attribute, b->attribute) && a->op == b->op
           && a->absent == b->absent && a->fold == b->fold
           && a->number == b->number && mds_strs_equal(&a->values, &b->values)
           && mds_str_eq(a->min, b->min) && mds_str_eq(a->max, b->max)
           && mds_str_eq(a->below, b->below);
}

static bool
mds_rules_equal(const mds_rules_t *a, const mds_rules_t *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++) {
        if (!mds_rule_equal(&a->items[i], &b->items[i])) {
            return false;
        }
    }

    return a->count == b->count;
}

/* Returns whether the rule names whole values, one of which must be there. */
static bool
mds_rule_names_values(const mds_rule_t *rule)
{
    if (rule->op != MDS_OP_IN || rule->absent || rule->fold) {
        return false;
    }

    for (size_t i = 0; i < rule->values.count; i++) {
        mds_str_t value = rule->values.items[i];

        if (value.len > 0 && value.data[value.len - 1] == '*') {
            return false;
        }
    }

    return true;
}

/* Returns whether no device can pass both, as far as values of one attribute
 * show that. */
static bool
mds_rules_exclude(const mds_rules_t *a, const mds_rules_t *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            const mds_rule_t *x = &a->items[i], *y = &b->items[j];

            if (mds_str_eq(x->attribute, y->attribute)
                && mds_rule_names_values(x) && mds_rule_names_values(y)
                && !mds_scopes_meet(&x->values, &y->values))
            {
                return true;
            }
        }
    }

    return false;
}

static bool
mds_strs_scope(const mds_strs_t *names, mds_str_t name)
{
    return names->count == 0 || mds_strs_contain(names, name);
}

static bool
mds_build_is_for(const mds_package_t *build, const mds_scope_t *scope)
{
    return mds_strs_scope(&build->platforms, scope->platform)
           && mds_strs_scope(&build->channels, scope->channel);
}

static bool
mds_builds_same_bytes(const mds_package_t *a, const mds_package_t *b)
{
    return mds_sha256_eq(&a->sha256, &b->sha256);
}

/* Returns whether both have the same bytes for the same devices. */
static bool
mds_builds_equal(const mds_package_t *a, const mds_package_t *b)
{
    return mds_builds_same_bytes(a, b) && a->embedded == b->embedded
           && mds_strs_equal(&a->platforms, &b->platforms)
           && mds_strs_equal(&a->channels, &b->channels)
           && mds_rules_equal(&a->rules, &b->rules);
}

static bool
mds_build_is_new(const mds_version_builds_t *v, const mds_package_t *build)
{
    for (size_t i = 0; i < v->before.count; i++) {
        if (mds_builds_equal(v->before.items[i], build)) {
            return false;
        }
    }

    return true;
}

/* Returns whether a device of both gets the first: a build for its own channel
 * precedes one for all, and otherwise the order of the document counts. */
static bool
mds_build_precedes(const mds_package_t *a, const mds_package_t *b)
{
    bool a_named = a->channels.count > 0;
    bool b_named = b->channels.count > 0;

    return a_named != b_named ? a_named : a->index < b->index;
}

/* Returns whether the build took its devices from `was` before the change. */
static bool
mds_build_took(const mds_version_builds_t *v, const mds_package_t *build,
               const mds_package_t *was, const mds_scope_t *scope)
{
    for (size_t i = 0; i < v->before.count; i++) {
        const mds_package_t *old = v->before.items[i];

        if (old != was && mds_build_precedes(old, was)
            && mds_build_is_for(old, scope) && mds_builds_same_bytes(old, build)
            && (old->rules.count == 0
                || mds_rules_equal(&old->rules, &build->rules)))
        {
            return true;
        }
    }

    return false;
}

/* Returns the new build from which devices of `was` may get other bytes, or
 * NULL. One for a channel of its own may stand beside one for all. */
static const mds_package_t *
mds_change_find_other(const mds_version_builds_t *v, const mds_package_t *was,
                      const mds_scope_t *scope)
{
    const mds_package_t *kept = NULL, *other = NULL;

    /* The first build that takes all devices of `was` in this scope. */
    for (size_t i = 0; i < v->after.count; i++) {
        const mds_package_t *build = v->after.items[i];

        if (mds_build_is_for(build, scope) && mds_builds_same_bytes(build, was)
            && (build->rules.count == 0
                || mds_rules_equal(&build->rules, &was->rules))
            && (kept == NULL || mds_build_precedes(build, kept)))
        {
            kept = build;
        }
    }

    for (size_t i = 0; other == NULL && i < v->after.count; i++) {
        const mds_package_t *build = v->after.items[i];

        if (mds_build_is_for(build, scope) && !mds_builds_same_bytes(build, was)
            && mds_build_is_new(v, build)
            && (kept == NULL
                || (mds_build_precedes(build, kept)
                    && (build->channels.count == 0 || was->channels.count > 0)))
            && !mds_rules_exclude(&build->rules, &was->rules)
            && !mds_build_took(v, build, was, scope))
        {
            other = build;
        }
    }

    return other;
}

/* Returns the n-th name that counts apart: those of `was`, or if it is for all,
 * those of any build now, and at last one that none names. */
static bool
mds_change_scope_name(const mds_version_builds_t *v, const mds_strs_t *own,
                      size_t offset, size_t n, mds_str_t *name)
{
    if (own->count > 0) {
        *name = n < own->count ? own->items[n] : (mds_str_t){ 0 };
        return n < own->count;
    }

    for (size_t i = 0; i < v->after.count; i++) {
        const mds_strs_t *names
            = (const mds_strs_t *) ((const char *) v->after.items[i] + offset);

        if (n < names->count) {
            *name = names->items[n];
            return true;
        }

        n -= names->count;
    }

    *name = (mds_str_t){ 0 };
    return n == 0;
}

static const mds_package_t *
mds_change_find_replacement(const mds_version_builds_t *v,
                            const mds_package_t        *was)
{
    const mds_package_t *other = NULL;
    mds_scope_t          scope;

    for (size_t p = 0;
         other == NULL
         && mds_change_scope_name(v, &was->platforms,
                                  offsetof(mds_package_t, platforms), p,
                                  &scope.platform);
         p++)
    {
        for (size_t c = 0;
             other == NULL
             && mds_change_scope_name(v, &was->channels,
                                      offsetof(mds_package_t, channels), c,
                                      &scope.channel);
             c++)
        {
            other = mds_change_find_other(v, was, &scope);
        }
    }

    return other;
}

static bool
mds_strs_cover(const mds_strs_t *strs, const mds_strs_t *others)
{
    for (size_t i = 0; strs->count > 0 && i < others->count; i++) {
        if (!mds_strs_contain(strs, others->items[i])) {
            return false;
        }
    }

    return strs->count == 0 || others->count > 0;
}

/* Returns an earlier build that takes each device from this one, by the same
 * rules and with other bytes, or NULL. */
static const mds_package_t *
mds_change_find_cover(const mds_version_builds_t *v, const mds_package_t *build)
{
    for (size_t i = 0; i < v->after.count; i++) {
        const mds_package_t *first = v->after.items[i];

        if (first->index < build->index && first->embedded == build->embedded
            && (first->channels.count == 0) == (build->channels.count == 0)
            && !mds_builds_same_bytes(first, build)
            && mds_rules_equal(&first->rules, &build->rules)
            && mds_strs_cover(&first->platforms, &build->platforms)
            && mds_strs_cover(&first->channels, &build->channels))
        {
            return first;
        }
    }

    return NULL;
}

static bool
mds_version_is_unchanged(const mds_version_builds_t *v)
{
    for (size_t i = 0; v->before.count == v->after.count && i < v->after.count;
         i++) {
        if (!mds_builds_equal(v->before.items[i], v->after.items[i])) {
            return false;
        }
    }

    return v->before.count == v->after.count;
}

static mds_status_t
mds_change_fail_bytes(const mds_change_check_t *check,
                      const mds_package_t *build, const mds_package_t *was,
                      mds_error_t *err)
{
    char old[MDS_SHA256_HEX + 1], new[MDS_SHA256_HEX + 1];

    return mds_change_fail(check, MDS_CONFLICT, "packages", build->index,
                           "sha256", err,
                           "found other bytes (%.12s…) for version %.*s, which"
                           " is published already (%.12s…); what is published"
                           " stays as it is: want a higher version",
                           mds_sha256_hex(&build->sha256, new),
                           MDS_STR(build->version),
                           mds_sha256_hex(&was->sha256, old));
}

static mds_status_t
mds_change_fail_cover(const mds_change_check_t *check,
                      const mds_package_t *build, const mds_package_t *first,
                      mds_error_t *err)
{
    return mds_change_fail(check, MDS_CONFLICT, "packages", build->index,
                           "version", err,
                           "found a second file for version %.*s that no device"
                           " would get, because packages/%zu is for the same"
                           " ones; want a higher version, or rules that differ",
                           MDS_STR(build->version), first->index);
}

static mds_status_t
mds_change_version_bytes(const mds_change_check_t   *check,
                         const mds_version_builds_t *v, mds_error_t *err)
{
    const mds_package_t *other;

    if (mds_version_is_unchanged(v)) {
        return MDS_OK;
    }

    for (size_t i = 0; i < v->before.count; i++) {
        other = mds_change_find_replacement(v, v->before.items[i]);
        if (other != NULL) {
            return mds_change_fail_bytes(check, other, v->before.items[i], err);
        }
    }

    for (size_t i = 0; i < v->after.count; i++) {
        const mds_package_t *build = v->after.items[i];

        other = mds_change_find_cover(v, build);
        if (other != NULL && mds_build_is_new(v, build)) {
            return mds_change_fail_cover(check, build, other, err);
        }
    }

    return MDS_OK;
}

mds_status_t
mds_change_bytes(const mds_change_check_t *check, const mds_builds_t *before,
                 const mds_builds_t *after, mds_error_t *err)
{
    mds_status_t         status = MDS_OK;
    mds_version_builds_t v;

    for (size_t i = 0; status == MDS_OK && i < after->count; i += v.after.count)
    {
        const mds_package_t *first = after->items[i];

        v.before = mds_change_builds_of(before, first);
        v.after = mds_change_builds_of(after, first);
        status = mds_change_version_bytes(check, &v, err);
    }

    return status;
}
