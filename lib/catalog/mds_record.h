/*
 * mds_record: a resource as a generation stores it, so that it is read in
 * place: packed structures, and numbers in the machine's byte order (a
 * generation of another order is refused as a whole).
 *
 *   +--------+--------------------+------------------------------------+
 *   | header | bytes: names, keys | tables of structures, one by one   |
 *   |        | manifests …        | (rules, builds, releases, offers…) |
 *   +--------+--------------------+------------------------------------+
 *
 * The header has the offset of each table, and the number of its items. A span
 * refers to bytes, a range to consecutive items of the table that is named
 * beside it. mds_record_check() checks that all of them lie inside the record,
 * so that readers need no bounds.
 */

#ifndef MDS_RECORD_H
#define MDS_RECORD_H

#include "base/mds_audience.h"
#include "base/mds_base.h"
#include "base/mds_halt.h"
#include "base/mds_siphash.h"
#include "base/mds_terms.h"

#define MDS_RECORD_TAG 0x5273646d  /* "mdsR" */
#define MDS_RECORD_NONE UINT32_MAX /* no index */

/* Different attributes in the rules of one resource. */
#define MDS_RULE_ATTRIBUTES_MAX 64

/* The tables of a record, in their order. */
typedef enum {
    MDS_TABLE_TEXTS,      /* mds_span_t */
    MDS_TABLE_ATTRIBUTES, /* mds_span_t: the names that rules are about */
    MDS_TABLE_RULES,      /* mds_rule_record_t */
    MDS_TABLE_LISTS,      /* mds_list_ref_t */
    MDS_TABLE_REFS,       /* uint32_t: indexes into RULES or LISTS */
    MDS_TABLE_BUILDS,     /* mds_build_t: higher versions first */
    MDS_TABLE_RELEASES,   /* mds_release_record_t: in order of choice */
    MDS_TABLE_SALTS,      /* mds_salt_t: a multiple of MDS_SIPHASH_LANES */
    MDS_TABLE_OFFERS,     /* mds_offer_t */
    MDS_TABLE_DELTAS,     /* mds_delta_record_t */
    MDS_TABLE_SETTINGS,   /* mds_setting_record_t: by number */
    MDS_TABLE_KEYS,       /* mds_config_key_t: ascending */
    MDS_TABLE_CANDIDATES, /* mds_candidate_t: by key, then in order of choice */
    MDS_TABLE_CONDITIONS, /* uint32_t: of RELEASES, the first that has it */
    MDS_TABLE_MESSAGES,   /* mds_message_record_t: newer ones first */
    MDS_TABLE_HALTS,      /* mds_halt_record_t: in order of choice */
    MDS_TABLE_EXTRAS,     /* mds_release_extra_t */
    MDS_TABLE_COUNT
} mds_table_id_t;

typedef struct MDS_PACKED {
    uint32_t offset;
    uint32_t count;
} mds_table_t;

/* Items of a table. */
typedef struct MDS_PACKED {
    uint32_t first;
    uint32_t count;
} mds_range_t;

typedef struct MDS_PACKED {
    uint32_t    tag;
    uint32_t    bytes;          /* of the whole record */
    uint64_t    check;          /* SipHash of what follows it */
    uint32_t    number;         /* 0; records of format 3 have one */
    uint32_t    epoch;          /* config: of the settings' numbers */
    uint64_t    newest_message; /* upgrade: the id given last */
    uint32_t    poll_after_s;
    uint32_t    poll_jitter_s;
    mds_span_t  key;           /* app 00 kind 00 name */
    mds_range_t full_channels; /* TEXTS: these get no deltas */
    mds_table_t tables[MDS_TABLE_COUNT];
} mds_record_t;

/* A rule; the same rule of several releases is stored once. */
typedef struct MDS_PACKED {
    uint8_t     op;        /* mds_op_t, and MDS_RULE_* */
    uint32_t    attribute; /* ATTRIBUTES */
    mds_range_t values;    /* TEXTS: whole values, sorted */
    mds_range_t prefixes;  /* TEXTS: without their '*' */
    mds_span_t  words;     /* of a range, for people: "from 9 to 14" */
    mds_span_t  min;       /* keys of versions or numbers; empty: open */
    mds_span_t  max;
    mds_span_t  below;
} mds_rule_record_t;

typedef struct MDS_PACKED {
    mds_span_t name;
    mds_span_t key; /* of its record: app 00 name */
    uint8_t    by;  /* mds_by_t */
} mds_list_ref_t;

typedef struct MDS_PACKED {
    mds_span_t  version; /* as published */
    mds_span_t  version_key;
    mds_range_t platforms; /* TEXTS; empty: every one */
    mds_range_t channels;
    mds_range_t rules; /* REFS */
    uint8_t     embedded;
    uint8_t     sha256[32];
} mds_build_t;

