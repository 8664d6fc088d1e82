#include "mds_request.h"

#include "mds_version.h"

bool
mds_attribute_name_valid(mds_str_t name)
{
    if (name.len == 0 || name.len > MDS_ATTRIBUTE_NAME_MAX || name.data[0] < 'a'
        || name.data[0] > 'z')
    {
        return false;
    }

    for (size_t i = 1; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }

    return true;
}

/* Shorter ones first. */
static const mds_str_t mds_known_names[] = {
    [MDS_ATTRIBUTE_N] = mds_str("n"),
    [MDS_ATTRIBUTE_APP] = mds_str("app"),
    [MDS_ATTRIBUTE_NET] = mds_str("net"),
    [MDS_ATTRIBUTE_CPU] = mds_str("cpu"),
    [MDS_ATTRIBUTE_KIND] = mds_str("kind"),
    [MDS_ATTRIBUTE_NAME] = mds_str("name"),
    [MDS_ATTRIBUTE_USER] = mds_str("user"),
    [MDS_ATTRIBUTE_CITY] = mds_str("city"),
    [MDS_ATTRIBUTE_BRAND] = mds_str("brand"),
    [MDS_ATTRIBUTE_MODEL] = mds_str("model"),
    [MDS_ATTRIBUTE_STATE] = mds_str("state"),
    [MDS_ATTRIBUTE_DEVICE] = mds_str("device"),
    [MDS_ATTRIBUTE_REGION] = mds_str("region"),
    [MDS_ATTRIBUTE_REFUSE] = mds_str("refuse"),
    [MDS_ATTRIBUTE_VERSION] = mds_str("version"),
    [MDS_ATTRIBUTE_CHANNEL] = mds_str("channel"),
    [MDS_ATTRIBUTE_COUNTRY] = mds_str("country"),
    [MDS_ATTRIBUTE_PLATFORM] = mds_str("platform"),
    [MDS_ATTRIBUTE_LANGUAGE] = mds_str("language"),
    [MDS_ATTRIBUTE_OS_VERSION] = mds_str("os_version"),
    [MDS_ATTRIBUTE_APP_VERSION] = mds_str("app_version"),
    [MDS_ATTRIBUTE_SDK_VERSION] = mds_str("sdk_version"),
};

/* Where those of a length begin; the last one ends those before it. */
static const uint8_t mds_known_from[] = {
    [0] = MDS_ATTRIBUTE_N,           [1] = MDS_ATTRIBUTE_N,
    [2] = MDS_ATTRIBUTE_APP,         [3] = MDS_ATTRIBUTE_APP,
    [4] = MDS_ATTRIBUTE_KIND,        [5] = MDS_ATTRIBUTE_BRAND,
    [6] = MDS_ATTRIBUTE_DEVICE,      [7] = MDS_ATTRIBUTE_VERSION,
    [8] = MDS_ATTRIBUTE_PLATFORM,    [9] = MDS_ATTRIBUTE_OS_VERSION,
    [10] = MDS_ATTRIBUTE_OS_VERSION, [11] = MDS_ATTRIBUTE_APP_VERSION,
    [12] = MDS_ATTRIBUTE_OTHER,
};

mds_known_t
mds_attribute_known(mds_str_t name)
{
    if (name.len >= mds_nelems(mds_known_from) - 1) {
        return MDS_ATTRIBUTE_OTHER;
    }

    for (unsigned known = mds_known_from[name.len];
         known < mds_known_from[name.len + 1]; known++)
    {
        if (mds_bytes_eq(mds_known_names[known].data, name.data, name.len)) {
            return known;
        }
    }

    return MDS_ATTRIBUTE_OTHER;
}

