/*
 * Holds many connections to a server, as devices that wait do, and says when
 * each of them is told.
 *
 *   watchers PORT COUNT TARGET
 *
 * COUNT connections are opened at once; each sends a GET for TARGET, in which
 * "#" is the number of the device. When all have got the first bytes of an
 * answer, prints "ready". Then, for each line "N SECONDS" of the standard
 * input, waits until N of them have got a line "data:", or that time is over,
 * and prints how many have, and when the first and the last did, in
 * milliseconds since 1970.
 */

#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256

typedef struct {
    int fd;
    int begun;
    int told;
} device_t;

static device_t *devices;
static int       epoll, count, begun, told;
static int64_t   first_ms, last_ms;

static int64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

/* An event fits into one segment, and the first bytes are read before. */
static void
receive(device_t *device)
{
    char    bytes[4096];
    ssize_t n = recv(device->fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);

    if (n == 0) {
        fprintf(stderr, "a connection was closed\n");
        exit(1);
    }

    if (n < 0) {
        return;
    }

    bytes[n] = '\0';

    if (!device->begun) {
        device->begun = 1;
        begun++;
    }

    if (strstr(bytes, "data:") != NULL && !device->told) {
        device->told = 1;
        told++;
        last_ms = now_ms();
        first_ms = first_ms == 0 ? last_ms : first_ms;
    }
}

static void
wait_once(int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int                n = epoll_wait(epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++) {
        receive(&devices[events[i].data.u32]);
    }
}

static void
open_device(int i, int port, const char *target)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t) i };
    const char        *mark = strchr(target, '#');
    char               request[1024];
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int                len;

    if (fd < 0
        || connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
    {
        fail("connect");
    }

    len = mark == NULL
              ? snprintf(request, sizeof(request),
                         "GET %s HTTP/1.1\r\nHost: a\r\n"
                         "Accept: text/event-stream\r\n\r\n", target)
              : snprintf(request, sizeof(request),
                         "GET %.*s%d%s HTTP/1.1\r\nHost: a\r\n"
                         "Accept: text/event-stream\r\n\r\n",
                         (int) (mark - target), target, i, mark + 1);

    devices[i].fd = fd;

    if (write(fd, request, (size_t) len) != len
        || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    {
        fail("send a request");
    }
}

int
main(int argc, char **argv)
{
    struct rlimit limit;
    char          line[128];

    if (argc != 4) {
        return 2;
    }

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    count = atoi(argv[2]);
    devices = calloc((size_t) count, sizeof(*devices));
    epoll = epoll_create1(EPOLL_CLOEXEC);

    if (devices == NULL || epoll < 0) {
        fail("start");
    }

    for (int i = 0; i < count; i++) {
        open_device(i, atoi(argv[1]), argv[3]);
        wait_once(0);
    }

    while (begun < count) {
        wait_once(1000);
    }

    printf("ready\n");
    fflush(stdout);

    while (fgets(line, sizeof(line), stdin) != NULL) {
        int     wanted = atoi(line), seconds = atoi(strchr(line, ' '));
        int64_t until = now_ms() + 1000 * seconds;

        while (told < wanted && now_ms() < until) {
            wait_once(10);
        }

        printf("%d %" PRId64 " %" PRId64 "\n", told, first_ms, last_ms);
        fflush(stdout);

        for (int i = 0; i < count; i++) {
            devices[i].told = 0;
        }

        told = 0;
        first_ms = 0;
    }

    return 0;
}
