/* What other nodes said goes into the answer. */
#include "admin/cluster.h"

#include "base/buf.h"

enum { MESSAGE_MAX = 64 * 1024 };

static void add_deaf(struct buf *to, const json_t *node)
{
	buf_printf(to, "\n%s did not hear of it, and forgets by itself after cache_positive: %s",
		json_string_value(json_object_get(node, "node")),
		json_string_value(json_object_get(node, "why")));
}

void admin_cluster_tell(const struct admin_cluster *cluster, enum admin_news news,
	struct slice user, json_t *result)
{
	AUTO(buf_free) struct buf message = BUF(MESSAGE_MAX);
	json_int_t sessions = 0;
	size_t i;
	json_t *node, *nodes = cluster ? cluster->tell(cluster->context, news, user) : NULL;
	if (!nodes)
		return;
	buf_add_str(&message, json_string_value(json_object_get(result, "message")));
	json_array_foreach(nodes, i, node) sessions +=
		json_integer_value(json_object_get(node, "sessions"));
	if (sessions > 0)
		buf_printf(&message, "\n%lld sessions were ended elsewhere.", (long long)sessions);
	json_array_foreach(nodes, i, node) if (json_object_get(node, "why"))
		add_deaf(&message, node);
	if (!message.failed)
		(void)json_object_set_new(result, "message", json_string(buf_cstr(&message)));
	sessions += json_integer_value(json_object_get(result, "sessions"));
	if (news == ADMIN_NEWS_KICK)
		(void)json_object_set_new(result, "sessions", json_integer(sessions));
	(void)json_object_set_new(result, "nodes", nodes);
}
