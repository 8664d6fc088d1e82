/* Finds and creates the parts of a document that edits change. */

#include "base/mds_choices.h"
#include "loader/mds_app_state.h"
#include "loader/mds_edit_internal.h"

mds_json_t *
mds_edit_member(mds_json_t *object, const char *key, mds_json_t *fresh)
{
    mds_json_t *member = mds_json_get(object, key);

    if (member != NULL) {
        mds_json_release(fresh);
        return member;
    }

    return mds_json_set(object, key, fresh) == MDS_OK
               ? mds_json_get(object, key)
               : NULL;
}

mds_json_t *
mds_edit_array(mds_json_t *state, const char *key)
{
    return mds_edit_member(mds_json_get(state, "document"), key,
                           mds_json_array_new());
}

mds_json_t *
mds_edit_object(mds_json_t *state, const char *key)
{
    return mds_edit_member(mds_json_get(state, "document"), key,
                           mds_json_object_new());
}

mds_json_t *
mds_edit_find_release(const mds_json_t *state, const char *id, mds_error_t *err)
{
    const mds_json_t *releases = mds_app_state_get(state, "releases");
    mds_choices_t     choices;
    char              text[MDS_CHOICES_BYTES];

    mds_choices_begin(&choices, mds_str_of(id));

    for (size_t i = 0; i < mds_json_size(releases); i++) {
        mds_json_t *release = mds_json_at(releases, i);
        mds_str_t   name = mds_json_get_string(release, "id");

        if (mds_str_eq(name, mds_str_of(id))) {
            return release;
        }

        mds_choices_add(&choices, name);
    }

    mds_choices_words(&choices, "releases", text);
    (void) mds_fail(err, MDS_NOT_FOUND,
                    "app \"%.*s\" has no release \"%s\"%s%s",
                    MDS_STR(mds_json_string(mds_app_state_get(state, "app"))),
                    id, text[0] != '\0' ? "; " : "", text);
    return NULL;
}

mds_status_t
mds_edit_clear_app(mds_json_t *state, mds_error_t *err)
{
    mds_json_t *messages = mds_json_get(state, "messages");
    mds_json_t *document
        = mds_json_pack("{s:O}", "app", mds_app_state_get(state, "app"));

    if (mds_json_set(state, "document", document) != MDS_OK
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
