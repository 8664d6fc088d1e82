/* A scope is kept as JSON, since names come from JSON and go into it. */

#include "loader/mds_scope.h"

#include "base/mds_kind.h"

/* Appends an item, whose reference is taken, unless the array has it. */
static mds_status_t
mds_scope_add(mds_json_t **array, mds_json_t *item, mds_error_t *err)
{
    if (*array == NULL) {
        *array = mds_json_array_new();
    }

    for (size_t i = 0; i < mds_json_size(*array); i++) {
        if (mds_json_equal(mds_json_at(*array, i), item)) {
            mds_json_release(item);
            return MDS_OK;
        }
    }

    return mds_json_done(mds_json_append(*array, item), err);
}

mds_status_t
mds_scope_add_resource(mds_scope_t *scope, mds_str_t kind, mds_str_t name,
                       mds_error_t *err)
{
    mds_str_t own = mds_kind_has(kind, MDS_KIND_IS_CONFIG) ? mds_str("") : name;

    return mds_scope_add(&scope->resources,
                         mds_json_pack("{s:o, s:o}", "kind",
                                       mds_json_string_new(kind), "name",
                                       mds_json_string_new(own)),
                         err);
}

mds_status_t
mds_scope_add_list(mds_scope_t *scope, mds_str_t name, mds_error_t *err)
{
    return mds_scope_add(&scope->lists, mds_json_string_new(name), err);
}

mds_status_t
mds_scope_add_audience(mds_scope_t *scope, const mds_json_t *audience,
                       mds_error_t *err)
{
    static const char *const keys[] = { "lists", "except" };
    mds_status_t             status = MDS_OK;

    for (size_t k = 0; k < mds_nelems(keys); k++) {
        const mds_json_t *names = mds_json_get(audience, keys[k]);

        for (size_t i = 0; status == MDS_OK && mds_json_at(names, i) != NULL;
             i++) {
            status = mds_scope_add_list(scope,
                                        mds_json_string(mds_json_at(names, i)),
                                        err);
        }
    }

    return status;
}

void
mds_scope_widen(mds_scope_t *scope)
{
    mds_scope_free(scope);
    *scope = (mds_scope_t){ .is_all = true };
}

static bool
mds_scope_has(const mds_scope_t *scope, mds_kind_flag_t flag)
{
    for (size_t i = 0; i < mds_json_size(scope->resources); i++) {
        if (mds_kind_has(mds_json_get_string(mds_json_at(scope->resources, i),
                                             "kind"),
                         flag))
        {
            return true;
        }
    }

    return scope->is_all;
}

bool
mds_scope_has_messages(const mds_scope_t *scope)
{
    return mds_scope_has(scope, MDS_KIND_IS_APP);
}

bool
mds_scope_has_config(const mds_scope_t *scope)
{
    return mds_scope_has(scope, MDS_KIND_IS_CONFIG);
}

void
mds_scope_free(mds_scope_t *scope)
{
    mds_json_release(scope->resources);
    mds_json_release(scope->lists);
    scope->resources = NULL;
    scope->lists = NULL;
}
