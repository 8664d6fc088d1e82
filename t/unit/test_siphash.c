/* Many keys at once say what one says alone, whatever the length. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mds_digest.h"
#include "base/mds_siphash.h"

#define KEYS (3 * MDS_SIPHASH_LANES)

/* "SipHash", appendix A: the key 00 01 … 0f, the message 00 01 … 0e. */
static void
test_paper(void **state)
{
    uint8_t  keys[KEYS * MDS_SIPHASH_KEY];
    char     message[15];
    uint64_t digests[KEYS];

    (void) state;
    for (size_t i = 0; i < sizeof(keys); i++) {
        keys[i] = (uint8_t) (i % MDS_SIPHASH_KEY);
    }
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (char) i;
    }

    mds_siphash_lanes(keys, KEYS, (mds_str_t){ sizeof(message), message },
                      digests);
    for (int i = 0; i < KEYS; i++) {
        assert_true(digests[i] == UINT64_C(0xa129ca6149be45e5));
    }
}

static void
test_lanes(void **state)
{
    uint8_t  keys[KEYS * MDS_SIPHASH_KEY];
    char     message[300];
    uint64_t digests[KEYS];

    (void) state;
    for (size_t len = 0; len <= sizeof(message); len++) {
        mds_str_t data = { len, message };

        mds_random(keys, sizeof(keys));
        mds_random(message, sizeof(message));
        mds_siphash_lanes(keys, KEYS, data, digests);
        for (int i = 0; i < KEYS; i++) {
            assert_true(digests[i]
                        == mds_siphash(keys + i * MDS_SIPHASH_KEY, data));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paper),
        cmocka_unit_test(test_lanes),
    };

    return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
