/* Canonical bytes go straight into the digest. */
#include "filter/dkim_hash.h"

#include "base/must.h"
#include "filter/tags.h"

struct filter_dkim_hashes *filter_dkim_hashes_new(
	const struct filter_message *message, struct arena *arena)
{
	struct filter_dkim_hashes *h = ARENA_NEW(arena, struct filter_dkim_hashes);
	h->message = message;
	h->fields = filter_dkim_fields_new(arena);
	return h;
}

void filter_dkim_hashes_want(struct filter_dkim_hashes *h, struct slice names)
{
	struct filter_tags_parts parts = filter_tags_parts(names, ':');
	struct slice name;
	filter_dkim_fields_begin(h->fields);
	while (filter_tags_next_part(&parts, &name))
		filter_dkim_fields_want(h->fields, name, 1);
}

void filter_dkim_hashes_scan(struct filter_dkim_hashes *h)
{
	filter_dkim_fields_scan(h->fields, h->message->added);
	filter_dkim_fields_scan(h->fields, h->message->header);
}

const struct filter_dkim_body *filter_dkim_hashes_body(
	struct filter_dkim_hashes *h, enum filter_canon form, uint64_t limit)
{
	for (size_t i = 0; i < h->body_count; i++)
		if (h->bodies[i].form == form && h->bodies[i].limit == limit)
			return &h->bodies[i];
	must(h->body_count < ARRAY_LEN(h->bodies));
	struct filter_dkim_body *b = &h->bodies[h->body_count++];
	struct filter_digest digest = filter_digest_new();
	struct filter_canon_body body = FILTER_CANON_BODY(form, limit, filter_digest_sink(&digest));
	filter_canon_body_add(&body, h->message->body);
	filter_canon_body_end(&body);
	*b = (struct filter_dkim_body){.form = form, .limit = limit, .len = body.len};
	filter_digest_end(&digest, b->hash);
	return b;
}

void filter_dkim_hashes_header(struct filter_dkim_hashes *h,
	const struct filter_dkim_signature *signature, unsigned char ret_hash[FILTER_DIGEST_LEN])
{
	struct filter_tags_parts parts = filter_tags_parts(signature->names, ':');
	struct filter_digest digest = filter_digest_new();
	struct filter_canon_sink sink = filter_digest_sink(&digest);
	struct slice name;
	filter_dkim_fields_begin(h->fields);
	while (filter_tags_next_part(&parts, &name)) {
		const struct message_field *field = filter_dkim_fields_take(h->fields, name);
		if (field)
			filter_canon_field(signature->header_form, field, &sink);
	}
	filter_canon_signature(signature->header_form, &signature->field, signature->hole, &sink);
	filter_digest_end(&digest, ret_hash);
}
