/* The layer lies between socket and TLS: libldap calls us when the socket is connected. */
#include "directory/ldap_wire.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/errno_here.h"

#include <poll.h>

static int set_up(Sockbuf_IO_Desc *layer, void *wire)
{
	layer->sbiod_pvt = wire;
	return 0;
}

static int clean_up(Sockbuf_IO_Desc *layer)
{
	return 0;
}

static int control(Sockbuf_IO_Desc *layer, int option, void *argument)
{
	return LBER_SBIOD_CTRL_NEXT(layer, option, argument);
}

/* After a call that would have blocked: true when it is to be made again. */
static bool again(Sockbuf_IO_Desc *layer, short event)
{
	const struct directory_ldap_wire *wire = layer->sbiod_pvt;
	ber_socket_t fd;
	if (errno != EAGAIN || wire->deadline == 0 ||
		ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &fd) != 1)
		return false;
	struct pollfd wanted = {.fd = fd, .events = event};
	int64_t left = wire->deadline - clock_mono_ms();
	if (left > 0 && poll(&wanted, 1, (int)left) > 0)
		return true;
	errno = ETIMEDOUT;
	return false;
}

static ber_slen_t read_some(Sockbuf_IO_Desc *layer, void *to, ber_len_t len)
{
	ber_slen_t n;
	do
		n = LBER_SBIOD_READ_NEXT(layer, to, len);
	while (n < 0 && again(layer, POLLIN));
	return n;
}

static ber_slen_t write_some(Sockbuf_IO_Desc *layer, void *from, ber_len_t len)
{
	ber_slen_t n;
	do
		n = LBER_SBIOD_WRITE_NEXT(layer, from, len);
	while (n < 0 && again(layer, POLLOUT));
	return n;
}

static int close_layer(Sockbuf_IO_Desc *layer)
{
	return 0;
}

static const Sockbuf_IO LAYER = {
	.sbi_setup = set_up,
	.sbi_remove = clean_up,
	.sbi_ctrl = control,
	.sbi_read = read_some,
	.sbi_write = write_some,
	.sbi_close = close_layer,
};

static int connected(LDAP *ldap, Sockbuf *connection, LDAPURLDesc *server, struct sockaddr *address,
	struct ldap_conncb *wire)
{
	const int above_the_socket = LBER_SBIOD_LEVEL_PROVIDER + 1;
	return ber_sockbuf_add_io(connection, (Sockbuf_IO *)&LAYER, above_the_socket, wire);
}

static void disconnected(LDAP *ldap, Sockbuf *connection, struct ldap_conncb *wire)
{
}

int directory_ldap_wire_add(struct directory_ldap_wire *wire, LDAP *ldap)
{
	wire->callbacks = (struct ldap_conncb){.lc_add = connected, .lc_del = disconnected};
	return ldap_set_option(ldap, LDAP_OPT_CONNECT_CB, &wire->callbacks);
}
