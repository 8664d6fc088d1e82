#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mds_time.h"
#include "reading.h"

#define count_of(a) ((unsigned) (sizeof(a) / sizeof((a)[0])))
#define roll_one(dice, a) ((a)[dice_roll(dice, count_of(a))])

/* The same versions under several names, too. */
static const char *const versions[]
    = { "1.0", "1.1", "1.2-rc.1", "1.2", "2", "2.0.1", "1.10" };
static const char *const spelled[] = {
    "1.0",   "1",       "1.1.0", "v1.1",  "1.2-rc.1", "1.2-rc.1+b7",
    "1.2",   "1.2.0.0", "2",     "2.0.0", "2.0.1",    "1.10",
    "1.010", "1.3",     "3",     "0.9",
};
static const char *const platforms[] = { "ios", "android", "web" };
static const char *const asking[]
    = { "ios", "android", "ios", "android", "web" };
static const char *const channels[] = { "mi", "oppo", "play" };
static const char *const users[] = { "u1", "u2", "u3", "u11", "u12" };
static const char *const devices[] = { "d1", "d2", "d3", "d21", "d22" };
static const char *const brands[] = { "Xiaomi", "Xiao", "Redmi", "*" };
static const char *const brand_values[]
    = { "Xiaomi", "Xiao*", "Redmi", "*", "X*", "Mi" };
static const char *const nets[] = { "wifi", "5g" };
static const char *const net_values[] = { "wifi", "5g", "4*" };
static const char *const os_versions[]
    = { "9", "10", "v10.0", "14.1", "14.1-beta", "latest", "1.2" };
static const char *const os_bounds[] = { "9", "10", "14.1", "14" };
static const char *const kinds[][2]
    = { { "upgrade", "" },  { "hotfix", "" },  { "bundle", "b" },
        { "bundle", "bb" }, { "sdk", "core" }, { "data", "d" },
        { "x-own", "own" }, { "x-own", "" } };
static const char *const states[]
    = { "running", "running", "running", "running",
        "paused",  "ended",   "ended",   "rolled_back" };
static const double      percents[] = { 0, 0.5, 10, 33.3, 50, 75, 99.99, 100 };
static const char *const list_names[] = { "crew", "lab", "old", "qa" };

/* None in half of the cases. */
static void
roll_set(dice_t *dice, const char *const *items, unsigned count,
         world_set_t *set)
{
    set->count = 0;

    if (dice_once_in(dice, 2)) {
        return;
    }

    for (unsigned i = 0; i < count && set->count < WORLD_FEW; i++) {
        if (dice_once_in(dice, 2)) {
            set->items[set->count++] = items[i];
        }
    }
}

/* One at least. */
static void
roll_some(dice_t *dice, const char *const *items, unsigned count,
          world_set_t *set)
{
    roll_set(dice, items, count, set);

    if (set->count == 0) {
        set->items[set->count++] = items[dice_roll(dice, count)];
    }
}

/* Bounds that do not cross. */
static void
roll_range(dice_t *dice, const char *const *bounds, unsigned count,
           world_rule_t *rule)
{
    do {
        rule->min
            = dice_once_in(dice, 2) ? bounds[dice_roll(dice, count)] : NULL;
        rule->max
            = dice_once_in(dice, 3) ? bounds[dice_roll(dice, count)] : NULL;
        rule->below
            = dice_once_in(dice, 3) ? bounds[dice_roll(dice, count)] : NULL;
    } while ((rule->min == NULL && rule->max == NULL && rule->below == NULL)
             || (rule->min != NULL && rule->max != NULL
                 && reading_cmp(rule->min, rule->max) > 0)
             || (rule->min != NULL && rule->below != NULL
                 && reading_cmp(rule->min, rule->below) >= 0));
}

