/*
 * mds_batch: parses a batch in one pass over its body, without allocating. The
 * reader understands only the JSON that a batch is made of; it skips all other
 * values and leaves it to the JSON library to judge and to explain a body with
 * such values, or with a mistake.
 */

#include "request/mds_batch.h"

#include "base/mds_quote.h"
#include "json/mds_json.h"

typedef struct {
    mds_str_t       name;
    mds_attr_id_t   known;
    mds_json_type_t type; /* value is empty unless it is STRING */
    mds_str_t       value;
} mds_batch_member_t;

typedef struct {
    mds_json_type_t           type;
    const mds_batch_member_t *members;
    size_t                    count; /* at most MDS_BATCH_MEMBERS_MAX */
    mds_str_t                 kind;
    mds_str_t                 name;
} mds_batch_resource_t;

struct mds_batch_s {
    mds_request_t        common; /* attributes of operator and body */
    size_t               count;
    mds_batch_resource_t resources[MDS_BATCH_MAX];
    mds_batch_member_t   members[]; /* of all resources */
};

/* Limits the members that are kept of a resource: one more than a request can
 * have, so that the resource is refused for those. */
#define MDS_BATCH_MEMBERS_MAX (MDS_ATTRIBUTES_MAX + 1)

/* Defines the bytes of the shortest member that has a value: "":0, */
#define MDS_BATCH_MEMBER_BYTES 5

/*
 * Holds the state of one pass over the body. Values that a batch does not use
 * (numbers, lists in lists) are skipped without a close check: the body is then
 * odd, and the JSON library decides whether it is JSON at all.
 */
typedef struct {
    const char          *p;
    const char          *end;
    mds_bounded_output_t decoded; /* room for unescaped strings */
    mds_batch_t         *batch;
    mds_batch_member_t  *member;      /* next one to be written */
    mds_batch_member_t  *members_end; /* end of the room for members */
    bool                 odd;         /* the JSON library must check the body */
    mds_json_type_t      resources;   /* type of that member */
    mds_status_t         status;      /* first mistake in common members */
    mds_error_t         *err;
} mds_batch_reader_t;

typedef bool (*mds_batch_read_t)(mds_batch_reader_t *r, mds_str_t name);

static inline bool
mds_batch_is_space(char c)
{
    return (uint8_t) c <= ' '
           && (c == ' ' || c == '\n' || c == '\t' || c == '\r');
}

/* Moves to the next character that is not white space, if there is one. */
static inline bool
mds_batch_next(mds_batch_reader_t *r, char *c)
{
    const char *p = r->p;

    while (p < r->end && mds_batch_is_space(*p)) {
        p++;
    }

    r->p = p;

    if (p == r->end) {
        return false;
    }

    *c = *p;
    return true;
}

static inline bool
mds_batch_take(mds_batch_reader_t *r, char wanted)
{
    char c;

    if (!mds_batch_next(r, &c) || c != wanted) {
        return false;
    }

    r->p++;
    return true;
}

static inline bool
mds_batch_read_string(mds_batch_reader_t *r, mds_str_t *string)
{
    return mds_batch_take(r, '"')
           && mds_unquote(&r->p, r->end, &r->decoded, string);
}

/* Skips an array or an object up to its end. */
static bool
mds_batch_skip_nested(mds_batch_reader_t *r)
{
    size_t    depth = 0;
    mds_str_t string;
    char      c;

    do {
        if (!mds_batch_next(r, &c)) {
            return false;
        }

        if (c == '"') {
            if (!mds_batch_read_string(r, &string)) {
                return false;
            }
            continue;
        }

        depth += c == '{' || c == '[' ? 1 : 0;
        depth -= c == '}' || c == ']' ? 1 : 0;
        r->p++;
    } while (depth > 0);

    return true;
}

/* Skips a number, true or false. Returns false if there is not one byte of it.
 */
