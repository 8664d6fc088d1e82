/*
 * Files that the module itself opens.
 */

#ifndef NGX_HTTP_MDS_FILE_H
#define NGX_HTTP_MDS_FILE_H

#include "ngx_http_mds_module.h"

#include "base/mds_digest.h"

/* Opens a regular file, with the location's cache; its directory's path has
 * dir_len bytes, and nothing below may be a symbolic link. NGX_ERROR: of->err
 * is the error of the system, or 0 if it is another type of file. */
ngx_int_t ngx_http_mds_open_file(ngx_http_request_t *r, ngx_str_t *path,
                                 size_t dir_len, ngx_open_file_info_t *of);

/* Sends the header and the file, with ranges. */
ngx_int_t ngx_http_mds_send_file(ngx_http_request_t *r, ngx_str_t *path,
                                 ngx_open_file_info_t *of);

/* Adds the digest of an immutable file as a strong ETag, and as Repr-Digest if
 * it is the SHA-256 of the bytes; hex lives as long as the request. */
ngx_int_t
ngx_http_mds_add_digest(ngx_http_request_t *r, mds_str_t hex,
                        const mds_sha256_t *digest, ngx_uint_t of_bytes);

/* Drops the Repr-Digest of an answer that is not the file. */
void ngx_http_mds_drop_digest(ngx_http_request_t *r);

#endif
