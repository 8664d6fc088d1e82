/* Visits the parts of the journal, or the items of a state that has none. */

#include "loader/mds_app_parts.h"

#include "loader/mds_app_state.h"

typedef struct {
    mds_app_part_visit_t visit;
    void                *data;
} mds_app_visit_t;

mds_status_t
mds_app_parts_open(mds_app_parts_t *parts, mds_journal_t *journal,
                   mds_str_t app, mds_error_t *err)
{
    mds_json_t  *head;
    bool         by_parts;
    mds_status_t status
        = mds_journal_get_app(journal, app, err, &head, &by_parts);

    if (status == MDS_OK) {
        *parts = (mds_app_parts_t){ journal, app, head, by_parts };
    }

    return status;
}

void
mds_app_parts_close(mds_app_parts_t *parts)
{
    mds_json_release(parts->head);
    parts->head = NULL;
}

uint64_t
mds_app_parts_count(const mds_app_parts_t *parts, const char *key)
{
    return parts->by_parts ? (uint64_t)
                   mds_json_get_integer(mds_json_get(parts->head, "parts"), key)
                           : mds_json_size(mds_app_state_get(parts->head, key));
}

static mds_status_t
mds_app_visit_part(void *data, const mds_part_t *part, mds_error_t *err)
{
    const mds_app_visit_t *v = data;
    mds_json_t            *item;
    mds_status_t status = mds_json_parse(part->text, "journal", err, &item);

    if (status == MDS_OK) {
        status = v->visit(v->data, item, part->since, err);
        mds_json_release(item);
    }

    return status;
}

/* Visits the items of a state that an older program wrote. */
static mds_status_t
mds_app_visit_whole(const mds_app_parts_t *parts, const char *key,
                    const mds_app_visit_t *v, mds_error_t *err)
{
    const mds_json_t *items = mds_app_state_get(parts->head, key);
    const mds_json_t *serials = mds_json_get(parts->head, "since");
    mds_status_t      status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(items); i++) {
        mds_json_t *item = mds_json_at(items, i);

        status = v->visit(v->data, item,
                          (uint64_t) mds_json_integer(
                              mds_json_find(serials,
                                            mds_json_get_string(item, "id"))),
                          err);
    }

    return status;
}

mds_status_t
mds_app_parts_visit(const mds_app_parts_t *parts, mds_part_type_t type,
                    mds_app_part_visit_t visit, void *data, mds_error_t *err)
{
    mds_app_visit_t v = { visit, data };

    return parts->by_parts
               ? mds_journal_visit_parts(parts->journal, parts->app, type,
                                         mds_app_visit_part, &v, err)
               : mds_app_visit_whole(parts,
                                     type == MDS_PART_PACKAGE ? "packages"
                                                              : "releases",
                                     &v, err);
}
