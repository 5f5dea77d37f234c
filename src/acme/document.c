/* By jansson; then each member is looked at by hand. */
#include "acme/document.h"

#include "base/base64url.h"
#include "base/clock.h"

#include <jansson.h>

enum { DAY_MS = 24 * 3600 * 1000, TYPE_MAX = 100, CHALLENGES_MAX = 32 };

static const char *const STATUS_NAMES[] = {
	[ACME_STATUS_UNKNOWN] = "unknown",
	[ACME_PENDING] = "pending",
	[ACME_PROCESSING] = "processing",
	[ACME_READY] = "ready",
	[ACME_VALID] = "valid",
	[ACME_INVALID] = "invalid",
	[ACME_DEACTIVATED] = "deactivated",
	[ACME_EXPIRED] = "expired",
	[ACME_REVOKED] = "revoked",
};

const char *acme_status_name(enum acme_status status)
{
	return STATUS_NAMES[status];
}

static int wrong(struct err *err, const char *what, const char *member)
{
	return err_temporary(err, ERR_BAD_INPUT, "the authority's %s is none: \"%s\" is not right",
		what, member);
}

static json_t *load(struct slice text)
{
	json_t *json = text.len <= ACME_DOCUMENT_MAX
			       ? json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL)
			       : NULL;
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

bool acme_is_url(struct slice text)
{
	static const struct slice HTTPS = {.ptr = "https://", .len = 8};
	if (text.len <= HTTPS.len || text.len >= ACME_URL_MAX || !slice_starts(text, HTTPS))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '"' ||
			text.ptr[i] == '\\')
			return false;
	return true;
}

static struct slice string_of(const json_t *json)
{
	return slice(json_string_value(json), json_string_length(json));
}

static bool take_url(const json_t *json, struct arena *arena, const char **ret)
{
	struct slice text = string_of(json);
	*ret = "";
	if (!acme_is_url(text))
		return false;
	*ret = arena_copy(arena, text).ptr;
	return true;
}

static enum acme_status status_of(const json_t *object)
{
	struct slice text = string_of(json_object_get(object, "status"));
	for (size_t i = 1; i < ARRAY_LEN(STATUS_NAMES); i++)
		if (slice_eq(text, slice_str(STATUS_NAMES[i])))
			return (enum acme_status)i;
	return ACME_STATUS_UNKNOWN;
}

int acme_directory_read(
	struct slice text, struct arena *arena, struct acme_directory *ret, struct err *err)
{
	*ret = (struct acme_directory){"", "", "", false};
	json_t *json = load(text);
	const char *missing = NULL;
	if (!take_url(json_object_get(json, "newNonce"), arena, &ret->new_nonce))
		missing = "newNonce";
	else if (!take_url(json_object_get(json, "newAccount"), arena, &ret->new_account))
		missing = "newAccount";
	else if (!take_url(json_object_get(json, "newOrder"), arena, &ret->new_order))
		missing = "newOrder";
	ret->external_account_required = json_is_true(
		json_object_get(json_object_get(json, "meta"), "externalAccountRequired"));
	json_decref(json);
	return missing ? wrong(err, "directory", missing) : 0;
}

