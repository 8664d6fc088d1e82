/*
 * Lists of ids: their text, the sort, the look-up in a chunk, and the whole
 * way from a text to a sealed set in a depot and back.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "idset/mds_id_reader.h"
#include "idset/mds_idset.h"
#include "lmdb/mds_lmdb.h"
#include "lmdb/mds_seal.h"

static char        depot[] = "/tmp/mds-test-idlist-XXXXXX";
static char        lists[64];
static char        text[64];
static mds_error_t err;

static uint64_t
next_random(void)
{
    static uint64_t state = 42;

    /* splitmix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

/* How many files DEPOT/lists has. */
static size_t
list_files(void)
{
    size_t         n = 0;
    DIR           *dir = opendir(lists);
    struct dirent *entry;

    assert_non_null(dir);

    while ((entry = readdir(dir)) != NULL) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..");
    }

    closedir(dir);
    return n;
}

static void
write_bytes(const char *path, mds_str_t bytes)
{
    assert_int_equal(mds_file_write(path, 0600, bytes.data, bytes.len, NULL),
                     MDS_OK);
}

static int
setup(void **state)
{
    (void) state;
    snprintf(lists, sizeof(lists), "%s/lists", depot);
    snprintf(text, sizeof(text), "%s/ids.txt", depot);

    return mkdir(lists, 0755);
}

static int
teardown(void **state)
{
    DIR           *dir = opendir(lists);
    struct dirent *entry;

    (void) state;

    while ((entry = readdir(dir)) != NULL) {
        (void) unlinkat(dirfd(dir), entry->d_name, 0);
    }

    closedir(dir);
    (void) unlink(text);

    return rmdir(lists);
}

/* Lists stand on it: a change makes all of them wrong. */
static void
hash_is_fixed(void **state)
{
    (void) state;
    assert_true(mds_id_hash(mds_str("alice")) == 0xdf559e2983cf48aeu);
}

/* --- texts */

/* Reads the text to its end or first error; ids joined by '|'. */
static mds_status_t
read_ids(mds_str_t bytes, char *joined)
{
    mds_str_t     id;
    mds_status_t  status;
    mds_id_reader_t *file;

    write_bytes(text, bytes);
    assert_int_equal(mds_id_reader_open(text, "beta.txt", &err, &file), MDS_OK);

    while ((status = mds_id_reader_next(file, &err, &id)) == MDS_OK) {
        joined += sprintf(joined, "%.*s|", MDS_STR(id));
    }

    *joined = '\0';
    mds_id_reader_close(file);
    return status;
}

static void
text_forms(void **state)
{
    static const struct {
        mds_str_t   bytes;
        const char *joined;
    } cases[] = {
        { mds_str(""), "" },
        { mds_str("\n"), "" },
        { mds_str("\r\n \t\r\n\n"), "" },
        { mds_str("a"), "a|" },
        { mds_str("a\n"), "a|" },
        { mds_str("a\r\nb\r\n"), "a|b|" },
        { mds_str("a\n\n\nb"), "a|b|" },
        { mds_str("\xef\xbb\xbf"
                  "a\r\nb\n"),
          "a|b|" },
        { mds_str("\xef\xbb\xbf"), "" },
        { mds_str("\xef\xbb\xbf\r\n\na"), "a|" },
        { mds_str(" a b \n"), " a b |" },
        { mds_str("\xc3\xa4\n\xe6\x9b\xb4\n"), "\xc3\xa4|\xe6\x9b\xb4|" },
    };
    char joined[64];

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        assert_int_equal(read_ids(cases[i].bytes, joined), MDS_NOT_FOUND);
        assert_string_equal(joined, cases[i].joined);
    }
}

static void
text_errors(void **state)
{
    static const struct {
        mds_str_t   bytes;
        const char *words;
    } cases[] = {
        { mds_str("a\n\nb\xff\n"), "\"beta.txt\", line 3: the id is not valid UTF-8" },
        { mds_str("a\nb\0c\n"), "\"beta.txt\", line 2: the line has a zero"
                                " byte, as UTF-16 does; want UTF-8" },
        { mds_str("a\rb\n"), "\"beta.txt\", line 1: a carriage return (CR)"
                             " alone ends no line; want LF or CRLF" },
        { mds_str("a\nb\r"), "\"beta.txt\", line 2: a carriage return (CR)"
                             " alone ends no line; want LF or CRLF" },
        { mds_str("a\r\r\n"), "\"beta.txt\", line 1: a carriage return (CR)"
                              " alone ends no line; want LF or CRLF" },
        { mds_str("\xff\xfe"
                  "a\0\n\0"),
          "\"beta.txt\", line 1: the file is UTF-16; want UTF-8" },
        { mds_str("\xfe\xff\0a\0\n"),
          "\"beta.txt\", line 1: the file is UTF-16; want UTF-8" },
        { mds_str("a\n\xef\xbb\xbf"
                  "b\n"),
          "\"beta.txt\", line 2: the id begins with a byte order mark, which"
          " belongs to the beginning of a file" },
    };
    char joined[64];

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        assert_int_equal(read_ids(cases[i].bytes, joined), MDS_INVALID);
        assert_string_equal(err.text, cases[i].words);
    }
}

