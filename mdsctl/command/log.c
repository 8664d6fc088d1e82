/* log: prints the journal: who changed what, and when; and between its entries,
 * which releases were halted by what devices reported. */

#include <inttypes.h>

#include "base/mds_time.h"
#include "change.h"
#include "escape.h"
#include "new_app.h"
#include "state/mds_tally.h"
#include "terminal.h"

#include <stdlib.h>

static void
print_entry(const mds_json_t *entry)
{
    mds_str_t keyid = mds_json_get_string(entry, "keyid");
    mds_str_t note = mds_json_get_string(entry, "note");
    char      shown[MDSCTL_ESCAPED_BYTES];
    mds_str_t app = mds_json_get_string(entry, "app"); /* empty: of no app */

    mdsctl_print_row(mdsctl_format("%" PRId64 "  %.*s  %.*s  %.*s%s",
                                   mds_json_get_integer(entry, "serial"),
                                   MDS_STR(mds_json_get_string(entry, "time")),
                                   MDS_STR(mds_json_get_string(entry, "who")),
                                   MDS_STR(app), app.len > 0 ? ": " : ""),
                     mds_json_get_string(entry, "command"),
                     mdsctl_format("%s%.*s", keyid.len > 0 ? "  key " : "",
                                   MDS_STR(keyid)));

    if (note.len > 0) {
        printf("  note: %s\n", mdsctl_escape(note, shown, sizeof(shown)));
    }

    mdsctl_changes_print(mds_json_get(entry, "changes"));
}

typedef struct {
    const char *app; /* NULL: all apps */
    mds_json_t *out; /* NULL: entries are printed */
    size_t      count;

    mds_json_t **halts; /* the newest first */
    size_t       halt_count;
    size_t       halts_logged;

    int64_t most; /* of count */
} log_t;

/* --- halts, which are facts of the state */

static mds_status_t
add_halt(void *data, mds_str_t app, mds_str_t id, const mds_tally_t *tally,
         mds_error_t *err)
{
    log_t       *log = data;
    char         time[MDS_TIME_BYTES];
    mds_json_t **halts;
    mds_json_t  *halt;

    if (tally->halted_ms == 0
        || (log->app != NULL && !mds_str_eq(app, mds_str_of(log->app))))
    {
        return MDS_OK;
    }

    halts = realloc(log->halts, (log->halt_count + 1) * sizeof(*log->halts));
    if (halts == NULL) {
        return mds_fail_memory(err);
    }

    log->halts = halts;
    halt = mds_json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}", "time",
                         mds_json_string_new(mds_str_of(
                             mds_time_format(tally->halted_ms, time))),
                         "app", mds_json_string_new(app), "command",
                         mds_json_string_new(mds_str("halted")), "release",
                         mds_json_string_new(id), "failures",
                         (int64_t) tally->halted_failures, "reports",
                         (int64_t) tally->halted_ends);

    if (halt != NULL && !tally->halted) {
        if (mds_json_set_str(halt, "resumed",
                             mds_str_of(
                                 mds_time_format(tally->resumed_ms, time)))
            != MDS_OK)
        {
            mds_json_release(halt);
            halt = NULL;
        }
    }

    if (halt == NULL) {
        return mds_fail_memory(err);
    }

    log->halts[log->halt_count++] = halt;
    return MDS_OK;
}

static int
halt_cmp(const void *a, const void *b)
{
    return mds_str_cmp(mds_json_get_string(*(mds_json_t *const *) b, "time"),
                       mds_json_get_string(*(mds_json_t *const *) a, "time"));
}

/* Reads the halts. Who may not read the state sees the journal alone. */
static mds_status_t
read_halts(const char *depot, log_t *log, mds_error_t *err)
{
    mds_state_t *state = NULL;
    mds_status_t status = MDS_OK;

    if (mds_state_open(depot, err, &state) != MDS_OK) {
        return MDS_OK;
    }

    if (mds_state_begin(state, err) == MDS_OK) {
        status = mds_state_visit_tallies(state, add_halt, log, err);
        mds_state_end(state);
    }

    if (log->halt_count > 0) {
        qsort(log->halts, log->halt_count, sizeof(*log->halts), halt_cmp);
    }

    mds_state_close(state);
    return status;
}

