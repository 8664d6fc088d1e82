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
#include "served.h"

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
    int64_t now_ms = mds_time_now_ms();

    if (mdsctl_parse_time("--until", until, now_ms, until_ms) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    return *until_ms <= now_ms ? mdsctl_fail_usage("--until %s is over", until)
                               : MDSCTL_DONE;
}

typedef struct {
    const char     *users;
    const char     *until;
    mdsctl_values_t to;
} push_options_t;

static const mdsctl_option_t push_options[] = {
    { "users", "FILE", "the recipients, one id per line", MDSCTL_REQUIRED,
      MDSCTL_STORE(push_options_t, users) },
    { "to", "PLATFORM=VERSION", "version for a platform; may be repeated",
      MDSCTL_REQUIRED, MDSCTL_STORE(push_options_t, to) },
    { "until", "TIME", "when it expires, such as 7d from now", MDSCTL_REQUIRED,
      MDSCTL_STORE(push_options_t, until) },
    { 0 },
};

static int
message_push(mdsctl_t *ctl, int argc, char **argv)
{
    push_options_t       o = { 0 };
    mds_message_target_t targets[MDSCTL_VALUES_MAX];
    mds_message_push_t   push = { .targets = targets };
    mdsctl_input_t       input = { .path = NULL };
    int                  code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    code = parse_until(o.until, &push.until_ms);

    for (; code == MDSCTL_DONE && push.target_count < o.to.count;
         push.target_count++)
    {
        code = parse_target(o.to.items[push.target_count],
                            &targets[push.target_count]);
    }

    code = code ?: mdsctl_input_begin(o.users, &input)
               ?: mdsctl_confirm(ctl,
                                 "a message will be sent to all users in %s;"
                                 " `mdsctl message withdraw` removes it, but not"
                                 " from devices that have read it",
                                 input.name);

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

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
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
    mds_alloc_t        alloc = mds_arena_allocator(arena);
    mds_snapshot_t     snapshot = { .state = state };
    mds_message_list_t list;
    mds_error_t        err;
    int                code;

    if (mds_depot_begin(depot, 0, &err, &snapshot.catalog) != MDS_OK
        || mdsctl_app_is_served(snapshot.catalog,
                                mds_request_attr(request, MDS_ATTR_APP), &err)
               != MDS_OK)
    {
        return mdsctl_fail(&err);
    }

    code = mds_user_messages(&snapshot, request, SIZE_MAX - 1,
                             mds_time_now_ms(), &alloc, &err, &list)
                   == MDS_OK
               ? print_list(ctl, &list)
               : mdsctl_fail(&err);

    mds_state_end(state);

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

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
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
    .changes = true,
    .arguments = "APP",
    .summary = "offer users a version on all their platforms",
    .text = "Offers the users in a file, one id per line, a published version "
            "on each platform "
            "that --to names. Each --to makes one message.",
    .options = push_options,
    .examples
    = "mdsctl message push com.example.shop --users beta-users.txt \\\n"
      "    --to android=3.2.0 --until 2096-12-01T00:00:00Z\n"
      "mdsctl message push com.example.shop --users beta-users.txt \\\n"
      "    --to android=3.2.0 --to ios=3.2.0 --until 2096-12-01T00:00:00Z\n",
    .run = message_push,
};

static const mdsctl_command_t command_list = {
    .name = "list",
    .arguments = "APP USER",
    .summary = "show a user's messages",
    .text = "Prints the messages of a user, and which of them are read.",
    .examples = "mdsctl message list com.example.shop dave\n"
                "mdsctl --json message list com.example.shop dave\n",
    .run = message_list,
};

static const mdsctl_command_t command_withdraw = {
    .name = "withdraw",
    .changes = true,
    .arguments = "APP MESSAGE",
    .summary = "withdraw a message",
    .text
    = "Withdraws the message with this number. Its number is never used again.",
    .examples = "mdsctl message withdraw com.example.shop 1\n"
                "mdsctl --json message withdraw com.example.shop 2\n",
    .run = message_withdraw,
};

static const mdsctl_command_t *const commands[]
    = { &command_push, &command_list, &command_withdraw, NULL };

const mdsctl_command_t mdsctl_command_message = {
    .name = "message",
    .group = MDSCTL_RELEASE,
    .summary = "send gray messages to users",
    .text = "Manages gray messages, which offer a version to named users.",
    .synonyms = "messages notify",
    .commands = commands,
};
