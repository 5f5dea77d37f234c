/* The file is JSON that only the store's user may read. The key's line is "rookery-1-" and base64
 * of cluster, key and four bytes that find a slip of the pen. */
#include "mirror/pairing.h"

#include "base/base64.h"
#include "base/errno_here.h"
#include "base/random.h"

#include <fcntl.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <unistd.h>
#include <xxhash.h>

enum { SUM_SIZE = 4, TEXT_BYTES = ID_SIZE + MIRROR_KEY_SIZE + SUM_SIZE, PATH_SIZE = 600 };

static const char PREFIX[] = "rookery-1-";

void mirror_pairing_make(struct mirror_pairing *ret_pairing)
{
	*ret_pairing =
		(struct mirror_pairing){.is_first = true, .cluster = id_new(), .node = id_new()};
	random_bytes(ret_pairing->key, sizeof(ret_pairing->key));
}

static void add_sum(struct buf *bytes)
{
	uint64_t sum = XXH3_64bits(bytes->data, bytes->len);
	for (size_t i = 0; i < SUM_SIZE; i++)
		buf_add_byte(bytes, (char)(sum >> (8 * i)));
}

void mirror_pairing_add_text(const struct mirror_pairing *pairing, struct buf *to)
{
	AUTO(buf_free) struct buf bytes = BUF(TEXT_BYTES);
	buf_add_slice(&bytes, id_slice(&pairing->cluster));
	buf_add(&bytes, pairing->key, MIRROR_KEY_SIZE);
	add_sum(&bytes);
	buf_add_str(to, PREFIX);
	base64_encode(to, buf_slice(&bytes));
	explicit_bzero(bytes.data, bytes.len);
}

int mirror_pairing_from_text(struct slice text, struct mirror_pairing *ret_pairing, struct err *err)
{
	AUTO(buf_free) struct buf bytes = BUF(TEXT_BYTES + 3), again = BUF(TEXT_BYTES);
	text = slice_trim(text);
	if (!slice_starts(text, slice_str(PREFIX)))
		return err_permanent(err, ERR_BAD_INPUT,
			"this is no key of a mirror: one begins with \"%s\"", PREFIX);
	bool good =
		base64_decode(&bytes, slice_from(text, strlen(PREFIX))) && bytes.len == TEXT_BYTES;
	if (good) {
		buf_add(&again, bytes.data, TEXT_BYTES - SUM_SIZE);
		add_sum(&again);
		good = slice_eq(buf_slice(&again), buf_slice(&bytes));
	}
	if (!good)
		return err_permanent(err, ERR_BAD_INPUT,
			"the key is not whole, or has a slip in it: copy all of the line");
	*ret_pairing = (struct mirror_pairing){.node = id_new()};
	memcpy(ret_pairing->cluster.bytes, bytes.data, ID_SIZE);
	memcpy(ret_pairing->key, bytes.data + ID_SIZE, MIRROR_KEY_SIZE);
	explicit_bzero(bytes.data, bytes.len);
	explicit_bzero(again.data, again.len);
	return 0;
}

static bool expand(struct mirror_pairing *p, const char *label, unsigned char *to, size_t len)
{
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, p->key, MIRROR_KEY_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, p->cluster.bytes, ID_SIZE),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_INFO, (char *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool good = context && EVP_KDF_derive(context, to, len, params) > 0;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return good;
}

