/*
 * Memory runs short at each place that asks for some, one after the other, in
 * our own code and in the libraries below it: an error with words, nothing
 * lost, nothing left open, nothing half done, and the next try succeeds.
 *
 * In short at some places, in turn for that call alone and from that call on;
 * with MDS_SOAK=SECONDS both at every call that there is time for.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../lib/alloc_fault.h"
#include "base/mds_arena.h"
#include "base/mds_time.h"
#include "catalog/mds_depot.h"
#include "client/mds_client_messages.h"
#include "document/mds_document.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"
#include "evaluate/mds_user_messages.h"
#include "files/mds_delta.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_edit.h"
#include "loader/mds_message.h"
#include "loader/mds_revert.h"
#include "loader/mds_setting_ids.h"
#include "maintain/mds_gc.h"
#include "maintain/mds_verify.h"
#include "request/mds_read_marks_body.h"
#include "registry/mds_device_log.h"
#include "registry/mds_registry_upkeep.h"
#include "sign/mds_sign.h"
#include "state/mds_state.h"
#include "state/mds_tally.h"
#include "state/mds_window.h"
#include "workdir.h"
#include "json/mds_json.h"

#define SHORT 60 /* places of a deed, spread over all */
#define DEEDS 13
#define STRIDE INT64_C(1000003) /* a prime: every call comes, in no order */
#define NOW_MS INT64_C(1790000000000)

/* Does it once more, from nothing to nothing. */
typedef mds_status_t (*deed_t)(mds_error_t *err);

static const char  *depot;
static mds_key_t    key;
static mds_public_t public_key;
static unsigned     count; /* of deeds, so that each is another */

static void
begin(int64_t from, int64_t to, bool note)
{
    alloc_fault->calls = alloc_fault->failed = alloc_fault->place_count = 0;
    alloc_fault->from = from;
    alloc_fault->to = to;
    alloc_fault->note = note;
    alloc_fault->pid = -1;
}

static void
end(void)
{
    alloc_fault->pid = 0;
}

static unsigned
open_files(void)
{
    unsigned found = 0;

    for (int fd = 0; fd < 64; fd++) {
        found += fcntl(fd, F_GETFD) != -1;
    }

    return found;
}

/* What an unfinished deed leaves, and the next one would sweep up. */
static void
check_nothing_left(void)
{
    static const char *const dirs[]
        = { "depot/files", "depot/lists", "depot/catalog", "depot" };

    for (size_t i = 0; i < mds_nelems(dirs); i++) {
        assert_int_equal(workdir_count(dirs[i], ".tmp-"), 0);
    }
}

static void
note_problem(void *data, const char *where, const char *words)
{
    (void) data;
    end();
    fail_msg("%s: %s", where, words);
}

static void
check_depot(void)
{
    const mds_verify_options_t options
        = { .keys = &public_key, .key_count = 1, .problem = note_problem };
    mds_verify_result_t result;
    mds_error_t         err;

    assert_int_equal(mds_verify(depot, &options, &err, &result), MDS_OK);
    mds_json_release(result.keys);
}

/* The calls from..to fail: see what comes of that. How many pieces of memory
 * are lost. */
static int64_t
starve(const char *name, deed_t deed, int64_t from, int64_t to)
{
    unsigned     files = open_files();
    int64_t      live = alloc_fault->live;
    mds_status_t status;
    mds_error_t  err = { .status = MDS_OK };

    count++;
    begin(from, to, false);
    status = deed(&err);
    end();

    /* Some do without; a window whose state cannot be read is closed. */
    if (status != MDS_OK
        && !(status == MDS_DENIED && strstr(err.text, "Cannot allocate memory"))
        && (status != MDS_NO_MEMORY || err.status != MDS_NO_MEMORY
            || err.text[0] == '\0'))
    {
        fail_msg("%s, call %lld: status %d, \"%s\"", name, (long long) from,
                 (int) status, err.text);
    }

    if (open_files() != files) {
        fail_msg("%s, call %lld: a file is left open", name, (long long) from);
    }

    check_nothing_left();
    return alloc_fault->live - live;
}

/* What libc keeps for good after a failure, it makes once: what is lost for
 * good is lost again. A sanitizer counts for itself. */
