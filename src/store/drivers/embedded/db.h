/* An open embedded store, and the parts of its driver that are files of their own.
 *
 * Folder:
 *     FORMAT      version and tag of the store
 *     LOCK        held while open
 *     keys/       RocksDB; keys.salvaged/, keys.salvaging/: salvage.c
 *     segments/   the journal: docs/formats/segment.md
 *
 * Locks, in the order of taking: account locks > upkeep > the journal's turn > its apply_lock >
 * the set of segments. Readers take the last one only, for the time of finding a segment, and one
 * of places.h and that of gaps.h for moments. */
#ifndef STORE_DRIVERS_EMBEDDED_DB_H
#define STORE_DRIVERS_EMBEDDED_DB_H

#include "store/drivers/embedded/gaps.h"
#include "store/drivers/embedded/index.h"
#include "store/drivers/embedded/journal.h"
#include "store/drivers/embedded/locks.h"
#include "store/drivers/embedded/places.h"
#include "store/drivers/embedded/segments.h"

struct store_db {
	const struct embedded_files *files;
	char *path;
	uint64_t tag;
	int lock_fd;
	bool read_only;
	int64_t lock_wait_ms;
	uint64_t cache_bytes;
	struct embedded_index index;
	struct embedded_gaps gaps;
	bool hurt; /* at its opening something could not be read in the index */
	struct embedded_segments segments;
	struct embedded_journal journal;
	struct embedded_locks *locks;
	struct embedded_places places;
	pthread_mutex_t upkeep; /* check, backup and compact: one at a time */
	_Atomic uint64_t blobs_read, blob_bytes_read;
};

/* As store_driver.open, with other file system calls (tests). `files` is borrowed until close. */
int embedded_open(const struct store_driver_options *options, const struct embedded_files *files,
	struct store_db **ret_db, struct err *err) WARN_UNUSED;

/* The folder: creates it when missing, reads its format, locks it. Sets lock_fd and tag. */
int embedded_folder_open(struct store_db *db, struct err *err) WARN_UNUSED;
/* What a new folder needs, for a store with this tag: FORMAT and segments/. */
int embedded_folder_create(const struct embedded_files *files, const char *path, uint64_t tag,
	struct err *err) WARN_UNUSED;
/* "<path>/<name>", to be freed. */
char *embedded_path(const char *path, const char *name) WARN_UNUSED;

/* Brings the index up to the end of the log, cuts a torn end off, and finds where the log goes on:
 * *ret_current is a reference. ERR_DAMAGED when a record that was durable is not whole. */
int embedded_recover(struct store_db *db, struct embedded_segment **ret_current,
	struct embedded_position *ret_applied, struct err *err) WARN_UNUSED;

/* The calls of the driver that are files of their own; see store/driver.h. */
int embedded_blob_read(struct store_db *db, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err) WARN_UNUSED;
int embedded_blob_len(
	struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err) WARN_UNUSED;
int embedded_backup(struct store_db *db, const char *path, store_progress *progress, void *context,
	struct err *err) WARN_UNUSED;
int embedded_check(struct store_db *db, store_report *report, store_progress *progress,
	void *context, struct err *err) WARN_UNUSED;
int embedded_compact(struct store_db *db, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err) WARN_UNUSED;
/* What can't be read in the index is left behind; see store_mending.salvage. */
int embedded_salvage(struct store_db *db, struct err *err) WARN_UNUSED;
/* Before the index is opened: puts in place what was salvaged. */
int embedded_salvage_end(struct store_db *db, struct err *err) WARN_UNUSED;
/* See store_mending.forget. */
int embedded_gaps_forget(
	struct store_db *db, struct slice from, struct slice to, struct err *err) WARN_UNUSED;
/* Drops the places of blobs that have no reference any more; first part of compact. */
int embedded_sweep(struct store_db *db, struct err *err) WARN_UNUSED;

#endif
