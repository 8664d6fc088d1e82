/* Damage of a mapped file ends a guarded call, and any other fault the
 * process. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mds_fault_guard.h"
#include "workdir.h"

#define PAGE 4096

static volatile char read_byte;

/* The sanitizers would report the access before the guard sees its signal. */
__attribute__((no_sanitize("address", "undefined"))) static void
touch(void *address)
{
    read_byte = *(volatile char *) address;
}

static void
raise_bus(void *unused)
{
    (void) unused;
    (void) raise(SIGBUS);
}

static void
touch_guarded_first(void *address)
{
    char *damaged = address;

    if (mds_fault_guard_call(touch, damaged)) {
        _exit(3);
    }

    touch(damaged);
}

/* Two pages of a file, mapped, of which one is there no longer. */
static char *
map_damaged(void)
{
    const char *path = workdir("mapped");
    int         fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    char       *map;

    assert_int_not_equal(fd, -1);
    assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
    map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(ftruncate(fd, PAGE), 0);
    assert_int_equal(close(fd), 0);

    return map;
}

/* Returns the signal that ends a process which makes the guarded call, or 0
 * where the guard ended the call. */
static int
signal_of(void (*call)(void *data), void *data)
{
    pid_t pid = fork();
    int   status;

    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        if (!mds_fault_guard_install()) {
            _exit(2);
        }

        _exit(mds_fault_guard_call(call, data) ? 1 : 0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);

    if (WIFSIGNALED(status)) {
        return WTERMSIG(status);
    }

    assert_int_equal(WEXITSTATUS(status), 0);

    return 0;
}

static void
damage_ends_the_call(void **unused)
{
    char *map = map_damaged();

    (void) unused;
    assert_int_equal(signal_of(touch, map + PAGE), 0);
    assert_int_equal(signal_of(touch_guarded_first, map + PAGE), 0);
    assert_int_equal(signal_of(raise_bus, NULL), 0);
    assert_int_equal(munmap(map, 2 * PAGE), 0);
}

static void
other_faults_end_the_process(void **unused)
{
    char *map = map_damaged();
    char *closed = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);
    char *shared = mmap(NULL, PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);

    (void) unused;
    assert_ptr_not_equal(closed, MAP_FAILED);
    assert_ptr_not_equal(shared, MAP_FAILED);
    assert_int_equal(munmap(map, 2 * PAGE), 0);

    assert_int_equal(signal_of(touch, NULL), SIGSEGV);
    assert_int_equal(signal_of(touch, closed), SIGSEGV);
    assert_int_equal(signal_of(touch, shared), SIGSEGV);
    assert_int_equal(signal_of(touch, map), SIGSEGV);

    assert_int_equal(munmap(closed, PAGE), 0);
    assert_int_equal(munmap(shared, PAGE), 0);
}

static void
addresses_of_mapped_files_are_told_from_others(void **unused)
{
    char *map = map_damaged();
    char *heap = malloc(16);

    (void) unused;
    assert_non_null(heap);
    assert_true(mds_address_is_in_mapped_file(map));
    assert_true(mds_address_is_in_mapped_file(map + 2 * PAGE - 1));
    assert_false(mds_address_is_in_mapped_file(map - 1));
    assert_false(mds_address_is_in_mapped_file(NULL));
    assert_false(mds_address_is_in_mapped_file(heap));
    assert_false(mds_address_is_in_mapped_file(&map));
    assert_false(mds_address_is_in_mapped_file((void *) &read_byte));
    assert_int_equal(munmap(map, 2 * PAGE), 0);
    assert_false(mds_address_is_in_mapped_file(map));
    free(heap);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_ends_the_call),
        cmocka_unit_test(other_faults_end_the_process),
        cmocka_unit_test(addresses_of_mapped_files_are_told_from_others),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
