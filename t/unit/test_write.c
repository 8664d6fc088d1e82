/* Deep copies of writes: nothing of the original is used any more. */

#include <stdlib.h>

#include "state/mds_state.h"
#include "workdir.h"

static void
copies_of_writes_own_their_bytes(void **unused)
{
    char        window[] = "app\0release", id[] = "device", user[] = "app\0me";
    mds_run_t   runs[2] = { { 1, 3 }, { 7, 7 } };
    mds_write_t writes[3] = {
        { .type = MDS_WRITE_ADMISSION,
          .admission = { .window = { sizeof(window) - 1, window },
                         .id = { sizeof(id) - 1, id },
                         .limit = 5,
                         .until_ms = 6 } },
        { .type = MDS_WRITE_READ_MARK,
          .read_mark = { .user = { sizeof(user) - 1, user },
                    .delete_through = 9,
                    .read = runs,
                    .read_count = 2,
                    .oldest = 4 } },
        { .type = MDS_WRITE_READ_MARK },
    };
    mds_write_t copies[3];
    size_t      bytes = 0;
    char       *memory, *p;

    (void) unused;

    for (size_t i = 0; i < mds_nelems(writes); i++) {
        assert_int_equal(mds_write_bytes(&writes[i]) % sizeof(mds_run_t), 0);
        bytes += mds_write_bytes(&writes[i]);
    }

    /* Just as many bytes as were asked for: a sanitizer sees one more. */
    memory = malloc(bytes);
    assert_non_null(memory);
    p = memory;

    for (size_t i = 0; i < mds_nelems(writes); i++) {
        p = mds_write_copy(&writes[i], p, &copies[i]);
    }

    assert_ptr_equal(p, memory + bytes);

    memset(window, 'x', sizeof(window));
    memset(id, 'x', sizeof(id));
    memset(user, 'x', sizeof(user));
    memset(runs, 0xff, sizeof(runs));

    assert_true(mds_str_eq(copies[0].admission.window,
                           (mds_str_t){ 11, "app\0release" }));
    assert_true(mds_str_eq(copies[0].admission.id, mds_str("device")));
    assert_int_equal(copies[0].admission.limit, 5);
    assert_int_equal(copies[0].admission.until_ms, 6);

    assert_true(
        mds_str_eq(copies[1].read_mark.user, (mds_str_t){ 6, "app\0me" }));
    assert_int_equal(copies[1].read_mark.read_count, 2);
    assert_int_equal(copies[1].read_mark.read[0].first, 1);
    assert_int_equal(copies[1].read_mark.read[0].last, 3);
    assert_int_equal(copies[1].read_mark.read[1].first, 7);
    assert_int_equal(copies[1].read_mark.delete_through, 9);
    assert_int_equal(copies[1].read_mark.oldest, 4);

    assert_int_equal(copies[2].read_mark.user.len, 0);
    assert_int_equal(copies[2].read_mark.read_count, 0);

    free(memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_writes_own_their_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
