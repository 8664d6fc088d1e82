/*
 * Verifies the journal, except for the apps in it, and the state.
 */

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_time.h"
#include "files/mds_store.h"
#include "maintain/mds_verify_internal.h"
#include "registry/mds_registry.h"
#include "state/mds_state.h"

/* Checks that a delta between stored files is stored: a release may use
 * it.
 */
static mds_status_t
mds_verify_delta_entry(void *data, const mds_sha256_t *from,
                       const mds_sha256_t *to, const mds_delta_entry_t *entry,
                       mds_error_t *err)
{
    mds_verify_t *v = data;
    char          hex[MDS_SHA256_HEX + 1];
    uint64_t      size;

    if (entry->worth == 0
        || mds_store_has(v->depot, from, NULL, &size) != MDS_OK
        || mds_store_has(v->depot, to, NULL, &size) != MDS_OK)
    {
        return MDS_OK;
    }

    if (mds_store_has(v->depot, &entry->sha256, err, &size) != MDS_OK) {
        mds_verify_report(v, "journal", "delta to %s: %s",
                          mds_sha256_hex(to, hex), err->text);
    }

    return MDS_OK;
}

/* Checks the log entry of a serial. */
static void
mds_verify_entry(mds_verify_t *v, mds_journal_t *journal, uint64_t serial)
{
    mds_json_t  *entry;
    mds_error_t  err;
    char         where[64];
    int64_t      ms;
    mds_status_t status = mds_journal_get_entry(journal, serial, &err, &entry);

    snprintf(where, sizeof(where), "journal, change %" PRIu64, serial);

    if (status == MDS_NOT_FOUND) {
        mds_verify_report(v, where, "is not in the log");
        return;
    }

    if (status != MDS_OK) {
        mds_verify_report_error(v, where, &err);
        return;
    }

    if ((uint64_t) mds_json_get_integer(entry, "serial") != serial
        || !mds_json_is_string(mds_json_get(entry, "app"))
        || mds_json_size(mds_json_get(entry, "changes")) == 0
        || !mds_time_parse(mds_json_get_string(entry, "time"), &ms))
    {
        mds_verify_report(v, where, "is not an entry of the log");
    }

    v->result.changes++;
    mds_json_release(entry);
}

static mds_status_t
mds_verify_log(mds_verify_t *v, mds_journal_t *journal, mds_error_t *err)
{
    uint64_t     last = mds_journal_get_serial(journal);
    mds_json_t  *entry;
    mds_status_t status;

    for (uint64_t serial = 1; serial <= last; serial++) {
        mds_verify_entry(v, journal, serial);
    }

    status = mds_journal_get_entry(journal, last + 1, err, &entry);

    if (status != MDS_OK && status != MDS_NOT_FOUND) {
        mds_verify_report_error(v, "journal", err);
    }

    if (status == MDS_OK) {
        mds_json_release(entry);
        mds_verify_report(v, "journal",
                          "has change %" PRIu64 ", and says that %" PRIu64
                          " is the last",
                          last + 1, last);
    }

    return MDS_OK;
}

mds_status_t
mds_verify_journal(mds_verify_t *v, mds_error_t *err)
{
    mds_journal_t *journal = NULL;

    if (mds_journal_open(v->depot, err, &journal) != MDS_OK
        || mds_journal_read(journal, err) != MDS_OK
        || mds_verify_apps(v, journal, err) != MDS_OK
        || mds_journal_visit_deltas(journal, mds_verify_delta_entry, v, err)
               != MDS_OK
        || mds_verify_log(v, journal, err) != MDS_OK)
    {
        mds_verify_report_error(v, "journal", err);
    }

    mds_journal_close(journal);
    return MDS_OK;
}

mds_status_t
mds_verify_state(mds_verify_t *v, mds_error_t *err)
{
    mds_state_t *state;
    uint64_t     windows = 0;
    mds_status_t status = mds_state_open(v->depot, err, &state);

    if (status == MDS_OK) {
        status = mds_state_audit(state, err, &windows);
        mds_state_close(state);
    }

    if (status != MDS_OK) {
        mds_verify_report_error(v, "state", err);
    }

    v->result.windows = windows;
    return MDS_OK;
}

mds_status_t
mds_verify_registry(mds_verify_t *v, mds_error_t *err)
{
    mds_registry_t *registry;
    mds_status_t    status = mds_registry_open(v->depot, err, &registry);

    if (status == MDS_OK) {
        status = mds_registry_audit(registry, err);
        mds_registry_close(registry);
    }

    if (status != MDS_OK) {
        mds_verify_report_error(v, "state/devices", err);
    }

    return MDS_OK;
}
