/* The floor that pabean is measured against: what every honest reader of an image must do at least. It inflates each layer of an OCI
 * layout with igzip and takes the SHA-256 of the stored and of the decompressed bytes. With --files it also walks the tar and takes, of
 * every ELF file and script, the digests that pabean records (SHA-256, and MD5 and SHA-1 of ELF files and executable scripts: SCAN.md 4).
 *
 *   floor [--threads 1|2] [--files] LAYOUT...
 *
 * Two threads: one hashes the stored bytes and inflates, the other hashes what comes out. Bounds are checked as far as our own images need. */
#include <dirent.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT = 1 << 20, SLOTS = 8 };

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint8_t *bytes[SLOTS];
	size_t n[SLOTS];
	unsigned long filled, taken;
	bool ended;
};

static bool two_threads, with_files;
static unsigned long long out_bytes, file_digest_bytes;

/* --- Consumer: decompressed bytes --- */

struct tar_state {
	EVP_MD_CTX *all, *sha256, *sha1, *md5;
	uint8_t header[512];
	size_t have;			/* of the header */
	unsigned long long left, pad;	/* of the content */
	bool first, code, exec, elf;
	unsigned mode;
};

static unsigned long long octal(const uint8_t *p, size_t n)
{
	unsigned long long v = 0;
	if (p[0] & 0x80) {
		for (size_t i = 1; i < n; i++)
			v = v << 8 | p[i];
		return v;
	}
	for (size_t i = 0; i < n && p[i]; i++)
		if (p[i] >= '0' && p[i] <= '7')
			v = v << 3 | (unsigned)(p[i] - '0');
	return v;
}

static void content(struct tar_state *t, const uint8_t *p, size_t n)
{
	if (t->first) {
		t->first = false;
		t->elf = n >= 4 && !memcmp(p, "\x7f""ELF", 4);
		t->code = t->elf || (n >= 2 && !memcmp(p, "#!", 2));
		t->exec = t->elf || (t->mode & 0111);
		if (t->code) {
			EVP_DigestInit_ex(t->sha256, EVP_sha256(), NULL);
			if (t->exec) {
				EVP_DigestInit_ex(t->md5, EVP_md5(), NULL);
				EVP_DigestInit_ex(t->sha1, EVP_sha1(), NULL);
			}
		}
	}
	if (!t->code)
		return;
	EVP_DigestUpdate(t->sha256, p, n);
	file_digest_bytes += n;
	if (t->exec) {
		EVP_DigestUpdate(t->md5, p, n);
		EVP_DigestUpdate(t->sha1, p, n);
		file_digest_bytes += 2 * n;
	}
}

static void files(struct tar_state *t, const uint8_t *p, size_t n)
{
	while (n) {
		size_t k;
		if (t->left) {
			k = n < t->left ? n : t->left;
			content(t, p, k);
			t->left -= k;
			if (!t->left && t->code) {
				uint8_t md[64];
				EVP_DigestFinal_ex(t->sha256, md, NULL);
				if (t->exec) {
					EVP_DigestFinal_ex(t->md5, md, NULL);
					EVP_DigestFinal_ex(t->sha1, md, NULL);
				}
			}
		} else if (t->pad) {
			k = n < t->pad ? n : t->pad;
			t->pad -= k;
		} else {
			k = n < 512 - t->have ? n : 512 - t->have;
			memcpy(t->header + t->have, p, k);
			t->have += k;
			if (t->have == 512) {
				t->have = 0;
				t->left = octal(t->header + 124, 12);
				t->pad = (512 - t->left % 512) % 512;
				t->mode = (unsigned)octal(t->header + 100, 8);
				t->first = t->left && (t->header[156] == '0' || !t->header[156]);
				t->code = false;
			}
		}
		p += k;
		n -= k;
	}
}

static void consume(struct tar_state *t, const uint8_t *p, size_t n)
{
	EVP_DigestUpdate(t->all, p, n);
	out_bytes += n;
	if (with_files)
		files(t, p, n);
}

static void *consumer(void *arg)
{
	struct ring *r = arg;
	struct tar_state t = { .all = EVP_MD_CTX_new(), .sha256 = EVP_MD_CTX_new(), .sha1 = EVP_MD_CTX_new(), .md5 = EVP_MD_CTX_new() };
	uint8_t md[64];
	EVP_DigestInit_ex(t.all, EVP_sha256(), NULL);
	for (;;) {
		pthread_mutex_lock(&r->lock);
		while (r->taken == r->filled && !r->ended)
			pthread_cond_wait(&r->moved, &r->lock);
		bool end = r->taken == r->filled;
		unsigned s = r->taken % SLOTS;
		pthread_mutex_unlock(&r->lock);
		if (end)
			break;
		consume(&t, r->bytes[s], r->n[s]);
		pthread_mutex_lock(&r->lock);
		r->taken++;
		pthread_cond_broadcast(&r->moved);
		pthread_mutex_unlock(&r->lock);
	}
	EVP_DigestFinal_ex(t.all, md, NULL);
	EVP_MD_CTX_free(t.all);
	EVP_MD_CTX_free(t.sha256);
	EVP_MD_CTX_free(t.sha1);
	EVP_MD_CTX_free(t.md5);
	return NULL;
}

