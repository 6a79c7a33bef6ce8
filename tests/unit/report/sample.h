/* One image with something of everything, for the tests of all formats. */
#pragma once
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "report.h"

struct sample { struct arena arena; struct report r; };

static inline void add_layer(struct sample *s, const char *created_by, bool base, unsigned n)
{
	struct layer_info *l = ARENA_PUSH(&s->arena, &s->r.layers);
	*l = (struct layer_info){ .digest = arena_printf(&s->arena, "sha256:%064x", n), .diff_id = arena_printf(&s->arena, "sha256:%064x", n + 100),
				  .media_type = SL("application/vnd.oci.image.layer.v1.tar+gzip"), .created_by = slice_str(created_by),
				  .size_bytes = 1000 * n, .uncompressed_bytes = 3000 * n, .files = 10 * n, .history_index = (int)n, .base = base };
}

static inline struct finding *add_finding(struct sample *s, enum finding_kind kind, enum severity severity, const char *rule, const char *title,
					   int layer, struct slice path)
{
	struct finding *f = report_add_finding(&s->r);
	f->kind = kind;
	f->severity = severity;
	f->rule = slice_str(rule);
	f->title = slice_str(title);
	f->shown = true;
	struct evidence *ev = finding_add_evidence(&s->r, f);
	ev->layer = layer;
	ev->path = path;
	return f;
}

static inline struct finding *add_vuln(struct sample *s, const char *package, const char *version, const char *fixed, const char *cve,
					enum severity severity)
{
	AUTO_BUF rule = BUF(256);
	buf_printf(&rule, "vuln.%s", cve);
	struct finding *f = add_finding(s, KIND_VULNERABILITY, severity, arena_strdup(&s->arena, buf_cstr(&rule)), "A flaw", 0, SL("/var/lib/dpkg/status"));
	f->title = arena_printf(&s->arena, "%s in %s", cve, package);
	f->subject = slice_str(cve);
	f->package = arena_printf(&s->arena, "pkg:deb/debian/%s@%s?arch=amd64", package, version);
	f->package_name = slice_str(package);
	f->package_type = SL("deb");
	f->installed_version = slice_str(version);
	f->fixed_version = slice_str(fixed);
	f->fix_state = *fixed ? SL("fixed") : SL("not-fixed");
	f->advice = arena_printf(&s->arena, "Update %s to %s", package, fixed);
	f->base_layer = true;
	finding_seal(&s->r, f);
	return f;
}

static inline void add_reason(struct sample *s, enum decision d, const char *rule, const char *text, const char *id)
{
	struct verdict_reason *reason = ARENA_PUSH(&s->arena, &s->r.verdict.reasons);
	*reason = (struct verdict_reason){ .decision = d, .rule = slice_str(rule), .text = slice_str(text) };
	*ARENA_PUSH(&s->arena, &reason->findings) = slice_str(id);
}

static inline void sample_facts(struct sample *s)
{
	s->r.reference = SL("docker.io/somebody/openjdk:8");
	s->r.transport = SL("docker");
	s->r.digest = SL("sha256:8f2c1d0e5b7a9c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5");
	s->r.config_digest = SL("sha256:1111111111111111111111111111111111111111111111111111111111111111");
	s->r.platform = SL("linux/amd64");
	s->r.os = (struct os_info){ .id = SL("debian"), .version_id = SL("10"), .name = SL("Debian GNU/Linux 10 (buster)"), .codename = SL("buster"),
				    .known = true, .end_of_life = true, .eol_date = SL("2024-06-30") };
	add_layer(s, "/bin/sh -c #(nop) ADD file:a1b2c3d4e5f6 in / ", true, 1);
	add_layer(s, "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends openjdk-8-jdk && rm -rf /var/lib/apt/lists/* # buildkit",
		  false, 2);
	add_layer(s, "COPY java /opt/.x/java # buildkit", false, 3);
	s->r.total_files = 6680;
	s->r.total_bytes = 164200000;
	s->r.complete = false;
	s->r.advisories_built = SL("2026-11-20T04:00:00Z");
	s->r.advisories_records = 312044;
	s->r.intel_built = SL("2026-11-01T00:00:00Z");
	s->r.intel_records = 1200;
	*ARENA_PUSH(&s->arena, &s->r.ecosystems) = (struct ecosystem_info){ SL("Debian:10"), 44021 };
	*ARENA_PUSH(&s->arena, &s->r.analyzers) = (struct analyzer_version){ SL("dpkg-status"), 1 };
	*ARENA_PUSH(&s->arena, &s->r.skipped) = (struct skipped_item){ 1, SL("opt/x.rar"), SL("unsupported: rar"), SL("RAR is not opened"), 900, 2 };
	*ARENA_PUSH(&s->arena, &s->r.packages) = (struct package){ .purl = SL("pkg:deb/debian/openssl@1.1.1n-0+deb10u3?arch=amd64"), .type = SL("deb"),
		.name = SL("openssl"), .version = SL("1.1.1n-0+deb10u3"), .arch = SL("amd64"), .path = SL("var/lib/dpkg/status"), .license = SL("OpenSSL") };
}

