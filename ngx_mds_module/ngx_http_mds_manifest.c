/*
 * The answer to a single check: the manifest with its signature, in the form
 * that the client prefers. That is JSON with the signature in MDS-Signature, or
 * a DSSE envelope that holds both.
 *
 * Accept is read with its weights (RFC 9110, 12.5.1). Parameters of a media
 * range other than q, and malformed ranges, are ignored.
 */

#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_respond.h"

#define NGX_HTTP_MDS_PAYLOAD_TYPE "application/vnd.mds.manifest+json"

#define NGX_HTTP_MDS_Q_MAX 1000 /* weights are counted in thousandths */

/* Ranks of matching ranges: the weight is that of the most specific one. */
enum {
    NGX_HTTP_MDS_RANGE_OTHER,
    NGX_HTTP_MDS_RANGE_ALL,  /* any type at all */
    NGX_HTTP_MDS_RANGE_MAIN, /* application, any subtype */
    NGX_HTTP_MDS_RANGE_TYPE,
};

typedef struct {
    ngx_uint_t range;
    ngx_uint_t q;
} ngx_http_mds_weight_t;

typedef struct {
    ngx_str_t payload; /* base64 */
    ngx_str_t keyid;
    ngx_str_t sig;
} ngx_http_mds_envelope_t;

/* Returns the text up to the next separator outside quotes, trimmed, and moves
 * *text behind it. */
static ngx_str_t
ngx_http_mds_accept_cut(ngx_str_t *text, u_char separator)
{
    ngx_str_t  piece = { 0, text->data };
    ngx_uint_t quoted = 0;
    size_t     i;

    for (i = 0; i < text->len; i++) {
        u_char c = text->data[i];

        if (c == '"') {
            quoted = !quoted;
        } else if (c == '\\' && quoted) {
            i++;
        } else if (c == separator && !quoted) {
            break;
        }
    }

    i = ngx_min(i, text->len);
    piece.len = i;
    i += i < text->len ? 1 : 0;
    text->data += i;
    text->len -= i;

    while (piece.len > 0 && (*piece.data == ' ' || *piece.data == '\t')) {
        piece.data++;
        piece.len--;
    }

    while (piece.len > 0
           && (piece.data[piece.len - 1] == ' '
               || piece.data[piece.len - 1] == '\t'))
    {
        piece.len--;
    }

    return piece;
}

/* Reads a weight, "0", "0.5", "1.000": at most three decimals, at most 1. */
static ngx_int_t
ngx_http_mds_accept_q(ngx_str_t text, ngx_uint_t *q)
{
    ngx_uint_t value, unit = NGX_HTTP_MDS_Q_MAX;

    if (text.len == 0 || text.len > sizeof("0.000") - 1
        || (text.data[0] != '0' && text.data[0] != '1')
        || (text.len > 1 && text.data[1] != '.'))
    {
        return NGX_ERROR;
    }

    value = (text.data[0] - '0') * unit;

    for (size_t i = 2; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return NGX_ERROR;
        }

        unit /= 10;
        value += (text.data[i] - '0') * unit;
    }

    if (value > NGX_HTTP_MDS_Q_MAX) {
        return NGX_ERROR;
    }

    *q = value;

    return NGX_OK;
}

static ngx_uint_t
ngx_http_mds_accept_range(ngx_str_t *range, ngx_str_t *type)
{
    size_t main
        = ngx_strlchr(type->data, type->data + type->len, '/') - type->data + 1;

    if (range->len == type->len
        && ngx_strncasecmp(range->data, type->data, type->len) == 0)
    {
        return NGX_HTTP_MDS_RANGE_TYPE;
    }

    if (range->len == main + 1 && range->data[main] == '*'
        && ngx_strncasecmp(range->data, type->data, main) == 0)
    {
        return NGX_HTTP_MDS_RANGE_MAIN;
    }

    return range->len == 3 && ngx_strncmp(range->data, "*/*", 3) == 0
               ? NGX_HTTP_MDS_RANGE_ALL
               : NGX_HTTP_MDS_RANGE_OTHER;
}

/* Updates the weight of type by one line of the header. */
static void
ngx_http_mds_accept_line(ngx_str_t line, ngx_str_t *type,
                         ngx_http_mds_weight_t *weight)
{
    ngx_str_t  element, piece;
    ngx_uint_t range, q;
    ngx_int_t  rc;

    while (line.len > 0) {
        element = ngx_http_mds_accept_cut(&line, ',');
        piece = ngx_http_mds_accept_cut(&element, ';');
        range = ngx_http_mds_accept_range(&piece, type);
        q = NGX_HTTP_MDS_Q_MAX;
        rc = NGX_OK;

        while (rc == NGX_OK && element.len > 0) {
            piece = ngx_http_mds_accept_cut(&element, ';');

            if (piece.len > 1 && (piece.data[0] | 0x20) == 'q'
                && piece.data[1] == '=') {
                piece.data += 2;
                piece.len -= 2;
                rc = ngx_http_mds_accept_q(piece, &q);
                break;
            }
        }

        if (rc == NGX_OK && range != NGX_HTTP_MDS_RANGE_OTHER
            && (range > weight->range
                || (range == weight->range && q > weight->q)))
        {
            weight->range = range;
            weight->q = q;
        }
    }
}

/* Returns 1 if Accept prefers type to the usual one, or names it with the same
 * weight. */
static ngx_uint_t
ngx_http_mds_accepts(ngx_http_request_t *r, ngx_str_t *type, ngx_str_t *usual)
{
    ngx_http_mds_weight_t wanted = { NGX_HTTP_MDS_RANGE_OTHER, 0 };
    ngx_http_mds_weight_t other = { NGX_HTTP_MDS_RANGE_OTHER, 0 };
    ngx_list_part_t      *part;
    ngx_table_elt_t      *h;

    /* headers_in.accept is only one of the lines. */
    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        h = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("Accept") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                                   h[i].key.len)
                       == 0)
            {
                ngx_http_mds_accept_line(h[i].value, type, &wanted);
                ngx_http_mds_accept_line(h[i].value, usual, &other);
            }
        }
    }

    return wanted.q > other.q
           || (wanted.q == other.q && wanted.q > 0
               && wanted.range == NGX_HTTP_MDS_RANGE_TYPE);
}

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
    static ngx_str_t dsse = ngx_string("application/vnd.dsse.envelope.v1+json");
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
    response.body = ngx_http_mds_str(decision->manifest);

    if (ngx_http_mds_accepts(e->r, &dsse, &ngx_http_mds_json_type)) {
        response.type = &dsse;
        if (ngx_http_mds_envelope(e->r, decision, &response.body) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_mds_respond(e->r, &response);
}
