/* libcurl, loaded at run time. */
#pragma once
#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>
#include "base.h"
/* The headers wrap these in macros of three arguments. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

struct curl_lib {
	void *handle;
	typeof(&curl_global_init) global_init;
	typeof(&curl_easy_init) easy_init;
	typeof(&curl_easy_setopt) easy_setopt;
	typeof(&curl_easy_getinfo) easy_getinfo;
	typeof(&curl_easy_cleanup) easy_cleanup;
	typeof(&curl_easy_reset) easy_reset;
	typeof(&curl_easy_pause) easy_pause;
	typeof(&curl_easy_strerror) easy_strerror;
	typeof(&curl_multi_init) multi_init;
	typeof(&curl_multi_add_handle) multi_add_handle;
	typeof(&curl_multi_remove_handle) multi_remove_handle;
	typeof(&curl_multi_perform) multi_perform;
	typeof(&curl_multi_poll) multi_poll;
	typeof(&curl_multi_info_read) multi_info_read;
	typeof(&curl_multi_cleanup) multi_cleanup;
	typeof(&curl_slist_append) slist_append;
	typeof(&curl_slist_free_all) slist_free_all;
};

/* Loads and initialises; may be called by several owners. */
[[nodiscard]] enum err_code curl_lib_load(struct curl_lib *ret, struct err *e);
