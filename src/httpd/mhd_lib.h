/* libmicrohttpd and GnuTLS, opened when a server is opened. Some of libmicrohttpd's functions are variadic, so their pointers are called directly. */
#pragma once
#include <microhttpd.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include "os.h"

#define MHD_LIB_FUNCTIONS(X) \
	X(MHD_start_daemon) X(MHD_stop_daemon) X(MHD_quiesce_daemon) X(MHD_create_response_from_buffer) X(MHD_create_response_from_callback) \
	X(MHD_create_response_from_fd_at_offset64) X(MHD_add_response_header) X(MHD_destroy_response) X(MHD_queue_response) \
	X(MHD_suspend_connection) X(MHD_resume_connection) X(MHD_get_connection_info) X(MHD_get_connection_values_n)

#define TLS_LIB_FUNCTIONS(X) \
	X(gnutls_strerror) X(gnutls_pcert_list_import_x509_raw) X(gnutls_pcert_deinit) X(gnutls_privkey_init) \
	X(gnutls_privkey_deinit) X(gnutls_privkey_import_x509_raw) X(gnutls_session_get_ptr) X(gnutls_certificate_get_peers) \
	X(gnutls_x509_crt_init) X(gnutls_x509_crt_deinit) X(gnutls_x509_crt_import) X(gnutls_x509_crt_get_dn_by_oid) \
	X(gnutls_x509_trust_list_init) X(gnutls_x509_trust_list_deinit) X(gnutls_x509_trust_list_add_trust_mem) \
	X(gnutls_x509_trust_list_verify_crt2) X(gnutls_record_send) X(gnutls_pubkey_init) X(gnutls_pubkey_deinit) \
	X(gnutls_pubkey_import_privkey) X(gnutls_pubkey_get_key_id)

#define MHD_LIB_POINTER(name) typeof(name) *name;
struct mhd_lib { MHD_LIB_FUNCTIONS(MHD_LIB_POINTER) };
struct tls_lib { TLS_LIB_FUNCTIONS(MHD_LIB_POINTER) };
#undef MHD_LIB_POINTER

extern struct mhd_lib httpd_mhd;	/* filled once a process */
extern struct tls_lib httpd_tls;
[[nodiscard]] enum err_code httpd_mhd_load(struct err *e);
[[nodiscard]] enum err_code httpd_tls_load(struct err *e);
