/* init: creates an empty depot for the workers of a user. */

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "catalog/mds_current.h"
#include "loader/mds_loader.h"
#include "mdsctl.h"

/* Looks up a group; NULL leaves *gid as it is. */
static int
find_group(const char *name, int64_t *gid)
{
    struct group *group = name == NULL ? NULL : getgrnam(name);

    if (name != NULL && group == NULL) {
        return mdsctl_fail_usage("there is no group \"%s\"", name);
    }

    *gid = group == NULL ? *gid : (int64_t) group->gr_gid;
    return MDSCTL_DONE;
}

int
mdsctl_owner(const char *user, const char *group, mdsctl_owner_t *owner)
{
    const char    *wanted = user;
    struct passwd *passwd;

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

    return find_group(group, &owner->gid);
}

/* Looks up the user of --agent; -1: there is none. */
static int
find_agent(const char *name, int64_t *uid)
{
    struct passwd *passwd = name == NULL ? NULL : getpwnam(name);

    if (name != NULL && passwd == NULL) {
        return mdsctl_fail_usage("there is no user \"%s\"", name);
    }

    *uid = passwd == NULL ? -1 : (int64_t) passwd->pw_uid;
    return MDSCTL_DONE;
}

typedef struct {
    const char *user;
    const char *group;
    const char *agent;
    const char *readers;
} options_t;

static const mdsctl_option_t options[] = {
    { "user", "USER", "user of nginx's workers; default www-data if it exists",
      MDSCTL_STORE(options_t, user) },
    { "group", "GROUP", "group of the workers; default the user's group",
      MDSCTL_STORE(options_t, group) },
    { "agent", "USER",
      "of an edge: the user of `mdsctl agent`, who owns the rest",
      MDSCTL_STORE(options_t, agent) },
    { "readers", "GROUP",
      "group that may read everything; can be set later, too",
      MDSCTL_STORE(options_t, readers) },
    { 0 },
};

static int
print_json(const mdsctl_t *ctl, uint64_t serial)
{
    return mdsctl_print(
        mds_json_pack("{s:o, s:I, s:b}", "depot",
                      mds_json_string_new(mds_str_of(ctl->depot)), "serial",
                      (int64_t) serial, "dry_run", (int) ctl->dry_run));
}

/* Returns whether the depot exists. */
static bool
is_depot(const char *depot)
{
    mds_path_t path;

    return mds_path(&path, NULL, "%s/CURRENT", depot) == MDS_OK
           && access(path.text, F_OK) == 0;
}

static mds_status_t
init(const mdsctl_t *ctl, const mdsctl_owner_t *owner, int64_t agent,
     int64_t readers, mds_error_t *err)
{
    mds_status_t status;

    if (ctl->dry_run) {
        return mds_depot_check_empty(ctl->depot, err);
    }

    status = mds_depot_init(ctl->depot, owner->uid, owner->gid, err);

    if (status == MDS_OK && agent >= 0) {
        status = mds_depot_give_agent(ctl->depot, agent, owner->gid, err);
    }

    return status == MDS_OK && readers >= 0
               ? mds_depot_set_readers(ctl->depot, readers, err)
               : status;
}

/* Sets the readers of a depot that exists. */
static int
set_readers(const mdsctl_t *ctl, const char *name, int64_t readers)
{
    mds_current_t *current;
    mds_error_t    err;
    uint64_t       serial;

    if (mds_current_open(ctl->depot, false, &err, &current) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    serial = mds_current_serial(current);
    mds_current_close(current);

    if (!ctl->dry_run
        && mds_depot_set_readers(ctl->depot, readers, &err) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (ctl->json) {
        return print_json(ctl, serial);
    }

    printf("group %s %s read the depot: %s\n", name,
           ctl->dry_run ? "could" : "can", ctl->depot);
    return MDSCTL_DONE;
}

static int
run_init(mdsctl_t *ctl, int argc, char **argv)
{
    options_t      o = { 0 };
    mdsctl_owner_t owner;
    int64_t        agent = -1, readers = -1;
    mds_error_t    err;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || mdsctl_owner(o.user, o.group, &owner) != MDSCTL_DONE
        || find_agent(o.agent, &agent) != MDSCTL_DONE
        || find_group(o.readers, &readers) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (o.readers != NULL && o.user == NULL && o.group == NULL
        && o.agent == NULL && is_depot(ctl->depot))
    {
        return set_readers(ctl, o.readers, readers);
    }

    if (init(ctl, &owner, agent, readers, &err) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (ctl->json) {
        return print_json(ctl, 0);
    }

    printf("%s an empty depot: %s\n", ctl->dry_run ? "would create" : "created",
           ctl->depot);
    return MDSCTL_DONE;
}

const mdsctl_command_t mdsctl_command_init = {
    .name = "init",
    .group = MDSCTL_START,
    .dry_runs = true,
    .summary = "create an empty depot",
    .text
    = "Creates the depot, the directory that mdsctl writes and nginx reads, "
      "with an empty catalog. The directory must not exist, or be empty. "
      "`mdsctl help start` shows how nginx serves it. The depot of an edge, "
      "which `mdsctl agent` fills, is made with --agent. With --readers alone, "
      "the command lets a group read a depot that exists.",
    .options = options,
    .examples = "mdsctl init\n"
                "mdsctl --depot /srv/mds init --user nobody\n"
                "mdsctl --depot /srv/edge init --agent nobody\n"
                "mdsctl --depot /srv/mds init --readers adm\n",
    .synonyms = "create setup new",
    .run = run_init,
};
