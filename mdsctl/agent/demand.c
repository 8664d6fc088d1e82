/*
 * demand: fetches what devices ask for and the depot does not have yet.
 *
 * A worker of nginx connects to DEPOT/agent/files, a Unix socket that the
 * workers' group may use, sends one line, and gets one:
 *
 *   SHA256 SP URL LF      URL is that of mds_origin; it ends with "/"
 *   "ok" LF, or "no" SP WORDS LF
 *
 * "ok" means that DEPOT/files/SHA256 is there and verified, with the signature
 * that belongs to it. Only files that the generation in force names are
 * fetched, with the size that it says: a device cannot make the origin work by
 * names that it has made up. Requests for the same file wait for one transfer.
 */

#define _GNU_SOURCE /* accept4() */

#include "agent/agent.h"
#include "agent/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 32
#define LINE_MAX_BYTES 1024
#define READ_TIMEOUT_S 5

struct mdsctl_demand_s {
    mdsctl_agent_t *agent;
    int             fd;
    int             end; /* an event that ends the thread */
    pthread_t       thread;
    mds_path_t      path;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  changed;
    unsigned        clients;
    mds_sha256_t    fetching[CLIENTS_MAX];
    unsigned        fetching_count;
};

typedef struct {
    mdsctl_demand_t *demand;
    int              fd;
} client_t;

static void
answer(int fd, const char *word, const char *words)
{
    char line[LINE_MAX_BYTES];
    int  len = snprintf(line, sizeof(line), "%s%s%s", word,
                       words[0] != '\0' ? " " : "", words);

    len = len < (int) sizeof(line) - 1 ? len : (int) sizeof(line) - 2;
    line[len++] = '\n';
    (void) send(fd, line, (size_t) len, MSG_NOSIGNAL);
}

/* Reads a line, without its end. */
static bool
read_line(int fd, char line[LINE_MAX_BYTES])
{
    size_t len = 0;

    while (len < LINE_MAX_BYTES - 1) {
        ssize_t n = recv(fd, line + len, LINE_MAX_BYTES - 1 - len, 0);
        char   *end;

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            return false;
        }

        len += (size_t) n;
        line[len] = '\0';
        end = memchr(line, '\n', len);

        if (end != NULL) {
            *end = '\0';
            return true;
        }
    }

    return false;
}

static int
find_fetching(const mdsctl_demand_t *d, const mds_sha256_t *sha256)
{
    for (unsigned i = 0; i < d->fetching_count; i++) {
        if (mds_sha256_eq(&d->fetching[i], sha256)) {
            return (int) i;
        }
    }

    return -1;
}

/* Waits until no other client's transfer of the file is under way, and marks
 * this one. There are no more transfers than clients. */
static void
begin_fetching(mdsctl_demand_t *d, const mds_sha256_t *sha256)
{
    pthread_mutex_lock(&d->lock);

    while (find_fetching(d, sha256) >= 0) {
        pthread_cond_wait(&d->changed, &d->lock);
    }

    d->fetching[d->fetching_count++] = *sha256;
    pthread_mutex_unlock(&d->lock);
}

static void
end_fetching(mdsctl_demand_t *d, const mds_sha256_t *sha256)
{
    int i;

    pthread_mutex_lock(&d->lock);
    i = find_fetching(d, sha256);
    d->fetching[i] = d->fetching[--d->fetching_count];
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

static mds_status_t
fetch(mdsctl_demand_t *d, const char *url, const mdsctl_need_file_t *file,
      mds_error_t *err)
{
    mdsctl_agent_t *agent = d->agent;
    bool            had;
    mds_status_t    status;

    begin_fetching(d, &file->sha256);
    had = mdsctl_install_has(agent, file);
    status = mdsctl_install_file(agent, url, file, err);
    end_fetching(d, &file->sha256);

    if (status == MDS_OK && !had) {
        mdsctl_figure_add(agent, MDS_AGENT_DEMANDS, 1);
    }

    return status;
}

static void
serve_line(mdsctl_demand_t *d, int fd, char *line)
{
    mdsctl_agent_t           *agent = d->agent;
    mds_str_t                 text = mds_str_of(line);
    mds_str_t                 hex = mds_str_cut(&text, ' ');
    const mdsctl_need_file_t *named;
    mdsctl_need_file_t        file;
    mds_sha256_t              sha256;
    mds_error_t               err;
    mds_status_t              status;

    if (!mds_sha256_parse(hex, &sha256)
        || (!mds_str_starts(text, mds_str("http://"))
            && !mds_str_starts(text, mds_str("https://"))))
    {
        answer(fd, "no", "the request is not \"SHA256 URL\"");
        return;
    }

    pthread_mutex_lock(&agent->lock);
    named = mdsctl_needs_get(&agent->needs, &sha256);
    file = named == NULL ? (mdsctl_need_file_t){ 0 } : *named;
    pthread_mutex_unlock(&agent->lock);

    if (named == NULL || file.bytes == 0) {
        answer(fd, "no", "no manifest names the file");
        return;
    }

    status = fetch(d, text.data, &file, &err);

    if (status == MDS_OK) {
        answer(fd, "ok", "");
        return;
    }

    mdsctl_agent_log("failed to fetch a file that was asked for: %s", err.text);
    answer(fd, status == MDS_NOT_FOUND ? "no" : "later", err.text);
}

static void *
serve_client(void *data)
{
    client_t        *client = data;
    mdsctl_demand_t *d = client->demand;
    char             line[LINE_MAX_BYTES];

    if (read_line(client->fd, line)) {
        serve_line(d, client->fd, line);
    }

    close(client->fd);
    free(client);

    pthread_mutex_lock(&d->lock);
    d->clients--;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);

    return NULL;
}

