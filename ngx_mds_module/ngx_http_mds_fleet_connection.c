/*
 * The connection of a worker to the agent, in the event loop. Nothing waits for
 * it: while there is none, requests are answered without it.
 */

#include "ngx_http_mds_fleet_internal.h"

#include <sys/stat.h>

#include <ngx_event_connect.h>

static void ngx_http_mds_fleet_read_handler(ngx_event_t *event);
static void ngx_http_mds_fleet_write_handler(ngx_event_t *event);

/* Logs once that the agent is away, if the edge needs it. */
static void
ngx_http_mds_fleet_log_away(ngx_http_mds_fleet_t *fleet, const char *why)
{
    if (!fleet->away && why != NULL) {
        fleet->away = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the agent is away: %s",
                      &fleet->depot->path, why);
    }
}

void
ngx_http_mds_fleet_disconnect(ngx_http_mds_fleet_t *fleet, const char *why)
{
    ngx_connection_t *c = fleet->connection;

    if (c != NULL) {
        fleet->connection = NULL;
        fleet->welcomed = 0;
        fleet->reachable = 0;
        fleet->delivering = 0;
        fleet->late = 0;
        ngx_memzero(fleet->frames, sizeof(fleet->frames));
        ngx_http_mds_fleet_log_away(fleet, why);
        ngx_close_connection(c);
    }

    /* A random part keeps the workers apart. */
    fleet->retry_at = ngx_current_msec + fleet->retry_ms / 2
                      + (ngx_msec_t) ngx_random() % (fleet->retry_ms / 2 + 1);
    fleet->retry_ms = ngx_min(2 * fleet->retry_ms,
                              (ngx_msec_t) NGX_HTTP_MDS_FLEET_RETRY_MAX_MS);

    ngx_http_mds_fleet_give_up(fleet);
}

/* Fills the address of the socket. Returns NGX_DECLINED if there is none, and
 * NGX_ERROR if its path is too long for an address. */
static ngx_int_t
ngx_http_mds_fleet_find(const ngx_http_mds_fleet_t *fleet,
                        struct sockaddr_un         *address)
{
    size_t      len = fleet->depot->path.len;
    struct stat st;

    if (len + sizeof("/agent/socket") > sizeof(address->sun_path)) {
        return NGX_ERROR;
    }

    ngx_memzero(address, sizeof(*address));
    address->sun_family = AF_UNIX;
    ngx_memcpy(address->sun_path, fleet->depot->path.data, len);
    ngx_memcpy(address->sun_path + len, "/agent/socket",
               sizeof("/agent/socket"));

    return stat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode)
               ? NGX_OK
               : NGX_DECLINED;
}

/* Checks that the process at the other end is of the user who owns the folder
 * of the socket, or of root. */
static ngx_int_t
ngx_http_mds_fleet_check_peer(int fd, struct sockaddr_un *address)
{
    struct ucred credentials;
    socklen_t    len = sizeof(credentials);
    struct stat  st;

    address->sun_path[strlen(address->sun_path) - (sizeof("/socket") - 1)]
        = '\0';

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0
        || stat(address->sun_path, &st) != 0)
    {
        return NGX_ERROR;
    }

    return credentials.uid == 0 || credentials.uid == st.st_uid ? NGX_OK
                                                                : NGX_ERROR;
}

static void
ngx_http_mds_fleet_say_hello(ngx_http_mds_fleet_t *fleet)
{
    mds_frame_hello_t hello = { .protocol = MDS_FRAME_PROTOCOL,
                                .pid = (uint32_t) ngx_pid,
                                .position = fleet->state.position,
                                .wants_feed = ngx_worker == 0 };
    size_t            size;
    u_char           *room = ngx_http_mds_fleet_room(fleet, &size);

    ngx_memcpy(hello.fleet, fleet->state.id, MDS_FLEET_BYTES);
    ngx_http_mds_fleet_send(fleet, mds_frame_put_hello(&hello, room, size));
}

