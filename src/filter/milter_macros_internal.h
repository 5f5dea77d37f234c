/* Macros of a milter: values, and which go at which step. */
#ifndef FILTER_MILTER_MACROS_INTERNAL_H
#define FILTER_MILTER_MACROS_INTERNAL_H

#include "filter/milter_wire.h"

enum { MILTER_MACROS_MAX = 40 };

struct milter_macros {
	struct milter_macro {
		char *name, *value;
	} list[MILTER_MACROS_MAX];
	size_t count;
	char *wanted[MILTER_STAGES]; /* names that the filter asked for; NULL: the usual ones */
};

void milter_macros_set(struct milter_macros *m, const char *name, struct slice value);
void milter_macros_want(struct milter_macros *m, const struct filter_milter_negotiation *n);
/* Appends the frame that goes before `command`, if there is anything to say. */
void milter_macros_write(const struct milter_macros *m, enum filter_milter_stage stage,
	enum filter_milter_command command, struct buf *to);
void milter_macros_free(struct milter_macros *m);

#endif
