/* publish --expo: publishes the folder of `expo export`, in one change. */

#include "change.h"
#include "command/publish.h"
#include "loader/mds_edit.h"

/* Adds each package; data is an array of them. */
static mds_status_t
edit_expo(mds_loader_t *loader, void *data, mds_json_t *state, mds_error_t *err)
{
    const mds_json_t *packages = data;
    mds_status_t      status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(packages); i++) {
        mds_publication_t publication = { .package = mds_json_at(packages, i) };

        status = mds_edit_publish(loader, &publication, state, err);
    }

    return status;
}

int
mdsctl_publish_expo(mdsctl_t *ctl, const char *app, const char *folder,
                    const mdsctl_expo_options_t *options,
                    const mds_json_t            *package)
{
    mdsctl_expo_t expo;
    mds_error_t   err;
    int           code;

    if (options->runtime == NULL
        || (strncmp(options->url, "https://", 8) != 0
            && strncmp(options->url, "http://", 7) != 0))
    {
        return mdsctl_fail_usage("--expo must be a URL, and --expo-runtime must"
                                 " be given with it");
    }

    code = mdsctl_expo_read(folder, options, package, &err, &expo) == MDS_OK
               ? mdsctl_edit(ctl, app, NULL, edit_expo, expo.packages)
               : mdsctl_fail(&err);

    mdsctl_expo_free(&expo);
    return code;
}
