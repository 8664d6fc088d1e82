/*
 * mds_digest: digests, and digests and bytes as text.
 *
 * SHA-256 (FIPS 180-4) names files, and minisign signs a file's BLAKE2b (RFC
 * 7693). SipHash is in mds_siphash.h.
 */

#ifndef MDS_DIGEST_H
#define MDS_DIGEST_H

#include "base/mds_base.h"

#define MDS_SHA256_HEX 64 /* characters, without a zero byte */
#define MDS_BLAKE2B_MAX 64

/* Characters of n bytes in base64, without a zero byte. */
#define mds_base64_len(n) (((n) + 2) / 3 * 4)

typedef struct {
    uint8_t bytes[32];
} mds_sha256_t;

/* The states of digests that are being computed; they own no memory. */
typedef struct {
    uint64_t opaque[13];
} mds_sha256_state_t;

typedef struct {
    _Alignas(64) uint8_t opaque[384];
} mds_blake2b_t;

void mds_sha256(const void *data, size_t len, mds_sha256_t *digest);

void mds_sha256_begin(mds_sha256_state_t *state);
void mds_sha256_add(mds_sha256_state_t *state, const void *data, size_t len);
void mds_sha256_end(mds_sha256_state_t *state, mds_sha256_t *digest);

static inline bool
mds_sha256_eq(const mds_sha256_t *a, const mds_sha256_t *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Gives the digest and length of a regular file; progress may be NULL. */
mds_status_t
mds_sha256_file(const char *path, mds_progress_t *progress, mds_error_t *err,
                mds_sha256_t *digest, uint64_t *size_bytes) MDS_MUST_CHECK;

/* Writes 64 lower-case digits and a zero byte; returns text. */
const char *
mds_sha256_hex(const mds_sha256_t *digest, char text[MDS_SHA256_HEX + 1]);

/* Reads 64 lower-case hex digits. False: the text is something else. */
bool mds_sha256_parse(mds_str_t text, mds_sha256_t *digest) MDS_MUST_CHECK;

/* Begin and end a digest of len bytes, 1 to MDS_BLAKE2B_MAX, the same in both
 * calls. */
void mds_blake2b_begin(mds_blake2b_t *state, size_t len);
void mds_blake2b_add(mds_blake2b_t *state, const void *data, size_t len);
void mds_blake2b_end(mds_blake2b_t *state, uint8_t *digest, size_t len);

/* Gives the digest of a regular file, of len bytes. */
mds_status_t mds_blake2b_file(const char *path, size_t len, mds_error_t *err,
                              uint8_t *digest) MDS_MUST_CHECK;

/* Writes 2 * len lower-case digits and a zero byte; returns text. */
const char *mds_hex(const void *data, size_t len, char *text);

/* Reads exactly 2 * len lower-case digits. False: the text is something else.
 */
bool mds_hex_parse(mds_str_t text, void *data, size_t len) MDS_MUST_CHECK;

/* Writes padded base64 (RFC 4648, 4.) and a zero byte: mds_base64_len(len) + 1
 * bytes. Returns text. */
const char *mds_base64(const void *data, size_t len, char *text);

/* Reads canonical padded base64 into at most max bytes. False: the text is
 * something else, or longer; data may have been written to. */
bool mds_base64_parse(mds_str_t text, void *data, size_t max,
                      size_t *len) MDS_MUST_CHECK;

/* Fills data with unpredictable bytes. Any thread may call it. */
void mds_random(void *data, size_t len);

/* Initializes libsodium, once. Any thread may call it; functions of this header
 * that need it call it themselves. */
void mds_sodium_init(void);

#endif
