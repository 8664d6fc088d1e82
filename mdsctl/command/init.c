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
} options_t;

static const mdsctl_option_t options[] = {
    { "user", "USER", "user of nginx's workers; default www-data if it exists",
      MDSCTL_STORE(options_t, user) },
    { "group", "GROUP", "group of the workers; default the user's group",
      MDSCTL_STORE(options_t, group) },
    { "agent", "USER",
      "of an edge: the user of `mdsctl agent`, who owns the rest",
      MDSCTL_STORE(options_t, agent) },
    { 0 },
};

static int
run_init(mdsctl_t *ctl, int argc, char **argv)
{
    options_t      o = { 0 };
    mdsctl_owner_t owner;
    int64_t        agent = -1;
    mds_error_t    err;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || mdsctl_owner(o.user, o.group, &owner) != MDSCTL_DONE
        || find_agent(o.agent, &agent) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if ((ctl->dry_run ? mds_depot_check_empty(ctl->depot, &err)
                      : mds_depot_init(ctl->depot, owner.uid, owner.gid, &err))
            != MDS_OK
        || (!ctl->dry_run && o.agent != NULL
            && mds_depot_give_agent(ctl->depot, agent, owner.gid, &err)
                   != MDS_OK))
    {
        return mdsctl_fail(&err);
    }

    if (!ctl->json) {
        printf("%s an empty depot: %s\n",
               ctl->dry_run ? "would create" : "created", ctl->depot);
        return MDSCTL_DONE;
    }

    return mdsctl_print(
        mds_json_pack("{s:o, s:I, s:b}", "depot",
                      mds_json_string_new(mds_str_of(ctl->depot)), "serial",
                      (int64_t) 0, "dry_run", (int) ctl->dry_run));
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
      "which `mdsctl agent` fills, is made with --agent.",
    .options = options,
    .examples = "mdsctl init\n"
                "mdsctl --depot /srv/mds init --user nobody\n"
                "mdsctl --depot /srv/edge init --agent nobody\n",
    .synonyms = "create setup new",
    .run = run_init,
};