static void
roll_rule(dice_t *dice, world_rule_t *rule)
{
    bool negated = dice_once_in(dice, 3);

    *rule = (world_rule_t){ .op = negated ? "not_in" : "in" };

    switch (dice_roll(dice, 5)) {
    case 0:
        rule->attribute = "brand";
        roll_some(dice, brand_values, count_of(brand_values), &rule->values);
        return;
    case 1:
        rule->attribute = "net";
        roll_some(dice, net_values, count_of(net_values), &rule->values);
        return;
    case 2:
        rule->attribute = "version";
        roll_range(dice, versions, count_of(versions), rule);
        break;
    case 3:
        rule->attribute = "app_version";
        roll_range(dice, versions, count_of(versions), rule);
        break;
    default:
        rule->attribute = "os_version";
        roll_range(dice, os_bounds, count_of(os_bounds), rule);
    }

    rule->op = negated ? "not_range" : "range";
}

static void
roll_rules(dice_t *dice, world_rules_t *rules)
{
    rules->count = dice_once_in(dice, 5) ? 1 + dice_roll(dice, 2) : 0;

    for (unsigned i = 0; i < rules->count; i++) {
        roll_rule(dice, &rules->items[i]);
    }
}

static void
roll_list(dice_t *dice, world_list_t *list)
{
    list->by_device = dice_once_in(dice, 2);
    list->prefix = NULL;
    roll_some(dice, list->by_device ? devices : users, count_of(users),
              &list->ids);
    roll_set(dice, list->by_device ? devices : users, count_of(users),
             &list->without);

    if (dice_once_in(dice, 3)) {
        list->prefix = list->by_device ? "d2" : "u1";
    }
}

static bool
meet(const world_set_t *a, const world_set_t *b)
{
    for (unsigned i = 0; i < a->count; i++) {
        for (unsigned j = 0; j < b->count; j++) {
            if (a->items[i] == b->items[j]) {
                return true;
            }
        }
    }

    return a->count == 0 || b->count == 0;
}

/* Differences can be asked for from versions for the same devices alone. */
static void
roll_wishes(dice_t *dice, const world_t *world, world_package_t *package)
{
    for (unsigned i = 0; i < world->package_count; i++) {
        const world_package_t *from = &world->packages[i];

        if (strcmp(from->kind, package->kind) == 0
            && strcmp(from->name, package->name) == 0
            && meet(&from->platforms, &package->platforms)
            && meet(&from->channels, &package->channels)
            && package->wishes.count < WORLD_FEW && dice_once_in(dice, 2))
        {
            package->wishes.items[package->wishes.count++] = from->version;
        }
    }
}

static void
roll_package(dice_t *dice, const world_t *world, world_package_t *package)
{
    unsigned resource = dice_roll(dice, world->resource_count);

    *package = (world_package_t){
        .kind = world->kinds[resource],
        .name = world->names[resource],
        .version = dice_once_in(dice, 4) ? roll_one(dice, spelled)
                                         : roll_one(dice, versions),
        .embedded = dice_once_in(dice, 6),
        .deltas = (int) dice_roll(dice, 6) - 2,
    };

    snprintf(package->file, sizeof(package->file), "p%u", world->package_count);
    roll_set(dice, platforms, 2, &package->platforms);
    roll_set(dice, channels, count_of(channels), &package->channels);
    roll_rules(dice, &package->rules);

    package->has_range
        = dice_once_in(dice, strcmp(package->kind, "hotfix") == 0 ? 2 : 6);
    package->range.attribute = "app_version";
    package->range.op = "range";
    roll_range(dice, versions, count_of(versions), &package->range);

    if (dice_once_in(dice, 4)) {
        roll_wishes(dice, world, package);
    }
}

/* Of a package; its own scopes, or every one, which always meets. */
static void
roll_release_target(dice_t *dice, const world_t *world,
                    world_release_t *release)
{
    const world_package_t *package
        = &world->packages[dice_roll(dice, world->package_count)];

    release->kind = package->kind;
    release->name = package->name;
    release->version = package->version;

    roll_set(dice, platforms, 2, &release->platforms);
    if (!meet(&release->platforms, &package->platforms)) {
        release->platforms.count = 0;
    }

    roll_set(dice, channels, count_of(channels), &release->channels);
    if (!meet(&release->channels, &package->channels)) {
        release->channels.count = 0;
    }
}

