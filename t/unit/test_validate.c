/*
 * Damaged generations, offered for the switch by the thousand: none is
 * switched to, the last good one goes on being served, and there are words
 * for each, once. And what several processes tell each other of a proof.
 *
 * MDS_SOAK: seconds; more of the same.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalog/mds_current.h"
#include "catalog/mds_depot.h"
#include "catalog/mds_validate.h"
#include "compile/mds_compile_list.h"
#include "compile/mds_generation.h"
#include "prng.h"
#include "lmdb/mds_seal.h"
#include "catalog_fixture.h"
#include "workdir.h"

#define PAGE 4096
#define OFFERS 4000

static mds_current_t *current;
static uint64_t       tick;
static char          *whole; /* the generation that is offered */
static size_t         whole_len;
static const char    *offered = "catalog/2.mdb";
static prng_t         prng;

static size_t
roll(size_t n)
{
    return prng_below(&prng, (unsigned) n);
}

/* So many resources that their table has branches; ids take 8 bytes each. */
static void
put_generation(unsigned ids)
{
    char  *text = NULL;
    size_t len;
    FILE  *out = open_memstream(&text, &len);

    fprintf(out, "{\"app\":\"a\",\"lists\":{\"staff\":{\"ids\":[\"alice\"");

    for (unsigned i = 0; i < ids; i++) {
        fprintf(out, ",\"u%u\"", i);
    }

    fprintf(out, "]}},\"packages\":[");

    for (int i = 0; i < 40; i++) {
        fprintf(out,
                "%s{\"kind\":\"bundle\",\"name\":\"n%d\",\"version\":\"1\","
                "\"file\":\"f\"}",
                i > 0 ? "," : "", i);
    }

    fprintf(out, "],\"releases\":[");

    for (int i = 0; i < 40; i++) {
        fprintf(out,
                "%s{\"id\":\"r%d\",\"kind\":\"bundle\",\"name\":\"n%d\","
                "\"version\":\"1\",\"audience\":{\"lists\":[\"staff\"],"
                "\"percent\":%d}}",
                i > 0 ? "," : "", i, i, i);
    }

    fprintf(out, "]}");
    fclose(out);
    fixture_load(text);
    (void) fixture_close();
    free(text);
}

static int
make(void **state)
{
    mds_error_t err;

    prng_seed(&prng);

    if (fixture_setup(state) != 0
        || mds_current_create(workdir("."), &err) != MDS_OK
        || mds_current_open(workdir("."), true, &err, &current) != MDS_OK)
    {
        return -1;
    }

    put_generation(0);
    put_generation(0);
    whole = workdir_read(offered, &whole_len);

    return mds_current_advance(current, 1, &err) == MDS_OK ? 0 : -1;
}

static int
remove_all(void **state)
{
    mds_current_close(current);
    free(whole);
    return fixture_teardown(state);
}

/* A new file under its name, as a loader would put it there. */
static void
offer(const void *bytes, size_t len)
{
    unlink(workdir(offered));
    workdir_write(offered, bytes, len);
}

static uint64_t
served(mds_depot_t *depot, mds_error_t *warning)
{
    mds_catalog_t *catalog;
    uint64_t       serial;

    if (mds_depot_begin(depot, ++tick, warning, &catalog) != MDS_OK) {
        fail_msg("%s", warning->text);
    }

    serial = mds_catalog_serial(catalog);

    return serial;
}

/* Refused, with a word that names the file, and no second one. */
static void
refused(mds_depot_t *depot, const char *what, size_t where)
{
    mds_error_t warning, again, err;

    assert_int_equal(mds_depot_check(depot, &err), MDS_OK);

    if (served(depot, &warning) != 1) {
        fail_msg("switched to a generation with %s at %zu", what, where);
    }

    if (strstr(warning.text, offered) == NULL) {
        fail_msg("%s at %zu: \"%s\"", what, where, warning.text);
    }

    assert_int_equal(served(depot, &again), 1);
    assert_string_equal(again.text, "");
}

static void
cut(char *bytes, size_t *len, size_t *where)
{
    (void) bytes;
    *where = *len = roll(whole_len);
}

static void
flip(char *bytes, size_t *len, size_t *where)
{
    *where = roll(*len);
    bytes[*where] ^= (char) (1 << roll(8));
}