int mirror_pairing_derive(struct mirror_pairing *pairing, const char *label, struct err *err)
{
	unsigned char bytes[ID_SIZE + MIRROR_KEY_SIZE];
	if (!expand(pairing, label, bytes, sizeof(bytes)))
		return err_temporary(err, ERR_OTHER, "OpenSSL can't derive a key");
	memcpy(pairing->cluster.bytes, bytes, ID_SIZE);
	memcpy(pairing->key, bytes + ID_SIZE, MIRROR_KEY_SIZE);
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

static void path_of(const char *folder, const char *name, char ret_path[PATH_SIZE])
{
	(void)snprintf(ret_path, PATH_SIZE, "%s/%s", folder, name);
}

static bool read_id(const json_t *file, const char *name, struct id *ret_id)
{
	const char *text = json_string_value(json_object_get(file, name));
	return text && id_from_text(slice_str(text), ret_id);
}

static bool read_file(const json_t *file, struct mirror_pairing *p)
{
	const char *key = json_string_value(json_object_get(file, "key"));
	const char *peer = json_string_value(json_object_get(file, "peer"));
	AUTO(buf_free) struct buf bytes = BUF(MIRROR_KEY_SIZE + 3);
	*p = (struct mirror_pairing){
		.is_first = json_is_true(json_object_get(file, "first")),
		.paused = json_is_true(json_object_get(file, "paused")),
	};
	if (!key || !peer || strlen(peer) > MIRROR_PEER_MAX ||
		!base64_decode(&bytes, slice_str(key)) || bytes.len != MIRROR_KEY_SIZE ||
		!read_id(file, "cluster", &p->cluster) || !read_id(file, "node", &p->node) ||
		!read_id(file, "other", &p->other))
		return false;
	memcpy(p->key, bytes.data, MIRROR_KEY_SIZE);
	memcpy(p->peer, peer, strlen(peer));
	return true;
}

int mirror_pairing_load(const char *folder, struct mirror_pairing *ret_pairing, struct err *err)
{
	char path[PATH_SIZE];
	json_error_t why;
	path_of(folder, "mirror.json", path);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 1;
	json_t *file = json_load_file(path, 0, &why);
	if (!file)
		return err_permanent(err, ERR_DAMAGED, "%s: %s", path, why.text);
	bool good = read_file(file, ret_pairing);
	json_decref(file);
	return good ? 0
		    : err_permanent(err, ERR_DAMAGED,
			      "%s is not what this program writes: `rookery mirror unpair` and "
			      "pair "
			      "again",
			      path);
}

static json_t *make_file(const struct mirror_pairing *p)
{
	char cluster[ID_TEXT_SIZE + 1], node[ID_TEXT_SIZE + 1], other[ID_TEXT_SIZE + 1];
	AUTO(buf_free) struct buf key = BUF(2 * MIRROR_KEY_SIZE);
	id_to_text(p->cluster, cluster);
	id_to_text(p->node, node);
	id_to_text(p->other, other);
	base64_encode(&key, slice(p->key, MIRROR_KEY_SIZE));
	return json_pack("{s:i, s:b, s:b, s:s, s:s, s:s, s:s, s:s}", "version", 1, "first",
		p->is_first, "paused", p->paused, "cluster", cluster, "node", node, "other", other,
		"peer", p->peer, "key", buf_cstr(&key));
}

static int sync_folder(const char *folder, struct err *err)
{
	int fd = open(folder, O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? err_errno(err, errno, "can't sync %s", folder) : 0;
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int mirror_pairing_save(const char *folder, const struct mirror_pairing *pairing, struct err *err)
{
	char path[PATH_SIZE], fresh[PATH_SIZE];
	path_of(folder, "mirror.json", path);
	path_of(folder, "mirror.json.new", fresh);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "can't write %s", fresh);
	json_t *file = make_file(pairing);
	bool written = json_dumpfd(file, fd, JSON_INDENT(1)) == 0 && fsync(fd) == 0;
	int number = errno;
	json_decref(file);
	if (close(fd) < 0 || !written)
		return err_errno(err, number, "can't write %s", fresh);
	if (rename(fresh, path) < 0)
		return err_errno(err, errno, "can't write %s", path);
	return sync_folder(folder, err);
}

int mirror_pairing_remove(const char *folder, struct err *err)
{
	char path[PATH_SIZE];
	path_of(folder, "mirror.json", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, errno, "can't remove %s", path);
	return sync_folder(folder, err);
}
