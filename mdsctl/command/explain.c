/* explain: shows the decision for a device, and the reason. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_arena.h"
#include "base/mds_buffer.h"
#include "base/mds_kind.h"
#include "base/mds_time.h"
#include "catalog/mds_depot.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"
#include "mdsctl.h"

typedef struct {
    mds_trace_t trace;     /* first: add_event() gets its address */
    mds_json_t *releases;  /* NULL once memory has run out */
    mds_json_t *tests;     /* of the release under way; borrowed */
    mds_json_t *installed; /* NULL: there is nothing to say of it */
    bool        json;
    bool        entitled; /* told about going back */
} explain_t;

static void
print_event(explain_t *explain, const mds_trace_event_t *event)
{
    switch (event->type) {
    case MDS_TRACE_INSTALLED:
        printf("installed \"%.*s\" does not count: %s\n", MDS_STR(event->seen),
               event->detail);
        break;

    case MDS_TRACE_RELEASE:
        if (event->what[0] == 'e' && !explain->entitled) {
            explain->entitled = true;
            printf("what the device is entitled to go back to:\n");
        }
        printf("release %.*s, version %.*s\n", MDS_STR(event->subject),
               MDS_STR(event->seen));
        break;

    case MDS_TRACE_TEST:
        printf("  %-4s %s%s%.*s", event->holds ? "yes" : "no", event->what,
               event->subject.len > 0 ? " " : "", MDS_STR(event->subject));
        if (event->seen.len > 0) {
            printf(" \"%.*s\"", MDS_STR(event->seen));
        } else if (strcmp(event->what, "rule") == 0) {
            printf(" (absent)");
        }
        printf("%s%s\n", event->detail[0] != '\0' ? ": " : "", event->detail);
        break;

    default:
        printf("  => %s\n", event->holds ? "holds" : "does not hold");
    }
}

static mds_status_t
note_installed_version(explain_t *explain, const mds_trace_event_t *event)
{
    explain->installed
        = mds_json_pack("{s:o, s:b, s:o}", "version",
                        mds_json_string_new(event->seen), "counts", 0, "why",
                        mds_json_string_new(mds_str_of(event->detail)));

    return explain->installed == NULL ? MDS_NO_MEMORY : MDS_OK;
}

static mds_status_t
note_release(explain_t *explain, const mds_trace_event_t *event)
{
    mds_json_t *o
        = mds_json_pack("{s:o, s:o, s:o, s:[]}", "release",
                        mds_json_string_new(event->subject), "version",
                        mds_json_string_new(event->seen), "for",
                        mds_json_string_new(mds_str_of(event->what)), "tests");

    explain->tests = mds_json_get(o, "tests");

    return mds_json_append(explain->releases, o);
}

static mds_status_t
note_test(explain_t *explain, const mds_trace_event_t *event)
{
    return mds_json_append(
        explain->tests,
        mds_json_pack("{s:o, s:o, s:o, s:o, s:b}", "test",
                      mds_json_string_new(mds_str_of(event->what)), "subject",
                      mds_json_string_new(event->subject), "seen",
                      mds_json_string_new(event->seen), "wants",
                      mds_json_string_new(mds_str_of(event->detail)), "holds",
                      (int) event->holds));
}

static mds_status_t
note_verdict(explain_t *explain, const mds_trace_event_t *event)
{
    size_t last = mds_json_size(explain->releases);

    return mds_json_set_bool(mds_json_at(explain->releases, last - 1), "holds",
                             event->holds);
}

static void
add_event(mds_trace_t *trace, const mds_trace_event_t *event)
{
    explain_t   *explain = (explain_t *) trace;
    mds_status_t status;

    if (!explain->json) {
        print_event(explain, event);
        return;
    }

    switch (event->type) {
    case MDS_TRACE_INSTALLED:
        status = note_installed_version(explain, event);
        break;
    case MDS_TRACE_RELEASE:
        status = note_release(explain, event);
        break;
    case MDS_TRACE_TEST:
        status = note_test(explain, event);
        break;
    default:
        status = note_verdict(explain, event);
    }

    if (status != MDS_OK) {
        mds_json_release(explain->releases);
        explain->releases = NULL;
        explain->tests = NULL;
    }
}

static mds_status_t
set_manifest(mds_json_t *o, const mds_decision_t *decision, mds_error_t *err)
{
    mds_json_t  *manifest = NULL;
    mds_status_t status;

    if (decision->manifest.len == 0) {
        return MDS_OK;
    }

    status = mds_json_parse(decision->manifest, "manifest", err, &manifest);

    return status == MDS_OK
               ? mds_json_done(mds_json_set(o, "manifest", manifest), err)
               : status;
}

static int
print_json(explain_t *explain, const mds_decision_t *decision, uint64_t serial)
{
    mds_error_t err;
    mds_json_t *o = mds_json_pack(
        "{s:I, s:o, s:o, s:o, s:o, s:o, s:o*}", "serial", (int64_t) serial,
        "action",
        mds_json_string_new(mds_str_of(mds_action_name(decision->action))),
        "reason",
        mds_json_string_new(mds_str_of(mds_reason_name(decision->reason))),
        "release", mds_json_string_new(decision->release), "version",
        mds_json_string_new(decision->version), "candidates",
        mds_json_retain(explain->releases), "installed",
        mds_json_retain(explain->installed));

    if (set_manifest(o, decision, &err) != MDS_OK) {
        mds_json_release(o);
        return mdsctl_fail(&err);
    }

    return mdsctl_print(o);
}

