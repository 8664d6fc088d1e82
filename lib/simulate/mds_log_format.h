/*
 * mds_log_format: reads lines of an access log that nginx has written in a
 * format of its log_format directive.
 *
 * A format is text with variables in between. A line is read from left to
 * right: the value of a variable ends where the text behind it begins. Values
 * stay as they were escaped; mds_log_unescape() undoes that.
 *
 * Behind text that ends with mds_attribute_NAME and an equals sign or a colon,
 * quotes aside, a variable is the attribute of that name, which the operator
 * sets in nginx:
 *
 *   mds_attribute_city="$geoip2_data_city_name"
 */

#ifndef MDS_LOG_FORMAT_H
#define MDS_LOG_FORMAT_H

#include "base/mds_base.h"

#define MDS_LOG_PARTS_MAX 128
#define MDS_LOG_ATTRIBUTES_MAX 16
#define MDS_LOG_FORMAT_BYTES 8192

typedef enum {
    MDS_LOG_ESCAPE_DEFAULT, /* \xHH; "-" is an empty value */
    MDS_LOG_ESCAPE_JSON,    /* as in a string of JSON */
    MDS_LOG_ESCAPE_NONE
} mds_log_escape_t;

/* The variables that matter. */
typedef enum {
    MDS_LOG_REQUEST,     /* $request: "GET /mds/v1/check?… HTTP/1.1" */
    MDS_LOG_METHOD,      /* $request_method */
    MDS_LOG_REQUEST_URI, /* $request_uri: path and query */
    MDS_LOG_URI,         /* $uri, $document_uri: the path */
    MDS_LOG_ARGS,        /* $args, $query_string */
    MDS_LOG_BODY,        /* $request_body */
    MDS_LOG_FIELDS,
    MDS_LOG_ATTRIBUTE = MDS_LOG_FIELDS, /* the first of the attributes */
    MDS_LOG_OTHER = MDS_LOG_FIELDS + MDS_LOG_ATTRIBUTES_MAX
} mds_log_field_t;

/* A variable, and the text behind it, which is empty at the end of a line. */
typedef struct {
    uint8_t   field;
    mds_str_t text;
} mds_log_part_t;

typedef struct {
    mds_log_escape_t escape;
    mds_str_t        head; /* text before the first variable */
    size_t           part_count;
    mds_log_part_t   parts[MDS_LOG_PARTS_MAX];
    uint32_t         fields; /* a bit for each mds_log_field_t that it has */
    size_t           attribute_count;
    mds_str_t        attributes[MDS_LOG_ATTRIBUTES_MAX]; /* their names */
    size_t           len;
    char             bytes[MDS_LOG_FORMAT_BYTES]; /* of all texts */
} mds_log_format_t;

/* The values of a line, as they stand there; empty for one that is not in the
 * format. They are views of the line. */
typedef struct {
    mds_str_t values[MDS_LOG_OTHER];
} mds_log_line_t;

/*
 * Parses a format as it stands in nginx.conf: the words of a log_format
 * directive with or without its name, quoted or not, with escape=…; or the name
 * "combined". MDS_INVALID: it has no request, two variables touch, or it is too
 * long.
 */
mds_status_t mds_log_format_parse(mds_str_t text, mds_error_t *err,
                                  mds_log_format_t *format) MDS_MUST_CHECK;

/* Returns whether a line, without its end, fits the format. *line is written to
 * in any case. */
bool mds_log_format_read(const mds_log_format_t *format, mds_str_t text,
                         mds_log_line_t *line);

/*
 * Undoes nginx's escaping of a value. *room has at least as many bytes as the
 * value, and is used if something was escaped. False: an escape is not one of
 * nginx's.
 */
bool mds_log_unescape(mds_log_escape_t escape, mds_str_t value, char *room,
                      mds_str_t *plain);

#endif