typedef struct MDS_PACKED {
    uint8_t bytes[MDS_SIPHASH_KEY];
} mds_salt_t;

/* The members that reject most releases come first. */
typedef struct MDS_PACKED {
    uint8_t     state; /* mds_release_state_t */
    uint8_t     flags; /* MDS_AUDIENCE_* */
    uint8_t     by;    /* mds_by_t, of percent and ramp */
    uint8_t     window_by;
    uint32_t    salt; /* SALTS; MDS_RECORD_NONE: no percent, no ramp */
    uint32_t    halt; /* HALTS; MDS_RECORD_NONE: reports do not halt it */
    int64_t     start_ms;
    int64_t     end_ms;
    mds_range_t platforms; /* TEXTS; empty: every one */
    mds_range_t channels;
    uint64_t    percent; /* threshold */
    mds_range_t rules;   /* REFS */
    mds_span_t  version_key;
    mds_span_t  setting;    /* config: the key it is about, else empty */
    mds_range_t builds;     /* BUILDS of the version, in document order */
    mds_range_t except;     /* REFS */
    mds_range_t lists;      /* REFS */
    mds_range_t offers;     /* OFFERS, one for each that is online */
    mds_range_t rollbacks;  /* OFFERS: what it goes back to */
    mds_range_t force_full; /* TEXTS: version keys */
    mds_span_t  stage;      /* version key; empty: none */
    mds_span_t  id;
    mds_span_t  version;
    int32_t     priority;
    uint8_t     missing; /* mds_missing_t */
    uint32_t    extra;   /* EXTRAS; MDS_RECORD_NONE: none */
    mds_audience_values_t audience;
} mds_release_record_t;

/* What few releases have. */
typedef struct MDS_PACKED {
    mds_span_t  seed; /* of percent and ramp, for people; empty: the id */
    mds_span_t  force_below; /* as published; empty: none */
    mds_span_t  force_below_key;
    mds_range_t forced; /* OFFERS, for devices below that version */
} mds_release_extra_t;

/*
 * An answer, ready to be copied. quoted has both in JSON, as the end of an
 * object: "manifest":"…","signature":"…"}
 */
typedef struct MDS_PACKED {
    mds_span_t manifest; /* exactly the signed bytes */
    mds_span_t signature;
    mds_span_t quoted;
} mds_answer_t;

/* A build that is offered, with its answer. */
typedef struct MDS_PACKED {
    uint32_t     build; /* BUILDS; MDS_RECORD_NONE: back to none */
    mds_answer_t answer;
    mds_range_t  deltas;
} mds_offer_t;

typedef struct MDS_PACKED {
    uint32_t     from;   /* BUILDS */
    mds_answer_t answer; /* empty: no smaller than the full package */
} mds_delta_record_t;

/*
 * A key with a value that the app's configuration has, or had: a client may say
 * that it holds it (mds_token.h).
 */
typedef struct MDS_PACKED {
    uint32_t   number;
    uint32_t   key;    /* KEYS; MDS_RECORD_NONE: no release is about it */
    mds_span_t quoted; /* the key as JSON */
    mds_span_t member; /* "key":value; empty: no release has it */
} mds_setting_record_t;

/* A key of the configuration that is in force. */
typedef struct MDS_PACKED {
    mds_span_t  name;
    mds_range_t candidates; /* CANDIDATES */
} mds_config_key_t;

/*
 * A release of a key. Releases for the same devices share a condition, which is
 * evaluated once; one with a percentage has a bucket of its own in addition.
 */
typedef struct MDS_PACKED {
    uint32_t release;   /* RELEASES */
    uint32_t condition; /* CONDITIONS */
    uint32_t setting;   /* SETTINGS */
    uint8_t  bucket;    /* MDS_BUCKET_* */
    uint8_t  by;        /* PERCENT: the release's, at hand */
    uint32_t salt;
    uint64_t percent;
} mds_candidate_t;

#define MDS_BUCKET_NONE 0    /* the condition decides */
#define MDS_BUCKET_PERCENT 1 /* the condition and a percentage do */
#define MDS_BUCKET_ASK 2     /* the release's whole audience does */

/* A gray message (kind upgrade): a version for the users of a list. */
typedef struct MDS_PACKED {
    uint64_t    id;
    mds_span_t  release; /* "message-ID" */
    mds_span_t  platform;
    mds_span_t  version;
    mds_span_t  version_key;
    mds_span_t  list; /* key of its users' record: app 00 01 id */
    mds_span_t  url;  /* of the full package */
    int64_t     expires_ms;
    mds_range_t builds; /* BUILDS of the version */
    mds_range_t offers; /* OFFERS, one for each that is online */
} mds_message_record_t;

/* The limit of a release that reports halt; whether they have is in the state
 * (mds_release_reports.h). */
typedef struct MDS_PACKED {
    uint32_t   release; /* RELEASES */
    mds_span_t key;     /* in the state: app 00 release */
    mds_halt_t limit;
} mds_halt_record_t;

