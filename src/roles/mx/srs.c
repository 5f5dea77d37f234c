/* Secrets are those of the file, or those in the mx's store, which are read each time. */
#include "roles/mx/srs.h"

#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "envelope/srs.h"
#include "keys/srs.h"

#include <fcntl.h>
#include <unistd.h>

enum { FILE_MAX = MX_SRS_SECRETS_MAX * (MX_SRS_SECRET_MAX + 2) };

static int read_file(const char *path, struct buf *to, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "mx.srs.secret_file: can't open %s", path);
	char *room = buf_reserve(to, FILE_MAX + 1);
	ssize_t n = room ? read(fd, room, FILE_MAX + 1) : -1;
	int number = errno;
	(void)close(fd);
	if (n < 0)
		return err_errno(err, number, "mx.srs.secret_file: can't read %s", path);
	to->len = (size_t)n;
	return n <= FILE_MAX ? 0
			     : err_permanent(err, ERR_BAD_INPUT,
				       "mx.srs.secret_file: %s is too long", path);
}

static int take_lines(struct mx_srs *srs, struct slice rest, struct err *err)
{
	for (unsigned number = 1; rest.len > 0; number++) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'));
		if (line.len == 0)
			continue;
		if (line.len < MX_SRS_SECRET_MIN || line.len > MX_SRS_SECRET_MAX)
			return err_permanent(err, ERR_BAD_INPUT,
				"mx.srs.secret_file: line %u is no secret: expected %d to %d bytes",
				number, MX_SRS_SECRET_MIN, MX_SRS_SECRET_MAX);
		if (srs->secret_count == MX_SRS_SECRETS_MAX)
			return err_permanent(err, ERR_BAD_INPUT,
				"mx.srs.secret_file: there are more than %d secrets",
				MX_SRS_SECRETS_MAX);
		srs->secrets[srs->secret_count++] = line;
	}
	return srs->secret_count > 0
		       ? 0
		       : err_permanent(err, ERR_BAD_INPUT, "mx.srs.secret_file has no secret");
}

int mx_srs_init(struct mx_srs *srs, const struct conf_srs *conf, struct err *err)
{
	struct buf text = BUF(2 * FILE_MAX);
	size_t len;
	*srs = (struct mx_srs){.conf = conf};
	struct slice domain = slice_str(conf->domain);
	if (domain.len > 0 && (domain.ptr[0] == '[' || !envelope_is_domain(domain)))
		return err_permanent(
			err, ERR_BAD_INPUT, "mx.srs.domain: \"%s\" is no domain", conf->domain);
	if (!conf->secret_file[0])
		return 0;
	int r = read_file(conf->secret_file, &text, err);
	srs->text = buf_steal(&text, &len);
	return r < 0 ? r : take_lines(srs, slice(srs->text, len), err);
}

void mx_srs_deinit(struct mx_srs *srs)
{
	if (srs->text)
		explicit_bzero(srs->text, strlen(srs->text));
	free(srs->text);
	*srs = (struct mx_srs){0};
}

static int secrets(struct mx_srs *srs, bool make, struct arena *arena, struct slice **ret_list,
	size_t *ret_count, struct err *err)
{
	*ret_list = srs->secrets;
	*ret_count = srs->secret_count;
	return srs->secret_count > 0
		       ? 0
		       : keys_srs_secrets(srs->store, make, arena, ret_list, ret_count, err);
}

int mx_srs_sender(struct mx_srs *srs, const struct envelope_path *sender, struct slice domain,
	struct arena *arena, struct slice *ret_sender, struct err *err)
{
	AUTO(buf_free) struct buf address = BUF(ENVELOPE_PATH_MAX);
	struct slice *list;
	size_t count;
	struct err ignored;
	*ret_sender = sender->address;
	if (!srs->conf->on || sender->address.len == 0)
		return 0;
	/* Whether it is ours can't be told while the store is away: then it is no harm either. */
	if (directory_domain(srs->directory, sender->domain, &ignored) == 0)
		return 0;
	if (secrets(srs, true, arena, &list, &count, err) < 0)
		return err_prefix(err, "SRS");
	if (srs->conf->domain[0])
		domain = slice_str(srs->conf->domain);
	if (envelope_srs_write(sender, domain, list[0], clock_wall(), &address))
		*ret_sender = arena_copy(arena, buf_slice(&address));
	return 0;
}

static int is_our_domain(struct mx_srs *srs, struct slice domain, struct err *err)
{
	if (srs->conf->domain[0] && slice_eq_nocase(domain, slice_str(srs->conf->domain)))
		return 0;
	return directory_domain(srs->directory, domain, err);
}

int mx_srs_back(struct mx_srs *srs, const struct envelope_path *address, struct arena *arena,
	struct slice *ret_address, struct err *err)
{
	AUTO(buf_free) struct buf back = BUF(ENVELOPE_PATH_MAX);
	struct slice *list;
	size_t count;
	if (envelope_srs_read(address->local, NULL, 0, 0, &back) == ENVELOPE_SRS_NONE)
		return MX_SRS_NONE;
	int ours = is_our_domain(srs, address->domain, err);
	if (ours != 0)
		return ours < 0 ? ours : MX_SRS_NONE;
	if (secrets(srs, false, arena, &list, &count, err) < 0)
		return err_prefix(err, "SRS");
	switch (envelope_srs_read(address->local, list, count, clock_wall(), &back)) {
	case ENVELOPE_SRS_GOOD:
		*ret_address = arena_copy(arena, buf_slice(&back));
		return 0;
	case ENVELOPE_SRS_EXPIRED:
		(void)err_permanent(err, ERR_DENIED, "This return address is too old");
		return err_status(err, "5.1.1");
	default:
		(void)err_permanent(err, ERR_DENIED, "This return address was not made here");
		return err_status(err, "5.7.1");
	}
}