static bool
mds_batch_skip_word(mds_batch_reader_t *r, mds_json_type_t *type)
{
    const char *first = r->p;

    *type = *first == 't' || *first == 'f' ? MDS_JSON_BOOL : MDS_JSON_INTEGER;

    while (r->p < r->end && memchr(",]} \t\r\n", *r->p, 7) == NULL) {
        if (*type == MDS_JSON_INTEGER && memchr(".eE", *r->p, 3) != NULL) {
            *type = MDS_JSON_REAL;
        }
        r->p++;
    }

    return r->p > first;
}

static bool
mds_batch_read_value(mds_batch_reader_t *r, mds_json_type_t *type,
                     mds_str_t *value)
{
    char c;

    *value = mds_str("");

    if (!mds_batch_next(r, &c)) {
        return false;
    }

    if (c == '"') {
        *type = MDS_JSON_STRING;
        return mds_batch_read_string(r, value);
    }

    if (c == 'n' && r->end - r->p >= 4 && memcmp(r->p, "null", 4) == 0) {
        *type = MDS_JSON_NULL;
        r->p += 4;
        return true;
    }

    r->odd = true;

    if (c == '{' || c == '[') {
        *type = c == '{' ? MDS_JSON_OBJECT : MDS_JSON_ARRAY;
        return mds_batch_skip_nested(r);
    }

    return mds_batch_skip_word(r, type);
}

static bool
mds_batch_read_object(mds_batch_reader_t *r, mds_batch_read_t read)
{
    mds_str_t name;

    if (!mds_batch_take(r, '{')) {
        return false;
    }

    if (mds_batch_take(r, '}')) {
        return true;
    }

    do {
        if (!mds_batch_read_string(r, &name) || !mds_batch_take(r, ':')
            || !read(r, name))
        {
            return false;
        }
    } while (mds_batch_take(r, ','));

    return mds_batch_take(r, '}');
}

/* Sets an attribute that the device claims from a member; null is an empty one.
 */
static mds_status_t
mds_batch_set_claimed(mds_request_t *request, const mds_batch_member_t *member,
                      mds_error_t *err)
{
    if (member->type != MDS_JSON_STRING && member->type != MDS_JSON_NULL) {
        return mds_fail(err, MDS_INVALID, "\"%.*s\" is %s; want a string",
                        (int) (member->name.len < MDS_ATTRIBUTE_NAME_MAX
                                   ? member->name.len
                                   : MDS_ATTRIBUTE_NAME_MAX),
                        member->name.data, mds_json_type_name(member->type));
    }

    return mds_request_set_claimed_by_id(request, member->known, member->name,
                                         member->value, err);
}

static bool
mds_batch_has_member(const mds_batch_resource_t *resource, mds_attr_id_t known,
                     mds_str_t name)
{
    for (size_t i = 0; i < resource->count; i++) {
        if (resource->members[i].known == known
            && mds_str_eq(resource->members[i].name, name))
        {
            return true;
        }
    }

    return false;
}

/*
 * Keeps a member. Members beyond the last that is kept are not checked here:
 * the resource is refused for those before. But a name must not come twice in
 * JSON: the library checks that, as its search does not slow down with the
 * number of names.
 */
static bool
mds_batch_keep(mds_batch_reader_t *r, mds_batch_resource_t *resource,
               const mds_batch_member_t *member)
{
    if (resource->count == MDS_BATCH_MEMBERS_MAX) {
        r->odd = true;
        return true;
    }

    if (r->member == r->members_end
        || mds_batch_has_member(resource, member->known, member->name))
    {
        return false;
    }

    *r->member++ = *member;
    resource->count++;

    return true;
}

/* Refuses "device" and "user" in a resource: a request that named another in
 * each could speak for many devices, and take a place in a window for each of
 * them. */
static void
mds_batch_refuse_identity(mds_batch_reader_t *r, mds_attr_id_t known)
{
    const char *name = known == MDS_ATTR_DEVICE ? "device" : "user";

    if ((known == MDS_ATTR_DEVICE || known == MDS_ATTR_USER)
        && r->status == MDS_OK) {
        r->status
            = mds_fail(r->err, MDS_INVALID,
                       "/resources/%zu/%s: a request speaks for one device and"
                       " one user; \"%s\" must be beside \"resources\"",
                       r->batch->count, name, name);
    }
}

