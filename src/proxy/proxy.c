/* Where a user lives. */
#include "proxy/proxy.h"

int proxy_places_of(const struct proxy *proxy, const struct directory_user *user,
	struct proxy_places *ret_places, struct err *err)
{
	if (user->to_host.len == 0 && proxy->default_host.count > 0) {
		*ret_places = proxy->default_host;
		return 0;
	}
	if (user->to_host.len == 0)
		return err_temporary(err, ERR_UNAVAILABLE,
			"the directory does not say where %.*s lives, and there is no default_host",
			SLICE_ARG(user->name));
	if (!proxy_places_parse(user->to_host, ret_places))
		return err_temporary(err, ERR_BAD_INPUT,
			"the directory has \"%.*s\" where %.*s lives, which is no list of hosts",
			SLICE_ARG(slice_sub(user->to_host, 0, 80)), SLICE_ARG(user->name));
	return 0;
}
