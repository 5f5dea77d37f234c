/* Runs a fuzz target once over every file of a folder, where libFuzzer is not linked in. */
#include "base/buf.h"

#include <dirent.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	AUTO(buf_free) struct buf bytes = BUF(16u << 20);
	if (!file)
		return false;
	size_t got;
	do {
		char *room = buf_reserve(&bytes, 65536);
		got = room ? fread(room, 1, 65536, file) : 0;
		bytes.len += got;
	} while (got > 0);
	(void)fclose(file);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)bytes.data, bytes.len);
	return true;
}

int main(int argc, char **argv)
{
	unsigned files = 0;
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	if (!folder) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		char path[4096];
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (entry->d_name[0] != '.' && run_file(path))
			files++;
	}
	(void)closedir(folder);
	printf("%u inputs\n", files);
	return files > 0 ? 0 : 1;
}
