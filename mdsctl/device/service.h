/*
 * service: how a service is reached: its URL, who asks, and how long that may
 * take. What is secret of it is never printed.
 */

#ifndef MDSCTL_SERVICE_H
#define MDSCTL_SERVICE_H

#include "device/http.h"
#include "mdsctl.h"

/* The options of a command that asks a service; all zero before. */
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
 * Checks the options and the URL, which is cut where it is: a user in front of
 * its host goes to options->user. What *options points to lives as long as the
 * words of the command. MDSCTL_DONE, or MDSCTL_USAGE with the mistake printed.
 */
int mdsctl_service(const mdsctl_service_t *service, char *url,
                   mdsctl_http_options_t *options) MDS_MUST_CHECK;

#endif
