/* simulate: shows what a document would change for the devices of a log. */

#include "command/simulate.h"
#include "base/mds_time.h"
#include "change.h"
#include "command/apply.h"
#include "loader/mds_edit.h"
#include "loader/mds_preview.h"
#include "simulate/mds_distinct.h"

typedef struct {
    const char *log_format;
} options_t;

static const mdsctl_option_t options[] = {
    { "log-format", "FORMAT", "log_format as in nginx.conf; default combined",
      MDSCTL_STORE(options_t, log_format) },
    { 0 },
};

/* The log format is too large for the stack of a test's thread. */
static mds_log_format_t format;

static mds_status_t
simulate_in(const mdsctl_t *ctl, const char *log, mds_str_t app,
            const mds_preview_t *preview, mds_error_t *err, mds_json_t **result)
{
    mds_simulation_options_t o = {
        .before.catalog = mds_preview_before(preview),
        .after.catalog = mds_preview_after(preview),
        .app = app,
        .now_ms = mds_time_now_ms(),
        .format = &format,
        .exact_max = MDS_DISTINCT_EXACT_MAX,
    };
    mds_simulation_t *simulation = NULL;
    mds_state_t      *state;
    char              time[MDS_TIME_BYTES];
    mds_status_t      status;

    /* Only a window's release needs it, and says so. */
    if (mds_state_open(ctl->depot, err, &state) != MDS_OK) {
        state = NULL;
    }

    o.before.state = o.after.state = state;
    status = mds_simulation_new(&o, err, &simulation);

    if (status == MDS_OK) {
        status = mdsctl_simulate_log(log, simulation, state, err);
    }

    if (status == MDS_OK) {
        *result = mds_simulation_json(simulation);
        status = mds_json_done(
            mds_json_set_str(*result, "time",
                             mds_str_of(mds_time_format(o.now_ms, time))),
            err);
    }

    mds_simulation_free(simulation);
    mds_state_close(state);

    return status;
}

/* Fails if no line of the log fits the format: it is another one. */
static mds_status_t
check_result(const mds_json_t *result, const char *log, mds_error_t *err)
{
    const mds_json_t *read = mds_json_get(result, "log");
    const mds_json_t *wrong = mds_json_get(read, "wrong");
    int64_t           lines = mds_json_get_integer(read, "lines");

    if (lines == 0 || mds_json_get_integer(wrong, "count") < lines) {
        return MDS_OK;
    }

    return mds_fail(err, MDS_INVALID,
                    "%s: no line fits the log format; give the one of"
                    " nginx.conf by --log-format. Line %lld is: %.*s",
                    log, (long long) mds_json_get_integer(wrong, "line"),
                    MDS_STR(mds_json_get_string(wrong, "text")));
}

/* Adds what the document itself changes, and prints the result. */
static int
print_result(const mdsctl_t *ctl, const char *log, mds_str_t app,
             const mds_change_result_t *change, mds_json_t *result)
{
    mds_status_t status
        = mds_json_set_integer(result, "serial", (int64_t) change->serial);

    if (!ctl->json) {
        mdsctl_simulate_print(result, log, app);
        mdsctl_warnings_print(change->warnings);
        mds_json_release(result);
        return mdsctl_json_status(status);
    }

    if (status == MDS_OK) {
        status = mds_json_set_str(result, "app", app);
    }

    if (status == MDS_OK) {
        status
            = mds_json_set(result, "changes", mds_json_retain(change->changes));
    }

    if (status == MDS_OK) {
        status = mds_json_set(result, "warnings",
                              mds_json_retain(change->warnings));
    }

    if (status != MDS_OK) {
        mds_json_release(result);
        return mdsctl_json_status(status);
    }

    return mdsctl_print(result);
}

/* Compiles the document aside, and simulates. */
static int
simulate(mdsctl_t *ctl, const char *log, const mds_change_t *change)
{
    mds_loader_t       *loader = NULL;
    mds_preview_t      *preview = NULL;
    mds_change_result_t made = { .serial = 0 };
    mds_json_t         *result = NULL;
    mds_error_t         err;
    mds_status_t        status;

    if ((status = mds_loader_open(ctl->depot, mdsctl_ui(), &err, &loader))
            == MDS_OK
        && (status = mds_loader_preview(loader, change, &err, &made, &preview))
               == MDS_OK)
    {
        status = simulate_in(ctl, log, change->app, preview, &err, &result);
    }

    mds_loader_close(loader);
    mds_preview_close(preview);

    if (status == MDS_OK) {
        status = check_result(result, log, &err);
    }

    if (status != MDS_OK) {
        mds_json_release(result);
        (void) mdsctl_fail(&err);
    }

    status = status == MDS_OK
                 ? print_result(ctl, log, change->app, &made, result)
                 : MDSCTL_FAILED;
    mds_json_release(made.changes);
    mds_json_release(made.warnings);

    return (int) status;
}

static int
simulate_document(mdsctl_t *ctl, const char *log, const char *word,
                  const mdsctl_input_t *input)
{
    mds_json_t  *document = NULL;
    mds_apply_t  apply = { .force = true };
    mds_change_t change = { .applies = true,
                            .dry_run = true,
                            .new_app = MDS_NEW_APP_ALWAYS,
                            .command = ctl->command_line,
                            .edit = mds_edit_apply,
                            .what = input->name,
                            .data = &apply };
    mds_path_t   dir;
    mds_error_t  err;
    int          code;

    if (mdsctl_read_document(input, &err, &document) != MDS_OK
        || mds_path_dir(word, &err, &dir) != MDS_OK)
    {
        mds_json_release(document);
        return mdsctl_fail(&err);
    }

    apply.document = document;
    change.app = mds_json_get_string(document, "app");
    change.base_dir = dir.text;
    code = simulate(ctl, log, &change);
    mds_json_release(document);

    return code;
}

static int
run_simulate(mdsctl_t *ctl, int argc, char **argv)
{
    options_t      o = { .log_format = NULL };
    mdsctl_input_t input = { .path = NULL };
    mds_error_t    err;
    int            code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (strcmp(argv[1], "-") == 0 && strcmp(argv[2], "-") == 0) {
        return mdsctl_fail_usage("only one of LOG and DOC can be standard"
                                 " input");
    }

    if (mds_log_format_parse(mds_str_of(o.log_format == NULL ? "combined"
                                                             : o.log_format),
                             &err, &format)
        != MDS_OK)
    {
        return mdsctl_fail_usage("--log-format: %s", err.text);
    }

    code = mdsctl_input_begin(argv[2], &input);

    if (code == MDSCTL_DONE) {
        code = simulate_document(ctl, argv[1], argv[2], &input);
    }

    mdsctl_input_end(&input);
    return code;
}

const mdsctl_command_t mdsctl_command_simulate = {
    .name = "simulate",
    .group = MDSCTL_SEE,
    .arguments = "LOG DOC",
    .summary = "show what a document would change for the devices of a log",
    .text
    = "Reads an access log of nginx, plain or compressed by gzip or zstd, "
      "and decides each check in it by the catalog in force and by what "
      "DOC would make of it, at this moment. Prints how many devices and "
      "checks would get another answer, and why. It changes nothing and "
      "takes no places of windows. \"-\" is standard input.",
    .options = options,
    .examples = "mdsctl simulate access.log shop.json\n"
                "mdsctl simulate --json access.log shop.json\n",
    .synonyms = "whatif preview impact",
    .run = run_simulate,
};
