/* An address that was rewritten twice becomes SRS1, and stays that however often it goes on: only
 * the host behind "SRS1=HASH=" has to undo it. */
#include "envelope/srs.h"

#include "base/base64.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	DAY = 24 * 3600,
	DAYS = 1024, /* a stamp tells the day modulo so many */
	STAMP_LEN = 2,
	TAG_LEN = 4,   /* "SRS0" */
	HASH_MAX = 27, /* base64 of 20 bytes, without its "=" */
	PARTS_MAX = 3, /* that are hashed */
	TEXT_MAX = ENVELOPE_PATH_MAX * 2,
};

static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static bool is_separator(char c)
{
	return c == '=' || c == '+' || c == '-';
}

/* What follows "SRS0" or "SRS1", with the separator in front; ptr NULL: it is none. */
static struct slice behind(struct slice local, const char *tag)
{
	bool has = slice_starts_nocase(local, slice_str(tag)) && local.len > TAG_LEN + 1 &&
		   is_separator(local.ptr[TAG_LEN]);
	return has ? slice_from(local, TAG_LEN) : SLICE_NONE;
}

/* The whole hash as text. */
static bool make_hash(struct slice secret, const struct slice *parts, size_t count, struct buf *to)
{
	AUTO(buf_free) struct buf text = BUF(TEXT_MAX);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < parts[i].len; k++)
			buf_add_byte(&text, slice_lower(parts[i].ptr[k]));
	if (text.failed || !HMAC(EVP_sha1(), secret.ptr, (int)secret.len,
				   (const unsigned char *)text.data, text.len, mac, &len))
		return false;
	base64_encode(to, slice(mac, len));
	return !to->failed;
}

static bool is_signed(struct slice hash, const struct slice *secrets, size_t secret_count,
	const struct slice *parts, size_t count)
{
	bool found = false;
	if (hash.len < ENVELOPE_SRS_HASH || hash.len > HASH_MAX)
		return false;
	for (size_t i = 0; i < secret_count; i++) {
		AUTO(buf_free) struct buf right = BUF(64);
		unsigned differ = 0;
		if (!make_hash(secrets[i], parts, count, &right))
			continue;
		for (size_t k = 0; k < hash.len; k++) /* takes the same time wherever they differ */
			differ |= (unsigned)(slice_lower(hash.ptr[k]) ^ slice_lower(right.data[k]));
		found |= differ == 0;
	}
	return found;
}

static int digit(char c)
{
	char upper = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
	const char *at = upper ? strchr(BASE32, upper) : NULL;
	return at ? (int)(at - BASE32) : -1;
}

static bool read_stamp(struct slice stamp, int64_t *ret_day)
{
	if (stamp.len != STAMP_LEN)
		return false;
	int high = digit(stamp.ptr[0]), low = digit(stamp.ptr[1]);
	*ret_day = high * 32 + low;
	return high >= 0 && low >= 0;
}

/* A clock of another front end may be a day ahead. */
static bool is_old(int64_t day, int64_t now)
{
	int64_t age = (now / DAY + DAYS - day) % DAYS;
	return age > ENVELOPE_SRS_DAYS && age != DAYS - 1;
}

/* Appends what stands in front of the "@", and the rest; false: too long, nothing is appended. */
static bool add_address(struct buf *to, struct slice local, struct slice domain)
{
	size_t before = to->len;
	if (local.len > ENVELOPE_LOCAL_MAX || local.len + 1 + domain.len > ENVELOPE_PATH_MAX)
		return false;
	buf_add_slice(to, local);
	buf_add_byte(to, '@');
	buf_add_slice(to, domain);
	if (to->failed)
		to->len = before;
	return !to->failed;
}

static bool add_hash(struct slice secret, const struct slice *parts, size_t count, struct buf *to)
{
	AUTO(buf_free) struct buf hash = BUF(64);
	if (!make_hash(secret, parts, count, &hash))
		return false;
	buf_add_slice(to, slice_sub(buf_slice(&hash), 0, ENVELOPE_SRS_HASH));
	return true;
}

/* Of "=HASH=HOST=REST": HOST and REST, which begins with a separator. */
static bool cut_host(
	struct slice text, struct slice *ret_hash, struct slice *ret_host, struct slice *ret_rest)
{
	struct slice rest = slice_from(text, 1);
	*ret_hash = slice_cut(&rest, '=');
	*ret_host = slice_cut(&rest, '=');
	*ret_rest = rest;
	return ret_hash->len > 0 && ret_host->len > 0 && rest.len > 1 && is_separator(rest.ptr[0]);
}

