/* A job of the loop for each node, all at once; who asks waits for the last of them. Each has its
 * time-out, so this has one. */
#include "roles/cluster.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/wait.h"
#include "directory/authmod_node.h"
#include "roles/secret_file.h"

enum { NODES_MAX = 256, TIMEOUT_MS = 4000 }; /* more than a kick's grace */

struct role_cluster {
	struct admin_cluster admin;
	struct net_loop *loop;
	struct directory_authmod_node *nodes[NODES_MAX];
	size_t count;
};

struct telling {
	struct directory_authmod_node *node;
	enum admin_news news;
	struct slice user;
	int result;
	unsigned sessions;
	struct err err;
	struct wait done;
};

static void tell_one(void *context)
{
	struct telling *t = context;
	t->result = t->news == ADMIN_NEWS_KICK
			    ? directory_authmod_node_kick(t->node, t->user, &t->sessions, &t->err)
			    : directory_authmod_node_flush(t->node, t->user, &t->err);
	wait_done(&t->done);
}

static json_t *told(const struct telling *t)
{
	const char *name = directory_authmod_node_name(t->node);
	if (t->result == 0)
		return json_pack("{s:s, s:I}", "node", name, "sessions", (json_int_t)t->sessions);
	log_warn(NULL, "a node did not hear that a user is to be forgotten", F_STR("node", name),
		F_ERR(&t->err));
	return json_pack("{s:s, s:s}", "node", name, "why", t->err.text);
}

static json_t *tell(void *context, enum admin_news news, struct slice user)
{
	struct role_cluster *c = context;
	json_t *all = json_array();
	struct telling *tellings = alloc_zero(MAX(c->count, (size_t)1), sizeof(*tellings));
	for (size_t i = 0; i < c->count; i++) {
		tellings[i] = (struct telling){.node = c->nodes[i], .news = news, .user = user};
		net_loop_spawn(c->loop, tell_one, &tellings[i]);
	}
	for (size_t i = 0; i < c->count; i++) {
		wait_for(&tellings[i].done);
		(void)json_array_append_new(all, told(&tellings[i]));
	}
	free(tellings);
	return all;
}

static int add(struct role_cluster *c, const char *server, const struct conf_cluster *conf,
	struct slice secret, struct err *err)
{
	const struct directory_authmod_options options = {.servers = &server,
		.server_count = 1,
		.ca_file = conf->authorities[0] ? conf->authorities : NULL,
		.secret = secret,
		.timeout_ms = TIMEOUT_MS,
		.connections = 1};
	if (c->count == NODES_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d nodes", NODES_MAX);
	if (directory_authmod_node_new(&options, &c->nodes[c->count], err) < 0)
		return -1;
	c->count++;
	return 0;
}

/* By their Unix sockets. */
static int add_own(struct role_cluster *c, const struct role *role, struct err *err)
{
	const struct role_kind *const told[] = {&role_mx, &role_proxy};
	char path[600];
	for (size_t i = 0; i < ARRAY_LEN(told); i++) {
		if (!told[i]->is_wanted(role->settings) || told[i] == role->kind)
			continue;
		(void)snprintf(path, sizeof(path), "unix:%s/cluster-%s", role->settings->run,
			told[i]->name);
		if (add(c, path, &role->settings->cluster, SLICE(""), err) < 0)
			return -1;
	}
	return 0;
}

static int add_nodes(struct role_cluster *c, const struct conf_cluster *conf, struct err *err)
{
	AUTO(secret_file_free) char *secret = NULL;
	if (conf->nodes.count > 0 && !conf->secret_file[0])
		return err_permanent(err, ERR_BAD_INPUT, "cluster.nodes needs cluster.secret_file");
	if (conf->nodes.count > 0 && secret_file_read(conf->secret_file, &secret, err) < 0)
		return err_prefix(err, "cluster.secret_file");
	for (size_t i = 0; i < conf->nodes.count; i++) {
		struct slice node = slice_str(conf->nodes.items[i]);
		if (!slice_starts(node, SLICE("tls:")) && !slice_starts(node, SLICE("unix:")))
			return err_permanent(err, ERR_BAD_INPUT,
				"cluster.nodes: the secret goes by TLS only, expected tls:%s",
				conf->nodes.items[i]);
		if (add(c, conf->nodes.items[i], conf, slice_str(secret), err) < 0)
			return err_prefix(err, "cluster.nodes");
	}
	return 0;
}

int role_cluster_new(struct role *role, struct role_cluster **ret_cluster, struct err *err)
{
	struct role_cluster *c = ALLOC(struct role_cluster);
	c->admin = (struct admin_cluster){.tell = tell, .context = c};
	c->loop = role->loop;
	if (add_nodes(c, &role->settings->cluster, err) < 0 || add_own(c, role, err) < 0) {
		role_cluster_free(c);
		return -1;
	}
	*ret_cluster = c;
	return 0;
}

void role_cluster_free(struct role_cluster *cluster)
{
	if (!cluster)
		return;
	for (size_t i = 0; i < cluster->count; i++)
		directory_authmod_node_free(cluster->nodes[i]);
	free(cluster);
}

const struct admin_cluster *role_cluster_admin(const struct role_cluster *cluster)
{
	return &cluster->admin;
}
