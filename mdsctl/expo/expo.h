/*
 * expo: makes packages of the folder that `expo export` writes, for the
 * protocol Expo Updates v1.
 *
 * Each platform of the folder is a package whose file is the manifest that the
 * app reads, signed by the app's RSA key. Each asset is a package of the kind
 * expo-asset, named by its SHA-256, so that the depot keeps it and feeds it to
 * edges. A folder with a file "rollback" instead is the directive by which apps
 * go back to the update that is embedded in them.
 */

#ifndef MDSCTL_EXPO_H
#define MDSCTL_EXPO_H

#include "base/mds_file.h"
#include "mdsctl.h"

#define MDSCTL_EXPO_ASSET "expo-asset"

typedef struct {
    const char *url;     /* below which the edges serve "files/" */
    const char *runtime; /* the runtime version of the apps */
    const char *key;     /* a file with an RSA key in PEM; NULL: not signed */
} mdsctl_expo_options_t;

/* All zero: there is nothing. */
typedef struct {
    mds_json_t *packages; /* an array, as a document has it */
    mds_path_t  dir;      /* of the files that were made; empty: none */
    size_t      made;     /* files in it: "0", "1", ... */
} mdsctl_expo_t;

/*
 * Makes packages of the folder; package has the members that they share:
 * "kind", "version", "meta" and so on. MDS_INVALID names what is wrong with
 * the folder. The caller calls mdsctl_expo_free() in any case.
 */
mds_status_t
mdsctl_expo_read(const char *folder, const mdsctl_expo_options_t *options,
                 const mds_json_t *package, mds_error_t *err,
                 mdsctl_expo_t *expo) MDS_MUST_CHECK;

void mdsctl_expo_free(mdsctl_expo_t *expo);

#endif
