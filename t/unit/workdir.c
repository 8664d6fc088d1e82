#include "workdir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[128];

int
workdir_make(void **state)
{
    const char *base = getenv("TMPDIR");

    (void) state;
    snprintf(directory, sizeof(directory), "%s/mds-test-XXXXXX",
             base != NULL ? base : "/tmp");
    return mkdtemp(directory) == NULL;
}

int
workdir_remove(void **state)
{
    (void) state;
    return shell("rm -rf %s", directory) ? 0 : -1;
}

const char *
workdir(const char *name)
{
    static char     paths[8][256];
    static unsigned next;
    char           *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

void
workdir_write(const char *name, const void *data, size_t len)
{
    FILE *file;

    unlink(workdir(name));
    file = fopen(workdir(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

char *
workdir_read(const char *name, size_t *len)
{
    long  size;
    char *data;
    FILE *file = fopen(workdir(name), "rb");

    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);

    data = calloc(1, (size_t) size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t) size, file), size);
    fclose(file);

    if (len != NULL) {
        *len = (size_t) size;
    }

    return data;
}

bool
workdir_has(const char *name)
{
    struct stat st;

    return lstat(workdir(name), &st) == 0;
}

bool
workdir_same(const char *name, const char *other)
{
    return shell("cmp %s %s", name, other);
}

unsigned
workdir_count(const char *name, const char *prefix)
{
    DIR           *stream = opendir(workdir(name));
    unsigned       count = 0;
    struct dirent *entry;

    assert_non_null(stream);

    while ((entry = readdir(stream)) != NULL) {
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0
                 && strcmp(entry->d_name, ".") != 0
                 && strcmp(entry->d_name, "..") != 0;
    }

    closedir(stream);
    return count;
}

void
workdir_noise(void *data, size_t len, uint64_t seed)
{
    uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t) (seed >> 56);
    }
}

bool
shell(const char *format, ...)
{
    int     n;
    char    command[2048];
    va_list args;

    n = snprintf(command, sizeof(command),
                 "cd %s && exec >/dev/null 2>&1 </dev/null && ", directory);
    va_start(args, format);
    vsnprintf(command + n, sizeof(command) - (size_t) n, format, args);
    va_end(args);

    return system(command) == 0;
}
