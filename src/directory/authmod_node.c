/* One line, one answer. A connection that was idle may be dead by now, so a lost one is made anew
 * once: to be told twice does no harm. */
#include "directory/authmod_node.h"

#include "base/alloc.h"
#include "directory/address.h"
#include "directory/authmod_line.h"
#include "directory/authmod_links.h"

enum { COMMAND_MAX = 2048 };

struct directory_authmod_node {
	struct directory_authmod_links *links;
	struct directory_authmod_server *server;
};

int directory_authmod_node_new(const struct directory_authmod_options *options,
	struct directory_authmod_node **ret_node, struct err *err)
{
	struct directory_authmod_links *links;
	unsigned tried = 0;
	if (directory_authmod_links_new(options, &links, err) < 0)
		return -1;
	struct directory_authmod_node *node = ALLOC(struct directory_authmod_node);
	node->links = links;
	node->server = directory_authmod_links_pick(links, &tried);
	*ret_node = node;
	return 0;
}

void directory_authmod_node_free(struct directory_authmod_node *node)
{
	if (!node)
		return;
	directory_authmod_links_free(node->links);
	free(node);
}

const char *directory_authmod_node_name(const struct directory_authmod_node *node)
{
	return directory_authmod_server_name(node->server);
}

/* `ret_lost`: no answer came. */
static int tell_once(struct directory_authmod_node *node, bool fresh, struct slice command,
	unsigned *ret_sessions, bool *ret_lost, struct err *err)
{
	UNINITIALIZED struct directory_authmod_line line;
	struct net_client *client;
	struct slice text;
	uint64_t sessions = 0;
	*ret_lost = false;
	if (directory_authmod_links_take(node->links, node->server, fresh, &client, err) < 0)
		return -1;
	net_client_write(client, command);
	if (net_client_read_line(client, DIRECTORY_AUTHMOD_LINE_MAX, &text, err) < 0) {
		net_client_close(client);
		*ret_lost = true;
		return -1;
	}
	int r = 0;
	if (!directory_authmod_parse(text, &line) || line.word_count == 0)
		r = err_temporary(err, ERR_UNAVAILABLE, "its answer can't be understood");
	else if (!slice_eq_nocase(line.words[0], SLICE("+OK")))
		r = err_temporary(
			err, ERR_UNAVAILABLE, "%.*s", SLICE_ARG(slice_sub(line.words[1], 0, 150)));
	else if (!slice_to_u64(directory_authmod_field(&line, "sessions"), UINT32_MAX, &sessions))
		sessions = 0;
	*ret_sessions = (unsigned)sessions;
	directory_authmod_links_give(node->links, node->server, client);
	return r;
}

static int tell(struct directory_authmod_node *node, const char *verb, struct slice user,
	unsigned *ret_sessions, struct err *err)
{
	AUTO(buf_free) struct buf command = BUF(COMMAND_MAX);
	bool lost;
	if (!directory_text_is_plain(user))
		return err_permanent(err, ERR_BAD_INPUT, "this is no name of a user");
	buf_add_str(&command, verb);
	if (user.len > 0)
		directory_authmod_add_word(&command, user);
	buf_add_str(&command, "\r\n");
	if (command.failed)
		return err_permanent(err, ERR_BAD_INPUT, "the name is too long");
	int r = tell_once(node, false, buf_slice(&command), ret_sessions, &lost, err);
	return lost ? tell_once(node, true, buf_slice(&command), ret_sessions, &lost, err) : r;
}

int directory_authmod_node_kick(struct directory_authmod_node *node, struct slice user,
	unsigned *ret_sessions, struct err *err)
{
	return tell(node, "kick", user, ret_sessions, err);
}

int directory_authmod_node_flush(
	struct directory_authmod_node *node, struct slice user, struct err *err)
{
	unsigned none;
	return tell(node, "flush", user, &none, err);
}
