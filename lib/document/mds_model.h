/*
 * mds_model: one app's part of the catalog as structures. mds_document_check()
 * makes it of a document, and mds_compile() makes records of it. Everything in
 * it lives in the model's arena, except for mds_json_t, which belong to the
 * document.
 */

#ifndef MDS_MODEL_H
#define MDS_MODEL_H

#include "base/mds_arena.h"
#include "base/mds_audience.h"
#include "base/mds_base.h"
#include "base/mds_digest.h"
#include "base/mds_halt.h"
#include "base/mds_terms.h"
#include "base/mds_version.h"
#include "json/mds_json.h"

typedef struct {
    mds_str_t  attribute;
    mds_op_t   op;
    bool       absent; /* it holds if the request lacks the attribute */
    bool       fold;   /* in, not_in: values are folded, and the request's is */
    bool       number; /* range, not_range: of decimal numbers */
    mds_strs_t values; /* in, not_in; a trailing '*' is a prefix */
    mds_str_t  min;    /* range, not_range; empty is open */
    mds_str_t  max;
    mds_str_t  below;
} mds_rule_t;

typedef struct {
    mds_rule_t *items;
    size_t      count;
} mds_rules_t;

/*
 * A list has the ids of base and ids except those of without, and all that its
 * patterns match. The loader sets base, ids and without of an external list.
 */
typedef struct {
    mds_str_t    name;
    mds_by_t     by;
    bool         external;
    mds_str_t    file;     /* of the base, not stored yet; empty: none */
    bool         has_base; /* stored */
    mds_sha256_t base;
    mds_strs_t   ids;
    mds_strs_t   without;
    mds_strs_t   patterns;
} mds_list_t;

/* A delta that the document names; file empty: the loader makes it. */
typedef struct {
    mds_str_t    from;
    mds_str_t    format;
    mds_str_t    file;       /* not stored yet */
    bool         has_sha256; /* stored */
    mds_sha256_t sha256;
} mds_delta_spec_t;

typedef struct {
    mds_str_t         kind;
    mds_str_t         name;
    mds_strs_t        platforms; /* none: every one */
    mds_strs_t        channels;
    mds_str_t         version;
    mds_version_t     key;
    mds_str_t         file; /* not stored yet; empty: stored */
    mds_sha256_t      sha256;
    mds_rules_t       rules; /* app_version is one of them */
    bool              embedded;
    unsigned          delta_count; /* deltas from so many lower versions */
    mds_delta_spec_t *specs;       /* instead of them */
    size_t            spec_count;
    const mds_json_t *meta;  /* NULL: none */
    size_t            index; /* in the document */
} mds_package_t;

typedef struct {
    uint8_t               flags; /* MDS_AUDIENCE_* */
    mds_by_t              by;    /* of percent and ramp */
    mds_by_t              window_by;
    mds_strs_t            lists;
    mds_strs_t            except;
    uint64_t              percent; /* threshold */
    mds_str_t             seed;    /* of percent and ramp; empty: the id */
    mds_audience_values_t values;
} mds_audience_t;

typedef struct {
    mds_str_t         id;
    mds_str_t         kind;
    mds_str_t         name;
    mds_strs_t        platforms;
    mds_strs_t        channels;
    mds_str_t         version; /* empty for config */
    mds_version_t     key;
    const mds_json_t *value;  /* config alone */
    uint32_t          number; /* config: of name and value; see mds_setting_t */
    mds_audience_t    audience;
    mds_rules_t       rules;
    int               priority;
    mds_release_state_t state;
    int64_t             start_ms; /* INT64_MIN: always */
    int64_t             end_ms;   /* INT64_MAX: for good */
    mds_str_t           stage;    /* empty: none */
    mds_strs_t          force_full;
    mds_missing_t       missing;
    mds_halt_t          halt;
    mds_str_t           force_below; /* empty: nobody is forced */
    const mds_json_t   *meta;
    size_t              index; /* in the document */
} mds_release_t;

/*
 * A key with one of the values that it has or had. Its number never changes:
 * tokens name the settings that a client holds by numbers (mds_token.h).
 */
typedef struct {
    uint32_t  number;
    mds_str_t key;
} mds_setting_t;

/* A gray message: a version of the app for the users of a list. */
typedef struct {
    uint64_t      id;
    mds_str_t     platform;
    mds_str_t     version;
    mds_version_t key;
    int64_t       expires_ms;
    mds_sha256_t  users; /* of the list's text */
} mds_message_t;

typedef struct {
    mds_arena_t   *arena;
    mds_str_t      app;
    uint32_t       poll_after_s; /* 0: none asked for */
    uint32_t       poll_jitter_s;
    uint32_t       push_spread_s;
    mds_strs_t     full_channels; /* those with "delta": false */
    mds_list_t    *lists;
    size_t         list_count;
    mds_package_t *packages;
    size_t         package_count;
    mds_release_t *releases;
    size_t         release_count;
    uint32_t       epoch;    /* of the settings' numbers */
    mds_setting_t *settings; /* ascending */
    size_t         setting_count;
    mds_message_t *messages; /* ascending ids */
    size_t         message_count;
    bool           removed;        /* the catalog drops all of its records */
    uint64_t       newest_message; /* the id given last; 0: none yet */
} mds_model_t;

/* Returns the list of that name, or NULL. */
mds_list_t *mds_model_list(const mds_model_t *model, mds_str_t name);

/* Returns the key of the record of a message's users, in the model's arena: app
 * 00 01 id (8 bytes, big-endian), which no list of a document can have. */
mds_str_t
mds_message_list_key(const mds_model_t *model, const mds_message_t *message);

/* Returns whether two sets of platforms (or channels) have one in common; an
 * empty set has every one. */
bool mds_scopes_meet(const mds_strs_t *a, const mds_strs_t *b);

/*
 * Returns whether no version lies between the two; an empty text is open.
 * inclusive: high itself does.
 */
bool mds_bounds_cross(mds_str_t low, mds_str_t high, bool inclusive);

bool mds_strs_contain(const mds_strs_t *strs, mds_str_t value);

/* Compares resources by kind, then by name. */
int mds_resource_cmp(mds_str_t kind_a, mds_str_t name_a, mds_str_t kind_b,
                     mds_str_t name_b);

/* Tells whether two releases or packages, or one of each, are of one resource
 * and some device may get both. It is a macro, because it takes either type. */
#define mds_items_meet(a, b)                                                   \
    (mds_resource_cmp((a)->kind, (a)->name, (b)->kind, (b)->name) == 0         \
     && mds_scopes_meet(&(a)->platforms, &(b)->platforms)                      \
     && mds_scopes_meet(&(a)->channels, &(b)->channels))

#endif
