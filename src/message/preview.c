/* Previews: the front of the first text part, squeezed into one line. */
#include "message/preview.h"

#include "message/text_internal.h"

/* HTML from a newsletter begins with tens of kilobytes of style. */
enum { LOOK_AT = 64 * 1024 };

static const struct message_part *first_text(const struct message_part *root)
{
	const struct message_part *part = root;
	for (; part; part = text_next_part(part))
		if (text_is_text(part) && part->body_len > 0 &&
			!slice_eq_nocase(part->disposition, SLICE("attachment")))
			return part;
	return NULL;
}

void message_preview(const struct message_part *root, struct slice whole, struct buf *to)
{
	const struct message_part *part = first_text(root);
	AUTO(buf_free) struct buf text = BUF(8u * LOOK_AT);
	if (part)
		text_of_part(part, whole, LOOK_AT, &text);
	bool space = false;
	unsigned characters = 0;
	for (size_t i = 0; i < text.len && characters < MESSAGE_PREVIEW_CHARACTERS;) {
		unsigned char c = (unsigned char)text.data[i];
		if (c <= ' ' || c == 127) {
			space = characters > 0;
			i++;
			continue;
		}
		if (space && ++characters == MESSAGE_PREVIEW_CHARACTERS)
			break;
		if (space)
			buf_add_byte(to, ' ');
		space = false;
		size_t len = 1;
		while (i + len < text.len && ((unsigned char)text.data[i + len] & 0xC0) == 0x80)
			len++;
		buf_add(to, text.data + i, len);
		characters++;
		i += len;
	}
}
