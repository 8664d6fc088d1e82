/* service: parses the options for requests to a service. */

#define _GNU_SOURCE /* memrchr */

#include "device/service.h"

#include <stdlib.h>

#define DEADLINE_S 3600
#define RATE_BYTES 1000 /* a second */
#define RATE_WINDOW_S 30

/* Moves "NAME:PASSWORD@" out of the URL, so that the URL can be printed. The
 * decoded user is not longer, and fits behind the shorter URL. */
static int
extract_user(char *url, mdsctl_http_options_t *options)
{
    char  *host = strstr(url, "://") + 3;
    char  *at = memrchr(host, '@', strcspn(host, "/"));
    char  *user;
    size_t rest_len;

    if (at == NULL) {
        return MDSCTL_DONE;
    }

    if (options->user != NULL) {
        return mdsctl_fail_usage(
            "the user is given twice: by --user and in the URL");
    }

    user = mdsctl_http_decode((mds_str_t){ (size_t) (at - host), host });
    if (user == NULL) {
        return mdsctl_fail_usage("the user in the URL is not valid");
    }

    rest_len = strlen(at + 1);
    memmove(host, at + 1, rest_len + 1);
    options->user = memcpy(host + rest_len + 1, user, strlen(user) + 1);
    free(user);

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

/* Parses a rate: "BYTES" or "BYTES/SECONDS". */
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
