/*
 * The attributes of a request: adding them, finding them, and parsing a query.
 * This is on the path of every request, and allocates nothing.
 */

#include "request/mds_request.h"

#include <endian.h>

#include "base/mds_bounded_output.h"
#include "base/mds_name.h"
#include "base/mds_version.h"

/* Shorter ones first. */
static const mds_str_t mds_attr_names[] = {
    [MDS_ATTR_N] = mds_str("n"),
    [MDS_ATTR_APP] = mds_str("app"),
    [MDS_ATTR_NET] = mds_str("net"),
    [MDS_ATTR_CPU] = mds_str("cpu"),
    [MDS_ATTR_KIND] = mds_str("kind"),
    [MDS_ATTR_NAME] = mds_str("name"),
    [MDS_ATTR_USER] = mds_str("user"),
    [MDS_ATTR_CITY] = mds_str("city"),
    [MDS_ATTR_BRAND] = mds_str("brand"),
    [MDS_ATTR_MODEL] = mds_str("model"),
    [MDS_ATTR_STATE] = mds_str("state"),
    [MDS_ATTR_DEVICE] = mds_str("device"),
    [MDS_ATTR_REGION] = mds_str("region"),
    [MDS_ATTR_REFUSE] = mds_str("refuse"),
    [MDS_ATTR_VERSION] = mds_str("version"),
    [MDS_ATTR_CHANNEL] = mds_str("channel"),
    [MDS_ATTR_COUNTRY] = mds_str("country"),
    [MDS_ATTR_PLATFORM] = mds_str("platform"),
    [MDS_ATTR_LANGUAGE] = mds_str("language"),
    [MDS_ATTR_OS_VERSION] = mds_str("os_version"),
    [MDS_ATTR_APP_VERSION] = mds_str("app_version"),
    [MDS_ATTR_SDK_VERSION] = mds_str("sdk_version"),
};

mds_str_t
mds_attribute_name(mds_attr_id_t known)
{
    return mds_attr_names[known];
}

/* Where those of a length begin; the last one ends those before it. */
static const uint8_t mds_attr_first[] = {
    [0] = MDS_ATTR_N,           [1] = MDS_ATTR_N,
    [2] = MDS_ATTR_APP,         [3] = MDS_ATTR_APP,
    [4] = MDS_ATTR_KIND,        [5] = MDS_ATTR_BRAND,
    [6] = MDS_ATTR_DEVICE,      [7] = MDS_ATTR_VERSION,
    [8] = MDS_ATTR_PLATFORM,    [9] = MDS_ATTR_OS_VERSION,
    [10] = MDS_ATTR_OS_VERSION, [11] = MDS_ATTR_APP_VERSION,
    [12] = MDS_ATTR_OTHER,
};

static inline __attribute__((always_inline)) mds_attr_id_t
mds_attr_id_of(mds_str_t name)
{
    if (name.len >= mds_nelems(mds_attr_first) - 1) {
        return MDS_ATTR_OTHER;
    }

    for (unsigned known = mds_attr_first[name.len];
         known < mds_attr_first[name.len + 1]; known++)
    {
        if (mds_bytes_eq(mds_attr_names[known].data, name.data, name.len)) {
            return known;
        }
    }

    return MDS_ATTR_OTHER;
}

mds_attr_id_t
mds_attr_id(mds_str_t name)
{
    return mds_attr_id_of(name);
}

/* Its number, counted from 1; 0: it is not there. */
static inline size_t
mds_request_find(const mds_request_t *request, mds_attr_id_t known,
                 mds_str_t name)
{
    if (known != MDS_ATTR_OTHER) {
        return request->known[known];
    }

    for (size_t i = 0; i < request->count; i++) {
        if (mds_str_eq(request->attributes[i].name, name)) {
            return i + 1;
        }
    }

    return 0;
}

/* Names come from the other side and may be long: show the beginning. */
#define MDS_SHOWN_MAX 64

static mds_str_t
mds_shown(mds_str_t s)
{
    size_t len = s.len < MDS_SHOWN_MAX ? s.len : MDS_SHOWN_MAX;

    /* Not in the middle of a character. */
    while (len > 0 && len < s.len && ((uint8_t) s.data[len] & 0xc0) == 0x80) {
        len--;
    }

    return (mds_str_t){ len, s.data };
}

static inline mds_status_t
mds_request_check_value(mds_attr_id_t known, mds_str_t name, mds_str_t value,
                        bool plain, mds_error_t *err)
{
    size_t max = known == MDS_ATTR_STATE ? MDS_TOKEN_MAX : MDS_VALUE_MAX;

    if (value.len > max) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": the value has %zu bytes, at most"
                        " %zu are allowed",
                        MDS_STR(name), value.len, max);
    }

    if (!plain && !mds_str_is_utf8(value)) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": the value is not UTF-8",
                        MDS_STR(name));
    }

    return MDS_OK;
}

