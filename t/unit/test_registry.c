/*
 * The registry against a model of it, whatever is merged when; logs that were
 * cut, runs that are damaged, and the filter.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mds_endian.h"
#include "base/mds_siphash.h"
#include "prng.h"
#include "registry/mds_device_log.h"
#include "registry/mds_device_run.h"
#include "registry/mds_registry_counts.h"
#include "registry/mds_registry_upkeep.h"
#include "registry/mds_registry_versions.h"
#include "request/mds_registration.h"
#include "workdir.h"

#define NOW INT64_C(1790000000000)
#define DAY INT64_C(86400000)

static mds_error_t           err;
static int                   dir = -1;
static int64_t               now_ms;
static mds_registry_limits_t limits;
static atomic_bool           never;
static char                  clock_path[256];

static void
set_clock(int64_t ms)
{
    char text[32];

    now_ms = ms;
    snprintf(text, sizeof(text), "%lld",
             (long long) (ms - (int64_t) time(NULL) * 1000));
    workdir_write("clock", text, strlen(text));
}

static int
make(void **unused)
{
    /* In memory where that can be: no disk is waited for. */
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0);
    }

    if (workdir_make(unused) != 0) {
        return -1;
    }

    snprintf(clock_path, sizeof(clock_path), "%s", workdir("clock"));
    setenv("MDS_CLOCK", clock_path, 1);
    return 0;
}

/* Each test begins with an empty folder. */
static int
begin(void **unused)
{
    (void) unused;
    limits = (mds_registry_limits_t){ 0, 0 };
    set_clock(NOW);

    return shell("rm -rf state; mkdir state; touch state/data.mdb")
                   && mds_device_folder_make(workdir("."), &err) == MDS_OK
                   && mds_device_folder_open(workdir("."), &err, &dir)
                          == MDS_OK
               ? 0
               : -1;
}

static int
end(void **unused)
{
    (void) unused;
    close(dir);
    return 0;
}

static mds_device_t
device(const char *id, const char *user, const char *version)
{
    return (mds_device_t){ .app = mds_str("app"),
                           .device = mds_str_of(id),
                           .user = mds_str_of(user),
                           .platform = mds_str("ios"),
                           .version = mds_str_of(version),
                           .seen_ms = now_ms };
}

static void
append(mds_device_log_t *log, const mds_device_t *devices, size_t count)
{
    assert_int_equal(mds_device_log_append(log, "log", devices, count, now_ms,
                                           &err),
                     MDS_OK);
}

static void
see(const char *id, const char *user, const char *version)
{
    mds_device_log_t log = { .dir = dir, .fd = -1 };
    mds_device_t     seen = device(id, user, version);

    append(&log, &seen, 1);
    mds_device_log_close(&log);
}

static mds_registry_merged_t
merge_logs(void)
{
    mds_registry_merged_t merged;

    assert_int_equal(mds_registry_merge_logs(dir, &limits, now_ms, &never, &err,
                                             &merged),
                     MDS_OK);
    return merged;
}

static mds_registry_merged_t
merge_runs(void)
{
    mds_registry_merged_t merged;

    assert_int_equal(mds_registry_merge_runs(dir, &limits, now_ms, &never, &err,
                                             &merged),
                     MDS_OK);
    return merged;
}

static mds_device_files_t
list_files(void)
{
    mds_device_files_t files;

    assert_int_equal(mds_device_folder_list(dir, &err, &files), MDS_OK);
    return files;
}

static mds_registry_due_t
look(void)
{
    mds_device_files_t files = list_files();
    mds_registry_due_t due;

    mds_registry_look(dir, &files, &limits, now_ms, &due);
    mds_device_files_free(&files);
    return due;
}

static mds_registry_t *
open_registry(void)
{
    mds_registry_t *registry;

    assert_int_equal(mds_registry_open(workdir("."), &err, &registry), MDS_OK);
    return registry;
}

static char   said[65536];
static size_t said_len;

static mds_status_t
say(void *data, const mds_device_t *seen, mds_error_t *e)
{
    (void) data;
    (void) e;
    said_len += (size_t) snprintf(said + said_len, sizeof(said) - said_len,
                                  "%.*s %.*s %.*s, ", MDS_STR(seen->device),
                                  MDS_STR(seen->version), MDS_STR(seen->user));
    assert_true(said_len < sizeof(said));

    return MDS_OK;
}

static const char *
of_user(const char *user)
{
    mds_registry_t *registry = open_registry();

    said[0] = '\0';
    said_len = 0;
    assert_int_equal(mds_registry_visit_user(registry, mds_str("app"),
                                             mds_str_of(user), say, NULL, &err),
                     MDS_OK);
    mds_registry_close(registry);
    return said;
}

static uint64_t
count_devices(void)
{
    mds_registry_t     *registry = open_registry();
    mds_registry_stat_t stat;

    assert_int_equal(mds_registry_stat(registry, &err, &stat), MDS_OK);
    assert_true(stat.exact);
    mds_registry_close(registry);
    return stat.devices;
}

static uint64_t
forget(const char *name)
{
    mds_registry_t *registry = open_registry();
    uint64_t        count = 99;

    assert_int_equal(mds_registry_forget(registry, mds_str("app"),
                                         mds_str_of(name), &err, &count),
                     MDS_OK);
    mds_registry_close(registry);
    return count;
}

/* --- the model */

#define MODEL_DEVICES 60
#define MODEL_USERS 8

static struct {
    bool    known;
    int64_t seen_ms;
    int     user; /* 0: none */
    int     version;
} model[MODEL_DEVICES];

static prng_t prng;

static unsigned
dice(unsigned n)
{
    return prng_below(&prng, n);
}

