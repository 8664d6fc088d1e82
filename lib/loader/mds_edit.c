/* Finding and making the parts of a document that edits change. */

#include "base/mds_choices.h"
#include "loader/mds_edit_internal.h"

static mds_json_t *
mds_edit_part(mds_json_t *state, const char *key, mds_json_t *fresh)
{
    mds_json_t *document = mds_json_get(state, "document");
    mds_json_t *part = mds_json_get(document, key);

    if (part != NULL) {
        mds_json_release(fresh);
        return part;
    }

    return mds_json_set(document, key, fresh) == MDS_OK
               ? mds_json_get(document, key)
               : NULL;
}

mds_json_t *
mds_edit_array(mds_json_t *state, const char *key)
{
    return mds_edit_part(state, key, mds_json_array_new());
}

mds_json_t *
mds_edit_object(mds_json_t *state, const char *key)
{
    return mds_edit_part(state, key, mds_json_object_new());
}

mds_json_t *
mds_edit_find_release(const mds_json_t *state, const char *id, mds_error_t *err)
{
    const mds_json_t *document = mds_json_get(state, "document");
    const mds_json_t *releases = mds_json_get(document, "releases");
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
                    MDS_STR(mds_json_get_string(document, "app")), id,
                    text[0] != '\0' ? "; " : "", text);
    return NULL;
}
