/* Rows: a version byte, then (key, value) pairs: a varint, and bytes with a varint of their length
 * in front. Numbers in values are varints. A key may come again: a list. Absent means the default.
 */
#include "directory/rows.h"

#include "base/bytes.h"
#include "directory/directory.h"

enum { VERSION = 1 };

enum domain_key {
	DOMAIN_CREATED = 1,
	DOMAIN_QUOTA_BYTES,
	DOMAIN_QUOTA_MESSAGES,
	DOMAIN_USER_QUOTA_BYTES,
	DOMAIN_USER_QUOTA_MESSAGES,
	DOMAIN_CATCH_ALL,
	DOMAIN_LAST = DOMAIN_CATCH_ALL,
};
enum user_key {
	USER_CREATED = 1,
	USER_HASH,
	USER_SCRAM,
	USER_FULL_NAME,
	USER_SERVICES,
	USER_SUSPENDED,
	USER_QUOTA_BYTES,
	USER_QUOTA_MESSAGES,
	USER_TO_HOST,
	USER_APP_PASSWORD,
	USER_FORWARD,
	USER_NO_COPY,
	USER_LAST = USER_NO_COPY,
};
enum alias_key {
	ALIAS_CREATED = 1,
	ALIAS_TARGET,
	ALIAS_LAST = ALIAS_TARGET,
};

struct pair {
	uint64_t key;
	struct slice value;
	uint64_t number; /* the value as one, 0 when it is none */
};

static bool cut_version(struct slice *rest)
{
	struct slice version;
	return bytes_cut(rest, 1, &version) && version.ptr[0] == VERSION;
}

/* 1 a pair, 0 the end, -1 damage. */
static int cut_pair(struct slice *rest, struct pair *ret_pair)
{
	if (rest->len == 0)
		return 0;
	if (!bytes_cut_varint(rest, &ret_pair->key) || !bytes_cut_counted(rest, &ret_pair->value))
		return -1;
	struct slice number = ret_pair->value;
	if (!bytes_cut_varint(&number, &ret_pair->number) || number.len > 0)
		ret_pair->number = 0;
	return 1;
}

static struct directory_maybe maybe(uint64_t value)
{
	return (struct directory_maybe){.set = true, .value = value};
}

bool directory_domain_row_decode(struct slice data, struct directory_domain_row *ret_row)
{
	struct pair p;
	int r;
	*ret_row = (struct directory_domain_row){0};
	if (!cut_version(&data))
		return false;
	while ((r = cut_pair(&data, &p)) > 0) {
		switch (p.key) {
		case DOMAIN_CREATED:
			ret_row->created = (int64_t)p.number;
			break;
		case DOMAIN_QUOTA_BYTES:
			ret_row->quota_bytes = p.number;
			break;
		case DOMAIN_QUOTA_MESSAGES:
			ret_row->quota_messages = p.number;
			break;
		case DOMAIN_USER_QUOTA_BYTES:
			ret_row->user_quota_bytes = maybe(p.number);
			break;
		case DOMAIN_USER_QUOTA_MESSAGES:
			ret_row->user_quota_messages = maybe(p.number);
			break;
		case DOMAIN_CATCH_ALL:
			ret_row->catch_all = p.value;
			break;
		default:
			break;
		}
	}
	return r == 0;
}

/* How often `key` comes, so that a list is allocated once. */
static size_t count_pairs(struct slice data, uint64_t key)
{
	struct pair p;
	size_t count = 0;
	while (cut_pair(&data, &p) > 0)
		count += p.key == key;
	return count;
}

static bool decode_app_password(struct slice value, struct directory_app_password_row *ret_row)
{
	struct slice salt, digest;
	uint64_t services, created;
	if (!bytes_cut_counted(&value, &ret_row->name) || !bytes_cut_varint(&value, &services) ||
		!bytes_cut_varint(&value, &created) ||
		!bytes_cut(&value, DIRECTORY_SALT_SIZE, &salt) ||
		!bytes_cut(&value, DIRECTORY_DIGEST_SIZE, &digest))
		return false;
	ret_row->services = (unsigned)services;
	ret_row->created = (int64_t)created;
	memcpy(ret_row->salt, salt.ptr, salt.len);
	memcpy(ret_row->digest, digest.ptr, digest.len);
	return true;
}

static bool decode_user_pair(const struct pair *p, struct directory_user_row *row)
{
	switch (p->key) {
	case USER_CREATED:
		row->created = (int64_t)p->number;
		break;
	case USER_HASH:
		row->hash = p->value;
		break;
	case USER_SCRAM:
		row->scram = p->value;
		break;
	case USER_FULL_NAME:
		row->full_name = p->value;
		break;
	case USER_SERVICES:
		row->services = (unsigned)p->number;
		break;
	case USER_SUSPENDED:
		row->suspended = p->number != 0;
		break;
	case USER_QUOTA_BYTES:
		row->quota_bytes = maybe(p->number);
		break;
	case USER_QUOTA_MESSAGES:
		row->quota_messages = maybe(p->number);
		break;
	case USER_TO_HOST:
		row->to_host = p->value;
		break;
	case USER_APP_PASSWORD:
		return decode_app_password(
			p->value, &row->app_passwords[row->app_password_count++]);
	case USER_FORWARD:
		row->forwards[row->forward_count++] = p->value;
		break;
	case USER_NO_COPY:
		row->no_copy = p->number != 0;
		break;
	default:
		break;
	}
	return true;
}

