/* Tags in the order in which people read them, the signature last. */
#include "filter/dkim_draft.h"

#include "base/base64.h"

#include "filter/tags.h"

enum { WORD_MAX = 1024 };

static const char *const FIELDS[] = {
	[FILTER_DKIM_SIGNATURE] = "DKIM-Signature",
	[FILTER_DKIM_ARC_MESSAGE] = "ARC-Message-Signature",
	[FILTER_DKIM_ARC_SEAL] = "ARC-Seal",
};
static const char *const CHAINS[] = {
	[FILTER_DKIM_CHAIN_NONE] = "none",
	[FILTER_DKIM_CHAIN_PASS] = "pass",
	[FILTER_DKIM_CHAIN_FAIL] = "fail",
};

/* "name=value;" as one word. */
static void add_tag(struct filter_fold *fold, const char *name, struct slice value)
{
	AUTO(buf_free) struct buf word = BUF(WORD_MAX);
	buf_printf(&word, "%s=%.*s;", name, SLICE_ARG(value));
	if (word.failed)
		fold->to->failed = true;
	filter_fold_word(fold, buf_slice(&word));
}

static void add_text(struct filter_fold *fold, const char *name, const char *value)
{
	add_tag(fold, name, slice_str(value));
}

static void add_number(struct filter_fold *fold, const char *name, int64_t value)
{
	char digits[24];
	(void)snprintf(digits, sizeof(digits), "%lld", (long long)value);
	add_text(fold, name, digits);
}

/* Lines may break behind each colon. */
static void add_names(struct filter_fold *fold, struct slice names)
{
	bool first = true;
	while (names.len > 0) {
		struct slice rest = names, name = slice_cut(&rest, ':');
		AUTO(buf_free) struct buf word = BUF(WORD_MAX);
		buf_printf(&word, "%s%.*s%s", first ? "h=" : "", SLICE_ARG(name),
			rest.len > 0 ? ":" : ";");
		if (first)
			filter_fold_word(fold, buf_slice(&word));
		else
			filter_fold_more(fold, buf_slice(&word));
		first = false;
		names = rest;
	}
}

static void add_hash(struct filter_fold *fold, const unsigned char *hash)
{
	AUTO(buf_free) struct buf text = BUF(WORD_MAX);
	base64_encode(&text, slice(hash, FILTER_DIGEST_LEN));
	add_tag(fold, "bh", buf_slice(&text));
}

static void add_tags(const struct filter_dkim_draft *d, struct filter_fold *fold)
{
	enum filter_dkim_algorithm algorithm = filter_dkim_secret_algorithm(d->signer->secret);
	if (d->kind == FILTER_DKIM_SIGNATURE)
		add_text(fold, "v", "1");
	else
		add_number(fold, "i", d->instance);
	add_text(fold, "a", filter_dkim_algorithm_word(algorithm));
	if (d->kind == FILTER_DKIM_ARC_SEAL)
		add_text(fold, "cv", CHAINS[d->chain]);
	else
		add_text(fold, "c", "relaxed/relaxed");
	add_tag(fold, "d", d->signer->domain);
	add_tag(fold, "s", d->signer->selector);
	add_number(fold, "t", d->time);
	if (d->expiry > 0)
		add_number(fold, "x", d->expiry);
	if (d->kind == FILTER_DKIM_ARC_SEAL)
		return;
	add_names(fold, d->names);
	add_hash(fold, d->body_hash);
}

void filter_dkim_draft_write(const struct filter_dkim_draft *d, struct buf *to,
	struct filter_fold *ret_fold, struct filter_dkim_signature *ret_signature)
{
	size_t start = to->len;
	*ret_fold = filter_fold_begin(to, FIELDS[d->kind]);
	add_tags(d, ret_fold);
	filter_fold_word(ret_fold, SLICE("b="));
	*ret_signature = (struct filter_dkim_signature){
		.header_form = FILTER_CANON_RELAXED,
		.body_form = FILTER_CANON_RELAXED,
		.names = d->names,
	};
	struct slice rest = slice_from(buf_slice(to), start);
	if (!message_next_field(&rest, &ret_signature->field))
		ret_signature->field = (struct message_field){0}; /* no room: to->failed says so */
	ret_signature->hole = slice_from(ret_signature->field.value, SIZE_MAX);
}

int filter_dkim_draft_sign(const struct filter_dkim_draft *d,
	const unsigned char hash[FILTER_DIGEST_LEN], struct filter_fold *fold, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(2 * FILTER_DKIM_SIGNED_MAX);
	unsigned char signature[FILTER_DKIM_SIGNED_MAX];
	size_t len;
	int result = filter_dkim_secret_sign(d->signer->secret, hash, signature, &len, err);
	if (result < 0)
		return result;
	base64_encode(&text, slice(signature, len));
	filter_fold_split(fold, buf_slice(&text));
	filter_fold_end(fold);
	return fold->to->failed ? err_temporary(err, ERR_LIMIT, "no room for a signature") : 0;
}