static void
free_halts(log_t *log)
{
    for (size_t i = 0; i < log->halt_count; i++) {
        mds_json_release(log->halts[i]);
    }

    free(log->halts);
}

static void
print_halt(const mds_json_t *halt)
{
    mds_str_t resumed = mds_json_get_string(halt, "resumed");

    printf("-  %.*s  nginx  %.*s: release %.*s halted: %" PRId64 " of %" PRId64
           " devices failed%s%.*s\n",
           MDS_STR(mds_json_get_string(halt, "time")),
           MDS_STR(mds_json_get_string(halt, "app")),
           MDS_STR(mds_json_get_string(halt, "release")),
           mds_json_get_integer(halt, "failures"),
           mds_json_get_integer(halt, "reports"),
           resumed.len > 0 ? "; resumed " : "", MDS_STR(resumed));
}

/* Logs the halts that are newer than the time. */
static mds_status_t
log_halts(log_t *log, mds_str_t time, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && log->halts_logged < log->halt_count) {
        mds_json_t *halt = log->halts[log->halts_logged];

        if (mds_str_cmp(mds_json_get_string(halt, "time"), time) < 0) {
            break;
        }

        log->halts_logged++;

        if (log->out == NULL) {
            print_halt(halt);
        } else {
            status = mds_json_done(mds_json_append(log->out,
                                                   mds_json_retain(halt)),
                                   err);
        }
    }

    return status;
}

/* --- entries */

static mds_status_t
log_entry(log_t *log, mds_json_t *entry, mds_error_t *err)
{
    if (log->app != NULL
        && !mds_str_eq(mds_json_get_string(entry, "app"), mds_str_of(log->app)))
    {
        return MDS_OK;
    }

    log->count++;

    if (log_halts(log, mds_json_get_string(entry, "time"), err) != MDS_OK) {
        return MDS_NO_MEMORY;
    }

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
         status == MDS_OK && serial > 0 && log->count < (uint64_t) log->most;
         serial--)
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

    status = read_halts(depot, log, err);

    if (status == MDS_OK) {
        status = mds_journal_read(mds_loader_journal(loader), err);
    }

    if (status == MDS_OK) {
        status = log_entries(mds_loader_journal(loader), log, err);

        /* Those before the first change. */
        if (status == MDS_OK && log->count < (uint64_t) log->most) {
            status = log_halts(log, mds_str(""), err);
        }

        mds_journal_abort(mds_loader_journal(loader));
    }

    mds_loader_close(loader);
    free_halts(log);

    /* An app that was removed has entries still. */
    return status == MDS_OK && log->app != NULL && log->count == 0
               ? mdsctl_app_exists(depot, log->app, err)
               : status;
}

typedef struct {
    const char *number;
} options_t;

static const mdsctl_option_t options[] = {
    { "number", "N", "only the newest N changes; also -n N",
      MDSCTL_STORE(options_t, number) },
    { 0 },
};

static int
run_log(mdsctl_t *ctl, int argc, char **argv)
{
    options_t   o = { 0 };
    log_t       log = { .most = INT64_MAX };
    mds_error_t err;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || mdsctl_number("--number", o.number, 1, &log.most) != MDSCTL_DONE)
    {
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
    .pages = true,
    .arguments = "[APP]",
    .summary = "show who changed what, and when",
    .text = "Prints every change, the newest first: serial, time, author, app, "
            "the command, and "
            "what it changed.",
    .options = options,
    .examples = "mdsctl log -n 20\n"
                "mdsctl log com.example.shop\n",
    .synonyms = "history changes audit",
    .run = run_log,
};