/* Ids of all the ways in which they are packed. */
static const char *
model_id(int i)
{
    static char        ids[4][64];
    static unsigned    next;
    static const char *formats[]
        = { "device %d", "%016x", "%08X-AAAA-4BBB-8CCC-0123456789AB",
            "%08x-aaaa-4bbb-8ccc-0123456789ab", "x%d" };
    char *id = ids[next++ % 4];

    snprintf(id, sizeof(ids[0]), formats[i % 5], i);
    return id;
}

static const char *
model_user(int user)
{
    static char     users[4][16];
    static unsigned next;
    char           *text = users[next++ % 4];

    snprintf(text, sizeof(users[0]), user == 0 ? "" : "user %d", user);
    return text;
}

static void
model_see(mds_device_log_t *log)
{
    int          i = (int) dice(MODEL_DEVICES);
    char         version[16];
    mds_device_t seen;

    now_ms += 1 + dice(1000);
    model[i].known = true;
    model[i].seen_ms = now_ms;
    model[i].user = (int) dice(MODEL_USERS);
    model[i].version = (int) dice(5);
    snprintf(version, sizeof(version), "1.%d", model[i].version);
    seen = device(model_id(i), model_user(model[i].user), version);
    append(log, &seen, 1);
}

static bool
model_has(int i)
{
    return model[i].known
           && !mds_registry_is_expired(model[i].seen_ms, limits.ttl_ms, now_ms);
}

static void
model_forget(void)
{
    uint64_t want = 0;
    int      user = (int) dice(MODEL_USERS), i = (int) dice(MODEL_DEVICES);
    bool     by_user = user > 0 && dice(2) == 0;

    now_ms += 1000;
    set_clock(now_ms);

    for (int k = 0; k < MODEL_DEVICES; k++) {
        if (model_has(k) && (by_user ? model[k].user == user : k == i)) {
            model[k].known = false;
            want++;
        }
    }

    assert_int_equal(forget(by_user ? model_user(user) : model_id(i)), want);
    now_ms += 1000;
}

static mds_status_t
model_check(void *data, const mds_device_t *seen, mds_error_t *e)
{
    int *left = data;
    char version[16];

    (void) e;

    for (int i = 0; i < MODEL_DEVICES; i++) {
        if (model_has(i) && mds_str_eq(seen->device, mds_str_of(model_id(i)))) {
            snprintf(version, sizeof(version), "1.%d", model[i].version);
            assert_true(mds_str_eq(seen->version, mds_str_of(version)));
            assert_true(mds_str_eq(seen->user,
                                   mds_str_of(model_user(model[i].user))));
            assert_int_equal(seen->seen_ms, model[i].seen_ms);
            (*left)--;
            return MDS_OK;
        }
    }

    fail_msg("unknown device %.*s", MDS_STR(seen->device));
    return MDS_OK;
}

static void
model_compare(void)
{
    mds_registry_counts_t add = { .ttl_ms = limits.ttl_ms }, counts;
    mds_registry_t       *registry;
    int                   left = 0;

    set_clock(now_ms);
    assert_int_equal(mds_registry_counts_add(dir, &add, &err, &counts), MDS_OK);
    registry = open_registry();

    for (int i = 0; i < MODEL_DEVICES; i++) {
        left += model_has(i);
    }

    assert_int_equal(mds_registry_visit_devices(registry, mds_str("app"),
                                                model_check, &left, &err),
                     MDS_OK);
    assert_int_equal(left, 0);

    for (int user = 1; user < MODEL_USERS; user++) {
        for (int i = 0; i < MODEL_DEVICES; i++) {
            left += model_has(i) && model[i].user == user;
        }

        assert_int_equal(
            mds_registry_visit_user(registry, mds_str("app"),
                                    mds_str_of(model_user(user)), model_check,
                                    &left, &err),
            MDS_OK);
        assert_int_equal(left, 0);
    }

    assert_int_equal(mds_registry_audit(registry, &err), MDS_OK);
    mds_registry_close(registry);
}

static void
test_model(void **unused)
{
    mds_device_log_t logs[2] = { { .dir = dir, .fd = -1 },
                                 { .dir = dir, .fd = -1 } };

    (void) unused;
    prng_seed(&prng);
    limits.ttl_ms = 3 * DAY;

    for (int step = 0; step < 3000; step++) {
        mds_device_log_t *log = &logs[dice(2)];

        switch (dice(16)) {
        case 0:
            mds_device_log_close(log);
            break;
        case 1:
            now_ms += dice(20000);
            merge_logs();
            break;
        case 2:
            merge_runs();
            break;
        case 3:
            if (dice(8) == 0) {
                model_forget();
            }
            break;
        case 4:
            if (dice(40) == 0) {
                now_ms += DAY;
            }
            break;
        default:
            model_see(log);
        }

        if (step % 50 == 0) {
            model_compare();
        }
    }

    mds_device_log_close(&logs[0]);
    mds_device_log_close(&logs[1]);
    now_ms += 20 * 60000;
    merge_logs();
    model_compare();
    merge_runs();
    model_compare();
    assert_int_equal(workdir_count("state/devices", "run-9"), 1);
    assert_int_equal(workdir_count("state/devices", "log-"), 0);
}

/* --- expired, forgotten: gone from the disk */

static bool
disk_has(const char *text)
{
    return shell("grep -rqaF '%s' state/devices", text);
}

static void
test_leaves_disk(void **unused)
{
    (void) unused;
    limits.ttl_ms = 90 * DAY;
    see("old device!", "old user!", "1");
    see("other device!", "other user!", "1");
    merge_logs();
    merge_runs();
    assert_true(disk_has("old device!"));
    assert_int_equal(forget("old user!"), 1);
    assert_string_equal(of_user("old user!"), "");
    assert_string_equal(of_user("other user!"), "other device! 1 other user!, ");

    /* It is known to be forgotten as long as a log may know it. */
    set_clock(now_ms + 3600000 + 120000);
    merge_logs();
    merge_runs();
    assert_string_equal(of_user("old user!"), "");
    assert_false(disk_has("old user!"));
    set_clock(now_ms + DAY + 1);
    merge_runs();
    assert_false(disk_has("old device!"));
    assert_true(disk_has("other device!"));

    set_clock(now_ms + 92 * DAY);
    merge_runs();
    assert_false(disk_has("other device!"));
    assert_int_equal(count_devices(), 0);
}

