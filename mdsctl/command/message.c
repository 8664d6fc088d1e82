/* message: gray messages to a batch of users, for all their platforms. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_arena.h"
#include "base/mds_time.h"
#include "catalog/mds_depot.h"
#include "change.h"
#include "evaluate/mds_user_messages.h"
#include "idset/mds_idset.h"
#include "input.h"
#include "loader/mds_message.h"

typedef struct {
    const char     *users; /* file */
    mdsctl_values_t to;    /* PLATFORM=VERSION */
    int64_t         until_ms;
    uint64_t        first; /* out: ids that were given */
    uint64_t        last;
} push_t;

/* "android=3.2.0" */
static mds_status_t
push_one(mds_json_t *state, push_t *push, const char *word,
         const mds_sha256_t *users, mds_error_t *err)
{
    mds_str_t    version = mds_str_of(word);
    mds_str_t    platform = mds_str_cut(&version, '=');
    mds_status_t status
        = mds_message_push(state, platform, version, push->until_ms, users, err,
                           &push->last);

    if (status == MDS_OK && push->first == 0) {
        push->first = push->last;
    }

    return status;
}

static mds_status_t
edit_push(mds_loader_t *loader, void *data, mds_json_t *state, mds_error_t *err)
{
    push_t         *push = data;
    mds_progress_t *progress = mdsctl_progress_begin(push->users);
    mds_sha256_t    users;
    uint64_t        count;
    mds_status_t    status;

    status = mds_idset_import(mds_loader_depot(loader), push->users, progress,
                              err, &users, &count);

    mdsctl_progress_end(progress);

    if (status == MDS_OK && count == 0) {
        status = mds_fail(err, MDS_INVALID,
                          "--users \"%s\" has no ids: the message would be for"
                          " nobody",
                          push->users);
    }

    for (size_t i = 0; status == MDS_OK && i < push->to.count; i++) {
        status = push_one(state, push, push->to.items[i], &users, err);
    }

    return status;
}

static int
message_push(mdsctl_t *ctl, int argc, char **argv)
{
    const char     *until = NULL;
    const char     *users = NULL;
    push_t          push = { 0 };
    mdsctl_input_t  input;
    int             code;
    mdsctl_option_t options[] = { { .name = "users", .value = &users },
                                  { .name = "to", .values = &push.to },
                                  { .name = "until", .value = &until },
                                  { 0 } };
    mds_change_t    change = { .edit = edit_push, .data = &push };

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (users == NULL || push.to.count == 0 || until == NULL) {
        return mdsctl_fail_usage("--%s is missing", users == NULL ? "users"
                                                    : push.to.count == 0
                                                        ? "to"
                                                        : "until");
    }

    if (!mds_time_parse(mds_str_of(until), &push.until_ms)) {
        return mdsctl_fail_usage("--until %s is not a time such as"
                                 " 2026-12-01T00:00:00Z",
                                 until);
    }

    if (push.until_ms <= mds_time_now_ms()) {
        return mdsctl_fail_usage("--until %s is over", until);
    }

    for (size_t i = 0; i < push.to.count; i++) {
        const char *equals = strchr(push.to.items[i], '=');

        if (equals == NULL || equals == push.to.items[i]) {
            return mdsctl_fail_usage("--to %s is not PLATFORM=VERSION",
                                     push.to.items[i]);
        }
    }

    change.app = mds_str_of(argv[1]);
    code = mdsctl_input_begin(users, &input);

    if (code == MDSCTL_DONE) {
        push.users = input.path;
        code = mdsctl_change(ctl, &change);
    }

    mdsctl_input_end(&input);
    return code;
}

static mds_status_t
edit_withdraw(mds_loader_t *loader, void *data, mds_json_t *state,
              mds_error_t *err)
{
    (void) loader;
    return mds_message_withdraw(state, *(const uint64_t *) data, err);
}