/* Its number, counted from 1; 0: it is not there. */
static size_t
mds_request_find(const mds_request_t *request, mds_known_t known,
                 mds_str_t name)
{
    if (known != MDS_ATTRIBUTE_OTHER) {
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

static mds_status_t
mds_request_check_value(mds_known_t known, mds_str_t name, mds_str_t value,
                        bool plain, mds_error_t *err)
{
    size_t max = known == MDS_ATTRIBUTE_STATE ? MDS_TOKEN_MAX : MDS_VALUE_MAX;

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

static mds_status_t
mds_request_add(mds_request_t *request, mds_known_t known,
                const mds_attribute_t *attribute, mds_error_t *err)
{
    if (request->count == MDS_ATTRIBUTES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "more than %d parameters are not allowed",
                        MDS_ATTRIBUTES_MAX);
    }

    request->attributes[request->count++] = *attribute;

    /* Said twice by the operator, the first time counts. */
    if (known != MDS_ATTRIBUTE_OTHER && request->known[known] == 0) {
        request->known[known] = (uint8_t) request->count;
    }

    return MDS_OK;
}

mds_status_t
mds_request_fix(mds_request_t *request, mds_str_t name, mds_str_t value,
                mds_error_t *err)
{
    mds_attribute_t attribute = { name, value, .fixed = true };
    mds_known_t     known = mds_attribute_known(name);
    mds_status_t    status
        = mds_request_check_value(known, name, value, false, err);

    return status == MDS_OK ? mds_request_add(request, known, &attribute, err)
                            : status;
}

static mds_status_t
mds_request_wrong_name(mds_str_t name, mds_error_t *err)
{
    name = mds_shown(name);

    return mds_fail(err, MDS_INVALID,
                    "\"%.*s\" is no name of a parameter: it takes a lower"
                    "-case letter, then up to %d letters, digits and _",
                    mds_str_is_utf8(name) ? (int) name.len : 0, name.data,
                    MDS_ATTRIBUTE_NAME_MAX - 1);
}

/* The device's word replaces its own, and not the operator's. */
static void
mds_request_say(mds_attribute_t *attribute, mds_str_t value)
{
    attribute->claimed = true;

    if (!attribute->fixed) {
        attribute->value = value;
    }
}

/* plain: the value is known to be ASCII. */
static inline mds_status_t
mds_request_take(mds_request_t *request, mds_known_t known, mds_str_t name,
                 mds_str_t value, bool plain, mds_error_t *err)
{
    mds_attribute_t attribute = { name, value, .claimed = true };
    mds_status_t    status;
    size_t          number;

    if (known == MDS_ATTRIBUTE_OTHER && !mds_attribute_name_valid(name)) {
        return mds_request_wrong_name(name, err);
    }

    number = mds_request_find(request, known, name);

    if (number > 0 && request->attributes[number - 1].claimed) {
        return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" comes twice",
                        MDS_STR(name));
    }

    status = mds_request_check_value(known, name, value, plain, err);

    if (status == MDS_OK && number == 0) {
        status = mds_request_add(request, known, &attribute, err);

    } else if (status == MDS_OK) {
        mds_request_say(&request->attributes[number - 1], value);
    }

    return status;
}

mds_status_t
mds_request_claim_known(mds_request_t *request, mds_known_t known,
                        mds_str_t name, mds_str_t value, mds_error_t *err)
{
    return mds_request_take(request, known, name, value, false, err);
}

mds_status_t
mds_request_claim(mds_request_t *request, mds_str_t name, mds_str_t value,
                  mds_error_t *err)
{
    return mds_request_take(request, mds_attribute_known(name), name, value,
                            false, err);
}

void
mds_request_copy(mds_request_t *request, const mds_request_t *from)
{
    memcpy(request, from,
           offsetof(mds_request_t, attributes)
               + from->count * sizeof(from->attributes[0]));
}

void
mds_request_default(mds_request_t *request)
{
    for (size_t i = 0; i < request->count; i++) {
        request->attributes[i].claimed = false;
    }
}

static int
mds_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes to *buffer and moves it on; false: a % without two digits. */
static bool
mds_form_decode(mds_str_t text, char **buffer, mds_str_t *decoded)
{
    char *out = *buffer;

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

        *out++ = c;
    }

    *decoded = (mds_str_t){ (size_t) (out - *buffer), *buffer };
    *buffer = out;

    return true;
}

/* Nothing is escaped, all is ASCII, and no byte is zero: eight at a time. Where
 * a byte is what is sought, the subtraction leaves its high bit set. */