static inline void sample_init(struct sample *s)
{
	*s = (struct sample){ .arena = ARENA(4 * MIB) };
	s->r.arena = &s->arena;
	sample_facts(s);
	struct finding *f = add_finding(s, KIND_MINER, SEV_CRITICAL, "miner.entrypoint", "The entrypoint starts a cryptocurrency miner", -1, SL("config:Entrypoint"));
	f->evidence.items[0].excerpt = SL("/opt/.x/java -o stratum+tcp://pool.example:3333 -u 4AfUP827TeRZ1cck3tZThgZbRCEwBrpcJTkA1LCiyFVuMH4b5y59bKMZHGb9y58K3gSjWDCBsB4RkGsGDhsmMG5R2qmbLeW");
	struct evidence *ev = finding_add_evidence(&s->r, f);
	*ev = (struct evidence){ .layer = 2, .path = SL("/opt/.x/java"), .has_offset = true, .offset = 88213,
				 .sha256 = SL("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") };
	f->advice = SL("Do not run this image. Remove it from every host and registry, and look for other images of the same namespace.");
	f->description = SL("XMRig's command line stands in the image's configuration.");
	f->disposition = SL("refuse");
	finding_seal(&s->r, f);
	f = add_finding(s, KIND_NAME, SEV_CRITICAL, "name.impersonation", "The name of Docker's official image openjdk under another namespace", -1, SL("image:name"));
	f->advice = SL("Use docker.io/library/openjdk, or eclipse-temurin, which replaced it.");
	f->disposition = SL("refuse");
	finding_seal(&s->r, f);
	f = add_finding(s, KIND_MALWARE, SEV_HIGH, "malware.reverse-shell", "A reverse shell", 1, SL("/tmp/a\n\x1b[31m\xff.sh"));
	f->hidden = f->evidence.items[0].hidden = true;
	f->disposition = SL("refuse");
	finding_seal(&s->r, f);
	f = add_finding(s, KIND_COVERAGE, SEV_MEDIUM, "coverage.skipped", "An archive that the entrypoint leads to was not opened: RAR is not supported", 1, SL("/opt/x.rar"));
	f->skip_class = FINDING_SKIP_EXECUTABLE;
	f->disposition = SL("hold");
	finding_seal(&s->r, f);
	f = add_finding(s, KIND_MISCONFIGURATION, SEV_INFO, "config.root-user", "Runs as root", -1, SL("config:User"));
	finding_seal(&s->r, f);
	f = add_vuln(s, "openssl", "1.1.1n-0+deb10u3", "1.1.1n-0+deb10u6", "CVE-2023-0286", SEV_HIGH);
	add_vuln(s, "libssl1.1", "1.1.1n-0+deb10u3", "1.1.1n-0+deb10u6", "CVE-2023-0286", SEV_HIGH);
	add_vuln(s, "openssl", "1.1.1n-0+deb10u3", "1.1.1n-0+deb10u5", "CVE-2022-4450", SEV_HIGH);
	add_vuln(s, "libssl1.1", "1.1.1n-0+deb10u3", "1.1.1n-0+deb10u5", "CVE-2022-4450", SEV_HIGH);
	f = add_vuln(s, "sudo", "1.8.27-1+deb10u3", "1.8.27-1+deb10u5", "CVE-2021-3156", SEV_CRITICAL);
	f->exploited = true;
	f->cvss_score = 7.8;
	f->cvss_vector = SL("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H");
	f->has_epss = true;
	f->epss_score = 0.91234;
	f->epss_date = SL("2026-11-20");
	f->disposition = SL("refuse");
	for (int i = 0; i < 14; i++)
		add_vuln(s, "perl-base", "5.28.1-6+deb10u1", i % 3 ? "5.28.1-6+deb10u2" : "",
			 arena_strdup(&s->arena, (const char *)arena_printf(&s->arena, "CVE-2023-%d", 31480 + i).p), i % 2 ? SEV_MEDIUM : SEV_LOW);
	add_vuln(s, "tar", "1.30+dfsg-6+deb10u1", "", "CVE-2005-2541", SEV_LOW)->fix_state = SL("wont-fix");
	report_sort(&s->r);
	s->r.verdict.decision = DECISION_REFUSE;
	s->r.verdict.policy_digest = SL("sha256:2222222222222222222222222222222222222222222222222222222222222222");
	add_reason(s, DECISION_REFUSE, "miner", "The image mines cryptocurrency: The entrypoint starts a cryptocurrency miner in config:Entrypoint", s->r.findings.items[0].id);
	add_reason(s, DECISION_REFUSE, "impersonation", "The image is not what its name says: The name of Docker's official image openjdk under another namespace", s->r.findings.items[1].id);
	add_reason(s, DECISION_HOLD, "not-inspected", "A part of the image that can run was not inspected: opt/x.rar", s->r.findings.items[2].id);
}

/* The whole output as text in b. */
static inline void render(struct sample *s, unsigned images, enum report_format format, const struct report_options *o, struct buf *b)
{
	struct report_writer *w = NULL;
	struct err e = { 0 };
	int fd = memfd_create("report", MFD_CLOEXEC);
	assert_int_equal(report_open(fd, format, o, &w, &e), OK);
	for (unsigned i = 0; i < images; i++)
		assert_int_equal(report_add(w, &s->r, &e), OK);
	assert_int_equal(report_finish(w, &e), OK);
	report_close(w);
	off_t n = lseek(fd, 0, SEEK_END);
	assert_true(buf_reserve(b, (size_t)n));
	assert_int_equal(pread(fd, b->p, (size_t)n, 0), n);
	b->n = (size_t)n;
	close(fd);
}
