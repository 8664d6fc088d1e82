/*
 * Two layouts of a set of 64-bit hashes in LMDB, side by side: sorted chunks,
 * as in lib/idset/mds_idset.c, and LMDB's DUPFIXED | INTEGERDUP, kept here for the
 * comparison alone.
 *
 *   idlist [COUNT ...]     default 1000000 10000000
 *
 * Columns: bytes of the file for each id; seconds to sort and write; median
 * nanoseconds of a look-up of ids at random, listed and not, when the file is
 * in memory. The last lines time a whole import from a text.
 */

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "idset/mds_idset.h"
#include "lmdb/mds_seal.h"

#define LOOKUPS 1000000
#define ROUNDS 5

typedef bool (*has_t)(void *set, uint64_t hash);

static char       depot[] = "/tmp/mds-bench-XXXXXX";
static mds_path_t path;

static void
must(bool fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "idlist: %s failed\n", what);
        exit(1);
    }
}

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static uint64_t
hash_of(uint64_t number)
{
    char id[32];
    int  len
        = snprintf(id, sizeof(id), "user-%llu", (unsigned long long) number);

    return mds_id_hash((mds_str_t){ (size_t) len, id });
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

/* Ids from `first` on, count of them, in an order that no cache foresees. */
static double
lookup_ns(has_t has, void *set, uint64_t first, uint64_t count, bool expected)
{
    double    times[ROUNDS];
    uint64_t *hashes = malloc(LOOKUPS * sizeof(*hashes));
    uint64_t  random = 1;

    for (int round = 0; round < ROUNDS; round++) {
        size_t wrong = 0;

        for (size_t i = 0; i < LOOKUPS; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            hashes[i] = hash_of(first + (random >> 20) % count);
        }

        times[round] = now();

        for (size_t i = 0; i < LOOKUPS; i++) {
            wrong += has(set, hashes[i]) != expected;
        }

        times[round] = (now() - times[round]) / LOOKUPS * 1e9;
        must(wrong == 0, "a look-up");
    }

    free(hashes);
    qsort(times, ROUNDS, sizeof(times[0]), compare);
    return times[ROUNDS / 2];
}

static mds_u64_sort_t *
hashes_of(uint64_t count)
{
    mds_u64_sort_t *sort;

    must(mds_u64_sort_new(depot, MDS_U64_SORT_RUN, NULL, &sort) == MDS_OK, "sort");

    for (uint64_t i = 0; i < count; i++) {
        must(mds_u64_sort_add(sort, hash_of(i), NULL) == MDS_OK, "sort");
    }

    return sort;
}

static void
report(const char *layout, uint64_t count, double build_s, has_t has, void *set)
{
    struct stat st;

    must(stat(path.text, &st) == 0, "stat");
    printf("%-10s %10llu %8.2f %8.2f %8.0f %8.0f\n", layout,
           (unsigned long long) count, (double) st.st_size / (double) count,
           build_s, lookup_ns(has, set, 0, count, true),
           lookup_ns(has, set, count, count, false));
    fflush(stdout);
}

static bool
chunks_has(void *set, uint64_t hash)
{
    bool in;

    must(mds_idset_contains(set, hash, NULL, &in) == MDS_OK, "mds_idset_contains");
    return in;
}

static void
bench_chunks(uint64_t count)
{
    double        start;
    uint64_t      made;
    mds_u64_sort_t *sort = hashes_of(count);
    mds_sha256_t  name = { { 0 } };
    mds_idset_t *list;

    must(mds_idset_path(depot, &name, ".mdb", NULL, &path) == MDS_OK, "path");

    start = now();
    must(mds_idset_build(path.text, sort, NULL, NULL, &made) == MDS_OK,
         "mds_idset_build");
    start = now() - start;

    must(made == count, "count");
    must(mds_seal_write(path.text, name.bytes, NULL) == MDS_OK, "seal");
    must(mds_idset_open(depot, &name, NULL, &list) == MDS_OK, "open");
    report("chunks", count, start, chunks_has, list);

    mds_idset_close(list);
    mds_u64_sort_free(sort);
    unlink(path.text);
}

typedef struct {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi  dbi;
} dupfixed_t;

/* One key, each hash a double of it. */
static bool
dupfixed_has(void *set, uint64_t hash)
{
    dupfixed_t *d = set;
    MDB_val     key = { 3, "ids" }, value = { sizeof(hash), &hash };
    MDB_cursor *cursor;
    int         code;

    must(mdb_txn_renew(d->txn) == 0, "renew");
    must(mdb_cursor_open(d->txn, d->dbi, &cursor) == 0, "cursor");
    code = mdb_cursor_get(cursor, &key, &value, MDB_GET_BOTH);
    mdb_cursor_close(cursor);
    mdb_txn_reset(d->txn);

    return code == 0;
}

/* In transactions of 16 MiB, from blocks of sorted hashes. */
static void
dupfixed_write(dupfixed_t *d, mds_u64_sort_t *sort)
{
    static uint64_t block[65536];
    size_t          blocks = 0;
    MDB_cursor     *cursor;
    mds_status_t    status = mds_u64_sort_begin(sort, NULL);

    must(mdb_txn_begin(d->env, NULL, 0, &d->txn) == 0, "begin");
    must(mdb_dbi_open(d->txn, NULL, MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP,
                      &d->dbi)
             == 0,
         "dbi");

    while (status == MDS_OK) {
        size_t  n = 0;
        MDB_val key = { 3, "ids" };
        MDB_val values[2] = { { sizeof(uint64_t), block }, { 0, NULL } };

        while (n < mds_nelems(block)
               && (status = mds_u64_sort_next(sort, NULL, &block[n])) == MDS_OK)
        {
            n++;
        }

        values[1].mv_size = n;
        must(mdb_cursor_open(d->txn, d->dbi, &cursor) == 0, "cursor");
        must(n == 0
                 || mdb_cursor_put(cursor, &key, values,
                                   MDB_MULTIPLE | MDB_APPENDDUP)
                        == 0,
             "put");
        mdb_cursor_close(cursor);

        if (++blocks % 32 == 0) {
            must(mdb_txn_commit(d->txn) == 0, "commit");
            must(mdb_txn_begin(d->env, NULL, 0, &d->txn) == 0, "begin");
        }
    }

    must(mdb_txn_commit(d->txn) == 0, "commit");
}

static void
bench_dupfixed(uint64_t count)
{
    double        start;
    dupfixed_t    d;
    mds_u64_sort_t *sort = hashes_of(count);

    must(mds_path(&path, NULL, "%s/dupfixed", depot) == MDS_OK, "path");
    must(mdb_env_create(&d.env) == 0, "env");
    must(mdb_env_set_mapsize(d.env, (size_t) 4 << 30) == 0, "mapsize");
    must(mdb_env_open(d.env, path.text,
                      MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0600)
             == 0,
         "open");

    start = now();
    dupfixed_write(&d, sort);
    start = now() - start;

    must(mdb_txn_begin(d.env, NULL, MDB_RDONLY, &d.txn) == 0, "read");
    mdb_txn_reset(d.txn);
    report("dupfixed", count, start, dupfixed_has, &d);

    mdb_txn_abort(d.txn);
    mdb_env_close(d.env);
    mds_u64_sort_free(sort);
    unlink(path.text);
}

static void
bench_import(uint64_t count)
{
    FILE         *file;
    char          text[64];
    double        start;
    uint64_t      made;
    mds_path_t    made_path;
    mds_sha256_t  sha256;
    struct rusage usage;

    snprintf(text, sizeof(text), "%s/ids.txt", depot);
    file = fopen(text, "w");
    must(file != NULL, "fopen");

    for (uint64_t i = 0; i < count; i++) {
        fprintf(file, "user-%llu\n", (unsigned long long) i);
    }

    must(fclose(file) == 0, "fclose");

    start = now();
    must(mds_idset_import(depot, text, NULL, NULL, &sha256, &made) == MDS_OK,
         "import");
    start = now() - start;

    must(made == count, "count");
    getrusage(RUSAGE_SELF, &usage);
    printf("import     %10llu %8.2f s, %ld MB at most\n",
           (unsigned long long) count, start, usage.ru_maxrss / 1024);

    unlink(text);
    must(mds_idset_path(depot, &sha256, ".ids", NULL, &made_path) == MDS_OK
             && unlink(made_path.text) == 0,
         "unlink");
    must(mds_idset_path(depot, &sha256, ".mdb", NULL, &made_path) == MDS_OK
             && unlink(made_path.text) == 0,
         "unlink");
}

int
main(int argc, char **argv)
{
    char     lists[64];
    char    *counts[] = { "idlist", "1000000", "10000000" };
    bool     given = argc > 1;
    uint64_t count;

    must(mkdtemp(depot) != NULL, "mkdtemp");
    snprintf(lists, sizeof(lists), "%s/lists", depot);
    must(mkdir(lists, 0700) == 0, "mkdir");

    if (!given) {
        argc = (int) mds_nelems(counts);
        argv = counts;
    }

    /* First: the peak of memory is to be the import's. */
    for (int i = 1; i < argc; i++) {
        count = strtoull(argv[i], NULL, 10);
        must(count > 0, "COUNT");
        bench_import(count);
    }

    printf("%-10s %10s %8s %8s %8s %8s\n", "layout", "ids", "bytes/id",
           "build s", "hit ns", "miss ns");

    for (int i = 1; i < argc; i++) {
        count = strtoull(argv[i], NULL, 10);
        bench_chunks(count);
        bench_dupfixed(count);
    }

    return rmdir(lists) == 0 && rmdir(depot) == 0 ? 0 : 1;
}
