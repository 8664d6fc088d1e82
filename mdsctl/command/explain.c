/* explain: shows the decision for a device, and the reason. */

#include <inttypes.h>

#include "base/mds_arena.h"
#include "base/mds_kind.h"
#include "base/mds_time.h"
#include "catalog/mds_depot.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_explain.h"
#include "evaluate/mds_settings.h"
#include "installed.h"
#include "mdsctl.h"

/* Prints the events as they come. */
typedef struct {
    mds_trace_t trace;    /* first: print_event() gets its address */
    bool        entitled; /* told about going back */
} printer_t;

static void
print_test(const mds_trace_event_t *event)
{
    printf("  %-4s %s%s%.*s", event->holds ? "yes" : "no", event->what,
           event->subject.len > 0 ? " " : "", MDS_STR(event->subject));
    if (event->seen.len > 0) {
        printf(" \"%.*s\"", MDS_STR(event->seen));
    } else if (strcmp(event->what, "rule") == 0) {
        printf(" (absent)");
    }
    printf("%s%s\n", event->detail[0] != '\0' ? ": " : "", event->detail);
}

static void
print_event(mds_trace_t *trace, const mds_trace_event_t *event)
{
    printer_t *printer = (printer_t *) trace;

    switch (event->type) {
    case MDS_TRACE_INSTALLED:
        printf("installed \"%.*s\" does not count: %s\n", MDS_STR(event->seen),
               event->detail);
        break;

    case MDS_TRACE_RELEASE:
        if (event->what[0] == 'e' && !printer->entitled) {
            printer->entitled = true;
            printf("what the device is entitled to go back to:\n");
        }
        printf("release %.*s, version %.*s\n", MDS_STR(event->subject),
               MDS_STR(event->seen));
        break;

    case MDS_TRACE_TEST:
        print_test(event);
        break;

    default:
        printf("  => %s\n", event->holds ? "holds" : "does not hold");
    }
}

/* Prints the version that the decision is about. */
static void
print_version(const mds_decision_t *decision, mds_str_t installed)
{
    if (decision->version.len == 0) {
        return;
    }

    if (decision->action != MDS_ACTION_NONE) {
        printf(" %.*s", MDS_STR(decision->version));
    } else if (mds_str_eq(decision->version, installed)) {
        printf(" (it has %.*s already)", MDS_STR(installed));
    } else if (installed.len > 0) {
        printf(" (its version is %.*s, and it has %.*s)",
               MDS_STR(decision->version), MDS_STR(installed));
    } else {
        printf(" (its version is %.*s)", MDS_STR(decision->version));
    }
}

/* Prints how many devices of the platform have the version, if any has. */
static void
print_installed(const mdsctl_t *ctl, const mds_decision_t *decision,
                const mds_request_t *request)
{
    mds_str_t   platform = mds_request_attr(request, MDS_ATTR_PLATFORM);
    mds_json_t *release = mds_json_pack(
        "{s:o, s:o, s:o*}", "kind",
        mds_json_string_new(mds_request_attr(request, MDS_ATTR_KIND)),
        "version", mds_json_string_new(decision->version), "platform",
        platform.len > 0 ? mds_json_string_new(platform) : NULL);
    mds_registry_versions_t *versions = mdsctl_installed_has_kind(release)
                                            ? mdsctl_installed_read(ctl->depot)
                                            : NULL;
    uint64_t                 count
        = mdsctl_installed_count(versions,
                                 mds_request_attr(request, MDS_ATTR_APP),
                                 release);
    char words[MDSCTL_INSTALLED_BYTES];

    if (count > 0) {
        printf("; %s", mdsctl_installed_words(versions, count, words));
    }

    mds_registry_versions_free(versions);
    mds_json_release(release);
}

static void
print_decision(const mdsctl_t *ctl, const mds_decision_t *decision,
               const mds_request_t *request, uint64_t serial)
{
    printf("serial %" PRIu64 ": %s", serial, mds_action_name(decision->action));
    print_version(decision, mds_request_attr(request, MDS_ATTR_VERSION));

    if (decision->release.len > 0) {
        printf(", by release %.*s", MDS_STR(decision->release));
    }

    print_installed(ctl, decision, request);
    printf("\nreason: %s (%s)\n", mds_reason_name(decision->reason),
           mds_reason_words(decision->reason));
}

