/* Small words: a time, hex, base64, a name of an attribute. What is taken is
 * written the same way again. */

#include "base/mds_digest.h"
#include "base/mds_name.h"
#include "base/mds_time.h"
#include "fuzz.h"
#include "request/mds_request.h"

static void
time_of(mds_str_t text)
{
    char    first[MDS_TIME_BYTES], second[MDS_TIME_BYTES];
    int64_t ms, again;

    if (!mds_time_parse(text, &ms)) {
        return;
    }

    mds_time_format(ms, first);
    fuzz_must(mds_time_parse(mds_str_of(first), &again) && again <= ms
              && ms - again < 1000);
    fuzz_must(strcmp(mds_time_format(again, second), first) == 0);
    fuzz_must(text.len < 19 || memcmp(text.data, first, 10) == 0);
}

static void
base64_of(mds_str_t text)
{
    uint8_t *bytes = malloc(text.len + 1);
    char    *again = malloc(mds_base64_len(text.len) + 1);
    size_t   len;

    fuzz_must(bytes != NULL && again != NULL);

    if (mds_base64_parse(text, bytes, text.len, &len)) {
        fuzz_must(len <= text.len);
        fuzz_must(mds_str_eq(mds_str_of(mds_base64(bytes, len, again)), text));
    }

    free(again);
    free(bytes);
}

static void
hex_of(mds_str_t text)
{
    mds_sha256_t sha256;
    char         again[MDS_SHA256_HEX + 1];

    if (mds_sha256_parse(text, &sha256)) {
        fuzz_must(mds_str_eq(mds_str_of(mds_sha256_hex(&sha256, again)), text));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t text = { size, (const char *) data };
    int64_t   ms;
    char      shown[MDS_TIME_BYTES];

    time_of(text);
    base64_of(text);
    hex_of(text);
    fuzz_must(!mds_attribute_name_valid(text) || mds_str_is_utf8(text));

    if (size >= sizeof(ms)) {
        memcpy(&ms, data, sizeof(ms));
        fuzz_must(mds_time_parse(mds_str_of(mds_time_format(ms, shown)), &ms));
    }

    return 0;
}