/* Makes the connection, without a line of the log for each attempt. */
static ngx_connection_t *
ngx_http_mds_fleet_open(struct sockaddr_un *address)
{
    static ngx_log_t      silent;
    static ngx_str_t      name = ngx_string("agent/socket");
    ngx_peer_connection_t peer;

    ngx_memzero(&peer, sizeof(peer));
    peer.sockaddr = (struct sockaddr *) address;
    peer.socklen = sizeof(*address);
    peer.name = &name;
    peer.get = ngx_event_get_peer;
    peer.log = &silent;
    peer.log_error = NGX_ERROR_INFO;

    if (ngx_event_connect_peer(&peer) == NGX_OK) {
        return peer.connection;
    }

    if (peer.connection != NULL) {
        ngx_close_connection(peer.connection);
    }

    return NULL;
}

void
ngx_http_mds_fleet_connect(ngx_http_mds_fleet_t *fleet)
{
    struct sockaddr_un address;
    ngx_connection_t  *c;
    ngx_int_t          rc;

    if (fleet->connection != NULL || ngx_exiting || fleet->joining
        || fleet->feed.payload != NULL
        || (ngx_msec_int_t) (ngx_current_msec - fleet->retry_at) < 0)
    {
        return;
    }

    rc = ngx_http_mds_fleet_find(fleet, &address);
    if (rc != NGX_OK) {
        if (ngx_http_mds_fleet_is_shared(fleet)) {
            ngx_http_mds_fleet_log_away(
                fleet, rc == NGX_DECLINED
                           ? "it has no socket"
                           : "the depot's path is too long for a socket");
        }
        return;
    }

    if (fleet->buffers == NULL) {
        fleet->buffers = ngx_alloc(sizeof(*fleet->buffers), ngx_cycle->log);
    }

    c = fleet->buffers == NULL ? NULL : ngx_http_mds_fleet_open(&address);
    if (c == NULL) {
        ngx_http_mds_fleet_disconnect(fleet, NULL);
        ngx_http_mds_fleet_log_away(fleet, "it does not listen");
        return;
    }

    c->log = c->read->log = c->write->log = ngx_cycle->log;
    c->data = fleet;
    c->read->handler = ngx_http_mds_fleet_read_handler;
    c->write->handler = ngx_http_mds_fleet_write_handler;

    fleet->connection = c;
    fleet->cycle = (ngx_cycle_t *) ngx_cycle;
    fleet->connected = ngx_current_msec;
    fleet->buffers->in_len = 0;
    fleet->buffers->out_pos = 0;
    fleet->buffers->out_len = 0;

    if (ngx_http_mds_fleet_check_peer(c->fd, &address) != NGX_OK) {
        fleet->retry_ms = NGX_HTTP_MDS_FLEET_RETRY_MAX_MS;
        ngx_http_mds_fleet_disconnect(
            fleet, "its user does not own the folder of its socket");
        return;
    }

    ngx_http_mds_fleet_say_hello(fleet);
}

u_char *
ngx_http_mds_fleet_room(ngx_http_mds_fleet_t *fleet, size_t *size)
{
    ngx_http_mds_fleet_buffers_t *buffers = fleet->buffers;

    if (fleet->connection == NULL) {
        return NULL;
    }

    if (buffers->out_pos > 0) {
        buffers->out_len -= buffers->out_pos;
        ngx_memmove(buffers->out, buffers->out + buffers->out_pos,
                    buffers->out_len);
        buffers->out_pos = 0;
    }

    *size = sizeof(buffers->out) - buffers->out_len;

    return *size < MDS_FRAME_MAX ? NULL : buffers->out + buffers->out_len;
}

static void
ngx_http_mds_fleet_flush(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_buffers_t *buffers = fleet->buffers;
    ngx_connection_t             *c = fleet->connection;

    while (buffers->out_pos < buffers->out_len) {
        ssize_t n = c->send(c, buffers->out + buffers->out_pos,
                            buffers->out_len - buffers->out_pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_mds_fleet_disconnect(fleet, "it has gone");
            return;
        }

        buffers->out_pos += (size_t) n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_mds_fleet_disconnect(fleet, "its events cannot be read");
    }
}

