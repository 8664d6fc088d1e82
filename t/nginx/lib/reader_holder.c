/*
 * Readers of a depot's state, as LMDB's lock file has them.
 *
 *   holder hold DEPOT   reads, says "held", and does not come to an end
 *   holder list DEPOT   "PID TXN" for each that is reading, then "last TXN"
 */

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* pid, thread, transaction or "-"; the first line is a heading. */
static int
print(const char *line, void *data)
{
    char          thread[64], txn[64];
    unsigned long pid;

    (void) data;

    if (sscanf(line, "%lu %63s %63s", &pid, thread, txn) == 3
        && strcmp(txn, "-") != 0)
    {
        printf("%lu %s\n", pid, txn);
    }
    return 0;
}

int
main(int argc, char **argv)
{
    char        path[4096];
    MDB_env    *env;
    MDB_txn    *txn;
    MDB_envinfo info;

    if (argc != 3) {
        return 2;
    }

    snprintf(path, sizeof(path), "%s/state", argv[2]);

    if (mdb_env_create(&env) != 0 || mdb_env_set_maxreaders(env, 1024) != 0
        || mdb_env_set_mapsize(env, (size_t) 64 << 30) != 0
        || mdb_env_open(env, path, MDB_NOTLS, 0660) != 0)
    {
        return 1;
    }

    if (strcmp(argv[1], "list") == 0) {
        if (mdb_reader_list(env, print, NULL) < 0
            || mdb_env_info(env, &info) != 0)
        {
            return 1;
        }
        printf("last %zu\n", info.me_last_txnid);
        mdb_env_close(env);
        return 0;
    }

    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0) {
        return 1;
    }

    printf("held\n");
    fflush(stdout);

    for (;;) {
        pause();
    }
}
