/* Reading PEM files; making a certificate of our own when there is none. */
#include "roles/certificates.h"

#include "base/errno_here.h"
#include "base/log.h"
#include "net/tls.h"
#include "roles/acme/plans.h"
#include "roles/sandbox.h"

#include <fcntl.h>
#include <unistd.h>

enum { PEM_MAX = 1 << 20 };

static int read_file(const char *path, struct buf *to, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "can't read %s", path);
	for (;;) {
		char *room = buf_reserve(to, 16384);
		ssize_t n = room ? read(fd, room, 16384) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		to->len += (size_t)n;
	}
	(void)close(fd);
	if (to->failed)
		return err_permanent(err, ERR_LIMIT, "%s is no certificate or key: too big", path);
	return 0;
}

/* Appends {"chain":…, "key":…, "names":[…]}. */
static int add(json_t *list, const char *chain, const char *key, const struct conf_list *names,
	struct err *err)
{
	AUTO(buf_free) struct buf chain_pem = BUF(PEM_MAX), key_pem = BUF(PEM_MAX);
	if (read_file(chain, &chain_pem, err) < 0 || read_file(key, &key_pem, err) < 0)
		return -1;
	json_t *array = json_array();
	for (size_t i = 0; i < names->count; i++)
		(void)json_array_append_new(array, json_string(names->items[i]));
	json_t *one = json_pack("{s:s, s:s, s:o}", "chain", buf_cstr(&chain_pem), "key",
		buf_cstr(&key_pem), "names", array);
	if (!one)
		return err_permanent(err, ERR_BAD_INPUT, "%s or %s is not PEM", chain, key);
	(void)json_array_append_new(list, one);
	return 0;
}

static int write_file(const char *path, const char *text, unsigned mode, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	bool good =
		fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	return good ? 0 : err_errno(err, errno, "can't write %s", path);
}

static int make_own(
	const struct conf_settings *settings, const char *chain, const char *key, struct err *err)
{
	char folder[600], *chain_pem, *key_pem;
	struct sandbox_user nobody = {0};
	(void)snprintf(folder, sizeof(folder), "%s/tls", settings->data);
	if (sandbox_folder(folder, &nobody, 0755, err) < 0 ||
		net_tls_self_signed(settings->hostname, &chain_pem, &key_pem, err) < 0)
		return -1;
	int r = write_file(key, key_pem, 0600, err);
	if (r == 0)
		r = write_file(chain, chain_pem, 0644, err);
	free(chain_pem);
	explicit_bzero(key_pem, strlen(key_pem));
	free(key_pem);
	if (r == 0)
		log_warn(NULL, "made a self-signed certificate: clients will not trust it",
			F_STR("file", chain));
	return r;
}

/* Whether TLS can be served with it. */
static bool is_good(const json_t *one, struct err *err)
{
	const struct net_tls_certificate certificate = {
		.chain_pem = slice_str(json_string_value(json_object_get(one, "chain"))),
		.key_pem = slice_str(json_string_value(json_object_get(one, "key")))};
	struct net_tls_slot *slot = net_tls_slot_new();
	int r = net_tls_slot_set(slot, &certificate, 1, err);
	net_tls_slot_free(slot);
	return r == 0;
}

/* What an authority gave so far. A file that can't be used is as none: the role that keeps
 * certificates will write it again, and mail goes on meanwhile. */
static void add_acme(const struct conf_settings *settings, json_t *list)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct acme_plan *plans;
	size_t count = acme_plans_of(&settings->tls.acme, &arena, &plans);
	for (size_t i = 0; i < count; i++) {
		const struct conf_list names = {plans[i].names, plans[i].count};
		char path[ACME_PATH_MAX];
		struct err err = {0};
		size_t before = json_array_size(list);
		acme_path(settings, &plans[i], path);
		if (access(path, F_OK) != 0)
			continue;
		if (add(list, path, path, &names, &err) == 0 &&
			is_good(json_array_get(list, before), &err))
			continue;
		log_error(NULL, "a certificate can't be used", F_STR("file", path), F_ERR(&err));
		if (json_array_size(list) > before)
			(void)json_array_remove(list, before);
	}
}

int certificates_load(const struct conf_settings *settings, const struct conf_settings *started,
	json_t **ret_list, struct err *err)
{
	const struct conf_tls *tls = &settings->tls;
	json_t *list = json_array();
	int r = 0;
	for (size_t i = 0; i < tls->certificate_count && r == 0; i++) {
		const struct conf_certificate *c = &tls->certificates[i];
		r = add(list, c->chain, c->key, &c->names, err);
	}
	if (r == 0)
		add_acme(started, list);
	bool stands_in = started->tls.acme.on && r == 0 && json_array_size(list) == 0;
	if (stands_in)
		log_warn(NULL, "no certificate was had so far: a self-signed one stands in");
	if (stands_in ||
		(tls->certificate_count == 0 && tls->self_signed && !started->tls.acme.on)) {
		char chain[700], key[700];
		const struct conf_list none = {0};
		(void)snprintf(chain, sizeof(chain), "%s/tls/self-signed.pem", settings->data);
		(void)snprintf(key, sizeof(key), "%s/tls/self-signed.key", settings->data);
		if (access(chain, R_OK) != 0 || access(key, R_OK) != 0)
			r = make_own(settings, chain, key, err);
		if (r == 0)
			r = add(list, chain, key, &none, err);
	}
	if (r < 0)
		json_decref(list);
	else
		*ret_list = list;
	return r;
}
