/* The account of a user whose directory is kept elsewhere, from what never changes about him there.
 *
 * Every node comes to the same id by itself, so that two nodes of a mirror keep his mail in one
 * account, and a store that is made anew finds it again. The id is byte 0xff, then the first 15
 * bytes of SHA-256 over "rookery account", a NUL, and the identity. No id that is made by the clock
 * (base/id.h) begins with 0xff before the year 10,000. Pure. */
#ifndef DIRECTORY_ACCOUNT_H
#define DIRECTORY_ACCOUNT_H

#include "base/id.h"

/* The identity as the directory has it (LDAP: entryUUID in lower case; SQL: a column; authmod: the
 * canonical address), byte for byte and not empty. */
struct id directory_account_of(struct slice identity);

#endif