static void
roll_audience(dice_t *dice, world_release_t *release)
{
    release->all = dice_once_in(dice, 2);
    release->percent = dice_once_in(dice, 2) ? roll_one(dice, percents) : -1;
    release->by_user = dice_once_in(dice, 2);
    roll_set(dice, list_names, count_of(list_names), &release->lists);

    if (dice_once_in(dice, 3)) {
        roll_set(dice, list_names, count_of(list_names), &release->except);
    }

    if (dice_once_in(dice, 6)) {
        release->has_ramp = true;
        release->ramp_from = (double) dice_roll(dice, 50);
        release->ramp_to = 50 + (double) dice_roll(dice, 51);
        release->ramp_start_s = (int) dice_roll(dice, 2000) - 1500;
        release->ramp_end_s
            = release->ramp_start_s + 1 + (int) dice_roll(dice, 2000);
    }

    if (!release->all && release->percent < 0 && !release->has_ramp
        && release->lists.count == 0)
    {
        release->all = true;
    }
}

static void
roll_release(dice_t *dice, const world_t *world, world_release_t *release)
{
    *release = (world_release_t){ .state = roll_one(dice, states) };

    snprintf(release->id, sizeof(release->id), "r%u", world->release_count);
    roll_release_target(dice, world, release);
    roll_audience(dice, release);
    roll_rules(dice, &release->rules);

    release->priority
        = dice_once_in(dice, 4) ? (int) dice_roll(dice, 3) - 1 : 0;

    if (strcmp(release->kind, "upgrade") == 0
        && strcmp(release->state, "rolled_back") == 0)
    {
        release->state = "ended";
    }

    if (dice_once_in(dice, 6)) {
        release->start_s = dice_once_in(dice, 2) ? -60 : 60;
    }
    if (dice_once_in(dice, 6)) {
        release->end_s = dice_once_in(dice, 2) ? -30 : 90;
    }

    if (dice_once_in(dice, 5)) {
        release->stage = roll_one(dice, versions);
    }
    if (dice_once_in(dice, 4)) {
        roll_set(dice, spelled, count_of(spelled), &release->force_full);
    }
    if (dice_once_in(dice, 3)) {
        release->missing = dice_once_in(dice, 2) ? "full" : "none";
    }
}

void
world_roll(dice_t *dice, world_t *world)
{
    unsigned packages = 1 + dice_roll(dice, WORLD_MANY);
    unsigned releases = 1 + dice_roll(dice, WORLD_MANY);

    memset(world, 0, sizeof(*world));
    world->resource_count = 1 + dice_roll(dice, 2);

    for (unsigned i = 0; i < world->resource_count; i++) {
        const char *const *kind = roll_one(dice, kinds);

        world->kinds[i] = kind[0];
        world->names[i] = kind[1];
    }

    if (dice_once_in(dice, 3)) {
        roll_set(dice, channels, count_of(channels), &world->full_channels);
    }

    for (; world->list_count < count_of(list_names); world->list_count++) {
        world->lists[world->list_count].name = list_names[world->list_count];
        roll_list(dice, &world->lists[world->list_count]);
    }

    for (; world->package_count < packages; world->package_count++) {
        roll_package(dice, world, &world->packages[world->package_count]);
    }

    for (; world->release_count < releases; world->release_count++) {
        roll_release(dice, world, &world->releases[world->release_count]);
    }
}

#define roll_maybe(dice, a, n)                                                 \
    (dice_once_in(dice, n) ? NULL : roll_one(dice, a))

void
world_roll_device(dice_t *dice, const world_t *world, world_device_t *device)
{
    unsigned resource = dice_roll(dice, world->resource_count);

    *device = (world_device_t){
        .kind = world->kinds[resource],
        .name = world->names[resource],
        .platform = roll_maybe(dice, asking, 12),
        .channel = roll_maybe(dice, channels, 3),
        .version = roll_maybe(dice, spelled, 5),
        .app_version = roll_maybe(dice, spelled, 3),
        .user = roll_maybe(dice, users, 3),
        .device = roll_maybe(dice, devices, 6),
        .os_version = roll_maybe(dice, os_versions, 4),
        .brand = roll_maybe(dice, brands, 4),
        .net = roll_maybe(dice, nets, 4),
    };

    if (dice_once_in(dice, 60)) {
        device->name = "other";
    }
    if (dice_once_in(dice, 5)) {
        roll_set(dice, spelled, count_of(spelled), &device->refuse);
    }
}