static int
message_withdraw(mdsctl_t *ctl, int argc, char **argv)
{
    uint64_t     id;
    char        *end;
    mds_change_t change = { .edit = edit_withdraw, .data = &id };

    if (mdsctl_parse(ctl, NULL, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    id = strtoull(argv[2], &end, 10);

    if (end == argv[2] || *end != '\0') {
        return mdsctl_fail_usage("\"%s\" is not the id of a message", argv[2]);
    }

    change.app = mds_str_of(argv[1]);

    return mdsctl_change(ctl, &change);
}

/* list: the user's, as an edge would say it. */

static void *
list_alloc(void *data, size_t bytes)
{
    return mds_arena_calloc(data, bytes, 1);
}

static mds_json_t *
message_facts(const mds_listed_message_t *message)
{
    char        time[MDS_TIME_BYTES];
    mds_json_t *o = mds_json_object_new();

    if (mds_json_set_integer(o, "id", (int64_t) message->id) != MDS_OK
        || mds_json_set_str(o, "platform", message->platform) != MDS_OK
        || mds_json_set_str(o, "version", message->version) != MDS_OK
        || mds_json_set_str(o, "expires",
                            mds_str_of(
                                mds_time_format(message->expires_ms, time)))
               != MDS_OK
        || mds_json_set_str(o, "url", message->url) != MDS_OK
        || mds_json_set_bool(o, "read", message->read) != MDS_OK)
    {
        mds_json_release(o);
        return NULL;
    }

    return o;
}

static int
print_list(const mdsctl_t *ctl, const mds_message_list_t *list)
{
    mds_json_t *out = mds_json_array_new();

    for (size_t i = 0; i < list->count; i++) {
        const mds_listed_message_t *message = &list->messages[i];
        char                        time[MDS_TIME_BYTES];

        if (ctl->json) {
            if (mds_json_append(out, message_facts(message)) != MDS_OK) {
                mds_json_release(out);
                out = NULL;
                break;
            }
            continue;
        }

        printf("%" PRIu64 "  %.*s %.*s  expires %s  %s\n", message->id,
               MDS_STR(message->platform), MDS_STR(message->version),
               mds_time_format(message->expires_ms, time),
               message->read ? "read" : "unread");
    }

    if (ctl->json) {
        return mdsctl_print(out);
    }

    mds_json_release(out);
    return MDSCTL_DONE;
}

static int
list_in(const mdsctl_t *ctl, mds_depot_t *depot, mds_state_t *state,
        const mds_request_t *request, mds_arena_t *arena)
{
    mds_alloc_t        alloc = { list_alloc, arena };
    mds_snapshot_t     snapshot = { .state = state };
    mds_message_list_t list;
    mds_error_t        err;
    int                code;

    if (mds_depot_begin(depot, 0, &err, &snapshot.catalog) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    code = mds_user_messages(&snapshot, request, SIZE_MAX - 1,
                             mds_time_now_ms(), &alloc, &err, &list)
                   == MDS_OK
               ? print_list(ctl, &list)
               : mdsctl_fail(&err);

    mds_state_end(state);
    mds_depot_end(depot);

    return code;
}

static int
message_list(mdsctl_t *ctl, int argc, char **argv)
{
    mds_request_t request = { 0 };
    mds_arena_t  *arena = mds_arena_new();
    mds_depot_t  *depot = NULL;
    mds_state_t  *state = NULL;
    mds_error_t   err;
    int           code;

    if (mdsctl_parse(ctl, NULL, 2, 2, &argc, argv) != MDSCTL_DONE) {
        code = MDSCTL_USAGE;

    } else if (arena == NULL) {
        (void) mds_fail_memory(&err);
        code = mdsctl_fail(&err);

    } else if (mds_request_set_claimed(&request, mds_str("app"),
                                       mds_str_of(argv[1]), &err)
                   != MDS_OK
               || mds_request_set_claimed(&request, mds_str("user"),
                                          mds_str_of(argv[2]), &err)
                      != MDS_OK
               || mds_depot_open(ctl->depot, &err, &depot) != MDS_OK
               || mds_state_open(ctl->depot, &err, &state) != MDS_OK)
    {
        code = mdsctl_fail(&err);

    } else {
        code = list_in(ctl, depot, state, &request, arena);
    }

    mds_state_close(state);
    mds_depot_close(depot);
    mds_arena_free(arena);

    return code;
}

static const mdsctl_command_t command_push = {
    .name = "push",
    .usage = "APP --users FILE --to PLATFORM=VERSION... --until TIME",
    .summary = "offer users a version on all their platforms",
    .run = message_push,
};

static const mdsctl_command_t command_list = {
    .name = "list",
    .usage = "APP USER",
    .summary = "show a user's messages",
    .run = message_list,
};

static const mdsctl_command_t command_withdraw = {
    .name = "withdraw",
    .usage = "APP ID",
    .summary = "withdraw a message",
    .run = message_withdraw,
};

static const mdsctl_command_t *const commands[]
    = { &command_push, &command_list, &command_withdraw, NULL };

const mdsctl_command_t mdsctl_command_message = {
    .name = "message",
    .usage = "push|list|withdraw ...",
    .summary = "send gray messages to users",
    .commands = commands,
};