/* The longest id, with every end, and one byte more; and far more. */
static void
text_lengths(void **state)
{
    const char *ends[] = { "", "\n", "\r\n" };
    char       *bytes = malloc(1000000);
    char        joined[600];

    (void) state;
    memset(bytes, 'x', 1000000);

    for (size_t i = 0; i < mds_nelems(ends); i++) {
        memcpy(bytes + MDS_ID_MAX, ends[i], strlen(ends[i]));
        assert_int_equal(read_ids((mds_str_t){ MDS_ID_MAX + strlen(ends[i]),
                                               bytes },
                                  joined),
                         MDS_NOT_FOUND);
        assert_int_equal(strlen(joined), MDS_ID_MAX + 1);

        bytes[MDS_ID_MAX] = 'x';
        memcpy(bytes + MDS_ID_MAX + 1, ends[i], strlen(ends[i]));
        assert_int_equal(read_ids((mds_str_t){ MDS_ID_MAX + 1 + strlen(ends[i]),
                                               bytes },
                                  joined),
                         MDS_INVALID);
        memset(bytes, 'x', MDS_ID_MAX + 4);
    }

    assert_int_equal(read_ids((mds_str_t){ 1000000, bytes }, joined),
                     MDS_INVALID);
    assert_string_equal(err.text, "\"beta.txt\", line 1: the id is too long:"
                                  " at most 256 bytes");

    /* Its end comes with the second read, and would be an id of its own. */
    memset(bytes, ' ', 256 * 1024 + 100);
    assert_int_equal(read_ids((mds_str_t){ 256 * 1024 + 101, bytes }, joined),
                     MDS_INVALID);
    free(bytes);
}

/* Lines lie across what is read in one go, in every way. */
static void
text_boundaries(void **state)
{
    mds_str_t     id;
    mds_id_reader_t *file;
    uint64_t      n = 0;
    FILE         *out = fopen(text, "w");

    (void) state;

    for (int i = 0; i < 200000; i++) {
        fprintf(out, "%0*d%s", 1 + i % 61, i, i % 3 ? "\n" : "\r\n\n");
    }

    assert_int_equal(fclose(out), 0);
    assert_int_equal(mds_id_reader_open(text, text, NULL, &file), MDS_OK);

    while (mds_id_reader_next(file, NULL, &id) == MDS_OK) {
        char expected[80];
        int  len = sprintf(expected, "%0*d", (int) (1 + n % 61), (int) n);

        assert_true(mds_str_eq(id, (mds_str_t){ (size_t) len, expected }));
        n++;
    }

    assert_true(n == 200000);
    mds_id_reader_close(file);
}

/* --- the sort */

static void
sort_case(size_t run, size_t count, uint64_t mask)
{
    size_t        distinct = 0;
    uint64_t     *expected = malloc((count + 1) * sizeof(*expected));
    uint64_t      value;
    mds_u64_sort_t *sort;

    assert_int_equal(mds_u64_sort_new(lists, run, &err, &sort), MDS_OK);

    for (size_t i = 0; i < count; i++) {
        expected[i] = next_random() & mask;
        assert_int_equal(mds_u64_sort_add(sort, expected[i], &err), MDS_OK);
    }

    qsort(expected, count, sizeof(*expected), compare);

    for (size_t i = 0; i < count; i++) {
        if (distinct == 0 || expected[distinct - 1] != expected[i]) {
            expected[distinct++] = expected[i];
        }
    }

    assert_true(mds_u64_sort_count(sort) == count);
    assert_int_equal(mds_u64_sort_begin(sort, &err), MDS_OK);

    for (size_t i = 0; i < distinct; i++) {
        assert_int_equal(mds_u64_sort_next(sort, &err, &value), MDS_OK);
        assert_true(value == expected[i]);
    }

    assert_int_equal(mds_u64_sort_next(sort, &err, &value), MDS_NOT_FOUND);
    assert_int_equal(mds_u64_sort_next(sort, &err, &value), MDS_NOT_FOUND);
    mds_u64_sort_free(sort);
    free(expected);
}

