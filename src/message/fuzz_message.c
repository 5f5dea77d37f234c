/* Whole messages: the tree, its forms and its texts; every range must lie inside its parent's. */
#include "base/must.h"
#include "message/charset.h"
#include "message/imap_form.h"
#include "message/preview.h"
#include "message/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct message_part *part, size_t from, size_t to)
{
	must(part->header_start >= from && part->body_start <= to);
	must(part->header_start + part->header_len == part->body_start);
	must(part->body_len <= to - part->body_start);
	uint32_t count = 0;
	for (const struct message_part *child = part->first_child; child; child = child->next) {
		count++;
		check_part(child, part->body_start, part->body_start + part->body_len);
	}
	must(count == part->child_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf out = BUF(64u << 20), text = BUF(64u << 20);
	struct slice whole = slice(data, size), fields[MESSAGE_ENVELOPE_FIELDS];
	const struct message_part *root = message_parse(whole, &arena);
	check_part(root, 0, size);
	message_write_structure(root, whole, true, &out);
	message_write_structure(root, whole, false, &out);
	buf_clear(&out);
	(void)message_write_envelope(slice(data, root->header_len), &out);
	must(message_envelope_fields(buf_slice(&out), fields));
	message_whole_text(root, whole, &text);
	must(utf8_is_valid(buf_slice(&text)));
	message_preview(root, whole, &text);
	must(utf8_is_valid(buf_slice(&text)));
	return 0;
}
