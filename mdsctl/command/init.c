/* init: creates an empty depot for the workers of a user. */

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "loader/mds_loader.h"
#include "mdsctl.h"

int
mdsctl_owner(const char *user, const char *group, mdsctl_owner_t *owner)
{
    const char    *wanted = user;
    struct passwd *passwd;
    struct group  *entry;

    *owner = (mdsctl_owner_t){ -1, -1 };

    if (wanted == NULL && geteuid() == 0) {
        wanted = getpwnam("www-data") != NULL ? "www-data" : "nobody";
    }

    if (wanted != NULL) {
        passwd = getpwnam(wanted);
        if (passwd == NULL) {
            return mdsctl_fail_usage("there is no user \"%s\"", wanted);
        }
        *owner = (mdsctl_owner_t){ passwd->pw_uid, passwd->pw_gid };
    }

    if (group != NULL) {
        entry = getgrnam(group);
        if (entry == NULL) {
            return mdsctl_fail_usage("there is no group \"%s\"", group);
        }
        owner->gid = entry->gr_gid;
    }

    return MDSCTL_DONE;
}

static int
run_init(mdsctl_t *ctl, int argc, char **argv)
{
    const char     *user = NULL, *group = NULL;
    mdsctl_option_t options[] = { { .name = "user", .value = &user },
                                  { .name = "group", .value = &group },
                                  { 0 } };
    mdsctl_owner_t  owner;
    mds_error_t     err;

    if (mdsctl_parse(ctl, options, 0, 0, &argc, argv) != MDSCTL_DONE
        || mdsctl_owner(user, group, &owner) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (mds_depot_init(ctl->depot, owner.uid, owner.gid, &err) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (!ctl->json) {
        printf("created an empty depot: %s\n", ctl->depot);
        return MDSCTL_DONE;
    }

    return mdsctl_print(
        mds_json_pack("{s:o, s:I}", "depot",
                      mds_json_string_new(mds_str_of(ctl->depot)), "serial",
                      (int64_t) 0));
}

const mdsctl_command_t mdsctl_command_init = {
    .name = "init",
    .usage = "[--user USER] [--group GROUP]",
    .summary = "create an empty depot",
    .run = run_init,
};