static bool
mds_batch_read_member(mds_batch_reader_t *r, mds_str_t name)
{
    mds_batch_resource_t *resource = &r->batch->resources[r->batch->count];
    mds_batch_member_t    member = { .name = name, .known = mds_attr_id(name) };

    mds_batch_refuse_identity(r, member.known);

    if (!mds_batch_read_value(r, &member.type, &member.value)
        || !mds_batch_keep(r, resource, &member))
    {
        return false;
    }

    if (member.known == MDS_ATTR_KIND) {
        resource->kind = member.value;
    } else if (member.known == MDS_ATTR_NAME) {
        resource->name = member.value;
    }

    return true;
}

static bool
mds_batch_read_resource(mds_batch_reader_t *r)
{
    mds_batch_resource_t *resource = &r->batch->resources[r->batch->count];
    mds_str_t             value;
    char                  c;

    *resource = (mds_batch_resource_t){ .type = MDS_JSON_OBJECT,
                                        .members = r->member,
                                        .kind = mds_str(""),
                                        .name = mds_str("") };

    return mds_batch_next(r, &c)
           && (c == '{' ? mds_batch_read_object(r, mds_batch_read_member)
                        : mds_batch_read_value(r, &resource->type, &value));
}

/* Reads the resources. Those beyond the last that is allowed are only counted.
 */
static bool
mds_batch_read_resources(mds_batch_reader_t *r)
{
    mds_json_type_t type;
    mds_str_t       value;
    bool            read = true;

    if (!mds_batch_take(r, '[')) {
        return false;
    }

    if (mds_batch_take(r, ']')) {
        return true;
    }

    do {
        read = r->batch->count < MDS_BATCH_MAX
                   ? mds_batch_read_resource(r)
                   : mds_batch_read_value(r, &type, &value);
        r->batch->count++;
    } while (read && mds_batch_take(r, ','));

    return read && mds_batch_take(r, ']');
}

static bool
mds_batch_read_common(mds_batch_reader_t *r, mds_str_t name)
{
    mds_batch_member_t member = { .name = name, .known = mds_attr_id(name) };
    bool               resources = mds_str_eq(name, mds_str("resources"));
    char               c;

    if (resources && r->resources != MDS_JSON_ABSENT) {
        return false;
    }

    if (resources && mds_batch_next(r, &c) && c == '[') {
        r->resources = MDS_JSON_ARRAY;
        return mds_batch_read_resources(r);
    }

    if (!mds_batch_read_value(r, &member.type, &member.value)) {
        return false;
    }

    if (resources) {
        r->resources = member.type;
    } else if (r->status == MDS_OK) {
        r->status = mds_batch_set_claimed(&r->batch->common, &member, r->err);
    }

    return true;
}

/* Reads the body; *type is the type of its value. */
static bool
mds_batch_read(mds_batch_reader_t *r, mds_str_t body, mds_json_type_t *type)
{
    mds_str_t value;
    char      c;

    if (!mds_str_is_utf8(body) || !mds_batch_next(r, &c)) {
        return false;
    }

    *type = MDS_JSON_OBJECT;

    return (c == '{' ? mds_batch_read_object(r, mds_batch_read_common)
                     : mds_batch_read_value(r, type, &value))
           && !mds_batch_next(r, &c);
}

/* Checks a body that is JSON for mistakes. */
static mds_status_t
mds_batch_check(const mds_batch_reader_t *r, mds_json_type_t type)
{
    if (type != MDS_JSON_OBJECT) {
        return mds_fail(r->err, MDS_INVALID, "the body is %s; want an object",
                        mds_json_type_name(type));
    }

    if (r->resources != MDS_JSON_ARRAY) {
        return mds_fail(r->err, MDS_INVALID,
                        "/resources is %s; want a list of resources",
                        mds_json_type_name(r->resources));
    }

    if (r->batch->count > MDS_BATCH_MAX) {
        return mds_fail(r->err, MDS_INVALID,
                        "/resources has %zu of them; at most %d are allowed",
                        r->batch->count, MDS_BATCH_MAX);
    }

    return r->status;
}

/* Parses the body with the JSON library, and returns its error, or a general
 * one if only this reader has failed. */
