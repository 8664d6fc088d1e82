/*
 * The answer to a single check: the manifest with its signature, in the form
 * that the client prefers. That is JSON with the signature in MDS-Signature, or
 * a DSSE envelope that holds both.
 */

#include "ngx_http_mds_accept.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_respond.h"

#define NGX_HTTP_MDS_PAYLOAD_TYPE "application/vnd.mds.manifest+json"

typedef struct {
    ngx_str_t payload; /* base64 */
    ngx_str_t keyid;
    ngx_str_t sig;
} ngx_http_mds_envelope_t;

/* Returns the text between open and close; empty: not found. */
static ngx_str_t
ngx_http_mds_find_between(mds_str_t text, const char *open, u_char close)
{
    u_char   *end = (u_char *) text.data + text.len, *p;
    ngx_str_t found = ngx_null_string;

    p = ngx_strnstr((u_char *) text.data, (char *) open, text.len);
    if (p == NULL) {
        return found;
    }

    p += ngx_strlen(open);
    end = ngx_strlchr(p, end, close);
    if (end != NULL) {
        found.data = p;
        found.len = end - p;
    }

    return found;
}

static void
ngx_http_mds_envelope_write(ngx_http_mds_json_t *w, const void *data)
{
    const ngx_http_mds_envelope_t *envelope = data;

    ngx_http_mds_json_string(w, "{\"payload\":\"",
                             ngx_http_mds_view(&envelope->payload));
    ngx_http_mds_json_raw(w,
                          ",\"payloadType\":\"" NGX_HTTP_MDS_PAYLOAD_TYPE "\"");
    ngx_http_mds_json_string(w, ",\"signatures\":[{\"keyid\":\"",
                             ngx_http_mds_view(&envelope->keyid));
    ngx_http_mds_json_string(w, ",\"sig\":\"",
                             ngx_http_mds_view(&envelope->sig));
    ngx_http_mds_json_raw(w, "}]}");
}

/* Replaces the body, a manifest, by a DSSE 1.0.2 envelope with the same bytes
 * and the same signature. */
static ngx_int_t
ngx_http_mds_envelope(ngx_http_request_t *r, const mds_decision_t *decision,
                      ngx_str_t *body)
{
    ngx_http_mds_envelope_t envelope;

    envelope.keyid
        = ngx_http_mds_find_between(decision->signature, "keyid=\"", '"');
    envelope.sig = ngx_http_mds_find_between(decision->signature, "sig=:", ':');

    envelope.payload.data
        = ngx_pnalloc(r->pool, ngx_base64_encoded_length(body->len));
    if (envelope.payload.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&envelope.payload, body);

    return ngx_http_mds_json_body(r->pool, ngx_http_mds_envelope_write,
                                  &envelope, body);
}

ngx_int_t
ngx_http_mds_manifest_respond(ngx_http_mds_evaluation_t *e)
{
    ngx_http_mds_response_t response = { .type = &ngx_http_mds_json_type };
    const mds_decision_t   *decision = &e->questions->decision;

    if (e->questions->status != MDS_OK) {
        return ngx_http_mds_refuse_unavailable(e->r);
    }

    response.poll_after_s = ngx_http_mds_poll_after(decision->poll_after_s,
                                                    decision->poll_jitter_s);

    if (decision->action == MDS_ACTION_NONE) {
        return ngx_http_mds_respond(e->r, &response);
    }

    response.signature = ngx_http_mds_str(decision->signature);
    response.proof = e->questions->proof;
    response.body = ngx_http_mds_str(decision->manifest);

    if (ngx_http_mds_accepts(e->r, &ngx_http_mds_dsse_type,
                             &ngx_http_mds_json_type))
    {
        response.type = &ngx_http_mds_dsse_type;
        if (ngx_http_mds_envelope(e->r, decision, &response.body) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_mds_respond(e->r, &response);
}
