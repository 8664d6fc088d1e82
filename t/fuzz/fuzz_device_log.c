/*
 * A log of devices, whatever it is: what is read of it is valid, and written
 * once more it says the same.
 */

#include "fuzz.h"
#include "registry/mds_device_log.h"

static void
write_again(const mds_device_t *device)
{
    uint8_t          *record = fuzz_room(MDS_DEVICE_RECORD_MAX);
    mds_device_copy_t again;
    size_t            len = mds_device_encode(device, 0, record);

    fuzz_must(mds_device_decode(record, len, NULL, 0, &again) == len);
    fuzz_must(mds_device_eq(&again.device, device));
    fuzz_must(again.device.seen_ms == device->seen_ms
              && again.device.forgotten == device->forgotten);
    fuzz_must(mds_device_decode(record, len - 1, NULL, 0, &again) == 0);
    free(record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_device_logs_t logs = { 0 };
    mds_device_copy_t copy;
    uint64_t          before = 0;

    /* The bytes of one record, and those of a log. */
    if (mds_device_decode(data, size, NULL, 0, &copy) > 0) {
        write_again(&copy.device);
    }

    fuzz_must(mds_device_logs_add(&logs, data, size, NULL) == MDS_OK);
    mds_device_logs_sort(&logs, INT64_C(1790000000000));

    for (size_t i = 0; i < logs.count; i++) {
        mds_device_logs_get(&logs, &logs.entries[i], &copy);
        fuzz_must(mds_device_is_valid(&copy.device));
        fuzz_must(logs.entries[i].hash >= before);
        before = logs.entries[i].hash;
        write_again(&copy.device);
    }

    fuzz_must(logs.cut <= size);
    mds_device_logs_free(&logs);
    return 0;
}
