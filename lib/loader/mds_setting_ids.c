/*
 * Numbers settings: pairs of a key and a value are interned in the order of
 * "settings", so that the number of a release's pair is found by its index.
 */

#include "loader/mds_setting_ids.h"

#include <stdlib.h>

#include "base/mds_intern.h"
#include "base/mds_kind.h"
#include "loader/mds_app_state.h"

typedef struct {
    mds_json_t   *config;   /* of the state; borrowed */
    mds_json_t   *settings; /* its array; borrowed */
    mds_intern_t *pairs;    /* their order is that of settings */
    bool         *used;     /* by pair: a release has it now */
} mds_setting_ids_t;

static bool
mds_is_config(const mds_release_t *release)
{
    return release->value != NULL;
}

/* Interns a key and a value as the text of an array of both. */
static mds_status_t
mds_pair_intern(mds_intern_t *pairs, mds_str_t key, const mds_json_t *value,
                mds_error_t *err, uint32_t *index, bool *fresh)
{
    mds_json_t *pair = mds_json_pack("[o, O]", mds_json_string_new(key), value);
    char       *text;
    size_t      len;
    uint32_t    found;
    mds_status_t status
        = mds_json_dump(pair, MDS_JSON_COMPACT, err, &text, &len);

    mds_json_release(pair);

    if (status != MDS_OK) {
        return status;
    }

    found = mds_intern(pairs, (mds_str_t){ len, text }, fresh);
    free(text);

    if (found == UINT32_MAX) {
        return mds_fail_memory(err);
    }

    *index = found;
    return MDS_OK;
}

/* Returns the "config" of a state, which is made if there is none. NULL: no
 * memory. */
static mds_json_t *
mds_setting_ids_config(mds_json_t *state)
{
    uint32_t epoch;

    if (mds_json_get(state, "config") == NULL) {
        mds_random(&epoch, sizeof(epoch));

        if (mds_json_set(state, "config",
                         mds_json_pack("{s:I, s:I, s:[]}", "epoch",
                                       (int64_t) epoch, "next", (int64_t) 1,
                                       "settings"))
            != MDS_OK)
        {
            return NULL;
        }
    }

    return mds_json_get(state, "config");
}

/* Interns the settings that have numbers. */
static mds_status_t
mds_setting_ids_intern(mds_setting_ids_t *n, mds_error_t *err)
{
    mds_status_t status = MDS_OK;
    uint32_t     index;
    bool         fresh;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(n->settings); i++)
    {
        const mds_json_t *setting = mds_json_at(n->settings, i);

        status = mds_pair_intern(n->pairs,
                                 mds_json_string(mds_json_at(setting, 1)),
                                 mds_json_at(setting, 2), err, &index, &fresh);
    }

    return status;
}

static mds_status_t
mds_setting_ids_add(mds_setting_ids_t *n, mds_str_t key,
                    const mds_json_t *value, mds_error_t *err)
{
    int64_t next = mds_json_get_integer(n->config, "next");

    if (mds_json_append(n->settings,
                        mds_json_pack("[I, o, O]", next,
                                      mds_json_string_new(key), value))
            != MDS_OK
        || mds_json_set_integer(n->config, "next", next + 1) != MDS_OK)
    {
        return mds_fail_memory(err);
    }

    return MDS_OK;
}

/* Gives the release its number, a new one if its pair is new. */
static mds_status_t
mds_setting_ids_number(mds_setting_ids_t *n, mds_release_t *release,
                       mds_error_t *err)
{
    uint32_t     index;
    bool         fresh;
    mds_status_t status = mds_pair_intern(n->pairs, release->name,
                                          release->value, err, &index, &fresh);

    if (status == MDS_OK && fresh) {
        status = mds_setting_ids_add(n, release->name, release->value, err);
    }

    if (status == MDS_OK) {
        n->used[index] = true;
        release->number = (uint32_t) mds_json_integer(
            mds_json_at(mds_json_at(n->settings, index), 0));
    }

    return status;
}

/* Removes the oldest settings that no release has, until they are few enough.
 */
static void
mds_setting_ids_prune(mds_setting_ids_t *n)
{
    size_t count = mds_json_size(n->settings);
    size_t over = count > MDS_SETTINGS_MAX ? count - MDS_SETTINGS_MAX : 0;

    for (size_t i = 0, at = 0; over > 0 && i < count; i++) {
        if (n->used[i]) {
            at++;
        } else {
            mds_json_remove(n->settings, at);
            over--;
        }
    }
}

