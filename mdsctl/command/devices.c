/* devices: shows a user's devices and what they run, or forgets some. */

#include <inttypes.h>

#include "base/mds_time.h"
#include "database/fleet.h"
#include "escape.h"
#include "new_app.h"
#include "registry/mds_registry.h"
#include "state/mds_fleet.h"

typedef struct {
    bool        json;
    size_t      count;
    mds_json_t *devices; /* for --json */
} listing_t;

/* Prints a device's text, which its client has chosen. */
static void
print_text(mds_str_t text)
{
    char escaped[MDSCTL_ESCAPED_VALUE_BYTES];

    printf("%s", mdsctl_escape(text, escaped, sizeof(escaped)));
}

static void
print_device(const mds_device_t *device, const char *seen)
{
    print_text(device->device);
    printf("  ");
    print_text(device->platform);
    printf(" ");
    print_text(device->version);
    printf("  seen %s\n", seen);
}

static mds_status_t
list_device(void *data, const mds_device_t *device, mds_error_t *err)
{
    listing_t *listing = data;
    char       seen[MDS_TIME_BYTES];

    (void) mds_time_format(device->seen_ms, seen);
    listing->count++;

    if (!listing->json) {
        print_device(device, seen);
        return MDS_OK;
    }

    return mds_json_done(
        mds_json_append(
            listing->devices,
            mds_json_pack("{s:o, s:o, s:o, s:o}", "device",
                          mds_json_string_new(device->device), "platform",
                          mds_json_string_new(device->platform), "version",
                          mds_json_string_new(device->version), "seen",
                          mds_json_string_new(mds_str_of(seen)))),
        err);
}

static int
list_devices(const mdsctl_t *ctl, mds_registry_t *registry,
             mdsctl_database_t *db, const char *app, const char *user)
{
    listing_t    listing = { .json = ctl->json };
    mds_error_t  err;
    mds_status_t status;

    listing.devices = mds_json_array_new();
    status = db != NULL ? mdsctl_fleet_visit_user(db, app, user, list_device,
                                                  &listing, &err)
                        : mds_registry_visit_user(registry, mds_str_of(app),
                                                  mds_str_of(user), list_device,
                                                  &listing, &err);

    /* An app that was removed may have devices still. */
    if (status == MDS_OK && listing.count == 0) {
        status = mdsctl_app_exists(ctl->depot, app, &err);
    }

    if (status == MDS_OK && ctl->json) {
        return mdsctl_print(listing.devices);
    }

    mds_json_release(listing.devices);
    return status == MDS_OK ? MDSCTL_DONE : mdsctl_fail(&err);
}

/* Warns that the database of an edge that shares still has what the edge has
 * forgotten. */
static void
warn_of_database(const mdsctl_t *ctl)
{
    mds_state_t *state = NULL;
    mds_fleet_t  fleet = { 0 };
    mds_error_t  err;

    if (mds_state_open(ctl->depot, &err, &state) == MDS_OK
        && mds_state_begin(state, &err) == MDS_OK
        && mds_state_get_fleet(state, &err, &fleet) == MDS_OK
        && mds_fleet_is_shared(&fleet))
    {
        fputs("mdsctl: warning: the database that this edge shares still has"
              " them: give --database, too\n",
              stderr);
    }

    mds_state_close(state);
}

static int
forget_devices(const mdsctl_t *ctl, mds_registry_t *registry,
               mdsctl_database_t *db, const char *app, const char *name)
{
    mds_error_t err;
    uint64_t    count, shared = 0;

    if ((ctl->dry_run
             ? mds_registry_count_forgotten(registry, mds_str_of(app),
                                            mds_str_of(name), &err, &count)
             : mds_registry_forget(registry, mds_str_of(app), mds_str_of(name),
                                   &err, &count))
            != MDS_OK
        || (db != NULL
            && mdsctl_fleet_forget(db, app, name, ctl->dry_run, &err, &shared)
                   != MDS_OK)
        || (count == 0 && shared == 0
            && mdsctl_app_exists(ctl->depot, app, &err) != MDS_OK))
    {
        return mdsctl_fail(&err);
    }

    if (db == NULL) {
        warn_of_database(ctl);
    }

    /* The devices of this edge are among those of the fleet. */
    count = count > shared ? count : shared;

    if (!ctl->json) {
        printf("%s %" PRIu64 " device%s\n",
               ctl->dry_run ? "would forget" : "forgot", count,
               count == 1 ? "" : "s");
        return MDSCTL_DONE;
    }

    return mdsctl_print(mds_json_pack("{s:I, s:b}", "forgotten",
                                      (int64_t) count, "dry_run",
                                      (int) ctl->dry_run));
}

typedef struct {
    const char *forget;
    const char *database;
} options_t;

static const mdsctl_option_t options[] = {
    { "forget", "DEVICE|USER",
      "forget this device, or all devices of this user",
      MDSCTL_STORE(options_t, forget) },
    MDSCTL_FLEET_OPTION(options_t),
    { 0 },
};

static int
run_devices(mdsctl_t *ctl, int argc, char **argv)
{
    options_t          o = { 0 };
    const char        *forget;
    mds_registry_t    *registry = NULL;
    mdsctl_database_t *db = NULL;
    mds_error_t        err;
    int                code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    forget = o.forget;

    if ((forget == NULL) != (argc == 3)) {
        return mdsctl_fail_usage(
            forget == NULL ? "devices: give a user, or --forget with a"
                             " device or a user"
                           : "devices: give --forget or a user, not"
                             " both");
    }

    if (forget != NULL && forget[0] == '\0') {
        return mdsctl_fail_usage(
            "devices: --forget must name a device or a user");
    }

    if (mdsctl_fleet_open(o.database, &err, &db) != MDS_OK
        || mds_registry_open(ctl->depot, &err, &registry) != MDS_OK)
    {
        code = mdsctl_fail(&err);
    } else {
        code = forget == NULL
                   ? list_devices(ctl, registry, db, argv[1], argv[2])
                   : forget_devices(ctl, registry, db, argv[1], forget);
    }

    mds_registry_close(registry);
    mdsctl_database_close(db);

    return code;
}

const mdsctl_command_t mdsctl_command_devices = {
    .name = "devices",
    .group = MDSCTL_SEE,
    .pages = true,
    .arguments = "APP [USER]",
    .summary = "show or forget a user's devices",
    .text = "Prints the devices of a user, their versions and the day of their "
            "last check. Give "
            "either USER or --forget.",
    .options = options,
    .dry_runs = true,
    .examples = "mdsctl devices com.example.shop alice\n"
                "mdsctl devices com.example.shop --forget alice\n",
    .synonyms = "device users",
    .run = run_devices,
};