/* A log that was there when a device was forgotten, and is merged long after,
 * does not bring it back. */
static void
test_stays_forgotten(void **unused)
{
    mds_device_log_t log = { .dir = dir, .fd = -1 };
    mds_device_t     seen = device("d", "u", "1");

    (void) unused;
    append(&log, &seen, 1);
    set_clock(now_ms + 5000);
    assert_int_equal(forget("d"), 1);
    set_clock(now_ms + 120000);
    merge_logs();
    merge_runs();
    set_clock(now_ms + 2 * DAY);
    merge_runs();
    assert_string_equal(of_user("u"), "");
    mds_device_log_close(&log);
    merge_logs();
    merge_runs();
    assert_string_equal(of_user("u"), "");
    assert_int_equal(count_devices(), 0);
}

/* What the feed says is to be forgotten concerns what was seen before, also if
 * it comes long after. */
static void
test_forget_before(void **unused)
{
    static const mds_str_t app = { 3, "app" }, user = { 1, "u" };
    mds_registry_t *registry;
    int64_t         before_ms;

    (void) unused;
    see("gone", "u", "1");
    see("back", "u", "1");
    before_ms = now_ms + 1000;
    set_clock(now_ms + DAY);
    see("back", "u", "2");
    see("new", "u", "1");
    set_clock(now_ms + 120000);
    merge_logs();

    for (int i = 0; i < 2; i++) {
        registry = open_registry();
        assert_int_equal(mds_registry_forget_before(registry, app, user,
                                                    before_ms, &err),
                         MDS_OK);
        mds_registry_close(registry);
        assert_int_equal(workdir_count("state/devices", "forget-"), 1);
        assert_string_equal(of_user("u"), "back 2 u, new 1 u, ");
    }

    set_clock(now_ms + 120000);
    merge_logs();
    merge_runs();
    set_clock(now_ms + 2 * DAY);
    merge_runs();
    assert_string_equal(of_user("u"), "back 2 u, new 1 u, ");
    see("gone", "u", "3");
    assert_string_equal(of_user("u"), "back 2 u, gone 3 u, new 1 u, ");
}

/* --- clocks */

static void
test_clock_ahead(void **unused)
{
    (void) unused;
    now_ms = NOW + 400 * DAY;
    see("d", "u", "wrong");
    now_ms = NOW;
    see("d", "u", "right");
    assert_string_equal(of_user("u"), "d right u, ");
    merge_logs();
    merge_runs();
    assert_string_equal(of_user("u"), "d right u, ");
}

/* --- logs that were cut or damaged */

static void
test_torn_log(void **unused)
{
    mds_device_log_t log = { .dir = dir, .fd = -1 };
    mds_device_t     seen[3];
    uint64_t         bytes[4] = { 0 };
    char             name[128];
    char            *data;
    size_t           len;

    (void) unused;
    seen[0] = device("d0", "u", "1");
    seen[1] = device("d1", "u", "1");
    seen[2] = device("d2", "u", "1");

    for (int i = 0; i < 3; i++) {
        append(&log, &seen[i], 1);
        bytes[i + 1] = log.bytes;
    }

    snprintf(name, sizeof(name), "state/devices/%s", log.name);
    mds_device_log_close(&log);
    data = workdir_read(name, &len);

    for (size_t cut = 0; cut <= len; cut++) {
        uint64_t whole = 0;

        workdir_write(name, data, cut);

        while (whole < 3 && bytes[whole + 1] <= cut) {
            whole++;
        }

        assert_int_equal(count_devices(), whole);
    }

    /* A frame in the middle: the others are read, and the check says so. */
    for (size_t at = bytes[1]; at < bytes[2]; at++) {
        mds_registry_t *registry;

        data[at] = (char) (data[at] ^ 1);
        workdir_write(name, data, len);
        data[at] = (char) (data[at] ^ 1);
        assert_int_equal(count_devices(), 2);
        registry = open_registry();
        assert_int_equal(mds_registry_audit(registry, &err), MDS_DAMAGED);
        mds_registry_close(registry);
    }

    merge_logs();
    assert_int_equal(count_devices(), 2);
    free(data);
}

/* A record that is not UTF-8 is not written, and one that is read ends what is
 * valid of its frame. */
static void
test_log_is_utf8(void **unused)
{
    mds_device_logs_t logs = { 0 };
    mds_device_t      seen = device("d", "u", "\xff");
    uint8_t           bytes[512] = "mdl1";
    size_t            len = mds_device_encode(&seen, 0, bytes + 16);

    (void) unused;
    see("d", "u", "\xff");
    assert_int_equal(count_devices(), 0);

    mds_store_be32(bytes + 4, (uint32_t) len);
    mds_store_be64(bytes + 8,
                   mds_siphash((const uint8_t *) "mds device frame",
                               (mds_str_t){ len, (char *) bytes + 16 }));
    assert_int_equal(mds_device_logs_add(&logs, bytes, 16 + len, &err), MDS_OK);
    assert_int_equal(logs.count, 0);
    assert_true(logs.damaged);
    mds_device_logs_free(&logs);
}

