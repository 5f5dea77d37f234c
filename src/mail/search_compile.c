/* Making a program ready: what each condition needs, texts folded, cheap children first. */
#include "mail/search_internal.h"

#include "message/charset.h"
#include "message/imap_form.h"

static enum search_stage stage_of(const struct mail_search *source, int envelope_field)
{
	switch (source->op) {
	case MAIL_SEARCH_BEFORE:
	case MAIL_SEARCH_ON:
	case MAIL_SEARCH_SINCE:
	case MAIL_SEARCH_SAVED_BEFORE:
	case MAIL_SEARCH_SAVED_ON:
	case MAIL_SEARCH_SAVED_SINCE:
	case MAIL_SEARCH_YOUNGER:
	case MAIL_SEARCH_OLDER:
	case MAIL_SEARCH_EMAIL_ID:
		return STAGE_OBJECT;
	case MAIL_SEARCH_SENT_BEFORE:
	case MAIL_SEARCH_SENT_ON:
	case MAIL_SEARCH_SENT_SINCE:
		return STAGE_FACET;
	case MAIL_SEARCH_HEADER:
		return envelope_field >= 0 ? STAGE_FACET : STAGE_HEADER;
	case MAIL_SEARCH_BODY:
	case MAIL_SEARCH_TEXT:
		return STAGE_BODY;
	default:
		return STAGE_ROW;
	}
}

/* Fields whose text the envelope gives as the header has it. Addresses are not among them: an
 * envelope has no comments and not their order of words. */
static int envelope_field_of(const struct mail_search *source)
{
	static const struct {
		struct slice name;
		int field;
	} fields[] = {
		{{"subject", 7}, MESSAGE_ENVELOPE_SUBJECT},
		{{"message-id", 10}, MESSAGE_ENVELOPE_MESSAGE_ID},
		{{"in-reply-to", 11}, MESSAGE_ENVELOPE_IN_REPLY_TO},
		{{"date", 4}, MESSAGE_ENVELOPE_DATE},
	};
	if (source->op >= MAIL_SEARCH_SENT_BEFORE && source->op <= MAIL_SEARCH_SENT_SINCE)
		return MESSAGE_ENVELOPE_DATE;
	if (source->op != MAIL_SEARCH_HEADER || source->text.len == 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (slice_eq_nocase(source->name, fields[i].name))
			return fields[i].field;
	return -1;
}

static struct slice fold(struct slice text, struct arena *arena)
{
	AUTO(buf_free) struct buf valid = BUF(text.len * 4 + 16);
	charset_guess_to_utf8(text, &valid);
	AUTO(buf_free) struct buf folded = BUF(valid.len * 18 + 16);
	charset_fold(buf_slice(&valid), &folded);
	return arena_copy(arena, buf_slice(&folded));
}

static bool has_children(const struct mail_search *source)
{
	return source->op == MAIL_SEARCH_AND || source->op == MAIL_SEARCH_OR ||
	       source->op == MAIL_SEARCH_NOT;
}

struct compile {
	struct arena *arena;
	struct err *err;
	unsigned nodes;
};

static int compile(struct compile *c, const struct mail_search *source, unsigned depth,
	struct search_node **ret_node);

/* Children are put into one list a stage, which are then joined. */
static int compile_children(struct compile *c, struct search_node *node, unsigned depth)
{
	struct search_node *first[STAGES] = {0}, **end[STAGES];
	for (unsigned i = 0; i < STAGES; i++)
		end[i] = &first[i];
	node->stage = node->source->children ? STAGE_BODY : STAGE_ROW;
	for (const struct mail_search *s = node->source->children; s; s = s->next) {
		struct search_node *child = NULL;
		int r = compile(c, s, depth + 1, &child);
		if (r < 0)
			return r;
		node->stage = MIN(node->stage, child->stage);
		node->last_stage = MAX(node->last_stage, child->last_stage);
		*end[child->last_stage] = child;
		end[child->last_stage] = &child->next;
	}
	for (unsigned i = STAGES; i-- > 0;) {
		*end[i] = node->children;
		node->children = first[i];
	}
	return 0;
}

static int compile(struct compile *c, const struct mail_search *source, unsigned depth,
	struct search_node **ret_node)
{
	if (depth > MAIL_SEARCH_DEPTH_MAX || ++c->nodes > MAIL_SEARCH_NODES_MAX)
		return err_permanent(c->err, ERR_LIMIT, "the search program is too large");
	struct search_node *node = ARENA_NEW(c->arena, struct search_node);
	*ret_node = node;
	node->source = source;
	node->envelope_field = envelope_field_of(source);
	if (has_children(source))
		return compile_children(c, node, depth);
	node->stage = stage_of(source, node->envelope_field);
	node->last_stage = node->stage == STAGE_FACET ? STAGE_HEADER : node->stage;
	if (source->op == MAIL_SEARCH_HEADER || node->stage == STAGE_BODY)
		node->needle = fold(source->text, c->arena);
	/* What is no id is no message's: ID_NONE. */
	if (source->op == MAIL_SEARCH_EMAIL_ID && !id_from_text(source->text, &node->blob))
		node->blob = ID_NONE;
	return 0;
}

int search_compile(const struct mail_search *program, struct arena *arena,
	struct search_node **ret_node, struct err *err)
{
	struct compile c = {.arena = arena, .err = err};
	return compile(&c, program, 1, ret_node);
}

bool search_uses(const struct search_node *node, enum search_stage stage)
{
	if (!has_children(node->source))
		return node->stage == stage;
	for (const struct search_node *child = node->children; child; child = child->next)
		if (search_uses(child, stage))
			return true;
	return false;
}
