/*
 * update: the manifests and directives of Expo Updates v1, as text.
 */

#ifndef MDSCTL_EXPO_UPDATE_H
#define MDSCTL_EXPO_UPDATE_H

#include "expo/expo.h"

/* What the texts of one export have in common. */
typedef struct {
    const char                  *folder;
    const mdsctl_expo_options_t *options;
    mds_str_t                    version;
    int64_t                      created_ms;
    const mds_json_t            *config; /* the app's; NULL: it is not known */
} mdsctl_expo_export_t;

/*
 * Gives the text of the manifest for a platform, of which files is the entry in
 * metadata.json. The caller frees *text. Adds a package for each asset to
 * assets, an array.
 */
mds_status_t
mdsctl_expo_manifest(const mdsctl_expo_export_t *export,
                     const mds_json_t *files, mds_json_t *assets,
                     mds_error_t *err, char **text, size_t *len) MDS_MUST_CHECK;

/* Gives the text of the directive that leads back to the embedded update. The
 * caller frees *text. */
mds_status_t
mdsctl_expo_directive(const mdsctl_expo_export_t *export, mds_error_t *err,
                      char **text, size_t *len) MDS_MUST_CHECK;

#endif