static void
sort_runs(void **state)
{
    const size_t   counts[] = { 0, 1, 2, 63, 64, 65, 128, 129, 5000, 8192 };
    const uint64_t masks[] = { UINT64_MAX, 0xff, 0, 0xff00000000000000u };

    (void) state;

    for (size_t i = 0; i < mds_nelems(counts); i++) {
        for (size_t k = 0; k < mds_nelems(masks); k++) {
            sort_case(64, counts[i], masks[k]);
            sort_case(8192, counts[i], masks[k]);
        }
    }

    assert_int_equal(list_files(), 0);
}

/* --- a chunk */

static bool
found(const uint64_t *values, size_t count, unsigned bits, uint64_t hash)
{
    bool in;

    assert_int_equal(mds_idset_search((mds_str_t){ count * 8,
                                                    (const char *) values },
                                       bits, hash, &in),
                     MDS_OK);
    return in;
}

/* Every value is found, and none between them; spread evenly, and not. */
static void
chunk_search(void **state)
{
    const uint64_t masks[] = { UINT64_MAX, 0xffff0, 0xfffff00000000000u };
    uint64_t       values[3000];

    (void) state;

    for (unsigned bits = 0; bits <= 12; bits += 4) {
        for (size_t k = 0; k < mds_nelems(masks); k++) {
            uint64_t keep = UINT64_MAX >> bits;

            for (size_t i = 0; i < mds_nelems(values); i++) {
                values[i] = (next_random() & masks[k] & keep)
                            | (bits == 0 ? 0 : (uint64_t) 5 << (64 - bits));
            }

            qsort(values, mds_nelems(values), sizeof(values[0]), compare);

            for (size_t i = 0; i < mds_nelems(values); i++) {
                uint64_t below = values[i] - 1, above = values[i] + 1;

                assert_true(found(values, 3000, bits, values[i]));
                assert_int_equal(found(values, 3000, bits, below),
                                 i > 0 && values[i - 1] == below);
                assert_int_equal(found(values, 3000, bits, above),
                                 bsearch(&above, values, 3000, 8, compare)
                                     != NULL);
            }
        }
    }

    assert_false(found(values, 0, 0, 1));
    assert_false(found(values, 3000, 12, 0));
    assert_false(found(values, 3000, 12, UINT64_MAX));
}

static void
chunk_hostile(void **state)
{
    bool     in;
    uint64_t values[1000];
    char    *exact;

    (void) state;

    for (size_t len = 1; len < 64; len++) {
        exact = malloc(len); /* so that a sanitizer sees its end */
        memset(exact, 0xa5, len);
        assert_int_equal(mds_idset_search((mds_str_t){ len, exact }, 3, 77,
                                           &in),
                         len % 8 == 0 ? MDS_OK : MDS_DAMAGED);
        free(exact);
    }

    for (int i = 0; i < 1000; i++) {
        for (size_t k = 0; k < mds_nelems(values); k++) {
            values[k] = next_random();
        }

        (void) found(values, mds_nelems(values), (unsigned) i % 13,
                     next_random());
    }
}

/* --- lists in a depot */

static mds_sha256_t
import_ids(mds_str_t bytes, uint64_t expected)
{
    uint64_t     count;
    mds_sha256_t sha256, digest;

    write_bytes(text, bytes);
    assert_int_equal(mds_idset_import(depot, text, NULL, &err, &sha256,
                                       &count),
                     MDS_OK);
    assert_true(count == expected);

    mds_sha256(bytes.data, bytes.len, &digest);
    assert_true(mds_sha256_eq(&sha256, &digest));

    return sha256;
}

static bool
has(const mds_sha256_t *sha256, const char *id)
{
    bool          in;
    mds_idset_t *list;

    assert_int_equal(mds_idset_open(depot, sha256, &err, &list), MDS_OK);
    assert_int_equal(mds_idset_contains(list, mds_id_hash(mds_str_of(id)), &err,
                                    &in),
                     MDS_OK);
    mds_idset_close(list);

    return in;
}

