/*
 * The attributes of a request: adding them, finding them, and parsing a query.
 * This is on the path of every request, and allocates nothing.
 */

#include "request/mds_request.h"

#include "base/mds_bounded_output.h"
#include "base/mds_form.h"
#include "base/mds_name.h"
#include "base/mds_version.h"
#include "base/mds_word.h"

/* The known names, and their first eight bytes as a word. */
#define MDS_ATTR(text)                                                         \
    {                                                                          \
        mds_str(text), MDS_WORD_OF_LITERAL(text)                               \
    }

static const struct {
    mds_str_t name;
    uint64_t  head;
} mds_attrs[] = {
    [MDS_ATTR_N] = MDS_ATTR("n"),
    [MDS_ATTR_APP] = MDS_ATTR("app"),
    [MDS_ATTR_NET] = MDS_ATTR("net"),
    [MDS_ATTR_CPU] = MDS_ATTR("cpu"),
    [MDS_ATTR_KIND] = MDS_ATTR("kind"),
    [MDS_ATTR_NAME] = MDS_ATTR("name"),
    [MDS_ATTR_USER] = MDS_ATTR("user"),
    [MDS_ATTR_CITY] = MDS_ATTR("city"),
    [MDS_ATTR_BRAND] = MDS_ATTR("brand"),
    [MDS_ATTR_MODEL] = MDS_ATTR("model"),
    [MDS_ATTR_STATE] = MDS_ATTR("state"),
    [MDS_ATTR_DEVICE] = MDS_ATTR("device"),
    [MDS_ATTR_REGION] = MDS_ATTR("region"),
    [MDS_ATTR_REFUSE] = MDS_ATTR("refuse"),
    [MDS_ATTR_VERSION] = MDS_ATTR("version"),
    [MDS_ATTR_CHANNEL] = MDS_ATTR("channel"),
    [MDS_ATTR_COUNTRY] = MDS_ATTR("country"),
    [MDS_ATTR_PLATFORM] = MDS_ATTR("platform"),
    [MDS_ATTR_LANGUAGE] = MDS_ATTR("language"),
    [MDS_ATTR_OS_VERSION] = MDS_ATTR("os_version"),
    [MDS_ATTR_APP_VERSION] = MDS_ATTR("app_version"),
    [MDS_ATTR_SDK_VERSION] = MDS_ATTR("sdk_version"),
};

mds_str_t
mds_attribute_name(mds_attr_id_t known)
{
    return mds_attrs[known].name;
}

/*
 * A perfect hash of the known names: the upper six bits of the product of a
 * name's first eight bytes and the factor are a slot of its own for each. The
 * factor was found by trying odd random numbers; a new name may need another
 * one, and test_request fails until there is one.
 */
#define MDS_ATTR_FACTOR UINT64_C(0xaada6b7843819edf)

static const uint8_t mds_attr_slots[64] = {
    [1] = MDS_ATTR_DEVICE,       [7] = MDS_ATTR_APP_VERSION,
    [9] = MDS_ATTR_KIND,         [10] = MDS_ATTR_USER,
    [12] = MDS_ATTR_CITY,        [17] = MDS_ATTR_LANGUAGE,
    [18] = MDS_ATTR_NET,         [20] = MDS_ATTR_APP,
    [22] = MDS_ATTR_MODEL,       [23] = MDS_ATTR_CHANNEL,
    [24] = MDS_ATTR_NAME,        [26] = MDS_ATTR_N,
    [27] = MDS_ATTR_BRAND,       [32] = MDS_ATTR_REFUSE,
    [36] = MDS_ATTR_STATE,       [44] = MDS_ATTR_OS_VERSION,
    [47] = MDS_ATTR_CPU,         [50] = MDS_ATTR_REGION,
    [51] = MDS_ATTR_SDK_VERSION, [57] = MDS_ATTR_PLATFORM,
    [61] = MDS_ATTR_VERSION,     [62] = MDS_ATTR_COUNTRY,
};

/* Returns the only one that can have a name with this head. */
static inline mds_attr_id_t
mds_attr_by_head(uint64_t head)
{
    return (mds_attr_id_t) mds_attr_slots[head * MDS_ATTR_FACTOR >> 58];
}

/* Returns whether the name of a known one, whose length is the same or less,
 * begins with these bytes. Behind the head there are few, if any. */
static inline bool
mds_attr_matches(mds_attr_id_t known, uint64_t head, const char *bytes)
{
    mds_str_t name = mds_attrs[known].name;

    return mds_attrs[known].head == head
           && (name.len <= 8
               || mds_bytes_eq(name.data + 8, bytes + 8, name.len - 8));
}

