/* Canonical addresses. Names of plain ASCII, which nearly all are, need no ICU: one pass, no
 * allocation. The rest goes through ICU, whose objects are cheap to open and kept by nobody. */
#include "directory/address.h"

#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

enum {
	LABEL_MAX = 63,  /* RFC 1035 section 2.3.4 */
	INPUT_MAX = 255, /* of a part as it came; the canonical form is mostly shorter */
	UNITS_MAX = 4 * INPUT_MAX,
};

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 5322 section 3.2.3 with RFC 6531: everything beyond ASCII is atext. */
static bool is_atext(char c)
{
	c = slice_lower(c);
	return is_letter_or_digit(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

bool directory_text_is_plain(struct slice text)
{
	if (text.len > INT32_MAX)
		return false;
	for (int32_t i = 0, len = (int32_t)text.len; i < len;) {
		UChar32 c;
		U8_NEXT(text.ptr, i, len, c);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

static bool is_dot_string(struct slice s)
{
	bool after_dot = true;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '.' ? after_dot : !is_atext(s.ptr[i]))
			return false;
		after_dot = s.ptr[i] == '.';
	}
	return !after_dot;
}

/* Canonical caseless form (Unicode 3.13, D145), composed again. Returns its length, 0 on failure.
 */
static size_t fold(struct slice s, char *to, size_t size)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar one[UNITS_MAX], two[UNITS_MAX];
	int32_t len = 0, bytes = 0;
	const UNormalizer2 *nfd = unorm2_getNFDInstance(&status);
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
	u_strFromUTF8(one, UNITS_MAX, &len, s.ptr, (int32_t)s.len, &status);
	len = unorm2_normalize(nfd, one, len, two, UNITS_MAX, &status);
	len = u_strFoldCase(one, UNITS_MAX, two, len, U_FOLD_CASE_DEFAULT, &status);
	len = unorm2_normalize(nfc, one, len, two, UNITS_MAX, &status);
	u_strToUTF8(to, (int32_t)size, &bytes, two, len, &status);
	return U_SUCCESS(status) && bytes > 0 && (size_t)bytes <= size ? (size_t)bytes : 0;
}

/* Takes quotes and backslashes off. Returns the length, or -1 when the quoting is broken. */
static ssize_t unquote(struct slice s, char *to)
{
	size_t n = 0, end = s.len - 1;
	for (size_t i = 1; i < end; i++) {
		if (s.ptr[i] == '"')
			return -1;
		if (s.ptr[i] == '\\' && ++i == end)
			return -1;
		to[n++] = s.ptr[i];
	}
	return (ssize_t)n;
}

/* Writes the local part to `a`: bare if it can be, else quoted. */
static bool put_local(struct directory_address *a, struct slice content)
{
	char quoted[2 * DIRECTORY_LOCAL_MAX + 2];
	size_t n = 0;
	if (content.len == 0 || content.len > DIRECTORY_LOCAL_MAX)
		return false;
	if (is_dot_string(content)) {
		memcpy(quoted, content.ptr, n = content.len);
	} else {
		quoted[n++] = '"';
		for (size_t i = 0; i < content.len; i++) {
			if (content.ptr[i] == '"' || content.ptr[i] == '\\')
				quoted[n++] = '\\';
			quoted[n++] = content.ptr[i];
		}
		quoted[n++] = '"';
	}
	if (n > DIRECTORY_LOCAL_MAX)
		return false;
	memcpy(a->text, quoted, n);
	a->local_len = a->len = n;
	return true;
}

static bool parse_local(struct slice s, struct directory_address *a)
{
	char content[INPUT_MAX], folded[INPUT_MAX];
	size_t len = s.len;
	if (s.len == 0 || s.len > INPUT_MAX || !directory_text_is_plain(s))
		return false;
	if (s.ptr[0] == '"') {
		ssize_t n = s.len >= 3 && s.ptr[s.len - 1] == '"' ? unquote(s, content) : -1;
		if (n <= 0)
			return false;
		len = (size_t)n;
	} else if (is_dot_string(s)) {
		memcpy(content, s.ptr, len);
	} else {
		return false;
	}
	if (!is_ascii(slice(content, len))) {
		len = fold(slice(content, len), folded, sizeof(folded));
		return len > 0 && put_local(a, slice(folded, len));
	}
	for (size_t i = 0; i < len; i++)
		content[i] = slice_lower(content[i]);
	return put_local(a, slice(content, len));
}

/* Lower-case letters, digits and inner hyphens, labels of 1 … 63, none with an ACE prefix ("xn--"
 * and its like: those ICU has to look at). False when it is not that plain. */
static bool plain_domain(struct slice s, char *to)
{
	size_t label = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = slice_lower(s.ptr[i]);
		bool last = i + 1 == s.len || s.ptr[i + 1] == '.';
		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (++label > LABEL_MAX ||
			   !(is_letter_or_digit(c) || (c == '-' && label > 1 && !last)) ||
			   (c == '-' && label == 4)) {
			return false;
		}
		to[i] = c;
	}
	return label > 0;
}

bool directory_domain_parse(struct slice text, struct directory_domain_name *ret_name)
{
	if (slice_ends(text, SLICE(".")))
		text.len--;
	if (text.len == 0 || text.len > INPUT_MAX)
		return false;
	if (plain_domain(text, ret_name->text)) {
		ret_name->len = text.len;
		ret_name->text[text.len] = '\0';
		return true;
	}
	UErrorCode status = U_ZERO_ERROR;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UIDNA *idna = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI |
					      UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII,
		&status);
	int32_t len = uidna_nameToASCII_UTF8(idna, text.ptr, (int32_t)text.len, ret_name->text,
		DIRECTORY_DOMAIN_MAX, &info, &status);
	uidna_close(idna);
	if (U_FAILURE(status) || info.errors != 0 || len <= 0 || len > DIRECTORY_DOMAIN_MAX ||
		ret_name->text[len - 1] == '.')
		return false;
	ret_name->len = (size_t)len;
	ret_name->text[len] = '\0';
	return true;
}

struct slice directory_domain_of(struct slice name)
{
	const char *at = name.len ? memrchr(name.ptr, '@', name.len) : NULL;
	return at ? slice_from(name, (size_t)(at - name.ptr) + 1) : SLICE("");
}

bool directory_address_parse(struct slice text, struct directory_address *ret_address)
{
	struct directory_domain_name domain;
	const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;
	if (!at)
		return false;
	size_t local = (size_t)(at - text.ptr);
	if (!parse_local(slice_sub(text, 0, local), ret_address) ||
		!directory_domain_parse(slice_from(text, local + 1), &domain))
		return false;
	ret_address->text[ret_address->len++] = '@';
	memcpy(ret_address->text + ret_address->len, domain.text, domain.len);
	ret_address->len += domain.len;
	ret_address->text[ret_address->len] = '\0';
	return true;
}

bool directory_address_cut_detail(const struct directory_address *address, char separator,
	struct directory_address *ret_base, struct slice *ret_detail)
{
	struct slice local = directory_address_local(address);
	ssize_t at = slice_find(local, separator);
	if (at <= 0 || local.ptr[0] == '"')
		return false;
	/* "ann.+x": what is left must be a name still */
	if (!is_dot_string(slice_sub(local, 0, (size_t)at)))
		return false;
	*ret_detail = slice_from(local, (size_t)at + 1);
	ret_base->local_len = (size_t)at;
	ret_base->len = (size_t)at + address->len - address->local_len;
	memcpy(ret_base->text, address->text, (size_t)at);
	memcpy(ret_base->text + at, address->text + address->local_len,
		address->len - address->local_len + 1);
	return true;
}