static void
starve_twice(const char *name, deed_t deed, int64_t from, int64_t to)
{
    int64_t lost = starve(name, deed, from, to);

#ifndef __SANITIZE_ADDRESS__
    if (lost != 0 && starve(name, deed, from, to) != 0) {
        fail_msg("%s, call %lld: %lld pieces of memory are lost", name,
                 (long long) from, (long long) lost);
    }
#else
    (void) lost;
#endif
}

static void
succeed(const char *name, deed_t deed)
{
    mds_error_t err = { .status = MDS_OK };

    count++;
    if (deed(&err) != MDS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
}

static void
hunt(const char *name, deed_t deed)
{
    static int64_t places[ALLOC_FAULT_PLACES_MAX];
    int64_t        calls, place_count, steps;
    const char    *soak = getenv("MDS_SOAK");
    bool           all = soak != NULL;
    time_t         until = time(NULL) + (all ? atol(soak) / DEEDS : 0);

    end(); /* where the test before this one has crashed */

    /* What libraries keep for good, they make the first time. */
    succeed(name, deed);
    succeed(name, deed);

    begin(0, 0, true);
    succeed(name, deed);
    end();

    calls = alloc_fault->calls;
    place_count = alloc_fault->place_count;
    memcpy(places, alloc_fault->places, sizeof(places));
    assert_true(calls > 0);
    print_message("%s: %lld calls, %lld places\n", name, (long long) calls,
                  (long long) place_count);
    steps = all ? calls : place_count < SHORT ? place_count : SHORT;

    for (int64_t i = 0; i < steps && (!all || time(NULL) <= until); i++) {
        int64_t n
            = all ? 1 + i * STRIDE % calls : places[i * place_count / steps];

        if (all || (i & 1) == 0) {
            starve_twice(name, deed, n, n);
        }
        if (all || (i & 1) == 1) {
            starve_twice(name, deed, n, INT64_MAX);
        }
        if (i % 16 == 0) {
            succeed(name, deed);
        }
    }

    succeed(name, deed);
    check_depot();
}

/* --- changes */

static char document_text[8192];

/* An app with everything in it; what is counted is new each time. */
static void
write_document(void)
{
    char noise[3000];

    workdir_noise(noise, sizeof(noise), 1);
    memcpy(noise, &count, sizeof(count));
    workdir_write("new", noise, sizeof(noise));

    snprintf(
        document_text, sizeof(document_text),
        "{\"app\":\"a\",\"poll\":{\"after_s\":60,\"jitter_s\":5},"
        "\"channels\":{\"mi\":{\"delta\":false}},"
        "\"lists\":{\"staff\":{\"ids\":[\"u1\",\"u2\"]},"
        "\"beta\":{\"file\":\"ids\"},"
        "\"qa\":{\"patterns\":[\"^qa-[0-9]+$\"]},"
        "\"crm\":{\"external\":true}},"
        "\"packages\":["
        "{\"kind\":\"upgrade\",\"platform\":\"x\",\"version\":\"1\","
        "\"file\":\"old\"},"
        "{\"kind\":\"upgrade\",\"platform\":\"x\",\"version\":\"1.%u\","
        "\"file\":\"new\",\"meta\":{\"notes\":{\"en\":\"%u\"}}},"
        "{\"kind\":\"sdk\",\"name\":\"s\",\"channel\":[\"mi\",\"oppo\"],"
        "\"version\":\"1\",\"file\":\"old\",\"app_version\":{\"min\":\"1\"},"
        "\"rules\":[{\"attribute\":\"cpu\",\"op\":\"in\","
        "\"values\":[\"arm*\"]}]}],"
        "\"releases\":["
        "{\"id\":\"r\",\"kind\":\"upgrade\",\"platform\":\"x\","
        "\"version\":\"1.%u\",\"audience\":{\"lists\":[\"staff\",\"beta\","
        "\"qa\",\"crm\"],\"percent\":1,\"window\":{\"count\":1000000,"
        "\"until\":\"2099-01-01T00:00:00Z\"}},"
        "\"rules\":[{\"attribute\":\"os_version\",\"op\":\"range\","
        "\"min\":\"1\",\"max\":\"9\"}],\"meta\":{\"prompt\":\"once\"}},"
        "{\"id\":\"sdk\",\"kind\":\"sdk\",\"name\":\"s\",\"version\":\"1\","
        "\"audience\":{\"all\":true},\"delta\":{\"stage\":\"0.5\"}},"
        "{\"id\":\"c\",\"kind\":\"config\",\"name\":\"k\",\"value\":{\"v\":%u},"
        "\"audience\":{\"ramp\":{\"from\":1,\"to\":99,"
        "\"start\":\"2020-01-01T00:00:00Z\","
        "\"end\":\"2098-01-01T00:00:00Z\"}}},"
        "{\"id\":\"c2\",\"kind\":\"config\",\"name\":\"k2\",\"value\":%u,"
        "\"audience\":{\"all\":true}}]}",
        count, count, count, count, count);
}

static mds_status_t
change(mds_edit_t edit, void *data, const char *base_dir, mds_error_t *err)
{
    mds_change_t        how = { .app = mds_str("a"),
                                .new_app = MDS_NEW_APP_ALWAYS,
                                .command = "test",
                                .key = &key,
                                .what = "test",
                                .base_dir = base_dir,
                                .edit = edit,
                                .data = data };
    mds_change_result_t result;
    mds_loader_t       *loader;
    mds_status_t        status = mds_loader_open(depot, NULL, err, &loader);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_loader_change(loader, &how, err, &result);

    if (status == MDS_OK) {
        mds_json_release(result.changes);
        mds_json_release(result.warnings);
    }

    mds_loader_close(loader);
    return status;
}

static mds_status_t
deed_apply(mds_error_t *err)
{
    int64_t      pid = alloc_fault->pid;
    mds_json_t  *document;
    mds_apply_t  apply = { .force = true };
    mds_status_t status;

    alloc_fault->pid = 0;
    write_document();
    alloc_fault->pid = pid;

    status = mds_json_parse(mds_str_of(document_text), "test", err, &document);

    if (status == MDS_OK) {
        apply.document = document;
        status = change(mds_edit_apply, &apply, workdir("."), err);
        mds_json_release(document);
    }

    return status;
}

static mds_status_t
edit_push(mds_loader_t *loader, void *data, mds_json_t *state, mds_error_t *err)
{
    mds_sha256_t users;
    uint64_t     ids, id;
    mds_status_t status = mds_idset_import(mds_loader_depot(loader), data, NULL,
                                           err, &users, &ids);

    return status == MDS_OK
               ? mds_message_push(state, mds_str("x"), mds_str("1"),
                                  mds_time_now_ms() + 1000000, &users, err, &id)
               : status;
}

static mds_status_t
edit_withdraw(mds_loader_t *loader, void *data, mds_json_t *state,
              mds_error_t *err)
{
    const mds_json_t *items
        = mds_json_get(mds_json_get(state, "messages"), "items");

    (void) loader;
    (void) data;

    return mds_message_withdraw(state,
                                (uint64_t) mds_json_integer(
                                    mds_json_get(mds_json_at(items, 0), "id")),
                                err);
}

/* A message more, one less, and that undone. */
static mds_status_t
deed_message(mds_error_t *err)
{
    mds_loader_t *loader;
    uint64_t      serial = 0;
    mds_status_t status = change(edit_push, (void *) workdir("ids"), NULL, err);

    if (status == MDS_OK) {
        status = change(edit_withdraw, NULL, NULL, err);
    }

    if (status == MDS_OK) {
        status = mds_loader_open(depot, NULL, err, &loader);
    }

    if (status == MDS_OK) {
        serial = mds_loader_serial(loader);
        mds_loader_close(loader);
        status = change(mds_edit_revert, &serial, NULL, err);
    }

    return status == MDS_OK ? change(edit_withdraw, NULL, NULL, err) : status;
}

static mds_status_t
deed_init(mds_error_t *err)
{
    int64_t      pid = alloc_fault->pid;
    mds_status_t status;
    mds_error_t  again;

    status = mds_depot_init(workdir("fresh"), -1, -1, err);

    alloc_fault->pid = 0;
    if (status != MDS_OK) {
        assert_int_equal(mds_depot_init(workdir("fresh"), -1, -1, &again),
                         MDS_OK);
    }
    assert_true(shell("rm -rf fresh"));
    alloc_fault->pid = pid;

    return status;
}

/* --- the loader's other work */

static mds_status_t
deed_import(mds_error_t *err)
{
    static const mds_str_t added[] = { mds_str("more"), mds_str("and more") };
    static const mds_str_t removed[] = { mds_str("id-1") };
    int64_t                pid = alloc_fault->pid;
    char                   ids[6000];
    size_t                 len = 0;
    mds_sha256_t           sha256 = { { 0 } }, other;
    uint64_t               found = 77;
    mds_status_t           status;

    alloc_fault->pid = 0;
    for (unsigned i = 0; i < 200; i++) {
        len += (size_t) snprintf(ids + len, sizeof(ids) - len, "id-%u-%u\n",
                                 count, i);
    }
    workdir_write("other-ids", ids, len);
    alloc_fault->pid = pid;

    status = mds_idset_import(depot, workdir("other-ids"), NULL, err, &sha256,
                              &found);

    if (status != MDS_OK) {
        assert_int_equal(found, 77);
        assert_int_equal(sha256.bytes[0], 0);
        return status;
    }

    return mds_idset_merge(depot, &sha256, added, 2, removed, 1, err, &other,
                           &found);
}

static void
note_removed(void *data, const char *name, uint64_t size_bytes)
{
    (void) data;
    (void) name;
    (void) size_bytes;
}

static mds_status_t
deed_gc(mds_error_t *err)
{
    const mds_gc_options_t options
        = { .generations = 5, .grace_s = 0, .removed = note_removed };
    mds_gc_result_t result;
    mds_loader_t   *loader;
    mds_status_t    status = mds_loader_open(depot, NULL, err, &loader);

    if (status == MDS_OK) {
        status = mds_gc(loader, &options, err, &result);
        mds_loader_close(loader);
    }

    return status;
}

static mds_status_t
deed_verify(mds_error_t *err)
{
    const mds_verify_options_t options
        = { .keys = &public_key, .key_count = 1, .problem = note_problem };
    mds_verify_result_t result;
    mds_status_t        status = mds_verify(depot, &options, err, &result);

    if (status == MDS_OK) {
        mds_json_release(result.keys);
    }

    return status;
}

static mds_status_t
deed_renew(mds_error_t *err)
{
    return mds_setting_ids_renew(depot, err);
}

static mds_status_t
deed_keys(mds_error_t *err)
{
    char      hex[MDS_KEYID_HEX + 1];
    mds_key_t loaded;
    mds_public_t public;
    int64_t      pid = alloc_fault->pid;
    mds_status_t status = mds_key_generate(workdir("other"), err, hex);

    if (status == MDS_OK) {
        status = mds_key_load(workdir("other.key"), err, &loaded);
    }
    if (status == MDS_OK) {
        status = mds_public_load(workdir("other.pub"), err, &public);
    }

    alloc_fault->pid = 0;
    unlink(workdir("other.key"));
    unlink(workdir("other.pub"));
    alloc_fault->pid = pid;

    return status;
}

static mds_status_t
deed_patch(mds_error_t *err)
{
    int64_t      pid = alloc_fault->pid;
    mds_status_t status;

    status = mds_delta_apply(workdir("old"), workdir("delta"),
                             workdir("patched"), 1000000, err);

    alloc_fault->pid = 0;
    assert_int_equal(workdir_has("patched"), status == MDS_OK);
    unlink(workdir("patched"));
    alloc_fault->pid = pid;

    return status;
}

/* --- requests */

static mds_status_t
ask_in(const mds_snapshot_t *snapshot, const char *query, mds_error_t *err)
{
    char           buffer[512];
    mds_request_t  request = { .may_admit = true };
    mds_decision_t decision = { .poll_after_s = 99 };
    mds_status_t   status
        = mds_request_parse(&request, mds_str_of(query), buffer, err);

    if (status == MDS_OK) {
        status = mds_request_validate(&request, err);
    }

    if (status == MDS_OK) {
        status = mds_decide(snapshot, &request, mds_time_now_ms(), NULL, err,
                            &decision);
        assert_true(status == MDS_OK || decision.poll_after_s == 99);
    }

    return status;
}

/* Lists, patterns, windows, messages, rules. */
static mds_status_t
decide_in(const mds_snapshot_t *snapshot, mds_error_t *err)
{
    static const char *const queries[] = {
        "app=a&kind=upgrade&platform=x&version=1&user=u1&os_version=3",
        "app=a&kind=upgrade&platform=x&version=1&user=id-7&os_version=3",
        "app=a&kind=upgrade&platform=x&version=1&user=qa-7&os_version=3",
        "app=a&kind=upgrade&platform=x&version=0.9&user=no&os_version=3"
        "&device=d",
        "app=a&kind=upgrade&platform=x&user=id-3",
        "app=a&kind=sdk&name=s&platform=x&channel=mi&app_version=2&cpu=arm64",
        "app=b&kind=upgrade",
    };
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(queries); i++) {
        status = ask_in(snapshot, queries[i], err);
    }

    return status;
}

