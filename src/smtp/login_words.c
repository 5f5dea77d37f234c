#include "smtp/login_words.h"

const struct smtp_login_words smtp_login_words[] = {
	[DIRECTORY_LOGIN_DONE] = {235, "2.7.0", "Logged in"},
	[DIRECTORY_LOGIN_REFUSED] = {535, "5.7.8", "Wrong user or password"},
	[DIRECTORY_LOGIN_REFUSED_LAST] = {535, "5.7.8", "Wrong user or password"},
	[DIRECTORY_LOGIN_DENIED] = {535, "5.7.1", NULL}, /* the reason */
	[DIRECTORY_LOGIN_NOT_NOW] = {454, "4.7.0", "Can't log you in just now, try again later"},
	[DIRECTORY_LOGIN_BLOCKED] = {454, "4.7.0",
		"Too many failed logins from your address, wait a while"},
	[DIRECTORY_LOGIN_NO_MECHANISM] = {504, "5.5.4", "No such mechanism"},
	[DIRECTORY_LOGIN_CANCELLED] = {501, "5.0.0", "Cancelled"},
	[DIRECTORY_LOGIN_NOT_BASE64] = {501, "5.5.2", "Expected base64"},
	[DIRECTORY_LOGIN_MALFORMED] = {501, "5.5.2", "Not what the mechanism expects"},
	[DIRECTORY_LOGIN_TOO_LONG] = {500, "5.5.6", "Line too long"},
};
