#include "pop3/login_words.h"

const struct pop3_login_words pop3_login_words[] = {
	[DIRECTORY_LOGIN_REFUSED] = {"AUTH", "Wrong user or password"},
	[DIRECTORY_LOGIN_REFUSED_LAST] = {"AUTH", "Wrong user or password"},
	[DIRECTORY_LOGIN_DENIED] = {"AUTH", NULL}, /* the reason */
	[DIRECTORY_LOGIN_NOT_NOW] = {"SYS/TEMP", "Can't log you in just now, try again later"},
	[DIRECTORY_LOGIN_BLOCKED] = {"SYS/TEMP",
		"Too many failed logins from your address, wait a while"},
	[DIRECTORY_LOGIN_NO_MECHANISM] = {"AUTH", "No such mechanism here; is TLS on?"},
	[DIRECTORY_LOGIN_CANCELLED] = {NULL, "Cancelled"},
	[DIRECTORY_LOGIN_NOT_BASE64] = {NULL, "Expected base64"},
	[DIRECTORY_LOGIN_MALFORMED] = {NULL, "Not what the mechanism expects"},
	[DIRECTORY_LOGIN_TOO_LONG] = {NULL, "Line too long"},
};
