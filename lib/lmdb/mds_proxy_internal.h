/*
 * mds_proxy_internal: what the border to LMDB, and the two ends of a proxy's
 * socket, share. Both ends are the same program: numbers are the machine's.
 *
 *   request   mds_proxy_request_t, key, value
 *   answer    mds_proxy_answer_t, payload: a value, pairs, or an error's text
 *   pair      uint32_t key's bytes, uint32_t value's bytes, key, value
 */

#ifndef MDS_PROXY_INTERNAL_H
#define MDS_PROXY_INTERNAL_H

#include <sys/types.h>

#include "lmdb/mds_lmdb.h"
#include "lmdb/mds_proxy.h"

#define MDS_PROXY_FD 3
#define MDS_PROXY_VALUE_MAX (UINT32_C(64) << 20) /* bytes, either way */
#define MDS_PROXY_BATCH_BYTES (128 * 1024)       /* of pairs, about */

typedef enum {
    MDS_PROXY_OPEN, /* table: how many; flags: mode; number: map_bytes; value:
                     * their names, each with a zero byte */
    MDS_PROXY_READ,
    MDS_PROXY_WRITE,
    MDS_PROXY_ABORT,
    MDS_PROXY_COMMIT,
    MDS_PROXY_GET,
    MDS_PROXY_PUT,
    MDS_PROXY_DELETE,
    MDS_PROXY_COUNT,
    MDS_PROXY_WALK, /* from key; flags: 1, behind it */
    MDS_PROXY_COPY, /* to a descriptor that comes with it */
    MDS_PROXY_BYTES,
    MDS_PROXY_GIVE
} mds_proxy_op_t;

typedef struct {
    uint32_t op;
    uint32_t handle; /* 0, or 1: its twin (mds_lmdb_share()) */
    uint32_t table;
    uint32_t flags;
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

/* All of it; false: the other end is gone, or says so. */
bool mds_proxy_send(int fd, const void *data, size_t len);
bool mds_proxy_take(int fd, void *data, size_t len);

/* The client */

typedef struct mds_proxy_s mds_proxy_t;

/* *wanted: the directory's owner is another one, and this process may become
 * it. MDS_INVALID: something in it is not what its owner has made. */
mds_status_t mds_proxy_wanted(const char *path, mds_error_t *err, int *dir,
                              bool *wanted) MDS_MUST_CHECK;

/* Begins the second process, and has it open the environment; dir stays the
 * caller's. */
mds_status_t mds_proxy_open(const char *path, int dir, mds_lmdb_mode_t mode,
                            const char *const *names, unsigned table_count,
                            uint64_t map_bytes, mds_error_t *err,
                            mds_proxy_t **proxy) MDS_MUST_CHECK;

/* Ends the second process. NULL is fine. */
void mds_proxy_close(mds_proxy_t *proxy);

const char *mds_proxy_path(const mds_proxy_t *proxy);

/* fd: sent along, or below zero. The caller frees *payload. MDS_DAMAGED: the
 * second process was ended by what it has read. */
mds_status_t
mds_proxy_ask(mds_proxy_t *proxy, const mds_proxy_request_t *request,
              mds_str_t key, mds_str_t value, int fd, mds_error_t *err,
              mds_proxy_answer_t *answer, char **payload) MDS_MUST_CHECK;

#endif
