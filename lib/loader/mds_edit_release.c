/*
 * Edits of a release: they add it, change its audience, or move it to another
 * state.
 */

#include "loader/mds_edit_internal.h"

mds_status_t
mds_edit_release(mds_loader_t *loader, void *data, mds_json_t *state,
                 mds_error_t *err)
{
    const mds_json_t *release = data;
    mds_str_t         id = mds_json_get_string(release, "id");

    (void) loader;

    if (mds_edit_find_release(state, id.data, err) != NULL) {
        return mds_fail(err, MDS_EXISTS,
                        "there is a release \"%s\" already; `mdsctl promote`"
                        " gives it another audience",
                        id.data);
    }

    return mds_json_done(mds_json_append(mds_edit_array(state, "releases"),
                                         mds_json_copy(release)),
                         err);
}

/* Returns the state of a release. A running one has no "state", as in a
 * document. */
static mds_str_t
mds_release_state_of(const mds_json_t *release)
{
    mds_str_t state = mds_json_get_string(release, "state");

    return state.len > 0 ? state : mds_str("running");
}

/* Gives the audience the seed of the one before, so that the devices that are
 * in stay in. */
static mds_status_t
mds_audience_keep_seed(mds_json_t *audience, const mds_json_t *release)
{
    mds_str_t seed
        = mds_json_get_string(mds_json_get(release, "audience"), "seed");

    return seed.len == 0 || mds_json_get(audience, "seed") != NULL
               ? MDS_OK
               : mds_json_set_str(audience, "seed", seed);
}

/* Sets a copy of a member. */
static mds_status_t
mds_release_put(mds_json_t *release, mds_str_t key, const mds_json_t *value)
{
    mds_json_t *copy = mds_json_copy(value);

    if (mds_str_eq(key, mds_str("audience"))
        && mds_audience_keep_seed(copy, release) != MDS_OK)
    {
        mds_json_release(copy);
        return MDS_NO_MEMORY;
    }

    return mds_json_put(release, key, copy);
}

mds_status_t
mds_edit_release_members(mds_loader_t *loader, void *data, mds_json_t *state,
                         mds_error_t *err)
{
    const mds_release_edit_t *edit = data;
    mds_json_t        *release = mds_edit_find_release(state, edit->id, err);
    mds_str_t          now = mds_release_state_of(release);
    mds_json_member_t *m;
    mds_status_t       status = MDS_OK;

    (void) loader;

    if (release == NULL) {
        return MDS_NOT_FOUND;
    }

    if (mds_str_eq(now, mds_str("ended"))
        || mds_str_eq(now, mds_str("rolled_back")))
    {
        return mds_fail(err, MDS_CONFLICT,
                        "release \"%s\" is %.*s; only one that is running or"
                        " paused can be changed",
                        edit->id, MDS_STR(now));
    }

    for (m = mds_json_first(edit->members); status == MDS_OK && m != NULL;
         m = mds_json_next(edit->members, m))
    {
        mds_str_t         key = mds_json_key(m);
        const mds_json_t *value = mds_json_value(m);

        /* A zero byte ends a key. */
        if (mds_json_is_null(value)) {
            mds_json_delete(release, key.data);
        } else {
            status = mds_release_put(release, key, value);
        }
    }

    return mds_json_done(status, err);
}

#define MDS_FROM_MAX 3

typedef struct {
    const char *action;
    const char *from[MDS_FROM_MAX]; /* states that it takes */
    const char *words;              /* the same, for an error */
    const char *to;
} mds_release_action_t;

/* An ended release can still be recalled. */
static const mds_release_action_t mds_release_actions[] = {
    { "pause", { "running" }, "running", "paused" },
    { "resume", { "paused" }, "paused", "running" },
    { "end", { "running", "paused" }, "running or paused", "ended" },
    { "rollback",
      { "running", "paused", "ended" },
      "running, paused or ended",
      "rolled_back" },
};

static const mds_release_action_t *
mds_release_action_find(const char *name)
{
    for (size_t i = 0; i < mds_nelems(mds_release_actions); i++) {
        if (strcmp(mds_release_actions[i].action, name) == 0) {
            return &mds_release_actions[i];
        }
    }

    return NULL;
}

static bool
mds_release_action_takes(const mds_release_action_t *action, mds_str_t state)
{
    for (size_t i = 0; i < MDS_FROM_MAX && action->from[i] != NULL; i++) {
        if (mds_str_eq(state, mds_str_of(action->from[i]))) {
            return true;
        }
    }

    return false;
}

mds_status_t
mds_edit_transition(mds_loader_t *loader, void *data, mds_json_t *state,
                    mds_error_t *err)
{
    const mds_transition_t     *transition = data;
    const mds_release_action_t *action
        = mds_release_action_find(transition->action);
    mds_json_t *release = mds_edit_find_release(state, transition->id, err);
    mds_str_t   now = mds_release_state_of(release);

    (void) loader;

    if (action == NULL) {
        return mds_fail(err, MDS_INVALID,
                        "/action: must be pause, resume, end or rollback, not"
                        " \"%s\"",
                        transition->action);
    }

    if (release == NULL) {
        return MDS_NOT_FOUND;
    }

    if (transition->may_be_there && mds_str_eq(now, mds_str_of(action->to))) {
        return MDS_OK;
    }

    if (!mds_release_action_takes(action, now)) {
        return mds_fail(err, MDS_CONFLICT,
                        "release \"%s\" is %.*s; `%s` takes one that is %s%s",
                        transition->id, MDS_STR(now), action->action,
                        action->words,
                        transition->hint != NULL
                                && mds_str_eq(now, mds_str_of(action->to))
                            ? transition->hint
                            : "");
    }

    if (strcmp(action->to, "running") == 0) {
        mds_json_delete(release, "state");
        return MDS_OK;
    }

    return mds_json_done(mds_json_set_str(release, "state",
                                          mds_str_of(action->to)),
                         err);
}
