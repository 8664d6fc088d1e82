/*
 * A mutator that knows what all formats here have in common: elements with
 * something between them, names with values, and pairs of brackets. It makes
 * what single bytes hardly ever lead to: a thousand elements, each under a name
 * of its own or all under one, values and names of no bytes, deep nesting,
 * words as long as a bound and one longer. libFuzzer's own mutations, with the
 * words of dict/NAME, come as often.
 */

#include "fuzz.h"

#define REPEATS_LOG_MAX 14 /* of an element: up to 8192 at a time */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed);

/* data has room for max bytes, and size of them are there. */
typedef struct {
    uint8_t *data;
    size_t   size;
    size_t   max;
    uint64_t dice;
} input_t;

/* From first up to end. */
typedef struct {
    size_t first;
    size_t end;
} piece_t;

/* Below count; of splitmix64. */
static size_t
roll(input_t *in, size_t count)
{
    uint64_t z = in->dice += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);

    return count == 0 ? 0 : (size_t) ((z ^ z >> 31) % count);
}

static bool
is_one_of(uint8_t c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The element around a place; an empty one at the end of an empty input. */
static piece_t
element(const input_t *in, size_t at)
{
    piece_t piece = { at, at };

    while (piece.first > 0 && !is_one_of(in->data[piece.first - 1], ",&;\n[{"))
    {
        piece.first--;
    }

    while (piece.end < in->size && !is_one_of(in->data[piece.end], ",&;\n]}")) {
        piece.end++;
    }

    return piece;
}

/* What stands between this element and others. */
static uint8_t
separator(const input_t *in, piece_t piece)
{
    if (piece.end < in->size && is_one_of(in->data[piece.end], ",&;\n")) {
        return in->data[piece.end];
    }

    return piece.first > 0 && is_one_of(in->data[piece.first - 1], ",&;\n")
               ? in->data[piece.first - 1]
               : ',';
}

/* As many bytes as fit. */
static void
insert(input_t *in, size_t at, const void *bytes, size_t len)
{
    len = len < in->max - in->size ? len : in->max - in->size;
    memmove(in->data + at + len, in->data + at, in->size - at);
    memcpy(in->data + at, bytes, len);
    in->size += len;
}

static void
cut(input_t *in, piece_t piece)
{
    memmove(in->data + piece.first, in->data + piece.end, in->size - piece.end);
    in->size -= piece.end - piece.first;
}

/* Where a number makes another name of an element's. */
static size_t
name_at(const uint8_t *element, size_t len)
{
    size_t at = 0;

    while (at < len
           && !is_one_of(element[at] | 0x20, "abcdefghijklmnopqrstuvwxyz")) {
        at++;
    }

    return at < len ? at + 1 : len > 0;
}

/* Takes away what stands behind the name, or in it, or both. */
static void
empty(input_t *in, piece_t piece)
{
    size_t what = 1 + roll(in, 3), at = piece.first;

    while (at < piece.end && !is_one_of(in->data[at], ":=")) {
        at++;
    }

    if (at < piece.end && (what & 1) != 0) {
        cut(in, (piece_t){ at + 1, piece.end });
    }

    if (at < piece.end && (what & 2) != 0) {
        bool quoted = at - piece.first >= 2 && in->data[piece.first] == '"';

        cut(in, (piece_t){ piece.first + quoted, at - quoted });
    }
}

/* The element once more, many times; each under a name of its own, or not. */
static void
repeat(input_t *in, piece_t piece, bool numbered)
{
    size_t   count = (size_t) 1 << roll(in, REPEATS_LOG_MAX);
    size_t   len = piece.end - piece.first, made = 0;
    size_t   name = name_at(in->data + piece.first, len);
    uint8_t  between = separator(in, piece);
    uint8_t *copies = malloc(in->max + len + 32);

    fuzz_must(copies != NULL);

    for (size_t i = 0; i < count && made < in->max - in->size; i++) {
        copies[made++] = between;
        memcpy(copies + made, in->data + piece.first, name);
        made += name;
        made += numbered ? (size_t) sprintf((char *) copies + made, "%zu", i)
                         : 0;
        memcpy(copies + made, in->data + piece.first + name, len - name);
        made += len - name;
    }

    insert(in, piece.end, copies, made);
    free(copies);
}

/* The same of one that is next to nothing. */
static void
repeat_empty(input_t *in, piece_t piece)
{
    size_t before = in->size;

    empty(in, piece);
    piece.end -= before - in->size;
    repeat(in, piece, false);
}

/* The same of all elements, or of all from a place on. */
static void
empty_all(input_t *in, size_t from)
{
    size_t kept = from;
    bool   skips = false;

    for (size_t i = from; i < in->size; i++) {
        uint8_t c = in->data[i];

        skips = skips && !is_one_of(c, ",&;\n]}");
        if (!skips) {
            in->data[kept++] = c;
        }
        skips = skips || is_one_of(c, ":=");
    }

    in->size = kept;
}

static void
nest(input_t *in, piece_t piece)
{
    static const char *const pairs[][2]
        = { { "[", "]" }, { "{\"a\":", "}" }, { "{", "}" }, { "\"", "\"" } };
    const char *const *pair = pairs[roll(in, mds_nelems(pairs))];

    for (size_t count = (size_t) 1 << roll(in, 12);
         count > 0 && in->size < in->max; count--)
    {
        insert(in, piece.end, pair[1], strlen(pair[1]));
        insert(in, piece.first, pair[0], strlen(pair[0]));
    }
}

/* A byte so often that there is a bound that it is about. */
static void
lengthen(input_t *in, size_t at)
{
    static const size_t bounds[] = { 32, 64, 128, 256, 4096, 65536 };
    size_t              len = bounds[roll(in, mds_nelems(bounds))] - 2;
    uint8_t            *bytes = malloc(len + 4);

    fuzz_must(bytes != NULL);
    len += roll(in, 4);
    memset(bytes, at < in->size ? in->data[at] : 'x', len);
    insert(in, at, bytes, len);
    free(bytes);
}

/* One element where another is. */
static void
copy(input_t *in, piece_t piece)
{
    piece_t  to = element(in, roll(in, in->size + 1));
    size_t   len = piece.end - piece.first;
    uint8_t *bytes = malloc(len + 1);

    fuzz_must(bytes != NULL);
    memcpy(bytes, in->data + piece.first, len);

    if (roll(in, 2) == 0) {
        cut(in, to);
    }

    insert(in, to.first, bytes, len);
    free(bytes);
}

static void
change(input_t *in)
{
    size_t  at = roll(in, in->size + 1);
    piece_t piece = element(in, at);

    switch (roll(in, 9)) {
    case 0:
        repeat(in, piece, false);
        break;
    case 1:
    case 2:
        repeat(in, piece, true);
        break;
    case 3:
        repeat_empty(in, piece);
        break;
    case 4:
        empty(in, piece);
        break;
    case 5:
        empty_all(in, roll(in, 2) == 0 ? 0 : at);
        break;
    case 6:
        nest(in, piece);
        break;
    case 7:
        lengthen(in, at);
        break;
    default:
        copy(in, piece);
    }
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                        unsigned seed)
{
    input_t in = { data, size, max_size, seed };

    if (size > max_size || roll(&in, 2) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }

    /* Long ones are slow: as many are below half of a length as above it. */
    in.max = (size_t) 128 << roll(&in, 10);
    in.max = in.max < size ? size : in.max < max_size ? in.max : max_size;

    for (size_t changes = 1 + roll(&in, 3); changes > 0; changes--) {
        change(&in);
    }

    return in.size;
}
