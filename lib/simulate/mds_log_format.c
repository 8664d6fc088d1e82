/* The parser of a log_format: its words, and the variables in them. */

#include "simulate/mds_log_format.h"

#include "base/mds_name.h"

#define MDS_LOG_COMBINED                                                       \
    "$remote_addr - $remote_user [$time_local] \"$request\" $status "          \
    "$body_bytes_sent \"$http_referer\" \"$http_user_agent\""

#define MDS_LOG_ATTRIBUTE_PREFIX "mds_attribute_"

static const struct {
    mds_str_t       name;
    mds_log_field_t field;
} mds_log_variables[] = {
    { mds_str("request"), MDS_LOG_REQUEST },
    { mds_str("request_method"), MDS_LOG_METHOD },
    { mds_str("request_uri"), MDS_LOG_REQUEST_URI },
    { mds_str("uri"), MDS_LOG_URI },
    { mds_str("document_uri"), MDS_LOG_URI },
    { mds_str("args"), MDS_LOG_ARGS },
    { mds_str("query_string"), MDS_LOG_ARGS },
    { mds_str("request_body"), MDS_LOG_BODY },
};

static bool
mds_log_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
mds_log_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_';
}

static void
mds_log_skip(mds_str_t *text, size_t bytes)
{
    text->data += bytes;
    text->len -= bytes;
}

static mds_str_t
mds_log_trim(mds_str_t text)
{
    while (text.len > 0 && mds_log_is_space(text.data[0])) {
        mds_log_skip(&text, 1);
    }

    while (text.len > 0
           && (mds_log_is_space(text.data[text.len - 1])
               || text.data[text.len - 1] == ';'))
    {
        text.len--;
    }

    return text;
}

/* Appends a byte to the texts of the format; false: there is no room. */
static bool
mds_log_format_add(mds_log_format_t *format, char c)
{
    if (format->len == sizeof(format->bytes)) {
        return false;
    }

    format->bytes[format->len++] = c;
    return true;
}

/* Copies a quoted word as nginx reads it, and cuts it off *text. False: its end
 * is missing, or there is no room. */
static bool
mds_log_format_unquote(mds_log_format_t *format, mds_str_t *text)
{
    char quote = text->data[0];

    for (mds_log_skip(text, 1); text->len > 0; mds_log_skip(text, 1)) {
        char c = text->data[0];

        if (c == quote) {
            mds_log_skip(text, 1);
            return true;
        }

        if (c == '\\' && text->len > 1) {
            static const char from[] = "\"'\\trn", to[] = "\"'\\\t\r\n";
            const char       *at = memchr(from, text->data[1], 6);

            if (at != NULL) {
                c = to[at - from];
                mds_log_skip(text, 1);
            }
        }

        if (!mds_log_format_add(format, c)) {
            return false;
        }
    }

    return false;
}

/* Cuts the next word off, which ends with white space. */
static mds_str_t
mds_log_next_word(mds_str_t *text)
{
    mds_str_t word = { 0, text->data };

    while (text->len > 0 && !mds_log_is_space(text->data[0])) {
        mds_log_skip(text, 1);
        word.len++;
    }

    *text = mds_log_trim(*text);
    return word;
}

/* Removes "log_format NAME" and "escape=…" from the front of the directive. */
static mds_status_t
mds_log_format_take_options(mds_log_format_t *format, mds_str_t *text,
                            mds_error_t *err)
{
    static const char *const names[] = { "default", "json", "none" };
    mds_str_t                rest = *text, word = mds_log_next_word(&rest);

    if (mds_str_eq(word, mds_str("log_format"))) {
        (void) mds_log_next_word(&rest);
        *text = rest;
        word = mds_log_next_word(&rest);
    }

    if (!mds_str_starts(word, mds_str("escape="))) {
        return MDS_OK;
    }

    mds_log_skip(&word, strlen("escape="));

    for (unsigned i = 0; i < mds_nelems(names); i++) {
        if (mds_str_eq(word, mds_str_of(names[i]))) {
            format->escape = (mds_log_escape_t) i;
            *text = rest;
            return MDS_OK;
        }
    }

    return mds_fail(err, MDS_INVALID,
                    "escape \"%.*s\": must be default, json or none",
                    MDS_STR(word));
}

/* Copies the format's string to format->bytes. */
static mds_status_t
mds_log_format_copy(mds_log_format_t *format, mds_str_t text, mds_error_t *err)
{
    bool quoted = text.len > 0 && (text.data[0] == '\'' || text.data[0] == '"');
    bool fits = true;

    while (fits && quoted && text.len > 0
           && (text.data[0] == '\'' || text.data[0] == '"'))
    {
        fits = mds_log_format_unquote(format, &text);
        text = mds_log_trim(text);
    }

    for (; fits && !quoted && text.len > 0; mds_log_skip(&text, 1)) {
        fits = mds_log_format_add(format, text.data[0]);
    }

    if (!fits) {
        return mds_fail(err, MDS_INVALID,
                        "a quote has no end, or the format has more than %d"
                        " bytes",
                        MDS_LOG_FORMAT_BYTES);
    }

    return text.len == 0
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "found \"%.*s\" behind a quoted string",
                          (int) (text.len < 40 ? text.len : 40), text.data);
}

/* Returns the name of the attribute whose value stands behind the text, or an
 * empty one. */