static inline uint64_t
mds_query_word(const char *p)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t              word;

    memcpy(&word, p, sizeof(word));

    return word | (word - ones) | ((word ^ ones * '%') - ones)
           | ((word ^ ones * '+') - ones);
}

static bool
mds_query_plain(mds_str_t pair)
{
    static const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t              seen = 0;

    if (pair.len < 8) {
        char bytes[8];

        memset(bytes, '-', sizeof(bytes));
        memcpy(bytes, pair.data, pair.len);
        return (mds_query_word(bytes) & high) == 0;
    }

    for (size_t i = 0; i + 8 < pair.len; i += 8) {
        seen |= mds_query_word(pair.data + i);
    }

    return ((seen | mds_query_word(pair.data + pair.len - 8)) & high) == 0;
}

static mds_status_t
mds_query_wrong(mds_str_t pair, mds_error_t *err)
{
    mds_str_t shown = mds_shown(pair);

    return mds_fail(err, MDS_INVALID,
                    "\"%.*s\": a %% is not followed by two hexadecimal digits",
                    mds_str_is_utf8(shown) ? (int) shown.len : 0, shown.data);
}

mds_status_t
mds_request_parse(mds_request_t *request, mds_str_t query, char *buffer,
                  mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && query.len > 0) {
        mds_str_t pair = mds_str_cut(&query, '&');
        mds_str_t value = pair;
        mds_str_t name = mds_str_cut(&value, '=');
        bool      plain = mds_query_plain(pair);

        if (pair.len == 0) {
            continue;
        }

        if (!plain
            && (!mds_form_decode(name, &buffer, &name)
                || !mds_form_decode(value, &buffer, &value)))
        {
            return mds_query_wrong(pair, err);
        }

        status = mds_request_take(request, mds_attribute_known(name), name,
                                  value, plain, err);
    }

    return status;
}

mds_str_t
mds_request_get(const mds_request_t *request, mds_str_t name)
{
    size_t number = mds_request_find(request, mds_attribute_known(name), name);

    return number == 0 ? mds_null_str : request->attributes[number - 1].value;
}

static mds_status_t
mds_request_need(const mds_request_t *request, mds_known_t known,
                 mds_error_t *err)
{
    if (mds_request_known(request, known).len == 0) {
        return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" is missing",
                        MDS_STR(mds_known_names[known]));
    }

    return MDS_OK;
}

static mds_status_t
mds_request_check_version(mds_str_t name, mds_str_t value, mds_error_t *err)
{
    mds_version_t version;

    if (value.len != 0 && !mds_version_parse(value, &version)) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": \"%.*s\" is no version; one"
                        " looks like 3.2.0 or 3.2.0-rc.1",
                        MDS_STR(name), MDS_STR(value));
    }

    return MDS_OK;
}

mds_status_t
mds_request_validate_app(const mds_request_t *request, mds_error_t *err)
{
    static const uint8_t versions[]
        = { MDS_ATTRIBUTE_VERSION, MDS_ATTRIBUTE_APP_VERSION };
    mds_str_t    refuse = mds_request_known(request, MDS_ATTRIBUTE_REFUSE);
    mds_status_t status = mds_request_need(request, MDS_ATTRIBUTE_APP, err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(versions); i++) {
        status
            = mds_request_check_version(mds_known_names[versions[i]],
                                        mds_request_known(request, versions[i]),
                                        err);
    }

    while (status == MDS_OK && refuse.len > 0) {
        status
            = mds_request_check_version(mds_known_names[MDS_ATTRIBUTE_REFUSE],
                                        mds_str_cut(&refuse, ','), err);
    }

    return status;
}

mds_status_t
mds_request_validate(const mds_request_t *request, mds_error_t *err)
{
    mds_status_t status = mds_request_need(request, MDS_ATTRIBUTE_APP, err);

    if (status == MDS_OK) {
        status = mds_request_need(request, MDS_ATTRIBUTE_KIND, err);
    }

    return status == MDS_OK ? mds_request_validate_app(request, err) : status;
}
