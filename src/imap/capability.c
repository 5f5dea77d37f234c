/* What is announced, by state. Nothing stands here before it works whole and a test would fail
 * without it. */
#include "imap/session_internal.h"

#include "directory/login.h"

static const char ALWAYS[] = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE";
static const char LOGGED_IN[] = " IDLE NAMESPACE CHILDREN UIDPLUS UNSELECT MOVE MULTIAPPEND "
				"CONDSTORE QRESYNC ESEARCH SEARCHRES"
				" LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE "
				"STATUS=SIZE OBJECTID SAVEDATE BINARY"
				" WITHIN QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE APPENDLIMIT=";

void imap_write_capabilities(struct imap_session *s, struct buf *to)
{
	buf_add_str(to, ALWAYS);
	if (s->state != IMAP_LOGIN) {
		buf_add_str(to, LOGGED_IN);
		buf_add_u64(to, mail_message_max(imap_mail(s)));
		return;
	}
	if (net_tls_offered(s->net))
		buf_add_str(to, " STARTTLS");
	struct sasl_offer offer = directory_login_offer(s->net, s->service->directory);
	if (!offer.plain)
		buf_add_str(to, " LOGINDISABLED");
	buf_add_str(to, " AUTH=");
	sasl_list(&offer, " AUTH=", to);
}
