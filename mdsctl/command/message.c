/* message: sends gray messages to many users, for all their platforms. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_arena.h"
#include "base/mds_time.h"
#include "catalog/mds_depot.h"
#include "change.h"
#include "evaluate/mds_user_messages.h"
#include "input.h"
#include "loader/mds_edit.h"
#include "loader/mds_edit_extent.h"

/* Parses a platform and its version: "android=3.2.0". */
static int
parse_target(const char *word, mds_message_target_t *target)
{
    target->version = mds_str_of(word);
    target->platform = mds_str_cut(&target->version, '=');

    return target->platform.len == 0 || strchr(word, '=') == NULL
               ? mdsctl_fail_usage("--to %s is not PLATFORM=VERSION", word)
               : MDSCTL_DONE;
}

static int
parse_until(const char *until, int64_t *until_ms)
{
    if (!mds_time_parse(mds_str_of(until), until_ms)) {
        return mdsctl_fail_usage("--until %s is not a time such as"
                                 " 2026-12-01T00:00:00Z",
                                 until);
    }

    return *until_ms <= mds_time_now_ms()
               ? mdsctl_fail_usage("--until %s is over", until)
               : MDSCTL_DONE;
}

static int
message_push(mdsctl_t *ctl, int argc, char **argv)
{
    const char          *until = NULL, *users = NULL;
    mdsctl_values_t      to = { 0 };
    mds_message_target_t targets[MDSCTL_VALUES_MAX];
    mds_message_push_t   push = { .targets = targets };
    mdsctl_input_t       input = { .path = NULL };
    int                  code;
    mdsctl_option_t      options[] = { { .name = "users", .value = &users },
                                       { .name = "to", .values = &to },
                                       { .name = "until", .value = &until },
                                       { 0 } };

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (users == NULL || to.count == 0 || until == NULL) {
        return mdsctl_fail_usage("--%s is missing", users == NULL   ? "users"
                                                    : to.count == 0 ? "to"
                                                                    : "until");
    }

    code = parse_until(until, &push.until_ms);

    for (; code == MDSCTL_DONE && push.target_count < to.count;
         push.target_count++) {
        code = parse_target(to.items[push.target_count],
                            &targets[push.target_count]);
    }

    code = code ?: mdsctl_input_begin(users, &input);

    if (code == MDSCTL_DONE) {
        push.users = input.path;
        code = mdsctl_edit(ctl, argv[1], mds_find_extent_of_messages,
                           mds_edit_message_push, &push);
    }

    mdsctl_input_end(&input);
    return code;
}

static int
message_withdraw(mdsctl_t *ctl, int argc, char **argv)
{
    uint64_t id;
    char    *end;

    if (mdsctl_parse(ctl, NULL, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    id = strtoull(argv[2], &end, 10);

    if (end == argv[2] || *end != '\0') {
        return mdsctl_fail_usage("\"%s\" is not the id of a message", argv[2]);
    }

    return mdsctl_edit(ctl, argv[1], mds_find_extent_of_messages,
                       mds_edit_message_withdraw, &id);
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
    char time[MDS_TIME_BYTES];

    return mds_json_pack("{s:I, s:o, s:o, s:o, s:o, s:b}", "id",
                         (int64_t) message->id, "platform",
                         mds_json_string_new(message->platform), "version",
                         mds_json_string_new(message->version), "expires",
                         mds_json_string_new(mds_str_of(
                             mds_time_format(message->expires_ms, time))),
                         "url", mds_json_string_new(message->url), "read",
                         (int) message->read);
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
