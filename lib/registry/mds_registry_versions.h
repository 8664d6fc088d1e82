/*
 * mds_registry_versions: counts the devices that run each version. Devices are
 * in the order of a hash, so that the first of them stand for all: the counts
 * of a large registry are estimated from these.
 */

#ifndef MDS_REGISTRY_VERSIONS_H
#define MDS_REGISTRY_VERSIONS_H

#include "registry/mds_registry.h"

#define MDS_REGISTRY_SAMPLE_MAX UINT64_C(20000)
#define MDS_REGISTRY_VERSIONS_MAX 256 /* other versions are counted in one */

typedef struct {
    mds_str_t app;
    mds_str_t platform;
    mds_str_t version;
    uint64_t  devices;
    char     *texts; /* of the views */
} mds_registry_version_t;

typedef struct {
    uint64_t               devices;
    uint64_t               other; /* of versions that are not listed */
    bool                   exact; /* otherwise all counts are estimates */
    int64_t                read_ms;
    mds_registry_version_t versions[MDS_REGISTRY_VERSIONS_MAX];
    size_t                 count;
} mds_registry_versions_t;

/* Counts all devices, or estimates from the first `most` of them. The version
 * with the most devices comes first. */
mds_status_t
mds_registry_count_versions(mds_registry_t *registry, uint64_t most,
                            mds_error_t              *err,
                            mds_registry_versions_t **versions) MDS_MUST_CHECK;

/* Frees the counts; NULL is allowed. */
void mds_registry_versions_free(mds_registry_versions_t *versions);

#endif
