/*
 * The body of a batch, and each question in it, under an operator's word.
 * What is taken is JSON, and says what the JSON library reads in it: its
 * strings, those of a resource before those of the body.
 */

#include "fuzz.h"
#include "json/mds_json.h"
#include "request/mds_batch.h"

static void
one_line(const mds_error_t *err)
{
    fuzz_must(mds_str_is_utf8(mds_str_of(err->text))
              && strchr(err->text, '\n') == NULL);
}

/* What the JSON has under the name, as a device's word. */
static mds_str_t
said(const mds_json_t *body, const mds_json_t *resource, mds_str_t name)
{
    const mds_json_t *own = mds_json_find(resource, name);

    return mds_json_string(own != NULL ? own : mds_json_find(body, name));
}

static void
compare(const mds_request_t *request, const mds_json_t *body,
        const mds_json_t *resource)
{
    const mds_json_t *from[] = { body, resource };

    fuzz_must(mds_json_is_object(resource)
              && mds_json_get(resource, "device") == NULL
              && mds_json_get(resource, "user") == NULL);

    for (size_t i = 0; i < request->count; i++) {
        const mds_attribute_t *a = &request->attributes[i];

        fuzz_must(a->value.len <= (mds_str_eq(a->name, mds_str("state"))
                                       ? MDS_TOKEN_MAX
                                       : MDS_VALUE_MAX)
                  && mds_str_is_utf8(a->value));
        fuzz_must(a->trusted
                  || mds_str_eq(a->value, said(body, resource, a->name)));
    }

    for (size_t i = 0; i < mds_nelems(from); i++) {
        mds_json_member_t *m = mds_json_first(from[i]);

        for (; m != NULL; m = mds_json_next(from[i], m)) {
            mds_str_t name = mds_json_key(m);

            fuzz_must(mds_str_eq(name, mds_str("user"))
                      || (i == 0 && mds_str_eq(name, mds_str("resources")))
                      || mds_str_eq(mds_request_get(request, name),
                                    said(body, resource, name)));
        }
    }

    fuzz_must(
        mds_str_eq(mds_request_get(request, mds_str("user")), mds_str("op")));
}

static void
ask(const mds_batch_t *batch, const mds_json_t *body)
{
    const mds_json_t *resources = mds_json_get(body, "resources");
    mds_request_t     request;
    mds_error_t       err;

    fuzz_must(mds_json_is_object(body) && mds_json_is_array(resources));
    fuzz_must(mds_batch_count(batch) == mds_json_size(resources)
              && mds_batch_count(batch) <= MDS_BATCH_MAX);

    for (size_t i = 0; i < mds_batch_count(batch); i++) {
        const mds_json_t *resource = mds_json_at(resources, i);

        fuzz_must(
            mds_str_eq(mds_batch_kind(batch, i),
                       mds_json_string(mds_json_get(resource, "kind")))
            && mds_str_eq(mds_batch_name(batch, i),
                          mds_json_string(mds_json_get(resource, "name"))));

        if (mds_batch_request(batch, i, &request, &err) == MDS_OK) {
            compare(&request, body, resource);
        } else {
            one_line(&err);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t     body = { size, (const char *) data };
    mds_request_t fixed = { 0 };
    void         *memory = fuzz_room(mds_batch_bytes(size));
    mds_batch_t  *batch;
    mds_json_t   *json;
    mds_error_t   err;

    fuzz_must(mds_request_set_trusted(&fixed, mds_str("user"), mds_str("op"), NULL)
              == MDS_OK);

    if (size > MDS_BATCH_BYTES_MAX) {
        /* nginx asks for no more */

    } else if (mds_batch_parse(body, &fixed, memory, &err, &batch) == MDS_OK) {
        fuzz_must(mds_json_parse(body, "body", NULL, &json) == MDS_OK);
        ask(batch, json);
        mds_json_release(json);

    } else {
        one_line(&err);
    }

    free(memory);
    return 0;
}
