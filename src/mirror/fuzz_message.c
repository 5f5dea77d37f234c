/* Messages, what they, notes and keys of pairing carry, from any bytes. The first byte says as what
 * the rest is read. */
#include "mirror/accounts.h"
#include "mirror/alone.h"
#include "mirror/model.h"
#include "mirror/node_internal.h"
#include "mirror/pack.h"
#include "mirror/rows.h"

#include "base/must.h"

static void try_accounts(struct slice bytes)
{
	AUTO(buf_free) struct buf again = BUF(SIZE_MAX), apart = BUF(SIZE_MAX);
	struct mirror_accounts accounts = {0};
	if (mirror_accounts_read(bytes, &accounts)) {
		mirror_accounts_add_bytes(&accounts, &again);
		must(again.len == bytes.len);
		mirror_accounts_compare(&accounts, &accounts, &apart);
		must(apart.len <= accounts.count * ID_SIZE);
	}
	mirror_accounts_free(&accounts);
}

/* Rows of the account whose id stands in front. */
static void try_rows(struct slice bytes)
{
	struct mirror_rows rows = MIRROR_ROWS_NONE, notes = MIRROR_ROWS_NONE;
	struct id account;
	if (id_cut(&bytes, &account) && mirror_rows_read(bytes, account, &rows, &notes)) {
		struct model model;
		struct err err;
		if (rows.count > 0 && model_read(&rows, &model, &err) == 0)
			model_free(&model);
	}
	mirror_rows_free(&rows);
	mirror_rows_free(&notes);
}

static void try_notes(struct slice bytes)
{
	struct mirror_parted parted;
	struct mirror_was was;
	must(!mirror_parted_read(bytes, &parted) || bytes.len > 0);
	must(!mirror_was_read(bytes, &was) || was.row.len < bytes.len);
}

static void try_key(struct slice bytes)
{
	AUTO(buf_free) struct buf again = BUF(1000);
	struct mirror_pairing pairing, second;
	struct err err;
	if (mirror_pairing_from_text(bytes, &pairing, &err) < 0)
		return;
	mirror_pairing_add_text(&pairing, &again);
	must(mirror_pairing_from_text(buf_slice(&again), &second, &err) == 0);
	must(id_eq(pairing.cluster, second.cluster));
	must(memcmp(pairing.key, second.key, sizeof(pairing.key)) == 0);
}

static void try_peer(struct slice bytes)
{
	char host[256], port[8];
	char *peer = slice_dup(bytes);
	if (mirror_split_peer(peer, "7625", host, port))
		must(host[0] && port[0]);
	free(peer);
}

/* What is read is no longer than it says, and comes back from being packed. */
static void try_message(struct slice bytes)
{
	enum { SIZE_TRIED = 1 << 20 };
	AUTO(buf_free) struct buf plain = BUF(SIZE_TRIED + 1), again = BUF(SIZE_TRIED + 1);
	struct mirror_packer *packer = mirror_packer_new();
	struct mirror_head head;
	struct err err;
	if (mirror_head_read(bytes, &head) == 1 && head.packed && head.size <= SIZE_TRIED &&
		mirror_unpack(packer, &head, bytes, &plain, &err) == 0) {
		must(plain.len == head.size);
		buf_add_slice(&again, buf_slice(&plain));
		mirror_pack(packer, &again);
		must(again.len <= plain.len);
	}
	must(plain.len <= SIZE_TRIED);
	mirror_packer_free(packer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const TRIES[])(struct slice bytes) = {
		try_accounts, try_rows, try_notes, try_key, try_peer, try_message};
	if (size > 0)
		TRIES[data[0] % ARRAY_LEN(TRIES)](slice((const char *)data + 1, size - 1));
	return 0;
}
