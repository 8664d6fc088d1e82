/* log: prints the journal: who changed what, and when. */

#include <inttypes.h>

#include "change.h"
#include "escape.h"
#include "new_app.h"

static void
print_entry(const mds_json_t *entry)
{
    mds_str_t keyid = mds_json_get_string(entry, "keyid");
    mds_str_t note = mds_json_get_string(entry, "note");
    char      shown[MDSCTL_ESCAPED_BYTES];

    printf("%" PRId64 "  %.*s  %.*s  %.*s: %.*s%s%.*s\n",
           mds_json_get_integer(entry, "serial"),
           MDS_STR(mds_json_get_string(entry, "time")),
           MDS_STR(mds_json_get_string(entry, "who")),
           MDS_STR(mds_json_get_string(entry, "app")),
           MDS_STR(mds_json_get_string(entry, "command")),
           keyid.len > 0 ? "  key " : "", MDS_STR(keyid));

    if (note.len > 0) {
        printf("  note: %s\n", mdsctl_escape(note, shown, sizeof(shown)));
    }

    mdsctl_changes_print(mds_json_get(entry, "changes"));
}

typedef struct {
    const char *app; /* NULL: all apps */
    mds_json_t *out; /* NULL: entries are printed */
    size_t      count;
} log_t;

static mds_status_t
log_entry(log_t *log, mds_json_t *entry, mds_error_t *err)
{
    if (log->app != NULL
        && !mds_str_eq(mds_json_get_string(entry, "app"), mds_str_of(log->app)))
    {
        return MDS_OK;
    }

    log->count++;

    if (log->out == NULL) {
        print_entry(entry);
        return MDS_OK;
    }

    return mds_json_done(mds_json_append(log->out, mds_json_retain(entry)),
                         err);
}

/* Visits the entries, the newest first. */
static mds_status_t
log_entries(mds_journal_t *journal, log_t *log, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (uint64_t serial = mds_journal_get_serial(journal);
         status == MDS_OK && serial > 0; serial--)
    {
        mds_json_t *entry;

        status = mds_journal_find_entry(journal, serial, err, &entry);

        if (status == MDS_OK && entry != NULL) {
            status = log_entry(log, entry, err);
            mds_json_release(entry);
        }
    }

    return status;
}

static mds_status_t
log_depot(const char *depot, log_t *log, mds_error_t *err)
{
    mds_loader_t *loader;
    mds_status_t  status = mds_loader_open(depot, NULL, err, &loader);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_journal_read(mds_loader_journal(loader), err);

    if (status == MDS_OK) {
        status = log_entries(mds_loader_journal(loader), log, err);
        mds_journal_abort(mds_loader_journal(loader));
    }

    mds_loader_close(loader);

    /* An app that was removed has entries still. */
    return status == MDS_OK && log->app != NULL && log->count == 0
               ? mdsctl_app_exists(depot, log->app, err)
               : status;
}

static int
run_log(mdsctl_t *ctl, int argc, char **argv)
{
    log_t       log = { 0 };
    mds_error_t err;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    log.app = argc > 1 ? argv[1] : NULL;

    if (ctl->json) {
        log.out = mds_json_array_new();
    }

    if (log_depot(ctl->depot, &log, &err) != MDS_OK) {
        mds_json_release(log.out);
        return mdsctl_fail(&err);
    }

    return ctl->json ? mdsctl_print(log.out) : MDSCTL_DONE;
}

const mdsctl_command_t mdsctl_command_log = {
    .name = "log",
    .group = MDSCTL_SEE,
    .arguments = "[APP]",
    .summary = "show who changed what, and when",
    .text = "Prints every change, the newest first: serial, time, author, app, "
            "the command, and "
            "what it changed.",
    .examples = "mdsctl log\n"
                "mdsctl log com.example.shop\n",
    .synonyms = "history changes audit",
    .run = run_log,
};