static bool write_again(struct slice host, struct slice rest, struct slice domain,
	struct slice secret, struct buf *to)
{
	AUTO(buf_free) struct buf local = BUF(TEXT_MAX);
	const struct slice parts[] = {host, rest};
	buf_add_str(&local, "SRS1=");
	if (!add_hash(secret, parts, ARRAY_LEN(parts), &local))
		return false;
	buf_add_byte(&local, '=');
	buf_add_slice(&local, host);
	buf_add_byte(&local, '=');
	buf_add_slice(&local, rest);
	return !local.failed && add_address(to, buf_slice(&local), domain);
}

static bool write_first(const struct envelope_path *sender, struct slice domain,
	struct slice secret, int64_t now, struct buf *to)
{
	AUTO(buf_free) struct buf local = BUF(TEXT_MAX);
	size_t day = (size_t)(now / DAY % DAYS);
	const char stamp[] = {BASE32[day / 32], BASE32[day % 32]};
	const struct slice parts[PARTS_MAX] = {
		slice(stamp, STAMP_LEN), sender->domain, sender->local};
	buf_add_str(&local, "SRS0=");
	if (!add_hash(secret, parts, PARTS_MAX, &local))
		return false;
	for (size_t i = 0; i < PARTS_MAX; i++) {
		buf_add_byte(&local, '=');
		buf_add_slice(&local, parts[i]);
	}
	return !local.failed && add_address(to, buf_slice(&local), domain);
}

bool envelope_srs_write(const struct envelope_path *sender, struct slice domain,
	struct slice secret, int64_t now, struct buf *to)
{
	struct slice hash, host, rest;
	if (sender->local.len == 0 || sender->domain.len == 0 || sender->local.ptr[0] == '"' ||
		sender->domain.ptr[0] == '[' || now < 0)
		return false;
	struct slice once = behind(sender->local, "SRS0"), twice = behind(sender->local, "SRS1");
	if (once.ptr)
		return write_again(sender->domain, once, domain, secret, to);
	if (twice.ptr && cut_host(twice, &hash, &host, &rest) && envelope_is_domain(host))
		return write_again(host, rest, domain, secret, to);
	return write_first(sender, domain, secret, now, to);
}

/* What we have signed was an address; whatever else is signed was not by us. */
static enum envelope_srs take(struct slice local, struct slice domain, struct buf *to)
{
	AUTO(buf_free) struct buf address = BUF(ENVELOPE_PATH_MAX);
	struct envelope_path path;
	if (!add_address(&address, local, domain) ||
		!envelope_parse_address(buf_slice(&address), &path))
		return ENVELOPE_SRS_FORGED;
	buf_add_slice(to, buf_slice(&address));
	return ENVELOPE_SRS_GOOD;
}

static enum envelope_srs read_again(
	struct slice text, const struct slice *secrets, size_t count, struct buf *to)
{
	AUTO(buf_free) struct buf local = BUF(TEXT_MAX);
	struct slice hash, parts[2];
	if (!cut_host(text, &hash, &parts[0], &parts[1]))
		return ENVELOPE_SRS_NONE;
	if (!is_signed(hash, secrets, count, parts, ARRAY_LEN(parts)))
		return ENVELOPE_SRS_FORGED;
	buf_add_str(&local, "SRS0");
	buf_add_slice(&local, parts[1]);
	return take(buf_slice(&local), parts[0], to);
}

static enum envelope_srs read_first(
	struct slice text, const struct slice *secrets, size_t count, int64_t now, struct buf *to)
{
	struct slice rest = slice_from(text, 1), hash = slice_cut(&rest, '='), parts[PARTS_MAX];
	int64_t day;
	parts[0] = slice_cut(&rest, '=');
	parts[1] = slice_cut(&rest, '=');
	parts[2] = rest;
	if (hash.len == 0 || parts[1].len == 0 || rest.len == 0 || !read_stamp(parts[0], &day))
		return ENVELOPE_SRS_NONE;
	if (!is_signed(hash, secrets, count, parts, PARTS_MAX))
		return ENVELOPE_SRS_FORGED;
	return is_old(day, now) ? ENVELOPE_SRS_EXPIRED : take(parts[2], parts[1], to);
}

enum envelope_srs envelope_srs_read(
	struct slice local, const struct slice *secrets, size_t count, int64_t now, struct buf *to)
{
	struct slice once = behind(local, "SRS0"), twice = behind(local, "SRS1");
	if (local.len > ENVELOPE_LOCAL_MAX)
		return ENVELOPE_SRS_NONE;
	if (once.ptr)
		return read_first(once, secrets, count, now, to);
	return twice.ptr ? read_again(twice, secrets, count, to) : ENVELOPE_SRS_NONE;
}
