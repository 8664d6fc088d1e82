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

static mds_attribute_t *
mds_request_find(mds_request_t *request, mds_str_t name)
{
    for (size_t i = 0; i < request->count; i++) {
        if (mds_str_eq(request->attributes[i].name, name)) {
            return &request->attributes[i];
        }
    }

    return NULL;
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
mds_request_check_value(mds_str_t name, mds_str_t value, mds_error_t *err)
{
    size_t max
        = mds_str_eq(name, mds_str("state")) ? MDS_TOKEN_MAX : MDS_VALUE_MAX;

    if (value.len > max) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": the value has %zu bytes, at most"
                        " %zu are allowed",
                        MDS_STR(name), value.len, max);
    }

    if (!mds_str_is_utf8(value)) {
        return mds_fail(err, MDS_INVALID,
                        "parameter \"%.*s\": the value is not UTF-8",
                        MDS_STR(name));
    }

    return MDS_OK;
}

static mds_status_t
mds_request_add(mds_request_t *request, mds_str_t name, mds_str_t value,
                mds_error_t *err, mds_attribute_t **added)
{
    mds_status_t status = mds_request_check_value(name, value, err);

    if (status != MDS_OK) {
        return status;
    }

    if (request->count == MDS_ATTRIBUTES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "more than %d parameters are not allowed",
                        MDS_ATTRIBUTES_MAX);
    }

    *added = &request->attributes[request->count++];
    **added = (mds_attribute_t){ .name = name, .value = value };

    return MDS_OK;
}

mds_status_t
mds_request_fix(mds_request_t *request, mds_str_t name, mds_str_t value,
                mds_error_t *err)
{
    mds_attribute_t *attribute = NULL;
    mds_status_t     status;

    status = mds_request_add(request, name, value, err, &attribute);
    if (status == MDS_OK) {
        attribute->fixed = true;
    }

    return status;
}

mds_status_t
mds_request_claim(mds_request_t *request, mds_str_t name, mds_str_t value,
                  mds_error_t *err)
{
    mds_attribute_t *attribute;
    mds_status_t     status;

    if (!mds_attribute_name_valid(name)) {
        name = mds_shown(name);
        return mds_fail(err, MDS_INVALID,
                        "\"%.*s\" is no name of a parameter: it takes a lower"
                        "-case letter, then up to %d letters, digits and _",
                        mds_str_is_utf8(name) ? (int) name.len : 0, name.data,
                        MDS_ATTRIBUTE_NAME_MAX - 1);
    }

    attribute = mds_request_find(request, name);

    if (attribute == NULL) {
        status = mds_request_add(request, name, value, err, &attribute);
        if (status != MDS_OK) {
            return status;
        }

    } else if (attribute->claimed) {
        return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" comes twice",
                        MDS_STR(name));

    } else {
        status = mds_request_check_value(name, value, err);
        if (status != MDS_OK) {
            return status;
        }
    }

    attribute->claimed = true;
    return MDS_OK;
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

mds_status_t
mds_request_parse(mds_request_t *request, mds_str_t query, char *buffer,
                  mds_error_t *err)
{
    while (query.len > 0) {
        mds_str_t    pair = mds_str_cut(&query, '&');
        mds_str_t    shown = mds_shown(pair);
        mds_str_t    name;
        mds_status_t status;

        if (pair.len == 0) {
            continue;
        }

        if (!mds_form_decode(mds_str_cut(&pair, '='), &buffer, &name)
            || !mds_form_decode(pair, &buffer, &pair))
        {
            return mds_fail(err, MDS_INVALID,
                            "\"%.*s\": a %% is not followed by two"
                            " hexadecimal digits",
                            mds_str_is_utf8(shown) ? (int) shown.len : 0,
                            shown.data);
        }

        status = mds_request_claim(request, name, pair, err);
        if (status != MDS_OK) {
            return status;
        }
    }

    return MDS_OK;
}

mds_str_t
mds_request_get(const mds_request_t *request, mds_str_t name)
{
    for (size_t i = 0; i < request->count; i++) {
        if (mds_str_eq(request->attributes[i].name, name)) {
            return request->attributes[i].value;
        }
    }

    return mds_null_str;
}

static mds_status_t
mds_request_need(const mds_request_t *request, mds_str_t name, mds_error_t *err)
{
    if (mds_request_get(request, name).len == 0) {
        return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" is missing",
                        MDS_STR(name));
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
    static const mds_str_t versions[]
        = { mds_str("version"), mds_str("app_version") };
    mds_str_t    refuse = mds_request_get(request, mds_str("refuse"));
    mds_status_t status = mds_request_need(request, mds_str("app"), err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(versions); i++) {
        status
            = mds_request_check_version(versions[i],
                                        mds_request_get(request, versions[i]),
                                        err);
    }

    while (status == MDS_OK && refuse.len > 0) {
        status = mds_request_check_version(mds_str("refuse"),
                                           mds_str_cut(&refuse, ','), err);
    }

    return status;
}

mds_status_t
mds_request_validate(const mds_request_t *request, mds_error_t *err)
{
    mds_status_t status = mds_request_need(request, mds_str("app"), err);

    if (status == MDS_OK) {
        status = mds_request_need(request, mds_str("kind"), err);
    }

    return status == MDS_OK ? mds_request_validate_app(request, err) : status;
}
