/* JSON lines over a socket. */
#include "roles/channel.h"

#include "base/errno_here.h"

#include <sys/socket.h>
#include <unistd.h>

void channel_init(struct channel *channel, int fd)
{
	channel->fd = fd;
	channel->input = BUF(CHANNEL_LINE_MAX);
}

void channel_close(struct channel *channel)
{
	if (channel->fd >= 0)
		(void)close(channel->fd);
	channel->fd = -1;
	buf_free(&channel->input);
}

bool channel_send(struct channel *channel, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	if (!text)
		return false;
	AUTO(buf_free) struct buf line = BUF(CHANNEL_LINE_MAX);
	buf_add_str(&line, text);
	buf_add_byte(&line, '\n');
	free(text);
	struct slice rest = buf_slice(&line);
	while (rest.len > 0) {
		ssize_t n = send(channel->fd, rest.ptr, rest.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		rest = slice_from(rest, (size_t)n);
	}
	return !line.failed;
}

static json_t *cut_message(struct channel *channel)
{
	ssize_t end = slice_find(buf_slice(&channel->input), '\n');
	if (end < 0)
		return NULL;
	json_t *message = json_loadb(channel->input.data, (size_t)end, 0, NULL);
	buf_consume(&channel->input, (size_t)end + 1);
	return message;
}

json_t *channel_receive(struct channel *channel, bool wait, bool *ret_gone)
{
	*ret_gone = false;
	for (;;) {
		json_t *message = cut_message(channel);
		if (message)
			return message;
		char *room = buf_reserve(&channel->input, 65536);
		ssize_t n = room ? recv(channel->fd, room, 65536, wait ? 0 : MSG_DONTWAIT) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return NULL;
		if (n <= 0) {
			*ret_gone = true;
			return NULL;
		}
		channel->input.len += (size_t)n;
	}
}
