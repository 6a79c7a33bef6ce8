/* Runs a fuzz target over every file of its corpus directory: a crash, a sanitizer report or an empty corpus fails the test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END))
		return -1;
	long n = ftell(f);
	rewind(f);
	/* Exactly n bytes on the heap: an overread by one is seen by the sanitizer. */
	uint8_t *p = n >= 0 ? malloc(n ? (size_t)n : 1) : NULL;
	if (!p || fread(p, 1, (size_t)n, f) != (size_t)n)
		return -1;
	fclose(f);
	LLVMFuzzerTestOneInput(p, (size_t)n);
	free(p);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	struct dirent *d;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY (must exist)\n", argv[0]);
		return 2;
	}
	while ((d = readdir(dir))) {
		char path[4096];
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], d->d_name);
		if (replay(path)) {
			fprintf(stderr, "cannot read %s\n", path);
			return 2;
		}
		count++;
	}
	closedir(dir);
	printf("%u inputs replayed\n", count);
	return count ? 0 : 1;
}
