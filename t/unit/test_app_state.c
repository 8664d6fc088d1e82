/* The state of an app in the journal: what is saved by parts is loaded as it
 * was, whole or within an extent, and only parts that differ are written. */

#include "loader/mds_app_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/mds_app_parts.h"
#include "loader/mds_loader.h"
#include "workdir.h"

#define APP mds_str("a")

static mds_journal_t *journal;
static unsigned       depots;

static mds_json_t *
parse(const char *text)
{
    mds_error_t err;
    mds_json_t *json;
    char        quoted[8192];
    size_t      len = strlen(text);

    assert_true(len < sizeof(quoted));

    for (size_t i = 0; i <= len; i++) {
        quoted[i] = text[i] == '\'' ? '"' : text[i];
    }

    if (mds_json_parse(mds_str_of(quoted), "text", &err, &json) != MDS_OK) {
        fail_msg("%s: %s", text, err.text);
    }

    return json;
}

/* Checks the bytes: the order of keys is part of a document. */
static void
check_equal(const mds_json_t *found, const char *wanted)
{
    mds_json_t *json = parse(wanted);
    mds_error_t err;
    char       *a, *b;
    size_t      len;

    assert_int_equal(mds_json_dump(found, MDS_JSON_COMPACT, &err, &a, &len),
                     MDS_OK);
    assert_int_equal(mds_json_dump(json, MDS_JSON_COMPACT, &err, &b, &len),
                     MDS_OK);
    assert_string_equal(a, b);

    free(a);
    free(b);
    mds_json_release(json);
}

static mds_json_t *
load(mds_extent_t *extent, mds_places_t *places)
{
    mds_error_t err;
    mds_json_t *state;

    if (mds_app_state_load(journal, APP, extent, &err, &state, places)
        != MDS_OK) {
        fail_msg("%s", err.text);
    }

    return state;
}

/* Saves a state by the change of that serial, and commits. */
static void
save(const char *text, uint64_t serial)
{
    mds_error_t  err;
    mds_places_t places;
    mds_json_t  *before, *after = parse(text);

    assert_int_equal(mds_journal_write(journal, &err), MDS_OK);
    before = load(NULL, &places);
    assert_int_equal(mds_app_state_save(journal, APP, before, after, &places,
                                        serial, &err),
                     MDS_OK);
    assert_int_equal(mds_journal_commit(journal, &err), MDS_OK);
    mds_places_free(&places);
    mds_json_release(before);
    mds_json_release(after);
}

/* Checks the document as it is loaded. */
static void
check_document(mds_extent_t *extent, const char *wanted)
{
    mds_error_t err;
    mds_json_t *state;

    assert_int_equal(mds_journal_read(journal, &err), MDS_OK);
    state = load(extent, NULL);
    check_equal(mds_json_get(state, "document"), wanted);
    mds_json_release(state);
    mds_journal_abort(journal);
}

static uint64_t
order_of(const char *id)
{
    uint64_t order = 0;

    assert_true(mds_journal_find_release(journal, APP, mds_str_of(id), &order));
    return order;
}

static uint64_t
since_of(const char *id)
{
    mds_part_t part;

    assert_true(mds_journal_get_part(journal, APP, MDS_PART_RELEASE,
                                     order_of(id), &part));
    return part.since;
}

static int
set_up(void **state)
{
    char        depot[16];
    mds_error_t err;

    (void) state;
    snprintf(depot, sizeof(depot), "depot-%u", depots++);

    return mds_depot_init(workdir(depot), -1, -1, &err) != MDS_OK
           || mds_journal_open(workdir(depot), &err, &journal) != MDS_OK;
}

static int
tear_down(void **state)
{
    (void) state;
    mds_journal_close(journal);

    return 0;
}

#define P(name, version)                                                       \
    "{'version':'" version "','kind':'sdk','name':'" name "'}"
#define R(id, name, more)                                                      \
    "{'id':'" id "','kind':'sdk','name':'" name "'" more "}"
#define STATE(lists, packages, releases)                                       \
    "{'document':{'releases':[" releases "],'app':'a','lists':{" lists         \
    "},'packages':[" packages "]},'external':{},'key':'k','serial':1}"
#define DOCUMENT(lists, packages, releases)                                    \
    "{'releases':[" releases "],'app':'a','lists':{" lists                     \
    "},'packages':[" packages "]}"

#define LISTS "'z':{'ids':['1']},'b':{'ids':['2']}"
#define USES_B ",'audience':{'lists':['b']}"

static void
test_whole(void **state)
{
    mds_error_t err;

    (void) state;
    save(STATE(LISTS, P("x", "2") "," P("y", "1") "," P("x", "2"),
               R("two", "x", "") "," R("one", "y", "")),
         7);
    check_document(NULL,
                   DOCUMENT(LISTS, P("x", "2") "," P("y", "1") "," P("x", "2"),
                            R("two", "x", "") "," R("one", "y", "")));
    assert_int_equal(mds_journal_read(journal, &err), MDS_OK);
    assert_int_equal(since_of("one"), 7);
    mds_journal_abort(journal);
}

