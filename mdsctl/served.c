/* served: walks the generation in force. */

#include "served.h"

#include "base/mds_choices.h"

mds_status_t
mdsctl_app_is_served(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err)
{
    mds_catalog_cursor_t cursor;
    mds_choices_t        choices;
    char                 text[MDS_CHOICES_BYTES];
    mds_str_t            key, value;
    bool                 found = false;

    mds_choices_begin(&choices, app);
    mds_catalog_walk(catalog, MDS_CATALOG_APPS, MDS_LAYERS_MAX, mds_null_str,
                     &cursor);

    while (!found && mds_catalog_next(&cursor, &key, &value)) {
        found = mds_str_eq(key, app);
        mds_choices_add(&choices, key);
    }

    mds_catalog_walk_end(&cursor);

    if (found || mds_catalog_status(catalog, err) != MDS_OK) {
        return mds_catalog_status(catalog, err);
    }

    mds_choices_words(&choices, "apps", text);

    return mds_fail(err, MDS_NOT_FOUND, "there is no app \"%.*s\"%s%s",
                    MDS_STR(app), text[0] != '\0' ? "; " : "", text);
}
