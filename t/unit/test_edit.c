/* Edits of an app's state, each without the change around it. */

#include <stdio.h>
#include <string.h>

#include "loader/mds_edit.h"
#include "loader/mds_list_ids.h"
#include "workdir.h"

static mds_loader_t *loader;
static mds_error_t   err;

static int
make_depot(void **state)
{
    return workdir_make(state) == 0
                   && mds_depot_init(workdir("depot"), -1, -1, &err) == MDS_OK
                   && mds_loader_open(workdir("depot"), NULL, &err, &loader)
                          == MDS_OK
               ? 0
               : -1;
}

static int
remove_depot(void **state)
{
    mds_loader_close(loader);
    return workdir_remove(state);
}

static mds_json_t *
parse(const char *text)
{
    mds_json_t *json;

    assert_int_equal(mds_json_parse(mds_str_of(text), "test", &err, &json),
                     MDS_OK);
    return json;
}

/* An app's state with that member in its document, or an empty one. */
static mds_json_t *
state_of(const char *member)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "{\"document\":{\"app\":\"a\"%s%s},"
             "\"external\":{}}",
             member[0] != '\0' ? "," : "", member);
    return parse(text);
}

static mds_json_t *
part(const mds_json_t *state, const char *key)
{
    return mds_json_get(mds_json_get(state, "document"), key);
}

/* What each action makes of each state; NULL: it refuses that. */
static void
test_transitions(void **unused)
{
    static const char *const states[]
        = { "running", "paused", "ended", "rolled_back" };
    static const struct {
        const char *action;
        const char *to[4];
    } cases[] = {
        { "pause", { "paused", NULL, NULL, NULL } },
        { "resume", { NULL, "running", NULL, NULL } },
        { "end", { "ended", "ended", NULL, NULL } },
        { "rollback", { "rolled_back", "rolled_back", "rolled_back", NULL } },
        { "start", { NULL, NULL, NULL, NULL } },
    };

    (void) unused;

    for (size_t c = 0; c < mds_nelems(cases); c++) {
        for (size_t s = 0; s < mds_nelems(states); s++) {
            mds_transition_t transition
                = { .id = "r", .action = cases[c].action };
            const char      *to = cases[c].to[s];
            char             text[128];
            mds_json_t      *state, *release;
            mds_status_t     status;

            /* A document does not say that a release is running. */
            snprintf(text, sizeof(text), "\"releases\":[{\"id\":\"r\"%s%s%s}]",
                     s == 0 ? "" : ",\"state\":\"", s == 0 ? "" : states[s],
                     s == 0 ? "" : "\"");
            state = state_of(text);
            release = mds_json_at(part(state, "releases"), 0);
            status = mds_edit_transition(loader, &transition, state, &err);

            if (to == NULL) {
                assert_int_equal(status, strcmp(cases[c].action, "start") == 0
                                             ? MDS_INVALID
                                             : MDS_CONFLICT);
                to = states[s];
            } else {
                assert_int_equal(status, MDS_OK);
            }

            if (strcmp(to, "running") == 0) {
                assert_null(mds_json_get(release, "state"));
            } else {
                assert_string_equal(mds_json_get_string(release, "state").data,
                                    to);
            }

            mds_json_release(state);
        }
    }
}

static void
test_release(void **unused)
{
    mds_json_t *state = state_of("");
    mds_json_t *release = parse("{\"id\":\"r\",\"state\":\"ended\"}");
    mds_json_t *audience = parse("{\"all\":true}");
    mds_json_t *members = parse("{\"audience\":{\"all\":true},\"start\":null}");
    mds_release_edit_t edit = { "r", members };
    mds_transition_t   unknown = { .id = "q", .action = "pause" };

    (void) unused;
    assert_int_equal(mds_edit_release(loader, release, state, &err), MDS_OK);
    assert_int_equal(mds_edit_release(loader, release, state, &err),
                     MDS_EXISTS);
    assert_int_equal(mds_json_size(part(state, "releases")), 1);

    assert_int_equal(mds_edit_release_members(loader, &edit, state, &err),
                     MDS_CONFLICT);
    mds_json_delete(mds_json_at(part(state, "releases"), 0), "state");
    assert_int_equal(mds_edit_release_members(loader, &edit, state, &err),
                     MDS_OK);
    assert_true(
        mds_json_equal(mds_json_get(mds_json_at(part(state, "releases"), 0),
                                    "audience"),
                       audience));

    assert_int_equal(mds_edit_transition(loader, &unknown, state, &err),
                     MDS_NOT_FOUND);
    assert_non_null(strstr(err.text, "releases: r"));

    mds_json_release(members);
    mds_json_release(audience);
    mds_json_release(release);
    mds_json_release(state);
}