static mds_status_t
mds_batch_explain(mds_str_t body, bool read, mds_error_t *err)
{
    mds_json_t  *json;
    mds_status_t status = mds_json_parse(body, "body", err, &json);

    if (status == MDS_OK) {
        mds_json_release(json);
    }

    return status == MDS_OK && !read
               ? mds_fail(err, MDS_INVALID, "body: it is not valid JSON")
               : status;
}

/* Returns the number of members that JSON of that length can have. */
static size_t
mds_batch_members_max(size_t len)
{
    return len / MDS_BATCH_MEMBER_BYTES + 1;
}

size_t
mds_batch_bytes(size_t len)
{
    /* No string takes more bytes decoded than encoded. */
    return sizeof(mds_batch_t)
           + mds_batch_members_max(len) * sizeof(mds_batch_member_t) + len;
}

mds_status_t
mds_batch_parse(mds_str_t body, const mds_request_t *fixed, void *memory,
                mds_error_t *err, mds_batch_t **batch)
{
    mds_batch_t *parsed = memory;
    char        *decoded
        = (char *) (parsed->members + mds_batch_members_max(body.len));
    mds_batch_reader_t r = {
        .p = body.data,
        .end = body.data + body.len,
        .decoded = { .p = decoded, .end = decoded + body.len },
        .batch = parsed,
        .member = parsed->members,
        .members_end = parsed->members + mds_batch_members_max(body.len),
        .err = err,
    };
    mds_json_type_t type = MDS_JSON_ABSENT;
    mds_status_t    status = MDS_OK;
    bool            read;

    parsed->count = 0;
    mds_request_copy(&parsed->common, fixed);

    read = mds_batch_read(&r, body, &type);

    if (!read || r.odd || r.status != MDS_OK) {
        status = mds_batch_explain(body, read, err);
    }

    if (status == MDS_OK) {
        status = mds_batch_check(&r, type);
    }

    if (status != MDS_OK) {
        return status;
    }

    mds_request_allow_override(&parsed->common);
    *batch = parsed;

    return MDS_OK;
}

size_t
mds_batch_count(const mds_batch_t *batch)
{
    return batch->count;
}

mds_str_t
mds_batch_app(const mds_batch_t *batch)
{
    return mds_request_attr(&batch->common, MDS_ATTR_APP);
}

bool
mds_batch_names_app(const mds_batch_t *batch, size_t i)
{
    return batch->resources[i].type == MDS_JSON_OBJECT
           && mds_batch_has_member(&batch->resources[i], MDS_ATTR_APP,
                                   mds_str("app"));
}

mds_status_t
mds_batch_validate(const mds_batch_t *batch, mds_error_t *err)
{
    size_t i = 0;

    if (mds_batch_app(batch).len == 0) {
        while (i < batch->count && mds_batch_names_app(batch, i)) {
            i++;
        }

        if (batch->count == 0 || i < batch->count) {
            return mds_fail(err, MDS_INVALID,
                            "\"app\" is missing; it must be beside"
                            " \"resources\"");
        }
    }

    return mds_request_validate_versions(&batch->common, err);
}

mds_str_t
mds_batch_kind(const mds_batch_t *batch, size_t i)
{
    return batch->resources[i].kind;
}

mds_str_t
mds_batch_name(const mds_batch_t *batch, size_t i)
{
    return batch->resources[i].name;
}

mds_status_t
mds_batch_request(const mds_batch_t *batch, size_t i, mds_request_t *request,
                  mds_error_t *err)
{
    const mds_batch_resource_t *resource = &batch->resources[i];
    mds_status_t                status = MDS_OK;

    if (resource->type != MDS_JSON_OBJECT) {
        return mds_fail(err, MDS_INVALID, "it is %s; want an object",
                        mds_json_type_name(resource->type));
    }

    mds_request_copy(request, &batch->common);

    for (size_t m = 0; status == MDS_OK && m < resource->count; m++) {
        status = mds_batch_set_claimed(request, &resource->members[m], err);
    }

    return status == MDS_OK ? mds_request_validate(request, err) : status;
}
