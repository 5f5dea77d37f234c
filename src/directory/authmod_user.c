/* A user as a line of the authmod protocol. What is not set is not written; what is not there has
 * its default: all services, no limits, not suspended. */
#include "directory/authmod_line.h"

#include "directory/address.h"

static void add_services(struct buf *to, unsigned services)
{
	const char *separator = "";
	buf_add_str(to, " services=\"");
	for (unsigned bit = 1; bit <= DIRECTORY_ALL_SERVICES; bit <<= 1) {
		if (!(services & bit))
			continue;
		buf_add_str(to, separator);
		buf_add_str(to, directory_service_name((enum directory_service)bit));
		separator = ",";
	}
	buf_add_byte(to, '"');
}

static void add_id(struct buf *to, const char *name, struct id id)
{
	char text[ID_TEXT_SIZE + 1];
	if (id_is_none(id))
		return;
	id_to_text(id, text);
	directory_authmod_add_field(to, name, slice_str(text));
}

static void add_limit(struct buf *to, const char *name, uint64_t value)
{
	if (value > 0)
		directory_authmod_add_number(to, name, value);
}

static void add_text(struct buf *to, const char *name, struct slice value)
{
	if (value.len > 0)
		directory_authmod_add_field(to, name, value);
}

void directory_authmod_add_user(struct buf *to, const struct directory_user *user)
{
	directory_authmod_add_word(to, user->name);
	buf_add_str(to, " config 0");
	add_id(to, "account", user->account);
	add_text(to, "name", user->full_name);
	directory_authmod_add_field(
		to, "mailstatus", user->suspended ? SLICE("suspended") : SLICE("ok"));
	add_services(to, user->services);
	add_limit(to, "quota", user->quota_bytes);
	add_limit(to, "quotacount", user->quota_messages);
	add_id(to, "domainid", user->domain_id);
	add_limit(to, "domainquota", user->domain_quota_bytes);
	add_limit(to, "domainquotacount", user->domain_quota_messages);
	add_text(to, "tohost", user->to_host);
	if (user->no_copy)
		directory_authmod_add_field(to, "copy", SLICE("no"));
	if (user->created > 0)
		directory_authmod_add_number(to, "created", (uint64_t)user->created);
}

static unsigned take_services(const struct directory_authmod_line *line)
{
	for (size_t i = 0; i < line->field_count; i++) {
		if (!slice_eq_nocase(line->fields[i].name, SLICE("services")))
			continue;
		struct slice rest = line->fields[i].value;
		unsigned services = 0;
		while (rest.len > 0)
			services |= directory_service_of(slice_trim(slice_cut(&rest, ',')));
		return services;
	}
	return DIRECTORY_ALL_SERVICES;
}

static struct id take_id(const struct directory_authmod_line *line, const char *name)
{
	struct id id;
	return id_from_text(directory_authmod_field(line, name), &id) ? id : ID_NONE;
}

static uint64_t take_number(const struct directory_authmod_line *line, const char *name)
{
	uint64_t value;
	return slice_to_u64(directory_authmod_field(line, name), UINT64_MAX, &value) ? value : 0;
}

static struct slice take_text(
	const struct directory_authmod_line *line, const char *name, struct arena *arena)
{
	return arena_copy(arena, directory_authmod_field(line, name));
}

bool directory_authmod_take_user(const struct directory_authmod_line *line, struct arena *arena,
	struct directory_user *ret_user)
{
	if (line->word_count < 2 || line->words[1].len == 0)
		return false;
	struct slice name = arena_copy(arena, line->words[1]);
	struct slice status = directory_authmod_field(line, "mailstatus");
	*ret_user = (struct directory_user){
		.account = take_id(line, "account"),
		.name = name,
		.domain = directory_domain_of(name),
		.full_name = take_text(line, "name", arena),
		.services = take_services(line),
		/* whatever else a server calls it: not "ok" is not ok */
		.suspended = status.len > 0 && !slice_eq_nocase(status, SLICE("ok")) &&
			     !slice_eq_nocase(status, SLICE("good")),
		.quota_bytes = take_number(line, "quota"),
		.quota_messages = take_number(line, "quotacount"),
		.domain_id = take_id(line, "domainid"),
		.domain_quota_bytes = take_number(line, "domainquota"),
		.domain_quota_messages = take_number(line, "domainquotacount"),
		.to_host = take_text(line, "tohost", arena),
		.created = (int64_t)take_number(line, "created"),
		.no_copy = slice_eq_nocase(directory_authmod_field(line, "copy"), SLICE("no")),
	};
	return true;
}

void directory_authmod_take_forwards(
	const struct directory_authmod_line *line, struct arena *arena, struct directory_user *user)
{
	struct slice rest = directory_authmod_field(line, "fwd");
	size_t count = 0;
	for (size_t i = 0; i < rest.len; i++)
		count += rest.ptr[i] == ',';
	struct slice *forwards = ARENA_ARRAY(arena, struct slice, count + 1);
	count = 0;
	while (rest.len > 0) {
		struct slice one = slice_trim(slice_cut(&rest, ','));
		if (one.len > 0)
			forwards[count++] = arena_copy(arena, one);
	}
	user->forwards = forwards;
	user->forward_count = count;
	user->no_copy = user->no_copy && count > 0;
}
