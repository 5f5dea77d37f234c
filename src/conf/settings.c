/* From the tree of a file to the struct, by the rows of options.c: first what the file says, then
 * the defaults of all else. Goes on behind a fault, so that one run tells them all. */
#include "conf/settings.h"

#include "base/alloc.h"
#include "base/must.h"
#include "conf/acme.h"
#include "conf/common_options.h"
#include "conf/defaults.h"
#include "conf/file.h"
#include "conf/nearest.h"
#include "conf/value.h"

#include <stdatomic.h>

enum { MAGIC = 0x434f4e46 };

struct snapshot {
	struct conf_settings settings; /* first: the public pointer is the snapshot's */
	unsigned magic;
	atomic_uint owners;
	struct arena arena;
};

/* A block that was opened, or that stands for one that is not in the file. */
struct instance {
	const struct conf_block *block;
	char *base;                    /* what the offsets of its options count from */
	const struct conf_node **seen; /* by option: where it was given */
	struct conf_place place;
	struct instance *next;
};

struct reading {
	struct arena *arena;
	struct conf_settings *settings;
	struct conf_faults *faults;
	const struct conf_node **opened; /* by block: where it was opened first */
	struct instance *instances, **tail;
	const struct conf_word *addresses[2 * CONF_LISTEN_MAX]; /* listened to */
	size_t address_count;
};

static struct instance *add_instance(
	struct reading *r, const struct conf_block *block, char *base, struct conf_place place)
{
	struct instance *instance = ARENA_NEW(r->arena, struct instance);
	instance->block = block;
	instance->base = base;
	instance->place = place;
	instance->seen = ARENA_ARRAY(r->arena, const struct conf_node *, conf_option_count);
	*r->tail = instance;
	r->tail = &instance->next;
	return instance;
}

static void unknown(struct reading *r, const struct conf_block *block, const struct conf_node *node)
{
	const char *kind = node->is_block ? "block" : "option", *name = node->name.text.ptr;
	struct conf_nearest nearest = {.wanted = node->name.text};
	const char *belongs = NULL;
	for (size_t i = 0; i < conf_option_count; i++) {
		if (conf_option_is_in(&conf_options[i], block))
			conf_nearest_offer(&nearest, conf_options[i].key);
		else if (!belongs && slice_eq(node->name.text, slice_str(conf_options[i].key)))
			belongs = conf_options[i].block;
	}
	for (size_t i = 0; i < conf_block_count; i++)
		if (conf_block_is_child(block, &conf_blocks[i]))
			conf_nearest_offer(&nearest, conf_block_name(&conf_blocks[i]));
	if (belongs && belongs[0])
		conf_fault(r->faults, node->name.place,
			"unknown %s \"%.40s\", it belongs into block \"%s\"", kind, name, belongs);
	else if (belongs)
		conf_fault(r->faults, node->name.place,
			"unknown %s \"%.40s\" in block \"%s\", it belongs outside of all blocks",
			kind, name, block->path);
	else if (nearest.best)
		conf_fault(r->faults, node->name.place,
			"unknown %s \"%.40s\", did you mean \"%s\"?", kind, name, nearest.best);
	else if (block->path[0])
		conf_fault(r->faults, node->name.place, "unknown %s \"%.40s\" in block \"%s\"",
			kind, name, block->path);
	else
		conf_fault(r->faults, node->name.place, "unknown %s \"%.40s\"", kind, name);
}

static void given_twice(
	struct reading *r, const struct conf_word *again, const struct conf_word *first)
{
	conf_fault(r->faults, again->place, "\"%.60s\" is given twice, first at %s:%u",
		again->text.ptr, first->place.source->name, first->place.line);
}

static void check_address(struct reading *r, const struct conf_word *address)
{
	for (size_t i = 0; i < r->address_count; i++)
		if (slice_eq(r->addresses[i]->text, address->text)) {
			given_twice(r, address, r->addresses[i]);
			return;
		}
	if (r->address_count < ARRAY_LEN(r->addresses))
		r->addresses[r->address_count++] = address;
}

static void read_option(struct reading *r, struct instance *instance,
	const struct conf_option *option, const struct conf_node *node)
{
	const struct conf_node **seen = &instance->seen[option - conf_options];
	if (node->is_block) {
		conf_fault(r->faults, node->name.place,
			"\"%s\" is an option, expected a value and \";\", found a block",
			option->key);
		return;
	}
	if (*seen && !conf_value_is_list(option)) {
		given_twice(r, &node->name, &(*seen)->name);
		return;
	}
	*seen = node;
	if (conf_value_set(r->arena, option, node, instance->base + option->offset, r->faults) ==
			0 &&
		option->type == CONF_LISTEN)
		check_address(r, node->values->next);
}

static void read_nodes(struct reading *r, struct instance *instance, const struct conf_node *nodes);

