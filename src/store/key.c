/* Keys from their parts. */
#include "store/key.h"

#include "base/bytes.h"
#include "base/must.h"

#include <openssl/sha.h>

/* What follows the scope in a name's key. */
enum { NAME_WHOLE = 0, NAME_DIGEST = 1 };

void key_of_tag(struct key *key, enum key_tag tag)
{
	key->bytes[0] = (char)tag;
	key->len = 1;
}

static void add_id(struct key *key, struct id id)
{
	memcpy(key->bytes + key->len, id.bytes, ID_SIZE);
	key->len += ID_SIZE;
}

static void add_be32(struct key *key, uint32_t value)
{
	bytes_put_be32(key->bytes + key->len, value);
	key->len += 4;
}

static void add_be64(struct key *key, uint64_t value)
{
	bytes_put_be64(key->bytes + key->len, value);
	key->len += 8;
}

void key_of_account(struct key *key, enum key_tag tag, struct id account)
{
	key_of_tag(key, tag);
	add_id(key, account);
}

void key_of_collection(struct key *key, enum key_tag tag, struct id account, struct id collection)
{
	key_of_account(key, tag, account);
	add_id(key, collection);
}

void key_of_object(
	struct key *key, enum key_tag tag, struct id account, struct id collection, uint32_t number)
{
	key_of_collection(key, tag, account, collection);
	add_be32(key, number);
}

void key_of_change(
	struct key *key, struct id account, struct id collection, uint64_t change, uint32_t number)
{
	key_of_collection(key, KEY_CHANGE, account, collection);
	add_be64(key, change);
	add_be32(key, number);
}

void key_of_gone(struct key *key, struct id account, uint64_t change, struct id collection)
{
	key_of_account(key, KEY_GONE, account);
	add_be64(key, change);
	add_id(key, collection);
}

void key_of_ref(
	struct key *key, struct id blob, struct id account, struct id collection, uint32_t number)
{
	key_of_tag(key, KEY_REF);
	add_id(key, blob);
	add_id(key, account);
	add_id(key, collection);
	add_be32(key, number);
}

static void add_name(struct key *key, struct slice name)
{
	if (name.len <= KEY_NAME_WHOLE_MAX) {
		key->bytes[key->len++] = NAME_WHOLE;
		if (name.len)
			memcpy(key->bytes + key->len, name.ptr, name.len);
		key->len += name.len;
		return;
	}
	key->bytes[key->len++] = NAME_DIGEST;
	(void)SHA256(
		(const unsigned char *)name.ptr, name.len, (unsigned char *)key->bytes + key->len);
	key->len += SHA256_DIGEST_LENGTH;
}

void key_of_collection_name(
	struct key *key, struct id account, enum store_kind kind, struct slice name)
{
	key_of_account(key, KEY_COLLECTION_NAME, account);
	add_be32(key, (uint32_t)kind);
	add_name(key, name);
}

void key_of_object_name(struct key *key, struct id account, struct id collection, struct slice name)
{
	key_of_collection(key, KEY_OBJECT_NAME, account, collection);
	add_name(key, name);
}

void key_to_end(struct key *key)
{
	while (key->len > 1 && (unsigned char)key->bytes[key->len - 1] == 0xff)
		key->len--;
	must(key->len > 0);
	key->bytes[key->len - 1]++;
}

uint32_t key_number(struct slice key)
{
	return bytes_get_be32(key.ptr + key.len - 4);
}

uint64_t key_change(struct slice key)
{
	return bytes_get_be64(key.ptr + KEY_COLLECTION_LEN);
}

uint64_t key_gone_change(struct slice key)
{
	return bytes_get_be64(key.ptr + KEY_ACCOUNT_LEN);
}
