/* Finding the bytes that a section names. Whole messages, their header and their text are ranges
 * that are known without parsing; parts need the message's structure, which is read once a message.
 */
#include "imap/fetch_internal.h"

#include "base/must.h"
#include "message/imap_form.h"

void imap_fetch_message_free(struct imap_fetch_message *m)
{
	buf_free(&m->whole);
	arena_free(&m->arena);
	m->root = NULL;
}

static int need_structure(struct mail *mail, struct imap_fetch_message *m, struct err *err)
{
	if (m->root)
		return 0;
	m->whole.max = (size_t)m->facts->size + 1;
	int r = mail_message_read(mail, m->facts->blob, 0, m->facts->size, &m->whole, err);
	if (r != 0)
		return r;
	m->root = message_parse(buf_slice(&m->whole), &m->arena);
	return 0;
}

static void set_range(struct imap_content *c, uint64_t from, uint64_t len)
{
	c->from = from;
	c->len = len;
}

static void clip(struct imap_content *c, const struct imap_fetch_item *item)
{
	if (!item->partial)
		return;
	uint64_t from = MIN(item->partial_from, c->len);
	c->from += from;
	c->len = MIN(item->partial_len, c->len - from);
}

/* HEADER, TEXT, HEADER.FIELDS of the message or of a message inside it. */
static int header_fields(struct mail *mail, const struct imap_fetch_message *m,
	const struct imap_fetch_item *item, uint64_t from, uint64_t len, struct imap_content *c,
	struct err *err)
{
	AUTO(buf_free) struct buf header = BUF((size_t)len + 1);
	struct slice bytes;
	if (m->root) {
		bytes = slice_sub(buf_slice(&m->whole), (size_t)from, (size_t)len);
	} else {
		int r = mail_message_read(mail, m->facts->blob, from, len, &header, err);
		if (r != 0)
			return r;
		bytes = buf_slice(&header);
	}
	c->own = true;
	c->bytes = BUF((size_t)len + 16);
	message_write_fields(
		item->fields, bytes, item->section == IMAP_SECTION_FIELDS_NOT, &c->bytes);
	set_range(c, 0, c->bytes.len);
	return 0;
}

static int of_message(struct mail *mail, const struct imap_fetch_message *m,
	const struct imap_fetch_item *item, uint64_t start, uint64_t header_len, uint64_t len,
	struct imap_content *c, struct err *err)
{
	switch (item->section) {
	case IMAP_SECTION_ALL:
		set_range(c, start, len);
		return 0;
	case IMAP_SECTION_HEADER:
		set_range(c, start, header_len);
		return 0;
	case IMAP_SECTION_TEXT:
		set_range(c, start + header_len, len - header_len);
		return 0;
	case IMAP_SECTION_FIELDS:
	case IMAP_SECTION_FIELDS_NOT:
		return header_fields(mail, m, item, start, header_len, c, err);
	case IMAP_SECTION_MIME:
		break;
	}
	c->nil = true;
	return 0;
}

static int of_part(struct mail *mail, struct imap_fetch_message *m,
	const struct imap_fetch_item *item, struct imap_content *c, struct err *err)
{
	int r = need_structure(mail, m, err);
	if (r != 0)
		return r;
	const struct message_part *part =
		message_part_by_number(m->root, item->numbers, item->number_count);
	if (!part) {
		c->nil = true;
		return 0;
	}
	if (item->section == IMAP_SECTION_ALL) {
		set_range(c, part->body_start, part->body_len);
		return 0;
	}
	if (item->section == IMAP_SECTION_MIME) {
		set_range(c, part->header_start, part->header_len);
		return 0;
	}
	/* The others are of a message/rfc822 part's message. */
	const struct message_part *inner = part->kind == MESSAGE_RFC822 ? part->first_child : NULL;
	if (!inner) {
		c->nil = true;
		return 0;
	}
	return of_message(mail, m, item, inner->header_start, inner->header_len,
		inner->header_len + inner->body_len, c, err);
}

static bool encoding_is_known(struct slice encoding)
{
	static const char *const KNOWN[] = {
		"7bit", "8bit", "binary", "quoted-printable", "base64", ""};
	for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
		if (slice_eq_nocase(encoding, slice_str(KNOWN[i])))
			return true;
	return false;
}

static int decoded(struct mail *mail, struct imap_fetch_message *m,
	const struct imap_fetch_item *item, struct imap_content *c, struct err *err)
{
	int r = need_structure(mail, m, err);
	if (r != 0)
		return r;
	const struct message_part *part =
		message_part_by_number(m->root, item->numbers, item->number_count);
	if (!part) {
		c->nil = true;
		return 0;
	}
	if (item->number_count == 0) {
		set_range(c, 0, m->facts->size);
		return 0;
	}
	if (!encoding_is_known(part->encoding)) {
		c->unknown_encoding = true;
		return 0;
	}
	c->own = true;
	c->bytes = BUF(part->body_len + 16);
	message_decode_body(part, buf_slice(&m->whole), &c->bytes);
	c->binary = c->bytes.len > 0 && memchr(c->bytes.data, '\0', c->bytes.len) != NULL;
	set_range(c, 0, c->bytes.len);
	return 0;
}

static int structure(
	struct mail *mail, struct imap_fetch_message *m, struct imap_content *c, struct err *err)
{
	int r = need_structure(mail, m, err);
	if (r != 0)
		return r;
	c->own = true;
	c->bytes = BUF(16 * (size_t)m->facts->size + 4096);
	message_write_structure(m->root, buf_slice(&m->whole), false, &c->bytes);
	c->len = c->bytes.len;
	return 0;
}

int imap_fetch_content(struct mail *mail, struct imap_fetch_message *m,
	const struct imap_fetch_item *item, struct imap_content *ret_content, struct err *err)
{
	struct imap_content *c = ret_content;
	int r = 0;
	*c = (struct imap_content){0};
	switch (item->kind) {
	case IMAP_FETCH_STRUCTURE:
		return structure(mail, m, c, err);
	case IMAP_FETCH_BINARY:
	case IMAP_FETCH_BINARY_SIZE:
		r = decoded(mail, m, item, c, err);
		break;
	case IMAP_FETCH_SECTION:
		r = item->number_count ? of_part(mail, m, item, c, err)
				       : of_message(mail, m, item, 0, m->facts->header_len,
						 m->facts->size, c, err);
		break;
	default:
		must(!"an item that has bytes");
	}
	clip(c, item);
	return r;
}