/* A log without room, or without a name any more. */
static void
test_log_lost(void **unused)
{
    mds_device_log_t log = { .dir = dir, .fd = -1 };
    mds_device_t     seen = device("d", "u", "1");

    (void) unused;
    append(&log, &seen, 1);
    assert_true(shell("rm state/devices/log-*"));
    append(&log, &seen, 1);
    assert_int_equal(count_devices(), 1);

    /* While it is written to, nobody merges it. */
    merge_logs();
    assert_int_equal(workdir_count("state/devices", "run-"), 0);
    mds_device_log_close(&log);
    merge_logs();
    assert_int_equal(workdir_count("state/devices", "run-"), 1);
}

/* --- runs that are damaged */

static const char *
one_run(void)
{
    static char name[MDS_DEVICE_NAME_BYTES];
    mds_device_files_t files = list_files();

    assert_true(files.count > 0);
    assert_int_equal(files.files[0].kind, MDS_DEVICE_FILE_RUN);
    strcpy(name, files.files[0].name);
    mds_device_files_free(&files);
    return name;
}

static mds_status_t
check_run(const char *name)
{
    mds_device_run_t *run;
    mds_status_t      status = mds_device_run_open(dir, name, &err, &run);

    if (status == MDS_OK) {
        status = mds_device_run_check(run, &err);
        mds_device_run_close(run);
    }

    return status;
}

static void
test_damaged_run(void **unused)
{
    char   path[128], id[32];
    char  *data;
    size_t len;

    (void) unused;

    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "%016x", i);
        see(id, i % 2 ? "u" : "", i % 3 ? "1" : "2");
    }

    merge_logs();
    snprintf(path, sizeof(path), "state/devices/%s", one_run());
    data = workdir_read(path, &len);
    assert_int_equal(check_run(one_run()), MDS_OK);

    for (size_t i = 0; i < len; i++) {
        data[i] = (char) (data[i] ^ 0x10);
        workdir_write(path, data, len);
        data[i] = (char) (data[i] ^ 0x10);
        assert_int_equal(check_run(one_run()), MDS_DAMAGED);
    }

    for (size_t i = 0; i < len; i += 7) {
        workdir_write(path, data, i);
        assert_int_equal(check_run(one_run()), MDS_DAMAGED);
    }

    /* A merge sets it aside, and goes on with all others. */
    data[5] = (char) (data[5] ^ 1);
    workdir_write(path, data, len);
    see("other", "v", "1");
    set_clock(now_ms + 1000);
    merge_logs();
    {
        mds_registry_merged_t merged;

        assert_int_equal(mds_registry_merge_runs(dir, &limits, now_ms, &never,
                                                 &err, &merged),
                         MDS_DAMAGED);
    }
    assert_int_equal(workdir_count("state/devices", "damaged-"), 1);
    merge_runs();
    assert_string_equal(of_user("v"), "other 1 v, ");
    assert_int_equal(count_devices(), 1);
    free(data);
}

/* Whatever bit of a run is wrong, a merge does not write it under a new hash. */
static void
test_merge_checks(void **unused)
{
    char   path[128], name[MDS_DEVICE_NAME_BYTES], id[32];
    char  *data;
    size_t len;

    (void) unused;

    for (int i = 0; i < 21; i++) {
        snprintf(id, sizeof(id), "%016x", i);
        see(id, i % 2 ? "u" : "", i % 3 ? "1" : "2");
    }

    merge_logs();
    strcpy(name, one_run());
    snprintf(path, sizeof(path), "state/devices/%s", name);
    data = workdir_read(path, &len);

    for (size_t i = 0; i < len; i++) {
        mds_registry_merged_t merged;
        mds_status_t          status;
        char                  aside[MDS_DEVICE_NAME_BYTES + 16];

        data[i] = (char) (data[i] ^ 1);
        workdir_write(path, data, len);
        data[i] = (char) (data[i] ^ 1);
        assert_true(look().merge_runs);
        status = mds_registry_merge_runs(dir, &limits, now_ms, &never, &err,
                                         &merged);
        assert_true(status == MDS_DAMAGED || status == MDS_OK);
        snprintf(aside, sizeof(aside), "damaged-%s", name);
        assert_int_equal(unlinkat(dir, aside, 0), 0);
        assert_int_equal(count_devices(), 0);
    }

    free(data);
}

/* Blocks of a user that are not in order are damage: a run that repeats them
 * would make a reader collect the same devices again and again. */
static void
test_users_order(void **unused)
{
    mds_device_log_t log = { .dir = dir, .fd = -1 };
    mds_registry_t *registry;
    char            path[128], id[32];
    uint8_t        *data, *users, *last, block[4];
    size_t          len;

    (void) unused;

    for (int i = 0; i < 1000; i++) {
        mds_device_t seen;

        snprintf(id, sizeof(id), "%016x", i);
        seen = device(id, "u", "1");
        append(&log, &seen, 1);
    }

    mds_device_log_close(&log);
    merge_logs();
    snprintf(path, sizeof(path), "state/devices/%s", one_run());
    data = (uint8_t *) workdir_read(path, &len);
    last = data + len - sizeof(mds_device_trailer_t) - 8;
    users = last - 999 * (size_t) 8;
    assert_int_equal(mds_load_be32(users + 4), 0);
    assert_true(mds_load_be32(last + 4) > 0);
    memcpy(block, users + 4, 4);
    memcpy(users + 4, last + 4, 4);
    memcpy(last + 4, block, 4);
    workdir_write(path, data, len);

    registry = open_registry();
    said_len = 0;
    assert_int_equal(mds_registry_visit_user(registry, mds_str("app"),
                                             mds_str("u"), say, NULL, &err),
                     MDS_DAMAGED);
    assert_non_null(strstr(err.text, "its users are not in order"));
    mds_registry_close(registry);
    free(data);
}

/* --- foreign files, which stop no merge */

#define SOCKET "a socket"

