/*
 * Accept, read with its weights (RFC 9110, 12.5.1). Parameters of a media range
 * other than q, and malformed ranges, are ignored.
 */

#include "ngx_http_mds_accept.h"

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

/* Updates the weights of the types by all lines of the header. */
static void
ngx_http_mds_accept_lines(ngx_http_request_t *r, ngx_str_t *types,
                          ngx_http_mds_weight_t *weights, size_t count)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    /* headers_in.accept is only one of the lines. */
    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        h = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].key.len != sizeof("Accept") - 1
                || ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                                   h[i].key.len)
                       != 0)
            {
                continue;
            }

            for (size_t k = 0; k < count; k++) {
                ngx_http_mds_accept_line(h[i].value, &types[k], &weights[k]);
            }
        }
    }
}

ngx_uint_t
ngx_http_mds_accepts(ngx_http_request_t *r, ngx_str_t *type, ngx_str_t *usual)
{
    ngx_str_t             types[2] = { *type, *usual };
    ngx_http_mds_weight_t weights[2] = { { NGX_HTTP_MDS_RANGE_OTHER, 0 } };

    ngx_http_mds_accept_lines(r, types, weights, 2);

    return weights[0].q > weights[1].q
           || (weights[0].q == weights[1].q && weights[0].q > 0
               && weights[0].range == NGX_HTTP_MDS_RANGE_TYPE);
}

ngx_int_t
ngx_http_mds_accept_named(ngx_http_request_t *r, ngx_str_t *types, size_t count)
{
    ngx_http_mds_weight_t weights[NGX_HTTP_MDS_ACCEPT_MAX]
        = { { NGX_HTTP_MDS_RANGE_OTHER, 0 } };
    ngx_int_t best = -1;

    count = ngx_min(count, NGX_HTTP_MDS_ACCEPT_MAX);
    ngx_http_mds_accept_lines(r, types, weights, count);

    for (size_t k = 0; k < count; k++) {
        if (weights[k].range == NGX_HTTP_MDS_RANGE_TYPE && weights[k].q > 0
            && (best == -1 || weights[k].q > weights[best].q))
        {
            best = (ngx_int_t) k;
        }
    }

    return best;
}