/* As JSON. */

static void
print_set(FILE *out, const char *key, const world_set_t *set)
{
    if (set->count == 0) {
        return;
    }

    fprintf(out, ",\"%s\":[", key);
    for (unsigned i = 0; i < set->count; i++) {
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", set->items[i]);
    }
    fprintf(out, "]");
}

/* A set of one is a string. */
static void
print_scope(FILE *out, const char *key, const world_set_t *set)
{
    if (set->count == 1) {
        fprintf(out, ",\"%s\":\"%s\"", key, set->items[0]);
    } else {
        print_set(out, key, set);
    }
}

static void
print_bounds(FILE *out, const world_rule_t *rule)
{
    const char *comma = "";

    if (rule->min != NULL) {
        fprintf(out, "\"min\":\"%s\"", rule->min);
        comma = ",";
    }
    if (rule->max != NULL) {
        fprintf(out, "%s\"max\":\"%s\"", comma, rule->max);
        comma = ",";
    }
    if (rule->below != NULL) {
        fprintf(out, "%s\"below\":\"%s\"", comma, rule->below);
    }
}

static void
print_rules(FILE *out, const world_rules_t *rules)
{
    fprintf(out, ",\"rules\":[");

    for (unsigned i = 0; i < rules->count; i++) {
        const world_rule_t *rule = &rules->items[i];

        fprintf(out, "%s{\"attribute\":\"%s\",\"op\":\"%s\"", i > 0 ? "," : "",
                rule->attribute, rule->op);
        print_set(out, "values", &rule->values);
        if (rule->values.count == 0) {
            fprintf(out, ",");
            print_bounds(out, rule);
        }
        fprintf(out, "}");
    }

    fprintf(out, "]");
}

static void
print_list(FILE *out, const world_list_t *list)
{
    fprintf(out, "\"%s\":{%s", list->name,
            list->by_device ? "\"by\":\"device\"" : "\"by\":\"user\"");
    print_set(out, "ids", &list->ids);
    print_set(out, "without", &list->without);
    if (list->prefix != NULL) {
        fprintf(out, ",\"patterns\":[\"^%s\"]", list->prefix);
    }
    fprintf(out, "}");
}

static void
print_package(FILE *out, const world_package_t *p)
{
    fprintf(out,
            "{\"kind\":\"%s\",\"name\":\"%s\",\"version\":\"%s\","
            "\"file\":\"%s\"",
            p->kind, p->name, p->version, p->file);
    print_scope(out, "platform", &p->platforms);
    print_scope(out, "channel", &p->channels);
    print_rules(out, &p->rules);

    if (p->has_range) {
        fprintf(out, ",\"app_version\":{");
        print_bounds(out, &p->range);
        fprintf(out, "}");
    }

    if (p->embedded) {
        fprintf(out, ",\"delivery\":\"embedded\"");
    }

    if (p->wishes.count > 0) {
        fprintf(out, ",\"deltas\":[");
        for (unsigned i = 0; i < p->wishes.count; i++) {
            fprintf(out, "%s{\"from\":\"%s\"}", i > 0 ? "," : "",
                    p->wishes.items[i]);
        }
        fprintf(out, "]");

    } else if (p->deltas >= 0) {
        fprintf(out, ",\"deltas\":%d", p->deltas);
    }

    fprintf(out, "}");
}

static void
print_time(FILE *out, const char *key, int seconds, int64_t now_ms)
{
    char text[MDS_TIME_BYTES];

    fprintf(out, ",\"%s\":\"%s\"", key,
            mds_time_format(now_ms + (int64_t) seconds * 1000, text));
}

static void
print_audience(FILE *out, const world_release_t *r, int64_t now_ms)
{
    fprintf(out, ",\"audience\":{\"by\":\"%s\"",
            r->by_user ? "user" : "device");
    if (r->all) {
        fprintf(out, ",\"all\":true");
    }
    if (r->percent >= 0) {
        fprintf(out, ",\"percent\":%g", r->percent);
    }
    if (r->has_ramp) {
        fprintf(out, ",\"ramp\":{\"from\":%g,\"to\":%g", r->ramp_from,
                r->ramp_to);
        print_time(out, "start", r->ramp_start_s, now_ms);
        print_time(out, "end", r->ramp_end_s, now_ms);
        fprintf(out, "}");
    }
    print_set(out, "lists", &r->lists);
    print_set(out, "except", &r->except);
    fprintf(out, "}");
}

