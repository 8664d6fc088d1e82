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

#define MDSCTL_SERVICE_OPTIONS(service)                                        \
    { .name = "deadline", .value = &(service).deadline },                      \
        { .name = "least-rate", .value = &(service).rate },                    \
        { .name = "cacert", .value = &(service).cacert },                      \
        { .name = "cert", .value = &(service).cert },                          \
        { .name = "cert-key", .value = &(service).cert_key },                  \
        { .name = "user", .value = &(service).user },                          \
    {                                                                          \
        .name = "header", .values = &(service).headers                         \
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
