/*
 * lazy: functions of a library that is loaded when the first of them is called.
 *
 * libarchive and libcurl bring some forty other libraries. To load and relocate
 * these takes 30 ms, longer than a step such as `pause` works, which needs
 * neither. So mdsctl is not linked with the two: a file for each of them
 * defines its functions, which look the library's up by name.
 *
 *   MDSCTL_LAZY_2(LIBCURL, struct curl_slist *, curl_slist_append,
 *                 struct curl_slist *, const char *)
 */

#ifndef MDSCTL_LAZY_H
#define MDSCTL_LAZY_H

#include <stddef.h>

/* A library by the name that programs are linked with, and the Debian package
 * that has it. */
typedef struct {
    const char *file;
    const char *package;
    void       *handle; /* NULL: not loaded yet */
} mdsctl_lazy_library_t;

/* Returns the address of the library's function. Without the library, ends the
 * process with a message. */
void *
mdsctl_lazy_function(mdsctl_lazy_library_t *library, const char *function);

/* The address, looked up once. */
#define MDSCTL_LAZY_CALL(library, name)                                        \
    static __typeof__(&name) function;                                         \
                                                                               \
    if (function == NULL) {                                                    \
        void *address = mdsctl_lazy_function(&(library), #name);               \
                                                                               \
        __builtin_memcpy(&function, &address, sizeof(function));               \
    }

#define MDSCTL_LAZY_0(library, type, name)                                     \
    type name(void)                                                            \
    {                                                                          \
        MDSCTL_LAZY_CALL(library, name)                                        \
        return function();                                                     \
    }

#define MDSCTL_LAZY_1(library, type, name, type_a)                             \
    type name(type_a a)                                                        \
    {                                                                          \
        MDSCTL_LAZY_CALL(library, name)                                        \
        return function(a);                                                    \
    }

#define MDSCTL_LAZY_2(library, type, name, type_a, type_b)                     \
    type name(type_a a, type_b b)                                              \
    {                                                                          \
        MDSCTL_LAZY_CALL(library, name)                                        \
        return function(a, b);                                                 \
    }

#define MDSCTL_LAZY_3(library, type, name, type_a, type_b, type_c)             \
    type name(type_a a, type_b b, type_c c)                                    \
    {                                                                          \
        MDSCTL_LAZY_CALL(library, name)                                        \
        return function(a, b, c);                                              \
    }

#define MDSCTL_LAZY_4(library, type, name, type_a, type_b, type_c, type_d)     \
    type name(type_a a, type_b b, type_c c, type_d d)                          \
    {                                                                          \
        MDSCTL_LAZY_CALL(library, name)                                        \
        return function(a, b, c, d);                                           \
    }

#define MDSCTL_LAZY_5(library, type, name, type_a, type_b, type_c, type_d,     \
                      type_e)                                                  \
    type name(type_a a, type_b b, type_c c, type_d d, type_e e)                \
    {                                                                          \
        MDSCTL_LAZY_CALL(library, name)                                        \
        return function(a, b, c, d, e);                                        \
    }

#define MDSCTL_LAZY_6(library, type, name, type_a, type_b, type_c, type_d,     \
                      type_e, type_f)                                          \
    type name(type_a a, type_b b, type_c c, type_d d, type_e e, type_f f)      \
    {                                                                          \
        MDSCTL_LAZY_CALL(library, name)                                        \
        return function(a, b, c, d, e, f);                                     \
    }

#endif