static void
swap(char *bytes, size_t *len, size_t *where)
{
    size_t pages = *len / PAGE;
    size_t one = roll(pages);
    size_t other = (one + 1 + roll(pages - 1)) % pages;

    memcpy(bytes + one * PAGE, whole + other * PAGE, PAGE);
    memcpy(bytes + other * PAGE, whole + one * PAGE, PAGE);
    *where = one * PAGE;
}

static void
overwrite(char *bytes, size_t *len, size_t *where)
{
    size_t count = 1 + roll(3 * PAGE);

    *where = roll(*len);
    count = count < *len - *where ? count : *len - *where;
    memset(bytes + *where, roll(2) == 0 ? 0 : 0xff, count);
}

static void
lengthen(char *bytes, size_t *len, size_t *where)
{
    size_t more = 1 + roll(2 * PAGE);

    memset(bytes + *len, 0, more);
    *where = *len;
    *len += more;
}

static const struct {
    const char *what;
    void (*damage)(char *bytes, size_t *len, size_t *where);
} damages[] = {
    { "a cut", cut },
    { "a flipped bit", flip },
    { "pages swapped", swap },
    { "an overwritten part", overwrite },
    { "something more", lengthen },
};

static void
test_offered(void **state)
{
    char        *bytes = malloc(whole_len + 4 * PAGE);
    const char  *soak = getenv("MDS_SOAK");
    time_t       until = time(NULL) + (soak == NULL ? 0 : atoi(soak));
    mds_depot_t *depot;
    mds_error_t  err;
    size_t       offers = 0;

    (void) state;
    assert_int_equal(mds_depot_open(workdir("."), &err, &depot), MDS_OK);
    assert_int_equal(mds_current_advance(current, 2, &err), MDS_OK);

    for (; offers < OFFERS || time(NULL) < until; offers++) {
        size_t i = offers % mds_nelems(damages), len = whole_len, where = 0;

        memcpy(bytes, whole, whole_len);
        damages[i].damage(bytes, &len, &where);

        if (len == whole_len && memcmp(bytes, whole, whole_len) == 0) {
            continue; /* zeros over zeros */
        }

        offer(bytes, len);
        refused(depot, damages[i].what, where);
    }

    print_message("%zu damaged generations offered\n", offers);

    offer(whole, whole_len);
    assert_int_equal(mds_depot_check(depot, &err), MDS_OK);
    assert_int_equal(served(depot, &err), 2);
    mds_depot_close(depot);
    free(bytes);
}

/* Whole, but not for this machine, or not of this version, or not the one. */
static void
test_foreign(void **state)
{
    enum { FORM = 8, WORD = 12, ORDER = 13, PAGE_SIZE = 17, IDENTITY = 63 };
    static const size_t fields[] = { FORM, WORD, ORDER, PAGE_SIZE, IDENTITY };
    size_t              seal = whole_len - MDS_SEAL_BYTES;
    mds_blake2b_t       digest;
    mds_depot_t        *depot;
    mds_error_t         err;

    (void) state;
    offer(whole, whole_len);
    assert_int_equal(mds_depot_open(workdir("."), &err, &depot), MDS_OK);
    assert_int_equal(served(depot, &err), 2);
    mds_depot_close(depot);

    for (size_t i = 0; i < mds_nelems(fields); i++) {
        char *bytes = malloc(whole_len);

        memcpy(bytes, whole, whole_len);
        bytes[seal + fields[i]] ^= 12;
        mds_blake2b_begin(&digest, 32);
        mds_blake2b_add(&digest, bytes, whole_len - 32);
        mds_blake2b_end(&digest, (uint8_t *) bytes + whole_len - 32, 32);
        offer(bytes, whole_len);
        free(bytes);

        assert_int_equal(mds_depot_open(workdir("."), &err, &depot),
                         fields[i] == IDENTITY ? MDS_DAMAGED : MDS_INCOMPATIBLE);
        assert_non_null(strstr(err.text, offered));
    }

    offer(whole, whole_len);
}

