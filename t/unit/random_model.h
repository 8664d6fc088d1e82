/*
 * Random documents of one app and random requests, small enough that their
 * parts often meet, and what should come of them: a second reading of
 * interface.md, section 2, plain and slow, that shares no code with lib/.
 */

#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "prng.h"

#define RANDOM_MANY 12
#define RANDOM_FEW 4

/* Texts by number, some of them. */
typedef struct {
    unsigned    count;
    const char *items[RANDOM_FEW];
} random_set_t;

typedef struct {
    const char *attribute;
    const char *op;
    random_set_t values;
    const char *min; /* NULL: open */
    const char *max;
    const char *below;
    bool        absent;
    bool        fold;
    bool        number;
} random_rule_t;

typedef struct {
    unsigned     count;
    random_rule_t items[RANDOM_FEW];
} random_rules_t;

typedef struct {
    const char *name;
    bool        by_device;
    random_set_t ids;
    random_set_t without;
    const char *prefix; /* of a pattern "^prefix"; NULL: none */
} random_list_t;

typedef struct {
    const char   *kind;
    const char   *name;
    random_set_t   platforms;
    random_set_t   channels;
    const char   *version;
    char          file[16];
    random_rules_t rules;
    bool          has_range; /* "app_version" */
    random_rule_t  range;
    bool          embedded;
    const char   *prompt; /* NULL: not said */
    int           deltas; /* below zero: not said */
    random_set_t   specs; /* instead of deltas */
} random_package_t;

typedef struct {
    const char   *kind;
    const char   *name;
    char          id[8];
    random_set_t   platforms;
    random_set_t   channels;
    const char   *version;
    bool          all;
    double        percent; /* below zero: none */
    bool          has_ramp;
    double        ramp_from;
    double        ramp_to;
    int           ramp_start_s;
    int           ramp_end_s;
    bool          by_user;
    const char   *seed; /* NULL: none */
    random_set_t   lists;
    random_set_t   except;
    random_rules_t rules;
    int           priority;
    const char   *state;
    int           start_s; /* from now; 0: not said */
    int           end_s;
    const char   *stage;
    random_set_t   force_full;
    const char   *missing; /* NULL: not said */
    bool          has_halt;
    bool          halt_rollback;
    bool          halted; /* by reports */
    const char   *force_below;
    const char   *prompt;
} random_release_t;

typedef struct {
    char            app[16];
    unsigned        resource_count;
    const char     *kinds[2];
    const char     *names[2];
    random_set_t     full_channels;
    unsigned        list_count;
    random_list_t    lists[RANDOM_FEW];
    unsigned        package_count;
    random_package_t packages[RANDOM_MANY];
    unsigned        release_count;
    random_release_t releases[RANDOM_MANY];
} random_model_t;

/* What a device says; NULL: nothing. */
typedef struct {
    const char *kind;
    const char *name;
    const char *platform;
    const char *channel;
    const char *version;
    const char *app_version;
    const char *user;
    const char *device;
    const char *os_version;
    const char *brand;
    const char *net;
    const char *score;
    random_set_t refuse;
} random_device_t;

void random_model_generate(prng_t *prng, random_model_t *model);
void
random_device(prng_t *prng, const random_model_t *model, random_device_t *device);

/* As JSON, which the caller frees; as a query. */
char *random_document(const random_model_t *model, int64_t now_ms);
void  random_query(const random_model_t *model, const random_device_t *device,
                  char query[1024]);

/* Whether the device's installed hotfix is for another app_version. */
bool reference_foreign(const random_model_t *model, const random_device_t *device);

/* What fixture_decide() should say. The delta's fate is fixture_delta's. */
void reference_decide(const random_model_t *model, const random_device_t *device,
                   char line[512]);

#endif
