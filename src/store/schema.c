/* The tables. One numbered list for SQLite and PostgreSQL; a step that was released is never changed, only followed by another. */
#include "access.h"
#include "store.h"

static const char content[] =
	"CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
	/* `upstream`: the configured upstream's name for pull-through repositories, else ''. */
	"CREATE TABLE repo (id $ID, name TEXT NOT NULL UNIQUE, upstream TEXT NOT NULL, created_s $INT NOT NULL);"
	/* Bytes in the blob store. A row makes them visible; state 1: going (garbage collection), not visible. */
	"CREATE TABLE blob (digest TEXT PRIMARY KEY, size $INT NOT NULL, state $INT NOT NULL, created_s $INT NOT NULL, used_s $INT NOT NULL);"
	/* Who brought or mounted a blob into a repository. */
	"CREATE TABLE repo_blob (repo_id $INT NOT NULL REFERENCES repo(id), digest TEXT NOT NULL, account TEXT NOT NULL, at_s $INT NOT NULL,"
	" PRIMARY KEY (repo_id, digest, account));"
	"CREATE INDEX repo_blob_digest ON repo_blob (digest);"
	/* kind: 0 image, 1 index, 2 artifact (GATE.md 6). */
	"CREATE TABLE manifest (digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, kind $INT NOT NULL, artifact_type TEXT NOT NULL,"
	" subject TEXT NOT NULL, annotations TEXT NOT NULL, size $INT NOT NULL, body $BLOB NOT NULL, created_s $INT NOT NULL);"
	"CREATE INDEX manifest_subject ON manifest (subject) WHERE subject <> '';"
	/* What a manifest names. kind: 0 config, 1 layer, 2 child manifest; foreign: a layer whose bytes are elsewhere. */
	"CREATE TABLE manifest_ref (digest TEXT NOT NULL, kind $INT NOT NULL, seq $INT NOT NULL, child TEXT NOT NULL, media_type TEXT NOT NULL,"
	" size $INT NOT NULL, platform TEXT NOT NULL, is_foreign $INT NOT NULL, PRIMARY KEY (digest, kind, seq));"
	"CREATE INDEX manifest_ref_child ON manifest_ref (child);"
	/* A manifest in a repository. origin: 0 pushed, 1 from upstream, 2 imported. */
	"CREATE TABLE repo_manifest (repo_id $INT NOT NULL REFERENCES repo(id), digest TEXT NOT NULL REFERENCES manifest(digest), origin $INT NOT NULL,"
	" account TEXT NOT NULL, created_s $INT NOT NULL, pulled_s $INT NOT NULL, PRIMARY KEY (repo_id, digest));"
	"CREATE INDEX repo_manifest_digest ON repo_manifest (digest);"
	/* pushed: what the tag was last set to (by a push, or as seen upstream); served: what pulls get (GATE.md 3, 4); ''. none yet. */
	"CREATE TABLE tag (repo_id $INT NOT NULL REFERENCES repo(id), name TEXT NOT NULL, pushed_digest TEXT NOT NULL, pushed_seq $INT NOT NULL,"
	" served_digest TEXT NOT NULL, served_seq $INT NOT NULL, updated_s $INT NOT NULL, checked_ms $INT NOT NULL, PRIMARY KEY (repo_id, name));"
	"CREATE INDEX tag_pushed ON tag (pushed_digest);"
	"CREATE INDEX tag_served ON tag (served_digest);"
	/* what: 0 pushed, 1 seen upstream, 2 served, 3 deleted. */
	"CREATE TABLE tag_history (seq $ID, repo_id $INT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, what $INT NOT NULL, account TEXT NOT NULL,"
	" at_s $INT NOT NULL);"
	"CREATE INDEX tag_history_tag ON tag_history (repo_id, name, seq);"
	"CREATE INDEX tag_history_digest ON tag_history (digest);"
	"CREATE TABLE upload (id TEXT PRIMARY KEY, repo_id $INT NOT NULL, account TEXT NOT NULL, bytes $INT NOT NULL, state TEXT NOT NULL,"
	" created_s $INT NOT NULL, updated_s $INT NOT NULL);"
	/* When this registry first saw a digest at an upstream repository (cool-down, GATE.md 5). */
	"CREATE TABLE first_seen (repo_id $INT NOT NULL, digest TEXT NOT NULL, at_s $INT NOT NULL, PRIMARY KEY (repo_id, digest));"
	/* Cached answers of upstreams: tag lists ('tags'), referrers ('referrers <digest>'), catalogues. */
	"CREATE TABLE upstream_cache (repo_id $INT NOT NULL, what TEXT NOT NULL, body $BLOB NOT NULL, at_ms $INT NOT NULL, PRIMARY KEY (repo_id, what));";

