/*
 * Deltas for browsers (RFC 9842), and the digests that they check.
 */

#ifndef NGX_HTTP_MDS_DICTIONARY_H
#define NGX_HTTP_MDS_DICTIONARY_H

#include "ngx_http_mds_module.h"

#include "base/mds_digest.h"

/* Gets the digest of the client's file, from which it takes a delta.
 * NGX_DECLINED: it has none, or takes none. */
ngx_int_t
ngx_http_mds_dictionary_get(ngx_http_request_t *r, mds_sha256_t *sha256);

/* Finds the delta from the client's file in the catalog. NGX_DECLINED: there is
 * none. */
ngx_int_t
ngx_http_mds_dictionary_find(ngx_http_request_t *r, const mds_sha256_t *to,
                             mds_sha256_t *delta);

/* Adds Vary: the answer depends on what the client has. */
ngx_int_t ngx_http_mds_dictionary_vary(ngx_http_request_t *r);

/* Adds Content-Encoding: dcz. */
ngx_int_t ngx_http_mds_dictionary_encode(ngx_http_request_t *r);

/* Returns 1 if ngx_http_mds_dictionary_encode() was called. */
ngx_uint_t ngx_http_mds_dictionary_is_used(ngx_http_request_t *r);

/* Drops the lines of these functions, but for Vary: the answer is not the file.
 */
void ngx_http_mds_dictionary_drop(ngx_http_request_t *r);

/* Adds Unencoded-Digest, the digest of the bytes before any coding. */
ngx_int_t ngx_http_mds_dictionary_describe(ngx_http_request_t *r,
                                           const mds_sha256_t *decoded);

/* Adds Use-As-Dictionary for URIs with these ends and anything in between,
 * unless they have other characters than letters, digits and a few signs. */
ngx_int_t ngx_http_mds_dictionary_use(ngx_http_request_t *r, mds_str_t before,
                                      mds_str_t behind);

#endif