static int
print_words(const mds_decision_t *decision, uint64_t serial)
{
    printf("serial %" PRIu64 ": %s", serial, mds_action_name(decision->action));

    if (decision->version.len > 0) {
        printf(" %s%.*s",
               decision->action == MDS_ACTION_NONE ? "(its version is " : "",
               MDS_STR(decision->version));
        printf("%s", decision->action == MDS_ACTION_NONE ? ")" : "");
    }

    if (decision->release.len > 0) {
        printf(", by release %.*s", MDS_STR(decision->release));
    }

    printf("\nreason: %s (%s)\n", mds_reason_name(decision->reason),
           mds_reason_words(decision->reason));

    return MDSCTL_DONE;
}

/* Configuration: of each key (or the one that is named) its value. */

static void *
settings_alloc(void *data, size_t bytes)
{
    return mds_arena_calloc(data, bytes, 1);
}

/* Returns the values as one object. */
static mds_json_t *
settings_values(const mds_settings_t *settings, mds_error_t *err)
{
    mds_buffer_t text = { 0 };
    mds_json_t  *values = NULL;

    mds_buffer_add(&text, "{", 1);

    for (size_t i = 0; i < settings->value_count; i++) {
        mds_buffer_add(&text, ",", i > 0 ? 1 : 0);
        mds_buffer_add(&text, settings->values[i].data,
                       settings->values[i].len);
    }

    mds_buffer_add(&text, "}", 1);

    if (mds_buffer_failed(&text)
        || mds_json_parse((mds_str_t){ text.len, (const char *) text.data },
                          "settings", err, &values)
               != MDS_OK)
    {
        values = NULL;
    }

    mds_buffer_free(&text);
    return values;
}

static int
print_settings(explain_t *explain, const mds_settings_t *settings,
               uint64_t serial)
{
    mds_error_t err;

    if (!explain->json) {
        printf("serial %" PRIu64 ": %zu value%s\n", serial,
               settings->value_count, settings->value_count == 1 ? "" : "s");

        for (size_t i = 0; i < settings->value_count; i++) {
            printf("  %.*s\n", MDS_STR(settings->values[i]));
        }

        return MDSCTL_DONE;
    }

    return mdsctl_print(
        mds_json_pack("{s:I, s:o, s:o}", "serial", (int64_t) serial,
                      "candidates", mds_json_retain(explain->releases),
                      "values", settings_values(settings, &err)));
}

static int
explain_settings(explain_t *explain, const mds_snapshot_t *snapshot,
                 const mds_request_t *request)
{
    mds_arena_t   *arena = mds_arena_new();
    mds_alloc_t    alloc = { settings_alloc, arena };
    mds_settings_t settings;
    mds_error_t    err;
    int            code;

    if (arena == NULL) {
        mds_fail_memory(&err);
        return mdsctl_fail(&err);
    }

    code = mds_settings_evaluate(snapshot, request,
                                 mds_request_attr(request, MDS_ATTR_NAME),
                                 mds_time_now_ms(), &explain->trace, &alloc,
                                 &err, &settings)
                   != MDS_OK
               ? mdsctl_fail(&err)
               : print_settings(explain, &settings,
                                mds_catalog_serial(snapshot->catalog));

    mds_arena_free(arena);
    return code;
}

static int
explain_decision(explain_t *explain, const mds_snapshot_t *snapshot,
                 const mds_request_t *request)
{
    uint64_t       serial = mds_catalog_serial(snapshot->catalog);
    mds_decision_t decision;
    mds_error_t    err;

    if (mds_decide(snapshot, request, mds_time_now_ms(), &explain->trace, &err,
                   &decision)
        != MDS_OK)
    {
        return mdsctl_fail(&err);
    }

    return explain->json ? print_json(explain, &decision, serial)
                         : print_words(&decision, serial);
}

static int
explain_in(const mdsctl_t *ctl, mds_depot_t *depot, mds_state_t *state,
           const mds_request_t *request)
{
    explain_t      explain = { .trace = { add_event }, .json = ctl->json };
    mds_snapshot_t snapshot = { .state = state };
    mds_error_t    err;
    int            code;

    if (mds_depot_begin(depot, 0, &err, &snapshot.catalog) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    explain.releases = mds_json_array_new();

    code = mds_kind_has(mds_request_attr(request, MDS_ATTR_KIND),
                        MDS_KIND_IS_CONFIG)
               ? explain_settings(&explain, &snapshot, request)
               : explain_decision(&explain, &snapshot, request);

    mds_json_release(explain.releases);
    mds_json_release(explain.installed);

    if (state != NULL) {
        mds_state_end(state);
    }

    mds_depot_end(depot);
    return code;
}

static int
run_explain(mdsctl_t *ctl, int argc, char **argv)
{
    mds_request_t request = { 0 };
    mds_depot_t  *depot;
    mds_state_t  *state;
    mds_error_t   err;
    int           code;

    if (mdsctl_parse(ctl, NULL, 1, -1, &argc, argv) != MDSCTL_DONE
        || mdsctl_attributes(argc - 1, argv + 1, &request) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (mds_request_validate(&request, &err) != MDS_OK) {
        return mdsctl_fail_usage("%s", err.text);
    }

    if (mds_depot_open(ctl->depot, &err, &depot) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    /* Only a window's release needs it, and says so. */
    if (mds_state_open(ctl->depot, &err, &state) != MDS_OK) {
        state = NULL;
    }

    code = explain_in(ctl, depot, state, &request);
    mds_state_close(state);
    mds_depot_close(depot);

    return code;
}

const mdsctl_command_t mdsctl_command_explain = {
    .name = "explain",
    .usage = "NAME=VALUE...",
    .summary = "show what a device gets, and why",
    .run = run_explain,
};