void
ngx_http_mds_fleet_send(ngx_http_mds_fleet_t *fleet, size_t bytes)
{
    fleet->buffers->out_len += bytes;
    ngx_http_mds_fleet_flush(fleet);
}

static void
ngx_http_mds_fleet_write_handler(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;

    ngx_http_mds_fleet_flush(c->data);
}

static ngx_int_t
ngx_http_mds_fleet_on_database(ngx_http_mds_fleet_t *fleet,
                               const mds_frame_t    *frame)
{
    bool reachable;

    if (!mds_frame_get_reachable(frame, &reachable)) {
        return NGX_ERROR;
    }

    fleet->reachable = reachable && ngx_http_mds_fleet_is_shared(fleet);

    if (!reachable) {
        ngx_http_mds_fleet_give_up(fleet);
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_mds_fleet_on_frame(ngx_http_mds_fleet_t *fleet,
                            const mds_frame_t    *frame)
{
    if (!fleet->welcomed && frame->type != MDS_FRAME_WELCOME) {
        return NGX_ERROR;
    }

    switch (frame->type) {
    case MDS_FRAME_WELCOME:
        return ngx_http_mds_fleet_on_welcome(fleet, frame);
    case MDS_FRAME_ADMITTED:
        return ngx_http_mds_fleet_on_admitted(fleet, frame);
    case MDS_FRAME_FEED:
        return ngx_http_mds_fleet_on_feed(fleet, frame);
    case MDS_FRAME_OUTBOX_ACK:
        return ngx_http_mds_fleet_on_outbox_ack(fleet, frame);
    case MDS_FRAME_DATABASE:
        return ngx_http_mds_fleet_on_database(fleet, frame);
    default:
        return NGX_ERROR;
    }
}

/* Handles the whole frames that have come, and keeps the rest. A frame may end
 * the connection. */
static void
ngx_http_mds_fleet_parse(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_buffers_t *buffers = fleet->buffers;
    ngx_connection_t             *c = fleet->connection;
    mds_str_t    rest = { buffers->in_len, (const char *) buffers->in };
    mds_frame_t  frame;
    mds_status_t status = MDS_OK;
    size_t       taken;

    while (status == MDS_OK) {
        status = mds_frame_parse(rest, NULL, &frame, &taken);

        if (status == MDS_OK) {
            rest.data += taken;
            rest.len -= taken;

            if (ngx_http_mds_fleet_on_frame(fleet, &frame) != NGX_OK) {
                status = MDS_INVALID;
            }

            if (fleet->connection != c) {
                return;
            }
        }
    }

    if (status == MDS_INVALID) {
        fleet->retry_ms = NGX_HTTP_MDS_FLEET_RETRY_MAX_MS;
        ngx_http_mds_fleet_disconnect(fleet, "it has sent a malformed frame");
        return;
    }

    ngx_memmove(buffers->in, rest.data, rest.len);
    buffers->in_len = rest.len;
}

static void
ngx_http_mds_fleet_read_handler(ngx_event_t *event)
{
    ngx_connection_t             *c = event->data;
    ngx_http_mds_fleet_t         *fleet = c->data;
    ngx_http_mds_fleet_buffers_t *buffers = fleet->buffers;

    while (fleet->connection == c) {
        ssize_t n = c->recv(c, buffers->in + buffers->in_len,
                            sizeof(buffers->in) - buffers->in_len);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_mds_fleet_disconnect(fleet, "it has gone");
            return;
        }

        buffers->in_len += (size_t) n;
        ngx_http_mds_fleet_parse(fleet);
    }

    if (fleet->connection == c && ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_mds_fleet_disconnect(fleet, "its events cannot be read");
    }
}
