/* One row a metric; the page is written in the table's order. */
#include "roles/metrics_page.h"

static const struct {
	const char *name, *help;
} METRICS[] = {
	{"info", "Which version runs."},
	{"up", "Whether the role serves."},
	{"restarts_total", "How often the role died and was started again."},
	{"connections_accepted_total", "Connections taken."},
	{"connections_refused_total", "Connections refused, since there were too many."},
	{"connections", "Connections that are open."},
	{"connections_parked", "Open connections that wait for their client."},
	{"workers", "Threads that run commands."},
	{"workers_busy", "Threads that run a command right now."},
	{"certificate_days_left", "Days that a certificate of an authority is still good."},
	{"certificate_failures", "Attempts to get it that failed, one after the other."},
	{"acme_certificates_total", "Certificates that an authority gave."},
	{"acme_failures_total", "Attempts to get one that failed."},
	{"sessions_total", "Sessions begun."},
	{"logins_total", "Logins."},
	{"logins_failed_total", "Logins with a wrong user or password."},
	{"logins_put_off_total",
		"Logins that nobody could tell about, or whose back end was away."},
	{"proxied_connections", "Connections that are passed on to a back end now."},
	{"proxied_bytes_total", "Bytes of those connections, without TLS."},
	{"http_requests_total", "Requests by HTTP that were read to the end of their head."},
	{"backends", "Back ends that are known."},
	{"backends_down", "Those of them that are down for some protocol."},
	{"backend_connections_total", "Connections made to back ends."},
	{"backend_failures_total", "Back ends that could not be reached, or broke off at a login."},
	{"directory_lookups_total", "Users looked up."},
	{"directory_remembered_hits_total", "Those of them that were answered out of memory."},
	{"directory_remembered", "Answers that are in memory, cache_entries at most."},
	{"messages_accepted_total", "Messages taken."},
	{"messages_refused_total", "Messages refused."},
	{"recipients_refused_total", "Recipients refused."},
	{"checks_total", "Messages of other servers that SPF, DKIM and DMARC were asked about."},
	{"checks_refused_total", "Those of them that were refused for it."},
	{"checks_failed_total", "Those of them that failed, by method."},
	{"clients_judged_total", "Transactions whose client was judged."},
	{"clients_refused_total", "Transactions whose client was refused by its score."},
	{"clients_marked_total", "Messages that bear their client's score."},
	{"greylist_deferred_total", "Recipients whose client was put off as it is new."},
	{"greylist_passed_total", "Recipients whose client was not."},
	{"limits_reached_total", "Messages and recipients put off, as there were too many."},
	{"dns_list_asked_total", "Questions that a list in the DNS was asked."},
	{"dns_list_hits_total", "Clients that were on it."},
	{"dns_list_failed_total", "Questions that it did not answer, or not in time."},
	{"milter_asked_total", "Transactions that a milter was told of."},
	{"milter_refused_total", "What a milter has refused of them (5xx)."},
	{"milter_deferred_total", "What a milter has put off of them (4xx)."},
	{"milter_dropped_total", "Messages that a milter had thrown away."},
	{"milter_held_total", "Messages that a milter had held in the queue."},
	{"milter_failed_total", "Times a milter was not reached, or did not answer."},
	{"reports_rows", "Rows for reports to others that are not written down yet."},
	{"reports_counted_total", "Messages and sessions counted for reports, by kind."},
	{"reports_dropped_total", "Those of them that there was no room for."},
	{"reports_sent_total", "Reports sent to others, by kind."},
	{"reports_failures_total", "Attempts to send a report that failed."},
	{"reports_given_up_total", "Reports that could not be sent for a day."},
	{"queue_entries", "Recipients of messages in the queue that wait to be tried."},
	{"queue_held", "Those that are held."},
	{"queue_destinations", "Destinations that something waits for."},
	{"queue_destinations_unreachable", "Destinations that can't be reached now."},
	{"queue_connections", "Connections by which the queue sends."},
	{"queue_added_total", "Recipients that came into the queue."},
	{"queue_delivered_total", "Recipients that were delivered to, or relayed."},
	{"queue_delayed_total", "Attempts that were put off."},
	{"queue_failed_total", "Recipients that failed for good."},
	{"queue_answers_lost_total", "Deliveries whose answer did not come."},
	{"directory_remembered_total", "Answers about addresses while the directory was away."},
	{"imap_commands_total", "IMAP commands run."},
	{"imap_messages_fetched_total", "Messages sent to IMAP clients."},
	{"imap_messages_appended_total", "Messages that IMAP clients stored."},
	{"pop3_messages_retrieved_total", "Messages sent to POP3 clients."},
	{"pop3_messages_deleted_total", "Messages that POP3 clients deleted."},
	{"learnt_total", "Messages that the spam filter learnt, since users moved them."},
	{"learn_failures_total", "Times it could not learn one now."},
	{"learn_given_up_total", "Messages that it will not learn."},
	{"store_commits_total", "Changes committed."},
	{"store_syncs_total", "Times the disk was told to keep what was written."},
	{"store_written_bytes_total", "Bytes written to segments."},
	{"store_blobs_read_total", "Message bodies read."},
	{"store_segments", "Segment files."},
	{"store_segment_bytes", "Bytes in segment files."},
	{"store_segment_dead_bytes", "Bytes in segment files that nothing refers to."},
	{"store_failed", "1 when the disk refused a write and the store takes none."},
	{"mirror_in_sync", "1 when the two nodes of the mirror hold the same."},
	{"mirror_linked", "1 while the two nodes commit together."},
	{"mirror_unmirrored_commits", "Changes that only this node's disk has."},
	{"mirror_under_way_commits",
		"Changes that were answered and are not on the other disk yet."},
	{"mirror_under_way_bytes", "Bytes of these."},
	{"mirror_accounts_apart", "Accounts that the two nodes have not merged yet."},
	{"mirror_accounts_merged_total", "Accounts merged."},
	{"mirror_commits_sent_total", "Changes sent to the other node."},
	{"mirror_commits_received_total", "Changes that came from the other node."},
	{"mirror_commits_differing_total", "Changes that one disk took and the other did not."},
	{"mirror_commit_microseconds_total", "How long changes that were sent took."},
	{"mirror_rows_unreadable", "1 while rows of the store can't be read."},
	{"mirror_accounts_healed_total", "Accounts that had such rows, and have the other node's."},
	{"mirror_scrubs_total", "Scrubs that have ended."},
	{"mirror_scrub_bodies_total", "Bodies that scrubs have read."},
	{"mirror_scrub_bytes_total", "Bytes of them."},
	{"mirror_scrub_differing_total", "Accounts that scrubs found to differ."},
	{"mirror_scrub_healed_total", "Damaged bodies that were fetched from the other node."},
	{"mirror_scrub_unhealed_total", "Damaged bodies that the other node could not give."},
	{"mirror_round_trip_microseconds",
		"How far away the other node is, there and back; 0: not known."},
	{"mirror_sent_bytes_total", "Bytes of the mirror's frames that were sent."},
	{"mirror_sent_plain_bytes_total", "What these would have been without compression."},
	{"mirror_received_bytes_total", "Bytes of the mirror's frames that came."},
	{"mirror_received_plain_bytes_total", "What these were before compression."},
	{"mirror_leases_away", "Accounts whose lease is not at home."},
	{"mirror_writers_waiting", "Changes that wait for an account's lease."},
};

static struct slice name_of(struct slice line)
{
	size_t len = 0;
	while (len < line.len && line.ptr[len] != '{' && line.ptr[len] != ' ')
		len++;
	return slice(line.ptr, len);
}

static void write_lines(
	struct slice text, const char *name, const char *help, bool *begun, struct buf *to)
{
	char full[96];
	(void)snprintf(full, sizeof(full), "rookery_%s", name);
	size_t len = strlen(name);
	bool counts = len > 6 && strcmp(name + len - 6, "_total") == 0;
	while (text.len > 0) {
		struct slice line = slice_cut(&text, '\n');
		if (!slice_eq(name_of(line), slice_str(full)))
			continue;
		if (!*begun)
			buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", full, help, full,
				counts ? "counter" : "gauge");
		*begun = true;
		buf_add_slice(to, line);
		buf_add_byte(to, '\n');
	}
}

void metrics_page_write(const struct slice *texts, size_t count, struct buf *to)
{
	for (size_t m = 0; m < ARRAY_LEN(METRICS); m++) {
		bool begun = false;
		for (size_t i = 0; i < count; i++)
			write_lines(texts[i], METRICS[m].name, METRICS[m].help, &begun, to);
	}
}
