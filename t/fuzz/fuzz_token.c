/* Tokens, with a check that holds, so that what is behind it gets its turn;
 * what is understood can be written and read again. */

#include "base/mds_siphash.h"
#include "fuzz.h"
#include "request/mds_token.h"

#define MANY 5000
#define TEXT_MAX 4096

static const char digits[]
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t numbers[MANY], again[MANY];
    static char     text[TEXT_MAX + 4];
    char           *written;
    mds_str_t       token = { size, text };
    size_t          count, count_again;
    uint64_t        check;

    if (size > TEXT_MAX
        || mds_token_read((mds_str_t){ size, (const char *) data }, 0, numbers,
                          MANY, &count))
    {
        return 0;
    }

    memcpy(text, data, size);
    check = mds_siphash((const uint8_t *) "mds_token digits", token);
    for (int shift = 18; shift >= 0; shift -= 6) {
        text[token.len++] = digits[check >> shift & 63];
    }

    if (!mds_token_read(token, 0, numbers, MANY, &count)) {
        return 0;
    }

    written = fuzz_room(mds_token_bytes(count));
    token.len
        = mds_token_write(0, numbers, count, written, mds_token_bytes(count));
    token.data = written;
    fuzz_must(token.len > 0
              && mds_token_read(token, 0, again, MANY, &count_again)
              && count_again == count
              && memcmp(numbers, again, count * sizeof(*numbers)) == 0);
    free(written);

    return 0;
}
