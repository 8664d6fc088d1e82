/* Reads the lines of a log, and finds the checks in them. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "request/mds_batch.h"
#include "simulate/mds_simulation_internal.h"

/* The request of a line, unescaped. */
typedef struct {
    mds_str_t method; /* empty: the log does not have it */
    mds_str_t path;
    mds_str_t args;
    mds_str_t body;
} mds_log_request_t;

/* Where the next value is unescaped to: together they are no longer than the
 * line. */
typedef struct {
    const mds_log_format_t *format;
    const mds_log_line_t   *line;
    char                   *room;
    bool                    wrong; /* an escape is wrong */
} mds_log_values_t;

mds_status_t
mds_simulation_new(const mds_simulation_options_t *options, mds_error_t *err,
                   mds_simulation_t **simulation)
{
    mds_simulation_t *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return mds_fail_memory(err);
    }

    s->options = *options;

    if ((s->arena = mds_arena_new()) == NULL
        || (s->devices = mds_distinct_new(options->exact_max)) == NULL
        || (s->diffs = mds_manifest_diffs_new()) == NULL
        || (s->row_keys = mds_intern_new()) == NULL
        || (s->rows = calloc(MDS_ROWS_MAX, sizeof(*s->rows))) == NULL
        || (s->unescaped = malloc(MDS_SIMULATION_LINE_MAX)) == NULL
        || (s->decoded = malloc(MDS_SIMULATION_LINE_MAX)) == NULL
        || (s->batch = malloc(mds_batch_bytes(MDS_BATCH_BYTES_MAX))) == NULL)
    {
        mds_simulation_free(s);
        return mds_fail_memory(err);
    }

    *simulation = s;
    return MDS_OK;
}

void
mds_simulation_free(mds_simulation_t *s)
{
    if (s == NULL) {
        return;
    }

    for (size_t i = 0; s->rows != NULL && i < s->row_count; i++) {
        for (size_t j = 0; j < s->rows[i].example_count; j++) {
            mds_json_release(s->rows[i].examples[j]);
        }
    }

    free(s->batch);
    free(s->decoded);
    free(s->unescaped);
    free(s->rows);
    mds_intern_free(s->row_keys);
    mds_manifest_diffs_free(s->diffs);
    mds_distinct_free(s->devices);
    mds_arena_free(s->arena);
    free(s);
}

/* Counts a line; the first is kept with a text. */
static void
mds_bad_lines_add(mds_bad_lines_t *bad, uint64_t line, mds_str_t text)
{
    bool   utf8 = mds_str_is_utf8(text);
    size_t len = text.len < 200 ? text.len : 200;

    if (bad->count++ > 0) {
        return;
    }

    /* Not in the middle of a character. */
    while (len < text.len && len > 0
           && ((uint8_t) text.data[len] & 0xc0) == 0x80) {
        len--;
    }

    bad->line = line;

    for (size_t i = 0; i < len; i++) {
        char c = text.data[i];

        bad->text[i]
            = (char) (c == '\0' || (!utf8 && (uint8_t) c >= 0x80) ? '?' : c);
    }
}

/* Gives a value without its escapes. */
static mds_str_t
mds_log_value(mds_log_values_t *values, unsigned field)
{
    mds_str_t raw = values->line->values[field];
    mds_str_t plain = mds_null_str;

    if (!mds_log_unescape(values->format->escape, raw, values->room, &plain)) {
        values->wrong = true;
    }

    values->room += raw.len;
    return plain;
}

/* Cuts "METHOD TARGET PROTOCOL" into its parts. */
static void
mds_log_cut_request(mds_str_t text, mds_str_t *method, mds_str_t *target)
{
    *method = mds_str_cut(&text, ' ');
    *target = mds_str_cut(&text, ' ');
}

/* Takes the request from the line's values. */
static void
mds_log_take_request(mds_log_values_t *values, mds_log_request_t *request)
{
    uint32_t  has = values->format->fields;
    mds_str_t target = mds_null_str, rest;

    *request = (mds_log_request_t){ .body = mds_log_value(values, MDS_LOG_BODY),
                                    .method
                                    = mds_log_value(values, MDS_LOG_METHOD) };

    if ((has >> MDS_LOG_REQUEST & 1) != 0) {
        mds_log_cut_request(mds_log_value(values, MDS_LOG_REQUEST),
                            &request->method, &target);
    } else if ((has >> MDS_LOG_REQUEST_URI & 1) != 0) {
        target = mds_log_value(values, MDS_LOG_REQUEST_URI);
    } else {
        request->path = mds_log_value(values, MDS_LOG_URI);
        request->args = mds_log_value(values, MDS_LOG_ARGS);
        return;
    }

    rest = mds_str_cut(&target, '#');
    request->path = mds_str_cut(&rest, '?');
    request->args = rest;
}