static mds_status_t
explain_settings(const mds_snapshot_t *snapshot, const mds_request_t *request,
                 const mds_alloc_t *alloc, mds_error_t *err)
{
    printer_t      printer = { .trace = { print_event } };
    mds_settings_t settings;
    mds_status_t   status;

    status = mds_settings_evaluate(snapshot, request,
                                   mds_request_attr(request, MDS_ATTR_NAME),
                                   mds_time_now_ms(), &printer.trace, alloc,
                                   err, &settings);
    if (status != MDS_OK) {
        return status;
    }

    printf("serial %" PRIu64 ": %zu value%s\n",
           mds_catalog_serial(snapshot->catalog), settings.value_count,
           settings.value_count == 1 ? "" : "s");

    for (size_t i = 0; i < settings.value_count; i++) {
        printf("  %.*s\n", MDS_STR(settings.values[i]));
    }

    return MDS_OK;
}

static mds_status_t
explain_decision(const mdsctl_t *ctl, const mds_snapshot_t *snapshot,
                 const mds_request_t *request, mds_error_t *err)
{
    printer_t      printer = { .trace = { print_event } };
    mds_decision_t decision;
    mds_status_t   status;

    status = mds_decide(snapshot, request, mds_time_now_ms(), &printer.trace,
                        err, &decision);
    if (status == MDS_OK) {
        print_decision(ctl, &decision, request,
                       mds_catalog_serial(snapshot->catalog));
    }

    return status;
}

static mds_status_t
explain_json(const mds_snapshot_t *snapshot, const mds_request_t *request,
             const mds_alloc_t *alloc, mds_error_t *err, mds_json_t **json)
{
    static const mds_explain_options_t options = { .bytes_max = 0 };
    mds_str_t                          text;
    mds_status_t                       status;

    status = mds_explain(snapshot, request, &options, mds_time_now_ms(), alloc,
                         err, &text);

    return status == MDS_OK ? mds_json_parse(text, "explanation", err, json)
                            : status;
}

static int
explain(const mdsctl_t *ctl, const mds_snapshot_t *snapshot,
        const mds_request_t *request)
{
    mds_arena_t *arena = mds_arena_new();
    mds_alloc_t  alloc = mds_arena_allocator(arena);
    mds_json_t  *json = NULL;
    mds_status_t status;
    mds_error_t  err;

    if (arena == NULL) {
        status = mds_fail_memory(&err);
    } else if (ctl->json) {
        status = explain_json(snapshot, request, &alloc, &err, &json);
    } else if (mds_kind_has(mds_request_attr(request, MDS_ATTR_KIND),
                            MDS_KIND_IS_CONFIG))
    {
        status = explain_settings(snapshot, request, &alloc, &err);
    } else {
        status = explain_decision(ctl, snapshot, request, &err);
    }

    mds_arena_free(arena);

    if (status != MDS_OK) {
        return mdsctl_fail(&err);
    }

    return json == NULL ? MDSCTL_DONE : mdsctl_print(json);
}

static int
explain_in(const mdsctl_t *ctl, mds_depot_t *depot, mds_state_t *state,
           const mds_request_t *request)
{
    mds_snapshot_t snapshot = { .state = state };
    mds_error_t    err;
    int            code;

    if (mds_depot_begin(depot, 0, &err, &snapshot.catalog) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    code = explain(ctl, &snapshot, request);

    if (state != NULL) {
        mds_state_end(state);
    }

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

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE
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
    .group = MDSCTL_SEE,
    .pages = true,
    .arguments = "NAME=VALUE...",
    .summary = "show what a device gets, and why",
    .text = "Prints every candidate for a device with these attributes, test "
            "by test, and what "
            "the device gets, by the code that nginx runs. It takes no place "
            "in a window.",
    .examples
    = "mdsctl explain app=com.example.shop kind=upgrade platform=android \\\n"
      "    version=3.1.0 user=alice\n"
      "mdsctl explain app=com.example.shop kind=bundle name=home device=d1\n",
    .synonyms = "why debug test",
    .run = run_explain,
};