static inline mds_attr_id_t
mds_attr_id_of(mds_str_t name)
{
    uint64_t      head = mds_word_load_part(name.data, name.len);
    mds_attr_id_t known = mds_attr_by_head(head);

    return mds_attrs[known].name.len == name.len
                   && mds_attr_matches(known, head, name.data)
               ? known
               : MDS_ATTR_OTHER;
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
                        bool is_utf8, mds_error_t *err)
{
    size_t max = known == MDS_ATTR_STATE ? MDS_TOKEN_MAX : MDS_VALUE_MAX;

    if (value.len > max) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": the value has %zu bytes, at most"
                        " %zu are allowed",
                        MDS_STR(name), value.len, max);
    }

    if (!is_utf8 && !mds_str_is_utf8(value)) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": the value is not UTF-8",
                        MDS_STR(name));
    }

    return MDS_OK;
}

/* Adds an attribute, which is neither claimed nor trusted yet. */
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

    /* If the operator sets it twice, the first one counts. */
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

/* Claims the value for the device. It replaces an earlier claim, but not a
 * value of the operator's. */
static void
mds_request_say(mds_attribute_t *attribute, mds_str_t value)
{
    attribute->claimed = true;

    if (!attribute->trusted) {
        attribute->value = value;
    }
}

/* Takes the device's word on an attribute. is_utf8: that of the value is known.
 */
static MDS_NOINLINE mds_status_t
mds_request_take(mds_request_t *request, mds_attr_id_t known, mds_str_t name,
                 mds_str_t value, bool is_utf8, mds_error_t *err)
{
    mds_attribute_t *attribute = NULL;
    mds_status_t     status;
    size_t           number;

    if (known == MDS_ATTR_OTHER && !mds_attribute_name_valid(name)) {
        return mds_request_wrong_name(name, err);
    }

    number = mds_request_find(request, known, name);

    if (number > 0) {
        attribute = &request->attributes[number - 1];

        if (attribute->claimed) {
            return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" comes twice",
                            MDS_STR(name));
        }
    }

    status = mds_request_check_value(known, name, value, is_utf8, err);

    if (status == MDS_OK && number == 0) {
        status = mds_request_add(request, known, name, err, &attribute);
    }

    if (status == MDS_OK) {
        mds_request_say(attribute, value);
    }

    return status;
}

/* Does the same in the usual case: a known name that has no value yet, and a
 * value that is UTF-8 and not long. Returns whether it was the usual case. */
static inline bool
mds_request_take_usual(mds_request_t *request, mds_attr_id_t known,
                       mds_str_t name, mds_str_t value)
{
    size_t count = request->count;

    if (known == MDS_ATTR_OTHER || request->known[known] != 0
        || value.len > MDS_VALUE_MAX || count == MDS_ATTRIBUTES_MAX)
    {
        return false;
    }

    request->attributes[count]
        = (mds_attribute_t){ .name = name, .value = value, .claimed = true };
    request->count = count + 1;
    request->known[known] = (uint8_t) (count + 1);

    return true;
}

