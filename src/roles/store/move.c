/* By the settings. */
#include "roles/store/move.h"

#include "base/log.h"
#include "mail/quota.h"
#include "move/barred.h"
#include "roles/secret_file.h"

enum { SECRET_MIN = 16 };

/* As whoever is added: his domain may have a limit. */
static void opened(void *context, const struct directory_user *user)
{
	const struct store_move *m = context;
	struct err err;
	if (!id_is_none(user->domain_id) &&
		mail_domain_join(m->mail, user->account, user->domain_id, &err) < 0)
		log_error(NULL, "what domains hold is not known whole until the next start",
			F_ERR(&err));
}

static void left(void *context, struct id account)
{
	mail_domain_leave(((const struct store_move *)context)->mail, account);
}

static int read_secret(const char *file, struct store_move *m, struct err *err)
{
	if (!file[0])
		return 0;
	if (secret_file_read(file, &m->secret, err) < 0)
		return err_prefix(err, "store.move_secret_file");
	return strlen(m->secret) >= SECRET_MIN
		       ? 0
		       : err_permanent(err, ERR_BAD_INPUT,
				 "store.move_secret_file: a secret has %d bytes or more",
				 SECRET_MIN);
}

int store_move_open(const struct conf_settings *settings, const struct move_options *options,
	struct directory *asked, struct mail *mail, struct store_move *ret_move, struct err *err)
{
	struct store_move *m = ret_move;
	struct move_options o = *options;
	m->mail = mail;
	if (read_secret(settings->store.move_secret_file, m, err) < 0 ||
		move_marks_open(o.store, &m->marks, err) < 0)
		return -1;
	o.marks = m->marks;
	o.secret = m->secret;
	o.authorities = settings->store.move_authorities;
	o.opened = opened;
	o.left = left;
	o.context = m;
	m->node = move_node_new(&o);
	m->barred = move_barred_new(asked, m->marks);
	return 0;
}

int store_move_serve(const struct conf_settings *settings, struct store_move *m, struct err *err)
{
	const struct conf_list *trusted = &settings->store.move_trusted;
	if (m->service.node)
		return 0;
	if (!m->secret)
		return err_permanent(
			err, ERR_BAD_INPUT, "store.listen move needs store.move_secret_file");
	if (trusted->count == 0)
		return err_permanent(
			err, ERR_BAD_INPUT, "store.listen move needs store.move_trusted");
	for (size_t i = 0; i < trusted->count; i++)
		if (net_trusted_add(&m->networks, slice_str(trusted->items[i]), err) < 0)
			return err_prefix(err, "store.move_trusted");
	m->service = (struct move_service){.node = m->node, .networks = &m->networks};
	return 0;
}

void store_move_close(struct store_move *m)
{
	directory_free(m->barred);
	move_node_free(m->node);
	move_marks_close(m->marks);
	net_trusted_free(&m->networks);
	secret_file_free(&m->secret);
}
