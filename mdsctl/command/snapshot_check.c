/* Checks that a snapshot has all that the catalog needs. */

#include "catalog/mds_catalog.h"
#include "command/snapshot.h"
#include "loader/mds_journal.h"

static mds_status_t
check_delta(void *data, const mds_sha256_t *from, const mds_sha256_t *to,
            const mds_delta_entry_t *note, mds_error_t *err)
{
    mdsctl_snapshot_t *s = data;

    return note->worth == 0 || !mds_reachable_has(&s->added, from)
                   || !mds_reachable_has(&s->added, to)
                   || mds_reachable_has(&s->added, &note->sha256)
               ? MDS_OK
               : mds_fail(err, MDS_CONFLICT,
                          "files were collected meanwhile: try again");
}

/* Checks that every file that the generation needs was added. */
static mds_status_t
check_generation(mdsctl_snapshot_t *s, mds_error_t *err)
{
    char            hex[MDS_SHA256_HEX + 1];
    mds_reachable_t needs = { 0 };
    mds_catalog_t  *catalog;
    mds_status_t    status
        = mds_catalog_open(s->dir.text, s->serial, true, err, &catalog);

    if (status == MDS_OK) {
        status = mds_reachable_catalog(&needs, catalog, err);
        mds_catalog_close(catalog);
    }

    for (size_t i = 0; status == MDS_OK && i < needs.count; i++) {
        if (!mds_reachable_has(&s->added, &needs.items[i])) {
            status
                = mds_fail(err, MDS_DAMAGED, "%s is needed, and does not exist",
                           mds_sha256_hex(&needs.items[i], hex));
        }
    }

    mds_reachable_free(&needs);
    return status;
}

static mds_status_t
check_journal(mdsctl_snapshot_t *s, mds_error_t *err)
{
    mds_journal_t *journal;
    mds_status_t   status = mds_journal_open(s->dir.text, err, &journal);

    if (status == MDS_OK) {
        status = mds_journal_read(journal, err);

        if (status == MDS_OK) {
            status = mds_journal_visit_deltas(journal, check_delta, s, err);
        }
        mds_journal_close(journal);
    }

    return status;
}

mds_status_t
mdsctl_snapshot_check(mdsctl_snapshot_t *s, mds_error_t *err)
{
    mds_status_t status = mds_reachable_status(&s->added, err);

    if (status == MDS_OK) {
        status = check_generation(s, err);
    }

    return status == MDS_OK ? check_journal(s, err) : status;
}