/* Room for one more item of a block that may be repeated; all its nodes are `siblings`. */
static char *next_item(
	struct reading *r, const struct conf_block *block, const struct conf_node *siblings)
{
	char *base = (char *)r->settings;
	char **items = (char **)(base + block->items);
	size_t *count = (size_t *)(base + block->count), most = 0;
	if (!*items) {
		for (const struct conf_node *node = siblings; node; node = node->next)
			most += slice_eq(node->name.text, slice_str(conf_block_name(block)));
		*items = arena_alloc(r->arena, most * block->item_size);
	}
	return *items + (*count)++ * block->item_size;
}

static void read_block(struct reading *r, const struct conf_block *block,
	const struct conf_node *node, const struct conf_node *siblings)
{
	const struct conf_node **opened = &r->opened[block - conf_blocks];
	const char *name = conf_block_name(block);
	if (!node->is_block) {
		conf_fault(r->faults, node->name.place,
			"\"%s\" is a block, expected \"{\" behind it", name);
		return;
	}
	const struct conf_word *wrong = node->values;
	if (wrong && block->label)
		wrong = wrong->next;
	if (wrong)
		conf_fault(r->faults, wrong->place, "block \"%s\" takes %s label, expected \"{\"",
			name, block->label ? "one" : "no");
	char *base = (char *)r->settings;
	if (block->item_size) {
		base = next_item(r, block, siblings);
		*(const char **)base = node->values ? node->values->text.ptr : "";
	} else if (*opened) {
		given_twice(r, &node->name, &(*opened)->name);
	}
	*opened = *opened ? *opened : node;
	if (block->on != CONF_NO_OFFSET)
		*(bool *)(base + block->on) = true;
	read_nodes(r, add_instance(r, block, base, node->name.place), node->children);
}

static void read_nodes(struct reading *r, struct instance *instance, const struct conf_node *nodes)
{
	for (const struct conf_node *node = nodes; node; node = node->next) {
		const struct conf_block *block = conf_block_find(instance->block, node->name.text);
		const struct conf_option *option =
			conf_option_find(instance->block, node->name.text);
		if (block)
			read_block(r, block, node, nodes);
		else if (option)
			read_option(r, instance, option, node);
		else
			unknown(r, instance->block, node);
	}
}

static void fill_defaults(struct reading *r, struct instance *instance)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];
		if (!conf_option_is_in(option, instance->block) || instance->seen[i])
			continue;
		if (!option->fallback)
			conf_fault(r->faults, instance->place, "block \"%s\" lacks \"%s\"",
				conf_block_name(instance->block), option->key);
		else if (conf_default_set(r->arena, r->settings, option,
				 instance->base + option->offset, r->faults) < 0)
			return;
	}
}

/* Where an option was given; the start of the file when it was not. */
static struct conf_place place_of(const struct reading *r, const char *block, const char *key)
{
	const struct instance *file = r->instances;
	for (const struct instance *i = file; i; i = i->next)
		for (size_t option = 0; option < conf_option_count; option++)
			if (i->seen[option] && strcmp(conf_options[option].block, block) == 0 &&
				strcmp(conf_options[option].key, key) == 0)
				return i->seen[option]->name.place;
	return file->place;
}

static struct conf_place place_of_block(const struct reading *r, const char *path)
{
	const struct instance *i = r->instances;
	while (i->next && strcmp(i->block->path, path) != 0)
		i = i->next;
	return i->place;
}

/* Without any certificate a listener that begins with TLS could serve nobody. */
static void check_certificates(struct reading *r)
{
	const struct conf_settings *s = r->settings;
	const struct conf_listens none = {NULL, 0};
	const struct conf_listens all[] = {s->mx.on ? s->mx.listen : none,
		s->store.on ? s->store.listen : none, s->proxy.on ? s->proxy.listen : none,
		s->web.on ? s->web.listen : none};
	if (s->tls.self_signed || s->tls.certificate_count > 0 || s->tls.acme.on)
		return;
	for (size_t role = 0; role < ARRAY_LEN(all); role++)
		for (size_t i = 0; i < all[role].count; i++) {
			const struct conf_listen *listen = &all[role].items[i];
			if (!conf_protocol_is_tls(listen->protocol))
				continue;
			conf_fault(r->faults, place_of(r, "tls", "self_signed"),
				"listener %s %.60s has no certificate, expected self_signed yes or "
				"a block certificate",
				conf_protocol_name(listen->protocol), listen->address);
			return;
		}
}

static void check_acme(struct reading *r)
{
	const char *option;
	struct err err;
	if (!r->settings->tls.acme.on || conf_acme_check(r->settings, &option, &err) == 0)
		return;
	conf_fault(r->faults,
		option ? place_of(r, "tls.acme", option) : place_of_block(r, "tls.acme"), "%s",
		err.text);
}

