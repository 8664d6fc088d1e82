/* log: prints the journal: who changed what, and when; and between its entries,
 * which releases were halted by what devices reported. */

#include <inttypes.h>

#include "base/mds_time.h"
#include "change.h"
#include "escape.h"
#include "json_output.h"
#include "new_app.h"
#include "state/mds_tally.h"
#include "terminal.h"

#include <stdlib.h>

/* Prints an entry without its changes. */
static void
print_head(const mds_json_t *entry)
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
    bool        json;
    size_t      count;

    mdsctl_json_output_t out; /* begun with its first item */

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

/* Begins the array, unless it is: what fails before prints nothing. */
static void
begin_json(log_t *log)
{
    if (log->out.depth == 0) {
        mdsctl_json_begin(&log->out, NULL, '[');
    }
}

/* Logs the halts that are newer than the time. */
static void
log_halts(log_t *log, mds_str_t time)
{
    while (log->halts_logged < log->halt_count) {
        mds_json_t *halt = log->halts[log->halts_logged];

        if (mds_str_cmp(mds_json_get_string(halt, "time"), time) < 0) {
            break;
        }

        log->halts_logged++;

        if (log->json) {
            begin_json(log);
            mdsctl_json_value(&log->out, NULL, mds_json_retain(halt));
        } else {
            print_halt(halt);
        }
    }
}

/* --- entries */

/* Begins an entry with all but its changes. */
static void
log_head(log_t *log, const mds_journal_entry_t *entry)
{
    mds_json_member_t *m;

    if (!log->json) {
        print_head(entry->head);
        return;
    }

    begin_json(log);
    mdsctl_json_begin(&log->out, NULL, '{');

    for (m = mds_json_first(entry->head); m != NULL;
         m = mds_json_next(entry->head, m))
    {
        mdsctl_json_member(&log->out, mds_json_key(m),
                           mds_json_retain(mds_json_value(m)));
    }
}

/* Logs the changes one by one: there may be one for each release. */
static mds_status_t
log_changes(log_t *log, mds_journal_entry_t *entry, mds_error_t *err)
{
    mds_json_t  *change;
    mds_status_t status;

    if (log->json) {
        mdsctl_json_begin(&log->out, "changes", '[');
    }

    while ((status = mds_journal_next_change(entry, err, &change)) == MDS_OK
           && change != NULL)
    {
        if (log->json) {
            mdsctl_json_value(&log->out, NULL, change);
        } else {
            mdsctl_change_print(change);
            mds_json_release(change);
        }
    }

    if (log->json && status == MDS_OK) {
        mdsctl_json_end(&log->out);
    }

    return status;
}

static mds_status_t
log_entry(log_t *log, mds_journal_entry_t *entry, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (log->app != NULL
        && !mds_str_eq(mds_json_get_string(entry->head, "app"),
                       mds_str_of(log->app)))
    {
        return MDS_OK;
    }

    log->count++;
    log_halts(log, mds_json_get_string(entry->head, "time"));
    log_head(log, entry);

    if (entry->changes) {
        status = log_changes(log, entry, err);
    }

    if (log->json && status == MDS_OK) {
        mdsctl_json_end(&log->out);
    }

    return status == MDS_OK ? mds_json_done(log->out.status, err) : status;
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
        mds_journal_entry_t entry;

        status = mds_journal_open_entry(journal, serial, err, &entry);

        if (status == MDS_OK && entry.head != NULL) {
            status = log_entry(log, &entry, err);
            mds_journal_close_entry(&entry);
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
            log_halts(log, mds_str(""));
            status = mds_json_done(log->out.status, err);
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

    log.json = ctl->json;

    if (log_depot(ctl->depot, &log, &err) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (ctl->json) {
        begin_json(&log);
        mdsctl_json_end(&log.out);
    }

    return MDSCTL_DONE;
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
