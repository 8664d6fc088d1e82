#include "random_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mds_time.h"
#include "reference_version.h"

#define count_of(a) ((unsigned) (sizeof(a) / sizeof((a)[0])))
#define roll_one(prng, a) ((a)[prng_below(prng, count_of(a))])

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
static const char *const brands[]
    = { "Xiaomi", "Xiao", "Redmi", "*", "XIAOMI", "\u00c9clair" };
static const char *const brand_values[]
    = { "Xiaomi", "Xiao*", "Redmi", "*", "X*", "Mi", "xiaoMI", "\u00e9CL*" };
static const char *const scores[]
    = { "7", "07.50", "7.5", "-0.5", "-0", "10", "9.99", "7.", "1e3", "many" };
static const char *const score_bounds[] = { "-1", "0", "7", "7.5", "+7.50", "10.0" };
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
static const char *const seeds[] = { "spring", "autumn", "r0" };
static const char *const prompts[] = { "once", "always", "force" };
static const char *const list_names[] = { "crew", "lab", "old", "qa" };

/* None in half of the cases. */
static void
roll_set(prng_t *prng, const char *const *items, unsigned count,
         random_set_t *set)
{
    set->count = 0;

    if (prng_one_in(prng, 2)) {
        return;
    }

    for (unsigned i = 0; i < count && set->count < RANDOM_FEW; i++) {
        if (prng_one_in(prng, 2)) {
            set->items[set->count++] = items[i];
        }
    }
}

/* One at least. */
static void
roll_some(prng_t *prng, const char *const *items, unsigned count,
          random_set_t *set)
{
    roll_set(prng, items, count, set);

    if (set->count == 0) {
        set->items[set->count++] = items[prng_below(prng, count)];
    }
}

/* Bounds that do not cross. */
static void
roll_range(prng_t *prng, const char *const *bounds, unsigned count,
           random_rule_t *rule)
{
    do {
        rule->min
            = prng_one_in(prng, 2) ? bounds[prng_below(prng, count)] : NULL;
        rule->max
            = prng_one_in(prng, 3) ? bounds[prng_below(prng, count)] : NULL;
        rule->below
            = prng_one_in(prng, 3) ? bounds[prng_below(prng, count)] : NULL;
    } while ((rule->min == NULL && rule->max == NULL && rule->below == NULL)
             || (rule->min != NULL && rule->max != NULL
                 && reference_version_cmp(rule->min, rule->max) > 0)
             || (rule->min != NULL && rule->below != NULL
                 && reference_version_cmp(rule->min, rule->below) >= 0));
}

/* Bounds of numbers, of which the higher one is the later one. */
static void
roll_numbers(prng_t *prng, random_rule_t *rule)
{
    unsigned low = prng_below(prng, 3), high = 3 + prng_below(prng, 3);

    rule->attribute = "score";
    rule->number = true;
    rule->min = prng_one_in(prng, 2) ? score_bounds[low] : NULL;
    rule->max = prng_one_in(prng, 2) ? score_bounds[high] : NULL;
    rule->below = rule->min == NULL && rule->max == NULL ? score_bounds[high]
                                                         : NULL;
}

static void
roll_rule(prng_t *prng, random_rule_t *rule)
{
    bool negated = prng_one_in(prng, 3);

    *rule = (random_rule_t){ .op = negated ? "not_in" : "in",
                             .absent = prng_one_in(prng, 4) };

    switch (prng_below(prng, 6)) {
    case 0:
        rule->attribute = "brand";
        rule->fold = prng_one_in(prng, 2);
        roll_some(prng, brand_values, count_of(brand_values), &rule->values);
        return;
    case 1:
        rule->attribute = "net";
        roll_some(prng, net_values, count_of(net_values), &rule->values);
        return;
    case 2:
        rule->attribute = "version";
        roll_range(prng, versions, count_of(versions), rule);
        break;
    case 3:
        roll_numbers(prng, rule);
        break;
    case 4:
        rule->attribute = "app_version";
        roll_range(prng, versions, count_of(versions), rule);
        break;
    default:
        rule->attribute = "os_version";
        roll_range(prng, os_bounds, count_of(os_bounds), rule);
    }

    rule->op = negated ? "not_range" : "range";
}

static void
roll_rules(prng_t *prng, random_rules_t *rules)
{
    rules->count = prng_one_in(prng, 5) ? 1 + prng_below(prng, 2) : 0;

    for (unsigned i = 0; i < rules->count; i++) {
        roll_rule(prng, &rules->items[i]);
    }
}

