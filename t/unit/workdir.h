/*
 * A directory of its own for a test program, what goes into it, and other
 * people's tools that look at what came out of it.
 */

#ifndef WORKDIR_H
#define WORKDIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* As cmocka's group setup and teardown. */
int workdir_make(void **state);
int workdir_remove(void **state);

/* The path of a name in it; good for the next seven calls. */
const char *workdir(const char *name);

void workdir_write(const char *name, const void *data, size_t len);

/* Zero-terminated; the caller frees it. len may be NULL. */
char *workdir_read(const char *name, size_t *len);

bool workdir_has(const char *name);
bool workdir_same(const char *name, const char *other);

/* Files in a directory of it ("." for itself) whose name starts so. */
unsigned workdir_count(const char *name, const char *prefix);

/* Bytes that look random and are the same each time. */
void workdir_noise(void *data, size_t len, uint64_t seed);

/* Runs a shell command in it, silently; true for exit code 0. */
bool shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Skips the test where the tool is missing, but fails it under CI. */
#define need_tool(name)                                                        \
    do {                                                                       \
        if (!shell("command -v " name)) {                                      \
            if (getenv("CI") != NULL) {                                        \
                fail_msg("%s is not installed", name);                         \
            }                                                                  \
            skip();                                                            \
        }                                                                      \
    } while (0)

#endif
