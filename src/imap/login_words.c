#include "imap/login_words.h"

const struct imap_login_words imap_login_words[] = {
	[DIRECTORY_LOGIN_REFUSED] = {"AUTHENTICATIONFAILED", "Wrong user or password"},
	[DIRECTORY_LOGIN_REFUSED_LAST] = {"AUTHENTICATIONFAILED", "Wrong user or password"},
	[DIRECTORY_LOGIN_DENIED] = {"AUTHORIZATIONFAILED", NULL}, /* the reason */
	[DIRECTORY_LOGIN_NOT_NOW] = {"UNAVAILABLE", "Can't log you in just now, try again later"},
	[DIRECTORY_LOGIN_BLOCKED] = {"UNAVAILABLE",
		"Too many failed logins from your address, wait a while"},
	[DIRECTORY_LOGIN_NO_MECHANISM] = {"CANNOT", "No such mechanism here; is TLS on?"},
	[DIRECTORY_LOGIN_CANCELLED] = {NULL, "Cancelled"},
	[DIRECTORY_LOGIN_NOT_BASE64] = {NULL, "Expected base64"},
	[DIRECTORY_LOGIN_MALFORMED] = {NULL, "Not what the mechanism expects"},
	[DIRECTORY_LOGIN_TOO_LONG] = {NULL, "Line too long"},
};
