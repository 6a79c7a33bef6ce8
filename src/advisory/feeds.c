/* Recognises feeds by their content and reads OSV zips. */
#include "feeds.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "codec.h"
#include "feed_zip.h"

enum { SNIFF = 4096 };

void feed_malformed(struct importer *im, struct slice member, const char *why)
{
	struct advisory_import_stats *s = &im->shared->stats;
	if (s->malformed < ADVISORY_MALFORMED_SHOWN) {
		char text[80];
		AUTO_BUF b = BUF(sizeof(s->malformed_text[0]) - 1);
		buf_printf(&b, "%.80s%s%s: %.60s", im->inputs[im->input].name, member.n ? ": " : "", text_escape_to(text, sizeof(text), member), why);
		memcpy(s->malformed_text[s->malformed], buf_cstr(&b), MIN(b.n + 1, sizeof(s->malformed_text[0])));
	}
	s->malformed++;
}

static enum err_code note_base(struct importer *im, struct slice base, struct err *e)
{
	for (size_t i = 0; i < im->bases.n; i++) {
		struct base_seen *b = &im->bases.items[i];
		if (!slice_eq(b->base, base))
			continue;
		if (!b->brought)
			*b = (struct base_seen){ b->base, true, im->input };
		return OK;
	}
	if (im->bases.n == DB_MAX_ECOSYSTEMS)
		return err_set(e, ERR_FORMAT, 0, "the feeds name more than %d ecosystems", DB_MAX_ECOSYSTEMS);
	struct base_seen *b = ARENA_PUSH(&im->lasting, &im->bases);
	if (b)
		*b = (struct base_seen){ arena_dup(&im->lasting, base), true, im->input };
	return arena_ok(&im->lasting, "the list of ecosystems", e);
}

/* A zip brings an ecosystem when it is named after it, or else when a record in it concerns nothing else: an advisory of npm that names a
 * package of PyPI, too, does not replace what is known of PyPI. */
static enum err_code note_bases(struct importer *im, const struct osv_record *r, struct err *e)
{
	struct slice first = eco_base(r->affected.items[0].ecosystem), named = im->inputs[im->input].base;
	bool pure = true;
	for (size_t i = 0; i < r->affected.n; i++) {
		struct slice base = eco_base(r->affected.items[i].ecosystem);
		pure &= slice_eq(base, first);
		im->named_seen |= named.n && slice_eq(base, named);
	}
	return pure ? note_base(im, first, e) : OK;
}

static enum err_code settle_bases(struct importer *im, struct err *e)
{
	struct slice named = im->inputs[im->input].base;
	if (!im->named_seen)
		return OK;
	for (size_t i = 0; i < im->bases.n; i++)
		if (im->bases.items[i].input == im->input && !slice_eq(im->bases.items[i].base, named))
			im->bases.items[i].brought = false;
	return note_base(im, named, e);
}

enum err_code feed_osv(struct importer *im, const struct import_input *in, struct slice member, struct slice text, struct err *e)
{
	struct advisory_import_stats *s = &im->shared->stats;
	struct json j = json_of(text, &im->scratch);
	struct osv_record r;
	const char *why;
	size_t rows = 0;
	enum err_code rc = OK;
	(void)in;
	s->json_bytes += text.n;
	if (s->json_bytes > im->max_total_bytes)
		return err_set(e, ERR_LIMIT, 0, "the feeds hold more than %llu MiB of JSON", (unsigned long long)(im->max_total_bytes >> 20));
	if (!osv_parse(&j, &r, &why) || !json_end(&j)) {
		feed_malformed(im, member, j.bad ? j.bad : why);
	} else if (r.withdrawn) {
		s->withdrawn++;
	} else {
		rc = record_emit(im->sorter, &r, &im->scratch, &rows, e);
		if (rc == OK && rows)
			rc = note_bases(im, &r, e);
		if (rc == ERR_LIMIT || rc == ERR_NOMEM) {	/* of this record */
			feed_malformed(im, member, e->msg);
			rc = OK;
		} else if (rc == OK) {
			s->records += rows > 0;
			s->ignored += rows == 0;
		}
	}
	arena_free(&im->scratch);
	return rc;
}

static enum err_code read_zip(struct importer *im, const struct import_input *in, struct err *e)
{
	struct feed_zip *z;
	struct feed_zip_member m;
	bool more = true;
	TRY(feed_zip_open(in->fd, in->bytes, &z, e));
	enum err_code rc = OK;
	im->shared->total_bytes = in->bytes;
	while (rc == OK && (rc = feed_zip_next(z, &m, &more, e)) == OK && more) {
		struct slice text;
		im->shared->done_bytes += m.packed_bytes;
		if (!slice_has_suffix(m.name, SL(".json"))) {
			im->shared->stats.ignored += !slice_has_suffix(m.name, SL("/"));
			continue;
		}
		/* the name borrows from a window that reading may move */
		struct slice name = arena_dup(&im->scratch, slice_upto(m.name, 256));
		enum err_code got = feed_zip_content(z, &text, e);
		if (got == OK)
			rc = feed_osv(im, in, name, text, e);
		else if (got == ERR_IO || got == ERR_NOMEM)
			rc = got;
		else
			feed_malformed(im, name, e->msg);
		arena_free(&im->scratch);
	}
	feed_zip_close(z);
	return rc == OK ? settle_bases(im, e) : rc;
}

