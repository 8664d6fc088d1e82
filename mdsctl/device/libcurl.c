/*
 * The functions of libcurl that mdsctl calls; the library is loaded with the
 * first call (lazy.h).
 */

/* The checks of types are macros, which would stand in the way below. */
#define CURL_DISABLE_TYPECHECK

#include <curl/curl.h>
#include <stdarg.h>

#include "lazy.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

static mdsctl_lazy_library_t libcurl = { "libcurl.so.4", "libcurl4", NULL };

MDSCTL_LAZY_1(libcurl, CURLcode, curl_global_init, long)
MDSCTL_LAZY_0(libcurl, void, curl_global_cleanup)
MDSCTL_LAZY_0(libcurl, CURL *, curl_easy_init)
MDSCTL_LAZY_1(libcurl, void, curl_easy_cleanup, CURL *)
MDSCTL_LAZY_1(libcurl, void, curl_easy_reset, CURL *)
MDSCTL_LAZY_1(libcurl, CURLcode, curl_easy_perform, CURL *)
MDSCTL_LAZY_1(libcurl, const char *, curl_easy_strerror, CURLcode)
MDSCTL_LAZY_3(libcurl, char *, curl_easy_escape, CURL *, const char *, int)
MDSCTL_LAZY_4(libcurl, char *, curl_easy_unescape, CURL *, const char *, int,
              int *)
MDSCTL_LAZY_1(libcurl, void, curl_free, void *)
MDSCTL_LAZY_2(libcurl, struct curl_slist *, curl_slist_append,
              struct curl_slist *, const char *)
MDSCTL_LAZY_1(libcurl, void, curl_slist_free_all, struct curl_slist *)
MDSCTL_LAZY_6(libcurl, CURLHcode, curl_easy_header, CURL *, const char *,
              size_t, unsigned, int, struct curl_header **)
MDSCTL_LAZY_0(libcurl, CURLM *, curl_multi_init)
MDSCTL_LAZY_1(libcurl, CURLMcode, curl_multi_cleanup, CURLM *)
MDSCTL_LAZY_2(libcurl, CURLMcode, curl_multi_add_handle, CURLM *, CURL *)
MDSCTL_LAZY_2(libcurl, CURLMcode, curl_multi_remove_handle, CURLM *, CURL *)
MDSCTL_LAZY_2(libcurl, CURLMcode, curl_multi_perform, CURLM *, int *)
MDSCTL_LAZY_5(libcurl, CURLMcode, curl_multi_poll, CURLM *,
              struct curl_waitfd *, unsigned, int, int *)
MDSCTL_LAZY_2(libcurl, CURLMsg *, curl_multi_info_read, CURLM *, int *)

/* The argument is a long, a pointer or a curl_off_t, by the option. libcurl
 * reads it in the same way. */
CURLcode
curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    MDSCTL_LAZY_CALL(libcurl, curl_easy_setopt)
    va_list args;
    void   *argument;

    va_start(args, option);
    argument = va_arg(args, void *);
    va_end(args);

    return function(curl, option, argument);
}

CURLcode
curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    MDSCTL_LAZY_CALL(libcurl, curl_easy_getinfo)
    va_list args;
    void   *argument;

    va_start(args, info);
    argument = va_arg(args, void *);
    va_end(args);

    return function(curl, info, argument);
}