/* Common options that can't be read are not gone by: a node serves without them. */
static void add_common(struct snapshot *snapshot, struct conf_node **nodes)
{
	struct err err;
	if (conf_common_add(&snapshot->arena, nodes, &err) < 0)
		snapshot->settings.common_fault =
			arena_copy(&snapshot->arena, slice_str(err.text)).ptr;
}

static void read_tree(struct reading *r, const struct conf_node *nodes)
{
	struct conf_source *source = ARENA_NEW(r->arena, struct conf_source);
	source->name = r->settings->file;
	struct conf_place start = {source, 1, 1};
	r->tail = &r->instances;
	r->opened = ARENA_ARRAY(r->arena, const struct conf_node *, conf_block_count);
	read_nodes(r, add_instance(r, &conf_blocks[0], (char *)r->settings, start), nodes);
	for (size_t i = 1; i < conf_block_count; i++)
		if (!r->opened[i] && !conf_blocks[i].item_size)
			(void)add_instance(r, &conf_blocks[i], (char *)r->settings, start);
	for (struct instance *instance = r->instances; instance; instance = instance->next)
		fill_defaults(r, instance);
	if (r->faults->count == 0)
		check_certificates(r);
	if (r->faults->count == 0)
		check_acme(r);
}

/* Reads a file, or `text` when it is not NULL. */
static int load(const char *name, const struct slice *text, struct buf *report,
	const struct conf_settings **ret_settings, struct err *err)
{
	struct err own;
	struct conf_faults faults = {
		.report = report, .err = err ? err : &own, .max = CONF_FAULTS_MAX};
	struct snapshot *snapshot = ALLOC(struct snapshot);
	snapshot->magic = MAGIC;
	atomic_init(&snapshot->owners, 1);
	snapshot->settings.file = arena_copy(&snapshot->arena, slice_str(name)).ptr;
	struct conf_node *nodes;
	int outcome = text ? conf_file_from_text(&snapshot->arena, name, *text, &faults, &nodes)
			   : conf_file_read(&snapshot->arena, name, &faults, &nodes);
	snapshot->settings.common_fault = "";
	if (outcome == 0 && !text)
		add_common(snapshot, &nodes);
	if (outcome == 0) {
		struct reading *reading = ARENA_NEW(&snapshot->arena, struct reading);
		reading->arena = &snapshot->arena;
		reading->settings = &snapshot->settings;
		reading->faults = &faults;
		read_tree(reading, nodes);
	}
	if (outcome < 0 || faults.count > 0) {
		conf_settings_free(&snapshot->settings);
		return -1;
	}
	*ret_settings = &snapshot->settings;
	return 0;
}

int conf_settings_load(const char *path, struct buf *report,
	const struct conf_settings **ret_settings, struct err *err)
{
	return load(path, NULL, report, ret_settings, err);
}

int conf_settings_from_text(const char *name, struct slice text, struct buf *report,
	const struct conf_settings **ret_settings, struct err *err)
{
	return load(name, &text, report, ret_settings, err);
}

static struct snapshot *snapshot_of(const struct conf_settings *settings)
{
	struct snapshot *snapshot = (struct snapshot *)(uintptr_t)settings;
	must(snapshot->magic == MAGIC);
	return snapshot;
}

const struct conf_settings *conf_settings_ref(const struct conf_settings *settings)
{
	atomic_fetch_add_explicit(&snapshot_of(settings)->owners, 1, memory_order_relaxed);
	return settings;
}

void conf_settings_free(const struct conf_settings *settings)
{
	if (!settings)
		return;
	struct snapshot *snapshot = snapshot_of(settings);
	if (atomic_fetch_sub_explicit(&snapshot->owners, 1, memory_order_acq_rel) > 1)
		return;
	snapshot->magic = 0;
	arena_free(&snapshot->arena);
	free(snapshot);
}

static const struct {
	const char *name;
	bool tls;
} protocols[] = {
	[CONF_SMTP] = {"smtp", false},
	[CONF_SUBMISSION] = {"submission", false},
	[CONF_SUBMISSIONS] = {"submissions", true},
	[CONF_IMAP] = {"imap", false},
	[CONF_IMAPS] = {"imaps", true},
	[CONF_POP3] = {"pop3", false},
	[CONF_POP3S] = {"pop3s", true},
	[CONF_LMTP] = {"lmtp", false},
	[CONF_AUTHMOD] = {"authmod", true},
	[CONF_MANAGESIEVE] = {"managesieve", false},
	[CONF_HTTP] = {"http", false},
	[CONF_HTTPS] = {"https", true},
	[CONF_MOVE] = {"move", true},
};
_Static_assert(ARRAY_LEN(protocols) == CONF_PROTOCOLS, "each protocol has a row");

const char *conf_protocol_name(enum conf_protocol protocol)
{
	must(protocol < CONF_PROTOCOLS);
	return protocols[protocol].name;
}

bool conf_protocol_is_tls(enum conf_protocol protocol)
{
	must(protocol < CONF_PROTOCOLS);
	return protocols[protocol].tls;
}