static void
roll_list(prng_t *prng, random_list_t *list)
{
    list->by_device = prng_one_in(prng, 2);
    list->prefix = NULL;
    roll_some(prng, list->by_device ? devices : users, count_of(users),
              &list->ids);
    roll_set(prng, list->by_device ? devices : users, count_of(users),
             &list->without);

    if (prng_one_in(prng, 3)) {
        list->prefix = list->by_device ? "d2" : "u1";
    }
}

static bool
meet(const random_set_t *a, const random_set_t *b)
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
roll_specs(prng_t *prng, const random_model_t *model, random_package_t *package)
{
    for (unsigned i = 0; i < model->package_count; i++) {
        const random_package_t *from = &model->packages[i];

        if (strcmp(from->kind, package->kind) == 0
            && strcmp(from->name, package->name) == 0
            && meet(&from->platforms, &package->platforms)
            && meet(&from->channels, &package->channels)
            && package->specs.count < RANDOM_FEW && prng_one_in(prng, 2))
        {
            package->specs.items[package->specs.count++] = from->version;
        }
    }
}

static void
roll_package(prng_t *prng, const random_model_t *model, random_package_t *package)
{
    unsigned resource = prng_below(prng, model->resource_count);

    *package = (random_package_t){
        .kind = model->kinds[resource],
        .name = model->names[resource],
        .version = prng_one_in(prng, 4) ? roll_one(prng, spelled)
                                         : roll_one(prng, versions),
        .embedded = prng_one_in(prng, 6),
        .prompt = prng_one_in(prng, 6) ? roll_one(prng, prompts) : NULL,
        .deltas = (int) prng_below(prng, 6) - 2,
    };

    snprintf(package->file, sizeof(package->file), "p%u", model->package_count);
    roll_set(prng, platforms, 2, &package->platforms);
    roll_set(prng, channels, count_of(channels), &package->channels);
    roll_rules(prng, &package->rules);

    package->has_range
        = prng_one_in(prng, strcmp(package->kind, "hotfix") == 0 ? 2 : 6);
    package->range.attribute = "app_version";
    package->range.op = "range";
    roll_range(prng, versions, count_of(versions), &package->range);

    if (prng_one_in(prng, 4)) {
        roll_specs(prng, model, package);
    }
}

/* Of a package; its own scopes, or every one, which always meets. */
static void
roll_release_target(prng_t *prng, const random_model_t *model,
                    random_release_t *release)
{
    const random_package_t *package
        = &model->packages[prng_below(prng, model->package_count)];

    release->kind = package->kind;
    release->name = package->name;
    release->version = package->version;

    roll_set(prng, platforms, 2, &release->platforms);
    if (!meet(&release->platforms, &package->platforms)) {
        release->platforms.count = 0;
    }

    roll_set(prng, channels, count_of(channels), &release->channels);
    if (!meet(&release->channels, &package->channels)) {
        release->channels.count = 0;
    }
}

static void
roll_audience(prng_t *prng, random_release_t *release)
{
    release->all = prng_one_in(prng, 2);
    release->percent = prng_one_in(prng, 2) ? roll_one(prng, percents) : -1;
    release->by_user = prng_one_in(prng, 2);
    release->seed = prng_one_in(prng, 3) ? roll_one(prng, seeds) : NULL;
    roll_set(prng, list_names, count_of(list_names), &release->lists);

    if (prng_one_in(prng, 3)) {
        roll_set(prng, list_names, count_of(list_names), &release->except);
    }

    if (prng_one_in(prng, 6)) {
        release->has_ramp = true;
        release->ramp_from = (double) prng_below(prng, 50);
        release->ramp_to = 50 + (double) prng_below(prng, 51);
        release->ramp_start_s = (int) prng_below(prng, 2000) - 1500;
        release->ramp_end_s
            = release->ramp_start_s + 1 + (int) prng_below(prng, 2000);
    }

    if (!release->all && release->percent < 0 && !release->has_ramp
        && release->lists.count == 0)
    {
        release->all = true;
    }
}

