/*
 * What a server sends to `mdsctl check`, byte by byte as in the input, over a
 * connection of its own: a small answer, its problem in words, and a download.
 * Nothing more is taken than was announced.
 */

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../mdsctl/device/check.h"
#include "fuzz.h"

#define ANSWER_MAX 65536 /* a socket takes that much at once */
#define BODY_MAX 4096
#define FILE_BYTES 1000
#define FROM 100

typedef struct {
    mdsctl_sink_t base;
    uint64_t      bytes;
} counter_t;

static const mdsctl_values_t       no_headers;
static const mdsctl_http_options_t options = {
    .deadline_s = 60,
    .rate_bytes = 1,
    .rate_window_s = 30,
    .headers = &no_headers,
};

static char            url[64];
static int             listener;
static mds_str_t       answer;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void
set(mds_str_t bytes)
{
    pthread_mutex_lock(&turn);
    answer = bytes;
    pthread_mutex_unlock(&turn);
}

static void *
serve(void *arg)
{
    char request[4096];
    int  fd;

    (void) arg;

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (recv(fd, request, sizeof(request), 0) > 0) {
            pthread_mutex_lock(&turn);
            (void) !send(fd, answer.data, answer.len, MSG_NOSIGNAL);
            pthread_mutex_unlock(&turn);
        }

        close(fd);
    }

    return NULL;
}

static void
begin(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t          len = sizeof(at);
    pthread_t          thread;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fuzz_must(listener >= 0
              && bind(listener, (struct sockaddr *) &at, sizeof(at)) == 0
              && listen(listener, 16) == 0
              && getsockname(listener, (struct sockaddr *) &at, &len) == 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/mds/v1/",
             (unsigned) ntohs(at.sin_port));
    /* Wherever an answer sends us, we stay here. */
    fuzz_must(setenv("all_proxy", url, 1) == 0
              && setenv("http_proxy", url, 1) == 0
              && setenv("https_proxy", url, 1) == 0 && unsetenv("no_proxy") == 0
              && unsetenv("NO_PROXY") == 0);
    fuzz_must(pthread_create(&thread, NULL, serve, NULL) == 0);
}

static bool
take(mdsctl_sink_t *sink, const void *data, size_t len)
{
    fuzz_read((mds_str_t){ len, data });
    ((counter_t *) sink)->bytes += len;
    return true;
}

static void
ask(mdsctl_check_t *check)
{
    mds_error_t     err;
    mdsctl_answer_t got;

    if (mdsctl_http_get(check->http, url, BODY_MAX, &err, &got) != MDS_OK) {
        fuzz_must(err.text[0] != '\0');
        return;
    }

    fuzz_must(got.body.len <= BODY_MAX);
    fuzz_must(strlen(got.type) < sizeof(got.type)
              && strlen(got.signature) < sizeof(got.signature)
              && strlen(got.poll_after) < sizeof(got.poll_after));

    (void) mdsctl_check_fail(check, &got, &err);
    for (const char *p = err.text; *p != '\0'; p++) {
        fuzz_must((unsigned char) *p >= ' ' && *p != 0x7f);
    }
    mdsctl_answer_free(&got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mdsctl_check_t check = { .base = url };
    counter_t      sink = { .base = { take }, .bytes = 0 };
    mds_status_t   status;

    if (size > ANSWER_MAX) {
        return 0;
    }

    if (listener == 0) {
        begin();
    }

    set((mds_str_t){ size, (const char *) data });

    fuzz_must(mdsctl_http_open(&options, NULL, &check.http) == MDS_OK);
    ask(&check);

    status = mdsctl_http_download(check.http, url,
                                  mdsctl_http_deadline_ms(check.http), FROM,
                                  FILE_BYTES, &sink.base, NULL);
    fuzz_must(sink.bytes <= FILE_BYTES - FROM);
    fuzz_must(status != MDS_OK || sink.bytes == FILE_BYTES - FROM);
    mdsctl_http_close(check.http);
    set(mds_null_str);

    return 0;
}
