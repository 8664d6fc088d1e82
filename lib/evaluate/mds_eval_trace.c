/*
 * Reports the steps of an evaluation to its trace. None of this runs for a
 * request that has no trace.
 */

#include <stdarg.h>
#include <stdio.h>

#include "evaluate/mds_eval.h"

#define MDS_ELLIPSIS "\xe2\x80\xa6" /* U+2026 */

/* Ends a text that was printed to size bytes, and did not fit, by an ellipsis
 * behind a whole character. */
static void
mds_eval_end_cut_text(char *text, size_t size)
{
    size_t len = size - sizeof(MDS_ELLIPSIS);

    while (len > 0 && ((uint8_t) text[len] & 0xc0) == 0x80) {
        len--;
    }

    memcpy(text + len, MDS_ELLIPSIS, sizeof(MDS_ELLIPSIS));
}

bool(mds_eval_trace)(mds_eval_t *eval, const char *what, mds_str_t subject,
                     mds_str_t seen, bool holds, const char *format, ...)
{
    char              detail[MDS_DETAIL_MAX];
    mds_trace_event_t event
        = { MDS_TRACE_TEST, what, subject, detail, seen, holds };
    va_list args;

    va_start(args, format);
    if (vsnprintf(detail, sizeof(detail), format, args) >= (int) sizeof(detail))
    {
        mds_eval_end_cut_text(detail, sizeof(detail));
    }
    va_end(args);

    eval->trace->event(eval->trace, &event);

    return holds;
}

const char *
mds_eval_join_texts(const mds_eval_t *eval, mds_range_t texts,
                    const char *suffix, char *buffer, size_t size)
{
    size_t len = 0;

    buffer[0] = '\0';

    for (uint32_t i = 0; i < texts.count && len < size; i++) {
        mds_str_t text = mds_record_text(eval->record, texts.first + i);

        len += (size_t) snprintf(buffer + len, size - len, "%s%.*s%s",
                                 i > 0 ? ", " : "", MDS_STR(text), suffix);
    }

    if (len >= size) {
        mds_eval_end_cut_text(buffer, size);
    }

    return buffer;
}

void(mds_eval_trace_candidate)(mds_eval_t *eval, mds_trace_type_t type,
                               const char *what, mds_span_t id,
                               mds_span_t version, bool holds)
{
    mds_trace_event_t event = {
        .type = type,
        .what = what,
        .subject = mds_record_bytes(eval->record, id),
        .detail = "",
        .seen = mds_record_bytes(eval->record, version),
        .holds = holds,
    };

    eval->trace->event(eval->trace, &event);
}
