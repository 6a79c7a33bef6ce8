#!/bin/bash
# The unit tests of records against a real PostgreSQL: a cluster of its own, on a Unix socket, in a temporary directory; then the same with
# the server restarted in the middle.
set -u
BUILD=${BUILD:-$(cd "$(dirname "$0")/../../build" && pwd)}
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
if [ -z "$bin" ] && command -v initdb >/dev/null; then bin=$(dirname "$(command -v initdb)"); fi
[ -n "$bin" ] || { echo "skip - records on PostgreSQL: no PostgreSQL here (Debian's package postgresql)"; exit 0; }
[ -x "$BUILD/tests/unit/test_sql_sql" ] || { echo "skip - records on PostgreSQL: the unit tests are not built"; exit 0; }

# A socket's path is at most 107 bytes, and the server refuses to be root.
work=$(mktemp -d /tmp/sqlpg.XXXXXX)
as=
if [ "$(id -u)" = 0 ]; then
	user=nobody
	id postgres >/dev/null 2>&1 && user=postgres
	chown "$user" "$work"
	as="runuser -u $user --"
fi
chmod 755 "$work"
server() { (cd "$work" && $as "$bin/pg_ctl" -D "$work/data" -s -w -t 30 "$@"); }
finish() {
	server stop -m immediate >/dev/null 2>&1
	rm -rf "$work"
}
trap finish EXIT

(cd "$work" && $as "$bin/initdb" -D "$work/data" -U pabean -A trust -E UTF8 --locale=C.UTF-8 --no-sync) >"$work/log" 2>&1 &&
	server start -l "$work/server.log" -o "-k $work -c listen_addresses= -c max_connections=60" >>"$work/log" 2>&1 &&
	(cd "$work" && $as "$bin/createdb" -h "$work" -U pabean pabean) >>"$work/log" 2>&1 ||
	{ cat "$work/log" "$work/server.log" >&2; echo "not ok - a PostgreSQL of our own starts"; exit 1; }
export PABEAN_TEST_PG="postgresql://pabean@/pabean?host=$work"

run() {	# name, program, arguments
	local name=$1
	shift
	if timeout 50 "$@" >"$work/log" 2>&1; then echo "ok - $name"; else
		echo "not ok - $name"
		tail -n 30 "$work/log" >&2
	fi
}
run "records on PostgreSQL" "$BUILD/tests/unit/test_sql_sql"
run "several processes on PostgreSQL" "$BUILD/tests/unit/test_sql_processes"
(cd "$work" && $as "$bin/createdb" -h "$work" -U pabean accounts) >>"$work/other.log" 2>&1
PABEAN_TEST_PG="postgresql://pabean@/accounts?host=$work" run "accounts on PostgreSQL" "$BUILD/tests/unit/test_access_database"

# Garbage collection, each test on an empty database of its own.
for t in check keep keep_race; do
	[ -x "$BUILD/tests/unit/test_store_$t" ] || { echo "skip - store/$t on PostgreSQL: not built"; continue; }
	(cd "$work" && $as "$bin/createdb" -h "$work" -U pabean "$t") >>"$work/other.log" 2>&1
	PABEAN_TEST_PG="postgresql://pabean@/$t?host=$work" run "garbage collection on PostgreSQL: $t" "$BUILD/tests/unit/test_store_$t"
done

# Threads write and count what they were told; the server goes away three times, once without a word.
run "PostgreSQL restarted in the middle: set up" "$BUILD/tests/unit/test_sql_restart" setup
timeout 50 "$BUILD/tests/unit/test_sql_restart" load "$work/stop" >"$work/load.log" 2>&1 &
load=$!
sleep 0.7
server restart -m fast >>"$work/other.log" 2>&1
sleep 0.5
server restart -m immediate >>"$work/other.log" 2>&1
sleep 0.5
(cd "$work" && $as "$bin/psql" -q -h "$work" -U pabean pabean -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL") >>"$work/other.log" 2>&1
sleep 0.5
touch "$work/stop"
if wait $load; then echo "ok - nothing is lost or done twice while PostgreSQL restarts ($(grep -o 'writes.*' "$work/load.log" | head -1))"; else
	echo "not ok - nothing is lost or done twice while PostgreSQL restarts"
	tail -n 30 "$work/load.log" >&2
fi
