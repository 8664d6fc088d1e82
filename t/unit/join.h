/*
 * JOIN(a, b, …): two to nine string literals with commas between them, for
 * documents that tests put together from macros.
 */

#ifndef JOIN_H
#define JOIN_H

#define JOIN(...)                                                              \
    JOIN_PICK(__VA_ARGS__, JOIN_9, JOIN_8, JOIN_7, JOIN_6, JOIN_5, JOIN_4,     \
              JOIN_3, JOIN_2, JOIN_1)                                          \
    (__VA_ARGS__)
#define JOIN_PICK(a, b, c, d, e, f, g, h, i, join, ...) join

#define JOIN_1(a) a
#define JOIN_2(a, b) a "," b
#define JOIN_3(a, ...) a "," JOIN_2(__VA_ARGS__)
#define JOIN_4(a, ...) a "," JOIN_3(__VA_ARGS__)
#define JOIN_5(a, ...) a "," JOIN_4(__VA_ARGS__)
#define JOIN_6(a, ...) a "," JOIN_5(__VA_ARGS__)
#define JOIN_7(a, ...) a "," JOIN_6(__VA_ARGS__)
#define JOIN_8(a, ...) a "," JOIN_7(__VA_ARGS__)
#define JOIN_9(a, ...) a "," JOIN_8(__VA_ARGS__)

#endif
