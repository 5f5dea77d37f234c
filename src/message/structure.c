/* BODY and BODYSTRUCTURE. Depth is that of the tree, which the parser bounds. */
#include "message/imap_form.h"

static void add_space(struct buf *to)
{
	buf_add_byte(to, ' ');
}

static void add_nil_if_empty(struct buf *to, struct slice s)
{
	message_write_nstring(to, s.len ? s : SLICE_NONE);
}

static bool is_ascii(struct slice s)
{
	unsigned char high = 0;
	for (size_t i = 0; i < s.len; i++)
		high |= (unsigned char)s.ptr[i];
	return high < 0x80;
}

/* A value that came in the form of RFC 2231 and is more than ASCII goes out in that form, in one
 * piece: clients that know nothing of UTF-8 in IMAP strings can read it. */
static void add_extended(struct buf *to, const struct message_parameter *parameter)
{
	static const char HEX[] = "0123456789ABCDEF";
	buf_add_byte(to, '"');
	buf_add_slice(to, parameter->name);
	buf_add_str(to, "*\" \"utf-8''");
	for (size_t i = 0; i < parameter->value.len; i++) {
		unsigned char c = (unsigned char)parameter->value.ptr[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
		if (plain) {
			buf_add_byte(to, (char)c);
		} else {
			char hex[3] = {'%', HEX[c >> 4], HEX[c & 15]};
			buf_add(to, hex, sizeof(hex));
		}
	}
	buf_add_byte(to, '"');
}

static void add_parameters(struct buf *to, const struct message_parameter *list, bool is_text)
{
	bool charset = !is_text || message_parameter(list, "charset").ptr;
	if (!list && charset) {
		buf_add_str(to, "NIL");
		return;
	}
	buf_add_byte(to, '(');
	for (const struct message_parameter *p = list; p; p = p->next) {
		if (p != list)
			add_space(to);
		if (p->extended && !is_ascii(p->value) && is_ascii(p->name)) {
			add_extended(to, p);
			continue;
		}
		message_write_nstring(to, p->name);
		add_space(to);
		message_write_nstring(to, p->value.ptr ? p->value : SLICE(""));
	}
	if (!charset)
		buf_add_str(to, list ? " \"charset\" \"us-ascii\"" : "\"charset\" \"us-ascii\"");
	buf_add_byte(to, ')');
}

static void add_disposition(struct buf *to, const struct message_part *part)
{
	if (part->disposition.len == 0) {
		buf_add_str(to, "NIL");
		return;
	}
	buf_add_byte(to, '(');
	message_write_nstring(to, part->disposition);
	add_space(to);
	add_parameters(to, part->disposition_parameters, false);
	buf_add_byte(to, ')');
}

/* One tag is a string, several are a list of them. */
static void add_language(struct buf *to, struct slice language)
{
	if (slice_find(language, ',') < 0) {
		add_nil_if_empty(to, language);
		return;
	}
	bool any = false;
	while (language.len > 0) {
		struct slice tag = slice_trim(slice_cut(&language, ','));
		if (tag.len == 0)
			continue;
		buf_add_byte(to, any ? ' ' : '(');
		message_write_nstring(to, tag);
		any = true;
	}
	buf_add_str(to, any ? ")" : "NIL");
}

static void add_extension(struct buf *to, const struct message_part *part)
{
	add_space(to);
	add_disposition(to, part);
	add_space(to);
	add_language(to, part->language);
	add_space(to);
	add_nil_if_empty(to, part->location);
}

static void add_multipart(
	const struct message_part *part, struct slice whole, bool extended, struct buf *to)
{
	for (const struct message_part *child = part->first_child; child; child = child->next)
		message_write_structure(child, whole, extended, to);
	add_space(to);
	message_write_nstring(to, part->subtype);
	if (extended) {
		add_space(to);
		add_parameters(to, part->parameters, false);
		add_extension(to, part);
	}
}

/* A message that was not opened (its encoding, its depth) must not look like one that was: a client
 * would look for an envelope. */
static bool is_sealed_message(const struct message_part *part)
{
	return part->kind == MESSAGE_LEAF && slice_eq_nocase(part->type, SLICE("message")) &&
	       (slice_eq_nocase(part->subtype, SLICE("rfc822")) ||
		       slice_eq_nocase(part->subtype, SLICE("global")));
}

static void add_single(
	const struct message_part *part, struct slice whole, bool extended, struct buf *to)
{
	bool sealed = is_sealed_message(part);
	bool is_text = slice_eq_nocase(part->type, SLICE("text"));
	message_write_nstring(to, sealed ? SLICE("application") : part->type);
	add_space(to);
	message_write_nstring(to, sealed ? SLICE("octet-stream") : part->subtype);
	add_space(to);
	add_parameters(to, part->parameters, is_text);
	add_space(to);
	add_nil_if_empty(to, part->id);
	add_space(to);
	add_nil_if_empty(to, part->description);
	add_space(to);
	message_write_nstring(to, part->encoding);
	add_space(to);
	buf_add_u64(to, part->body_len);
	if (part->kind == MESSAGE_RFC822) {
		const struct message_part *inner = part->first_child;
		add_space(to);
		(void)message_write_envelope(
			slice_sub(whole, inner->header_start, inner->header_len), to);
		add_space(to);
		message_write_structure(inner, whole, extended, to);
	}
	if (part->kind == MESSAGE_RFC822 || is_text) {
		add_space(to);
		buf_add_u64(to, part->body_lines);
	}
	if (extended) {
		add_space(to);
		add_nil_if_empty(to, part->md5);
		add_extension(to, part);
	}
}

void message_write_structure(
	const struct message_part *root, struct slice whole, bool extended, struct buf *to)
{
	buf_add_byte(to, '(');
	if (root->kind == MESSAGE_MULTIPART)
		add_multipart(root, whole, extended, to);
	else
		add_single(root, whole, extended, to);
	buf_add_byte(to, ')');
}