mds_status_t
mds_request_set_claimed_by_id(mds_request_t *request, mds_attr_id_t known,
                              mds_str_t name, mds_str_t value, mds_error_t *err)
{
    if (mds_request_take_usual(request, known, name, value)) {
        return MDS_OK;
    }

    return mds_request_take(request, known, name, value, true, err);
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

static MDS_COLD mds_status_t
mds_query_wrong(mds_str_t pair, mds_error_t *err)
{
    mds_str_t shown = mds_shown(pair);

    return mds_fail(err, MDS_INVALID,
                    "\"%.*s\": a %% is not followed by two hexadecimal digits",
                    mds_str_is_utf8(shown) ? (int) shown.len : 0, shown.data);
}

/* Returns eight bytes of the query, as if it was followed by many '&'. */
static inline uint64_t
mds_query_word(const char *p, const char *end)
{
    size_t left = (size_t) (end - p);

    return left >= 8
               ? mds_word_load(p)
               : mds_word_load_part(p, left) | MDS_WORD_OF('&') << 8 * left;
}

/* Returns the end of the bytes from p on that have no '&', stand for themselves
 * and are ASCII. It may be an earlier byte that is below ',', as '&', '%' and
 * '+' are, since one subtraction finds all of these. */
static inline const char *
mds_query_plain_end(const char *p, const char *end)
{
    for (;; p += 8) {
        uint64_t word = mds_query_word(p, end);
        uint64_t below = ~((word | MDS_WORD_HIGH_BITS) - MDS_WORD_OF(','));
        uint64_t bits = (word | below) & MDS_WORD_HIGH_BITS;

        if (bits != 0) {
            return p + mds_word_bytes_before(bits);
        }
    }
}

/* Returns the known name that stands there with a '=' behind it. */
static inline mds_attr_id_t
mds_query_known_name(const char *p, const char *end)
{
    uint64_t word = mds_query_word(p, end);
    uint64_t equals = mds_word_zero_bits(word ^ MDS_WORD_OF('='));

    /* The lowest bit of equals is the upper one of the '=', so that the mask
     * has all bits of the bytes before it; of all bytes where there is no '='.
     */
    uint64_t      head = word & (((equals & -equals) >> 7) - 1);
    mds_attr_id_t known = mds_attr_by_head(head);
    size_t        len = mds_attrs[known].name.len;

    return len < (size_t) (end - p) && mds_attr_matches(known, head, p)
                   && p[len] == '='
               ? known
               : MDS_ATTR_OTHER;
}

/* Takes "name=value", or a name alone, as it stands there or decoded to *room.
 * An empty pair is none. */
static MDS_NOINLINE mds_status_t
mds_query_take_pair(mds_request_t *request, mds_str_t pair, bool plain,
                    mds_bounded_output_t *room, mds_error_t *err)
{
    mds_str_t value = pair;
    mds_str_t name = mds_str_cut(&value, '=');

    if (pair.len == 0) {
        return MDS_OK;
    }

    if (!plain
        && (!mds_form_decode(name, room, &name)
            || !mds_form_decode(value, room, &value)))
    {
        return mds_query_wrong(pair, err);
    }

    return mds_request_take(request, mds_attr_id_of(name), name, value, plain,
                            err);
}

/* Takes the pair that begins there, and returns where the next one does. */
static inline __attribute__((always_inline)) const char *
mds_query_take(mds_request_t *request, const char *p, const char *end,
               mds_bounded_output_t *room, mds_error_t *err,
               mds_status_t *status)
{
    mds_attr_id_t known = mds_query_known_name(p, end);
    size_t        len = known == MDS_ATTR_OTHER ? 0 : mds_attrs[known].name.len;
    const char   *value = known == MDS_ATTR_OTHER ? p : p + len + 1;
    const char   *stop = mds_query_plain_end(value, end);
    bool          plain = stop == end || *stop == '&';

    if (!plain) {
        stop = memchr(stop, '&', (size_t) (end - stop));
        stop = stop == NULL ? end : stop;
    }

    /* Most pairs have a known name and a plain value. */
    if (!plain
        || !mds_request_take_usual(request, known, (mds_str_t){ len, p },
                                   (mds_str_t){ (size_t) (stop - value),
                                                value }))
    {
        *status = mds_query_take_pair(request,
                                      (mds_str_t){ (size_t) (stop - p), p },
                                      plain, room, err);
    }

    return stop == end ? end : stop + 1;
}

mds_status_t
mds_request_parse(mds_request_t *request, mds_str_t query, char *buffer,
                  mds_error_t *err)
{
    mds_bounded_output_t room = { .p = buffer, .end = buffer + query.len };
    mds_status_t         status = MDS_OK;
    const char          *p = query.data;

    /* The data of an empty query may be NULL. */
    if (query.len == 0) {
        return MDS_OK;
    }

    while (status == MDS_OK && p < query.data + query.len) {
        p = mds_query_take(request, p, query.data + query.len, &room, err,
                           &status);
    }

    return status;
}

bool
mds_request_has(const mds_request_t *request, mds_str_t name)
{
    return mds_request_find(request, mds_attr_id_of(name), name) > 0;
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
                        MDS_STR(mds_attrs[known].name));
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
mds_request_validate_versions(const mds_request_t *request, mds_error_t *err)
{
    static const uint8_t versions[]
        = { MDS_ATTR_VERSION, MDS_ATTR_APP_VERSION };
    mds_str_t    refuse = mds_request_attr(request, MDS_ATTR_REFUSE);
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(versions); i++) {
        status
            = mds_request_check_version(mds_attrs[versions[i]].name,
                                        mds_request_attr(request, versions[i]),
                                        err);
    }

    while (status == MDS_OK && refuse.len > 0) {
        status = mds_request_check_version(mds_attrs[MDS_ATTR_REFUSE].name,
                                           mds_str_cut(&refuse, ','), err);
    }

    return status;
}

mds_status_t
mds_request_validate_app(const mds_request_t *request, mds_error_t *err)
{
    mds_status_t status = mds_request_need(request, MDS_ATTR_APP, err);

    return status == MDS_OK ? mds_request_validate_versions(request, err)
                            : status;
}

mds_status_t
mds_request_validate_report(const mds_request_t *request, mds_error_t *err)
{
    mds_status_t status = mds_request_need(request, MDS_ATTR_APP, err);

    return status == MDS_OK ? mds_request_need(request, MDS_ATTR_DEVICE, err)
                            : status;
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
