/*
 * service: the options for requests to a service: its URL, certificates, user
 * and time limits. Secrets are never printed.
 */

#ifndef MDSCTL_SERVICE_H
#define MDSCTL_SERVICE_H

#include "device/http.h"
#include "mdsctl.h"

/* The options of a command that sends requests; zeroed by the caller. */
typedef struct {
    const char     *deadline; /* --deadline */
    const char     *rate;     /* --least-rate */
    const char     *cacert;
    const char     *cert;
    const char     *cert_key;
    const char     *user;
    mdsctl_values_t headers;
} mdsctl_service_t;

/* The rows of an option table; the struct has the service as this member. */
#define MDSCTL_SERVICE_OPTIONS(struct_type, member)                            \
    { "deadline", "SECONDS", "time for one transfer in s; default 3600",       \
      MDSCTL_STORE(struct_type, member.deadline) },                            \
        { "least-rate", "BYTES[/SECONDS]",                                     \
          "least mean rate in bytes/s; default 1000/30",                       \
          MDSCTL_STORE(struct_type, member.rate) },                            \
        { "cacert", "FILE", "authorities (PEM); default: the system's",        \
          MDSCTL_STORE(struct_type, member.cacert) },                          \
        { "cert", "FILE", "the device's certificate (PEM)",                    \
          MDSCTL_STORE(struct_type, member.cert) },                            \
        { "cert-key", "FILE", "its key (PEM); default: in --cert's file",      \
          MDSCTL_STORE(struct_type, member.cert_key) },                        \
        { "user", "NAME:PASSWORD", "HTTP basic authentication",                \
          MDSCTL_STORE(struct_type, member.user) },                            \
    {                                                                          \
        "header", "\"NAME: VALUE\"", "a header line; may be repeated",         \
            MDSCTL_STORE(struct_type, member.headers)                          \
    }

/*
 * Checks the options and the URL. Moves a user in the URL to options->user, in
 * place, so that the URL can be printed. *options has pointers to the arguments
 * of the command. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the
 * error.
 */
int mdsctl_service(const mdsctl_service_t *service, char *url,
                   mdsctl_http_options_t *options) MDS_MUST_CHECK;

#endif