static mds_status_t
settings_in(const mds_snapshot_t *snapshot, mds_error_t *err)
{
    mds_arena_t       *arena = mds_arena_new();
    mds_alloc_t        alloc = mds_arena_allocator(arena);
    mds_request_t      request = { 0 };
    mds_settings_t     settings;
    mds_message_list_t list;
    char               buffer[64];
    mds_status_t       status;

    if (arena == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_request_parse(&request, mds_str("app=a&user=id-3&device=d"),
                               buffer, err);

    if (status == MDS_OK) {
        status = mds_settings_evaluate(snapshot, &request, mds_null_str, NOW_MS,
                                       NULL, &alloc, err, &settings);
    }

    if (status == MDS_OK) {
        status = mds_user_messages(snapshot, &request, 20, NOW_MS, &alloc, err,
                                   &list);
    }

    mds_arena_free(arena);
    return status;
}

static mds_status_t
with_snapshot(mds_status_t (*look)(const mds_snapshot_t *, mds_error_t *),
              mds_error_t *err)
{
    mds_depot_t   *opened = NULL;
    mds_state_t   *state = NULL;
    mds_snapshot_t snapshot;
    mds_error_t    warning = { .status = MDS_OK };
    mds_status_t   status = mds_depot_open(depot, err, &opened);

    if (status == MDS_OK) {
        status = mds_state_open(depot, err, &state);
    }

    if (status == MDS_OK) {
        status = mds_depot_begin(opened, 0, &warning, &snapshot.catalog);
        *err = status == MDS_OK ? *err : warning;
    }

    if (status == MDS_OK) {
        snapshot.state = state;
        status = look(&snapshot, err);
        mds_state_end(state);
    }

    mds_state_close(state);
    mds_depot_close(opened);

    return status;
}

static mds_status_t
deed_decide(mds_error_t *err)
{
    return with_snapshot(decide_in, err);
}

static mds_status_t
deed_settings(mds_error_t *err)
{
    return with_snapshot(settings_in, err);
}

static mds_status_t
deed_bodies(mds_error_t *err)
{
    mds_request_t         request = { 0 };
    mds_read_marks_body_t body = { .highest = 77 };
    void                 *text = NULL;
    mds_client_messages_t inbox = { .count = 77 };
    mds_status_t          status = mds_read_marks_body_parse(
                 mds_str("{\"app\":\"a\",\"user\":\"u\",\"delete_through\":7,"
                                  "\"read\":[9,[11,14]]}"),
                 &request, err, &body, &text);

    if (status != MDS_OK) {
        assert_int_equal(body.highest, 77);
        assert_null(text);
        return status;
    }

    mds_read_marks_body_free(&body, text);
    status = mds_client_messages_parse(
        mds_str("{\"latest\":{\"x\":\"1\"},\"more\":false,\"messages\":["
                "{\"id\":1,\"platform\":\"x\",\"version\":\"2\",\"expires\":"
                "\"2030-01-01T00:00:00Z\",\"url\":\"u\",\"read\":false}]}"),
        err, &inbox);

    if (status != MDS_OK) {
        assert_int_equal(inbox.count, 77);
        return status;
    }

    mds_client_messages_free(&inbox);
    return MDS_OK;
}

/* --- the state */

/* All or nothing: the window has let in those that it says. */
static mds_status_t
deed_state(mds_error_t *err)
{
    char             id[16];
    static mds_run_t runs[] = { { 9, 11 }, { 14, 14 }, { 20, 30 } };
    mds_write_t      writes[2];
    mds_state_t     *state;
    uint64_t         windows = 0;
    mds_status_t     status = mds_state_open(depot, err, &state);

    if (status != MDS_OK) {
        return status;
    }

    snprintf(id, sizeof(id), "d%u", count);
    memset(writes, 0, sizeof(writes));
    writes[0].type = MDS_WRITE_ADMISSION;
    writes[0].admission = (mds_admission_t){ .window = mds_str("a\0r"),
                                             .id = mds_str_of(id),
                                             .limit = 1000000,
                                             .until_ms = INT64_MAX };
    runs[2].last = 30 + count;
    writes[1].type = MDS_WRITE_READ_MARK;
    writes[1].read_mark = (mds_read_mark_t){ .user = mds_str("a\0u"),
                                        .delete_through = 7,
                                        .read = runs,
                                        .read_count = 3,
                                        .oldest = 1 };

    status = mds_state_write(state, writes, 2, NOW_MS, err);

    if (status == MDS_OK) {
        assert_true(writes[0].admission.admitted);
        status = mds_state_audit(state, err, &windows);
    }

    if (status == MDS_OK) {
        status = mds_state_sweep_read_marks(state, mds_str("a"), 1000000, err);
    }

    mds_state_close(state);
    return status;
}

/* All or nothing: a report that fails is not counted, and one that does not is
 * counted once. */
static mds_status_t
deed_report(mds_error_t *err)
{
    static uint64_t counted;
    const mds_str_t release = { 3, "a\0r" };
    char            detail[32];
    mds_write_t     write = { .type = MDS_WRITE_REPORT };
    mds_tally_t     tally;
    mds_details_t   details;
    mds_state_t    *state;
    mds_status_t    status = mds_state_open(depot, err, &state);

    if (status != MDS_OK) {
        return status;
    }

    snprintf(detail, sizeof(detail), "detail %u", count % 100);
    write.report = (mds_report_t){ .release = release,
                                   .device = count,
                                   .event = MDS_EVENT_CRASHED,
                                   .detail = mds_str_of(detail),
                                   .instructed = true };
    status = mds_state_write(state, &write, 1, NOW_MS, err);
    counted += status == MDS_OK;

    if (status == MDS_OK && (status = mds_state_begin(state, err)) == MDS_OK) {
        status = mds_state_get_tally(state, release, err, &tally);

        if (status == MDS_OK) {
            assert_int_equal(tally.events[MDS_EVENT_CRASHED], counted);
            status = mds_state_get_details(state, &tally, err, &details);
        }

        mds_state_end(state);
    }

    if (status == MDS_OK) {
        status = mds_state_sweep_reporters(state, err);
    }

    mds_state_close(state);
    return status;
}

/* --- the registry */

static mds_status_t
visit_device(void *data, const mds_device_t *device, mds_error_t *err)
{
    (void) err;
    *(unsigned *) data += device->device.len > 0;
    return MDS_OK;
}

static mds_status_t
upkeep_registry(int dir, mds_error_t *err)
{
    static atomic_bool          never;
    const mds_registry_limits_t limits = { 64 << 20, 0 };
    const int64_t               later_ms = mds_time_now_ms() + 120000;
    mds_registry_merged_t       merged;
    mds_status_t                status
        = mds_registry_merge_logs(dir, &limits, later_ms, &never, err, &merged);

    if (status == MDS_OK) {
        status = mds_registry_merge_runs(dir, &limits, later_ms, &never, err,
                                         &merged);
    }

    return status;
}

static mds_status_t
read_registry(mds_error_t *err)
{
    mds_registry_t     *registry;
    mds_registry_stat_t stat;
    uint64_t            forgotten = 0;
    unsigned            devices = 0;
    mds_status_t        status = mds_registry_open(depot, err, &registry);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_registry_visit_devices(registry, mds_str("a"), visit_device,
                                        &devices, err);

    if (status == MDS_OK) {
        status = mds_registry_visit_user(registry, mds_str("a"), mds_str("u"),
                                         visit_device, &devices, err);
        assert_true(status != MDS_OK || devices == 4);
    }

    if (status == MDS_OK) {
        status = mds_registry_stat(registry, err, &stat);
    }

    if (status == MDS_OK) {
        status = mds_registry_forget(registry, mds_str("a"), mds_str("d"), err,
                                     &forgotten);
        assert_true(status != MDS_OK || forgotten == 1);
    }

    if (status == MDS_OK) {
        status = mds_registry_audit(registry, err);
    }

    mds_registry_close(registry);
    return status;
}

static mds_status_t
deed_registry(mds_error_t *err)
{
    mds_device_log_t log = { .fd = -1 };
    mds_device_t     devices[2];
    mds_status_t     status = mds_device_folder_open(depot, err, &log.dir);

    if (status != MDS_OK) {
        return status;
    }

    devices[0] = (mds_device_t){ .app = mds_str("a"),
                                 .device = mds_str("d"),
                                 .user = mds_str("u"),
                                 .platform = mds_str("x"),
                                 .version = mds_str("1"),
                                 .seen_ms = mds_time_now_ms() + 1 };
    devices[1] = devices[0];
    devices[1].device = mds_str("e");
    status = mds_device_log_append(&log, "log", devices, 2,
                                   mds_time_now_ms(), err);
    mds_device_log_close(&log);

    if (status == MDS_OK) {
        status = upkeep_registry(log.dir, err);
    }

    if (status == MDS_OK) {
        status = read_registry(err);
    }

    close(log.dir);
    return status;
}

/* --- all of it */

#define DEED(deed)                                                             \
    static void test_##deed(void **unused)                                     \
    {                                                                          \
        (void) unused;                                                         \
        hunt(#deed, deed_##deed);                                              \
    }

DEED(bodies)
DEED(keys)
DEED(init)
DEED(apply)
DEED(message)
DEED(import)
DEED(decide)
DEED(settings)
DEED(state)
DEED(report)
DEED(registry)
DEED(gc)
DEED(verify)
DEED(renew)
DEED(patch)

static int
make(void **state)
{
    static char path[256];
    char        ids[4096], hex[MDS_KEYID_HEX + 1], noise[3000];
    size_t      len = 0;
    mds_error_t err;

    /* In memory where that can be: no disk is waited for. */
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0);
    }

    if (workdir_make(state) != 0) {
        return -1;
    }

    strcpy(path, workdir("depot"));
    depot = path;

    for (unsigned i = 0; i < 300; i++) {
        len += (size_t) snprintf(ids + len, sizeof(ids) - len, "id-%u\n", i);
    }

    workdir_write("ids", ids, len);
    workdir_noise(noise, sizeof(noise), 1);
    workdir_write("old", noise, sizeof(noise));
    count = 1;
    write_document();

    if (mds_depot_init(depot, -1, -1, &err) != MDS_OK
        || mds_key_generate(workdir("key"), &err, hex) != MDS_OK
        || mds_key_load(workdir("key.key"), &err, &key) != MDS_OK
        || deed_apply(&err) != MDS_OK
        || change(edit_push, (void *) workdir("ids"), NULL, &err) != MDS_OK
        || mds_delta_make(workdir("old"), workdir("new"), MDS_ZSTD_BEST,
                          workdir("delta"), NULL, &err)
               != MDS_OK)
    {
        fail_msg("%s", err.text);
    }

    mds_key_public(&key, &public_key);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),  cmocka_unit_test(test_keys),
        cmocka_unit_test(test_init),    cmocka_unit_test(test_registry),
        cmocka_unit_test(test_decide),  cmocka_unit_test(test_settings),
        cmocka_unit_test(test_state),   cmocka_unit_test(test_report),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_patch),   cmocka_unit_test(test_renew),
        cmocka_unit_test(test_verify),  cmocka_unit_test(test_gc),
        cmocka_unit_test(test_message), cmocka_unit_test(test_apply),
    };

    return cmocka_run_group_tests(tests, make, workdir_remove);
}
