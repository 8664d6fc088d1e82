/* Formats as they stand in nginx.conf, and lines as nginx writes them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "simulate/mds_log_format.h"

static mds_log_format_t format;

/* Returns the values of a line that matter, joined by '|', without escapes;
 * "wrong" for a line that does not fit. */
static const char *
values(const char *text)
{
    static char    joined[4096];
    char           room[4096];
    mds_log_line_t line;
    size_t         len = 0;

    if (!mds_log_format_read(&format, mds_str_of(text), &line)) {
        return "wrong";
    }

    joined[0] = '\0';

    for (size_t i = 0; i < MDS_LOG_ATTRIBUTE + format.attribute_count; i++) {
        bool      has = (format.fields >> i & 1) != 0;
        mds_str_t plain;

        if (!has) {
            assert_int_equal(line.values[i].len, 0);
            continue;
        }

        if (!mds_log_unescape(format.escape, line.values[i], room, &plain)) {
            return "bad escape";
        }

        len += (size_t) snprintf(joined + len, sizeof(joined) - len, "%s%.*s",
                                 len > 0 ? "|" : "", MDS_STR(plain));
    }

    return joined;
}

static void
parse(const char *text)
{
    mds_error_t err;

    if (mds_log_format_parse(mds_str_of(text), &err, &format) != MDS_OK) {
        fail_msg("%s: %s", text, err.text);
    }
}

static void
test_lines(void **state)
{
    static const struct {
        const char *format;
        const char *line;
        const char *values;
    } cases[] = {
        { "combined",
          "1.2.3.4 - - [27/Nov/2026:12:00:00 +0000] \"GET /check?a=1 "
          "HTTP/1.1\" "
          "200 5 \"-\" \"okhttp/4\"",
          "GET /check?a=1 HTTP/1.1" },
        { "combined",
          "1.2.3.4 - - [27/Nov/2026:12:00:00 +0000] \"GET /check?a=\\x22\\xE4 "
          "HTTP/1.1\" 200 5 \"-\" \"a \\x22b\\x22\"",
          "GET /check?a=\"\xe4 HTTP/1.1" },
        { "combined", "1.2.3.4 - - [x] \"GET / HTTP/1.1\" 200 5 \"-\" \"okh",
          "wrong" },
        { "combined", "1.2.3.4 - - [x] \"GET / HTTP/1.1\" 200 5 \"-\" \"o\" 1",
          "wrong" },
        { "combined", "1.2.3.4 - - [x] \"\\x1\" 200 5 \"-\" \"-\"",
          "bad escape" },
        { "combined", "", "wrong" },
        { "$request", "GET / HTTP/1.1", "GET / HTTP/1.1" },
        { "$request", "", "" },
        { "$request", "-", "" },
        { "${request}!", "GET /!", "GET /" },
        { "log_format main '$remote_addr '\n    '\"$request\"';",
          "::1 \"GET /x HTTP/2.0\"", "GET /x HTTP/2.0" },
        { "'$request_method\\t$uri' '\\t$args'", "GET\t/c\ta=b", "GET|/c|a=b" },
        { "$request_method $document_uri?$query_string.", "GET /c?a.",
          "GET|/c|a" },
        { "escape=json '{\"m\":\"$request_method\",\"u\":\"$request_uri\",'"
          "'\"s\":$status,\"b\":\"$request_body\"}'",
          "{\"m\":\"POST\",\"u\":\"/check\",\"s\":200,\"b\":\"{\\\"a\\\":"
          "\\\"\\\\\\\"\\u001f\\n\\\"}\"}",
          "POST|/check|{\"a\":\"\\\"\x1f\n\"}" },
        { "escape=json '{\"b\":\"$request_body\"} $request_uri'",
          "{\"b\":\"x\\\"} y\\\\\"} /check", "/check|x\"} y\\" },
        { "escape=json '{\"u\":\"$request_uri\"}'", "{\"u\":\"\\u0\"}",
          "bad escape" },
        { "escape=none '$request_uri'", "\\x41-", "\\x41-" },
        { "'$request_uri mds_attribute_city=$c mds_attribute_user=\"$u\"'",
          "/check mds_attribute_city=Bern mds_attribute_user=\"-\"",
          "/check|Bern|" },
        { "escape=json '{\"mds_attribute_net\":\"$net\",\"r\":\"$request\"}'",
          "{\"mds_attribute_net\":\"wifi\",\"r\":\"GET /\"}", "GET /|wifi" },
        { "'$request mds_attribute_City=$c'", "a mds_attribute_City=b", "a" },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        parse(cases[i].format);
        assert_string_equal(values(cases[i].line), cases[i].values);
    }
}

static void
test_attributes(void **state)
{
    char text[4096] = "$request";

    (void) state;
    parse("$request_uri \"mds_attribute_city\": '$x'");
    assert_int_equal(format.attribute_count, 1);
    assert_int_equal(format.attributes[0].len, 4);

    /* One more than there is room for is any variable. */
    for (size_t i = 0; i <= MDS_LOG_ATTRIBUTES_MAX; i++) {
        snprintf(text + strlen(text), 64, " mds_attribute_a%zu=$v", i);
    }

    parse(text);
    assert_int_equal(format.attribute_count, MDS_LOG_ATTRIBUTES_MAX);
    assert_string_equal(values("a b"), "wrong");
}

static void
test_wrong_formats(void **state)
{
    static const struct {
        const char *format;
        const char *words;
    } cases[] = {
        { "", "there is no request in it" },
        { "$remote_addr", "there is no request in it" },
        { "$uri $status", "there is no request in it" },
        { "$request$status", "between $request and the variable" },
        { "$request $", "must be followed by the name" },
        { "${request", "must be followed by the name" },
        { "'$request", "a quote has no end" },
        { "'$request' x", "found \"x\" behind a quoted string" },
        { "escape=xml '$request'", "must be default, json or none" },
    };
    mds_error_t err;
    char       *long_format;

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        assert_int_equal(mds_log_format_parse(mds_str_of(cases[i].format), &err,
                                              &format),
                         MDS_INVALID);

        if (strstr(err.text, cases[i].words) == NULL) {
            fail_msg("%s: %s", cases[i].format, err.text);
        }
    }

    long_format = calloc(1, MDS_LOG_FORMAT_BYTES + 2);
    memset(long_format, '.', MDS_LOG_FORMAT_BYTES + 1);
    assert_int_equal(mds_log_format_parse(mds_str_of(long_format), &err,
                                          &format),
                     MDS_INVALID);
    strcpy(long_format, "$request");

    for (size_t i = 0; i < MDS_LOG_PARTS_MAX; i++) {
        strcat(long_format, ".$a");
    }

    assert_int_equal(mds_log_format_parse(mds_str_of(long_format), &err,
                                          &format),
                     MDS_INVALID);
    free(long_format);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_wrong_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
