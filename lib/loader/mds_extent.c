/* An extent is kept as JSON, since names come from JSON and go into it. */

#include "loader/mds_extent.h"

#include "base/mds_kind.h"

/* Appends an item, whose reference is taken, unless the array has it. */
static mds_status_t
mds_extent_add(mds_json_t **array, mds_json_t *item, mds_error_t *err)
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
mds_extent_add_resource(mds_extent_t *extent, mds_str_t kind, mds_str_t name,
                        mds_error_t *err)
{
    mds_str_t own = mds_kind_has(kind, MDS_KIND_IS_CONFIG) ? mds_str("") : name;

    return mds_extent_add(&extent->resources,
                          mds_json_pack("{s:o, s:o}", "kind",
                                        mds_json_string_new(kind), "name",
                                        mds_json_string_new(own)),
                          err);
}

mds_status_t
mds_extent_add_list(mds_extent_t *extent, mds_str_t name, mds_error_t *err)
{
    return mds_extent_add(&extent->lists, mds_json_string_new(name), err);
}

mds_status_t
mds_extent_add_audience(mds_extent_t *extent, const mds_json_t *audience,
                        mds_error_t *err)
{
    static const char *const keys[] = { "lists", "except" };
    mds_status_t             status = MDS_OK;

    for (size_t k = 0; k < mds_nelems(keys); k++) {
        const mds_json_t *names = mds_json_get(audience, keys[k]);

        for (size_t i = 0; status == MDS_OK && mds_json_at(names, i) != NULL;
             i++) {
            status = mds_extent_add_list(extent,
                                         mds_json_string(mds_json_at(names, i)),
                                         err);
        }
    }

    return status;
}

void
mds_extent_widen(mds_extent_t *extent)
{
    mds_extent_free(extent);
    *extent = (mds_extent_t){ .is_all = true };
}

static bool
mds_extent_has(const mds_extent_t *extent, mds_kind_flag_t flag)
{
    for (size_t i = 0; i < mds_json_size(extent->resources); i++) {
        if (mds_kind_has(mds_json_get_string(mds_json_at(extent->resources, i),
                                             "kind"),
                         flag))
        {
            return true;
        }
    }

    return extent->is_all;
}

bool
mds_extent_has_messages(const mds_extent_t *extent)
{
    return mds_extent_has(extent, MDS_KIND_IS_APP);
}

bool
mds_extent_has_config(const mds_extent_t *extent)
{
    return mds_extent_has(extent, MDS_KIND_IS_CONFIG);
}

void
mds_extent_free(mds_extent_t *extent)
{
    mds_json_release(extent->resources);
    mds_json_release(extent->lists);
    extent->resources = NULL;
    extent->lists = NULL;
}
