-- The tables that the default queries of the block directory.postgresql ask (docs/directory.md).
-- Run as the owner of the database:  psql -d rookery -f directory.sql
-- Addresses and domains are in lower case, as mail servers compare them.

BEGIN;

CREATE TABLE rookery_domain (
	name text PRIMARY KEY CHECK (name = lower(name) AND name <> '')
);

CREATE TABLE rookery_user (
	-- the account with the mail comes from it: never change it, never give it to another one
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	address text NOT NULL UNIQUE CHECK (address = lower(address) AND address LIKE '_%@_%'),
	password text,                          -- $argon2id$…, $2b$…, $6$…, $y$…, {SSHA}…
	scram text,                             -- SCRAM-SHA-256$4096:salt$stored:server
	full_name text,
	services text,                          -- imap,pop3,submission,… NULL: all
	suspended boolean NOT NULL DEFAULT false,
	quota_bytes bigint CHECK (quota_bytes >= 0),       -- 0: none; NULL: store.quota
	quota_messages bigint CHECK (quota_messages >= 0),
	to_host text,                           -- where he lives: host or host:port
	forward text,                           -- addresses, commas between
	keep_copy boolean NOT NULL DEFAULT true
);

CREATE TABLE rookery_alias (
	address text NOT NULL CHECK (address = lower(address)), -- or @example.org: catch-all
	target text NOT NULL CHECK (target <> ''),
	PRIMARY KEY (address, target)
);

-- Who asks reads, and nothing else.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rookery') THEN
		CREATE ROLE rookery LOGIN;
	END IF;
END
$$;
GRANT SELECT ON rookery_domain, rookery_user, rookery_alias TO rookery;

COMMIT;
