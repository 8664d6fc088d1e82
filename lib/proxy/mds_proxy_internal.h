/*
 * mds_proxy_internal: the protocol between the two processes. Both run the same
 * program, so that numbers are in the machine's form.
 *
 *   request   mds_proxy_request_t, key, value
 *   answer    mds_proxy_answer_t, payload: a value, pairs, or an error's text
 *   pair      uint32_t bytes of the key, uint32_t bytes of the value, key,
 * value
 */

#ifndef MDS_PROXY_INTERNAL_H
#define MDS_PROXY_INTERNAL_H

#include <sys/types.h>

#include "lmdb/mds_lmdb_remote.h"
#include "proxy/mds_proxy.h"

#define MDS_PROXY_FD 3
#define MDS_PROXY_VALUE_MAX (UINT32_C(64) << 20) /* bytes, either way */
#define MDS_PROXY_PAIRS_BYTES (128 * 1024)       /* of one answer, about */
#define MDS_PROXY_NAMES_MAX 512                  /* bytes of tables' names */

/* MDS_LMDB_OPEN has the number of tables, the mode in flags, map_bytes in
 * number, and as value the tables' names, each with a zero byte. */
typedef struct {
    uint32_t op;     /* mds_lmdb_op_t */
    uint32_t handle; /* 0, or 1: the shared one (mds_lmdb_share()) */
    uint32_t table;
    uint32_t flags; /* of MDS_LMDB_WALK: 1, from behind the key */
    uint64_t number;
    uint32_t key_len;
    uint32_t value_len;
} mds_proxy_request_t;

typedef struct {
    int32_t  status; /* mds_status_t; not MDS_OK: the payload is its text */
    int32_t  code;   /* LMDB's, of the transaction */
    uint64_t number; /* a count, or whether it was found, or goes on */
    uint32_t len;
    uint32_t zero;
} mds_proxy_answer_t;

/* An answer's payload, which ends with a zero byte. A handle can keep it. */
typedef struct mds_proxy_payload_s mds_proxy_payload_t;

struct mds_proxy_payload_s {
    mds_proxy_payload_t *next;
    char                 bytes[];
};

/* The connection to a second process. */
typedef struct {
    int      fd; /* below zero: none */
    pid_t    pid;
    unsigned handles; /* that use it */
    char    *path;    /* of the environment, for messages */
} mds_proxy_t;

/* Send or receive all bytes. False: the other end is gone. */
bool mds_proxy_send(int fd, const void *data, size_t len);
bool mds_proxy_receive(int fd, void *data, size_t len);

/*
 * Sends a request and receives its answer. The key's and the value's lengths
 * are set here; fd is sent along, unless it is below zero. The caller frees
 * *payload. MDS_DAMAGED: what the second process has read has ended it. After a
 * failure to send or to receive, all later calls fail.
 */
mds_status_t mds_proxy_call(mds_proxy_t *proxy, mds_proxy_request_t request,
                            mds_str_t key, mds_str_t value, int fd,
                            mds_error_t *err, mds_proxy_answer_t *answer,
                            mds_proxy_payload_t **payload) MDS_MUST_CHECK;

/* Ends the second process. NULL is fine. */
void mds_proxy_stop(mds_proxy_t *proxy);

/* Creates a handle. The connection is stopped when its last one is closed. */
mds_status_t mds_proxy_handle_new(mds_proxy_t *proxy, mds_error_t *err,
                                  mds_lmdb_remote_t **remote) MDS_MUST_CHECK;

#endif