static mds_status_t
publish(mds_json_t *state, const char *members, const char *file,
        char version[64])
{
    mds_publication_t publication;
    char              text[512];
    mds_json_t       *package;
    mds_status_t      status;

    snprintf(text, sizeof(text), "{\"kind\":\"bundle\",\"file\":\"%s\",%s}",
             workdir(file), members);
    package = parse(text);
    publication = (mds_publication_t){ .package = package };
    status = mds_edit_publish(loader, &publication, state, &err);

    if (status == MDS_OK) {
        snprintf(version, 64, "%.*s", MDS_STR(publication.version));
    }

    mds_json_release(package);
    return status;
}

/* A build finds its twin by kind, name, platform, channel and version; the same
 * file again changes only "meta" and "deltas". */
static void
test_twin(void **unused)
{
    /* the digests of "one" and of "two" */
    static const char stored[]
        = "\"packages\":["
          "{\"kind\":\"bundle\",\"version\":\"1.0\",\"sha256\":\"7692c3ad3540"
          "bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\"},"
          "{\"kind\":\"bundle\",\"version\":\"3\",\"rules\":[],\"sha256\":"
          "\"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
          "\"}]";
    static const struct {
        const char  *members;
        const char  *file;
        mds_status_t status;
        size_t       count; /* of packages, after */
    } cases[] = {
        { "\"version\":\"1.0\"", "one", MDS_OK, 2 },
        { "\"version\":\"1\"", "one", MDS_OK, 2 },
        { "\"version\":\"1.0\"", "two", MDS_EXISTS, 2 },
        { "\"version\":\"1\"", "two", MDS_EXISTS, 2 },
        { "\"version\":\"1.0+7\"", "two", MDS_OK, 3 },
        { "\"version\":\"1.0\",\"name\":\"n\"", "two", MDS_OK, 3 },
        { "\"version\":\"1.0\",\"platform\":\"ios\"", "two", MDS_OK, 3 },
        { "\"version\":\"1.0\",\"channel\":[\"mi\"]", "two", MDS_OK, 3 },
        { "\"version\":\"2\"", "two", MDS_OK, 3 },
        { "\"version\":\"3\"", "two", MDS_OK, 3 }, /* the other has rules */
        { "\"version\":\"1.0\"", "none", MDS_NOT_FOUND, 2 },
    };
    char        version[64];
    mds_json_t *state, *package;

    (void) unused;
    workdir_write("one", "one", 3);
    workdir_write("two", "two", 3);

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        state = state_of(stored);
        assert_int_equal(publish(state, cases[i].members, cases[i].file,
                                 version),
                         cases[i].status);
        assert_int_equal(mds_json_size(part(state, "packages")),
                         cases[i].count);
        mds_json_release(state);
    }

    state = state_of(stored);
    package = mds_json_at(part(state, "packages"), 0);
    assert_int_equal(
        publish(state, "\"version\":\"1\",\"deltas\":2,\"meta\":{\"x\":1}",
                "one", version),
        MDS_OK);
    assert_string_equal(version, "1.0");
    assert_int_equal(mds_json_get_integer(package, "deltas"), 2);
    assert_int_equal(mds_json_size(mds_json_get(package, "meta")), 1);
    assert_null(mds_json_get(package, "file"));
    mds_json_release(state);
}

static mds_status_t
count_id(void *data, mds_str_t id, mds_error_t *unused)
{
    (void) id;
    (void) unused;
    ++*(uint64_t *) data;

    return MDS_OK;
}

static uint64_t
ids_of(const mds_json_t *state)
{
    uint64_t count = 0;

    assert_int_equal(
        mds_list_visit_ids(mds_loader_depot(loader),
                           mds_json_get(mds_json_get(state, "external"), "l"),
                           count_id, &count, &err),
        MDS_OK);

    return count;
}

