/* Until the handlers are here; goes with their arrival. */
#include "inside.h"

static void absent(struct call *c) { http_respond(c->r, 501, "text/plain", SL("not in this build\n")); }

[[gnu::weak]] void reg_manifest_get(struct call *c) { absent(c); }
[[gnu::weak]] void reg_manifest_put(struct call *c) { absent(c); }
[[gnu::weak]] void reg_manifest_delete(struct call *c) { absent(c); }
[[gnu::weak]] void reg_blob_get(struct call *c) { absent(c); }
[[gnu::weak]] void reg_blob_delete(struct call *c) { absent(c); }
[[gnu::weak]] void reg_upload_post(struct call *c) { absent(c); }
[[gnu::weak]] void reg_upload_patch(struct call *c) { absent(c); }
[[gnu::weak]] void reg_upload_put(struct call *c) { absent(c); }
[[gnu::weak]] void reg_upload_get(struct call *c) { absent(c); }
[[gnu::weak]] void reg_upload_delete(struct call *c) { absent(c); }
[[gnu::weak]] void reg_tags(struct call *c) { absent(c); }
[[gnu::weak]] void reg_referrers(struct call *c) { absent(c); }
[[gnu::weak]] void reg_catalog(struct call *c) { absent(c); }
[[gnu::weak]] void api_dispatch(struct call *c) { absent(c); }
[[gnu::weak]] void answer_error(struct call *c, int status, const char *code, const char *fmt, ...) { (void)code, (void)fmt; http_respond(c->r, status, "text/plain", SL("error\n")); }
[[gnu::weak]] void answer_api_error(struct call *c, int status, const char *code, const char *fmt, ...) { (void)code, (void)fmt; http_respond(c->r, status, "text/plain", SL("error\n")); }
[[gnu::weak]] void answer_unauthorized(struct call *c, unsigned rights, const char *error) { (void)rights, (void)error; http_respond(c->r, 401, "text/plain", SL("error\n")); }
[[gnu::weak]] void answer_fault(struct call *c, const struct err *e) { (void)e; http_respond(c->r, 503, "text/plain", SL("error\n")); }
