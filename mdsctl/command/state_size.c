/* state_size: how large a depot's state is; a part of status. */

#include "command/state_size.h"

#include <inttypes.h>

#include "registry/mds_registry.h"

static mds_status_t
registry_facts(const char *depot, mds_error_t *err, mds_registry_stat_t *facts)
{
    mds_registry_t *registry;
    mds_status_t    status = mds_registry_open(depot, err, &registry);

    if (status == MDS_OK) {
        status = mds_registry_stat(registry, err, facts);
        mds_registry_close(registry);
    }

    return status;
}

/* If the registry is damaged, the sizes of windows and marks are given without
 * it. */
mds_json_t *
mdsctl_state_size(const char *depot, mds_state_t *state)
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

    if (status == MDS_OK && known && !facts.exact) {
        status = mds_json_set(o, "devices_exact", mds_json_bool_new(false));
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

void
mdsctl_state_size_print(const mds_json_t *size)
{
    printf("state: %" PRId64 " bytes", mds_json_get_integer(size, "bytes"));

    if (mds_json_get(size, "max_bytes") != NULL) {
        printf(" of %" PRId64, mds_json_get_integer(size, "max_bytes"));
    }

    printf(": %" PRId64 " for windows and marks",
           mds_json_get_integer(size, "windows_bytes"));

    if (mds_json_get(size, "devices") != NULL) {
        printf(", %" PRId64 " for %s%" PRId64 " device%s",
               mds_json_get_integer(size, "devices_bytes"),
               mds_json_get(size, "devices_exact") != NULL ? "at most " : "",
               mds_json_get_integer(size, "devices"),
               mds_json_get_integer(size, "devices") == 1 ? "" : "s");
    }

    if (mds_json_get_integer(size, "passed_over") > 0) {
        printf("; %" PRId64 " not registered: no room",
               mds_json_get_integer(size, "passed_over"));
    }

    printf("\n");
}