/* Gives the connection a thread of its own. */
static void
accept_client(mdsctl_demand_t *d)
{
    struct timeval timeout = { .tv_sec = READ_TIMEOUT_S };
    client_t      *client = malloc(sizeof(*client));
    pthread_t      thread;
    int            fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0 || client == NULL) {
        free(client);
        return;
    }

    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    *client = (client_t){ d, fd };
    pthread_mutex_lock(&d->lock);
    d->clients++;
    pthread_mutex_unlock(&d->lock);

    if (pthread_create(&thread, NULL, serve_client, client) == 0) {
        pthread_detach(thread);
        return;
    }

    pthread_mutex_lock(&d->lock);
    d->clients--;
    pthread_mutex_unlock(&d->lock);
    answer(fd, "later", "there are too many threads");
    close(fd);
    free(client);
}

/* Waits until there may be one more client. */
static void
wait_for_room(mdsctl_demand_t *d)
{
    pthread_mutex_lock(&d->lock);

    while (d->clients >= CLIENTS_MAX) {
        pthread_cond_wait(&d->changed, &d->lock);
    }

    pthread_mutex_unlock(&d->lock);
}

static void *
serve(void *data)
{
    mdsctl_demand_t *d = data;
    struct pollfd    events[] = { { .fd = d->fd, .events = POLLIN },
                                  { .fd = d->end, .events = POLLIN } };

    for (;;) {
        wait_for_room(d);

        if (poll(events, mds_nelems(events), -1) <= 0) {
            continue;
        }

        if (events[1].revents != 0) {
            return NULL;
        }

        accept_client(d);
    }
}

/* Makes the socket. An agent that is not in the workers' group goes on, and
 * fetches only what it fetches ahead. */
static mds_status_t
listen_on(mdsctl_demand_t *d, mds_error_t *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat        workers;
    mds_status_t       status;

    if (strlen(d->path.text) >= sizeof(address.sun_path)) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" is too long for a socket: the depot must have a"
                        " shorter path",
                        d->path.text);
    }

    strcpy(address.sun_path, d->path.text);
    status = mdsctl_socket_find_workers(d->agent->depot, err, &workers);

    if (status == MDS_OK) {
        status = mdsctl_socket_listen(&address, 0, err, &d->fd);
    }

    if (status == MDS_OK
        && mdsctl_socket_give(&address, workers.st_gid, err) != MDS_OK)
    {
        mdsctl_agent_log("%s; nginx cannot ask for files", err->text);
    }

    return status;
}

static void
mdsctl_demand_free(mdsctl_demand_t *d)
{
    if (d->fd >= 0) {
        close(d->fd);
    }

    if (d->end >= 0) {
        close(d->end);
    }

    free(d);
}

mds_status_t
mdsctl_demand_start(mdsctl_agent_t *agent, mds_error_t *err,
                    mdsctl_demand_t **demand)
{
    mdsctl_demand_t *d = calloc(1, sizeof(*d));
    mds_status_t     status;

    if (d == NULL) {
        return mds_fail_memory(err);
    }

    d->agent = agent;
    d->fd = d->end = -1;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    status = mds_path(&d->path, err, "%s/agent/files", agent->depot);

    if (status == MDS_OK) {
        status = listen_on(d, err);
    }

    if (status == MDS_OK) {
        d->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        status = d->end >= 0 ? MDS_OK : mds_fail_errno(err, "make an event");
    }

    if (status == MDS_OK && pthread_create(&d->thread, NULL, serve, d) != 0) {
        status = mds_fail(err, MDS_NO_MEMORY, "failed to start a thread");
    }

    if (status != MDS_OK) {
        mdsctl_demand_free(d);
        return status;
    }

    *demand = d;
    return MDS_OK;
}

void
mdsctl_demand_stop(mdsctl_demand_t *demand)
{
    if (demand == NULL) {
        return;
    }

    /* A thread that waits for room gets it soon: transfers end at the signal,
     * within a second. */
    (void) eventfd_write(demand->end, 1);
    pthread_join(demand->thread, NULL);
    (void) unlink(demand->path.text);

    pthread_mutex_lock(&demand->lock);

    while (demand->clients > 0) {
        pthread_cond_wait(&demand->changed, &demand->lock);
    }

    pthread_mutex_unlock(&demand->lock);
    mdsctl_demand_free(demand);
}