/* An import, and ids added and removed one by one beside it. */
static void
test_list(void **unused)
{
    static const char *const some[] = { "u2", "u9" };
    mds_list_edit_t          edit = { .list = "l", .ids = some, .count = 2 };
    mds_list_import_t        import = { .list = "l", .by = "device" };
    mds_json_t              *state = state_of("");
    char                     file[4096];

    (void) unused;
    workdir_write("ids", "u1\nu2\nu3\n", 9);
    workdir_write("more", "u3\nu4\nu9\n", 9);
    snprintf(file, sizeof(file), "%s", workdir("ids"));
    import.file = file;

    assert_int_equal(mds_edit_list_remove(loader, &edit, state, &err),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_edit_list_import(loader, &import, state, &err),
                     MDS_OK);
    assert_int_equal(import.before, 0);
    assert_int_equal(import.after, 3);

    assert_int_equal(mds_edit_list_add(loader, &edit, state, &err), MDS_OK);
    assert_int_equal(ids_of(state), 4);
    assert_int_equal(mds_edit_list_remove(loader, &edit, state, &err), MDS_OK);
    assert_int_equal(ids_of(state), 2);

    snprintf(file, sizeof(file), "%s", workdir("more"));
    import.add = true;
    assert_int_equal(mds_edit_list_import(loader, &import, state, &err),
                     MDS_OK);
    assert_int_equal(import.before, 2);
    assert_int_equal(import.after, 4);
    assert_int_equal(ids_of(state), 4);

    import.add = false;
    assert_int_equal(mds_edit_list_import(loader, &import, state, &err),
                     MDS_OK);
    assert_int_equal(import.before, 4);
    assert_int_equal(import.after, 3);
    assert_string_equal(
        mds_json_get_string(mds_json_get(part(state, "lists"), "l"), "by").data,
        "device");

    mds_json_release(state);
}

/* A message for each target, and none where the file has no ids. */
static void
test_push(void **unused)
{
    const mds_message_target_t targets[]
        = { { mds_str("ios"), mds_str("2") }, { mds_str("pc"), mds_str("2") } };
    mds_message_push_t push = { .until_ms = 1, .targets = targets };
    mds_json_t        *state
        = state_of("\"packages\":[{\"kind\":\"upgrade\",\"version\":\"2.0\"}]");
    const mds_json_t *items;
    uint64_t          id = 1;

    (void) unused;
    workdir_write("users", "u1\n", 3);
    workdir_write("nobody", "\n", 1);

    push.users = workdir("nobody");
    push.target_count = 2;
    assert_int_equal(mds_edit_message_push(loader, &push, state, &err),
                     MDS_INVALID);
    assert_true(mds_str_starts(mds_str_of(err.text), mds_str("/users: ")));
    assert_null(mds_json_get(state, "messages"));

    push.users = workdir("users");
    assert_int_equal(mds_edit_message_push(loader, &push, state, &err), MDS_OK);
    items = mds_json_get(mds_json_get(state, "messages"), "items");
    assert_int_equal(mds_json_size(items), 2);
    assert_string_equal(
        mds_json_get_string(mds_json_at(items, 1), "platform").data, "pc");

    assert_int_equal(mds_edit_message_withdraw(loader, &id, state, &err),
                     MDS_OK);
    assert_int_equal(mds_edit_message_withdraw(loader, &id, state, &err),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_json_size(items), 1);
    mds_json_release(state);
}

static void
test_remove_list(void **unused)
{
    mds_json_t *state = state_of(
        "\"lists\":{\"free\":{\"ids\":[\"u\"]},\"used\":{\"ids\":[\"u\"]}},"
        "\"packages\":[{\"kind\":\"bundle\",\"name\":\"b\",\"version\":\"1\","
        "\"sha256\":"
        "\"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\""
        "}],\"releases\":[{\"id\":\"r\",\"kind\":\"bundle\",\"name\":\"b\","
        "\"version\":\"1\","
        "\"audience\":{\"lists\":[\"used\"]}}]");

    (void) unused;
    assert_int_equal(mds_edit_remove_list(loader, "used", state, &err),
                     MDS_CONFLICT);
    assert_string_equal(err.text,
                        "list \"used\" is needed by release \"r\" (running)");
    assert_int_equal(mds_edit_remove_list(loader, "free", state, &err), MDS_OK);
    assert_int_equal(mds_edit_remove_list(loader, "free", state, &err),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_json_size(part(state, "lists")), 1);

    assert_int_equal(mds_edit_remove_release(loader, "r", state, &err),
                     MDS_CONFLICT);
    assert_int_equal(mds_edit_remove_app(loader, NULL, state, &err),
                     MDS_CONFLICT);
    mds_json_release(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions), cmocka_unit_test(test_release),
        cmocka_unit_test(test_twin),        cmocka_unit_test(test_list),
        cmocka_unit_test(test_push),        cmocka_unit_test(test_remove_list),
    };

    return cmocka_run_group_tests(tests, make_depot, remove_depot);
}
