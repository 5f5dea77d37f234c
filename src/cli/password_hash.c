/* rookery password hash: argon2id, as store { masters_file } and columns of passwords take it. */
#include "cli/cli.h"

#include "directory/password.h"

enum { KIB = 19456, PASSES = 2 }; /* the defaults of password_hash_memory, password_hash_passes */

int cli_password_hash(struct cli *cli)
{
	AUTO(buf_free) struct buf hash = BUF(DIRECTORY_HASH_TEXT_MAX);
	struct err err;
	char *password = cli_ask_password(cli, "", false);
	if (!password)
		return CLI_FAILED;
	struct directory_hasher *hasher = directory_hasher_new(KIB, PASSES);
	int r = directory_hasher_make(hasher, slice_str(password), &hash, &err);
	directory_hasher_free(hasher);
	explicit_bzero(password, strlen(password));
	free(password);
	if (r < 0)
		return cli_fail(cli, CLI_FAILED, "%s", err.text);
	printf(cli->json ? "{\"hash\":\"%s\"}\n" : "%s\n", buf_cstr(&hash));
	return CLI_DONE;
}