static struct stat
stat_of(const mds_sha256_t *sha256, const char *suffix)
{
    struct stat st;
    mds_path_t  path;

    assert_int_equal(mds_idset_path(depot, sha256, suffix, NULL, &path),
                     MDS_OK);
    assert_int_equal(stat(path.text, &st), 0);
    return st;
}

static void
import_small(void **state)
{
    mds_str_t    bytes = mds_str("alice\r\nbob\n\nalice\ncarol");
    mds_sha256_t sha256 = import_ids(bytes, 3);
    mds_path_t   path;
    char        *kept;
    size_t       len;

    (void) state;
    assert_true(has(&sha256, "alice"));
    assert_true(has(&sha256, "bob"));
    assert_true(has(&sha256, "carol"));
    assert_false(has(&sha256, "dave"));
    assert_false(has(&sha256, "alice\r"));
    assert_false(has(&sha256, ""));

    assert_int_equal(stat_of(&sha256, ".ids").st_mode & 07777, 0600);
    assert_int_equal(stat_of(&sha256, ".mdb").st_mode & 07777, 0444);
    assert_int_equal(list_files(), 2);

    assert_int_equal(mds_idset_path(depot, &sha256, ".ids", NULL, &path), 0);
    assert_int_equal(mds_file_read(path.text, 1000, NULL, &kept, &len), 0);
    assert_true(mds_str_eq((mds_str_t){ len, kept }, bytes));
    free(kept);

    assert_int_equal(mds_idset_path(depot, &sha256, ".mdb", NULL, &path), 0);
    assert_int_equal(mds_seal_check(path.text, sha256.bytes, true, &err, NULL),
                     0);
}

static void
import_empty(void **state)
{
    mds_sha256_t sha256 = import_ids(mds_str("\n\n"), 0);

    (void) state;
    assert_false(has(&sha256, "alice"));
}

/* Many chunks; what is there is not made again, what is damaged is. */
static void
import_many(void **state)
{
    FILE         *out = fopen(text, "w");
    char          id[32];
    bool          in;
    ino_t         inode;
    uint64_t      count;
    mds_path_t    path;
    mds_idset_t *list;
    mds_sha256_t  sha256, again;

    (void) state;

    for (int i = 0; i < 150000; i++) {
        fprintf(out, "user-%d\n", i % 100000);
    }

    assert_int_equal(fclose(out), 0);
    assert_int_equal(mds_idset_import(depot, text, NULL, &err, &sha256,
                                       &count),
                     MDS_OK);
    assert_true(count == 100000);
    inode = stat_of(&sha256, ".mdb").st_ino;

    assert_int_equal(mds_idset_open(depot, &sha256, &err, &list), MDS_OK);
    assert_true(mds_idset_count(list) == 100000);

    for (int i = 0; i < 200000; i++) {
        snprintf(id, sizeof(id), "user-%d", i);
        assert_int_equal(mds_idset_contains(list, mds_id_hash(mds_str_of(id)), &err,
                                        &in),
                         0);
        assert_int_equal(in, i < 100000);
    }

    mds_idset_close(list);

    assert_int_equal(mds_idset_import(depot, text, NULL, &err, &again, &count),
                     MDS_OK);
    assert_true(count == 100000 && mds_sha256_eq(&sha256, &again));
    assert_true(stat_of(&sha256, ".mdb").st_ino == inode);
    assert_int_equal(list_files(), 2);

    assert_int_equal(mds_idset_path(depot, &sha256, ".mdb", NULL, &path), 0);
    assert_int_equal(truncate(path.text, 100000), 0);
    assert_int_equal(mds_idset_open(depot, &sha256, &err, &list), MDS_DAMAGED);
    assert_int_equal(mds_idset_import(depot, text, NULL, &err, &again, &count),
                     MDS_OK);
    assert_true(count == 100000);
    assert_true(has(&sha256, "user-99999"));

    /* Without its text a list cannot be changed: that is made again too. */
    assert_int_equal(mds_idset_path(depot, &sha256, ".ids", NULL, &path), 0);
    assert_int_equal(unlink(path.text), 0);
    assert_int_equal(mds_idset_import(depot, text, NULL, &err, &again, &count),
                     MDS_OK);
    assert_int_equal(list_files(), 2);
}

