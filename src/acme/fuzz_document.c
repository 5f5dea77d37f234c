/* What an authority answers, each document and field in turn. */
#include "acme/document.h"
#include "acme/leaf.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	for (; *text; text++)
		must((unsigned char)*text >= ' ');
}

static void check_problem(const struct acme_problem *p)
{
	check_text(p->type);
	check_text(p->detail);
}

static void check_order(struct slice text, struct arena *arena)
{
	struct acme_order_document order;
	struct err err;
	if (acme_order_read(text, arena, &order, &err) < 0) {
		must(err.class == ERR_TEMPORARY);
		return;
	}
	must(order.count > 0 && order.count <= ACME_NAMES_MAX);
	for (size_t i = 0; i < order.count; i++)
		must(acme_is_url(slice_str(order.authorizations[i])));
	must(order.status != ACME_VALID || order.certificate[0]);
	check_problem(&order.error);
}

static void check_authorization(struct slice text, struct arena *arena)
{
	struct acme_authorization a;
	struct err err;
	if (acme_authorization_read(text, "http-01", arena, &a, &err) < 0)
		return;
	must(strlen(a.name) > 0 && strlen(a.name) <= 253);
	must(!a.has_challenge || acme_is_url(slice_str(a.challenge.url)));
	check_problem(&a.challenge.error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text = slice(data, size);
	struct acme_directory directory;
	struct acme_problem problem;
	struct acme_leaf leaf;
	struct err err;
	if (acme_directory_read(text, &arena, &directory, &err) == 0)
		must(acme_is_url(slice_str(directory.new_order)));
	check_order(text, &arena);
	check_authorization(text, &arena);
	(void)acme_problem_read(text, &arena, &problem);
	check_problem(&problem);
	int64_t wait = acme_retry_after(text, 1000000000);
	must(wait >= 0 && wait <= 24 * 3600 * (int64_t)1000);
	if (acme_leaf_read(text, &leaf, &err) == 0) {
		must(leaf.not_after > leaf.not_before);
		check_text(leaf.issuer);
	}
	return 0;
}
