/*
 * Changes of what devices trust: a root is published, or heads are renewed. No
 * app is edited.
 */

#include <stdio.h>

#include "base/mds_time.h"
#include "loader/mds_update.h"
#include "trust/mds_root.h"

/* The root that is published, and the one before. */
typedef struct {
    mds_envelope_t envelope;
    mds_root_t     root;
    mds_envelope_t before_envelope;
    mds_root_t     before;
    bool           has_before;
} mds_root_pair_t;

/* Reads the root that the journal has before the new one. */
static mds_status_t
mds_update_read_before(mds_update_t *u, mds_root_pair_t *pair, mds_error_t *err)
{
    mds_str_t    text;
    mds_status_t status;

    if (u->change->new_root->version <= 1
        || !mds_journal_get_root(u->loader->journal,
                                 u->change->new_root->version - 1, &text))
    {
        return MDS_OK;
    }

    status = mds_root_open(text, "the root in the depot", err,
                           &pair->before_envelope, &pair->before);
    pair->has_before = status == MDS_OK;

    return status;
}

/* Fails unless the root may follow those that are there. */
static mds_status_t
mds_update_check_root(mds_update_t *u, mds_root_pair_t *pair, mds_error_t *err)
{
    const char  *what = u->change->what;
    char         time[MDS_TIME_BYTES];
    mds_status_t status = mds_root_open(u->change->new_root->envelope, what,
                                        err, &pair->envelope, &pair->root);

    if (status == MDS_OK) {
        status = mds_update_read_before(u, pair, err);
    }

    if (status == MDS_OK && pair->root.version > 1 && !pair->has_before) {
        status = mds_fail(err, MDS_CONFLICT,
                          "%s: version %lld cannot be published before version"
                          " %lld",
                          what, (long long) pair->root.version,
                          (long long) pair->root.version - 1);
    }

    if (status == MDS_OK) {
        status = mds_root_check_next(pair->has_before ? &pair->before : NULL,
                                     &pair->envelope, &pair->root, what, err);
    }

    if (status == MDS_OK && pair->root.expires_ms <= u->now_ms) {
        status = mds_fail(err, MDS_INVALID, "%s: it expired on %s", what,
                          mds_time_format(pair->root.expires_ms, time));
    }

    return status;
}

static mds_json_t *
mds_update_change_of(const char *what, mds_str_t id, const char *after)
{
    return mds_json_pack("[{s:s, s:o, s:s}]", "what", what, "id",
                         mds_json_string_new(id), "after", after);
}

static mds_status_t
mds_update_compare_root(mds_update_t *u, mds_error_t *err)
{
    static mds_root_pair_t pair; /* large; one change is made at a time */
    char                   version[16], time[MDS_TIME_BYTES];
    mds_str_t              there;
    mds_status_t           status;

    if (mds_journal_get_root(u->loader->journal, u->change->new_root->version,
                             &there))
    {
        u->changes = mds_json_array_new();

        return mds_str_eq(there, u->change->new_root->envelope)
                   ? mds_json_done(u->changes == NULL ? MDS_NO_MEMORY : MDS_OK,
                                   err)
                   : mds_fail(err, MDS_EXISTS,
                              "%s: another root of version %u is published"
                              " already",
                              u->change->what, u->change->new_root->version);
    }

    pair = (mds_root_pair_t){ 0 };
    status = mds_update_check_root(u, &pair, err);

    if (status == MDS_OK) {
        snprintf(version, sizeof(version), "%u", u->change->new_root->version);
        u->changes
            = mds_update_change_of("root", mds_str_of(version),
                                   mds_time_format(pair.root.expires_ms, time));
        status = u->changes == NULL ? mds_fail_memory(err) : MDS_OK;
    }

    mds_envelope_free(&pair.envelope);
    mds_envelope_free(&pair.before_envelope);

    return status;
}

static mds_status_t
mds_update_compare_heads(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    char                time[MDS_TIME_BYTES];
    mds_status_t        status = MDS_OK;

    if (change->app.len > 0) {
        status = mds_loader_check_app(u->loader, change->app, MDS_NEW_APP_NEVER,
                                      err);
    }

    if (status == MDS_OK) {
        u->changes = mds_update_change_of(
            change->app.len > 0 ? "head" : "heads", change->app,
            mds_time_format(u->now_ms + change->head_ttl_ms, time));
        status = u->changes == NULL ? mds_fail_memory(err) : MDS_OK;
    }

    return status;
}

mds_status_t
mds_update_run_trust(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status;

    u->warnings = mds_json_array_new();
    status = u->change->new_root != NULL ? mds_update_compare_root(u, err)
                                         : mds_update_compare_heads(u, err);

    return status == MDS_OK && mds_json_size(u->changes) > 0
                   && !u->change->dry_run
               ? mds_update_build(u, err)
               : status;
}
