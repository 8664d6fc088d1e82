#define _GNU_SOURCE

#include "alloc_fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULE "ngx_http_mds_module.so"
#define DEPTH 40
#define SLOTS (4 * ALLOC_FAULT_PLACES_MAX)

static alloc_fault_t page;
alloc_fault_t       *alloc_fault = &page;

/* What really allocates: libc, or a sanitizer where there is one. */

#define REAL(name, result, ...)                                                \
    extern result __libc_##name(__VA_ARGS__);                                  \
    extern result __interceptor_##name(__VA_ARGS__) __attribute__((weak))

REAL(malloc, void *, size_t);
REAL(calloc, void *, size_t, size_t);
REAL(realloc, void *, void *, size_t);
REAL(memalign, void *, size_t, size_t);
REAL(free, void, void *);

#define real(name)                                                             \
    (__interceptor_##name != NULL ? __interceptor_##name : __libc_##name)

/* Leaks are counted here; what the system's loader keeps is none. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* Where the module's code is, once it is loaded. */
static __thread int inside_us;
static uintptr_t    module_start, module_end;
static uint64_t     seen[SLOTS];

static int
look_for_module(struct dl_phdr_info *info, size_t size, void *data)
{
    (void) size;
    (void) data;

    if (strstr(info->dlpi_name, MODULE) == NULL) {
        return 0;
    }

    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0) {
            module_start = info->dlpi_addr + header->p_vaddr;
            module_end = module_start + header->p_memsz;
        }
    }

    return 1;
}

static void
note_place(void *const *frames, int count)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (int i = 0; i < count; i++) {
        hash = (hash ^ (uintptr_t) frames[i]) * 0x100000001b3;
        hash ^= hash >> 29;
    }

    for (unsigned i = hash % SLOTS; seen[i] != hash; i = (i + 1) % SLOTS) {
        if (seen[i] == 0 && alloc_fault->place_count < ALLOC_FAULT_PLACES_MAX) {
            seen[i] = hash;
            alloc_fault->places[alloc_fault->place_count++] = alloc_fault->calls;
            return;
        }
    }
}

/* Whether this call counts; notes its place. */
static int
counts(void)
{
    void *frames[DEPTH];
    int   count, below = 0;

    if (!alloc_fault->inside && !alloc_fault->note) {
        alloc_fault->calls++;
        return 1;
    }

    count = backtrace(frames, DEPTH);

    if (alloc_fault->inside && module_start == 0) {
        dl_iterate_phdr(look_for_module, NULL);
    }

    for (int i = 0; i < count; i++) {
        below |= (uintptr_t) frames[i] >= module_start
                 && (uintptr_t) frames[i] < module_end;
    }

    if (alloc_fault->inside && !below) {
        return 0;
    }

    alloc_fault->calls++;

    if (alloc_fault->note) {
        if (alloc_fault->calls == 1) {
            memset(seen, 0, sizeof(seen));
        }
        note_place(frames, count);
    }

    return 1;
}

static int
is_meant(void)
{
    return alloc_fault->pid == -1
           || (alloc_fault->pid != 0 && alloc_fault->pid == getpid());
}

static int
fails(void)
{
    int due;

    if (inside_us || !is_meant()) {
        return 0;
    }

    inside_us = 1;
    due = counts() && alloc_fault->calls >= alloc_fault->from
          && alloc_fault->calls <= alloc_fault->to;
    inside_us = 0;

    if (due) {
        alloc_fault->failed++;
        errno = ENOMEM;
    }

    return due;
}

static void
count_live(int64_t more)
{
    int64_t live = __atomic_add_fetch(&page.live, more, __ATOMIC_RELAXED);

    if (alloc_fault != &page && is_meant()) {
        alloc_fault->live = live;
    }
}

static void *
counted(void *data)
{
    if (data != NULL) {
        count_live(1);
    }

    return data;
}

void *
malloc(size_t size)
{
    return fails() ? NULL : counted(real(malloc)(size));
}

void *
calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(real(calloc)(count, size));
}

void *
realloc(void *data, size_t size)
{
    if (fails()) {
        return NULL;
    }

    if (data == NULL) {
        return counted(real(realloc)(data, size));
    }

    return real(realloc)(data, size);
}

void *
memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : counted(real(memalign)(alignment, size));
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int
posix_memalign(void **data, size_t alignment, size_t size)
{
    void *made = memalign(alignment, size);

    if (made == NULL) {
        return ENOMEM;
    }

    *data = made;
    return 0;
}

void
free(void *data)
{
    if (data != NULL) {
        count_live(-1);
        real(free)(data);
    }
}

/* A map that fails; those that do not are nobody's allocation. */
void *
mmap(void *address, size_t len, int protection, int flags, int fd,
     off_t offset)
{
    if (fails()) {
        return MAP_FAILED;
    }

    /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
    return (void *) syscall(SYS_mmap, address, len, protection, flags, fd,
                            offset);
}

void *
mmap64(void *address, size_t len, int protection, int flags, int fd,
       off64_t offset)
{
    return mmap(address, len, protection, flags, fd, offset);
}

__attribute__((constructor)) static void
begin(void)
{
    const char *path = getenv("ALLOC_FAULT");
    void       *frames[1];
    void       *map;
    int         fd;

    (void) backtrace(frames, 1); /* it loads a library, the first time */

    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    map = mmap(NULL, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);

    if (map != MAP_FAILED) {
        alloc_fault = map;
    }
}
