# For live tests of `pabean serve`: starts servers, pushes small images. To be sourced after inc/images.sh.
# Databases and blobs: SQLite and a directory, unless the caller (serve_pair.sh) names others: PABEAN_TEST_PG_DIR, the socket's directory of a PostgreSQL,
# in which each server gets a database of its own; PABEAN_TEST_S3, an endpoint with the bucket "pabean", of which each gets a prefix.

reg() { python3 "$here/inc/reg.py" "$@"; }
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# serve_start NAME [CONFIG-LINES]   a server in $work/NAME; sets $port and $url, keeps its pid in NAME.pid, its log in NAME.log. The configuration
# gets `listen` and `state` by itself; lines are those below `serve:`.
serve_start() {
	local name=$1
	port=${3:-$(free_port)}
	url=http://127.0.0.1:$port
	mkdir -p "$work/$name"
	{
		echo "serve:"
		echo "  listen: 127.0.0.1:$port"
		echo "  state: $work/$name/state"
		pair_lines "$name"
		printf '%s\n' "${2:-}" | sed '/^$/d;s/^/  /'
	} >"$work/$name.yaml"
	serve_again "$name"
}
pair_lines() {
	local db
	if [ -n "${PABEAN_TEST_PG_DIR:-}" ]; then
		db=$1_$$_$RANDOM
		(cd / && ${PABEAN_TEST_PG_AS:-} "$PABEAN_TEST_PG_BIN/createdb" -h "$PABEAN_TEST_PG_DIR" -U pabean "$db") || return 1
		echo "  database: \"postgresql://pabean@/$db?host=$PABEAN_TEST_PG_DIR\""
	fi
	[ -z "${PABEAN_TEST_S3:-}" ] || echo "  blobs: {s3: {endpoint: \"$PABEAN_TEST_S3\", bucket: pabean, prefix: \"$1-$$-$RANDOM\"}}"
}
# serve_again NAME   starts it (again) with the configuration that is there
serve_again() {
	local name=$1
	"$PABEAN" serve --config "$work/$name.yaml" --db "${serve_db:-$work/$name/db}" --cache-dir "$work/$name/cache" >>"$work/$name.out" 2>>"$work/$name.log" &
	echo $! >"$work/$name.pid"
	pids="$pids $!"
	wait_for 20 test -S "$work/$name/state/pabean.sock" && wait_for 20 curl -sf -o /dev/null "http://127.0.0.1:$port/healthz"
}
serve_stop() {	# NAME [SIGNAL]
	local pid
	pid=$(cat "$work/$1.pid")
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}
# An advisory database that knows the test's system, so that clean images are admitted; made once.
serve_data() {
	serve_db=$work/servedb
	"$PABEAN" db import --db "$serve_db" "$here/../../demo/advisories" >/dev/null 2>&1
}
# status METHOD PATH [curl options]: the HTTP status
status() { local m=$1 p=$2; shift 2; case $m in HEAD) curl -s -o /dev/null -w '%{http_code}' -I "$@" "$url$p" ;; *) curl -s -o "$work/body" -w '%{http_code}' -X "$m" "$@" "$url$p" ;; esac; }