/* Text of others for one line: control characters become spaces, a character cut in half goes. */
static const char *line_of(struct arena *arena, struct slice text, size_t most)
{
	size_t len = MIN(text.len, most);
	while (len > 0 && len < text.len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
		len--;
	char *copy = (char *)arena_copy(arena, slice_sub(text, 0, len)).ptr;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
			copy[i] = ' ';
	return copy;
}

static void take_problem(const json_t *json, struct arena *arena, struct acme_problem *ret)
{
	static const struct slice PREFIX = {.ptr = "urn:ietf:params:acme:error:", .len = 27};
	const json_t *sub = json_array_get(json_object_get(json, "subproblems"), 0);
	struct slice type = string_of(json_object_get(json, "type"));
	struct slice detail = string_of(json_object_get(json, "detail"));
	struct slice more = string_of(json_object_get(sub, "detail"));
	if (slice_starts(type, PREFIX))
		type = slice_from(type, PREFIX.len);
	ret->type = line_of(arena, type, TYPE_MAX);
	ret->detail = line_of(arena, detail, ACME_DETAIL_MAX);
	if (more.len > 0)
		ret->detail = arena_printf(
			arena, "%s: %s", ret->detail, line_of(arena, more, ACME_DETAIL_MAX));
}

bool acme_problem_read(struct slice text, struct arena *arena, struct acme_problem *ret)
{
	*ret = (struct acme_problem){"", ""};
	json_t *json = load(text);
	bool is_problem = json_is_string(json_object_get(json, "type"));
	if (is_problem)
		take_problem(json, arena, ret);
	json_decref(json);
	return is_problem;
}

static const char *take_order(
	const json_t *json, struct arena *arena, struct acme_order_document *ret)
{
	const json_t *list = json_object_get(json, "authorizations");
	ret->status = status_of(json);
	if (ret->status == ACME_STATUS_UNKNOWN)
		return "status";
	if (!take_url(json_object_get(json, "finalize"), arena, &ret->finalize))
		return "finalize";
	ret->count = json_array_size(list);
	if (ret->count == 0 || ret->count > ACME_NAMES_MAX)
		return "authorizations";
	for (size_t i = 0; i < ret->count; i++)
		if (!take_url(json_array_get(list, i), arena, &ret->authorizations[i]))
			return "authorizations";
	take_problem(json_object_get(json, "error"), arena, &ret->error);
	if (!take_url(json_object_get(json, "certificate"), arena, &ret->certificate) &&
		ret->status == ACME_VALID)
		return "certificate";
	return NULL;
}

int acme_order_read(
	struct slice text, struct arena *arena, struct acme_order_document *ret, struct err *err)
{
	*ret = (struct acme_order_document){.finalize = "", .certificate = "", .error = {"", ""}};
	json_t *json = load(text);
	const char *missing = take_order(json, arena, ret);
	json_decref(json);
	return missing ? wrong(err, "order", missing) : 0;
}

static const char *take_challenge(
	const json_t *json, struct arena *arena, struct acme_challenge *ret)
{
	struct slice token = string_of(json_object_get(json, "token"));
	ret->status = status_of(json);
	if (!base64url_is(token, ACME_TOKEN_MAX))
		return "token";
	ret->token = arena_copy(arena, token).ptr;
	take_problem(json_object_get(json, "error"), arena, &ret->error);
	return take_url(json_object_get(json, "url"), arena, &ret->url) ? NULL : "url";
}

static const char *take_authorization(
	const json_t *json, const char *type, struct arena *arena, struct acme_authorization *ret)
{
	struct slice name =
		string_of(json_object_get(json_object_get(json, "identifier"), "value"));
	const json_t *list = json_object_get(json, "challenges");
	ret->status = status_of(json);
	if (ret->status == ACME_STATUS_UNKNOWN)
		return "status";
	if (name.len == 0 || name.len > 253 || memchr(name.ptr, '\0', name.len))
		return "identifier";
	ret->name = line_of(arena, name, name.len);
	if (json_array_size(list) > CHALLENGES_MAX)
		return "challenges";
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (!slice_eq(string_of(json_object_get(one, "type")), slice_str(type)))
			continue;
		ret->has_challenge = true;
		return take_challenge(one, arena, &ret->challenge);
	}
	return NULL;
}

int acme_authorization_read(struct slice text, const char *type, struct arena *arena,
	struct acme_authorization *ret, struct err *err)
{
	*ret = (struct acme_authorization){
		.name = "", .challenge = {.url = "", .token = "", .error = {"", ""}}};
	json_t *json = load(text);
	const char *missing = take_authorization(json, type, arena, ret);
	json_decref(json);
	return missing ? wrong(err, "authorization", missing) : 0;
}

static bool read_number(struct slice text, size_t from, size_t len, uint64_t most, int *ret)
{
	uint64_t number;
	if (!slice_to_u64(slice_sub(text, from, len), most, &number))
		return false;
	*ret = (int)number;
	return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7, the one form that is to be sent): each
 * part has its place. */
static bool read_date(struct slice text, int64_t *ret_seconds)
{
	static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct clock_date date = {0};
	int year;
	if (text.len != 29 || !slice_ends(text, SLICE(" GMT")) ||
		!read_number(text, 5, 2, 31, &date.day) || !read_number(text, 12, 4, 9999, &year) ||
		!read_number(text, 17, 2, 23, &date.hour) ||
		!read_number(text, 20, 2, 59, &date.minute) ||
		!read_number(text, 23, 2, 60, &date.second) || date.day < 1 || year < 1970)
		return false;
	for (size_t i = 0; i < 12 && date.month == 0; i++)
		if (slice_eq(slice_sub(text, 8, 3), slice(MONTHS + 3 * i, 3)))
			date.month = (int)i + 1;
	date.year = year;
	*ret_seconds = clock_from_date(&date);
	return date.month > 0;
}

int64_t acme_retry_after(struct slice field, int64_t now)
{
	uint64_t seconds;
	int64_t at;
	field = slice_trim(field);
	if (slice_to_u64(field, DAY_MS / 1000, &seconds))
		return (int64_t)seconds * 1000;
	if (field.len > 0 && field.ptr[0] >= '0' && field.ptr[0] <= '9')
		return slice_to_u64(field, UINT64_MAX, &seconds) ? DAY_MS : 0;
	if (!read_date(field, &at) || at <= now)
		return 0;
	return MIN((at - now), (int64_t)(DAY_MS / 1000)) * 1000;
}
