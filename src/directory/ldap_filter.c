/* One pass over the filter; only what a name brings is escaped. */
#include "directory/ldap_filter.h"

void directory_ldap_escape(struct slice text, struct buf *to)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c == '*' || c == '(' || c == ')' || c == '\\' || c < 0x20 || c >= 0x7f)
			buf_printf(to, "\\%02x", c);
		else
			buf_add_byte(to, (char)c);
	}
}

static void add_any(char letter, const struct directory_ldap_names *names, struct buf *to)
{
	if (letter == 'd' && names->domain.len > 0) {
		directory_ldap_escape(names->domain, to);
		return;
	}
	buf_add_byte(to, '*');
	if (letter == 'u' && names->domain.len > 0) {
		buf_add_byte(to, '@');
		directory_ldap_escape(names->domain, to);
	}
}

static void add_name(char letter, const struct directory_ldap_names *names, struct buf *to)
{
	if (names->any)
		add_any(letter, names, to);
	else
		directory_ldap_escape(letter == 'u'   ? names->address
				      : letter == 'n' ? names->local
						      : names->domain,
			to);
}

void directory_ldap_filter_expand(
	struct slice filter, const struct directory_ldap_names *names, struct buf *to)
{
	for (size_t i = 0; i < filter.len; i++) {
		char c = filter.ptr[i];
		if (c != '%' || i + 1 == filter.len) {
			buf_add_byte(to, c);
			continue;
		}
		c = filter.ptr[++i];
		if (c == '%')
			buf_add_byte(to, '%');
		else
			add_name(c, names, to);
	}
}

int directory_ldap_filter_check(struct slice filter, struct err *err)
{
	size_t depth = 0;
	bool ended = false;
	if (!slice_starts(filter, SLICE("(")))
		return err_permanent(err, ERR_BAD_INPUT, "filter \"%.*s\" does not begin with (",
			SLICE_ARG(filter));
	for (size_t i = 0; i < filter.len; i++) {
		char c = filter.ptr[i];
		char next = i + 1 < filter.len ? filter.ptr[i + 1] : '\0';
		if (ended || (c == '(' && next == ')') || (c == ')' && depth == 0))
			return err_permanent(err, ERR_BAD_INPUT,
				"filter \"%.*s\" is wrong at its byte %zu", SLICE_ARG(filter),
				i + 1);
		if (c == '%' && (next == '\0' || !strchr("und%", next)))
			return err_permanent(err, ERR_BAD_INPUT,
				"filter \"%.*s\": only %%u, %%n, %%d and %%%% stand for something",
				SLICE_ARG(filter));
		i += c == '%';
		depth += c == '(';
		depth -= c == ')';
		ended = depth == 0;
	}
	return ended ? 0
		     : err_permanent(
			       err, ERR_BAD_INPUT, "filter \"%.*s\" lacks a )", SLICE_ARG(filter));
}