static void
print_delta(FILE *out, const world_release_t *r)
{
    fprintf(out, ",\"delta\":{\"force_full\":[");
    for (unsigned i = 0; i < r->force_full.count; i++) {
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", r->force_full.items[i]);
    }
    fprintf(out, "]");
    if (r->stage != NULL) {
        fprintf(out, ",\"stage\":\"%s\"", r->stage);
    }
    if (r->missing != NULL) {
        fprintf(out, ",\"missing\":\"%s\"", r->missing);
    }
    fprintf(out, "}");
}

static void
print_release(FILE *out, const world_release_t *r, int64_t now_ms)
{
    fprintf(out,
            "{\"id\":\"%s\",\"kind\":\"%s\",\"name\":\"%s\","
            "\"version\":\"%s\",\"state\":\"%s\",\"priority\":%d",
            r->id, r->kind, r->name, r->version, r->state, r->priority);
    print_scope(out, "platform", &r->platforms);
    print_scope(out, "channel", &r->channels);
    print_audience(out, r, now_ms);
    print_rules(out, &r->rules);
    if (r->start_s != 0) {
        print_time(out, "start", r->start_s, now_ms);
    }
    if (r->end_s != 0) {
        print_time(out, "end", r->end_s, now_ms);
    }
    print_delta(out, r);
    fprintf(out, "}");
}

char *
world_document(const world_t *world, int64_t now_ms)
{
    char  *text = NULL;
    size_t len;
    FILE  *out = open_memstream(&text, &len);

    if (out == NULL) {
        abort();
    }

    fprintf(out, "{\"app\":\"%s\",\"channels\":{", world->app);
    for (unsigned i = 0; i < world->full_channels.count; i++) {
        fprintf(out, "%s\"%s\":{\"delta\":false}", i > 0 ? "," : "",
                world->full_channels.items[i]);
    }

    fprintf(out, "},\"lists\":{");
    for (unsigned i = 0; i < world->list_count; i++) {
        fprintf(out, "%s", i > 0 ? "," : "");
        print_list(out, &world->lists[i]);
    }

    fprintf(out, "},\n\"packages\":[");
    for (unsigned i = 0; i < world->package_count; i++) {
        fprintf(out, "%s\n", i > 0 ? "," : "");
        print_package(out, &world->packages[i]);
    }

    fprintf(out, "],\n\"releases\":[");
    for (unsigned i = 0; i < world->release_count; i++) {
        fprintf(out, "%s\n", i > 0 ? "," : "");
        print_release(out, &world->releases[i], now_ms);
    }

    fprintf(out, "]}\n");
    fclose(out);

    return text;
}

static char *
add(char *query, const char *name, const char *value)
{
    query += sprintf(query, "&%s=", name);

    for (; value != NULL && *value != '\0'; value++) {
        query += sprintf(query, *value == '+' ? "%%2B" : "%c", *value);
    }

    return query;
}

void
world_query(const world_t *world, const world_device_t *d, char query[1024])
{
    char *end = query + sprintf(query, "app=%s", world->app);

    end = add(end, "kind", d->kind);
    end = add(end, "name", d->name);
    end = add(end, "platform", d->platform);
    end = add(end, "channel", d->channel);
    end = add(end, "version", d->version);
    end = add(end, "app_version", d->app_version);
    end = add(end, "user", d->user);
    end = add(end, "device", d->device);
    end = add(end, "os_version", d->os_version);
    end = add(end, "brand", d->brand);
    end = add(end, "net", d->net);
    end = add(end, "refuse", NULL);

    for (unsigned i = 0; i < d->refuse.count; i++) {
        const char *c = d->refuse.items[i];

        end += sprintf(end, "%s", i > 0 ? "," : "");
        for (; *c != '\0'; c++) {
            end += sprintf(end, *c == '+' ? "%%2B" : "%c", *c);
        }
    }
}
