/*
 * Available-Dictionary and Accept-Encoding, one behind the other's newline. A
 * digest that is read is written the same way; a coding that is found is found
 * in any case, and among others.
 */

#include "base/mds_buffer.h"
#include "fuzz.h"
#include "request/mds_dictionary.h"

/* Copies the text to memory of its own, in upper case. */
static char *
to_upper(mds_str_t text)
{
    char *copy = fuzz_room(text.len);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        copy[i] = c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
    }

    return copy;
}

static void
check_digest(mds_str_t field)
{
    mds_sha256_t sha256;
    char         again[64] = ":";
    size_t       at = 0;

    if (!mds_dictionary_parse(field, &sha256)) {
        return;
    }

    (void) mds_base64(sha256.bytes, sizeof(sha256.bytes), again + 1);
    strcat(again, ":");

    while (at < field.len && field.data[at] != ':') {
        at++;
    }

    fuzz_must(mds_str_starts((mds_str_t){ field.len - at, field.data + at },
                             mds_str_of(again)));
}

static void
check_codings(mds_str_t field)
{
    bool         is_accepted = mds_dictionary_is_accepted(field);
    char        *upper = to_upper(field);
    mds_buffer_t longer = { 0 };

    fuzz_must(mds_dictionary_is_accepted((mds_str_t){ field.len, upper })
              == is_accepted);

    mds_buffer_add(&longer, "gzip;q=0,", 9);
    mds_buffer_add(&longer, field.data, field.len);
    mds_buffer_add(&longer, ",br", 3);
    fuzz_must(!mds_buffer_failed(&longer));
    fuzz_must(mds_dictionary_is_accepted(
                  (mds_str_t){ longer.len, (const char *) longer.data })
              == is_accepted);

    mds_buffer_free(&longer);
    free(upper);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t codings = { size, (const char *) data };
    mds_str_t digest = mds_str_cut(&codings, '\n');

    check_digest(digest);
    check_codings(codings);

    return 0;
}