/* A name that cannot be taken: the set, made already, goes as well. */
static void
import_in_the_way(void **state)
{
    uint64_t     count;
    mds_path_t   path;
    mds_sha256_t sha256;

    (void) state;
    mds_sha256("alice\n", 6, &sha256);
    assert_int_equal(mds_idset_path(depot, &sha256, ".ids", NULL, &path), 0);
    assert_int_equal(mkdir(path.text, 0700), 0);

    write_bytes(text, mds_str("alice\n"));
    assert_int_not_equal(mds_idset_import(depot, text, NULL, &err, &sha256,
                                           &count),
                         MDS_OK);
    assert_non_null(strstr(err.text, path.text));
    assert_int_equal(list_files(), 1);
    assert_int_equal(rmdir(path.text), 0);
}

static void
import_failures(void **state)
{
    uint64_t     count = 77;
    mds_sha256_t sha256 = { { 1 } };

    (void) state;
    write_bytes(text, mds_str("alice\nb\xffob\n"));
    assert_int_equal(mds_idset_import(depot, text, NULL, &err, &sha256,
                                       &count),
                     MDS_INVALID);
    assert_non_null(strstr(err.text, "ids.txt\", line 2: the id is not valid UTF-8"));
    assert_int_equal(mds_idset_import(depot, "/nowhere/ids", NULL, &err,
                                       &sha256, &count),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_idset_import("/nowhere", text, NULL, &err, &sha256,
                                       &count),
                     MDS_NOT_FOUND);

    assert_true(count == 77 && sha256.bytes[0] == 1);
    assert_int_equal(list_files(), 0);
}

typedef struct {
    mds_progress_t progress;
    uint64_t       done;
    uint64_t       total;
} watch_t;

static void
watch(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    watch_t *w = (watch_t *) progress;

    assert_true(done >= w->done && done <= total);
    assert_true(w->total == 0 || w->total == total);
    w->done = done;
    w->total = total;
}

static void
import_progress(void **state)
{
    FILE        *out = fopen(text, "w");
    watch_t      w = { { watch }, 0, 0 };
    uint64_t     count;
    mds_sha256_t sha256;

    (void) state;

    for (int i = 0; i < 200000; i++) {
        fprintf(out, "user-%d\n", i);
    }

    assert_int_equal(fclose(out), 0);
    assert_int_equal(mds_idset_import(depot, text, &w.progress, &err, &sha256,
                                       &count),
                     0);
    assert_true(w.total > 0 && w.done > w.total * 9 / 10);
}

static void
open_failures(void **state)
{
    mds_sha256_t  sha256 = import_ids(mds_str("alice\n"), 1);
    mds_sha256_t  other = { { 0 } };
    mds_path_t    from, to;
    mds_idset_t *list;

    (void) state;
    assert_int_equal(mds_idset_open(depot, &other, &err, &list),
                     MDS_NOT_FOUND);

    /* A list under the name of another is none. */
    assert_int_equal(mds_idset_path(depot, &sha256, ".mdb", NULL, &from), 0);
    assert_int_equal(mds_idset_path(depot, &other, ".mdb", NULL, &to), 0);
    assert_int_equal(rename(from.text, to.text), 0);
    assert_int_equal(mds_idset_open(depot, &other, &err, &list), MDS_DAMAGED);
}

/* A sealed file under the name of zeroes, with this record and chunk 0. */
static void
make_hostile(mds_str_t info, mds_str_t chunk)
{
    const char *const names[] = { "info", "hash" };
    mds_sha256_t      zero = { { 0 } };
    mds_path_t        path;
    mds_lmdb_t       *lmdb;

    assert_int_equal(mds_idset_path(depot, &zero, ".mdb", NULL, &path), 0);
    (void) unlink(path.text);
    assert_int_equal(mds_lmdb_open(path.text, MDS_LMDB_BUILD, names, 2, 1 << 20,
                                   &err, &lmdb),
                     MDS_OK);
    assert_int_equal(mds_lmdb_write(lmdb, &err), MDS_OK);
    mds_lmdb_append(lmdb, 0, mds_str("list"), info);
    mds_lmdb_append(lmdb, 1, mds_str("\0\0"), chunk);
    assert_int_equal(mds_lmdb_commit(lmdb, &err), MDS_OK);
    mds_lmdb_close(lmdb);
    assert_int_equal(mds_seal_write(path.text, zero.bytes, &err), MDS_OK);
}

