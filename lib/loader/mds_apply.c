#include <inttypes.h>
#include <stdio.h>

#include "loader/mds_loader.h"

/* Steps are told one by one up to here, and counted behind. */
#define MDS_STEPS_TOLD 5

/* The single steps since the last document, as one line. */
static size_t
mds_apply_steps(mds_loader_t *loader, const mds_json_t *state, char *words,
                size_t size, mds_error_t *err, mds_status_t *status)
{
    mds_str_t app
        = mds_json_string(mds_json_get(mds_json_get(state, "document"), "app"));
    uint64_t applied
        = (uint64_t) mds_json_integer(mds_json_get(state, "applied"));
    uint64_t serial
        = (uint64_t) mds_json_integer(mds_json_get(state, "serial"));
    size_t steps = 0, len = 0;

    for (; *status == MDS_OK && serial > applied; serial--) {
        mds_json_t *entry;

        *status = mds_journal_get_entry(mds_loader_journal(loader), serial, err,
                                        &entry);

        if (*status == MDS_NOT_FOUND) {
            *status = MDS_OK;
            continue;
        }

        if (*status == MDS_OK
            && mds_str_eq(mds_json_string(mds_json_get(entry, "app")), app)
            && mds_json_bool(mds_json_get(entry, "step"))
            && steps++ < MDS_STEPS_TOLD && len < size)
        {
            len += (size_t) snprintf(
                words + len, size - len, "%s%" PRIu64 " %.*s (%.*s)",
                steps > 1 ? "; " : "", serial,
                MDS_STR(mds_json_string(mds_json_get(entry, "command"))),
                MDS_STR(mds_json_string(mds_json_get(entry, "who"))));
        }

        if (*status == MDS_OK) {
            mds_json_release(entry);
        }
    }

    return steps;
}

static mds_status_t
mds_apply_conflict(mds_loader_t *loader, const mds_json_t *state,
                   mds_error_t *err)
{
    char         words[MDS_ERROR_BYTES / 2] = "";
    mds_status_t status = MDS_OK;
    size_t       steps
        = mds_apply_steps(loader, state, words, sizeof(words), err, &status);

    if (status != MDS_OK || steps == 0) {
        return status;
    }

    return mds_fail(err, MDS_CONFLICT,
                    "the app was changed by %zu single step%s since its last"
                    " document: %s%s. Export it and apply what you want to it,"
                    " or give --force to lose them",
                    steps, steps > 1 ? "s" : "", words,
                    steps > MDS_STEPS_TOLD ? "; …" : "");
}

/* Contents of lists that are no longer external are of no use. */
static mds_status_t
mds_apply_external(mds_json_t *state, const mds_json_t *lists)
{
    mds_json_t        *before = mds_json_get(state, "external");
    mds_json_t        *kept = mds_json_object_new();
    mds_json_member_t *m;
    mds_status_t       status = kept == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (m = mds_json_first(before); status == MDS_OK && m != NULL;
         m = mds_json_next(before, m))
    {
        const mds_json_t *list = mds_json_find(lists, mds_json_key(m));

        if (mds_json_bool(mds_json_get(list, "external"))) {
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
mds_precondition_apply(mds_loader_t *loader, void *data,
                       const mds_json_t *before, mds_error_t *err)
{
    const mds_apply_t *apply = data;
    const mds_json_t  *json = mds_json_get(apply->document, "serial");
    int64_t            serial = mds_json_integer(json);

    uint64_t now = mds_journal_get_serial(mds_loader_journal(loader));

    /* There are no steps to lose of an app that is not there. */
    if (apply->force || mds_json_bool(mds_json_get(before, "removed"))) {
        return MDS_OK;
    }

    if (mds_json_is_integer(json) && (uint64_t) serial > now) {
        return mds_fail(err, MDS_CONFLICT,
                        "the document carries serial %llu, and the catalog has"
                        " come to %llu: it is of another depot. Leave"
                        " \"serial\" out, or give --force",
                        (unsigned long long) serial, (unsigned long long) now);
    }

    /* An export that is as new as the app's last change knows its steps. */
    if (mds_json_is_integer(json)
        && serial >= mds_json_integer(mds_json_get(before, "serial")))
    {
        return MDS_OK;
    }

    return mds_apply_conflict(loader, before, err);
}

mds_status_t
mds_edit_apply(mds_loader_t *loader, void *data, mds_json_t *state,
               mds_error_t *err)
{
    const mds_apply_t *apply = data;
    mds_json_t        *document = mds_json_copy(apply->document);

    (void) loader;

    mds_json_delete(document, "serial");

    /* In this order: the document is handed over in any case. */
    if (mds_apply_external(state, mds_json_get(document, "lists")) != MDS_OK) {
        mds_json_release(document);
        return mds_fail_memory(err);
    }

    return mds_json_set(state, "document", document) == MDS_OK
               ? MDS_OK
               : mds_fail_memory(err);
}

mds_status_t
mds_edit_remove(mds_loader_t *loader, void *data, mds_json_t *state,
                mds_error_t *err)
{
    const mds_json_t *app
        = mds_json_get(mds_json_get(state, "document"), "app");
    mds_json_t  *document = mds_json_object_new();
    mds_json_t  *messages = mds_json_get(state, "messages");
    mds_status_t status = mds_json_set(document, "app", mds_json_copy(app));

    (void) loader;
    (void) data;

    if (mds_json_set(state, "document", document) != MDS_OK || status != MDS_OK
        || mds_json_set(state, "external", mds_json_object_new()) != MDS_OK
        || mds_json_set_bool(state, "removed", true) != MDS_OK
        || (messages != NULL
            && mds_json_set(messages, "items", mds_json_array_new()) != MDS_OK))
    {
        return mds_fail_memory(err);
    }

    mds_json_delete(state, "config");
    return MDS_OK;
}