static void
make_foreign(const char *make_it, const char *name)
{
    if (strcmp(make_it, SOCKET) == 0) {
        assert_int_equal(mknodat(dir, name, S_IFSOCK | 0600, 0), 0);
    } else {
        assert_true(shell("cd state/devices && %s %s", make_it, name));
    }
}

/* Checks that a merge of logs sets a file aside, and merges all others. */
static void
check_set_aside(const char *name, const char *why)
{
    char                  aside[128], path[128];
    mds_registry_merged_t merged;
    uint64_t              before;

    snprintf(aside, sizeof(aside), "state/devices/damaged-%s", name);
    snprintf(path, sizeof(path), "state/devices/%s", name);
    see(name, "u", "1");
    assert_true(look().merge_logs);
    merged = merge_logs();
    assert_int_equal(merged.set_aside, 1);
    assert_non_null(strstr(merged.why.text, why));
    assert_false(workdir_has(path));
    assert_true(shell("test -e '%s' -o -L '%s'", aside, aside));
    assert_int_equal(workdir_count("state/devices", "log-"), 0);
    assert_false(look().merge_logs);
    before = count_devices();
    assert_true(before > 0);
    assert_true(shell("rm -r '%s'", aside));
    assert_int_equal(count_devices(), before);
}

static void
test_set_aside(void **unused)
{
    static const char *const prefixes[] = { "log", "forget", "forgot" };
    static const char *const makes[]
        = { "mkfifo", "mkdir", "ln -s /dev/zero", "truncate -s 1T", SOCKET };
    static const char *const whys[]
        = { "must be a regular file", "must be a regular file",
            "must be a regular file", "must have at most",
            "must be a regular file" };
    mds_device_files_t files;
    int64_t            seen_ms = 0;
    char               name[64];

    (void) unused;

    for (size_t i = 0; i < mds_nelems(prefixes) * mds_nelems(makes); i++) {
        const char *make_it = makes[i % mds_nelems(makes)];

        snprintf(name, sizeof(name), "%s-00000000000000ff-%08zx",
                 prefixes[i / mds_nelems(makes)], i);
        make_foreign(make_it, name);

        /* Registration goes on meanwhile. */
        files = list_files();
        assert_int_equal(mds_registry_take_forgotten(dir, &files, NULL,
                                                     &seen_ms, &err),
                         MDS_OK);
        mds_device_files_free(&files);
        check_set_aside(name, whys[i % mds_nelems(makes)]);
    }

    /* Another user's. */
    assert_true(shell("cd state/devices && touch log-00000000000000ff-0000000a"
                      " && chmod 0 log-*"));
    if (geteuid() == 0) {
        assert_true(shell("chown 12345 state/devices/log-*"));
    }
    check_set_aside("log-00000000000000ff-0000000a",
                    geteuid() == 0 ? "must belong to user" : "failed to open");

    /* One that is being created is left alone. */
    snprintf(name, sizeof(name), "log-%016llx-0000000a",
             (unsigned long long) now_ms);
    assert_true(shell("mkfifo state/devices/%s", name));
    see("e", "u", "1");
    assert_int_equal(merge_logs().set_aside, 0);
    assert_true(shell("rm state/devices/%s", name));

    /* A run, too; of the highest serial, which no other could follow. */
    set_clock(now_ms + 2 * DAY);
    assert_true(shell("mkfifo state/devices/run-0-00000000000000ff-00000000"));
    assert_int_equal(merge_runs().set_aside, 1);
    assert_int_equal(workdir_count("state/devices", "run-"), 1);
    assert_true(shell("cd state/devices && cp run-9* run-0-3fffffffffffffff-"
                      "00000000"));
    see("f", "u", "1");
    assert_int_equal(merge_logs().set_aside, 1);
    set_clock(now_ms + 2 * DAY);
    assert_int_equal(merge_runs().set_aside, 0);
    assert_int_equal(workdir_count("state/devices", "damaged-run-"), 2);
    assert_int_equal(count_devices(), 18);
}

/* Nothing stands in the place of a lock or of the counts for long. */
static void
test_foreign_names(void **unused)
{
    static const char *const makes[]
        = { "mkfifo", "mkdir", "ln -s /dev/zero", SOCKET };
    static const char *const names[]
        = { "counts", "workers.lock", "logs.lock", "runs.lock" };
    mds_registry_counts_t add = { .dropped = 1 }, counts;

    (void) unused;

    for (size_t i = 0; i < mds_nelems(makes) * mds_nelems(names); i++) {
        const char           *name = names[i / mds_nelems(makes)];
        mds_registry_merged_t merged = { 0 };
        int                   lock;

        assert_true(shell("rm -rf state/devices/%s", name));
        make_foreign(makes[i % mds_nelems(makes)], name);
        mds_registry_set_foreign_aside(dir, &merged);
        assert_int_equal(merged.set_aside, 1);
        assert_non_null(strstr(merged.why.text, "must be a regular file"));
        assert_non_null(strstr(merged.why.text, name));
        assert_int_equal(mds_registry_counts_add(dir, &add, &err, &counts),
                         MDS_OK);
        assert_int_equal(
            mds_device_lock(dir, "workers.lock", true, &err, &lock), MDS_OK);
        close(lock);
        see("d", "u", "1");
        merge_logs();
        merge_runs();
        mds_registry_set_foreign_aside(dir, &merged);
        assert_int_equal(merged.set_aside, 1);
    }

    /* A merge finds that of its lock by itself. */
    assert_true(shell("rm state/devices/logs.lock"));
    make_foreign(SOCKET, "logs.lock");
    see("e", "u", "1");
    assert_int_equal(merge_logs().set_aside, 1);
    assert_int_equal(count_devices(), 2);
}

