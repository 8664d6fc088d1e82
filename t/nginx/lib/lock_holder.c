/* Holds the lock of an LMDB environment until it is killed, as a worker does
 * that was stopped in the middle of a write. */

#include <lmdb.h>
#include <stdio.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    MDB_env *env;
    MDB_txn *txn;

    if (argc != 2 || mdb_env_create(&env) != 0
        || mdb_env_set_mapsize(env, (size_t) 64 << 30) != 0
        || mdb_env_set_maxreaders(env, 1024) != 0
        || mdb_env_open(env, argv[1], 0, 0660) != 0
        || mdb_txn_begin(env, NULL, 0, &txn) != 0)
    {
        return 1;
    }

    printf("held\n");
    fflush(stdout);

    for (;;) {
        pause();
    }
}
