/*
 * Collects the leaves by which a change makes an app's tree another one: the
 * manifests of the records that it puts, and those of the records in whose
 * place they are put.
 */

#include "loader/mds_build_trust_internal.h"

#include "loader/mds_catalog_visit.h"

static mds_status_t
mds_build_trust_leaf(void *data, const mds_record_t *record,
                     const mds_answer_t *answer, mds_error_t *err)
{
    mds_buffer_t *leaves = data;
    mds_leaf_t    leaf;

    (void) err;
    mds_leaf_make(mds_record_bytes(record, answer->manifest), &leaf);
    mds_buffer_add(leaves, &leaf, sizeof(leaf));

    return MDS_OK;
}

/* A manifest that is not given now may have been when the tree was made: a
 * release has ended since. */
static mds_status_t
mds_build_trust_remove(mds_build_trust_t *trust, const mds_record_t *record,
                       mds_error_t *err)
{
    mds_status_t status = mds_record_visit_offers(record, mds_build_trust_leaf,
                                                  &trust->removed, err);

    return status == MDS_OK
               ? mds_record_visit_deltas(record, mds_build_trust_leaf,
                                         &trust->removed, err)
               : status;
}

mds_status_t
mds_build_trust_add(mds_build_trust_t *trust, const mds_record_t *record,
                    mds_error_t *err)
{
    return trust->is_made ? mds_record_visit_given(record, trust->now_ms,
                                                   mds_build_trust_leaf,
                                                   &trust->added, err)
                          : MDS_OK;
}

/* Returns whether the record's resource is in the extent: it is put anew. */
static bool
mds_build_trust_is_replaced(const mds_build_trust_t *trust,
                            const mds_record_t      *record)
{
    const mds_json_t *resources
        = trust->extent == NULL ? NULL : trust->extent->resources;
    mds_str_t name = mds_record_bytes(record, record->key);
    mds_str_t kind;

    (void) mds_str_cut(&name, '\0');
    kind = mds_str_cut(&name, '\0');

    for (size_t i = 0; i < mds_json_size(resources); i++) {
        const mds_json_t *resource = mds_json_at(resources, i);

        if (mds_str_eq(mds_json_get_string(resource, "kind"), kind)
            && mds_str_eq(mds_json_get_string(resource, "name"), name))
        {
            return true;
        }
    }

    return false;
}

static mds_status_t
mds_build_trust_visit(void *data, const mds_record_t *record, mds_error_t *err)
{
    return mds_build_trust_is_replaced(data, record)
               ? MDS_OK
               : mds_build_trust_add(data, record, err);
}

mds_status_t
mds_build_trust_add_before(mds_build_trust_t *trust, mds_error_t *err)
{
    mds_trust_key_t prefix;

    if (trust->before == NULL || trust->app.len >= sizeof(prefix.bytes)) {
        return MDS_OK;
    }

    memcpy(prefix.bytes, trust->app.data, trust->app.len);
    prefix.bytes[trust->app.len] = '\0';
    prefix.len = trust->app.len + 1;

    return mds_catalog_visit_records(trust->before, mds_trust_key_str(&prefix),
                                     mds_build_trust_visit, trust, err);
}

/* Removes what the resource gave before. */
static mds_status_t
mds_build_trust_remove_resource(mds_build_trust_t *trust,
                                const mds_json_t *resource, mds_error_t *err)
{
    const mds_record_t *record;
    mds_status_t        status
        = mds_catalog_resource(trust->before, trust->app,
                               mds_json_get_string(resource, "kind"),
                               mds_json_get_string(resource, "name"), err,
                               &record);

    return status == MDS_OK ? mds_build_trust_remove(trust, record, err)
           : status == MDS_NOT_FOUND ? MDS_OK
                                     : status;
}

mds_status_t
mds_build_trust_remove_extent(mds_build_trust_t *trust, mds_error_t *err)
{
    const mds_json_t *resources = trust->extent->resources;
    mds_status_t      status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(resources); i++) {
        status
            = mds_build_trust_remove_resource(trust, mds_json_at(resources, i),
                                              err);
    }

    return status;
}
