/*
 * The explanation of a decision. The candidates are written as their events
 * come, into one text; what is known only afterwards is written around it.
 */

#include "evaluate/mds_explain.h"

#include "base/mds_kind.h"
#include "base/mds_writer.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"

typedef struct {
    mds_trace_t  trace; /* first: its address is that of all */
    mds_writer_t candidates;
    mds_writer_t installed;  /* empty: the installed version counts */
    size_t       bytes_max;  /* of candidates */
    size_t       test_count; /* of the candidate that is written */
    uint64_t     omitted;    /* candidates beyond bytes_max */
    bool         omitting;
} mds_explain_t;

static void
mds_explain_on_installed(mds_writer_t *text, const mds_trace_event_t *event)
{
    mds_writer_string(text, ",\"installed\":{\"version\":\"", event->seen);
    mds_writer_string(text, ",\"counts\":false,\"why\":\"",
                      mds_str_of(event->detail));
    mds_writer_words(text, "}");
}

static void
mds_explain_on_release(mds_explain_t *explain, const mds_trace_event_t *event)
{
    mds_writer_t *text = &explain->candidates;

    explain->test_count = 0;
    explain->omitting
        = explain->bytes_max > 0 && text->len > explain->bytes_max;

    if (explain->omitting) {
        explain->omitted++;
        return;
    }

    mds_writer_string(text,
                      text->len > 0 ? ",{\"release\":\"" : "{\"release\":\"",
                      event->subject);
    mds_writer_string(text, ",\"version\":\"", event->seen);
    mds_writer_string(text, ",\"for\":\"", mds_str_of(event->what));
    mds_writer_words(text, ",\"tests\":[");
}

static void
mds_explain_on_test(mds_explain_t *explain, const mds_trace_event_t *event)
{
    mds_writer_t *text = &explain->candidates;

    mds_writer_string(text,
                      explain->test_count++ > 0 ? ",{\"test\":\""
                                                : "{\"test\":\"",
                      mds_str_of(event->what));
    mds_writer_string(text, ",\"subject\":\"", event->subject);
    mds_writer_string(text, ",\"seen\":\"", event->seen);
    mds_writer_string(text, ",\"wants\":\"", mds_str_of(event->detail));
    mds_writer_bool(text, ",\"holds\":", event->holds);
    mds_writer_words(text, "}");
}

static void
mds_explain_on_event(mds_trace_t *trace, const mds_trace_event_t *event)
{
    mds_explain_t *explain = (mds_explain_t *) trace;

    if (event->type == MDS_TRACE_INSTALLED) {
        mds_explain_on_installed(&explain->installed, event);

    } else if (event->type == MDS_TRACE_RELEASE) {
        mds_explain_on_release(explain, event);

    } else if (explain->omitting) {
        return;

    } else if (event->type == MDS_TRACE_TEST) {
        mds_explain_on_test(explain, event);

    } else {
        mds_writer_bool(&explain->candidates, "],\"holds\":", event->holds);
        mds_writer_words(&explain->candidates, "}");
    }
}

static void
mds_explain_add_decision(mds_writer_t *text, const mds_decision_t *decision)
{
    mds_writer_string(text, ",\"action\":\"",
                      mds_str_of(mds_action_name(decision->action)));
    mds_writer_string(text, ",\"reason\":\"",
                      mds_str_of(mds_reason_name(decision->reason)));
    mds_writer_string(text, ",\"release\":\"", decision->release);
    mds_writer_string(text, ",\"version\":\"", decision->version);
}

/* Adds what mdsctl and nginx have in common for decisions and for settings. */
static void
mds_explain_add_candidates(mds_writer_t *text, mds_explain_t *explain,
                           const mds_explain_options_t *options)
{
    mds_writer_words(text, ",\"candidates\":[");
    mds_writer_add(text, mds_writer_str(&explain->candidates));
    mds_writer_words(text, "]");

    if (explain->omitted > 0) {
        mds_writer_number(text, ",\"omitted\":", explain->omitted);
    }

    for (size_t i = 0; i < options->overrides.count; i++) {
        mds_writer_string(text, i == 0 ? ",\"overrides\":[\"" : ",\"",
                          options->overrides.items[i]);
    }

    mds_writer_words(text, options->overrides.count > 0 ? "]" : "");
    text->failed = text->failed || explain->candidates.failed
                   || explain->installed.failed;
}

static void
mds_explain_add_values(mds_writer_t *text, const mds_settings_t *settings)
{
    mds_writer_words(text, ",\"values\":{");

    for (size_t i = 0; i < settings->value_count; i++) {
        mds_writer_words(text, i > 0 ? "," : "");
        mds_writer_add(text, settings->values[i]);
    }

    mds_writer_words(text, "}");
}

static mds_status_t
mds_explain_decision(mds_explain_t *explain, const mds_snapshot_t *snapshot,
                     const mds_request_t         *request,
                     const mds_explain_options_t *options, int64_t now_ms,
                     mds_error_t *err, mds_writer_t *text)
{
    mds_decision_t decision;
    mds_status_t   status;

    status = mds_decide(snapshot, request, now_ms, &explain->trace, err,
                        &decision);
    if (status != MDS_OK) {
        return status;
    }

    mds_explain_add_decision(text, &decision);
    mds_explain_add_candidates(text, explain, options);
    mds_writer_add(text, mds_writer_str(&explain->installed));

    /* A manifest is JSON as it is stored. */
    if (decision.manifest.len > 0) {
        mds_writer_words(text, ",\"manifest\":");
        mds_writer_add(text, decision.manifest);
    }

    return MDS_OK;
}

static mds_status_t
mds_explain_settings(mds_explain_t *explain, const mds_snapshot_t *snapshot,
                     const mds_request_t         *request,
                     const mds_explain_options_t *options, int64_t now_ms,
                     mds_error_t *err, mds_writer_t *text)
{
    mds_settings_t settings;
    mds_status_t   status;

    status = mds_settings_evaluate(snapshot, request,
                                   mds_request_attr(request, MDS_ATTR_NAME),
                                   now_ms, &explain->trace, text->alloc, err,
                                   &settings);
    if (status != MDS_OK) {
        return status;
    }

    mds_explain_add_candidates(text, explain, options);
    mds_explain_add_values(text, &settings);

    return MDS_OK;
}

mds_status_t
mds_explain(const mds_snapshot_t *snapshot, const mds_request_t *request,
            const mds_explain_options_t *options, int64_t now_ms,
            const mds_alloc_t *alloc, mds_error_t *err, mds_str_t *json)
{
    mds_explain_t explain = { .trace = { mds_explain_on_event },
                              .candidates = { .alloc = alloc },
                              .installed = { .alloc = alloc },
                              .bytes_max = options->bytes_max };
    mds_writer_t  text = { .alloc = alloc };
    mds_status_t  status;

    mds_writer_number(&text,
                      "{\"serial\":", mds_catalog_serial(snapshot->catalog));

    status = (mds_kind_has(mds_request_attr(request, MDS_ATTR_KIND),
                           MDS_KIND_IS_CONFIG)
                  ? mds_explain_settings
                  : mds_explain_decision)(&explain, snapshot, request, options,
                                          now_ms, err, &text);
    if (status != MDS_OK) {
        return status;
    }

    mds_writer_words(&text, "}");

    if (text.failed) {
        return mds_fail_memory(err);
    }

    *json = mds_writer_str(&text);
    return MDS_OK;
}
