/* Networks and secret by the settings. */
#include "roles/directory/service.h"

#include "roles/secret_file.h"

enum { SECRET_MIN = 16 };

static int init(struct role_directory_service *s, const struct role_directory_service_options *o,
	struct err *err)
{
	if (!o->secret_file[0] || o->trusted->count == 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"listen authmod needs %s.authmod_trusted and %s.authmod_secret_file",
			o->block, o->block);
	if (secret_file_read(o->secret_file, &s->secret, err) < 0)
		return err_prefix(err, "%s.authmod_secret_file", o->block);
	if (strlen(s->secret) < SECRET_MIN)
		return err_permanent(err, ERR_BAD_INPUT,
			"%s.authmod_secret_file: a secret has %d bytes or more", o->block,
			SECRET_MIN);
	for (size_t i = 0; i < o->trusted->count; i++)
		if (net_trusted_add(&s->networks, slice_str(o->trusted->items[i]), err) < 0)
			return err_prefix(err, "%s.authmod_trusted", o->block);
	s->service = (struct directory_authmod_service){.directory = o->directory,
		.sessions = o->sessions,
		.networks = &s->networks,
		.secret = slice_str(s->secret)};
	return 0;
}

int role_directory_service_serve(struct role_directory_service *s,
	const struct role_directory_service_options *options, struct role *role,
	const struct role_listener *listener, struct err *err)
{
	if (!s->secret && init(s, options, err) < 0)
		return -1;
	return role_serve(role, listener, &directory_authmod_protocol, &s->service, err);
}

void role_directory_service_deinit(struct role_directory_service *s)
{
	net_trusted_free(&s->networks);
	secret_file_free(&s->secret);
}
