/*
 * Prints COUNT ids, one a line: user-0, user-1, …
 *
 *   ids COUNT
 */

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
    unsigned long long count = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;

    for (unsigned long long i = 0; i < count; i++) {
        if (printf("user-%llu\n", i) < 0) {
            return 1;
        }
    }

    return count > 0 && fflush(stdout) == 0 ? 0 : 1;
}