/* A new one that nobody has said anything about. */
static inline mds_status_t
mds_request_add(mds_request_t *request, mds_attr_id_t known, mds_str_t name,
                mds_error_t *err, mds_attribute_t **attribute)
{
    mds_attribute_t *added = &request->attributes[request->count];

    if (request->count == MDS_ATTRIBUTES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "more than %d parameters are not allowed",
                        MDS_ATTRIBUTES_MAX);
    }

    added->name = name;
    added->trusted = false;
    added->claimed = false;
    request->count++;

    /* Said twice by the operator, the first time counts. */
    if (known != MDS_ATTR_OTHER && request->known[known] == 0) {
        request->known[known] = (uint8_t) request->count;
    }

    *attribute = added;
    return MDS_OK;
}

mds_status_t
mds_request_set_trusted(mds_request_t *request, mds_str_t name, mds_str_t value,
                        mds_error_t *err)
{
    mds_attribute_t *attribute;
    mds_attr_id_t    known = mds_attr_id_of(name);
    mds_status_t     status
        = mds_request_check_value(known, name, value, false, err);

    if (status == MDS_OK) {
        status = mds_request_add(request, known, name, err, &attribute);
    }

    if (status == MDS_OK) {
        attribute->value = value;
        attribute->trusted = true;
    }

    return status;
}

static mds_status_t
mds_request_wrong_name(mds_str_t name, mds_error_t *err)
{
    name = mds_shown(name);

    return mds_fail(err, MDS_INVALID,
                    "\"%.*s\" is not a parameter name, which has a lower"
                    "-case letter, then up to %d letters, digits and _",
                    mds_str_is_utf8(name) ? (int) name.len : 0, name.data,
                    MDS_ATTRIBUTE_NAME_MAX - 1);
}

/* The device's word replaces its own, and not the operator's. */
static void
mds_request_say(mds_attribute_t *attribute, mds_str_t value)
{
    attribute->claimed = true;

    if (!attribute->trusted) {
        attribute->value = value;
    }
}

/* plain: the value is known to be ASCII. */
static inline __attribute__((always_inline)) mds_status_t
mds_request_take(mds_request_t *request, mds_attr_id_t known, mds_str_t name,
                 mds_str_t value, bool plain, mds_error_t *err)
{
    mds_attribute_t *attribute;
    mds_status_t     status;
    size_t           number;

    if (known == MDS_ATTR_OTHER && !mds_attribute_name_valid(name)) {
        return mds_request_wrong_name(name, err);
    }

    number = mds_request_find(request, known, name);
    attribute = number == 0 ? NULL : &request->attributes[number - 1];

    if (attribute != NULL && attribute->claimed) {
        return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" comes twice",
                        MDS_STR(name));
    }

    status = mds_request_check_value(known, name, value, plain, err);

    if (status == MDS_OK && attribute == NULL) {
        status = mds_request_add(request, known, name, err, &attribute);
    }

    if (status == MDS_OK) {
        mds_request_say(attribute, value);
    }

    return status;
}

mds_status_t
mds_request_set_claimed_by_id(mds_request_t *request, mds_attr_id_t known,
                              mds_str_t name, mds_str_t value, mds_error_t *err)
{
    return mds_request_take(request, known, name, value, false, err);
}

mds_status_t
mds_request_set_claimed(mds_request_t *request, mds_str_t name, mds_str_t value,
                        mds_error_t *err)
{
    return mds_request_take(request, mds_attr_id(name), name, value, false,
                            err);
}

void
mds_request_copy(mds_request_t *request, const mds_request_t *from)
{
    memcpy(request, from,
           offsetof(mds_request_t, attributes)
               + from->count * sizeof(from->attributes[0]));
}

void
mds_request_allow_override(mds_request_t *request)
{
    for (size_t i = 0; i < request->count; i++) {
        request->attributes[i].claimed = false;
    }
}

/* False: a % without two digits, or no room. */
static bool
mds_form_decode(mds_str_t text, mds_bounded_output_t *room, mds_str_t *decoded)
{
    char *out = room->p;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '+') {
            c = ' ';

        } else if (c == '%') {
            int high = i + 2 < text.len ? mds_hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? mds_hex_digit(text.data[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }

            c = (char) (high << 4 | low);
            i += 2;
        }

        if (out == room->end) {
            return false;
        }

        *out++ = c;
    }

    *decoded = (mds_str_t){ (size_t) (out - room->p), room->p };
    room->p = out;

    return true;
}

/* Eight bytes of a query, the first lowest; it ends with '&' after '&'. */
static inline uint64_t
mds_query_word(mds_str_t query, size_t i)
{
    uint64_t word = UINT64_C(0x2626262626262626);

    if (i + sizeof(word) <= query.len) {
        memcpy(&word, query.data + i, sizeof(word));
    } else if (i < query.len) {
        memcpy(&word, query.data + i, query.len - i);
    }

    return le64toh(word);
}

/* Returns the high bit of each byte that is special: '=', below ',' (as '&',
 * '%' and '+' are), or not ASCII. A '<' behind a '=' may have it too. */
