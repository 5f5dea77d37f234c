/* RDATA as text. Names come uncompressed (dns/dns.h), so each stands alone. */
#include "filter/rdata.h"

#include "filter/name.h"

bool filter_rdata_txt(struct slice rdata, struct arena *arena, struct slice *ret_text)
{
	size_t len = 0;
	for (size_t at = 0; at < rdata.len; at += (unsigned char)rdata.ptr[at] + (size_t)1) {
		size_t piece = (unsigned char)rdata.ptr[at];
		if (piece > rdata.len - at - 1)
			return false;
		len += piece;
	}
	char *text = arena_alloc(arena, len + 1), *to = text;
	for (size_t at = 0; at < rdata.len; at += (unsigned char)rdata.ptr[at] + (size_t)1) {
		size_t piece = (unsigned char)rdata.ptr[at];
		memcpy(to, rdata.ptr + at + 1, piece);
		to += piece;
	}
	*ret_text = slice(text, len);
	return true;
}

bool filter_rdata_name(struct slice rdata, struct arena *arena, struct slice *ret_name)
{
	char text[FILTER_NAME_MAX + 2];
	size_t len = 0;
	for (;;) {
		size_t label = rdata.len ? (unsigned char)rdata.ptr[0] : rdata.len;
		if (rdata.len == 0 || label > FILTER_LABEL_MAX || label > rdata.len - 1 ||
			len + label + 1 > sizeof(text))
			return false;
		if (label == 0)
			break;
		struct slice bytes = slice_sub(rdata, 1, label);
		if (slice_find(bytes, '.') >= 0)
			return false;
		memcpy(text + len, bytes.ptr, label);
		text[len + label] = '.';
		len += label + 1;
		rdata = slice_from(rdata, label + 1);
	}
	*ret_name = arena_copy(arena, slice(text, len > 0 ? len - 1 : 0));
	return len == 0 || filter_name_is_valid(*ret_name);
}

bool filter_rdata_mx(struct slice rdata, struct arena *arena, struct slice *ret_name)
{
	enum { PREFERENCE = 2 };
	return rdata.len > PREFERENCE &&
	       filter_rdata_name(slice_from(rdata, PREFERENCE), arena, ret_name);
}
