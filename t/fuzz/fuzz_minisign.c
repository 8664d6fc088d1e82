/*
 * Everything of mds_sign that reads other people's text: a .pub file, a
 * .minisig file, the value of MDS-Signature.
 */

#include <stdlib.h>

#include "mds_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t            keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];
    mds_str_t          text = { size, (const char *) data };
    mds_error_t        err;
    mds_public_t       parsed;
    const mds_public_t key = { .keyid = { 0 } };

    (void) !mds_public_parse(text, "fuzz", &err, &parsed);
    (void) !mds_minisign_keyid(text, &err, keyid);
    (void) !mds_dsse_parse(text, &err, keyid, raw);

    /* Nobody has signed for this key: nothing may ever pass. */
    if (mds_dsse_verify(&key, mds_str("{}"), text, &err) == MDS_OK
        || mds_minisign_verify(&key, "/dev/null", text, &err) == MDS_OK)
    {
        abort();
    }

    return 0;
}