/* A merge has only so many logs open; the next takes the others. */
static void
test_many_logs(void **unused)
{
    char id[32];

    (void) unused;

    for (int i = 0; i < 150; i++) {
        snprintf(id, sizeof(id), "%d", i);
        see(id, "u", "1");
    }

    merge_logs();
    assert_int_equal(workdir_count("state/devices", "log-"), 150 - 128);
    assert_int_equal(count_devices(), 150);
    assert_true(look().merge_logs);
    merge_logs();
    assert_int_equal(workdir_count("state/devices", "log-"), 0);
    assert_int_equal(count_devices(), 150);
}

/* Merges have only so many runs open, and forget nothing meanwhile. */
static void
test_many_runs(void **unused)
{
    char id[32];
    int  merges = 0;

    (void) unused;
    see("gone", "v", "1");
    merge_logs();
    set_clock(now_ms + 1);
    assert_int_equal(forget("v"), 1);
    set_clock(now_ms + 20000);
    assert_true(shell("cd state/devices && mv forget-* "
                      "forgot-%016llx-00000000", (long long) NOW + 1));
    merge_logs();

    for (int i = 0; i < 600; i++) {
        snprintf(id, sizeof(id), "%d", i);
        set_clock(now_ms + 1);
        see(id, "u", "1");
        merge_logs();
    }

    /* An older record of the device that is forgotten comes last. */
    now_ms = NOW;
    see("gone", "v", "1");
    set_clock(NOW + 200000);
    merge_logs();
    assert_int_equal(workdir_count("state/devices", "run-"), 603);

    for (; merges < 10 && look().merge_runs; merges++) {
        merge_runs();
    }

    assert_int_equal(merges, 3);
    assert_int_equal(workdir_count("state/devices", "run-"), 1);
    assert_int_equal(count_devices(), 600);
    assert_string_equal(of_user("v"), "");
}

/* A merge takes a new log, and removes it, before its writer has locked it. */
static bool merge_at_lock;

int
flock(int fd, int operation)
{
    if (merge_at_lock) {
        merge_at_lock = false;
        merge_logs();
    }

    return (int) syscall(SYS_flock, fd, operation);
}

static void
test_log_taken(void **unused)
{
    (void) unused;
    merge_at_lock = true;
    see("d", "u", "1");
    assert_false(merge_at_lock);
    assert_string_equal(of_user("u"), "d 1 u, ");
}

/* --- merges that were stopped or killed */

static void
test_killed_merge(void **unused)
{
    static const char *users[] = { "u", "v" };
    mds_registry_merged_t merged;
    atomic_bool           now;
    char                  id[32];

    (void) unused;
    atomic_init(&now, true);

    for (int i = 0; i < 3000; i++) {
        snprintf(id, sizeof(id), "%016x", i * 77);
        if (i % 100 == 0) {
            see(id, users[i / 100 % 2], "1");
        }
    }

    assert_int_equal(count_devices(), 30);
    assert_int_equal(mds_registry_merge_logs(dir, &limits, now_ms, &now, &err,
                                             &merged),
                     MDS_AGAIN);
    assert_int_equal(count_devices(), 30);
    assert_int_equal(workdir_count("state/devices", "run-"), 0);

    /* Killed before the logs were removed: they are merged once more. */
    assert_true(shell("mkdir kept; cp state/devices/log-* kept"));
    merge_logs();
    assert_true(shell("cp kept/* state/devices; echo x >"
                      " state/devices/.tmp-run-1"));
    assert_int_equal(count_devices(), 30);
    merge_logs();
    assert_true(shell("rm -r kept; mkdir kept; cp state/devices/run-* kept"));
    merge_runs();
    assert_false(workdir_has("state/devices/.tmp-run-1"));
    assert_true(shell("cp kept/* state/devices"));
    assert_int_equal(count_devices(), 30);
    set_clock(now_ms + 1000);
    merge_runs();
    assert_int_equal(count_devices(), 30);
    assert_int_equal(workdir_count("state/devices", "run-"), 1);

    /* One at a time. */
    {
        int lock;

        assert_int_equal(mds_device_lock(dir, "runs.lock", false, &err, &lock),
                         MDS_OK);
        assert_true(lock >= 0 && merge_runs().busy);
        close(lock);
        assert_false(merge_runs().busy);
    }
}

/* --- counts, which are locked by no waiting */

static void
test_counts(void **unused)
{
    mds_registry_counts_t add = { .dropped = 2, .max_bytes = 7 }, counts;
    int                   pipes[2];
    char                  byte;
    pid_t                 child;

    (void) unused;
    assert_int_equal(mds_registry_counts_read(dir).folder, 0);
    assert_int_equal(mds_registry_counts_add(dir, &add, &err, &counts), MDS_OK);
    assert_true(counts.folder != 0);
    assert_int_equal(counts.dropped, 2);
    assert_int_equal(mds_registry_counts_read(dir).folder, counts.folder);

    /* Another process has the lock until the pipe is closed. */
    assert_int_equal(pipe(pipes), 0);
    child = fork();

    if (child == 0) {
        int fd = open(workdir("state/devices/counts"), O_RDWR);

        /* Without the test, it must not live for ever. */
        alarm(60);
        byte = lockf(fd, F_LOCK, 0) == 0 ? 'l' : 'x';
        (void) !write(pipes[1], &byte, 1);
        close(pipes[1]);
        pause();
        _exit(0);
    }

    close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(byte, 'l');
    alarm(20);
    assert_int_equal(mds_registry_counts_add(dir, &add, &err, &counts),
                     MDS_AGAIN);
    alarm(0);
    assert_int_equal(mds_registry_counts_read(dir).dropped, 2);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(mds_registry_counts_add(dir, &add, &err, &counts), MDS_OK);
    assert_int_equal(counts.dropped, 4);
    close(pipes[0]);
}

/* --- bounds */