static const char gate[] =
	/* state: enum store_state. One row a manifest and repository once anybody wanted it. decision_id: the approval or revocation it rests on, 0. */
	"CREATE TABLE verdict (repo_id $INT NOT NULL, digest TEXT NOT NULL, state $INT NOT NULL, generation $INT NOT NULL, policy_digest TEXT NOT NULL,"
	" reasons TEXT NOT NULL, expires_s $INT NOT NULL, decided_s $INT NOT NULL, decision_id $INT NOT NULL, attempts $INT NOT NULL, seq $INT NOT NULL,"
	" PRIMARY KEY (repo_id, digest));"
	"CREATE INDEX verdict_state ON verdict (state);"
	"CREATE INDEX verdict_generation ON verdict (generation);"
	"CREATE INDEX verdict_digest ON verdict (digest);"
	/* What was seen, judged again whenever the data to judge by changes. packages and subjects: little-endian 32-bit ids, ascending. */
	"CREATE TABLE report (repo_id $INT NOT NULL, digest TEXT NOT NULL, made_s $INT NOT NULL, data_id TEXT NOT NULL, body $BLOB NOT NULL,"
	" PRIMARY KEY (repo_id, digest));"
	"CREATE TABLE report_index (repo_id $INT NOT NULL, digest TEXT NOT NULL, packages $BLOB NOT NULL, subjects $BLOB NOT NULL, PRIMARY KEY (repo_id, digest));"
	/* Distinct packages and findings' subjects (CVE-…) of the whole catalogue. match_hash: over the advisories that match now. */
	"CREATE TABLE package (id $ID, os TEXT NOT NULL, purl TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, body $BLOB NOT NULL,"
	" match_hash $INT NOT NULL, UNIQUE (os, purl));"
	"CREATE INDEX package_name ON package (name);"
	"CREATE TABLE subject (id $ID, text TEXT NOT NULL UNIQUE);"
	/* kind: inspect, export…; state 0 waiting, 1 leased, 2 given up. One job a manifest, repository and kind, however many ask. */
	"CREATE TABLE job (id $ID, kind TEXT NOT NULL, repo_id $INT NOT NULL, digest TEXT NOT NULL, state $INT NOT NULL, priority $INT NOT NULL,"
	" attempts $INT NOT NULL, run_after_ms $INT NOT NULL, owner TEXT NOT NULL, lease_until_ms $INT NOT NULL, created_ms $INT NOT NULL,"
	" account TEXT NOT NULL, error TEXT NOT NULL, UNIQUE (kind, repo_id, digest));"
	"CREATE INDEX job_ready ON job (state, priority, id);"
	/* What people decided. kind: approve, revoke, waive; findings: JSON list of finding ids covered; waiver: YAML of a waive; ended_s 0: in force. */
	"CREATE TABLE decision (id $ID, kind TEXT NOT NULL, repositories TEXT NOT NULL, digest TEXT NOT NULL, findings TEXT NOT NULL, waiver TEXT NOT NULL,"
	" reason TEXT NOT NULL, account TEXT NOT NULL, created_s $INT NOT NULL, until_s $INT NOT NULL, ended_s $INT NOT NULL, ended_why TEXT NOT NULL);"
	"CREATE INDEX decision_digest ON decision (digest);"
	/* What people asked for (pabean request). state 0 open, 1 granted, 2 declined. */
	"CREATE TABLE request (id $ID, repo_id $INT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL, account TEXT NOT NULL, created_s $INT NOT NULL,"
	" state $INT NOT NULL, answered_by TEXT NOT NULL, UNIQUE (repo_id, digest));"
	/* What verdicts are judged by. One row a change; the last one counts on all nodes. */
	"CREATE TABLE generation (number $ID, policies TEXT NOT NULL, advisories TEXT NOT NULL, intel TEXT NOT NULL, waivers $INT NOT NULL, at_s $INT NOT NULL,"
	" node TEXT NOT NULL);";

static const char journal[] =
	/* For server-sent events and webhooks. type: verdict.admitted, verdict.refused, verdict.withdrawn, manifest.pushed, …; body: CloudEvents data, JSON. */
	"CREATE TABLE event (seq $ID, at_ms $INT NOT NULL, type TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL);"
	/* state 0 to be sent, 1 sent, 2 dead letter. */
	"CREATE TABLE delivery (id $ID, event_seq $INT NOT NULL, url TEXT NOT NULL, state $INT NOT NULL, attempts $INT NOT NULL, next_ms $INT NOT NULL,"
	" owner TEXT NOT NULL, lease_until_ms $INT NOT NULL, error TEXT NOT NULL, UNIQUE (event_seq, url));"
	"CREATE INDEX delivery_ready ON delivery (state, next_ms);"
	/* seq is given by the writer, without gaps; hash = SHA-256 over the previous hash and this record's line. */
	"CREATE TABLE audit (seq $INT PRIMARY KEY, line TEXT NOT NULL, hash TEXT NOT NULL);"
	"CREATE TABLE pull (repo_id $INT NOT NULL, digest TEXT NOT NULL, account TEXT NOT NULL, address TEXT NOT NULL, day $INT NOT NULL, last_s $INT NOT NULL,"
	" count $INT NOT NULL, PRIMARY KEY (repo_id, digest, account, address, day));"
	"CREATE INDEX pull_digest ON pull (digest);"
	"CREATE TABLE node (name TEXT PRIMARY KEY, role TEXT NOT NULL, version TEXT NOT NULL, started_ms $INT NOT NULL, seen_ms $INT NOT NULL);";

/* By which analyzers a report's facts were made: after an upgrade they are read again in the background (GATE.md 9). */
static const char facts[] = "ALTER TABLE report ADD COLUMN facts_id TEXT NOT NULL DEFAULT '';";

static const char keeping[] =
	/* untagged_s: since when nothing keeps it; gone_s: since when its blobs need not be here (store_keep.h). 0: not. */
	"ALTER TABLE repo_manifest ADD COLUMN untagged_s $INT NOT NULL DEFAULT 0;"
	"ALTER TABLE repo_manifest ADD COLUMN gone_s $INT NOT NULL DEFAULT 0;"
	"CREATE INDEX repo_manifest_untagged ON repo_manifest (untagged_s) WHERE untagged_s > 0;";

static const char expiry[] = "CREATE INDEX verdict_expires ON verdict (expires_s) WHERE expires_s > 0;";

const struct sql_migration store_migrations[] = {
	{ 1, "content", content },
	{ 2, "gate", gate },
	{ 3, "journal", journal },
	{ 4, "accounts", access_schema },
	{ 5, "who made the facts", facts },
	{ 6, "keeping", keeping },
	{ 7, "verdicts that end", expiry },
};
const size_t store_migrations_n = ARRAY_LEN(store_migrations);
