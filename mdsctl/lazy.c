/* Loads a library, and looks up its functions. */

#include "lazy.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void *
mdsctl_lazy_function(mdsctl_lazy_library_t *library, const char *function)
{
    void *address = NULL;

    if (library->handle == NULL) {
        library->handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    }

    if (library->handle != NULL) {
        address = dlsym(library->handle, function);
    }

    if (address == NULL) {
        (void) fprintf(stderr,
                       "mdsctl: failed to load %s: %s; on Debian, install %s\n",
                       library->file, dlerror(), library->package);
        exit(EXIT_FAILURE);
    }

    return address;
}
