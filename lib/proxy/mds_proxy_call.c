/*
 * The messages between the two processes, and the client's side of a call.
 */

#include "proxy/mds_proxy_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool
mds_proxy_send(int fd, const void *data, size_t len)
{
    const char *next = data;

    while (len > 0) {
        ssize_t n = send(fd, next, len, MSG_NOSIGNAL);

        if (n >= 0) {
            next += n;
            len -= (size_t) n;

        } else if (errno != EINTR) {
            return false;
        }
    }

    return true;
}

bool
mds_proxy_receive(int fd, void *data, size_t len)
{
    char *next = data;

    while (len > 0) {
        ssize_t n = read(fd, next, len);

        if (n > 0) {
            next += n;
            len -= (size_t) n;

        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }

    return true;
}

/* Sends the head of a request; its bytes carry the descriptor. */
static bool
mds_proxy_send_request(int sock, mds_proxy_request_t *request, int fd)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec    part = { request, sizeof(*request) };
    struct msghdr   message = { .msg_iov = &part, .msg_iovlen = 1 };
    struct cmsghdr *header;
    ssize_t         n;

    if (fd < 0) {
        return mds_proxy_send(sock, request, sizeof(*request));
    }

    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));

    do {
        n = sendmsg(sock, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);

    return n == (ssize_t) sizeof(*request);
}

/* Receives an answer, whose length and status are not trusted. */
static mds_status_t
mds_proxy_receive_answer(int sock, mds_proxy_answer_t *answer,
                         mds_proxy_payload_t **payload)
{
    mds_proxy_payload_t *received;

    if (!mds_proxy_receive(sock, answer, sizeof(*answer))
        || answer->len > MDS_PROXY_VALUE_MAX || answer->status < MDS_OK
        || answer->status > MDS_IO)
    {
        return MDS_DAMAGED;
    }

    received = malloc(sizeof(*received) + answer->len + 1);
    if (received == NULL) {
        return MDS_NO_MEMORY;
    }

    if (!mds_proxy_receive(sock, received->bytes, answer->len)) {
        free(received);
        return MDS_DAMAGED;
    }

    received->bytes[answer->len] = '\0';
    *payload = received;
    return MDS_OK;
}

mds_status_t
mds_proxy_call(mds_proxy_t *proxy, mds_proxy_request_t request, mds_str_t key,
               mds_str_t value, int fd, mds_error_t *err,
               mds_proxy_answer_t *answer, mds_proxy_payload_t **payload)
{
    mds_proxy_answer_t   received;
    mds_proxy_payload_t *bytes;
    mds_status_t         status = MDS_DAMAGED;

    if (key.len > MDS_LMDB_KEY_MAX || value.len > MDS_PROXY_VALUE_MAX) {
        return mds_fail(err, MDS_INVALID, "\"%s\": the record is too long",
                        proxy->path);
    }

    request.key_len = (uint32_t) key.len;
    request.value_len = (uint32_t) value.len;

    if (mds_proxy_send_request(proxy->fd, &request, fd)
        && mds_proxy_send(proxy->fd, key.data, key.len)
        && mds_proxy_send(proxy->fd, value.data, value.len))
    {
        status = mds_proxy_receive_answer(proxy->fd, &received, &bytes);
    }

    /* What was not read would be taken for the next answer. */
    if (status != MDS_OK) {
        (void) shutdown(proxy->fd, SHUT_RDWR);
    }

    if (status == MDS_NO_MEMORY) {
        return mds_fail_memory(err);
    }

    if (status != MDS_OK) {
        return mds_fail(err, status,
                        "failed to read \"%s\": the process of its owner has"
                        " ended",
                        proxy->path);
    }

    if (received.status != MDS_OK) {
        status = mds_fail(err, (mds_status_t) received.status, "\"%s\": %s",
                          proxy->path, bytes->bytes);
        free(bytes);
        return status;
    }

    *answer = received;
    *payload = bytes;
    return MDS_OK;
}