static mds_status_t
mds_setting_ids_fill_model(const mds_setting_ids_t *n, mds_model_t *model,
                           mds_error_t *err)
{
    size_t count = mds_json_size(n->settings);

    model->epoch = (uint32_t) mds_json_get_integer(n->config, "epoch");
    model->settings
        = mds_arena_calloc(model->arena, count, sizeof(*model->settings));
    if (model->settings == NULL) {
        return mds_fail_memory(err);
    }

    model->setting_count = count;

    for (size_t i = 0; i < count; i++) {
        const mds_json_t *setting = mds_json_at(n->settings, i);

        model->settings[i].number
            = (uint32_t) mds_json_integer(mds_json_at(setting, 0));
        model->settings[i].key
            = mds_arena_str(model->arena,
                            mds_json_string(mds_json_at(setting, 1)));
    }

    return MDS_OK;
}

static mds_status_t
mds_setting_ids_run(mds_setting_ids_t *n, mds_model_t *model, mds_error_t *err)
{
    mds_status_t status = mds_setting_ids_intern(n, err);

    for (size_t i = 0; status == MDS_OK && i < model->release_count; i++) {
        if (mds_is_config(&model->releases[i])) {
            status = mds_setting_ids_number(n, &model->releases[i], err);
        }
    }

    if (status == MDS_OK) {
        mds_setting_ids_prune(n);
        status = mds_setting_ids_fill_model(n, model, err);
    }

    return status;
}

mds_status_t
mds_setting_ids_assign(mds_json_t *state, mds_model_t *model, mds_error_t *err)
{
    mds_setting_ids_t n = { 0 };
    mds_status_t      status;
    size_t            configs = 0;

    for (size_t i = 0; i < model->release_count; i++) {
        configs += mds_is_config(&model->releases[i]) ? 1 : 0;
    }

    /* An app that never had configuration has no numbers either. */
    if (configs == 0 && mds_json_get(state, "config") == NULL) {
        return MDS_OK;
    }

    n.config = mds_setting_ids_config(state);
    n.settings = mds_json_get(n.config, "settings");
    n.used = calloc(mds_json_size(n.settings) + configs + 1, sizeof(*n.used));
    n.pairs = mds_intern_new();

    status = n.config == NULL || n.used == NULL || n.pairs == NULL
                 ? mds_fail_memory(err)
                 : mds_setting_ids_run(&n, model, err);

    mds_intern_free(n.pairs);
    free(n.used);

    return status;
}

/* --- new epochs */

static mds_status_t
mds_epochs_add_app(void *data, mds_str_t app, mds_error_t *err)
{
    return mds_json_done(mds_json_append(data, mds_json_string_new(app)), err);
}

/* Gives a new epoch to the configuration of an app, if it has any. The change
 * is no change of the app: its serials stay. */
static mds_status_t
mds_epochs_renew_app(mds_journal_t *journal, mds_str_t app, mds_error_t *err)
{
    mds_extent_t extent = { .is_all = false };
    mds_places_t places;
    mds_json_t  *before, *after, *config;
    uint32_t     epoch;
    mds_status_t status
        = mds_extent_add_resource(&extent, MDS_KIND_CONFIG, mds_str(""), err);

    if (status == MDS_OK) {
        status
            = mds_app_state_load(journal, app, &extent, err, &before, &places);
    }

    mds_extent_free(&extent);

    if (status != MDS_OK) {
        return status;
    }

    after = mds_json_copy(before);
    config = mds_json_get(after, "config");

    if (after == NULL) {
        status = mds_fail_memory(err);

    } else if (config != NULL) {
        mds_random(&epoch, sizeof(epoch));
        status
            = mds_json_done(mds_json_set_integer(config, "epoch", epoch), err);

        if (status == MDS_OK) {
            status = mds_app_state_save(journal, app, before, after, &places, 0,
                                        err);
        }
    }

    mds_places_free(&places);
    mds_json_release(before);
    mds_json_release(after);

    return status;
}

/* Collects the names first: the table that is walked is the one that is
 * written. */
static mds_status_t
mds_epochs_renew(mds_journal_t *journal, mds_error_t *err)
{
    mds_json_t  *apps = mds_json_array_new();
    mds_status_t status
        = mds_journal_visit_apps(journal, mds_epochs_add_app, apps, err);

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(apps); i++) {
        status
            = mds_epochs_renew_app(journal,
                                   mds_json_string(mds_json_at(apps, i)), err);
    }

    mds_json_release(apps);
    return status;
}

mds_status_t
mds_setting_ids_renew(const char *depot, mds_error_t *err)
{
    mds_journal_t *journal;
    mds_status_t   status = mds_journal_open(depot, err, &journal);

    if (status != MDS_OK) {
        return status;
    }

    if ((status = mds_journal_write(journal, err)) == MDS_OK
        && (status = mds_epochs_renew(journal, err)) == MDS_OK)
    {
        status = mds_journal_commit(journal, err);
    }

    mds_journal_close(journal); /* which aborts what is not committed */
    return status;
}