/* --- Producer --- */

static void hand_over(struct ring *r, struct tar_state *inline_state, size_t n)
{
	if (inline_state) {
		consume(inline_state, r->bytes[0], n);
		return;
	}
	pthread_mutex_lock(&r->lock);
	r->n[r->filled % SLOTS] = n;
	r->filled++;
	pthread_cond_broadcast(&r->moved);
	while (r->filled - r->taken >= SLOTS)
		pthread_cond_wait(&r->moved, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

static int layer(const uint8_t *in, size_t n, bool gz, struct ring *r, struct tar_state *inline_state)
{
	EVP_MD_CTX *stored = EVP_MD_CTX_new();
	struct inflate_state *st = malloc(sizeof(*st));
	uint8_t md[64];
	size_t hashed = 0;
	if (!stored || !st)
		return -1;
	EVP_DigestInit_ex(stored, EVP_sha256(), NULL);
	isal_inflate_init(st);
	st->crc_flag = ISAL_GZIP;
	for (size_t at = 0; at < n;) {
		uint8_t *out = r->bytes[inline_state ? 0 : r->filled % SLOTS];
		size_t got;
		/* Hash the stored bytes just before they are inflated, while they are in the cache. */
		size_t ahead = at + SLOT < n ? at + SLOT : n;
		if (ahead > hashed) {
			EVP_DigestUpdate(stored, in + hashed, ahead - hashed);
			hashed = ahead;
		}
		if (gz) {
			st->next_in = (uint8_t *)in + at;
			st->avail_in = (uint32_t)(ahead - at);
			st->next_out = out;
			st->avail_out = SLOT;
			int code = isal_inflate(st);
			if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT)
				return -1;
			got = SLOT - st->avail_out;
			at = (size_t)(st->next_in - in);
			if (st->block_state == ISAL_BLOCK_FINISH)
				at = n;
		} else {
			got = ahead - at;
			memcpy(out, in + at, got);
			at = ahead;
		}
		if (got)
			hand_over(r, inline_state, got);
	}
	EVP_DigestFinal_ex(stored, md, NULL);
	EVP_MD_CTX_free(stored);
	free(st);
	return 0;
}

static int blob(const char *path)
{
	struct stat sb;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &sb) < 0 || sb.st_size < 512)
		return close(fd);
	uint8_t *in = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (in == MAP_FAILED)
		return -1;
	bool gz = in[0] == 0x1f && in[1] == 0x8b;
	if (!gz && memcmp(in + 257, "ustar", 5))
		return munmap(in, (size_t)sb.st_size);	/* manifest, config */
	struct ring r = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };
	struct tar_state t = { .all = EVP_MD_CTX_new(), .sha256 = EVP_MD_CTX_new(), .sha1 = EVP_MD_CTX_new(), .md5 = EVP_MD_CTX_new() };
	pthread_t thread;
	for (int i = 0; i < SLOTS; i++)
		r.bytes[i] = malloc(SLOT);
	EVP_DigestInit_ex(t.all, EVP_sha256(), NULL);
	if (two_threads && pthread_create(&thread, NULL, consumer, &r))
		return -1;
	int code = layer(in, (size_t)sb.st_size, gz, &r, two_threads ? NULL : &t);
	if (two_threads) {
		pthread_mutex_lock(&r.lock);
		r.ended = true;
		pthread_cond_broadcast(&r.moved);
		pthread_mutex_unlock(&r.lock);
		pthread_join(thread, NULL);
	}
	for (int i = 0; i < SLOTS; i++)
		free(r.bytes[i]);
	munmap(in, (size_t)sb.st_size);
	return code;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--threads") && i + 1 < argc) {
			two_threads = atoi(argv[++i]) > 1;
			continue;
		}
		if (!strcmp(argv[i], "--files")) {
			with_files = true;
			continue;
		}
		char dir[4096];
		struct dirent *d;
		snprintf(dir, sizeof(dir), "%s/blobs/sha256", argv[i]);
		DIR *blobs = opendir(dir);
		while (blobs && (d = readdir(blobs))) {
			char path[8192];
			snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
			if (d->d_name[0] != '.' && blob(path)) {
				fprintf(stderr, "floor: cannot read %s\n", path);
				return 1;
			}
		}
		if (!blobs) {
			fprintf(stderr, "floor: %s is no OCI layout\n", argv[i]);
			return 1;
		}
		closedir(blobs);
	}
	printf("{\"out_bytes\":%llu,\"file_digest_bytes\":%llu}\n", out_bytes, file_digest_bytes);
	return 0;
}
