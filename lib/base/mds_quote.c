/*
 * The inside of JSON strings: what stands for itself is found and copied eight
 * bytes at a time, and escapes one by one.
 */

#include "base/mds_quote.h"

#include "base/mds_word.h"

/*
 * Returns a high bit for the first byte that does not stand for itself; bytes
 * behind that one may have theirs as well. See "Bit Twiddling Hacks":
 * hasless(v, n).
 */
static inline uint64_t
mds_quote_marks(uint64_t word)
{
    return mds_word_zero_bits(word ^ MDS_WORD_OF('"'))
           | mds_word_zero_bits(word ^ MDS_WORD_OF('\\'))
           | ((word - MDS_WORD_OF(' ')) & ~word & MDS_WORD_HIGH_BITS);
}

/* Returns the word of fewer than eight bytes, followed by spaces. */
static inline uint64_t
mds_quote_load_tail(const char *text, size_t len)
{
    return mds_word_load_part(text, len) | MDS_WORD_OF(' ') << 8 * len;
}

/* Returns how many bytes from the first on stand for themselves: all but the
 * quote, the backslash, and what is below U+0020. */
static inline size_t
mds_quote_plain(const char *text, size_t len)
{
    size_t   i = 0;
    uint64_t marks;

    for (; len - i >= 8; i += 8) {
        marks = mds_quote_marks(mds_word_load(text + i));

        if (marks != 0) {
            return i + mds_word_bytes_before(marks);
        }
    }

    marks = mds_quote_marks(mds_quote_load_tail(text + i, len - i));

    return marks == 0 ? len : i + mds_word_bytes_before(marks);
}

/* Returns the letter of a control character's escape; 'u': it takes four
 * digits. */
static char
mds_quote_letter(char c)
{
    switch (c) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 'u';
    }
}

size_t
mds_quote_bytes(mds_str_t text)
{
    size_t bytes = text.len;
    size_t i = 0;

    while ((i += mds_quote_plain(text.data + i, text.len - i)) < text.len) {
        char c = text.data[i++];

        bytes += c < ' ' && mds_quote_letter(c) == 'u' ? 5 : 1;
    }

    return bytes;
}

static inline void
mds_quote_one(mds_bounded_output_t *room, char c)
{
    static const char digits[] = "0123456789abcdef";
    char              letter = c >= ' ' ? c : mds_quote_letter(c);
    bool              unit = c < ' ' && letter == 'u';

    if (!mds_bounded_output_has(room, unit ? 6 : 2)) {
        return;
    }

    *room->p++ = '\\';
    *room->p++ = letter;

    if (unit) {
        *room->p++ = '0';
        *room->p++ = '0';
        *room->p++ = digits[c >> 4];
        *room->p++ = digits[c & 15];
    }
}

void
mds_quote(mds_bounded_output_t *room, mds_str_t text)
{
    while (text.len > 0 && !room->overrun) {
        size_t plain = mds_quote_plain(text.data, text.len);

        mds_bounded_output_put(room, (mds_str_t){ plain, text.data });
        text.data += plain;
        text.len -= plain;

        if (text.len > 0) {
            mds_quote_one(room, *text.data);
            text.data++;
            text.len--;
        }
    }
}

/* Reads the four hexadecimal digits at *p. Returns -1 if there are none. */
static int32_t
mds_unquote_unit(const char **p, const char *end)
{
    int32_t unit = 0;

    if (end - *p < 4) {
        return -1;
    }

    for (int i = 0; i < 4; i++) {
        int digit = mds_hex_digit((*p)[i]);

        if (digit < 0) {
            return -1;
        }

        unit = unit << 4 | digit;
    }

    *p += 4;
    return unit;
}

/* Writes the character as UTF-8, and returns the number of its bytes. */
static size_t
mds_unquote_utf8(char to[4], int32_t c)
{
    char *p = to;

    if (c < 0x80) {
        *p++ = (char) c;
        return 1;
    }

    if (c < 0x800) {
        *p++ = (char) (0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *p++ = (char) (0xe0 | c >> 12);
        } else {
            *p++ = (char) (0xf0 | c >> 18);
            *p++ = (char) (0x80 | (c >> 12 & 0x3f));
        }
        *p++ = (char) (0x80 | (c >> 6 & 0x3f));
    }

    *p++ = (char) (0x80 | (c & 0x3f));
    return (size_t) (p - to);
}

/* Reads a character from behind "\u". One outside the Basic Multilingual Plane
 * has two units. */
static bool
mds_unquote_character(const char **p, const char *end,
                      mds_bounded_output_t *room)
{
    char    bytes[4]; /* all that UTF-8 takes for a character */
    size_t  len;
    int32_t unit = mds_unquote_unit(p, end);
    int32_t low;

    if (unit <= 0 || (unit >= 0xdc00 && unit < 0xe000)) {
        return false;
    }

    if (unit >= 0xd800 && unit < 0xdc00) {
        if (end - *p < 2 || (*p)[0] != '\\' || (*p)[1] != 'u') {
            return false;
        }

        *p += 2;
        low = mds_unquote_unit(p, end);

        if (low < 0xdc00 || low >= 0xe000) {
            return false;
        }

        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }

    len = mds_unquote_utf8(bytes, unit);

    if (mds_bounded_output_has(room, len)) {
        memcpy(room->p, bytes, len);
        room->p += len;
    }

    return true;
}

/* Reads an escape from behind its backslash. */
static bool
mds_unquote_escape(const char **p, const char *end, mds_bounded_output_t *room)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char       *at;

    if (*p == end) {
        return false;
    }

    if (**p == 'u') {
        (*p)++;
        return mds_unquote_character(p, end, room);
    }

    at = memchr(letters, **p, sizeof(letters) - 1);
    if (at == NULL) {
        return false;
    }

    (*p)++;

    if (mds_bounded_output_has(room, 1)) {
        *room->p++ = meant[at - letters];
    }

    return true;
}

/* Takes what stands for itself from there on. */
static void
mds_unquote_plain(const char **p, const char *end, mds_bounded_output_t *room)
{
    size_t plain = mds_quote_plain(*p, (size_t) (end - *p));

    mds_bounded_output_put(room, (mds_str_t){ plain, *p });
    *p += plain;
}

/* Continues with a string that begins with the plain bytes: what follows them
 * is escaped, or wrong. */
static MDS_NOINLINE bool
mds_unquote_escaped(const char **p, const char *end, mds_str_t plain,
                    mds_bounded_output_t *decoded, mds_str_t *string)
{
    char *from = decoded->p;

    mds_bounded_output_put(decoded, plain);

    while (*p < end && **p == '\\') {
        (*p)++;

        if (!mds_unquote_escape(p, end, decoded)) {
            return false;
        }

        mds_unquote_plain(p, end, decoded);
    }

    if (*p == end || **p != '"' || decoded->overrun) {
        return false;
    }

    *string = (mds_str_t){ (size_t) (decoded->p - from), from };
    (*p)++;

    return true;
}

bool
mds_unquote(const char **p, const char *end, mds_bounded_output_t *decoded,
            mds_str_t *string)
{
    const char *first = *p;
    size_t      plain = mds_quote_plain(first, (size_t) (end - first));
    const char *quote = first + plain;

    *p = quote;

    /* Most strings have no escapes. */
    if (quote < end && *quote == '"') {
        *string = (mds_str_t){ plain, first };
        *p = quote + 1;
        return true;
    }

    return mds_unquote_escaped(p, end, (mds_str_t){ plain, first }, decoded,
                               string);
}
