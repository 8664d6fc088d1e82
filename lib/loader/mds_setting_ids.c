#include "loader/mds_setting_ids.h"

#include <stdlib.h>

#include "base/mds_intern.h"
#include "loader/mds_journal.h"

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

/* A key and a value as one string. */
static mds_status_t
mds_pair_intern(mds_intern_t *pairs, mds_str_t key, const mds_json_t *value,
                mds_error_t *err, uint32_t *index, bool *fresh)
{
    mds_arena_t *arena = mds_arena_new();
    char        *text = NULL;
    size_t       len;
    mds_str_t    pair = mds_null_str;

    if (arena != NULL
        && mds_json_dump(value, MDS_JSON_COMPACT, err, &text, &len) == MDS_OK)
    {
        pair = mds_arena_printf(arena, "%.*s%c%.*s", MDS_STR(key), 0, (int) len,
                                text);
    }

    *index = pair.data == NULL ? UINT32_MAX : mds_intern(pairs, pair, fresh);
    free(text);
    mds_arena_free(arena);

    return *index == UINT32_MAX ? mds_fail_memory(err) : MDS_OK;
}

/* Makes the "config" of a state that has none yet. */
static mds_status_t
mds_setting_ids_config(mds_json_t *state, mds_error_t *err, mds_json_t **config)
{
    mds_json_t *found = mds_json_get(state, "config");
    mds_json_t *fresh;
    uint32_t    epoch;

    if (found != NULL) {
        *config = found;
        return MDS_OK;
    }

    fresh = mds_json_object_new();
    mds_random(&epoch, sizeof(epoch));

    if (mds_json_set_integer(fresh, "epoch", epoch) != MDS_OK
        || mds_json_set_integer(fresh, "next", 1) != MDS_OK
        || mds_json_set(fresh, "settings", mds_json_array_new()) != MDS_OK)
    {
        mds_json_release(fresh);
        return mds_fail_memory(err);
    }

    if (mds_json_set(state, "config", fresh) != MDS_OK) {
        return mds_fail_memory(err);
    }

    *config = mds_json_get(state, "config");
    return MDS_OK;
}

static mds_status_t
mds_setting_ids_known(mds_setting_ids_t *n, mds_error_t *err)
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
    int64_t     next = mds_json_get_integer(n->config, "next");
    mds_json_t *setting = mds_json_array_new();

    if (mds_json_append(setting, mds_json_integer_new(next)) != MDS_OK
        || mds_json_append(setting, mds_json_string_new(key)) != MDS_OK
        || mds_json_append(setting, mds_json_copy(value)) != MDS_OK)
    {
        mds_json_release(setting);
        return mds_fail_memory(err);
    }

    return mds_json_append(n->settings, setting) == MDS_OK
                   && mds_json_set_integer(n->config, "next", next + 1)
                          == MDS_OK
               ? MDS_OK
               : mds_fail_memory(err);
}

/* The release's number, a new one if its pair is new. */
static mds_status_t
mds_setting_ids_release(mds_setting_ids_t *n, mds_release_t *release,
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

/* The oldest that nobody has go, until there are few enough. */
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
mds_setting_ids_model(const mds_setting_ids_t *n, mds_model_t *model,
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
    mds_status_t status = mds_setting_ids_known(n, err);

    for (size_t i = 0; status == MDS_OK && i < model->release_count; i++) {
        if (mds_is_config(&model->releases[i])) {
            status = mds_setting_ids_release(n, &model->releases[i], err);
        }
    }

    if (status == MDS_OK) {
        mds_setting_ids_prune(n);
        status = mds_setting_ids_model(n, model, err);
    }

    return status;
}

mds_status_t
mds_setting_ids_assign(mds_json_t *state, mds_model_t *model, mds_error_t *err)
{
    mds_setting_ids_t n = { 0 };
    mds_status_t      status = MDS_OK;
    size_t            configs = 0;

    for (size_t i = 0; i < model->release_count; i++) {
        configs += mds_is_config(&model->releases[i]) ? 1 : 0;
    }

    /* An app that never had configuration has no numbers either. */
    if (configs == 0 && mds_json_get(state, "config") == NULL) {
        return MDS_OK;
    }

    status = mds_setting_ids_config(state, err, &n.config);

    if (status == MDS_OK) {
        n.settings = mds_json_get(n.config, "settings");
        n.used
            = calloc(mds_json_size(n.settings) + configs + 1, sizeof(*n.used));
        n.pairs = mds_intern_new();
        status = n.used == NULL || n.pairs == NULL
                     ? mds_fail_memory(err)
                     : mds_setting_ids_run(&n, model, err);
    }

    mds_intern_free(n.pairs);
    free(n.used);

    return status;
}

/* Names first: the table that is walked is the one that is written. */
typedef struct {
    mds_arena_t *arena;
    mds_str_t   *apps;
    size_t       count;
    size_t       room;
} mds_renewal_t;

static mds_status_t
mds_renewal_visit(void *data, mds_str_t app, mds_error_t *err)
{
    mds_renewal_t *r = data;

    if (r->count == r->room) {
        size_t     room = r->room * 2 + 16;
        mds_str_t *apps = realloc(r->apps, room * sizeof(*apps));

        if (apps == NULL) {
            return mds_fail_memory(err);
        }

        r->apps = apps;
        r->room = room;
    }

    r->apps[r->count++] = mds_arena_str(r->arena, app);

    return mds_arena_failed(r->arena) ? mds_fail_memory(err) : MDS_OK;
}

static mds_status_t
mds_renewal_app(mds_journal_t *journal, mds_str_t app, mds_error_t *err)
{
    mds_json_t  *state = NULL, *config;
    uint32_t     epoch;
    mds_status_t status = mds_journal_get_app(journal, app, err, &state);

    config = mds_json_get(state, "config");

    if (status == MDS_OK && config != NULL) {
        mds_random(&epoch, sizeof(epoch));
        status
            = mds_json_done(mds_json_set_integer(config, "epoch", epoch), err);

        if (status == MDS_OK) {
            status = mds_journal_put_app(journal, app, state, err);
        }
    }

    mds_json_release(state);
    return status;
}

static mds_status_t
mds_renewal_run(mds_journal_t *journal, mds_renewal_t *r, mds_error_t *err)
{
    mds_status_t status = mds_journal_write(journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_journal_visit_apps(journal, mds_renewal_visit, r, err);

    for (size_t i = 0; status == MDS_OK && i < r->count; i++) {
        status = mds_renewal_app(journal, r->apps[i], err);
    }

    if (status != MDS_OK) {
        mds_journal_abort(journal);
        return status;
    }

    return mds_journal_commit(journal, err);
}

mds_status_t
mds_setting_ids_renew(const char *depot, mds_error_t *err)
{
    mds_renewal_t  r = { .arena = mds_arena_new() };
    mds_journal_t *journal = NULL;
    mds_status_t   status = r.arena == NULL
                                ? mds_fail_memory(err)
                                : mds_journal_open(depot, err, &journal);

    if (status == MDS_OK) {
        status = mds_renewal_run(journal, &r, err);
    }

    mds_journal_close(journal);
    mds_arena_free(r.arena);
    free(r.apps);

    return status;
}
