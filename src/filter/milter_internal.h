/* A conversation with a milter: what its steps share. */
#ifndef FILTER_MILTER_INTERNAL_H
#define FILTER_MILTER_INTERNAL_H

#include "filter/milter.h"
#include "filter/milter_macros_internal.h"
#include "net/client.h"

enum milter_state {
	MILTER_OPEN,
	MILTER_LEFT_MESSAGE, /* it has its say about this message: not asked until the next one */
	MILTER_LEFT_CONNECTION, /* the same for all that follow */
	MILTER_BROKEN,
};

struct filter_milter {
	struct filter_milter_options options;
	struct net_client *net;
	uint32_t version, steps;
	enum milter_state state;
	bool in_message;       /* MAIL was sent, and neither an end nor an abort */
	int64_t message_until; /* clock_mono_ms(); INT64_MAX outside of filter_milter_message() */
	struct milter_macros macros;
	struct buf out;  /* the command that is written now */
	struct buf in;   /* the frame that was read last */
	struct buf text; /* of the verdict */
};

/* A step without a body of its own. */
struct milter_step {
	enum filter_milter_command command;
	enum filter_milter_stage stage;
	uint32_t unwanted, silent; /* enum filter_milter_step */
};

/* A failure of the conversation: the last one. Returns -1. */
int milter_broken(struct filter_milter *m, struct err *err);
int milter_not_understood(struct filter_milter *m, struct err *err);
/* Sends what m->out holds. */
void milter_send(struct filter_milter *m);
/* One frame, by `deadline` (clock_mono_ms()). */
int milter_read_frame(struct filter_milter *m, int64_t deadline,
	struct filter_milter_frame *ret_frame, struct err *err);
/* The next answer that is more than a sign of life. */
int milter_read_reply(struct filter_milter *m, int64_t deadline, struct filter_milter_reply *ret,
	struct err *err);
/* False: no answer that ends a step. */
bool milter_to_verdict(struct filter_milter *m, const struct filter_milter_reply *reply,
	struct filter_milter_verdict *ret);
/* The answer to a step. Positive, to a chunk of a body: it wants no more of them. */
int milter_await(struct filter_milter *m, enum filter_milter_command command, int64_t deadline,
	struct filter_milter_verdict *ret, struct err *err);
int64_t milter_command_deadline(const struct filter_milter *m);
/* Is the step to be left out? *ret_result is then what the call returns. */
bool milter_is_over(struct filter_milter *m, struct filter_milter_verdict *ret_verdict,
	int *ret_result, struct err *err);
/* Puts the macros and the frame's head into m->out. False: the filter does not want the step. */
bool milter_begin_step(struct filter_milter *m, const struct milter_step *step, size_t *ret_begin);
/* Sends the frame, and awaits the verdict if there will be one. */
int milter_finish_step(struct filter_milter *m, const struct milter_step *step, size_t begin,
	struct filter_milter_verdict *ret, struct err *err);
/* A step without data. */
int milter_bare_step(struct filter_milter *m, const struct milter_step *step,
	struct filter_milter_verdict *ret_verdict, struct err *err);

#endif