static void
sealed_but_wrong(void **state)
{
    bool          in = true;
    mds_str_t     info = mds_str("\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0");
    mds_sha256_t  zero = { { 0 } };
    mds_idset_t *list;

    (void) state;
    make_hostile(info, mds_str("seven b"));
    assert_int_equal(mds_idset_open(depot, &zero, &err, &list), MDS_OK);
    assert_int_equal(mds_idset_contains(list, 1, &err, &in), MDS_DAMAGED);
    assert_true(in);
    mds_idset_close(list);

    make_hostile(mds_str("short"), mds_str("12345678"));
    assert_int_equal(mds_idset_open(depot, &zero, &err, &list), MDS_DAMAGED);

    make_hostile(mds_str("\15\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"), info);
    assert_int_equal(mds_idset_open(depot, &zero, &err, &list), MDS_DAMAGED);
}

static void
expect_text(const mds_sha256_t *sha256, const char *expected)
{
    mds_path_t path;
    char      *kept;
    size_t     len;

    assert_int_equal(mds_idset_path(depot, sha256, ".ids", NULL, &path), 0);
    assert_int_equal(mds_file_read(path.text, 1000, NULL, &kept, &len), 0);
    assert_string_equal(kept, expected);
    free(kept);
}

static void
fold(void **state)
{
    mds_str_t    added[] = { mds_str("erin"), mds_str("bob"), mds_str("erin"),
                             mds_str("frank") };
    mds_str_t    removed[] = { mds_str("alice"), mds_str("frank"),
                               mds_str("nobody"), mds_str("alice") };
    uint64_t     count;
    mds_sha256_t base, folded;

    (void) state;
    base = import_ids(mds_str("alice\r\nbob\n\ncarol\nalice\nbob"), 3);

    assert_int_equal(mds_idset_merge(depot, &base, added, 4, removed, 4, &err,
                                     &folded, &count),
                     MDS_OK);
    expect_text(&folded, "bob\ncarol\nerin\nfrank\n");
    assert_true(count == 4);
    assert_false(has(&folded, "alice"));
    assert_true(has(&folded, "frank"));

    assert_int_equal(mds_idset_merge(depot, NULL, added, 2, NULL, 0, &err,
                                     &folded, &count),
                     MDS_OK);
    expect_text(&folded, "erin\nbob\n");

    assert_int_equal(mds_idset_merge(depot, &folded, NULL, 0, added, 2, &err,
                                     &folded, &count),
                     MDS_OK);
    expect_text(&folded, "");
    assert_true(count == 0);
}

static void
fold_failures(void **state)
{
    mds_str_t    bad[] = { mds_str(""), mds_str(" "), mds_str("a\nb"),
                           mds_str("a\r"), mds_str("\xff") };
    uint64_t     count = 77;
    mds_sha256_t none = { { 0 } }, folded;

    (void) state;

    for (size_t i = 0; i < mds_nelems(bad); i++) {
        assert_int_equal(mds_idset_merge(depot, NULL, &bad[i], 1, NULL, 0, &err,
                                         &folded, &count),
                         MDS_INVALID);
    }

    assert_int_equal(mds_idset_merge(depot, &none, NULL, 0, NULL, 0, &err,
                                     &folded, &count),
                     MDS_NOT_FOUND);
    assert_true(count == 77);
    assert_int_equal(list_files(), 0);
}

static void
sweep(void **state)
{
    char         path[128];
    mds_sha256_t sha256 = import_ids(mds_str("alice\n"), 1);

    (void) state;
    snprintf(path, sizeof(path), "%s/.tmp-abcdef", lists);
    write_bytes(path, mds_str("half a list"));
    assert_int_equal(list_files(), 3);

    assert_int_equal(mds_idset_sweep(depot, &err), MDS_OK);
    assert_int_equal(list_files(), 2);
    assert_true(has(&sha256, "alice"));
    assert_int_equal(mds_idset_sweep("/nowhere", &err), MDS_NOT_FOUND);
}

#define in_depot(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        in_depot(hash_is_fixed),
        in_depot(text_forms),
        in_depot(text_errors),
        in_depot(text_lengths),
        in_depot(text_boundaries),
        in_depot(sort_runs),
        in_depot(chunk_search),
        in_depot(chunk_hostile),
        in_depot(import_small),
        in_depot(import_empty),
        in_depot(import_many),
        in_depot(import_in_the_way),
        in_depot(import_failures),
        in_depot(import_progress),
        in_depot(open_failures),
        in_depot(sealed_but_wrong),
        in_depot(fold),
        in_depot(fold_failures),
        in_depot(sweep),
    };
    int failed;

    if (mkdtemp(depot) == NULL) {
        return 1;
    }

    failed = cmocka_run_group_tests(tests, NULL, NULL);

    return rmdir(depot) == 0 ? failed : 1;
}