/* A part stays where it is while others come before it, go, or change. */
static void
test_places(void **state)
{
    mds_error_t err;
    uint64_t    b, c;

    (void) state;
    save(STATE("", "", R("a", "x", "") "," R("b", "y", "") "," R("c", "x", "")),
         1);
    assert_int_equal(mds_journal_read(journal, &err), MDS_OK);
    b = order_of("b");
    c = order_of("c");
    mds_journal_abort(journal);

    save(STATE("", "",
               R("n", "x", "") "," R("b", "z", "") "," R("m", "x",
                                                         "") "," R("c", "x",
                                                                   "")),
         2);
    check_document(NULL, DOCUMENT("", "",
                                  R("n", "x", "") "," R("b", "z", "") "," R(
                                      "m", "x", "") "," R("c", "x", "")));
    assert_int_equal(mds_journal_read(journal, &err), MDS_OK);
    assert_int_equal(order_of("b"), b);
    assert_int_equal(order_of("c"), c);
    assert_int_equal(since_of("b"), 2);
    assert_int_equal(since_of("c"), 1);
    assert_false(mds_journal_find_release(journal, APP, mds_str("a"), &b));
    mds_journal_abort(journal);

    save(STATE("", "", R("c", "x", "") "," R("m", "x", "") "," R("b", "z", "")),
         3);
    check_document(NULL,
                   DOCUMENT("", "",
                            R("c", "x", "") "," R("m", "x", "") "," R("b", "z",
                                                                      "")));
    assert_int_equal(mds_journal_read(journal, &err), MDS_OK);
    assert_int_equal(since_of("m"), 2);
    mds_journal_abort(journal);
}

/* There is room for many between two, and then all get new places. */
static void
test_room(void **state)
{
    static char text[8192], middle[4000], longer[4100];

    (void) state;

    for (int i = 0; i < 60; i++) {
        snprintf(longer, sizeof(longer), "{'id':'r%d'},%s", i, middle);
        memcpy(middle, longer, strlen(longer) + 1);
        snprintf(text, sizeof(text),
                 STATE("", "", "{'id':'first'},%s{'id':'last'}"), middle);
        save(text, 1);
        snprintf(text, sizeof(text),
                 DOCUMENT("", "", "{'id':'first'},%s{'id':'last'}"), middle);
        check_document(NULL, text);
    }
}

/* A extent has the resources and lists that it names, and the lists that the
 * releases name; what is saved leaves the rest alone. */
static void
test_extent(void **state)
{
    mds_extent_t extent = { 0 };
    mds_places_t places;
    mds_json_t  *before, *after;
    mds_error_t  err;

    (void) state;
    save(STATE(LISTS, P("y", "1") "," P("x", "1") "," P("y", "2"),
               R("one", "y", "") "," R("two", "x", USES_B)),
         1);
    assert_int_equal(mds_extent_add_resource(&extent, mds_str("sdk"),
                                             mds_str("x"), &err),
                     MDS_OK);
    check_document(&extent, DOCUMENT("'b':{'ids':['2']}", P("x", "1"),
                                     R("two", "x", USES_B)));

    assert_int_equal(mds_journal_write(journal, &err), MDS_OK);
    before = load(&extent, &places);
    after = parse(STATE("'b':{'ids':['3']}", P("x", "1") "," P("x", "2"),
                        R("two", "x", USES_B)));
    assert_int_equal(mds_app_state_save(journal, APP, before, after, &places, 2,
                                        &err),
                     MDS_OK);
    assert_int_equal(mds_journal_commit(journal, &err), MDS_OK);
    mds_places_free(&places);
    mds_json_release(before);
    mds_json_release(after);
    mds_extent_free(&extent);

    check_document(NULL, DOCUMENT("'z':{'ids':['1']},'b':{'ids':['3']}",
                                  P("y", "1") "," P("x", "1") "," P(
                                      "y", "2") "," P("x", "2"),
                                  R("one", "y", "") "," R("two", "x", USES_B)));
}

/* A head that was damaged is not taken for a lack of memory. */
static void
test_damaged_head(void **state)
{
    mds_error_t err;
    mds_json_t *head = parse("{'document': {'app': 'a'}, 'external': {},"
                             " 'key': 'k', 'serial': 1, 'parts': {'next': 9}}");
    mds_json_t *found;

    (void) state;
    save("{'document': {'app': 'a', 'packages': [{'kind': 'upgrade',"
         " 'version': '1'}]}, 'external': {}, 'key': 'k', 'serial': 1}",
         1);
    assert_int_equal(mds_journal_write(journal, &err), MDS_OK);
    assert_int_equal(mds_journal_put_app(journal, APP, head, &err), MDS_OK);
    assert_int_equal(mds_app_state_load(journal, APP, NULL, &err, &found, NULL),
                     MDS_DAMAGED);
    assert_non_null(strstr(err.text, "the head of app \"a\""));
    mds_journal_abort(journal);
    mds_json_release(head);
}