bool directory_user_row_decode(
	struct slice data, struct arena *arena, struct directory_user_row *ret_row)
{
	struct pair p;
	int r;
	*ret_row = (struct directory_user_row){.services = DIRECTORY_ALL_SERVICES};
	if (!cut_version(&data))
		return false;
	size_t app_passwords = count_pairs(data, USER_APP_PASSWORD);
	if (app_passwords > 0)
		ret_row->app_passwords =
			ARENA_ARRAY(arena, struct directory_app_password_row, app_passwords);
	size_t forwards = count_pairs(data, USER_FORWARD);
	if (forwards > 0)
		ret_row->forwards = ARENA_ARRAY(arena, struct slice, forwards);
	while ((r = cut_pair(&data, &p)) > 0)
		if (!decode_user_pair(&p, ret_row))
			return false;
	return r == 0;
}

bool directory_alias_row_decode(
	struct slice data, struct arena *arena, struct directory_alias_row *ret_row)
{
	struct pair p;
	int r;
	*ret_row = (struct directory_alias_row){0};
	if (!cut_version(&data))
		return false;
	size_t targets = count_pairs(data, ALIAS_TARGET);
	if (targets > 0)
		ret_row->targets = ARENA_ARRAY(arena, struct slice, targets);
	while ((r = cut_pair(&data, &p)) > 0) {
		if (p.key == ALIAS_CREATED)
			ret_row->created = (int64_t)p.number;
		else if (p.key == ALIAS_TARGET)
			ret_row->targets[ret_row->target_count++] = p.value;
	}
	return r == 0;
}

static void add_bytes(struct buf *to, uint64_t key, struct slice value)
{
	bytes_add_varint(to, key);
	bytes_add_counted(to, value);
}

static void add_text(struct buf *to, uint64_t key, struct slice value)
{
	if (value.len > 0)
		add_bytes(to, key, value);
}

static void add_number(struct buf *to, uint64_t key, uint64_t value)
{
	AUTO(buf_free) struct buf bytes = BUF(16);
	bytes_add_varint(&bytes, value);
	add_bytes(to, key, buf_slice(&bytes));
}

static void add_maybe(struct buf *to, uint64_t key, struct directory_maybe value)
{
	if (value.set)
		add_number(to, key, value.value);
}

/* What a later version put into the row stays in it. */
static void add_unknown(struct buf *to, uint64_t last_known, struct slice old)
{
	struct pair p;
	if (old.len == 0 || !cut_version(&old))
		return;
	while (cut_pair(&old, &p) > 0)
		if (p.key > last_known)
			add_bytes(to, p.key, p.value);
}

void directory_domain_row_encode(
	const struct directory_domain_row *row, struct slice old, struct buf *to)
{
	buf_add_byte(to, VERSION);
	add_number(to, DOMAIN_CREATED, (uint64_t)row->created);
	if (row->quota_bytes)
		add_number(to, DOMAIN_QUOTA_BYTES, row->quota_bytes);
	if (row->quota_messages)
		add_number(to, DOMAIN_QUOTA_MESSAGES, row->quota_messages);
	add_maybe(to, DOMAIN_USER_QUOTA_BYTES, row->user_quota_bytes);
	add_maybe(to, DOMAIN_USER_QUOTA_MESSAGES, row->user_quota_messages);
	add_text(to, DOMAIN_CATCH_ALL, row->catch_all);
	add_unknown(to, DOMAIN_LAST, old);
}

static void add_app_password(struct buf *to, const struct directory_app_password_row *row)
{
	AUTO(buf_free) struct buf value = BUF(DIRECTORY_ROW_MAX);
	bytes_add_counted(&value, row->name);
	bytes_add_varint(&value, row->services);
	bytes_add_varint(&value, (uint64_t)row->created);
	buf_add(&value, row->salt, sizeof(row->salt));
	buf_add(&value, row->digest, sizeof(row->digest));
	add_bytes(to, USER_APP_PASSWORD, buf_slice(&value));
}

void directory_user_row_encode(
	const struct directory_user_row *row, struct slice old, struct buf *to)
{
	buf_add_byte(to, VERSION);
	add_number(to, USER_CREATED, (uint64_t)row->created);
	add_text(to, USER_HASH, row->hash);
	add_text(to, USER_SCRAM, row->scram);
	add_text(to, USER_FULL_NAME, row->full_name);
	if (row->services != DIRECTORY_ALL_SERVICES)
		add_number(to, USER_SERVICES, row->services);
	if (row->suspended)
		add_number(to, USER_SUSPENDED, 1);
	add_maybe(to, USER_QUOTA_BYTES, row->quota_bytes);
	add_maybe(to, USER_QUOTA_MESSAGES, row->quota_messages);
	add_text(to, USER_TO_HOST, row->to_host);
	for (size_t i = 0; i < row->app_password_count; i++)
		add_app_password(to, &row->app_passwords[i]);
	for (size_t i = 0; i < row->forward_count; i++)
		add_bytes(to, USER_FORWARD, row->forwards[i]);
	if (row->no_copy)
		add_number(to, USER_NO_COPY, 1);
	add_unknown(to, USER_LAST, old);
}

void directory_alias_row_encode(
	const struct directory_alias_row *row, struct slice old, struct buf *to)
{
	buf_add_byte(to, VERSION);
	add_number(to, ALIAS_CREATED, (uint64_t)row->created);
	for (size_t i = 0; i < row->target_count; i++)
		add_bytes(to, ALIAS_TARGET, row->targets[i]);
	add_unknown(to, ALIAS_LAST, old);
}
