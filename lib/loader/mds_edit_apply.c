/*
 * The edit that replaces an app's whole document, and its precondition: single
 * steps since the last document are not lost unnoticed.
 */

#include "loader/mds_app_state.h"
#include "loader/mds_edit.h"
#include "loader/mds_log_excerpt.h"

/* Collects the single steps since the last document. */
static mds_status_t
mds_apply_find_steps(mds_journal_t *journal, const mds_json_t *state,
                     mds_error_t *err, mds_log_excerpt_t *steps)
{
    mds_str_t app = mds_json_string(mds_app_state_get(state, "app"));
    uint64_t  applied = (uint64_t) mds_json_get_integer(state, "applied");
    uint64_t  serial = (uint64_t) mds_json_get_integer(state, "serial");

    for (; serial > applied; serial--) {
        mds_json_t  *entry;
        mds_status_t status
            = mds_journal_find_entry(journal, serial, err, &entry);

        if (status != MDS_OK) {
            return status;
        }

        if (mds_str_eq(mds_json_get_string(entry, "app"), app)
            && mds_json_get_bool(entry, "step"))
        {
            mds_log_excerpt_add(steps, serial, entry);
        }

        mds_json_release(entry);
    }

    return MDS_OK;
}

/* Fails if the app was changed by single steps since its last document. */
static mds_status_t
mds_apply_check_steps(mds_loader_t *loader, const mds_json_t *state,
                      mds_error_t *err)
{
    mds_log_excerpt_t steps = { 0 };
    mds_status_t      status
        = mds_apply_find_steps(mds_loader_journal(loader), state, err, &steps);

    if (status != MDS_OK || steps.count == 0) {
        return status;
    }

    return mds_fail(err, MDS_CONFLICT,
                    "the app was changed by %zu single step%s since its last"
                    " document: %s%s. Export it and apply what you want to it,"
                    " or give --force to lose them",
                    steps.count, steps.count > 1 ? "s" : "", steps.text,
                    mds_log_excerpt_end(&steps));
}

mds_status_t
mds_precondition_apply(mds_loader_t *loader, void *data,
                       const mds_json_t *before, mds_error_t *err)
{
    const mds_apply_t *apply = data;
    const mds_json_t  *json = mds_json_get(apply->document, "serial");
    int64_t            serial = mds_json_integer(json);
    uint64_t           now = mds_journal_get_serial(mds_loader_journal(loader));

    /* A removed app has no steps that could be lost. */
    if (apply->force || mds_json_get_bool(before, "removed")) {
        return MDS_OK;
    }

    if (mds_json_is_integer(json) && (uint64_t) serial > now) {
        return mds_fail(err, MDS_CONFLICT,
                        "the document carries serial %llu, and the catalog has"
                        " come to %llu: it is of another depot. Leave"
                        " \"serial\" out, or give --force",
                        (unsigned long long) serial, (unsigned long long) now);
    }

    /* An export that is as new as the app's last change contains its steps. */
    if (mds_json_is_integer(json)
        && serial >= mds_json_get_integer(before, "serial"))
    {
        return MDS_OK;
    }

    return mds_apply_check_steps(loader, before, err);
}

/* Keeps contents of those lists alone that are still external. */
static mds_status_t
mds_apply_keep_external(mds_json_t *state, const mds_json_t *lists)
{
    mds_json_t        *before = mds_json_get(state, "external");
    mds_json_t        *kept = mds_json_object_new();
    mds_json_member_t *m;
    mds_status_t       status = kept == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (m = mds_json_first(before); status == MDS_OK && m != NULL;
         m = mds_json_next(before, m))
    {
        const mds_json_t *list = mds_json_find(lists, mds_json_key(m));

        if (mds_json_get_bool(list, "external")) {
            status = mds_json_put(kept, mds_json_key(m),
                                  mds_json_copy(mds_json_value(m)));
        }
    }

    if (status != MDS_OK) {
        mds_json_release(kept);
        return status;
    }

    return mds_json_set(state, "external", kept);
}

mds_status_t
mds_edit_apply(mds_loader_t *loader, void *data, mds_json_t *state,
               mds_error_t *err)
{
    /* Those of which files are stored; the rest is not changed any more. */
    static const char *const copied[] = { "lists", "packages" };
    const mds_apply_t       *apply = data;
    mds_json_t              *document
        = mds_json_copy_members(apply->document, copied, mds_nelems(copied));

    (void) loader;

    mds_json_delete(document, "serial");

    /* In this order: mds_json_set() takes the document also on failure. */
    if (mds_apply_keep_external(state, mds_json_get(document, "lists"))
        != MDS_OK) {
        mds_json_release(document);
        return mds_fail_memory(err);
    }

    return mds_json_done(mds_json_set(state, "document", document), err);
}