/* The unpacked bytes of a .gz as a file of their own. */
static enum err_code gunzip(struct importer *im, const struct import_input *in, uint64_t *ret_bytes, struct err *e)
{
	enum { PIECE = 256 << 10 };
	AUTO_BUF piece = BUF(PIECE);
	AUTO_STREAM s = NULL;
	struct decompress_info info = { 0 };
	struct stream *raw;
	uint64_t at = 0;
	size_t n;
	TRY(stream_of_fd_range(in->fd, 0, in->bytes, &raw, e));
	TRY(stream_decompress(raw, false, &info, &s, e));
	if (!buf_reserve(&piece, PIECE))
		return buf_ok(&piece, "unpack a feed", e);
	if (ftruncate(im->scratch_fd, 0))
		return err_set(e, ERR_IO, errno, "empty a temporary file");
	do {
		TRY(stream_read(s, piece.p, PIECE, &n, e));
		if (at + n > im->max_total_bytes)
			return err_set(e, ERR_LIMIT, 0, "it unpacks to more than %llu MiB", (unsigned long long)(im->max_total_bytes >> 20));
		for (size_t done = 0; done < n;) {
			ssize_t w = pwrite(im->scratch_fd, piece.p + done, n - done, (off_t)(at + done));
			if (w <= 0 && errno != EINTR)
				return err_set(e, ERR_IO, w < 0 ? errno : EIO, "write a temporary file");
			done += w > 0 ? (size_t)w : 0;
		}
		at += n;
	} while (n);
	*ret_bytes = at;
	return OK;
}

/* KEV, NVD or one OSV record: by the keys of the outermost object and of the first item. */
static enum err_code read_json(struct importer *im, const struct import_input *in, struct slice text, struct err *e)
{
	struct json j = json_of(text, &im->scratch);
	struct slice key;
	bool known = false;
	if (!json_enter_object(&j))
		return err_set(e, ERR_FORMAT, 0, "it is no JSON object");
	while (json_next_key(&j, &key)) {
		if (slice_eqs(key, "affected") || slice_eqs(key, "schema_version") || slice_eqs(key, "modified")) {
			arena_free(&im->scratch);
			if (text.n > ZIP_MAX_MEMBER)
				return err_set(e, ERR_LIMIT, 0, "an OSV record is larger than %d MiB", ZIP_MAX_MEMBER >> 20);
			return feed_osv(im, in, SLICE_NULL, text, e);
		}
		if (!slice_eqs(key, "vulnerabilities")) {
			json_skip(&j);
			continue;
		}
		struct slice head = slice_upto(slice_of(j.p, (size_t)(j.end - j.p)), SNIFF);
		bool kev = slice_find(head, SL("\"cveID\"")) >= 0;
		im->shared->stats.json_bytes += text.n;
		known = true;
		TRY(kev ? feed_kev(im, &j, e) : feed_nvd(im, &j, e));
		while (json_next_key(&j, &key))
			json_skip(&j);
		break;
	}
	arena_free(&im->scratch);
	if (!json_end(&j))
		return err_at(e, ERR_FORMAT, json_offset(&j), "broken JSON: %s", j.bad);
	if (!known)
		return err_set(e, ERR_FORMAT, 0, "it is neither an OSV record nor a KEV or NVD file");
	return OK;
}

static enum err_code read_text(struct importer *im, const struct import_input *in, int fd, uint64_t bytes, struct err *e)
{
	if (!bytes)
		return err_set(e, ERR_FORMAT, 0, "it is empty");
	void *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_set(e, ERR_IO, errno, "map the file");
	struct slice text = slice_of(p, bytes), head = slice_trim(slice_upto(text, SNIFF));
	enum err_code rc;
	im->shared->total_bytes = bytes;
	if (slice_has_prefix(head, SL("#model_version")) || slice_has_prefix(head, SL("cve,epss")))
		rc = feed_epss(im, text, e);
	else if (slice_has_prefix(head, SL("{")))
		rc = read_json(im, in, text, e);
	else
		rc = err_set(e, ERR_FORMAT, 0, "it is neither an OSV zip nor a KEV, EPSS or NVD file");
	munmap(p, bytes);
	return rc;
}

enum err_code feed_read(struct importer *im, const struct import_input *in, struct err *e)
{
	uint8_t head[8] = { 0 };
	ssize_t n = pread(in->fd, head, sizeof(head), 0);
	if (n < 0)
		return err_set(e, ERR_IO, errno, "read it");
	im->shared->done_bytes = 0;
	im->named_seen = false;
	if (n >= 4 && head[0] == 'P' && head[1] == 'K')
		return read_zip(im, in, e);
	if (compression_sniff(slice_of(head, (size_t)n)) == COMP_NONE)
		return read_text(im, in, in->fd, in->bytes, e);
	uint64_t bytes = 0;
	TRY(gunzip(im, in, &bytes, e));
	return read_text(im, in, im->scratch_fd, bytes, e);
}
