/*
 * A load of devices: many connections that ask at once, again and again, for
 * devices at random, and keep what each was told.
 *
 *   load_gen PORTS CONNECTIONS ANSWERS DEVICES LEAVE TARGET
 *
 * Ends early on SIGTERM. PORTS: of 127.0.0.1, comma-separated. Ends after
 * ANSWERS answers (or 10 minutes); 0: each device is asked once, again if the answer
 * got lost. One in LEAVE requests is sent and its connection closed (0: none).
 * TARGET: what to GET; # becomes the device's number.
 *
 * Prints "DEVICE YES NO OTHER" for each device, and at last "lost L fickle F
 * p50 US p99 US seconds S". Fickle: no, though yes had been said before the
 * question went out.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512
#define LATENCIES_MAX 1000000

typedef struct {
    unsigned yes;
    unsigned no;
    unsigned other;
} device_t;

typedef struct {
    int      fd; /* -1: none */
    unsigned device;
    bool     was_in; /* it had been told yes before it asked */
    int64_t  asked_us;
    char     answer[8192];
    size_t   len;
} asker_t;

static device_t *devices;
static unsigned  device_count, leave, ports[8], port_count, lost, fickle;
static unsigned  next_device, *again, again_count;
static bool      once;
static volatile sig_atomic_t stopped;
static uint64_t              answers, wanted;
static uint32_t              latencies[LATENCIES_MAX];
static size_t                latency_count;
static const char           *target;

static void
stop(int number)
{
    (void) number;
    stopped = 1;
}

static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
drop(asker_t *asker)
{
    close(asker->fd);
    asker->fd = -1;
    lost++;

    if (once) {
        again[again_count++] = asker->device;
    }
}

static bool
pick(asker_t *asker)
{
    if (!once) {
        asker->device = (unsigned) random() % device_count;
    } else if (again_count > 0) {
        asker->device = again[--again_count];
    } else if (next_device < device_count) {
        asker->device = next_device++;
    } else {
        return false;
    }

    return true;
}

static bool
dial(asker_t *asker)
{
    struct sockaddr_in to = { .sin_family = AF_INET };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t) ports[(unsigned) random() % port_count]);
    asker->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (asker->fd < 0
        || connect(asker->fd, (struct sockaddr *) &to, sizeof(to)) != 0)
    {
        if (asker->fd >= 0) {
            close(asker->fd);
            asker->fd = -1;
        }
        return false;
    }

    return fcntl(asker->fd, F_SETFL, O_NONBLOCK) == 0;
}

/* False: there is nobody left to ask for, or no connection. */
static bool
ask(asker_t *asker)
{
    const char *hash = strchr(target, '#');
    char        request[2048];
    int         len;

    if (asker->fd < 0 && !dial(asker)) {
        return false;
    }

    if (!pick(asker)) {
        return false;
    }

    len = snprintf(request, sizeof(request),
                   "GET %.*s%u%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                   (int) (hash - target), target, asker->device, hash + 1);
    asker->was_in = devices[asker->device].yes > 0;
    asker->asked_us = now_us();
    asker->len = 0;

    if (send(asker->fd, request, (size_t) len, MSG_NOSIGNAL) != len) {
        drop(asker);
        return false;
    }

    if (!once && leave > 0 && (unsigned) random() % leave == 0) {
        drop(asker);
        return false;
    }

    return true;
}

static void
note(asker_t *asker, int status)
{
    device_t *device = &devices[asker->device];

    answers++;

    if (latency_count < LATENCIES_MAX) {
        latencies[latency_count++] = (uint32_t) (now_us() - asker->asked_us);
    }

    if (status == 200) {
        device->yes++;
    } else if (status == 204) {
        device->no++;
        fickle += asker->was_in ? 1 : 0;
    } else {
        device->other++;
    }
}

/* True: the answer is whole. */
static bool
whole(asker_t *asker)
{
    char *end, *length;

    asker->answer[asker->len] = '\0';
    end = strstr(asker->answer, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }

    length = strcasestr(asker->answer, "\r\nContent-Length: ");

    return length == NULL || length > end
           || asker->len >= (size_t) (end + 4 - asker->answer)
                                + strtoul(length + 18, NULL, 10);
}

static void
hear(asker_t *asker)
{
    ssize_t n = recv(asker->fd, asker->answer + asker->len,
                     sizeof(asker->answer) - 1 - asker->len, 0);

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            drop(asker);
        }
        return;
    }

    asker->len += (size_t) n;

    if (whole(asker)) {
        bool closes
            = strcasestr(asker->answer, "\r\nConnection: close") != NULL;

        note(asker, atoi(asker->answer + 9));
        asker->asked_us = 0;

        if (closes) {
            close(asker->fd);
            asker->fd = -1;
        }
    }
}

static int
by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return x < y ? -1 : x > y;
}

static void
report(int64_t begun_us)
{
    for (unsigned i = 0; i < device_count; i++) {
        printf("%u %u %u %u\n", i, devices[i].yes, devices[i].no,
               devices[i].other);
    }

    qsort(latencies, latency_count, sizeof(*latencies), by_size);
    printf("lost %u fickle %u p50 %u p99 %u seconds %.3f\n", lost, fickle,
           latency_count > 0 ? latencies[latency_count / 2] : 0,
           latency_count > 0 ? latencies[latency_count * 99 / 100] : 0,
           (double) (now_us() - begun_us) / 1e6);
}

static void
run(asker_t *askers, unsigned count, int64_t end_us)
{
    while ((once ? answers < device_count : answers < wanted)
           && now_us() < end_us && !stopped)
    {
        struct pollfd polls[CONNECTIONS_MAX];
        bool          idle = true;

        for (unsigned i = 0; i < count; i++) {
            bool waits = askers[i].fd >= 0 && askers[i].asked_us != 0;

            if (!waits && !ask(&askers[i])) {
                polls[i] = (struct pollfd){ .fd = -1 };
                askers[i].asked_us = 0;
                continue;
            }

            polls[i] = (struct pollfd){ .fd = askers[i].fd, .events = POLLIN };
            idle = false;
        }

        (void) poll(polls, count, idle ? 5 : 20);

        for (unsigned i = 0; i < count; i++) {
            if (polls[i].fd >= 0 && polls[i].revents != 0) {
                hear(&askers[i]);
            }
        }
    }
}

int
main(int argc, char **argv)
{
    static asker_t askers[CONNECTIONS_MAX];
    unsigned       count;
    int64_t        begun_us = now_us();

    if (argc != 7 || strchr(argv[6], '#') == NULL) {
        return 2;
    }

    for (char *p = strtok(argv[1], ","); p != NULL && port_count < 8;
         p = strtok(NULL, ","))
    {
        ports[port_count++] = (unsigned) atoi(p);
    }

    count = (unsigned) atoi(argv[2]);
    wanted = strtoull(argv[3], NULL, 10);
    once = wanted == 0;
    device_count = (unsigned) atoi(argv[4]);
    leave = (unsigned) atoi(argv[5]);
    target = argv[6];
    devices = calloc(device_count, sizeof(*devices));
    again = calloc(device_count + CONNECTIONS_MAX, sizeof(*again));

    if (devices == NULL || again == NULL || count > CONNECTIONS_MAX) {
        return 1;
    }

    for (unsigned i = 0; i < count; i++) {
        askers[i].fd = -1;
    }

    srandom((unsigned) getpid());
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    run(askers, count, begun_us + 600 * INT64_C(1000000));
    report(begun_us);

    return 0;
}
