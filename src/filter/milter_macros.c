/* Macros of a milter. */
#include "base/alloc.h"
#include "filter/milter_macros_internal.h"

/* What Sendmail sends (its confMILTER_MACROS_*), as far as there is such a thing here. */
static const char *const USUAL[MILTER_STAGES] = {
	[MILTER_AT_CONNECT] = "j _ {daemon_name} {if_name} {if_addr} {client_addr} {client_name} v",
	[MILTER_AT_HELO] = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
	[MILTER_AT_MAIL] = "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_addr}",
	[MILTER_AT_RCPT] = "{rcpt_mailer} {rcpt_host} {rcpt_addr}",
	[MILTER_AT_DATA] = "i",
	[MILTER_AT_END] = "i",
	[MILTER_AT_END_OF_HEADER] = "i",
};

/* "{i}" and "i" are the same. */
static struct slice bare(struct slice name)
{
	if (name.len == 3 && name.ptr[0] == '{' && name.ptr[2] == '}')
		return slice_sub(name, 1, 1);
	return name;
}

static struct milter_macro *find(const struct milter_macros *m, struct slice name)
{
	for (size_t i = 0; i < m->count; i++)
		if (slice_eq(slice_str(m->list[i].name), bare(name)))
			return (struct milter_macro *)&m->list[i];
	return NULL;
}

void milter_macros_set(struct milter_macros *m, const char *name, struct slice value)
{
	struct milter_macro *macro = find(m, slice_str(name));
	if (!macro && (value.len == 0 || m->count == MILTER_MACROS_MAX))
		return;
	if (!macro) {
		macro = &m->list[m->count++];
		macro->name = slice_dup(bare(slice_str(name)));
	}
	free(macro->value);
	macro->value = value.len > 0 ? slice_dup(value) : NULL;
}

void milter_macros_want(struct milter_macros *m, const struct filter_milter_negotiation *n)
{
	for (size_t i = 0; i < MILTER_STAGES; i++)
		if (n->macros[i].ptr)
			m->wanted[i] = slice_dup(n->macros[i]);
}

/* Names are separated by spaces or commas. */
static struct slice cut_name(struct slice *names)
{
	size_t len = 0;
	while (len < names->len && slice_find(SLICE(" ,\t\r\n"), names->ptr[len]) < 0)
		len++;
	struct slice name = slice_sub(*names, 0, len);
	*names = slice_from(*names, len + 1);
	return name;
}

void milter_macros_write(const struct milter_macros *m, enum filter_milter_stage stage,
	enum filter_milter_command command, struct buf *to)
{
	struct slice names = slice_str(m->wanted[stage] ? m->wanted[stage] : USUAL[stage]);
	size_t before = to->len, begin = filter_milter_begin(to, MILTER_MACRO), empty;
	buf_add_byte(to, (char)command);
	empty = to->len;
	while (names.len > 0) {
		struct slice name = cut_name(&names);
		const struct milter_macro *macro = find(m, name);
		if (!macro || !macro->value)
			continue;
		filter_milter_add_text(to, name);
		filter_milter_add_text(to, slice_str(macro->value));
	}
	if (to->len == empty)
		to->len = before;
	else
		filter_milter_end(to, begin);
}

void milter_macros_free(struct milter_macros *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->list[i].name);
		free(m->list[i].value);
	}
	for (size_t i = 0; i < MILTER_STAGES; i++)
		free(m->wanted[i]);
}