static void
test_full(void **unused)
{
    mds_device_log_t      log = { .dir = dir, .fd = -1 };
    mds_registry_merged_t merged;
    mds_registry_due_t    due;
    uint64_t              dropped = 0;
    char                  id[32];

    (void) unused;
    limits.max_bytes = 256 * 1024;

    for (int i = 0; i < 20000; i++) {
        mds_device_t seen;

        snprintf(id, sizeof(id), "%08x%08x", i * 2654435761u, i);
        seen = device(id, "", "1");
        append(&log, &seen, 1);

        if (i % 100 == 99) {
            mds_device_log_close(&log);
            now_ms += 1000;
            due = look();
            assert_true(due.room > 0);
            merge_logs();
            merged = merge_runs();
            dropped += merged.dropped;
        }
    }

    assert_in_range(dropped, 5000, 15000);
    assert_int_equal(count_devices(), 20000 - dropped);

    /* Who is known is kept up to date. */
    snprintf(id, sizeof(id), "%08x%08x", 0, 0);
    now_ms += 1000;
    see(id, "somebody", "2");
    merge_logs();
    assert_int_equal(merge_runs().dropped, 0);
    assert_string_equal(of_user("somebody"), "0000000000000000 2 somebody, ");

    limits.max_bytes = 4096;
    due = look();
    assert_int_equal(due.room, 0);
    mds_device_log_close(&log);
}

/* --- the filter */

static mds_device_filter_t *filter;

static mds_filter_key_t
key_of(const char *id, const char *version, int64_t ms)
{
    mds_device_t seen = device(id, "u", version);

    return mds_device_filter_key(filter, &seen, ms, DAY);
}

static bool
has(const char *id, const char *version)
{
    return mds_device_filter_has(filter, key_of(id, version, NOW));
}

static void
test_filter(void **unused)
{
    size_t bytes = mds_device_filter_bytes(1 << 20);
    void  *memory = aligned_alloc(MDS_FILTER_LINE, bytes);
    char   id[32];
    int    known = 0, wrong = 0, days = 0;

    (void) unused;
    memset(memory, 0, bytes);
    filter = mds_device_filter_init(memory, bytes);
    mds_device_filter_bind(filter, 1);

    assert_false(has("d", "1"));
    mds_device_filter_add(filter, key_of("d", "1", NOW));
    assert_true(has("d", "1"));
    assert_false(has("d", "2"));
    assert_false(has("e", "1"));

    /* What a device was before is forgotten. */
    mds_device_filter_add(filter, key_of("d", "2", NOW));
    assert_true(has("d", "2"));
    assert_false(has("d", "1"));
    mds_device_filter_add(filter, key_of("d", "1", NOW));
    assert_true(has("d", "1"));

    /* A day of it ends once within a day. */
    for (int64_t ms = NOW; ms <= NOW + DAY; ms += DAY / 100) {
        days += mds_device_filter_has(filter, key_of("d", "1", ms)) ? 0 : 1;
    }

    assert_in_range(days, 1, 100);
    assert_false(mds_device_filter_has(filter, key_of("d", "1", NOW + DAY)));
    assert_false(
        mds_device_filter_has(filter, key_of("d", "1", NOW + 4 * DAY)));

    mds_device_filter_remove(filter, mds_str("app"), mds_str("d"));
    assert_false(has("d", "1"));

    /* It grows, and nobody is taken for known who is not. */
    for (int i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "device-%d", i);
        wrong += has(id, "1") ? 1 : 0;
        mds_device_filter_add(filter, key_of(id, "1", NOW));
        assert_true(has(id, "1"));
    }

    assert_int_equal(wrong, 0);

    for (int i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "device-%d", i);
        known += has(id, "1") ? 1 : 0;
        wrong += has(id, "2") ? 1 : 0;
    }

    assert_in_range(known, 50000, 100000);
    assert_in_range(wrong, 0, 5);

    /* Another folder knows nobody. */
    mds_device_filter_bind(filter, 1);
    assert_true(has("device-99999", "1"));
    mds_device_filter_bind(filter, 2);
    assert_false(has("device-99999", "1"));
    free(memory);
}

/* --- names, and forgetting by another process */

static void
test_forgotten_in_filter(void **unused)
{
    size_t  bytes = mds_device_filter_bytes(1 << 16);
    void   *memory = aligned_alloc(MDS_FILTER_LINE, bytes);
    int64_t seen_ms = 0;

    mds_device_files_t files;

    (void) unused;
    memset(memory, 0, bytes);
    filter = mds_device_filter_init(memory, bytes);
    see("d", "u", "1");
    mds_device_filter_add(filter, key_of("d", "1", NOW));
    set_clock(now_ms + 1000);
    assert_int_equal(forget("nobody"), 0);
    assert_int_equal(workdir_count("state/devices", "forg"), 0);
    assert_int_equal(forget("u"), 1);
    assert_int_equal(workdir_count("state/devices", "forget-"), 1);
    files = list_files();
    assert_int_equal(mds_registry_take_forgotten(dir, &files, filter, &seen_ms,
                                                 &err),
                     MDS_OK);
    mds_device_files_free(&files);
    assert_int_equal(workdir_count("state/devices", "forget-"), 0);
    assert_int_equal(workdir_count("state/devices", "forgot-"), 1);
    assert_false(has("d", "1"));
    assert_int_equal(count_devices(), 0);
    set_clock(now_ms + 1000);
    see("d", "u", "1");
    assert_string_equal(of_user("u"), "d 1 u, ");
    free(memory);
}

