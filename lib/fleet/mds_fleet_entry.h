/*
 * mds_fleet_entry: what edges tell each other by way of a database, as bytes.
 * An edge keeps entries in its outbox until its agent has stored them; the
 * feed of the database brings entries to every edge. Each one may be applied
 * more than once: the result is the same.
 *
 *   mark         user, delete_through (8 bytes), oldest (8), runs
 *   report       release, device (8), event (1), instructed (1), limit: reports
 *                (8), ppm (4), rollback (1), when (8), detail
 *   device       app, device, user, platform, version, seen (8), forgotten (1)
 *   admission    window, id, when (8)
 *   window full  window, limit (8), when (8)
 *   halt         release, ends (8), failures (8), when (8)
 *   resume       release, when (8)
 *   forget       name, when (8): a device, or a user with all devices
 *
 * Numbers are big-endian. A text is its length (2 bytes) and its bytes; runs
 * have no length, as they come last. Times are ms since 1970.
 */

#ifndef MDS_FLEET_ENTRY_H
#define MDS_FLEET_ENTRY_H

#include "base/mds_base.h"
#include "base/mds_halt.h"

/* The numbers are part of the format. */
typedef enum {
    MDS_ENTRY_MARK = 1,         /* in the outbox and in the feed */
    MDS_ENTRY_REPORT = 2,       /* in the outbox */
    MDS_ENTRY_DEVICE = 3,       /* in the outbox */
    MDS_ENTRY_ADMISSION = 16,   /* the rest is in the feed only */
    MDS_ENTRY_WINDOW_FULL = 17, /* comes after all admissions of the window */
    MDS_ENTRY_HALT = 18,
    MDS_ENTRY_RESUME = 19,
    MDS_ENTRY_FORGET = 20
} mds_entry_type_t;

#define MDS_ENTRY_RUN_BYTES 16

/* The longest entry: a body of marks has 64 KiB of JSON, of which no run takes
 * fewer than 5 bytes once its ids have four digits. */
#define MDS_ENTRY_BYTES_MAX (240 * 1024)

typedef struct {
    mds_str_t user; /* app 00 user */
    uint64_t  delete_through;
    uint64_t  oldest; /* of the app's messages */
    mds_str_t runs; /* first (8 bytes), last (8), …, as the state has them */
} mds_entry_mark_t;

typedef struct {
    mds_str_t          release; /* app 00 release */
    uint64_t           device;  /* mds_install_hash() */
    mds_report_event_t event;
    bool               instructed;
    mds_halt_t         limit;
    int64_t            when_ms;
    mds_str_t          detail; /* empty: none */
} mds_entry_report_t;

typedef struct {
    mds_str_t app;
    mds_str_t device;
    mds_str_t user; /* empty: none */
    mds_str_t platform;
    mds_str_t version;
    int64_t   seen_ms;
    bool      forgotten;
} mds_entry_device_t;

typedef struct {
    mds_str_t window; /* app 00 release */
    mds_str_t id;
    int64_t   when_ms;
} mds_entry_admission_t;

typedef struct {
    mds_str_t window; /* app 00 release */
    uint64_t  limit;
    int64_t   when_ms;
} mds_entry_window_full_t;

typedef struct {
    mds_str_t release; /* app 00 release */
    uint64_t  ends;
    uint64_t  failures;
    int64_t   when_ms;
} mds_entry_halt_t;

typedef struct {
    mds_str_t release; /* app 00 release */
    int64_t   when_ms;
} mds_entry_resume_t;

typedef struct {
    mds_str_t name;    /* app 00 device, or app 00 user */
    int64_t   when_ms; /* by the edge's clock: what was seen later stays */
} mds_entry_forget_t;

/* Texts are views. */
typedef struct {
    mds_entry_type_t type;
    union {
        mds_entry_mark_t        mark;
        mds_entry_report_t      report;
        mds_entry_device_t      device;
        mds_entry_admission_t   admission;
        mds_entry_window_full_t window_full;
        mds_entry_halt_t        halt;
        mds_entry_resume_t      resume;
        mds_entry_forget_t      forget;
    };
} mds_fleet_entry_t;

/* Returns whether the texts have the form and the length that an edge takes,
 * and numbers are in range. */
bool mds_fleet_entry_is_valid(const mds_fleet_entry_t *entry);

/* Encodes an entry, without its type. Returns its bytes; 0: it does not fit. */
size_t
mds_fleet_entry_encode(const mds_fleet_entry_t *entry, void *room, size_t size);

/* Decodes an entry, whose texts become views of the bytes. False: the bytes
 * are not a valid entry of that type, or the type is unknown. */
bool mds_fleet_entry_decode(unsigned type, mds_str_t bytes,
                            mds_fleet_entry_t *entry);

#endif
