/* service: parses the options for requests to a service. */

#include "device/service.h"

#include <stdlib.h>

#define DEADLINE_S 3600
#define RATE_BYTES 1000 /* a second */
#define RATE_WINDOW_S 30

/* Decodes percent-encoding in place. Returns false if it is invalid or has a
 * zero byte. */
static bool
decode_percent(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++) {
        int high, low;

        if (*text != '%') {
            *to++ = *text;
            continue;
        }

        high = mds_hex_digit(text[1]);
        low = high < 0 ? -1 : mds_hex_digit(text[2]);
        if (low < 0 || high + low == 0) {
            return false;
        }

        *to++ = (char) (high * 16 + low);
        text += 2;
    }

    *to = '\0';
    return true;
}

/* Moves "NAME:PASSWORD@" out of the URL, to the memory behind the shorter URL,
 * so that the URL can be printed. */
static int
extract_user(char *url, mdsctl_http_options_t *options)
{
    char  *host = strstr(url, "://") + 3;
    size_t len = strcspn(host, "/");
    size_t user_len = len;
    size_t rest_len;
    char   user[512];

    while (user_len > 0 && host[user_len - 1] != '@') {
        user_len--;
    }

    if (user_len == 0) {
        return MDSCTL_DONE;
    }

    if (options->user != NULL) {
        return mdsctl_fail_usage(
            "the user is given twice: by --user and in the URL");
    }

    if (user_len > sizeof(user)) {
        return mdsctl_fail_usage("the user in the URL is over %zu bytes",
                                 sizeof(user) - 1);
    }

    memcpy(user, host, user_len - 1);
    user[user_len - 1] = '\0';
    rest_len = strlen(host + user_len);
    memmove(host, host + user_len, rest_len + 1);

    if (!decode_percent(user)) {
        return mdsctl_fail_usage("the user in the URL is not percent-encoded");
    }

    /* It is not longer than the removed part, so it fits behind the zero byte.
     */
    memcpy(host + rest_len + 1, user, strlen(user) + 1);
    options->user = host + rest_len + 1;

    return MDSCTL_DONE;
}

static int
check_url(const char *url)
{
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        || strpbrk(url, "?#") != NULL)
    {
        return mdsctl_fail_usage("\"%s\" is not the URL of a service, such as"
                                 " http://HOST/mds/v1/",
                                 url);
    }

    return MDSCTL_DONE;
}

/* "BYTES" or "BYTES/SECONDS". */
static int
parse_rate(const char *text, mdsctl_http_options_t *options)
{
    char        bytes[32] = "";
    size_t      len = text == NULL ? 0 : strcspn(text, "/");
    const char *window = NULL;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    if (len >= sizeof(bytes)) {
        return mdsctl_fail_usage("--least-rate must be BYTES or BYTES/SECONDS");
    }

    memcpy(bytes, text, len);

    if (text[len] == '/') {
        window = text + len + 1;
    }

    return mdsctl_number("--least-rate", bytes, 1, &options->rate_bytes)
                       == MDSCTL_DONE
                   && mdsctl_number("--least-rate", window, 1,
                                    &options->rate_window_s)
                          == MDSCTL_DONE
               ? MDSCTL_DONE
               : MDSCTL_USAGE;
}

/* Returns whether the text has the form "NAME: VALUE", in one line. */
static bool
is_header(const char *header)
{
    size_t len = strcspn(header, ":");

    if (len == 0 || header[len] == '\0') {
        return false;
    }

    for (size_t i = 0; header[i] != '\0'; i++) {
        unsigned char c = (unsigned char) header[i];

        if (c < ' ' || c == 0x7f || (i < len && c == ' ')) {
            return false;
        }
    }

    return true;
}

static int
check_options(const mdsctl_service_t *service)
{
    if (service->cert_key != NULL && service->cert == NULL) {
        return mdsctl_fail_usage("--cert-key needs --cert");
    }

    if (service->user != NULL && strchr(service->user, ':') == NULL) {
        return mdsctl_fail_usage("--user must be NAME:PASSWORD");
    }

    for (size_t i = 0; i < service->headers.count; i++) {
        if (!is_header(service->headers.items[i])) {
            return mdsctl_fail_usage(
                "--header, number %zu: must be \"NAME: VALUE\","
                " in one line",
                i + 1);
        }
    }

    return MDSCTL_DONE;
}

int
mdsctl_service(const mdsctl_service_t *service, char *url,
               mdsctl_http_options_t *options)
{
    mdsctl_http_options_t o = { .deadline_s = DEADLINE_S,
                                .rate_bytes = RATE_BYTES,
                                .rate_window_s = RATE_WINDOW_S,
                                .cacert = service->cacert,
                                .cert = service->cert,
                                .cert_key = service->cert_key,
                                .user = service->user,
                                .headers = &service->headers };

    if (check_url(url) != MDSCTL_DONE || check_options(service) != MDSCTL_DONE
        || mdsctl_number("--deadline", service->deadline, 1, &o.deadline_s)
               != MDSCTL_DONE
        || parse_rate(service->rate, &o) != MDSCTL_DONE
        || extract_user(url, &o) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    *options = o;
    return MDSCTL_DONE;
}
