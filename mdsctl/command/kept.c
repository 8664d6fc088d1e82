/* What is kept in a depot's state, and how large it is; part of status. */

#include "command/kept.h"

#include <inttypes.h>

#include "state/mds_registry.h"

static mds_status_t
registry_facts(const char *depot, mds_error_t *err, mds_registry_stat_t *facts)
{
    mds_registry_t *registry;
    mds_status_t    status = mds_registry_open(depot, err, &registry);

    if (status == MDS_OK) {
        status = mds_registry_begin(registry, err);

        if (status == MDS_OK) {
            status = mds_registry_stat(registry, err, facts);
        }

        mds_registry_close(registry);
    }

    return status;
}

/* A registry that is damaged is no reason to tell nothing of windows. */
mds_json_t *
mdsctl_kept(const char *depot, mds_state_t *state)
{
    mds_json_t         *o = mds_json_object_new();
    mds_registry_stat_t facts;
    mds_error_t         err;
    uint64_t            bytes = mds_state_bytes(state);
    bool                known = registry_facts(depot, &err, &facts) == MDS_OK;
    mds_status_t        status;

    if (!known) {
        fprintf(stderr, "mdsctl: failed to read the registry of devices: %s\n",
                err.text);
        facts = (mds_registry_stat_t){ 0 };
    }

    status = mds_json_set_integer(o, "bytes", (int64_t) (bytes + facts.bytes));

    if (status == MDS_OK && facts.max_bytes > 0) {
        status
            = mds_json_set_integer(o, "max_bytes", (int64_t) facts.max_bytes);
    }

    if (status == MDS_OK) {
        status = mds_json_set_integer(o, "windows_bytes", (int64_t) bytes);
    }

    if (status == MDS_OK && known) {
        status
            = mds_json_set_integer(o, "devices_bytes", (int64_t) facts.bytes);
    }

    if (status == MDS_OK && known) {
        status = mds_json_set_integer(o, "devices", (int64_t) facts.devices);
    }

    if (status == MDS_OK && known) {
        status
            = mds_json_set_integer(o, "passed_over", (int64_t) facts.dropped);
    }

    if (status != MDS_OK) {
        mds_json_release(o);
        return NULL;
    }

    return o;
}

static int64_t
number(const mds_json_t *kept, const char *name)
{
    return mds_json_integer(mds_json_get(kept, name));
}

void
mdsctl_kept_print(const mds_json_t *kept)
{
    printf("state: %" PRId64 " bytes", number(kept, "bytes"));

    if (mds_json_get(kept, "max_bytes") != NULL) {
        printf(" of %" PRId64, number(kept, "max_bytes"));
    }

    printf("; windows and marks %" PRId64, number(kept, "windows_bytes"));

    if (mds_json_get(kept, "devices") != NULL) {
        printf(", %" PRId64 " devices %" PRId64, number(kept, "devices"),
               number(kept, "devices_bytes"));
    }

    if (number(kept, "passed_over") > 0) {
        printf(", %" PRId64 " passed over", number(kept, "passed_over"));
    }

    printf("\n");
}
