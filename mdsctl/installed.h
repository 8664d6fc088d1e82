/*
 * installed: how many devices run the version of a release, as their checks
 * have said: "12,000 devices have it". Only releases of the app itself (kind
 * upgrade) have a version that devices are registered with.
 */

#ifndef MDSCTL_INSTALLED_H
#define MDSCTL_INSTALLED_H

#include "registry/mds_registry_versions.h"
#include "json/mds_json.h"

/* Counts the devices of the depot by version; NULL if there are none, or if the
 * registry cannot be read. The counts of many devices are estimates. */
mds_registry_versions_t *mdsctl_installed_read(const char *depot);

/* Returns whether devices are registered with the versions of the release. */
bool mdsctl_installed_has_kind(const mds_json_t *release);

/* Returns how many devices of the app run the version of the release, on its
 * platforms; 0 if it is not known. versions may be NULL. */
uint64_t mdsctl_installed_count(const mds_registry_versions_t *versions,
                                mds_str_t app, const mds_json_t *release);

/* Writes "12,000 devices have it", or "about 12,000 …" of an estimate. */
#define MDSCTL_INSTALLED_BYTES 64
const char *
mdsctl_installed_words(const mds_registry_versions_t *versions, uint64_t count,
                       char words[MDSCTL_INSTALLED_BYTES]);

#endif
