/*
 * mds_terms: the bounds and the small enumerations that documents, records,
 * requests and the state share. Sizes are in bytes.
 */

#ifndef MDS_TERMS_H
#define MDS_TERMS_H

#include <stdint.h>

#include "base/mds_rule_op.h"

/* The longest names. One of each fits into a key of the catalog. */
#define MDS_APP_MAX 128
#define MDS_KIND_MAX 32
#define MDS_NAME_MAX 256
#define MDS_RELEASE_ID_MAX 128
#define MDS_META_MAX 65536         /* of a manifest's "meta", as JSON */
#define MDS_CONFIG_VALUE_MAX 65536 /* of a configuration's value, as JSON */

#define MDS_ATTRIBUTE_NAME_MAX 32
#define MDS_VALUE_MAX 256 /* of an attribute */

/* The time that a gray message is kept after it has expired. */
#define MDS_MESSAGE_KEPT_MS (INT64_C(30) * 24 * 3600 * 1000)

/* The format of the deltas that the loader makes (mds_delta.h). */
#define MDS_DELTA_FORMAT "dcz"

/* For structures that are stored or mapped as they are. */
#define MDS_PACKED __attribute__((packed))

/* Bytes of the structure that has the span. */
typedef struct MDS_PACKED {
    uint32_t offset;
    uint32_t len;
} mds_span_t;

typedef enum { MDS_BY_DEVICE, MDS_BY_USER } mds_by_t;

typedef enum {
    MDS_RELEASE_RUNNING,
    MDS_RELEASE_PAUSED,
    MDS_RELEASE_ENDED,
    MDS_RELEASE_ROLLED_BACK
} mds_release_state_t;

#define MDS_RELEASE_STATES (MDS_RELEASE_ROLLED_BACK + 1)

/* The states as documents name them. */
extern const char *const mds_release_state_names[MDS_RELEASE_STATES];

/* The answer to a device for whose version there is no delta. */
typedef enum { MDS_MISSING_FULL, MDS_MISSING_NONE } mds_missing_t;

#endif
