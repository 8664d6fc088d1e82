/* log: who changed what, and when. */

#include <inttypes.h>

#include "change.h"

static mds_str_t
word(const mds_json_t *object, const char *key)
{
    return mds_json_string(mds_json_get(object, key));
}

static void
print_entry(const mds_json_t *entry)
{
    mds_str_t keyid = word(entry, "keyid");

    printf("%" PRId64 "  %.*s  %.*s  %.*s: %.*s%s%.*s\n",
           mds_json_integer(mds_json_get(entry, "serial")),
           MDS_STR(word(entry, "time")), MDS_STR(word(entry, "who")),
           MDS_STR(word(entry, "app")), MDS_STR(word(entry, "command")),
           keyid.len > 0 ? "  key " : "", MDS_STR(keyid));
    mdsctl_changes_print(mds_json_get(entry, "changes"));
}

/* Newest first; for machines, one array. */
static mds_status_t
log_entries(mds_journal_t *journal, const char *app, mds_json_t *out,
            mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (uint64_t serial = mds_journal_serial(journal);
         status == MDS_OK && serial > 0; serial--)
    {
        mds_json_t *entry;

        status = mds_journal_entry(journal, serial, err, &entry);

        if (status == MDS_NOT_FOUND) {
            status = MDS_OK;
            continue;
        }

        if (status == MDS_OK
            && (app == NULL || mds_str_eq(word(entry, "app"), mds_str_of(app))))
        {
            if (out == NULL) {
                print_entry(entry);
            } else {
                status = mds_json_done(mds_json_append(out,
                                                       mds_json_retain(entry)),
                                       err);
            }
        }

        if (status == MDS_OK) {
            mds_json_release(entry);
        }
    }

    return status;
}

static int
run_log(mdsctl_t *ctl, int argc, char **argv)
{
    mds_loader_t *loader;
    mds_json_t   *out = NULL;
    mds_error_t   err;
    mds_status_t  status;

    if (mdsctl_parse(ctl, NULL, 0, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_loader_open(ctl->depot, NULL, &err, &loader) != MDS_OK) {
        return mdsctl_failed(&err);
    }

    if (ctl->json) {
        out = mds_json_array_new();
    }

    status = mds_journal_read(mds_loader_journal(loader), &err);

    if (status == MDS_OK) {
        status = log_entries(mds_loader_journal(loader),
                             argc > 1 ? argv[1] : NULL, out, &err);
        mds_journal_abort(mds_loader_journal(loader));
    }

    mds_loader_close(loader);

    if (status != MDS_OK) {
        mds_json_release(out);
        return mdsctl_failed(&err);
    }

    return ctl->json ? mdsctl_print(out) : MDSCTL_DONE;
}

const mdsctl_command_t mdsctl_command_log = {
    .name = "log",
    .usage = "[APP]",
    .summary = "show who changed what, and when",
    .run = run_log,
};
