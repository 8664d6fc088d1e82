/*
 * Records a change in the journal: the app's state, and an entry of the log.
 */

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "loader/mds_diff.h"
#include "loader/mds_update.h"
#include "state/mds_tally.h"

/* Returns the user of this process, or the user who called it by sudo. */
static mds_str_t
mds_update_user(char who[128])
{
    const char    *sudo = getenv("SUDO_USER");
    struct passwd *user = getpwuid(getuid());
    char           host[64] = "";

    (void) gethostname(host, sizeof(host) - 1);
    snprintf(who, 128, "%.48s@%s",
             sudo != NULL   ? sudo
             : user != NULL ? user->pw_name
                            : "?",
             host);

    return mds_str_of(who);
}

/* Returns whether the document itself is changed, so that applying a document
 * that does not know of this change would undo it. */
static bool
mds_update_is_step(const mds_json_t *changes)
{
    for (size_t i = 0; i < mds_json_size(changes); i++) {
        const mds_json_t *change = mds_json_at(changes, i);

        if (!mds_diff_is(change, "external") && !mds_diff_is(change, "message")
            && !mds_diff_is(change, "key") && !mds_diff_is(change, "head"))
        {
            return true;
        }
    }

    return false;
}

/* Returns the key that has signed what the change is about. */
static const mds_key_t *
mds_update_log_key(const mds_change_t *change)
{
    if (change->new_root != NULL) {
        return change->head_key;
    }

    return change->renews_heads && change->head_key != NULL ? change->head_key
                                                            : change->key;
}

static mds_status_t
mds_update_log(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    const mds_key_t    *key = mds_update_log_key(change);
    char                who[128], time[MDS_TIME_BYTES];
    char                keyid[MDS_KEYID_HEX + 1];
    bool         step = !change->applies && mds_update_is_step(u->changes);
    mds_json_t  *entry;
    mds_status_t status;

    entry = mds_json_pack("{s:I, s:s, s:o, s:o, s:o, s:s*, s:b, s:s*, s:O}",
                          "serial", (int64_t) u->serial, "time",
                          mds_time_format(u->now_ms, time), "who",
                          mds_json_string_new(mds_update_user(who)), "app",
                          mds_json_string_new(change->app), "command",
                          mds_json_string_new(mds_str_of(change->command)),
                          "note", change->note, "step", (int) step, "keyid",
                          key == NULL ? NULL : mds_keyid_hex(key->keyid, keyid),
                          "changes", u->changes);

    if (entry == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_journal_put_entry(u->loader->journal, u->serial, entry, err);
    mds_json_release(entry);

    return status;
}

void
mds_update_forget_reports(const mds_update_t *u)
{
    char         bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX];
    mds_str_t    app = u->change->app;
    mds_state_t *state = NULL;
    mds_status_t status = MDS_OK;
    mds_error_t  err;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        const mds_json_t *change = mds_json_at(u->changes, i);
        mds_str_t         id = mds_json_get_string(change, "id");

        if (!mds_str_eq(mds_json_get_string(change, "what"), mds_str("release"))
            || mds_json_get(change, "after") != NULL
            || app.len + 1 + id.len > sizeof(bytes))
        {
            continue;
        }

        memcpy(bytes, app.data, app.len);
        bytes[app.len] = '\0';
        memcpy(bytes + app.len + 1, id.data, id.len);

        if (state == NULL) {
            status = mds_state_open(u->loader->depot, &err, &state);
        }

        if (status == MDS_OK) {
            status = mds_state_forget_tally(
                state, (mds_str_t){ app.len + 1 + id.len, bytes }, &err);
        }
    }

    mds_state_close(state);
}

/* Records a change of what devices trust. */
static mds_status_t
mds_update_record_trust(mds_update_t *u, mds_error_t *err)
{
    const mds_new_root_t *root = u->change->new_root;

    if (root != NULL) {
        mds_journal_put_root(u->loader->journal, root->version, root->envelope);
    }

    return mds_update_log(u, err);
}

/* Records the edited state of an app. */
static mds_status_t
mds_update_record_app(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    mds_journal_t      *journal = u->loader->journal;
    mds_status_t        status
        = mds_json_set_integer(u->after, "serial", (int64_t) u->serial);

    if (status == MDS_OK && change->applies) {
        status = mds_json_set_integer(u->after, "applied", (int64_t) u->serial);
    }

    if (status != MDS_OK) {
        return mds_fail_memory(err);
    }

    status = u->model->removed
                 ? mds_app_state_save_removed(journal, change->app, u->before,
                                              u->after, &u->places, err)
                 : mds_app_state_save(journal, change->app, u->before, u->after,
                                      &u->places, u->serial, err);

    return status == MDS_OK ? mds_update_log(u, err) : status;
}

mds_status_t
mds_update_record(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status = mds_update_is_of_trust(u)
                              ? mds_update_record_trust(u, err)
                              : mds_update_record_app(u, err);

    if (status == MDS_OK) {
        mds_journal_set_serial(u->loader->journal, u->serial);
    }

    return status;
}
