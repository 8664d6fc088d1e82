/* status: shows what is in force, and how many devices each window has
 * admitted. Each release is printed as soon as it is read. */

#include <inttypes.h>

#include "command/state_size.h"
#include "command/status.h"
#include "command/status_edge.h"
#include "new_app.h"
#include "served.h"

typedef struct {
    const char *kind;
    const char *state;
    const char *database;
} options_t;

static const mdsctl_option_t options[] = {
    { "kind", "KIND", "only releases of this kind",
      MDSCTL_STORE(options_t, kind) },
    { "state", "STATE", "only those: running, paused, ended or rolled_back",
      MDSCTL_STORE(options_t, state) },
    MDSCTL_FLEET_OPTION(options_t),
    { 0 },
};

static void
print_edge_json(mdsctl_json_output_t *out, const mds_json_t *edge)
{
    static const char *const members[] = { "agent", "fleet" };

    for (size_t i = 0; i < mds_nelems(members); i++) {
        const mds_json_t *facts = mds_json_get(edge, members[i]);

        if (facts != NULL) {
            mdsctl_json_value(out, members[i], mds_json_copy(facts));
        }
    }
}

/* Prints what is in front of the apps. The first lines are there at once. */
static mds_status_t
print_head(const mdsctl_t *ctl, mdsctl_status_t *status, mds_error_t *err)
{
    uint64_t     serial = mds_loader_serial(status->loader);
    mds_json_t  *size = mdsctl_state_size(ctl->depot, status->state);
    mds_json_t  *edge = NULL;
    mds_status_t code
        = size == NULL
              ? mds_fail_memory(err)
              : mdsctl_status_edge(ctl->depot, status->state, err, &edge);

    if (code != MDS_OK) {
        mds_json_release(size);
        return code;
    }

    if (ctl->json) {
        mdsctl_json_begin(&status->out, NULL, '{');
        mdsctl_json_value(&status->out, "serial",
                          mds_json_integer_new((int64_t) serial));
        mdsctl_json_value(&status->out, "state", size);
        print_edge_json(&status->out, edge);
        mdsctl_json_begin(&status->out, "apps", '[');

    } else {
        printf("depot %s: serial %" PRIu64 "\n", ctl->depot, serial);
        mdsctl_state_size_print(size);
        mds_json_release(size);
        mdsctl_status_edge_print(edge);
    }

    mds_json_release(edge);
    fflush(stdout);
    return MDS_OK;
}

/* Prints one app, or all, within the journal's transaction. */
static mds_status_t
status_apps(const mdsctl_t *ctl, mdsctl_status_t *status, const char *app,
            mds_error_t *err)
{
    mds_status_t code = MDS_OK;

    if (app != NULL && status->catalog != NULL) {
        code = mdsctl_app_is_served(status->catalog, mds_str_of(app), err);

    } else if (app != NULL) {
        code = mds_loader_check_app(status->loader, mds_str_of(app),
                                    MDS_NEW_APP_NEVER, err);
    }

    if (code == MDS_OK) {
        code = print_head(ctl, status, err);
    }

    if (code == MDS_OK && status->catalog != NULL) {
        code = app != NULL
                   ? mdsctl_status_served_app(status, mds_str_of(app), err)
                   : mdsctl_served_visit_apps(status->catalog,
                                              mdsctl_status_served_app, status,
                                              err);

    } else if (code == MDS_OK) {
        code = app != NULL
                   ? mdsctl_status_app(status, mds_str_of(app), err)
                   : mds_journal_visit_apps(status->last.journal,
                                            mdsctl_status_app, status, err);
    }

    if (code == MDS_OK && status->json) {
        mdsctl_json_end(&status->out);
        mdsctl_json_end(&status->out);
        code = mds_json_done(status->out.status, err);
    }

    mdsctl_last_change_free(&status->last);
    return code;
}

static mds_status_t
print_status(const mdsctl_t *ctl, mdsctl_status_t *status, const char *app,
             mds_error_t *err)
{
    mds_journal_t *journal = mds_loader_journal(status->loader);
    mds_status_t   code
        = mdsctl_served_open(status->loader, err, &status->catalog);

    if (code == MDS_OK) {
        code = mds_journal_read(journal, err);
    }

    if (code != MDS_OK) {
        return code;
    }

    status->last.journal = journal;
    status->installed
        = status->db == NULL ? mdsctl_installed_read(ctl->depot) : NULL;
    code = status_apps(ctl, status, app, err);
    mds_journal_abort(journal);

    return code;
}

static bool
is_state(const char *name)
{
    static const char *const names[]
        = { "running", "paused", "ended", "rolled_back" };

    for (size_t i = 0; i < mds_nelems(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }

    return false;
}

static int
run_status(mdsctl_t *ctl, int argc, char **argv)
{
    options_t       o = { 0 };
    mdsctl_status_t status = { 0 };
    mds_error_t     err;
    int             code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (o.state != NULL && !is_state(o.state)) {
        return mdsctl_fail_usage("--state \"%s\": must be running, paused,"
                                 " ended or rolled_back",
                                 o.state);
    }

    status.kind = o.kind;
    status.state_name = o.state;

    status.json = ctl->json;
    code
        = mdsctl_fleet_open(o.database, &err, &status.db) != MDS_OK
                  || mds_loader_open(ctl->depot, NULL, &err, &status.loader)
                         != MDS_OK
                  || mds_state_open(ctl->depot, &err, &status.state) != MDS_OK
                  || mds_state_begin(status.state, &err) != MDS_OK
                  || print_status(ctl, &status, argc > 1 ? argv[1] : NULL, &err)
                         != MDS_OK
              ? mdsctl_fail(&err)
              : MDSCTL_DONE;

    mds_registry_versions_free(status.installed);
    mds_catalog_close(status.catalog);
    mds_state_close(status.state);
    mds_loader_close(status.loader);
    mdsctl_database_close(status.db);

    return code;
}

const mdsctl_command_t mdsctl_command_status = {
    .name = "status",
    .group = MDSCTL_SEE,
    .pages = true,
    .arguments = "[APP]",
    .summary = "show what is in force",
    .text = "Prints each app with its key and its releases: their states, "
            "audiences and rules, "
            "and how many devices their windows have admitted: here, or in the "
            "fleet if a database is named.",
    .options = options,
    .examples
    = "mdsctl status\n"
      "mdsctl status com.example.shop --kind upgrade --state running\n",
    .synonyms = "show ls info get ps apps releases",
    .run = run_status,
};