static void
roll_release(prng_t *prng, const random_model_t *model, random_release_t *release)
{
    *release = (random_release_t){ .state = roll_one(prng, states) };

    snprintf(release->id, sizeof(release->id), "r%u", model->release_count);
    roll_release_target(prng, model, release);
    roll_audience(prng, release);
    roll_rules(prng, &release->rules);

    release->priority
        = prng_one_in(prng, 4) ? (int) prng_below(prng, 3) - 1 : 0;

    if (strcmp(release->kind, "upgrade") == 0
        && strcmp(release->state, "rolled_back") == 0)
    {
        release->state = "ended";
    }

    if (prng_one_in(prng, 6)) {
        release->start_s = prng_one_in(prng, 2) ? -60 : 60;
    }
    if (prng_one_in(prng, 6)) {
        release->end_s = prng_one_in(prng, 2) ? -30 : 90;
    }

    if (prng_one_in(prng, 5)) {
        release->stage = roll_one(prng, versions);
    }
    if (prng_one_in(prng, 4)) {
        roll_set(prng, spelled, count_of(spelled), &release->force_full);
    }
    if (prng_one_in(prng, 3)) {
        release->missing = prng_one_in(prng, 2) ? "full" : "none";
    }
    if (prng_one_in(prng, 3)) {
        release->has_halt = true;
        release->halted = prng_one_in(prng, 2);
        release->halt_rollback
            = strcmp(release->kind, "upgrade") != 0 && prng_one_in(prng, 2);
    }
    if (prng_one_in(prng, 4)) {
        release->force_below = roll_one(prng, versions);
    }
    if (prng_one_in(prng, 4)) {
        release->prompt = roll_one(prng, prompts);
    }
}

void
random_model_generate(prng_t *prng, random_model_t *model)
{
    unsigned packages = 1 + prng_below(prng, RANDOM_MANY);
    unsigned releases = 1 + prng_below(prng, RANDOM_MANY);

    memset(model, 0, sizeof(*model));
    model->resource_count = 1 + prng_below(prng, 2);

    for (unsigned i = 0; i < model->resource_count; i++) {
        const char *const *kind = roll_one(prng, kinds);

        model->kinds[i] = kind[0];
        model->names[i] = kind[1];
    }

    if (prng_one_in(prng, 3)) {
        roll_set(prng, channels, count_of(channels), &model->full_channels);
    }

    for (; model->list_count < count_of(list_names); model->list_count++) {
        model->lists[model->list_count].name = list_names[model->list_count];
        roll_list(prng, &model->lists[model->list_count]);
    }

    for (; model->package_count < packages; model->package_count++) {
        roll_package(prng, model, &model->packages[model->package_count]);
    }

    for (; model->release_count < releases; model->release_count++) {
        roll_release(prng, model, &model->releases[model->release_count]);
    }
}

#define roll_maybe(prng, a, n)                                                 \
    (prng_one_in(prng, n) ? NULL : roll_one(prng, a))

void
random_device(prng_t *prng, const random_model_t *model, random_device_t *device)
{
    unsigned resource = prng_below(prng, model->resource_count);

    *device = (random_device_t){
        .kind = model->kinds[resource],
        .name = model->names[resource],
        .platform = roll_maybe(prng, asking, 12),
        .channel = roll_maybe(prng, channels, 3),
        .version = roll_maybe(prng, spelled, 5),
        .app_version = roll_maybe(prng, spelled, 3),
        .user = roll_maybe(prng, users, 3),
        .device = roll_maybe(prng, devices, 6),
        .os_version = roll_maybe(prng, os_versions, 4),
        .brand = roll_maybe(prng, brands, 4),
        .net = roll_maybe(prng, nets, 4),
        .score = roll_maybe(prng, scores, 4),
    };

    if (prng_one_in(prng, 60)) {
        device->name = "other";
    }
    if (prng_one_in(prng, 5)) {
        roll_set(prng, spelled, count_of(spelled), &device->refuse);
    }
}

/* As JSON. */

static void
print_set(FILE *out, const char *key, const random_set_t *set)
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
print_scope(FILE *out, const char *key, const random_set_t *set)
{
    if (set->count == 1) {
        fprintf(out, ",\"%s\":\"%s\"", key, set->items[0]);
    } else {
        print_set(out, key, set);
    }
}