/* The index names each part, and no others. */
static void
test_index(void **state)
{
    mds_error_t err;
    mds_json_t *release = parse("{'id': 'r', 'kind': 'upgrade'}");
    mds_json_t *other = parse("{'id': 'other', 'kind': 'upgrade'}");

    (void) state;
    save("{'document': {'app': 'a', 'lists': {'l': {'by': 'user'}},"
         " 'packages': [{'kind': 'upgrade', 'version': '1'}],"
         " 'releases': [{'id': 'r', 'kind': 'upgrade'}]},"
         " 'external': {}, 'key': 'k', 'serial': 1}",
         1);
    assert_int_equal(mds_journal_write(journal, &err), MDS_OK);
    assert_int_equal(mds_journal_check_index(journal, APP, &err), MDS_OK);

    mds_journal_delete_index(journal, APP, MDS_PART_RELEASE, release,
                             order_of("r"));
    assert_int_equal(mds_journal_check_index(journal, APP, &err), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "lacks one of its parts"));
    mds_journal_abort(journal);

    assert_int_equal(mds_journal_write(journal, &err), MDS_OK);
    mds_journal_put_index(journal, APP, MDS_PART_RELEASE, other, 1);
    assert_int_equal(mds_journal_check_index(journal, APP, &err), MDS_DAMAGED);
    assert_non_null(strstr(err.text, "names parts that do not exist"));
    mds_journal_abort(journal);

    mds_json_release(release);
    mds_json_release(other);
}

typedef struct {
    char     text[256];
    unsigned count;
} seen_t;

static mds_status_t
see(void *data, mds_json_t *item, uint64_t since, mds_error_t *err)
{
    seen_t *seen = data;
    size_t  len = strlen(seen->text);

    (void) err;
    snprintf(seen->text + len, sizeof(seen->text) - len, "%.*s:%u ",
             MDS_STR(mds_json_get_string(item, "id")), (unsigned) since);

    return ++seen->count == 3 ? MDS_CONFLICT : MDS_OK;
}

/* Checks what a visit of the releases sees. */
static void
check_visit(const char *wanted, uint64_t count, mds_status_t ends)
{
    mds_app_parts_t parts;
    mds_error_t     err;
    seen_t          seen = { .count = 0 };

    assert_int_equal(mds_journal_read(journal, &err), MDS_OK);
    assert_int_equal(mds_app_parts_open(&parts, journal, APP, &err), MDS_OK);
    assert_int_equal(mds_app_parts_count(&parts, "releases"), count);
    assert_int_equal(mds_app_parts_visit(&parts, MDS_PART_RELEASE, see, &seen,
                                         &err),
                     ends);
    assert_string_equal(seen.text, wanted);
    mds_app_parts_close(&parts);
    assert_int_equal(mds_app_parts_open(&parts, journal, mds_str("none"), &err),
                     MDS_NOT_FOUND);
    mds_journal_abort(journal);
}

/* Releases are visited in the order of the document, with their serials. */
static void
test_visit(void **state)
{
    (void) state;
    save("{'document': {'app': 'a', 'releases': [{'id': 'x'}, {'id': 'y'}]},"
         " 'external': {}, 'key': 'k', 'serial': 3}",
         3);
    check_visit("x:3 y:3 ", 2, MDS_OK);
    save("{'document': {'app': 'a', 'releases': [{'id': 'z'}, {'id': 'x'},"
         " {'id': 'y', 'end': '1'}, {'id': 'w'}]},"
         " 'external': {}, 'key': 'k', 'serial': 4}",
         4);
    check_visit("z:4 x:3 y:4 ", 4, MDS_CONFLICT);
}

/* An entry of the log is read without its changes; a command that has their
 * name is none of them. */
static void
test_entry_head(void **state)
{
    static const char text[]
        = "{'serial':5,'command':'x\\',\\'changes\\':1','step':true%s}";
    mds_error_t err;
    char        whole[256];
    mds_json_t *entry, *head;

    (void) state;
    assert_int_equal(mds_journal_write(journal, &err), MDS_OK);

    for (unsigned i = 0; i < 2; i++) {
        snprintf(whole, sizeof(whole), text,
                 i == 0 ? "" : ",'changes':[{'a':1},{'changes':2}]");
        entry = parse(whole);
        assert_int_equal(mds_journal_put_entry(journal, 5, entry, &err),
                         MDS_OK);
        mds_json_release(entry);
        assert_int_equal(mds_journal_find_entry_head(journal, 5, &err, &head),
                         MDS_OK);
        snprintf(whole, sizeof(whole), text, "");
        check_equal(head, whole);
        mds_json_release(head);
    }

    assert_int_equal(mds_journal_find_entry_head(journal, 6, &err, &head),
                     MDS_OK);
    assert_null(head);
    mds_journal_abort(journal);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_extent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_visit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_entry_head, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