static bool
mds_log_is_check(mds_str_t path)
{
    mds_str_t end = mds_str("/check");

    return path.len >= end.len
           && memcmp(path.data + path.len - end.len, end.data, end.len) == 0;
}

/* Sets the attributes that the operator sets: an empty value is absent, and the
 * device's claim is dropped. */
static mds_status_t
mds_simulation_set_trusted(mds_log_values_t *values, mds_request_t *request,
                           mds_error_t *err)
{
    const mds_log_format_t *format = values->format;
    mds_status_t            status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < format->attribute_count; i++) {
        status = mds_request_set_trusted(
            request, format->attributes[i],
            mds_log_value(values, MDS_LOG_ATTRIBUTE + (unsigned) i), err);
    }

    return status;
}

/* Counts a check that a worker would refuse. */
static mds_status_t
mds_simulation_refuse(mds_simulation_t *s, const mds_error_t *err)
{
    mds_bad_lines_add(&s->refused, s->lines, mds_str_of(err->text));
    return MDS_OK;
}

/* Decides a check, or counts it as refused if status is a failure. */
static mds_status_t
mds_simulation_check_valid(mds_simulation_t *s, mds_status_t status,
                           mds_request_t *request, mds_error_t *err)
{
    return status == MDS_OK ? mds_simulation_check(s, request, err)
                            : mds_simulation_refuse(s, err);
}

static mds_status_t
mds_simulation_read_query(mds_simulation_t *s, mds_str_t args,
                          mds_request_t *request, mds_error_t *err)
{
    mds_status_t status = mds_request_parse(request, args, s->decoded, err);

    if (status == MDS_OK) {
        status = mds_request_validate(request, err);
    }

    return mds_simulation_check_valid(s, status, request, err);
}

static mds_status_t
mds_simulation_read_batch(mds_simulation_t *s, mds_str_t body,
                          const mds_request_t *fixed, mds_error_t *err)
{
    mds_batch_t  *batch = NULL;
    mds_request_t request;
    mds_status_t  status
        = body.len > MDS_BATCH_BYTES_MAX
              ? mds_fail(err, MDS_INVALID, "the body has more than %d bytes",
                         MDS_BATCH_BYTES_MAX)
              : mds_batch_parse(body, fixed, s->batch, err, &batch);

    if (status == MDS_OK) {
        status = mds_batch_validate(batch, err);
    }

    if (status != MDS_OK) {
        return mds_simulation_refuse(s, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_batch_count(batch); i++) {
        status = mds_batch_request(batch, i, &request, err);
        status = mds_simulation_check_valid(s, status, &request, err);
    }

    return status;
}

mds_status_t
mds_simulation_read(mds_simulation_t *s, mds_str_t text, mds_error_t *err)
{
    mds_log_line_t   line;
    mds_log_values_t values = { s->options.format, &line, s->unescaped, false };
    mds_log_request_t logged;
    mds_request_t     request;
    mds_status_t      status;
    bool              is_post;

    s->lines++;

    if (!mds_log_format_read(values.format, text, &line)) {
        mds_bad_lines_add(&s->wrong, s->lines, text);
        return MDS_OK;
    }

    mds_log_take_request(&values, &logged);
    mds_request_init(&request);
    status = mds_simulation_set_trusted(&values, &request, err);

    if (values.wrong) {
        mds_bad_lines_add(&s->wrong, s->lines, text);
        return MDS_OK;
    }

    is_post = logged.method.len == 0
                  ? logged.body.len > 0
                  : mds_str_eq(logged.method, mds_str("POST"));

    if (!mds_log_is_check(logged.path)
        || (logged.method.len > 0 && !is_post
            && !mds_str_eq(logged.method, mds_str("GET"))
            && !mds_str_eq(logged.method, mds_str("HEAD"))))
    {
        s->others++;
        return MDS_OK;
    }

    if (is_post && logged.body.len == 0) {
        s->bodiless++;
        return MDS_OK;
    }

    if (status != MDS_OK) {
        return mds_simulation_refuse(s, err);
    }

    return is_post ? mds_simulation_read_batch(s, logged.body, &request, err)
                   : mds_simulation_read_query(s, logged.args, &request, err);
}

void
mds_simulation_skip(mds_simulation_t *s)
{
    s->lines++;
    mds_bad_lines_add(&s->wrong, s->lines,
                      mds_str("(a line of more than 1 MiB)"));
}