static void
test_names(void **unused)
{
    static const char *const others[]
        = { "", ".", "run-", "run-0-0", "data.mdb", "log-1",
            "run-a-0000000000000001-00000000",
            "run-0-000000000000000A-00000000",
            "run-0-0000000000000001-00000000x",
            "log-0000000000000001-0000000", "counts",
            "log-4000000000000000-00000000",
            "run-0-ffffffffffffffff-00000000",
            "run-0-4000000000000000-00000000" };
    mds_device_file_t file;

    (void) unused;

    for (size_t i = 0; i < mds_nelems(others); i++) {
        assert_int_equal(mds_device_file_parse(others[i], &file),
                         MDS_DEVICE_FILE_OTHER);
    }

    assert_int_equal(
        mds_device_file_parse("run-9-00000000000000ff-00000002", &file),
        MDS_DEVICE_FILE_RUN);
    assert_int_equal(file.level, 9);
    assert_int_equal(file.serial, 255);
    assert_int_equal(file.part, 2);
    assert_int_equal(
        mds_device_file_parse("run-0-3fffffffffffffff-00000000", &file),
        MDS_DEVICE_FILE_RUN);
    assert_int_equal(
        mds_device_file_parse("log-00000000000000ff-0000000a", &file),
        MDS_DEVICE_FILE_LOG);
}

/* What is no regular file is refused, and waited for by nobody. */
static void
test_irregular(void **unused)
{
    static const char *const makes[]
        = { "mkfifo", "mkdir", "ln -s /dev/zero", SOCKET };
    mds_registry_t *registry;

    (void) unused;

    for (size_t i = 0; i < mds_nelems(makes); i++) {
        assert_true(shell("rm -rf state/devices/log-*"));
        make_foreign(makes[i], "log-00000000000000ff-0000000a");
        assert_int_equal(mds_registry_open(workdir("."), &err, &registry),
                         MDS_INVALID);
        assert_non_null(strstr(err.text, "must be a regular file"));
    }
}

static bool
sighted(const char *query, mds_device_t *seen)
{
    static char          buffer[1024];
    static mds_request_t request;

    request = (mds_request_t){ 0 };
    assert_int_equal(mds_request_parse(&request, mds_str_of(query), buffer,
                                       &err),
                     MDS_OK);
    assert_int_equal(mds_request_validate(&request, &err), MDS_OK);

    return mds_registration_from_request(&request, seen);
}

static void
test_sighting(void **unused)
{
    mds_device_t seen;

    (void) unused;
    assert_true(sighted("app=a&kind=upgrade&device=d&version=1&user=u", &seen));
    assert_true(mds_str_eq(seen.app, mds_str("a")));
    assert_true(mds_str_eq(seen.device, mds_str("d")));
    assert_true(mds_str_eq(seen.version, mds_str("1")));
    assert_true(mds_str_eq(seen.user, mds_str("u")));

    assert_true(
        sighted("app=a&kind=bundle&device=d&version=9&app_version=2", &seen));
    assert_true(mds_str_eq(seen.version, mds_str("2")));
    assert_int_equal(seen.user.len, 0);

    assert_false(sighted("app=a&kind=upgrade&device=d", &seen));
    assert_false(sighted("app=a&kind=upgrade&version=1", &seen));
    assert_false(sighted("app=a&kind=bundle&device=d&version=9", &seen));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

/* All devices, a sample of them, and more versions than are listed. */
static void
test_versions(void **unused)
{
    static mds_device_t      devices[4000];
    static char              ids[4000][16], numbers[300][16];
    mds_device_log_t         log = { .dir = dir, .fd = -1 };
    mds_registry_t          *registry;
    mds_registry_versions_t *counted;

    (void) unused;

    for (size_t i = 0; i < 4000; i++) {
        snprintf(ids[i], sizeof(ids[i]), "d%zu", i);
        devices[i] = device(ids[i], "", i % 4 == 0 ? "2.0" : "1.0");
    }

    append(&log, devices, 4000);
    (void) merge_logs();
    set_clock(NOW + 1000);
    see("d1", "", "2.0"); /* it was 1.0 */
    registry = open_registry();
    assert_int_equal(
        mds_registry_count_versions(registry, 4000, &err, &counted), MDS_OK);
    assert_true(counted->exact);
    assert_int_equal(counted->devices, 4000);
    assert_int_equal(counted->count, 2);
    assert_true(mds_str_eq(counted->versions[0].version, mds_str("1.0")));
    assert_int_equal(counted->versions[0].devices, 2999);
    assert_int_equal(counted->versions[1].devices, 1001);
    mds_registry_versions_free(counted);

    assert_int_equal(
        mds_registry_count_versions(registry, 1000, &err, &counted), MDS_OK);
    assert_false(counted->exact);
    assert_in_range(counted->devices, 3600, 4400);
    assert_in_range(counted->versions[0].devices, 2600, 3400);
    mds_registry_versions_free(counted);
    mds_registry_close(registry);

    for (size_t i = 0; i < 300; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "3.%zu", i);
        devices[i] = device(ids[i], "", numbers[i]);
    }

    append(&log, devices, 300);
    mds_device_log_close(&log);
    registry = open_registry();
    assert_int_equal(
        mds_registry_count_versions(registry, 4000, &err, &counted), MDS_OK);
    assert_int_equal(counted->count, MDS_REGISTRY_VERSIONS_MAX);
    assert_true(counted->other >= 44);
    assert_int_equal(counted->devices, 4000);
    mds_registry_versions_free(counted);
    mds_registry_close(registry);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names),        TEST(model),
        TEST(leaves_disk),  TEST(stays_forgotten),
        TEST(forget_before),
        TEST(clock_ahead),  TEST(torn_log),
        TEST(log_is_utf8),  TEST(log_lost),     TEST(damaged_run), TEST(users_order), TEST(set_aside), TEST(foreign_names), TEST(many_logs), TEST(many_runs), TEST(merge_checks), TEST(log_taken),
        TEST(killed_merge), TEST(counts), TEST(full),
        TEST(filter),       TEST(forgotten_in_filter),
        TEST(irregular),    TEST(sighting),
        TEST(versions),
    };

    return cmocka_run_group_tests(tests, make, workdir_remove);
}
