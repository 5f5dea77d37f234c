/* The journal takes lines from a stream of its own for each process, so that they are filed under
 * the role's process id. */
#include "roles/journal.h"

#include "base/log.h"

#include <systemd/sd-journal.h>
#include <unistd.h>

enum { PRIORITY_OF_LINES_WITHOUT = 6 };

int journal_set_up(const struct conf_settings *settings, struct err *err)
{
	const struct conf_log *conf = &settings->log;
	int fd = STDERR_FILENO;
	if (conf->to == CONF_LOG_JOURNALD) {
		fd = sd_journal_stream_fd("rookery", PRIORITY_OF_LINES_WITHOUT, 1);
		if (fd < 0)
			return err_temporary(err, ERR_UNAVAILABLE,
				"can't reach systemd's journal (log { to journald; }): %s",
				strerror(-fd));
	}
	log_set_priorities(conf->to == CONF_LOG_JOURNALD);
	log_setup(conf->level, conf->format, fd);
	return 0;
}
