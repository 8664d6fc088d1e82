/* completion_depot: the names in a depot that a shell offers. It only reads,
 * and stays silent about errors, because a person is in the middle of a line.
 */

#include "completion.h"

#include <inttypes.h>

#include "loader/mds_app_state.h"
#include "loader/mds_journal.h"
#include "loader/mds_list_count.h"
#include "loader/mds_list_ids.h"

#define SERIALS_MAX 30 /* the newest are offered */

/* Limit the ids of a list that are offered, and read: it may have millions. */
#define MEMBERS_MAX 1000
#define MEMBERS_READ_MAX 1000000

static void
add_names(const mdsctl_completion_t *c, const mds_json_t *object)
{
    mds_json_member_t *m;

    for (m = mds_json_first(object); m != NULL; m = mds_json_next(object, m)) {
        mdsctl_completion_add(c, mds_json_key(m), NULL);
    }
}

static void
add_releases(const mdsctl_completion_t *c, const mds_json_t *releases)
{
    for (size_t i = 0; i < mds_json_size(releases); i++) {
        const mds_json_t *release = mds_json_at(releases, i);
        mds_str_t         state = mds_json_get_string(release, "state");
        char              text[128];

        (void) snprintf(text, sizeof(text), "%.*s %.*s, %.*s",
                        MDS_STR(mds_json_get_string(release, "kind")),
                        MDS_STR(mds_json_get_string(release, "version")),
                        MDS_STR(state.len > 0 ? state : mds_str("running")));
        mdsctl_completion_add(c, mds_json_get_string(release, "id"), text);
    }
}

static void
add_messages(const mdsctl_completion_t *c, const mds_json_t *messages)
{
    for (size_t i = 0; i < mds_json_size(messages); i++) {
        char              id[24], text[128];
        const mds_json_t *message = mds_json_at(messages, i);

        (void) snprintf(id, sizeof(id), "%" PRId64,
                        mds_json_get_integer(message, "id"));
        (void) snprintf(text, sizeof(text), "%.*s %.*s",
                        MDS_STR(mds_json_get_string(message, "platform")),
                        MDS_STR(mds_json_get_string(message, "version")));
        mdsctl_completion_add(c, mds_str_of(id), text);
    }
}

/* Adds the values of a key of the packages: a string, or an array of strings.
 */
static void
add_package_values(const mdsctl_completion_t *c, const mds_json_t *packages,
                   const char *key)
{
    for (size_t i = 0; i < mds_json_size(packages); i++) {
        const mds_json_t *package = mds_json_at(packages, i);
        const mds_json_t *value = mds_json_get(package, key);

        if (c->kind != NULL
            && !mds_str_eq(mds_json_get_string(package, "kind"),
                           mds_str_of(c->kind)))
        {
            continue;
        }

        mdsctl_completion_add(c, mds_json_get_string(package, key), NULL);

        for (size_t k = 0; k < mds_json_size(value); k++) {
            mdsctl_completion_add(c, mds_json_string(mds_json_at(value, k)),
                                  NULL);
        }
    }
}

static mds_status_t
add_app(void *data, mds_str_t app, mds_error_t *err)
{
    (void) err;
    mdsctl_completion_add(data, app, NULL);
    return MDS_OK;
}

/* Adds the newest serials of the app, or of all apps, with their commands. */
static void
add_serials(const mdsctl_completion_t *c, mds_journal_t *journal)
{
    unsigned added = 0;

    for (uint64_t serial = mds_journal_get_serial(journal);
         serial > 0 && added < SERIALS_MAX; serial--, added++)
    {
        mds_json_t *entry = NULL;
        char        name[24], text[MDSCTL_COMMAND_LINE_BYTES];

        if (mds_journal_find_entry(journal, serial, NULL, &entry) != MDS_OK
            || entry == NULL)
        {
            continue;
        }

        (void) snprintf(name, sizeof(name), "%" PRIu64, serial);
        (void) snprintf(text, sizeof(text), "%.*s",
                        MDS_STR(mds_json_get_string(entry, "command")));
        mdsctl_completion_add(c, mds_str_of(name), text);
        mds_json_release(entry);
    }
}

/* Holds how many ids may still be offered, and read. */
typedef struct {
    const mdsctl_completion_t *c;
    unsigned                   offers;
    unsigned                   reads;
} members_t;

static mds_status_t
add_member(void *data, mds_str_t id, mds_error_t *err)
{
    members_t *members = data;

    if (mds_str_starts(id, mds_str_of(members->c->prefix))) {
        mdsctl_completion_add(members->c, id, NULL);
        members->offers--;
    }

    return --members->reads > 0 && members->offers > 0
               ? MDS_OK
               : mds_fail(err, MDS_NO_SPACE, "the list has more ids");
}

static void
add_members(const mdsctl_completion_t *c, const mds_json_t *state)
{
    members_t         members = { c, MEMBERS_MAX, MEMBERS_READ_MAX };
    const mds_json_t *content
        = mds_list_find_content(state, mds_str_of(c->list));
    mds_error_t err;

    if (content != NULL) {
        (void) !mds_list_visit_ids(c->depot, content, add_member, &members,
                                   &err);
    }
}

static void
add_values(const mdsctl_completion_t *c, const mds_json_t *state,
           mds_str_t word)
{
    const mds_json_t *packages = mds_app_state_get(state, "packages");

    if (mds_str_eq(word, mds_str("ID"))) {
        add_releases(c, mds_app_state_get(state, "releases"));
    } else if (mds_str_eq(word, mds_str("LIST"))) {
        add_names(c, mds_app_state_get(state, "lists"));
    } else if (mds_str_eq(word, mds_str("MEMBER")) && c->list != NULL) {
        add_members(c, state);
    } else if (mds_str_eq(word, mds_str("MESSAGE"))) {
        add_messages(c, mds_json_get(mds_json_get(state, "messages"), "items"));
    } else if (mds_str_eq(word, mds_str("VERSION"))) {
        add_package_values(c, packages, "version");
    } else if (mds_str_eq(word, mds_str("PLATFORM"))) {
        add_package_values(c, packages, "platform");
    } else if (mds_str_eq(word, mds_str("CHANNEL"))) {
        add_package_values(c, packages, "channel");
    } else if (mds_str_eq(word, mds_str("NAME"))) {
        add_package_values(c, packages, "name");
    }
}

void
mdsctl_completion_depot(const mdsctl_completion_t *c, mds_str_t word)
{
    mds_journal_t *journal;
    mds_json_t    *state;
    mds_error_t    err;

    if (mds_journal_open(c->depot, &err, &journal) != MDS_OK) {
        return;
    }

    if (mds_journal_read(journal, &err) == MDS_OK) {
        if (mds_str_eq(word, mds_str("APP"))) {
            (void) !mds_journal_visit_apps(journal, add_app, (void *) c, &err);
        } else if (mds_str_eq(word, mds_str("SERIAL"))) {
            add_serials(c, journal);
        } else if (c->app != NULL
                   && mds_app_state_get_whole(journal, mds_str_of(c->app), &err,
                                              &state)
                          == MDS_OK)
        {
            add_values(c, state, word);
            mds_json_release(state);
        }

        mds_journal_abort(journal);
    }

    mds_journal_close(journal);
}
