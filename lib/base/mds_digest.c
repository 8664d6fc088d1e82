/*
 * SHA-256 and BLAKE2b by libsodium, digests of files, and text forms of bytes.
 */

#include "base/mds_digest.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_file.h"

_Static_assert(sizeof(mds_sha256_state_t) == sizeof(crypto_hash_sha256_state)
                   && _Alignof(mds_sha256_state_t)
                          >= _Alignof(crypto_hash_sha256_state),
               "mds_sha256_state_t holds libsodium's state");

_Static_assert(sizeof(mds_blake2b_t) == sizeof(crypto_generichash_state)
                   && _Alignof(mds_blake2b_t)
                          >= _Alignof(crypto_generichash_state),
               "mds_blake2b_t holds libsodium's state");

_Static_assert(MDS_BLAKE2B_MAX == crypto_generichash_BYTES_MAX,
               "sizes as in libsodium");

typedef struct {
    bool               sha256; /* else BLAKE2b */
    mds_sha256_state_t sha256_state;
    mds_blake2b_t      blake2b;
    mds_progress_t    *progress; /* may be NULL */
    uint64_t           total;
    uint64_t           done;
} mds_file_digest_t;

static void
mds_sodium_init_once(void)
{
    /* Without random numbers, keys would not be secret. */
    if (sodium_init() < 0) {
        abort();
    }
}

void
mds_sodium_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, mds_sodium_init_once);
}

void
mds_sha256(const void *data, size_t len, mds_sha256_t *digest)
{
    crypto_hash_sha256(digest->bytes, data, len);
}

void
mds_sha256_begin(mds_sha256_state_t *state)
{
    crypto_hash_sha256_init((crypto_hash_sha256_state *) state);
}

void
mds_sha256_add(mds_sha256_state_t *state, const void *data, size_t len)
{
    crypto_hash_sha256_update((crypto_hash_sha256_state *) state, data, len);
}

void
mds_sha256_end(mds_sha256_state_t *state, mds_sha256_t *digest)
{
    crypto_hash_sha256_final((crypto_hash_sha256_state *) state, digest->bytes);
}

static mds_status_t
mds_file_digest_add(void *data, const void *bytes, size_t len, mds_error_t *err)
{
    mds_file_digest_t *digest = data;

    (void) err;

    if (digest->sha256) {
        mds_sha256_add(&digest->sha256_state, bytes, len);
    } else {
        mds_blake2b_add(&digest->blake2b, bytes, len);
    }

    digest->done += len;

    if (digest->progress != NULL) {
        digest->progress->report(digest->progress, digest->done,
                                 digest->done > digest->total ? digest->done
                                                              : digest->total);
    }

    return MDS_OK;
}

static mds_status_t
mds_file_digest_read(mds_file_digest_t *digest, const char *path,
                     mds_error_t *err)
{
    int          fd;
    mds_status_t status = mds_file_open(path, err, &fd, &digest->total);

    if (status == MDS_OK) {
        status
            = mds_file_read_chunks(fd, path, mds_file_digest_add, digest, err);
        close(fd);
    }

    return status;
}

mds_status_t
mds_sha256_file(const char *path, mds_progress_t *progress, mds_error_t *err,
                mds_sha256_t *digest, uint64_t *size_bytes)
{
    mds_file_digest_t file = { .sha256 = true, .progress = progress };
    mds_status_t      status;

    mds_sha256_begin(&file.sha256_state);
    status = mds_file_digest_read(&file, path, err);

    if (status == MDS_OK) {
        mds_sha256_end(&file.sha256_state, digest);
        *size_bytes = file.done;
    }

    return status;
}

const char *
mds_sha256_hex(const mds_sha256_t *digest, char text[MDS_SHA256_HEX + 1])
{
    return mds_hex(digest->bytes, sizeof(digest->bytes), text);
}

/* The value of each lower-case digit, and 1; zero for all other characters. */
static const uint8_t mds_hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* Decodes 2 * len digits. Returns false at a character that is not one. */
static bool
mds_hex_decode(const char *text, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned high = mds_hex_values[(uint8_t) text[2 * i]];
        unsigned low = mds_hex_values[(uint8_t) text[2 * i + 1]];

        if (high == 0 || low == 0) {
            return false;
        }

        bytes[i] = (uint8_t) ((high - 1) << 4 | (low - 1));
    }

    return true;
}

/* Each request for a file is named by one: it is decoded in one pass, to a
 * place that may be left half written. */
bool
mds_sha256_parse(mds_str_t text, mds_sha256_t *digest)
{
    uint8_t bytes[sizeof(digest->bytes)];

    if (text.len != MDS_SHA256_HEX
        || !mds_hex_decode(text.data, bytes, sizeof(bytes)))
    {
        return false;
    }

    memcpy(digest->bytes, bytes, sizeof(bytes));
    return true;
}

void
mds_blake2b_begin(mds_blake2b_t *state, size_t len)
{
    mds_sodium_init();
    crypto_generichash_init((crypto_generichash_state *) state, NULL, 0, len);
}

void
mds_blake2b_add(mds_blake2b_t *state, const void *data, size_t len)
{
    crypto_generichash_update((crypto_generichash_state *) state, data, len);
}

void
mds_blake2b_end(mds_blake2b_t *state, uint8_t *digest, size_t len)
{
    crypto_generichash_final((crypto_generichash_state *) state, digest, len);
}

mds_status_t
mds_blake2b_file(const char *path, size_t len, mds_error_t *err,
                 uint8_t *digest)
{
    mds_file_digest_t file = { .sha256 = false };
    mds_status_t      status;

    mds_blake2b_begin(&file.blake2b, len);
    status = mds_file_digest_read(&file, path, err);

    if (status == MDS_OK) {
        mds_blake2b_end(&file.blake2b, digest, len);
    }

    return status;
}

const char *
mds_hex(const void *data, size_t len, char *text)
{
    return sodium_bin2hex(text, 2 * len + 1, data, len);
}

bool
mds_hex_parse(mds_str_t text, void *data, size_t len)
{
    if (text.len != 2 * len) {
        return false;
    }

    /* The digits are checked first, so that nothing is written on failure. */
    for (size_t i = 0; i < text.len; i++) {
        if (mds_hex_values[(uint8_t) text.data[i]] == 0) {
            return false;
        }
    }

    return mds_hex_decode(text.data, data, len);
}

const char *
mds_base64(const void *data, size_t len, char *text)
{
    return sodium_bin2base64(text, mds_base64_len(len) + 1, data, len,
                             sodium_base64_VARIANT_ORIGINAL);
}

bool
mds_base64_parse(mds_str_t text, void *data, size_t max, size_t *len)
{
    size_t decoded;

    /* libsodium takes bytes above ASCII for a '/' where a char is signed. */
    for (size_t i = 0; i < text.len; i++) {
        if ((uint8_t) text.data[i] >= 0x80) {
            return false;
        }
    }

    if (sodium_base642bin(data, max, text.data, text.len, NULL, &decoded, NULL,
                          sodium_base64_VARIANT_ORIGINAL)
        != 0)
    {
        return false;
    }

    *len = decoded;
    return true;
}

void
mds_random(void *data, size_t len)
{
    mds_sodium_init();
    randombytes_buf(data, len);
}