static void
print_bounds(FILE *out, const random_rule_t *rule)
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
print_rules(FILE *out, const random_rules_t *rules)
{
    fprintf(out, ",\"rules\":[");

    for (unsigned i = 0; i < rules->count; i++) {
        const random_rule_t *rule = &rules->items[i];

        fprintf(out, "%s{\"attribute\":\"%s\",\"op\":\"%s\"", i > 0 ? "," : "",
                rule->attribute, rule->op);
        print_set(out, "values", &rule->values);
        if (rule->values.count == 0) {
            fprintf(out, ",");
            print_bounds(out, rule);
        }
        fprintf(out, "%s%s%s}", rule->absent ? ",\"absent\":true" : "",
                rule->fold ? ",\"fold\":true" : "",
                rule->number ? ",\"as\":\"number\"" : "");
    }

    fprintf(out, "]");
}

static void
print_list(FILE *out, const random_list_t *list)
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
print_meta(FILE *out, const char *prompt)
{
    if (prompt != NULL) {
        fprintf(out, ",\"meta\":{\"prompt\":\"%s\",\"x\":1}", prompt);
    }
}

static void
print_package(FILE *out, const random_package_t *p)
{
    fprintf(out,
            "{\"kind\":\"%s\",\"name\":\"%s\",\"version\":\"%s\","
            "\"file\":\"%s\"",
            p->kind, p->name, p->version, p->file);
    print_scope(out, "platform", &p->platforms);
    print_scope(out, "channel", &p->channels);
    print_rules(out, &p->rules);
    print_meta(out, p->prompt);

    if (p->has_range) {
        fprintf(out, ",\"app_version\":{");
        print_bounds(out, &p->range);
        fprintf(out, "}");
    }

    if (p->embedded) {
        fprintf(out, ",\"delivery\":\"embedded\"");
    }

    if (p->specs.count > 0) {
        fprintf(out, ",\"deltas\":[");
        for (unsigned i = 0; i < p->specs.count; i++) {
            fprintf(out, "%s{\"from\":\"%s\"}", i > 0 ? "," : "",
                    p->specs.items[i]);
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
print_audience(FILE *out, const random_release_t *r, int64_t now_ms)
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
    if (r->seed != NULL) {
        fprintf(out, ",\"seed\":\"%s\"", r->seed);
    }
    fprintf(out, "}");
}

static void
print_delta(FILE *out, const random_release_t *r)
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
print_release(FILE *out, const random_release_t *r, int64_t now_ms)
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
    if (r->has_halt) {
        fprintf(out,
                ",\"halt\":{\"failure_percent\":0.5,\"min_reports\":1%s}",
                r->halt_rollback ? ",\"rollback\":true" : "");
    }
    print_meta(out, r->prompt);
    if (r->force_below != NULL) {
        fprintf(out, ",\"force_below\":\"%s\"", r->force_below);
    }
    fprintf(out, "}");
}

char *
random_document(const random_model_t *model, int64_t now_ms)
{
    char  *text = NULL;
    size_t len;
    FILE  *out = open_memstream(&text, &len);

    if (out == NULL) {
        abort();
    }

    fprintf(out, "{\"app\":\"%s\",\"channels\":{", model->app);
    for (unsigned i = 0; i < model->full_channels.count; i++) {
        fprintf(out, "%s\"%s\":{\"delta\":false}", i > 0 ? "," : "",
                model->full_channels.items[i]);
    }

    fprintf(out, "},\"lists\":{");
    for (unsigned i = 0; i < model->list_count; i++) {
        fprintf(out, "%s", i > 0 ? "," : "");
        print_list(out, &model->lists[i]);
    }

    fprintf(out, "},\n\"packages\":[");
    for (unsigned i = 0; i < model->package_count; i++) {
        fprintf(out, "%s\n", i > 0 ? "," : "");
        print_package(out, &model->packages[i]);
    }

    fprintf(out, "],\n\"releases\":[");
    for (unsigned i = 0; i < model->release_count; i++) {
        fprintf(out, "%s\n", i > 0 ? "," : "");
        print_release(out, &model->releases[i], now_ms);
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
random_query(const random_model_t *model, const random_device_t *d, char query[1024])
{
    char *end = query + sprintf(query, "app=%s", model->app);

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
    end = add(end, "score", d->score);
    end = add(end, "refuse", NULL);

    for (unsigned i = 0; i < d->refuse.count; i++) {
        const char *c = d->refuse.items[i];

        end += sprintf(end, "%s", i > 0 ? "," : "");
        for (; *c != '\0'; c++) {
            end += sprintf(end, *c == '+' ? "%%2B" : "%c", *c);
        }
    }
}