/* Under a reader: the next look finds it, and nothing else is answered. */
static void
test_written_to(void **state)
{
    mds_depot_t   *depot;
    mds_catalog_t *catalog;
    mds_error_t    err;
    FILE          *file;

    (void) state;
    assert_int_equal(mds_depot_open(workdir("."), &err, &depot), MDS_OK);
    assert_int_equal(served(depot, &err), 2);

    file = fopen(workdir(offered), "r+b");
    assert_non_null(file);
    assert_int_equal(fputc('x', file), 'x');
    fclose(file);

    assert_int_equal(mds_depot_begin(depot, tick, &err, &catalog), MDS_OK);
    assert_int_equal(mds_depot_begin(depot, tick + 1, &err, &catalog),
                     MDS_DAMAGED);
    assert_non_null(strstr(err.text, "was written to"));
    mds_depot_close(depot);
    offer(whole, whole_len);
}

/* What one has proved another follows; but not to another file. */
static void
test_followed(void **state)
{
    mds_validation_hint_t  *proved, *other;
    mds_catalog_t *catalog;
    mds_error_t    err;

    (void) state;
    assert_int_equal(mds_validation_hint_open(workdir("."), false, &err, &proved),
                     MDS_NOT_FOUND);
    assert_true(shell("mkdir -p state"));
    assert_int_equal(mds_validation_hint_open(workdir("."), true, &err, &proved),
                     MDS_OK);
    assert_int_equal(mds_validation_hint_open(workdir("."), true, &err, &other), MDS_OK);
    assert_int_equal(mds_validate_next(workdir("."), 2, NULL, other, &err,
                                      &catalog),
                     MDS_CONFLICT);

    assert_int_equal(mds_validate_generation(workdir("."), 2, NULL, INT64_MIN,
                                    MDS_VALIDATE_NO_BUDGET, &err, &catalog),
                     MDS_OK);
    mds_validation_hint_publish(proved, 2, 2, mds_catalog_files(catalog));
    assert_int_equal(mds_validation_hint_serial(other), 2);

    /* A later one stays, unless it is of another life. */
    mds_validation_hint_publish(proved, 1, 2, mds_catalog_files(catalog));
    assert_int_equal(mds_validation_hint_serial(other), 2);
    mds_validation_hint_publish(proved, 1, 1, mds_catalog_files(catalog));
    assert_int_equal(mds_validation_hint_serial(other), 1);
    mds_validation_hint_publish(proved, 2, 2, mds_catalog_files(catalog));
    mds_catalog_close(catalog);

    assert_int_equal(mds_validate_next(workdir("."), 2, NULL, other, &err,
                                      &catalog),
                     MDS_OK);
    mds_catalog_close(catalog);

    offer(whole, whole_len);
    assert_int_equal(mds_validate_next(workdir("."), 2, NULL, other, &err,
                                      &catalog),
                     MDS_CONFLICT);
    assert_int_equal(mds_validate_next(workdir("."), 1, NULL, other, &err,
                                      &catalog),
                     MDS_CONFLICT);
    mds_validation_hint_close(proved);
    mds_validation_hint_close(other);

    workdir_write("state/PROVED", "something else", 14);
    assert_int_equal(mds_validation_hint_open(workdir("."), true, &err, &proved),
                     MDS_INCOMPATIBLE);
    assert_true(shell("rm -r state"));
}

