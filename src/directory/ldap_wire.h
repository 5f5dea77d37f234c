/* A layer below TLS in a connection of libldap, which ends a handshake that takes too long: libldap
 * 2.5 and 2.6, as Debian builds them, ask again and again without end when the server says nothing
 * then. Waits instead of asking, too. */
#ifndef DIRECTORY_LDAP_WIRE_H
#define DIRECTORY_LDAP_WIRE_H

#include <ldap.h>
#include <stdint.h>

struct directory_ldap_wire {
	struct ldap_conncb callbacks; /* first: libldap hands back a pointer to it */
	int64_t deadline;             /* clock_mono_ms(); 0: this layer does nothing */
};
/* Connections that the handle makes from now on have it. `wire` must outlive the handle. An LDAP
 * result code. */
int directory_ldap_wire_add(struct directory_ldap_wire *wire, LDAP *ldap);

#endif
