/*
 * Secret keys that a password encrypts, as minisign does it: scrypt makes a
 * stream of the password, which is added to key id, key and checksum by xor.
 */

#include "sign/mds_sign_internal.h"

#include <sodium.h>

#include "base/mds_digest.h"

#define MDS_ENCRYPTED_BYTES (MDS_SECRET_BYTES - MDS_SECRET_KEYID)

/* minisign's own limits are an eighth of these; a file that asks for more is
 * not one that a person has made. */
#define MDS_OPERATIONS_MAX                                                     \
    (8 * (uint64_t) crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE)
#define MDS_MEMORY_MAX                                                         \
    (8 * (uint64_t) crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE)

_Static_assert(MDS_SECRET_OPERATIONS - MDS_SECRET_SALT
                   == crypto_pwhash_scryptsalsa208sha256_SALTBYTES,
               "the salt is as in libsodium");

static void
mds_store_le64(uint8_t bytes[8], uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t) (value >> (8 * i));
    }
}

static uint64_t
mds_load_le64(const uint8_t bytes[8])
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }

    return value;
}

/* Adds the password's stream to the encrypted part of the bytes. False: there
 * is not enough memory. */
static bool
mds_key_xor(uint8_t bytes[MDS_SECRET_BYTES], mds_str_t password)
{
    uint8_t  stream[MDS_ENCRYPTED_BYTES];
    uint64_t operations = mds_load_le64(bytes + MDS_SECRET_OPERATIONS);
    uint64_t memory = mds_load_le64(bytes + MDS_SECRET_MEMORY);
    bool     done;

    mds_sodium_init();
    done = crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream),
                                              password.data, password.len,
                                              bytes + MDS_SECRET_SALT,
                                              operations, (size_t) memory)
           == 0;

    for (size_t i = 0; done && i < sizeof(stream); i++) {
        bytes[MDS_SECRET_KEYID + i] ^= stream[i];
    }

    sodium_memzero(stream, sizeof(stream));
    return done;
}

/* Computes the checksum of algorithm, key id and key. */
static void
mds_key_sum(const uint8_t bytes[MDS_SECRET_BYTES],
            uint8_t       sum[MDS_SECRET_BYTES - MDS_SECRET_SUM])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, MDS_SECRET_BYTES - MDS_SECRET_SUM);
    crypto_generichash_update(&state, bytes, MDS_SECRET_KDF);
    crypto_generichash_update(&state, bytes + MDS_SECRET_KEYID,
                              MDS_SECRET_SUM - MDS_SECRET_KEYID);
    crypto_generichash_final(&state, sum, MDS_SECRET_BYTES - MDS_SECRET_SUM);
    sodium_memzero(&state, sizeof(state));
}

mds_status_t
mds_key_encrypt(uint8_t bytes[MDS_SECRET_BYTES], const char *path,
                mds_str_t password, mds_error_t *err)
{
    uint64_t memory = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;

    memcpy(bytes + MDS_SECRET_KDF, "Sc", 2);
    mds_random(bytes + MDS_SECRET_SALT,
               crypto_pwhash_scryptsalsa208sha256_SALTBYTES);
    mds_store_le64(bytes + MDS_SECRET_OPERATIONS,
                   crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE);
    mds_key_sum(bytes, bytes + MDS_SECRET_SUM);

    /* A machine with less memory pays with less, as minisign does. */
    for (; memory >= crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_MIN;
         memory /= 2) {
        mds_store_le64(bytes + MDS_SECRET_MEMORY, memory);

        if (mds_key_xor(bytes, password)) {
            return MDS_OK;
        }
    }

    return mds_fail(err, MDS_NO_MEMORY,
                    "there is not enough memory to encrypt key \"%s\"", path);
}

mds_status_t
mds_key_decrypt(uint8_t bytes[MDS_SECRET_BYTES], const char *path,
                mds_str_t password, mds_error_t *err)
{
    uint8_t  sum[MDS_SECRET_BYTES - MDS_SECRET_SUM];
    uint64_t memory = mds_load_le64(bytes + MDS_SECRET_MEMORY);
    bool     right;

    if (memory > MDS_MEMORY_MAX
        || mds_load_le64(bytes + MDS_SECRET_OPERATIONS) > MDS_OPERATIONS_MAX)
    {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "key \"%s\" is damaged: no key is encrypted at such"
                        " a cost",
                        path);
    }

    if (!mds_key_xor(bytes, password)) {
        return mds_fail(err, MDS_NO_MEMORY,
                        "there is not enough memory to decrypt key \"%s\":"
                        " %llu MiB are needed",
                        path, (unsigned long long) (memory >> 20));
    }

    mds_key_sum(bytes, sum);
    right = sodium_memcmp(sum, bytes + MDS_SECRET_SUM, sizeof(sum)) == 0;
    sodium_memzero(sum, sizeof(sum));

    return right ? MDS_OK
                 : mds_fail(err, MDS_DENIED,
                            "the password of key \"%s\" is wrong", path);
}
