/*
 * What CodePush clients send. The first byte says whether the rest is a query,
 * the body of a deployment or that of a download. What is decoded of a query
 * lies in its buffer, and what is claimed keeps the limits; a report has a key.
 */

#include "fuzz.h"
#include "request/mds_codepush.h"

/* Checks that a key has only the characters of a key. */
static void
check_key(mds_str_t key)
{
    fuzz_must(key.len > 0 && key.len <= MDS_CODEPUSH_KEY_MAX);

    for (size_t i = 0; i < key.len; i++) {
        fuzz_must((unsigned char) key.data[i] > ' '
                  && (unsigned char) key.data[i] < 0x7f);
    }
}

static void
check_message(const mds_error_t *err)
{
    fuzz_must(mds_str_is_utf8(mds_str_of(err->text))
              && strchr(err->text, '\n') == NULL);
}

static void
check_claim(const mds_codepush_query_t *query)
{
    mds_request_t request;
    mds_error_t   err;

    mds_request_init(&request);

    if (mds_codepush_query_claim(query, &request, &err) != MDS_OK) {
        check_message(&err);
        return;
    }

    fuzz_must(request.count <= 3);

    for (size_t i = 0; i < request.count; i++) {
        fuzz_must(request.attributes[i].value.len <= MDS_VALUE_MAX
                  && mds_str_is_utf8(request.attributes[i].value)
                  && !request.attributes[i].trusted);
    }
}

static void
query_of(mds_str_t text)
{
    char                *buffer = fuzz_room(text.len);
    mds_codepush_query_t query;
    mds_error_t          err;

    if (mds_codepush_query_parse(text, buffer, &err, &query) == MDS_OK) {
        const mds_str_t values[]
            = { query.key,   query.app_version, query.device,
                query.label, query.hash,        query.companion };

        for (size_t i = 0; i < mds_nelems(values); i++) {
            fuzz_must(fuzz_inside(values[i], buffer, text.len));
            fuzz_read(values[i]);
        }

        if (mds_codepush_query_check(&query, &err) == MDS_OK) {
            check_key(query.key);
        } else {
            check_message(&err);
        }

        check_claim(&query);
    } else {
        check_message(&err);
    }

    free(buffer);
}

static void
report_of(mds_str_t text, bool deploy)
{
    mds_codepush_report_t report = { .arena = NULL };
    mds_error_t           err;

    if (mds_codepush_report_parse(text, deploy, &err, &report) != MDS_OK) {
        fuzz_must(report.arena == NULL);
        check_message(&err);
        return;
    }

    check_key(report.key);
    fuzz_must(report.event < MDS_EVENT_COUNT);
    fuzz_must((deploy ? report.app_version : report.label).len > 0);
    fuzz_must(deploy || report.event == MDS_EVENT_DOWNLOADED);
    fuzz_read(report.app_version);
    fuzz_read(report.device);
    fuzz_read(report.label);
    mds_codepush_report_free(&report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t text = { size - 1, (const char *) data + 1 };

    if (size == 0 || size > MDS_CODEPUSH_BODY_BYTES_MAX) {
        return 0;
    }

    switch (data[0] % 3) {
    case 0:
        query_of(text);
        break;
    case 1:
        report_of(text, true);
        break;
    default:
        report_of(text, false);
    }

    return 0;
}
