/*
 * The kept corpus, without libFuzzer: each file that is named, and the files
 * of each folder, go through the harness once. As a plain build it costs a
 * moment; under `make asan` and `make memcheck` the checkers look on.
 */

#define _GNU_SOURCE /* asprintf */

#include <dirent.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "fuzz.h"

#define INPUT_MAX ((size_t) 16 * 1024 * 1024)

/* Of the process that replays, for the one that sees it die. */
typedef struct {
    unsigned inputs;
    char     path[4096];
} progress_t;

static progress_t *progress;

/* In memory of just that size: what lies behind it is not ours. */
static void
replay(const char *path)
{
    mds_error_t err;
    char       *data, *exact;
    size_t      len;

    if (mds_file_read(path, INPUT_MAX, &err, &data, &len) != MDS_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }

    exact = malloc(len > 0 ? len : 1);
    fuzz_must(exact != NULL);
    memcpy(exact, data, len);
    free(data);

    snprintf(progress->path, sizeof(progress->path), "%s", path);
    (void) LLVMFuzzerTestOneInput((const uint8_t *) exact, len);
    progress->inputs++;
    free(exact);
}

static void
replay_folder(const char *path, DIR *folder)
{
    struct dirent *entry;
    char          *name;

    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            fuzz_must(asprintf(&name, "%s/%s", path, entry->d_name) > 0);
            replay(name);
            free(name);
        }
    }
}

static int
replay_all(char **paths)
{
    for (; *paths != NULL; paths++) {
        DIR *folder = opendir(*paths);

        if (folder != NULL) {
            replay_folder(*paths, folder);
            closedir(folder);
        } else {
            replay(*paths);
        }
    }

    return 0;
}

int
main(int argc, char **argv)
{
    int   status = 0;
    pid_t pid;

    (void) argc;
    progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fuzz_must(progress != MAP_FAILED);

    pid = fork();
    fuzz_must(pid >= 0);
    if (pid == 0) {
        exit(replay_all(argv + 1));
    }

    fuzz_must(waitpid(pid, &status, 0) == pid);
    printf("%s: %u inputs\n", argv[0], progress->inputs);

    if (status != 0) {
        fprintf(stderr, "%s: failed on or after %s\n", argv[0], progress->path);
    }

    return status == 0 && progress->inputs > 0 ? 0 : 1;
}
