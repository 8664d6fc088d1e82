/*
 * Random documents of one app and random requests, small enough that their
 * parts often meet, and what should come of them: a second reading of
 * interface.md, section 2, plain and slow, that shares no code with lib/.
 */

#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "dice.h"

#define WORLD_MANY 12
#define WORLD_FEW 4

/* Texts by number, some of them. */
typedef struct {
    unsigned    count;
    const char *items[WORLD_FEW];
} world_set_t;

typedef struct {
    const char *attribute;
    const char *op;
    world_set_t values;
    const char *min; /* NULL: open */
    const char *max;
    const char *below;
} world_rule_t;

typedef struct {
    unsigned     count;
    world_rule_t items[WORLD_FEW];
} world_rules_t;

typedef struct {
    const char *name;
    bool        by_device;
    world_set_t ids;
    world_set_t without;
    const char *prefix; /* of a pattern "^prefix"; NULL: none */
} world_list_t;

typedef struct {
    const char   *kind;
    const char   *name;
    world_set_t   platforms;
    world_set_t   channels;
    const char   *version;
    char          file[16];
    world_rules_t rules;
    bool          has_range; /* "app_version" */
    world_rule_t  range;
    bool          embedded;
    int           deltas; /* below zero: not said */
    world_set_t   wishes; /* instead of deltas */
} world_package_t;

typedef struct {
    const char   *kind;
    const char   *name;
    char          id[8];
    world_set_t   platforms;
    world_set_t   channels;
    const char   *version;
    bool          all;
    double        percent; /* below zero: none */
    bool          has_ramp;
    double        ramp_from;
    double        ramp_to;
    int           ramp_start_s;
    int           ramp_end_s;
    bool          by_user;
    world_set_t   lists;
    world_set_t   except;
    world_rules_t rules;
    int           priority;
    const char   *state;
    int           start_s; /* from now; 0: not said */
    int           end_s;
    const char   *stage;
    world_set_t   force_full;
    const char   *missing; /* NULL: not said */
} world_release_t;

typedef struct {
    char            app[16];
    unsigned        resource_count;
    const char     *kinds[2];
    const char     *names[2];
    world_set_t     full_channels;
    unsigned        list_count;
    world_list_t    lists[WORLD_FEW];
    unsigned        package_count;
    world_package_t packages[WORLD_MANY];
    unsigned        release_count;
    world_release_t releases[WORLD_MANY];
} world_t;

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
    world_set_t refuse;
} world_device_t;

void world_roll(dice_t *dice, world_t *world);
void
world_roll_device(dice_t *dice, const world_t *world, world_device_t *device);

/* As JSON, which the caller frees; as a query. */
char *world_document(const world_t *world, int64_t now_ms);
void  world_query(const world_t *world, const world_device_t *device,
                  char query[1024]);

/* Whether the device's installed hotfix is for another app_version. */
bool second_foreign(const world_t *world, const world_device_t *device);

/* What shelf_ask() should say. The delta's fate is shelf_delta's. */
void second_decide(const world_t *world, const world_device_t *device,
                   char line[512]);

#endif