static inline uint64_t
mds_query_special_bits(uint64_t word)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    static const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t              equals = word ^ ones * '=';

    return (word | ~((word | high) - ones * ',') | ((equals - ones) & ~equals))
           & high;
}

static mds_status_t
mds_query_wrong(mds_str_t pair, mds_error_t *err)
{
    mds_str_t shown = mds_shown(pair);

    return mds_fail(err, MDS_INVALID,
                    "\"%.*s\": a %% is not followed by two hexadecimal digits",
                    mds_str_is_utf8(shown) ? (int) shown.len : 0, shown.data);
}

/* The parser of a query, and the pair that it is at. */
typedef struct {
    mds_request_t       *request;
    const char          *name;
    const char          *equals; /* NULL: not met yet */
    bool                 plain;  /* nothing escaped, all of it ASCII */
    mds_bounded_output_t room;
    mds_error_t         *err;
} mds_query_t;

/* Adds the pair that ends there to the request. */
static MDS_NOINLINE mds_status_t
mds_query_add_pair(mds_query_t *query, const char *end)
{
    const char *equals = query->equals != NULL ? query->equals : end;
    const char *from = query->equals != NULL ? equals + 1 : end;
    mds_str_t   name = { (size_t) (equals - query->name), query->name };
    mds_str_t   value = { (size_t) (end - from), from };

    if (!query->plain
        && (!mds_form_decode(name, &query->room, &name)
            || !mds_form_decode(value, &query->room, &value)))
    {
        return mds_query_wrong((mds_str_t){ (size_t) (end - query->name),
                                            query->name },
                               query->err);
    }

    return mds_request_take(query->request, mds_attr_id_of(name), name, value,
                            query->plain, query->err);
}

mds_status_t
mds_request_parse(mds_request_t *request, mds_str_t text, char *buffer,
                  mds_error_t *err)
{
    mds_bounded_output_t room = { .p = buffer, .end = buffer + text.len };
    mds_query_t          query = { request, text.data, NULL, true, room, err };

    /* The data of an empty query may be NULL. */
    if (text.len == 0) {
        return MDS_OK;
    }

    for (size_t i = 0; i <= text.len; i += 8) {
        uint64_t word = mds_query_word(text, i);
        uint64_t bits = mds_query_special_bits(word);

        for (; bits != 0; bits &= bits - 1) {
            unsigned    bit = (unsigned) __builtin_ctzll(bits) & ~7u;
            const char *at = text.data + i + bit / 8;
            char        c = (char) (word >> bit);

            if (c == '&') {
                mds_status_t status
                    = query.name < at ? mds_query_add_pair(&query, at) : MDS_OK;
                if (status != MDS_OK) {
                    return status;
                }

                query.name = at + 1;
                query.equals = NULL;
                query.plain = true;

            } else if (c != '=') {
                query.plain = false;

            } else if (query.equals == NULL) {
                query.equals = at;
            }
        }
    }

    return MDS_OK;
}

mds_str_t
mds_request_get(const mds_request_t *request, mds_str_t name)
{
    size_t number = mds_request_find(request, mds_attr_id_of(name), name);

    return number == 0 ? mds_null_str : request->attributes[number - 1].value;
}

static mds_status_t
mds_request_need(const mds_request_t *request, mds_attr_id_t known,
                 mds_error_t *err)
{
    if (mds_request_attr(request, known).len == 0) {
        return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" is missing",
                        MDS_STR(mds_attr_names[known]));
    }

    return MDS_OK;
}

static mds_status_t
mds_request_check_version(mds_str_t name, mds_str_t value, mds_error_t *err)
{
    mds_version_t version;

    if (value.len != 0 && !mds_version_parse(value, &version)) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": \"%.*s\" is not a version, which"
                        " looks like 3.2.0 or 3.2.0-rc.1",
                        MDS_STR(name), MDS_STR(value));
    }

    return MDS_OK;
}

mds_status_t
mds_request_validate_app(const mds_request_t *request, mds_error_t *err)
{
    static const uint8_t versions[]
        = { MDS_ATTR_VERSION, MDS_ATTR_APP_VERSION };
    mds_str_t    refuse = mds_request_attr(request, MDS_ATTR_REFUSE);
    mds_status_t status = mds_request_need(request, MDS_ATTR_APP, err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(versions); i++) {
        status
            = mds_request_check_version(mds_attr_names[versions[i]],
                                        mds_request_attr(request, versions[i]),
                                        err);
    }

    while (status == MDS_OK && refuse.len > 0) {
        status = mds_request_check_version(mds_attr_names[MDS_ATTR_REFUSE],
                                           mds_str_cut(&refuse, ','), err);
    }

    return status;
}

mds_status_t
mds_request_validate(const mds_request_t *request, mds_error_t *err)
{
    mds_status_t status = mds_request_need(request, MDS_ATTR_APP, err);

    if (status == MDS_OK) {
        status = mds_request_need(request, MDS_ATTR_KIND, err);
    }

    return status == MDS_OK ? mds_request_validate_app(request, err) : status;
}