static mds_str_t
mds_log_attribute_name(mds_str_t text)
{
    mds_str_t name, prefix = mds_str(MDS_LOG_ATTRIBUTE_PREFIX);

    while (text.len > 0 && strchr("\"' ", text.data[text.len - 1]) != NULL) {
        text.len--;
    }

    if (text.len == 0 || strchr("=:", text.data[text.len - 1]) == NULL) {
        return mds_null_str;
    }

    text.len--;

    while (text.len > 0 && strchr("\"' ", text.data[text.len - 1]) != NULL) {
        text.len--;
    }

    name = (mds_str_t){ 0, text.data + text.len };

    while (name.len < text.len && mds_log_is_name(name.data[-1])) {
        name.data--;
        name.len++;
    }

    if (!mds_str_starts(name, prefix)) {
        return mds_null_str;
    }

    mds_log_skip(&name, prefix.len);
    return mds_attribute_name_valid(name) ? name : mds_null_str;
}

/* Returns what the variable is, behind that text. */
static uint8_t
mds_log_find_field(mds_log_format_t *format, mds_str_t text, mds_str_t name)
{
    mds_str_t attribute = mds_log_attribute_name(text);

    if (attribute.len > 0 && format->attribute_count < MDS_LOG_ATTRIBUTES_MAX) {
        format->attributes[format->attribute_count] = attribute;
        return (uint8_t) (MDS_LOG_ATTRIBUTE + format->attribute_count++);
    }

    for (size_t i = 0; i < mds_nelems(mds_log_variables); i++) {
        if (mds_str_eq(name, mds_log_variables[i].name)) {
            return (uint8_t) mds_log_variables[i].field;
        }
    }

    return MDS_LOG_OTHER;
}

/* Cuts a variable's name off the text, which begins with '$'. It is empty if
 * there is none. */
static mds_str_t
mds_log_cut_variable(mds_str_t *text)
{
    bool      braced = text->len > 1 && text->data[1] == '{';
    size_t    at = braced ? 2 : 1;
    mds_str_t name = { 0, text->data + at };

    while (at + name.len < text->len && mds_log_is_name(name.data[name.len])) {
        name.len++;
    }

    at += name.len;

    if (braced && (at == text->len || text->data[at] != '}')) {
        return mds_null_str;
    }

    mds_log_skip(text, at + (braced ? 1 : 0));
    return name;
}

/* Cuts the text up to the next variable off. */
static mds_str_t
mds_log_cut_text(mds_str_t *text)
{
    const char *end
        = text->len == 0 ? NULL : memchr(text->data, '$', text->len);
    mds_str_t cut
        = { end == NULL ? text->len : (size_t) (end - text->data), text->data };

    mds_log_skip(text, cut.len);
    return cut;
}

/* Adds one variable with the text behind it; before is the text before. */
static mds_status_t
mds_log_format_add_part(mds_log_format_t *format, mds_str_t before,
                        mds_str_t *text, mds_error_t *err)
{
    mds_str_t       name = mds_log_cut_variable(text);
    mds_log_part_t *part = &format->parts[format->part_count];

    if (name.len == 0) {
        return mds_fail(err, MDS_INVALID,
                        "a \"$\" must be followed by the name of a variable");
    }

    if (format->part_count == MDS_LOG_PARTS_MAX) {
        return mds_fail(err, MDS_INVALID, "there are more than %d variables",
                        MDS_LOG_PARTS_MAX);
    }

    part->field = mds_log_find_field(format, before, name);
    part->text = mds_log_cut_text(text);
    format->part_count++;

    if (part->field < MDS_LOG_OTHER) {
        format->fields |= UINT32_C(1) << part->field;
    }

    return part->text.len > 0 || text->len == 0
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "there must be text between $%.*s and the variable"
                          " behind it",
                          MDS_STR(name));
}

static bool
mds_log_format_has(const mds_log_format_t *format, mds_log_field_t field)
{
    return (format->fields >> field & 1) != 0;
}

mds_status_t
mds_log_format_parse(mds_str_t text, mds_error_t *err, mds_log_format_t *format)
{
    mds_str_t    rest, before;
    mds_status_t status;

    format->escape = MDS_LOG_ESCAPE_DEFAULT;
    format->part_count = format->attribute_count = format->len = 0;
    format->fields = 0;
    text = mds_log_trim(text);

    if (mds_str_eq(text, mds_str("combined"))) {
        text = mds_str(MDS_LOG_COMBINED);
    }

    status = mds_log_format_take_options(format, &text, err);

    if (status == MDS_OK) {
        status = mds_log_format_copy(format, text, err);
    }

    rest = (mds_str_t){ format->len, format->bytes };
    format->head = before = mds_log_cut_text(&rest);

    while (status == MDS_OK && rest.len > 0) {
        status = mds_log_format_add_part(format, before, &rest, err);

        if (status == MDS_OK) {
            before = format->parts[format->part_count - 1].text;
        }
    }

    if (status != MDS_OK) {
        return status;
    }

    return mds_log_format_has(format, MDS_LOG_REQUEST)
                   || mds_log_format_has(format, MDS_LOG_REQUEST_URI)
                   || (mds_log_format_has(format, MDS_LOG_URI)
                       && mds_log_format_has(format, MDS_LOG_ARGS))
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "there is no request in it: it must have $request,"
                          " $request_uri, or both $uri and $args");
}
