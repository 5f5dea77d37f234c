/* Attributes "x=value" between commas, in a fixed order. */
#include "sasl/scram_message.h"

/* Cuts the text before the next comma off, which must be there. */
static bool cut_to_comma(struct slice *rest, struct slice *ret)
{
	bool there = slice_find(*rest, ',') >= 0;
	*ret = slice_cut(rest, ',');
	return there;
}

/* Cuts "<name>=<value>" up to a comma or the end off; the value is not empty and has no NUL. */
static bool cut_attribute(struct slice *rest, char name, struct slice *ret_value)
{
	bool comma = slice_find(*rest, ',') >= 0;
	struct slice attribute = slice_cut(rest, ',');
	if (attribute.len < 3 || attribute.ptr[0] != name || attribute.ptr[1] != '=')
		return false;
	/* A comma promises one more attribute. */
	if (comma && rest->len == 0)
		return false;
	*ret_value = slice_from(attribute, 2);
	return slice_find(*ret_value, '\0') < 0;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What is left must be extensions: attributes of any name. */
static bool are_extensions(struct slice rest)
{
	struct slice value;
	while (rest.len > 0)
		if (!is_letter(rest.ptr[0]) || !cut_attribute(&rest, rest.ptr[0], &value))
			return false;
	return true;
}

/* Printable ASCII but comma. */
static bool is_nonce(struct slice nonce)
{
	for (size_t i = 0; i < nonce.len; i++)
		if (nonce.ptr[i] < 0x21 || nonce.ptr[i] > 0x7e)
			return false;
	return nonce.len > 0;
}

static bool is_binding_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_letter(name.ptr[i]) && !(name.ptr[i] >= '0' && name.ptr[i] <= '9') &&
			name.ptr[i] != '.' && name.ptr[i] != '-')
			return false;
	return name.len > 0;
}

static bool read_binding_flag(struct slice flag, struct scram_client_first *ret)
{
	if (flag.len == 0)
		return false;
	ret->binding_flag = flag.ptr[0];
	if (ret->binding_flag == 'p') {
		ret->binding_name = slice_from(flag, 2);
		return slice_starts(flag, SLICE("p=")) && is_binding_name(ret->binding_name);
	}
	return flag.len == 1 && (ret->binding_flag == 'n' || ret->binding_flag == 'y');
}

bool scram_read_client_first(struct slice text, struct scram_client_first *ret)
{
	*ret = (struct scram_client_first){0};
	struct slice rest = text, flag, authzid;
	if (!cut_to_comma(&rest, &flag) || !read_binding_flag(flag, ret) ||
		!cut_to_comma(&rest, &authzid))
		return false;
	if (authzid.len > 0) {
		if (!slice_starts(authzid, SLICE("a=")) || authzid.len == 2 ||
			slice_find(authzid, '\0') >= 0)
			return false;
		ret->authzid = slice_from(authzid, 2);
	}
	ret->gs2_header = slice_sub(text, 0, text.len - rest.len);
	ret->bare = rest;
	return cut_attribute(&rest, 'n', &ret->user) && cut_attribute(&rest, 'r', &ret->nonce) &&
	       is_nonce(ret->nonce) && are_extensions(rest);
}

bool scram_read_server_first(struct slice text, struct scram_server_first *ret)
{
	*ret = (struct scram_server_first){0};
	struct slice iterations;
	return cut_attribute(&text, 'r', &ret->nonce) && is_nonce(ret->nonce) &&
	       cut_attribute(&text, 's', &ret->salt) && cut_attribute(&text, 'i', &iterations) &&
	       slice_to_u64(iterations, UINT32_MAX, &ret->iterations) && ret->iterations > 0 &&
	       are_extensions(text);
}

bool scram_read_client_final(struct slice text, struct scram_client_final *ret)
{
	*ret = (struct scram_client_final){0};
	struct slice rest = text, extension;
	if (!cut_attribute(&rest, 'c', &ret->binding) || !cut_attribute(&rest, 'r', &ret->nonce))
		return false;
	while (rest.len > 0 && rest.ptr[0] != 'p')
		if (!is_letter(rest.ptr[0]) || rest.ptr[0] == 'm' ||
			!cut_attribute(&rest, rest.ptr[0], &extension))
			return false;
	if (rest.len == 0)
		return false;
	ret->without_proof = slice_sub(text, 0, text.len - rest.len - 1);
	return cut_attribute(&rest, 'p', &ret->proof) && rest.len == 0;
}

bool scram_read_server_final(struct slice text, struct scram_server_final *ret)
{
	*ret = (struct scram_server_final){0};
	if (slice_starts(text, SLICE("e=")))
		return cut_attribute(&text, 'e', &ret->error) && are_extensions(text);
	return cut_attribute(&text, 'v', &ret->verifier) && are_extensions(text);
}

bool scram_decode_name(struct slice name, struct buf *to)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c == '=') {
			struct slice code = slice_sub(name, i, 3);
			if (!slice_eq(code, SLICE("=2C")) && !slice_eq(code, SLICE("=3D")))
				return false;
			c = code.ptr[1] == '2' ? ',' : '=';
			i += 2;
		}
		buf_add_byte(to, c);
	}
	return !to->failed;
}

void scram_encode_name(struct slice name, struct buf *to)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c == ',')
			buf_add_str(to, "=2C");
		else if (c == '=')
			buf_add_str(to, "=3D");
		else
			buf_add_byte(to, c);
	}
}
