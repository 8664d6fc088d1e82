/*
 * Everything of mds_sign that reads other people's text: .pub and .key files, a
 * .minisig file, the value of MDS-Signature. What is taken of a public key is
 * written the same way; and nobody has signed for a key that is none.
 */

#include "base/mds_digest.h"
#include "fuzz.h"
#include "sign/mds_sign.h"

static void
public_of(mds_str_t text)
{
    mds_public_t parsed, again;
    uint8_t      bytes[42] = "Ed";
    char         written[mds_base64_len(42) + 32];

    if (mds_public_parse(text, "fuzz", NULL, &parsed) != MDS_OK) {
        return;
    }

    memcpy(bytes + 2, parsed.keyid, 8);
    memcpy(bytes + 10, parsed.key, 32);
    strcpy(written, "untrusted comment: x\n");
    mds_base64(bytes, sizeof(bytes), written + strlen(written));

    fuzz_must(mds_public_parse(mds_str_of(written), "fuzz", NULL, &again)
                  == MDS_OK
              && memcmp(&parsed, &again, sizeof(again)) == 0);
}

/* What is taken for a secret key signs, and its public half says so. */
static void
secret_of(mds_str_t text)
{
    mds_key_t    key;
    mds_public_t public_key;
    uint8_t      signature[MDS_RAW_SIGNATURE_BYTES];

    if (mds_key_load(fuzz_file(0, text.data, text.len), NULL, &key) == MDS_OK) {
        mds_key_public(&key, &public_key);
        mds_raw_sign(&key, text, signature);
        fuzz_must(mds_raw_verify(&public_key, text, signature));
        mds_key_wipe(&key);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t            keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];
    mds_str_t          text = { size, (const char *) data };
    mds_error_t        err;
    const mds_public_t key = { .keyid = { 0 } };

    public_of(text);
    secret_of(text);
    (void) !mds_minisign_keyid(text, &err, keyid);
    (void) !mds_dsse_parse(text, &err, keyid, raw);

    fuzz_must(mds_dsse_verify(&key, mds_str("{}"), text, &err) != MDS_OK);
    fuzz_must(mds_minisign_verify(&key, "/dev/null", text, &err) != MDS_OK);

    return 0;
}
