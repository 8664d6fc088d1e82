/*
 * fuzz: what harnesses share. Each file fuzz_NAME.c has the one function that
 * libFuzzer calls (`make fuzz`), and that replay.c calls with each file of
 * corpus/NAME (`make unit`).
 *
 *   fuzz_must()   a property that holds whatever the input is
 *   fuzz_room()   memory for what comes out, of just that size
 *   mutate.c      how inputs are changed, besides libFuzzer's own ways
 *   dict/NAME     words of a format
 *   file.c        inputs as files, and a folder for what comes out
 *   table.c       records as if they lay in LMDB
 *
 * An input lies in memory that ends where it ends, with libFuzzer and in a
 * replay. What comes out goes to memory of just the size that the caller in
 * the product has for it. So the address sanitizer sees a byte too far on
 * either side.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_must(holds)                                                       \
    do {                                                                       \
        if (!(holds)) {                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds);        \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* At least a byte; to be freed. */
void *fuzz_room(size_t bytes);

/* Touches all bytes, so that a sanitizer sees what lies outside. */
void fuzz_read(mds_str_t bytes);

/* Whether the view lies within these bytes; an empty one lies everywhere. */
bool fuzz_inside(mds_str_t view, const void *bytes, size_t len);

/*
 * Each part of an input ends at the separator, the last one at the input's
 * end. Fewer parts: the others are empty.
 */
void fuzz_parts(const uint8_t *data, size_t size, char separator, size_t count,
                mds_str_t *parts);

/* A regular file of these bytes, without a place on a disk; good until the
 * next call with that slot (0 to 3). */
const char *fuzz_file(unsigned slot, const void *data, size_t len);

/* An empty folder, in memory where the system has room for that; gone at the
 * end. The path is the same all the time, with no '/' behind it. */
const char *fuzz_folder(void);

/* Makes fuzz_folder() empty again. */
void fuzz_folder_clear(void);

/*
 * In place of LMDB for those who call one of these: an environment that each
 * mds_lmdb_open() opens anew, of records in the order of their keys.
 */
void fuzz_table_clear(void);
void fuzz_table_put(unsigned table, mds_str_t key, mds_str_t value);

/* A value of the record that was put last under the key; NULL data: none. */
mds_str_t fuzz_table_get(unsigned table, mds_str_t key);

/* The handle, for what takes one; the same as mds_lmdb_open() gives. */
struct mds_lmdb_s *fuzz_table(void);

/* The i-th of several environments, of which fuzz_table() is the first. What is
 * put there goes by mds_lmdb_put(). */
#define FUZZ_LAYERS 3
struct mds_lmdb_s *fuzz_layer(unsigned i);

#endif
