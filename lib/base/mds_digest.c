#include "base/mds_digest.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_file.h"

/* Read in one go: large enough to hide the call, small enough for a stack. */
#define MDS_DIGEST_CHUNK 65536

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

/* What a walk through a file does with its bytes. */
typedef void (*mds_digest_add_t)(void *state, const void *data, size_t len);

static void
mds_sodium_init_once(void)
{
    /* Without random numbers no key would be one: there is no going on. */
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
mds_digest_file(const char *path, mds_progress_t *progress, mds_error_t *err,
                mds_digest_add_t add, void *state, uint64_t *size_bytes)
{
    int          fd;
    char         chunk[MDS_DIGEST_CHUNK];
    ssize_t      n;
    uint64_t     total, done = 0;
    mds_status_t status = mds_file_open(path, err, &fd, &total);

    if (status != MDS_OK) {
        return status;
    }

    do {
        n = read(fd, chunk, sizeof(chunk));

        if (n > 0) {
            add(state, chunk, (size_t) n);
            done += (uint64_t) n;

            if (progress != NULL) {
                progress->report(progress, done, done > total ? done : total);
            }
        }
    } while (n > 0 || (n < 0 && errno == EINTR));

    if (n < 0) {
        status = mds_fail_errno(err, "read \"%s\"", path);
    } else {
        *size_bytes = done;
    }

    close(fd);
    return status;
}

static void
mds_digest_add_sha256(void *state, const void *data, size_t len)
{
    mds_sha256_add(state, data, len);
}

mds_status_t
mds_sha256_file(const char *path, mds_progress_t *progress, mds_error_t *err,
                mds_sha256_t *digest, uint64_t *size_bytes)
{
    mds_status_t       status;
    mds_sha256_state_t state;

    mds_sha256_begin(&state);
    status = mds_digest_file(path, progress, err, mds_digest_add_sha256, &state,
                             size_bytes);

    if (status == MDS_OK) {
        mds_sha256_end(&state, digest);
    }

    return status;
}

const char *
mds_sha256_hex(const mds_sha256_t *digest, char text[MDS_SHA256_HEX + 1])
{
    return mds_hex(digest->bytes, sizeof(digest->bytes), text);
}

bool
mds_sha256_parse(mds_str_t text, mds_sha256_t *digest)
{
    return mds_hex_parse(text, digest->bytes, sizeof(digest->bytes));
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

static void
mds_digest_add_blake2b(void *state, const void *data, size_t len)
{
    mds_blake2b_add(state, data, len);
}

mds_status_t
mds_blake2b_file(const char *path, size_t len, mds_error_t *err,
                 uint8_t *digest)
{
    uint64_t      size;
    mds_status_t  status;
    mds_blake2b_t state;

    mds_blake2b_begin(&state, len);
    status = mds_digest_file(path, NULL, err, mds_digest_add_blake2b, &state,
                             &size);

    if (status == MDS_OK) {
        mds_blake2b_end(&state, digest, len);
    }

    return status;
}

const char *
mds_hex(const void *data, size_t len, char *text)
{
    return sodium_bin2hex(text, 2 * len + 1, data, len);
}

/* Below zero: no lower-case digit. */
static int
mds_lower_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
mds_hex_parse(mds_str_t text, void *data, size_t len)
{
    uint8_t *bytes = data;

    if (text.len != 2 * len) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        if (mds_lower_hex_digit(text.data[i]) < 0) {
            return false;
        }
    }

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t) (mds_lower_hex_digit(text.data[2 * i]) << 4
                              | mds_lower_hex_digit(text.data[2 * i + 1]));
    }

    return true;
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

    /* Those above ASCII libsodium takes for a '/', where a char is signed. */
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
