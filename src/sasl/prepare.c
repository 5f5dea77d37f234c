/* By ICU's stringprep. Printable ASCII, which is nearly everything, stays as it is and never gets
 * there. */
#include "sasl/prepare.h"

#include <openssl/crypto.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

static bool is_printable_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return false;
	return true;
}

static bool prepare_utf16(const UChar *from, int32_t len, UChar *to, int32_t *ret_len)
{
	UErrorCode status = U_ZERO_ERROR;
	UStringPrepProfile *profile = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
	if (U_FAILURE(status))
		return false;
	*ret_len = usprep_prepare(
		profile, from, len, to, SASL_TEXT_MAX, USPREP_ALLOW_UNASSIGNED, NULL, &status);
	usprep_close(profile);
	return U_SUCCESS(status) && *ret_len <= SASL_TEXT_MAX;
}

bool sasl_prepare(struct slice text, struct buf *to)
{
	if (text.len > SASL_TEXT_MAX)
		return false;
	if (is_printable_ascii(text)) {
		buf_add_slice(to, text);
		return !to->failed;
	}
	UChar wide[SASL_TEXT_MAX], prepared[SASL_TEXT_MAX];
	int32_t wide_len = 0, prepared_len = 0, len = 0;
	UErrorCode status = U_ZERO_ERROR;
	(void)u_strFromUTF8(wide, SASL_TEXT_MAX, &wide_len, text.ptr, (int32_t)text.len, &status);
	bool ok = U_SUCCESS(status) && prepare_utf16(wide, wide_len, prepared, &prepared_len);
	/* A UTF-16 unit is 3 bytes of UTF-8 at most. */
	char *room = ok ? buf_reserve(to, 3 * (size_t)prepared_len + 1) : NULL;
	if (room) {
		(void)u_strToUTF8(
			room, 3 * prepared_len + 1, &len, prepared, prepared_len, &status);
		ok = U_SUCCESS(status);
		to->len += ok ? (size_t)len : 0;
	}
	OPENSSL_cleanse(wide, sizeof(wide));
	OPENSSL_cleanse(prepared, sizeof(prepared));
	return ok && room;
}
