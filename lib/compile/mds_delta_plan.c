/*
 * Plans deltas: from the builds of the next lower versions, or from the
 * versions that the package names, to builds that a device may get after them.
 */

#include "compile/mds_delta_plan.h"

#include <stdlib.h>

#include "base/mds_kind.h"

int
mds_builds_cmp(const void *a, const void *b)
{
    const mds_package_t *pa = *(const mds_package_t *const *) a;
    const mds_package_t *pb = *(const mds_package_t *const *) b;
    int order = mds_resource_cmp(pa->kind, pa->name, pb->kind, pb->name);

    if (order == 0) {
        order = mds_version_cmp(&pb->key, &pa->key);
    }

    return order != 0 ? order
                      : (pa->index > pb->index) - (pa->index < pb->index);
}

mds_status_t
mds_builds_sort(const mds_model_t *model, mds_error_t *err,
                mds_builds_t *builds)
{
    size_t                count = model->package_count;
    const mds_package_t **items
        = mds_arena_calloc(model->arena, count + 1, sizeof(*items));

    if (items == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < count; i++) {
        items[i] = &model->packages[i];
    }

    qsort(items, count, sizeof(*items), mds_builds_cmp);
    *builds = (mds_builds_t){ items, count };

    return MDS_OK;
}

/* Returns whether both are "in" rules of one attribute without a common value.
 * Folded values are not compared with others. */
static bool
mds_rules_exclude(const mds_rule_t *a, const mds_rule_t *b)
{
    if (a->op != MDS_OP_IN || b->op != MDS_OP_IN || a->fold != b->fold
        || (a->absent && b->absent) || !mds_str_eq(a->attribute, b->attribute))
    {
        return false;
    }

    for (size_t i = 0; i < a->values.count; i++) {
        mds_str_t value = a->values.items[i];

        if (value.data[value.len - 1] == '*'
            || mds_strs_contain(&b->values, value)) {
            return false;
        }
    }

    for (size_t i = 0; i < b->values.count; i++) {
        mds_str_t value = b->values.items[i];

        if (value.data[value.len - 1] == '*') {
            return false;
        }
    }

    return true;
}

/* Returns whether both are ranges, and no version is in both. */
static bool
mds_ranges_exclude(const mds_rule_t *a, const mds_rule_t *b)
{
    return a->op == MDS_OP_RANGE && b->op == MDS_OP_RANGE && !a->number
           && !b->number && !(a->absent && b->absent)
           && (mds_bounds_cross(a->min, b->max, true)
               || mds_bounds_cross(a->min, b->below, false)
               || mds_bounds_cross(b->min, a->max, true)
               || mds_bounds_cross(b->min, a->below, false));
}

/* Returns whether both are hotfixes, and for different versions of the app: the
 * device that has the one counts as having none when it may get the other. */
static bool
mds_hotfixes_exclude(const mds_package_t *a, const mds_package_t *b)
{
    mds_str_t attribute = mds_str("app_version");

    for (size_t i = 0; i < a->rules.count; i++) {
        for (size_t j = 0; j < b->rules.count; j++) {
            const mds_rule_t *x = &a->rules.items[i];
            const mds_rule_t *y = &b->rules.items[j];

            if (mds_str_eq(x->attribute, attribute)
                && mds_str_eq(y->attribute, attribute)
                && (mds_rules_exclude(x, y) || mds_ranges_exclude(x, y)))
            {
                return mds_kind_has(a->kind, MDS_KIND_IS_HOTFIX);
            }
        }
    }

    return false;
}

/*
 * Returns whether a device that has the one build may get the other. Builds for
 * different processors, say, are never on one device, and a delta between them
 * would be useless.
 */
static bool
mds_builds_share_device(const mds_package_t *from, const mds_package_t *to)
{
    if (!mds_scopes_meet(&from->platforms, &to->platforms)
        || !mds_scopes_meet(&from->channels, &to->channels))
    {
        return false;
    }

    for (size_t i = 0; i < from->rules.count; i++) {
        for (size_t j = 0; j < to->rules.count; j++) {
            if (mds_rules_exclude(&from->rules.items[i], &to->rules.items[j])) {
                return false;
            }
        }
    }

    return true;
}

static mds_status_t
mds_delta_plan_specs(const mds_builds_t *builds, const mds_package_t *to,
                     mds_pair_visit_t visit, void *data, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; i < to->spec_count; i++) {
        mds_version_t from;

        if (!mds_version_parse(to->specs[i].from, &from)) {
            continue;
        }

        for (size_t j = 0; status == MDS_OK && j < builds->count; j++) {
            mds_delta_pair_t pair = { builds->items[j], to, &to->specs[i] };

            if (mds_version_cmp(&pair.from->key, &from) == 0
                && mds_builds_share_device(pair.from, to))
            {
                status = visit(data, &pair, err);
            }
        }
    }

    return status;
}

/* Visits the deltas from every build of the next lower versions. */
static mds_status_t
mds_delta_plan_lower(const mds_builds_t *builds, size_t index,
                     mds_pair_visit_t visit, void *data, mds_error_t *err)
{
    const mds_package_t *to = builds->items[index];
    const mds_version_t *last = &to->key;
    unsigned             versions = 0;
    mds_status_t         status = MDS_OK;

    for (size_t i = index + 1; status == MDS_OK && i < builds->count; i++) {
        mds_delta_pair_t pair = { builds->items[i], to, NULL };

        if (mds_version_cmp(&pair.from->key, &to->key) == 0
            || !mds_scopes_meet(&pair.from->platforms, &to->platforms)
            || mds_hotfixes_exclude(pair.from, to))
        {
            continue;
        }

        if (mds_version_cmp(&pair.from->key, last) != 0) {
            last = &pair.from->key;
            if (++versions > to->delta_count) {
                break;
            }
        }

        if (mds_builds_share_device(pair.from, to)) {
            status = visit(data, &pair, err);
        }
    }

    return status;
}

mds_status_t
mds_delta_plan_deltas(const mds_builds_t *builds, size_t to,
                      mds_pair_visit_t visit, void *data, mds_error_t *err)
{
    const mds_package_t *package = builds->items[to];

    if (package->embedded) {
        return MDS_OK;
    }

    return package->spec_count > 0
               ? mds_delta_plan_specs(builds, package, visit, data, err)
               : mds_delta_plan_lower(builds, to, visit, data, err);
}
