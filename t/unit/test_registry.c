/* Which device runs what: written when it is news, found by app and by user. */

#include <stdio.h>

#include "request/mds_registration.h"
#include "state/mds_registry_internal.h"
#include "state/mds_state.h"
#include "workdir.h"

#define NOW INT64_C(1790000000000)
#define DAY INT64_C(86400000)

static mds_error_t     err;
static mds_registry_t *registry;
static char            said[4096];
static const char     *platform = "ios";

static int
make(void **unused)
{
    if (workdir_make(unused) != 0 || !shell("mkdir state")
        || mds_registry_ensure(workdir("."), &err) != MDS_NOT_FOUND
        || mds_state_create(workdir("."), -1, -1, &err) != MDS_OK
        || mds_registry_ensure(workdir("."), &err) != MDS_OK)
    {
        return -1;
    }

    return mds_registry_open(workdir("."), &err, &registry) == MDS_OK ? 0 : -1;
}

static int
unmake(void **unused)
{
    mds_registry_close(registry);
    return workdir_remove(unused);
}

static mds_registration_t
registration(const char *device, const char *user, const char *version,
         char key[64])
{
    int len = snprintf(key, 64, "app%c%s", 0, device);

    return (mds_registration_t){ { (size_t) len, key },
                             mds_str_of(user),
                             mds_str_of(platform),
                             mds_str_of(version) };
}

/* Whether it was news; written either way, which has to come to the same. */
static bool
see(const char *device, const char *user, const char *version, int64_t now_ms)
{
    char                key[64];
    bool                news, same;
    mds_registration_t      s = registration(device, user, version, key);
    mds_registry_result_t told = { 0 };

    assert_int_equal(mds_registry_begin(registry, &err), MDS_OK);
    assert_int_equal(mds_registry_is_stale(registry, &s, now_ms, &err, &news),
                     MDS_OK);
    mds_registry_end(registry);

    assert_true(shell("cp state/devices/data.mdb before"));
    assert_int_equal(mds_registry_write(registry, &s, 1, now_ms, &err, &told),
                     MDS_OK);
    assert_int_equal(told.dropped + told.damaged, 0);
    same = workdir_same("before", "state/devices/data.mdb");
    assert_int_equal(news, !same);

    return news;
}

static mds_status_t
say(void *data, const mds_device_t *device, mds_error_t *e)
{
    size_t len = strlen(said);

    (void) data;
    (void) e;
    snprintf(said + len, sizeof(said) - len, "%.*s %.*s %.*s %.*s, ",
             MDS_STR(device->device), MDS_STR(device->platform),
             MDS_STR(device->version), MDS_STR(device->user));

    return MDS_OK;
}

static const char *
of_user(const char *user)
{
    said[0] = '\0';
    assert_int_equal(mds_registry_begin(registry, &err), MDS_OK);
    assert_int_equal(mds_registry_visit_user(registry, mds_str("app"),
                                          mds_str_of(user), say, NULL, &err),
                     MDS_OK);
    mds_registry_end(registry);

    return said;
}

static const char *
of_app(const char *app)
{
    said[0] = '\0';
    assert_int_equal(mds_registry_begin(registry, &err), MDS_OK);
    assert_int_equal(mds_registry_visit_devices(registry, mds_str_of(app), say, NULL,
                                          &err),
                     MDS_OK);
    mds_registry_end(registry);

    return said;
}

static void
test_news(void **unused)
{
    (void) unused;
    assert_string_equal(of_app("app"), "");
    assert_true(see("d", "u", "1.0", NOW));
    assert_false(see("d", "u", "1.0", NOW));
    assert_false(see("d", "u", "1.0", NOW + DAY - 1));
    assert_true(see("d", "u", "1.0", NOW + DAY));
    assert_false(see("d", "u", "1.0", NOW + DAY + DAY - 1));
    assert_true(see("d", "u", "1.1", NOW + DAY));
    assert_true(see("d", "u", "1.0", NOW + DAY));

    /* A clock that was far ahead does not hold it for ever. */
    assert_true(see("d", "u", "1.0", NOW + 400 * DAY));
    assert_true(see("d", "u", "1.0", NOW));
    assert_string_equal(of_app("app"), "d ios 1.0 u, ");

    platform = "android";
    assert_true(see("d", "u", "1.0", NOW));
    assert_false(see("d", "u", "1.0", NOW));
    assert_string_equal(of_app("app"), "d android 1.0 u, ");
    platform = "ios";
    assert_true(see("d", "u", "1.0", NOW));
}

static uint64_t
owners(void)
{
    uint64_t count;

    assert_int_equal(mds_registry_begin(registry, &err), MDS_OK);
    count = mds_lmdb_count(registry->env.reader, MDS_REGISTRY_OWNERS);
    mds_registry_end(registry);

    return count;
}

