/* Not a part of the server: tells a milter of one message and prints what it wants, so that tests
 * can ask a real one. milter_probe ADDRESS FILE */
#include "filter/milter.h"

#include <stdio.h>

enum { MESSAGE_MAX = 1 << 24 };

static int read_file(const char *path, struct buf *to)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return -1;
	char *room = buf_reserve(to, MESSAGE_MAX);
	if (room)
		to->len = fread(room, 1, MESSAGE_MAX, file);
	(void)fclose(file);
	return room ? 0 : -1;
}

static void print_verdict(const char *step, const struct filter_milter_verdict *v)
{
	static const char *const KINDS[] = {"go on", "refuse", "defer", "drop", "hang up"};
	printf("%s: %s %u %.*s %.*s\n", step, KINDS[v->kind], v->code, SLICE_ARG(v->status),
		SLICE_ARG(v->text));
}

static void print_changes(const struct filter_milter_changes *c)
{
	if (c->sender.ptr)
		printf("sender: %.*s\n", SLICE_ARG(c->sender));
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].kind == FILTER_MILTER_ADD_RECIPIENT)
			printf("add: %.*s %.*s\n", SLICE_ARG(c->list[i].name),
				SLICE_ARG(c->list[i].value));
		else if (c->list[i].kind == FILTER_MILTER_REMOVE_RECIPIENT)
			printf("remove: %.*s\n", SLICE_ARG(c->list[i].name));
	if (c->quarantine.ptr)
		printf("quarantine: %.*s\n", SLICE_ARG(c->quarantine));
}

static int greet(struct filter_milter *m, struct err *err)
{
	struct filter_milter_verdict v;
	struct net_address client;
	if (net_address_parse(SLICE("192.0.2.1:25"), &client, err) != 0)
		return -1;
	filter_milter_set(m, "j", SLICE("mx.example"));
	if (filter_milter_connect(m, SLICE("client.example"), &client, &v, err) != 0)
		return -1;
	print_verdict("connect", &v);
	if (filter_milter_helo(m, SLICE("client.example"), &v, err) != 0)
		return -1;
	print_verdict("helo", &v);
	return 0;
}

static int tell(struct filter_milter *m, struct slice message, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf header = BUF(MESSAGE_MAX);
	struct filter_milter_changes changes;
	struct filter_milter_verdict v;
	struct slice body;
	filter_milter_set(m, "i", SLICE("0123456789"));
	if (filter_milter_mail(m, SLICE("ann@example.com"), SLICE("SIZE=1"), &v, err) != 0)
		return -1;
	print_verdict("mail", &v);
	if (filter_milter_rcpt(m, SLICE("bob@example.org"), SLICE(""), &v, err) != 0)
		return -1;
	print_verdict("rcpt", &v);
	if (filter_milter_data(m, &v, err) != 0)
		return -1;
	print_verdict("data", &v);
	int r = filter_milter_message(m, message, &arena, &changes, &v, err);
	if (r == 0) {
		print_verdict("message", &v);
		print_changes(&changes);
		if (filter_milter_apply(&changes, message, &header, &body))
			printf("%.*s%.*s", SLICE_ARG(buf_slice(&header)), SLICE_ARG(body));
	}
	filter_milter_changes_free(&changes);
	return r;
}

int main(int argc, char **argv)
{
	AUTO(buf_free) struct buf message = BUF(MESSAGE_MAX);
	struct filter_milter_options options = {.name = "probe"};
	struct filter_milter *m = NULL;
	struct err err = {0};
	if (argc != 3 || read_file(argv[2], &message) != 0)
		return 2;
	int r = net_address_parse(slice_str(argv[1]), &options.address, &err);
	if (r == 0)
		r = filter_milter_open(&options, &m, &err);
	if (r == 0)
		r = greet(m, &err);
	for (int i = 0; r == 0 && i < 2; i++) /* twice: a connection takes several messages */
		r = tell(m, buf_slice(&message), &err);
	filter_milter_close(m);
	if (r != 0)
		printf("error: %s\n", err.text);
	return r != 0;
}