/* A release as a generation stores it in the table "releases", where reports,
 * which name no resource, find it. The resource follows: kind 00 name. */
#define MDS_RELEASE_ROW_TAG 0x4c73646d /* "mdsL" */

typedef struct MDS_PACKED {
    uint32_t   tag;
    mds_halt_t limit; /* all zero: none */
} mds_release_row_t;

/* A delta as a generation stores it in the table "releases", where a request
 * that has both files' digests finds it. Its key begins as that of no release:
 * 00, the digest of the new file, and that of the old one. */
#define MDS_DELTA_ROW_TAG 0x4473646d /* "mdsD" */
#define MDS_DELTA_KEY_BYTES 65

typedef struct MDS_PACKED {
    uint32_t tag;
    uint8_t  sha256[32]; /* of the delta */
} mds_delta_row_t;

/* An app as a generation stores it, in the table "apps". */
#define MDS_APP_TAG 0x4173646d /* "mdsA" */

typedef struct MDS_PACKED {
    uint32_t tag;
    uint32_t poll_after_s;
    uint32_t poll_jitter_s;
    uint32_t push_spread_s; /* over which a change reaches those that watch */
    uint64_t serial;        /* of the app's last change */
} mds_app_record_t;

/* Older generations store an app without the last two members. */
#define MDS_APP_RECORD_OLD_BYTES offsetof(mds_app_record_t, push_spread_s)

/* Returns whether the length is that of an app's record. */
static inline bool
mds_app_record_fits(size_t len)
{
    return len == sizeof(mds_app_record_t) || len == MDS_APP_RECORD_OLD_BYTES;
}

/* Sizes of the items of the tables; here, so that they are constants. */
static const uint32_t mds_table_item_bytes[MDS_TABLE_COUNT] = {
    [MDS_TABLE_TEXTS] = sizeof(mds_span_t),
    [MDS_TABLE_ATTRIBUTES] = sizeof(mds_span_t),
    [MDS_TABLE_RULES] = sizeof(mds_rule_record_t),
    [MDS_TABLE_LISTS] = sizeof(mds_list_ref_t),
    [MDS_TABLE_REFS] = sizeof(uint32_t),
    [MDS_TABLE_BUILDS] = sizeof(mds_build_t),
    [MDS_TABLE_RELEASES] = sizeof(mds_release_record_t),
    [MDS_TABLE_SALTS] = sizeof(mds_salt_t),
    [MDS_TABLE_OFFERS] = sizeof(mds_offer_t),
    [MDS_TABLE_DELTAS] = sizeof(mds_delta_record_t),
    [MDS_TABLE_SETTINGS] = sizeof(mds_setting_record_t),
    [MDS_TABLE_KEYS] = sizeof(mds_config_key_t),
    [MDS_TABLE_CANDIDATES] = sizeof(mds_candidate_t),
    [MDS_TABLE_CONDITIONS] = sizeof(uint32_t),
    [MDS_TABLE_MESSAGES] = sizeof(mds_message_record_t),
    [MDS_TABLE_HALTS] = sizeof(mds_halt_record_t),
    [MDS_TABLE_EXTRAS] = sizeof(mds_release_extra_t),
};

/*
 * Checks the checksum, and that all references lie inside the record.
 * MDS_DAMAGED says what is wrong.
 */
mds_status_t mds_record_check(mds_str_t bytes, mds_error_t *err) MDS_MUST_CHECK;

/* Returns the checksum that the record should have. */
uint64_t mds_record_sum(const mds_record_t *record);

/* Readers of a record that was checked. */

static inline mds_str_t
mds_record_bytes(const mds_record_t *record, mds_span_t span)
{
    return (mds_str_t){ span.len, (const char *) record + span.offset };
}

static inline const void *
mds_record_item(const mds_record_t *record, mds_table_id_t table, uint32_t i)
{
    return (const char *) record + record->tables[table].offset
           + (size_t) i * mds_table_item_bytes[table];
}

/* Returns what few releases have, or NULL. */
static inline const mds_release_extra_t *
mds_record_extra(const mds_record_t         *record,
                 const mds_release_record_t *release)
{
    return release->extra == MDS_RECORD_NONE
               ? NULL
               : mds_record_item(record, MDS_TABLE_EXTRAS, release->extra);
}

static inline mds_str_t
mds_record_text(const mds_record_t *record, uint32_t i)
{
    const mds_span_t *span = mds_record_item(record, MDS_TABLE_TEXTS, i);

    return mds_record_bytes(record, *span);
}

static inline uint32_t
mds_record_ref(const mds_record_t *record, uint32_t i)
{
    uint32_t ref;

    memcpy(&ref, mds_record_item(record, MDS_TABLE_REFS, i), sizeof(ref));
    return ref;
}

#endif
