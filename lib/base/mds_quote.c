#include "base/mds_quote.h"

#define MDS_BYTES(c) (UINT64_C(0x0101010101010101) * (c))

/*
 * A high bit for the first byte that does not stand for itself; what lies
 * behind that one may have its bit for nothing. First is lowest. See "Bit
 * Twiddling Hacks": haszero(v), hasless(v, n).
 */
static inline uint64_t
mds_quote_marks(uint64_t word)
{
    uint64_t quote = word ^ MDS_BYTES('"');
    uint64_t backslash = word ^ MDS_BYTES('\\');

    return (((quote - MDS_BYTES(1)) & ~quote)
            | ((backslash - MDS_BYTES(1)) & ~backslash)
            | ((word - MDS_BYTES(' ')) & ~word))
           & MDS_BYTES(0x80);
}

/* The first byte is the lowest. */
static inline uint64_t
mds_quote_load(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));

    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word)
                                                  : word;
}

static inline bool
mds_quote_is_plain(char c)
{
    return (uint8_t) c >= ' ' && c != '"' && c != '\\';
}

/* How many bytes from the first on stand for themselves: all but the quote,
 * the backslash, and what is below U+0020. */
static inline size_t
mds_quote_plain(const char *text, size_t len)
{
    size_t i = 0;

    for (; len - i >= 8; i += 8) {
        uint64_t marks = mds_quote_marks(mds_quote_load(text + i));

        if (marks != 0) {
            return i + (size_t) __builtin_ctzll(marks) / 8;
        }
    }

    while (i < len && mds_quote_is_plain(text[i])) {
        i++;
    }

    return i;
}

/* What stands for a control character; 'u': with four digits. */
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
    const char *p = text.data;
    const char *end = p + text.len;

    /* Eight more bytes of text are eight more of room, at least. */
    while (end - p >= 8 && mds_bounded_output_has(room, 8)) {
        uint64_t marks = mds_quote_marks(mds_quote_load(p));
        size_t   plain = marks == 0 ? 8 : (size_t) __builtin_ctzll(marks) / 8;

        memcpy(room->p, p, 8);
        room->p += plain;
        p += plain;

        if (plain < 8) {
            mds_quote_one(room, *p++);
        }
    }

    for (; p < end && !room->overrun; p++) {
        if (!mds_quote_is_plain(*p)) {
            mds_quote_one(room, *p);
        } else if (mds_bounded_output_has(room, 1)) {
            *room->p++ = *p;
        }
    }
}

/* The four digits at *p; -1: they are none. */
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

/* How many bytes the character takes. */
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

/* From behind "\u"; a character outside the first plane is two units. */
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

/* From behind the backslash. */
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

bool
mds_unquote(const char **p, const char *end, mds_bounded_output_t *decoded,
            mds_str_t *string)
{
    const char *first = *p;
    char       *from = decoded->p;
    size_t      plain = mds_quote_plain(first, (size_t) (end - first));

    *p = first + plain;

    /* As most are. */
    if (*p < end && **p == '"') {
        *string = (mds_str_t){ plain, first };
        (*p)++;
        return true;
    }

    mds_bounded_output_put(decoded, (mds_str_t){ plain, first });

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
