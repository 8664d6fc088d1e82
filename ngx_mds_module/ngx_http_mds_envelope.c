/*
 * The manifest and its signature in one piece, for clients that would rather
 * have a DSSE envelope.
 */

#include "ngx_http_mds_module.h"

#define NGX_HTTP_MDS_PAYLOAD_TYPE "application/vnd.mds.manifest+json"

/* What stands between open and close in text; empty: not there. */
static ngx_str_t
ngx_http_mds_between(mds_str_t text, const char *open, u_char close)
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

/* The same signature, the same bytes, as DSSE 1.0.2 packs them. */
ngx_int_t
ngx_http_mds_envelope(ngx_http_request_t *r, const mds_decision_t *decision,
                      ngx_str_t *envelope)
{
    static const char format[]
        = "{\"payload\":\"%V\",\"payloadType\":\"" NGX_HTTP_MDS_PAYLOAD_TYPE
          "\",\"signatures\":[{\"keyid\":\"%V\",\"sig\":\"%V\"}]}";
    ngx_str_t manifest, payload, keyid, sig;
    u_char   *p;

    keyid = ngx_http_mds_between(decision->signature, "keyid=\"", '"');
    sig = ngx_http_mds_between(decision->signature, "sig=:", ':');

    manifest.data = (u_char *) decision->manifest.data;
    manifest.len = decision->manifest.len;

    payload.len = ngx_base64_encoded_length(manifest.len);
    payload.data = ngx_pnalloc(r->pool, payload.len);
    envelope->len = sizeof(format) + payload.len + keyid.len + sig.len;
    envelope->data = ngx_pnalloc(r->pool, envelope->len);
    if (payload.data == NULL || envelope->data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&payload, &manifest);
    p = ngx_snprintf(envelope->data, envelope->len, format, &payload, &keyid,
                     &sig);
    envelope->len = p - envelope->data;

    return NGX_OK;
}