static void
test_users(void **unused)
{
    (void) unused;
    assert_true(see("e", "u", "2", NOW));
    assert_string_equal(of_user("u"), "d ios 1.0 u, e ios 2 u, ");
    assert_true(see("d", "v", "1.0", NOW));
    assert_string_equal(of_user("u"), "e ios 2 u, ");
    assert_string_equal(of_user("v"), "d ios 1.0 v, ");
    assert_int_equal(owners(), 2);
    assert_true(see("d", "", "1.0", NOW));
    assert_string_equal(of_user("v"), "");
    assert_string_equal(of_user(""), "");
    assert_int_equal(owners(), 1);
    assert_true(see("d", "u", "1.0", NOW));
    assert_string_equal(of_user("u"), "d ios 1.0 u, e ios 2 u, ");

    /* Names that begin alike. */
    assert_string_equal(of_user("uu"), "");
    assert_string_equal(of_app("ap"), "");
    assert_string_equal(of_app("appp"), "");
    assert_string_equal(of_app("app"), "d ios 1.0 u, e ios 2 u, ");
}

/* Records that nobody wrote. */
static void
test_hostile(void **unused)
{
    static const char bytes[] = "\0\0\0\0\0\0\0\1no zero at all";
    mds_str_t         key = { 7, "bad\0bad" };
    mds_registration_t    seen = { .device = key };
    bool              news;

    (void) unused;

    for (size_t len = 0; len < sizeof(bytes); len++) {
        assert_int_equal(mds_lmdb_write(registry->env.writer, &err), MDS_OK);
        mds_lmdb_put(registry->env.writer, MDS_REGISTRY_DEVICES, key,
                     (mds_str_t){ len, bytes });
        assert_int_equal(mds_lmdb_commit(registry->env.writer, &err), MDS_OK);

        said[0] = '\0';
        assert_int_equal(mds_registry_begin(registry, &err), MDS_OK);
        assert_int_equal(mds_registry_visit_devices(registry, mds_str("bad"), say, NULL,
                                              &err),
                         len < 8 ? MDS_DAMAGED : MDS_OK);
        assert_int_equal(mds_registry_is_stale(registry, &seen, NOW, &err, &news),
                         len < 8 ? MDS_DAMAGED : MDS_OK);
        mds_registry_end(registry);
    }
}

/* A file that is damaged has keys that no device has: they are removed as others
 * are, and no key of them is made, nor kept as the place of the sweep. */
static void
test_long_keys(void **unused)
{
    static const char   value[] = "\0\0\0\0\0\0\0\1ios\0" "1\0user";
    char                key[501];
    uint64_t            dropped = 0;
    mds_registry_stat_t before, stat;

    (void) unused;
    assert_int_equal(mds_registry_begin(registry, &err), MDS_OK);
    assert_int_equal(mds_registry_stat(registry, &err, &before), MDS_OK);
    mds_registry_end(registry);

    assert_int_equal(mds_lmdb_write(registry->env.writer, &err), MDS_OK);

    for (int i = 0; i < 600; i++) {
        snprintf(key, sizeof(key), "big%c%0496d", 0, i);
        mds_lmdb_put(registry->env.writer, MDS_REGISTRY_DEVICES,
                     (mds_str_t){ 500, key },
                     (mds_str_t){ sizeof(value) - 1, value });
    }

    assert_int_equal(mds_lmdb_commit(registry->env.writer, &err), MDS_OK);

    mds_registry_set_limits(registry, 0, 10 * DAY);
    assert_int_equal(mds_registry_expire(registry, &dropped, NOW, &err),
                     MDS_OK);

    assert_int_equal(mds_registry_begin(registry, &err), MDS_OK);
    assert_int_equal(mds_registry_stat(registry, &err, &stat), MDS_OK);
    mds_registry_end(registry);
    assert_true(stat.devices <= before.devices);
}

static bool
sighted(const char *query, mds_registration_t *s)
{
    static char          buffer[1024], bytes[MDS_DEVICE_KEY_MAX];
    static mds_request_t request;

    request = (mds_request_t){ 0 };
    assert_int_equal(mds_request_parse(&request, mds_str_of(query), buffer,
                                       &err),
                     MDS_OK);
    assert_int_equal(mds_request_validate(&request, &err), MDS_OK);

    return mds_registration_from_request(&request, bytes, s);
}

static void
test_sighting(void **unused)
{
    mds_registration_t s;

    (void) unused;
    assert_true(sighted("app=a&kind=upgrade&device=d&version=1&user=u", &s));
    assert_memory_equal(s.device.data, "a\0d", 3);
    assert_int_equal(s.device.len, 3);
    assert_true(mds_str_eq(s.version, mds_str("1")));
    assert_true(mds_str_eq(s.user, mds_str("u")));

    assert_true(
        sighted("app=a&kind=bundle&device=d&version=9&app_version=2", &s));
    assert_true(mds_str_eq(s.version, mds_str("2")));
    assert_int_equal(s.user.len, 0);

    assert_false(sighted("app=a&kind=upgrade&device=d", &s));
    assert_false(sighted("app=a&kind=upgrade&version=1", &s));
    assert_false(sighted("app=a&kind=bundle&device=d&version=9", &s));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_news),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_sighting),
        cmocka_unit_test(test_long_keys),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