/* What takes long is done aside, and taken when it is done. */
static void
test_aside(void **state)
{
    mds_depot_t   *depot;
    mds_validate_job_t *proving;
    mds_catalog_t *catalog;
    mds_error_t    err;
    uint64_t       last;
    FILE          *file;
    char           name[64];

    (void) state;
    assert_int_equal(mds_validate_generation(workdir("."), 2, NULL, INT64_MIN,
                                    whole_len - 1, &err, &catalog),
                     MDS_AGAIN);

    assert_int_equal(mds_depot_open(workdir("."), &err, &depot), MDS_OK);
    last = served(depot, &err);

    put_generation(600000);
    assert_int_equal(mds_current_advance(current, last + 1, &err), MDS_OK);
    assert_int_equal(served(depot, &err), last);
    assert_string_equal(err.text, "");
    assert_true(mds_depot_needs_job(depot));

    /* Its depot has been closed meanwhile. */
    assert_int_equal(mds_validate_job_begin(depot, &err, &proving), MDS_OK);
    mds_validate_job_run(proving);
    mds_validate_job_end(proving, NULL);
    assert_int_equal(served(depot, &err), last);

    assert_int_equal(mds_validate_job_begin(depot, &err, &proving), MDS_OK);
    mds_validate_job_run(proving);
    mds_validate_job_end(proving, depot);
    assert_int_equal(served(depot, &err), last + 1);
    assert_false(mds_depot_needs_job(depot));

    /* One that is bad: told once, and passed over. */
    put_generation(600000);
    snprintf(name, sizeof(name), "catalog/%d.mdb", (int) last + 2);
    chmod(workdir(name), 0644);
    file = fopen(workdir(name), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4 << 20, SEEK_SET), 0);
    assert_int_equal(fputs("not what was sealed", file), 1);
    fclose(file);
    assert_int_equal(mds_current_advance(current, last + 2, &err), MDS_OK);
    assert_int_equal(served(depot, &err), last + 1);
    assert_int_equal(mds_validate_job_begin(depot, &err, &proving), MDS_OK);
    mds_validate_job_run(proving);
    mds_validate_job_end(proving, depot);
    assert_int_equal(served(depot, &err), last + 1);
    assert_non_null(strstr(err.text, name));
    assert_int_equal(served(depot, &err), last + 1);
    assert_string_equal(err.text, "");
    assert_false(mds_depot_needs_job(depot));

    /* One that is cut short is seen at once. */
    put_generation(600000);
    snprintf(name, sizeof(name), "catalog/%d.mdb", (int) last + 3);
    chmod(workdir(name), 0644);
    assert_int_equal(truncate(workdir(name), 5 << 20), 0);
    assert_int_equal(mds_current_advance(current, last + 3, &err), MDS_OK);
    assert_int_equal(served(depot, &err), last + 1);
    assert_non_null(strstr(err.text, name));
    assert_false(mds_depot_needs_job(depot));

    mds_depot_close(depot);
}

/* A generation that is written again, as after an upgrade, and is not valid:
 * the one that has the name stays, and so does what is served. */
static void
test_named_last(void **state)
{
    const uint64_t    serial = 900000;
    mds_list_t        list = { .by = MDS_BY_USER, .has_base = true };
    mds_buffer_t      record = { 0 };
    mds_generation_t *generation;
    mds_catalog_t    *catalog;
    mds_chain_files_t first, second;
    mds_error_t       err;

    (void) state;
    assert_int_equal(mds_generation_begin(workdir("."), serial, 0, NULL,
                                          &err, &generation),
                     MDS_OK);
    assert_int_equal(mds_generation_commit(generation, &err, &first),
                     MDS_OK);

    /* Its list has a base that is not there. */
    assert_int_equal(mds_generation_begin(workdir("."), serial, 0, NULL,
                                          &err, &generation),
                     MDS_OK);
    assert_int_equal(mds_compile_list(&list, &err, &record), MDS_OK);
    mds_generation_list(generation, (mds_str_t){ 3, "a\0b" }, mds_buffer_str(&record));
    assert_int_equal(mds_generation_commit(generation, &err, &second),
                     MDS_NOT_FOUND);
    mds_buffer_free(&record);

    assert_int_equal(mds_catalog_open(workdir("."), serial, true, &err,
                                      &catalog),
                     MDS_OK);
    assert_true(mds_file_id_eq(&mds_catalog_files(catalog)->seals[0].file_id,
                               &first.seals[0].file_id));
    mds_catalog_close(catalog);
}

/* A generation whose name is taken by a directory: what the caller knew of the
 * one before stays. */
static void
test_not_named(void **state)
{
    const uint64_t    serial = 900001;
    const char       *taken = "catalog/900001.mdb";
    mds_generation_t *generation;
    mds_chain_files_t files = { .count = 7 };
    mds_error_t       err;

    (void) state;
    assert_int_equal(mkdir(workdir(taken), 0755), 0);
    assert_int_equal(mds_generation_begin(workdir("."), serial, 0, NULL,
                                          &err, &generation),
                     MDS_OK);
    assert_int_not_equal(mds_generation_commit(generation, &err, &files),
                         MDS_OK);
    assert_int_equal(files.count, 7);
    assert_int_equal(rmdir(workdir(taken)), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offered),    cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_written_to), cmocka_unit_test(test_followed),
        cmocka_unit_test(test_aside),      cmocka_unit_test(test_named_last),
        cmocka_unit_test(test_not_named),
    };

    return cmocka_run_group_tests(tests, make, remove_all);
}
