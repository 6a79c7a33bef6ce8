#!/bin/bash
# `pabean serve` when what it stands on fails: a full or read-only disk, a locked or lost database, dead and sleeping workers; with serve_pair.sh's servers also
# PostgreSQL restarted and S3 in trouble. Requests fail clearly, nothing unadmitted goes out, and it recovers by itself.
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need serve_faults python3:python3 curl:curl
cd "$work" || exit 1
serve_data
cat >policy.yaml <<'P'
version: 1
rules:
  - {name: miner, when: {kind: [miner, malware]}, then: refuse, because: It mines}
P
cleanup() { umount -l "$work/one/state" 2>/dev/null; for p in $(cat "$work"/*.workers 2>/dev/null); do kill -CONT "$p" 2>/dev/null; done; true; }
mkdir -p one/state
small=
[ -z "${PABEAN_TEST_S3:-}" ] && [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=48m,mode=700 tmpfs one/state 2>/dev/null && small=1
config="repositories: [{match: \"scratch/**\", gate: \"off\"}, {match: \"**\", gate: enforce, policy: strict}]
policies: {strict: $work/policy.yaml}
pull_wait: 3s"
if [ -n "${PABEAN_TEST_S3:-}" ]; then
	background faults.log python3 "$here/blob_s3_faults.py" "${PABEAN_TEST_S3##*:}"
	wait_for 10 grep -q ^port faults.log
	read -r _ s3port <faults.log
	PABEAN_TEST_S3=http://127.0.0.1:$s3port
fi
serve_start one "$config" || { echo "not ok - the server starts"; tail -5 one.log >&2; exit 1; }
miner() { tr 'A-Za-z' 'N-ZA-Mn-za-m' <"$here/../../demo/miner.rot13"; }
clean=$(reg image clean --file "app/hello=hello")
bad=$(reg image bad --script "opt/app/start=$(miner)" --entrypoint '["/opt/app/start"]')
reg push "$url" team/app good clean >/dev/null && reg push "$url" team/app bad bad >/dev/null
layer=$(python3 -c 'import json; print(json.load(open("bad/manifest"))["layers"][0]["digest"])')
is() { local want=$1; shift; local got; got=$(status "$@" -m 60); echo "status $got, wanted $want"; case " $want " in *" $got "*) ;; *) return 1 ;; esac; }
good() { is 200 GET /v2/team/app/manifests/good; }
shut() {	# nothing of the refused image goes out, whatever happens
	local s
	for s in "$(status GET "/v2/team/app/manifests/bad" -m 30)" "$(status GET "/v2/team/app/manifests/$bad" -m 30)" "$(status GET "/v2/team/app/blobs/$layer" -m 30)"; do
		echo "status $s"
		[ "$s" != 200 ] && [ "$s" != 206 ] || return 1
	done
}
lives() { kill -0 "$(cat one.pid)" && [ "$(status GET /healthz -m 5)" = 200 ]; }
pushes() { reg image "new$1" --file "app/x=$1" --seed "$1" >/dev/null && reg push "$url" team/app "new$1" "new$1" >/dev/null; }
fails_clearly() { local s; s=$(status "$@" -m 60); echo "status $s"; case $s in 429 | 50[0237]) ;; *) return 1 ;; esac; }
check "before: the clean image is admitted" wait_for 20 good
check "before: the other one is refused" is 403 GET /v2/team/app/manifests/bad

# --- Disk --------------------------------------------------------------------------------------------------------------------
if [ -n "$small" ] && [ -z "${PABEAN_TEST_S3:-}" ]; then
	dd if=/dev/zero of=one/state/filler bs=64k >/dev/null 2>&1
	head -c 2000000 /dev/urandom >blob
	check "a full disk: an upload fails clearly" fails_clearly POST "/v2/scratch/app/blobs/uploads/?digest=sha256:$(sha256sum blob | cut -c1-64)" --data-binary @blob
	check "what is admitted is still served" good
	check "what is refused is not" shut
	check "the server lives" lives
	check "and does not fill the memory" sh -c '[ "$(awk "/VmRSS/ {print int(\$2/1024)}" /proc/$(cat one.pid)/status)" -lt '"$([ -n "${SANITIZED:-}" ] && echo 2000 || echo 128)"' ]'
	rm one/state/filler
	check "with room again it takes uploads" wait_for 20 is 201 POST "/v2/scratch/app/blobs/uploads/?digest=sha256:$(sha256sum blob | cut -c1-64)" --data-binary @blob
	check "and images" wait_for 20 pushes 1
	check "which are admitted" wait_for 30 is 200 GET /v2/team/app/manifests/new1
	serve_stop one
	mount -o remount,ro one/state
	timeout 30 "$PABEAN" serve --config one.yaml --db "$serve_db" --cache-dir "$work/one/cache" >ro.log 2>&1
	code=$?
	check "on a read-only disk it does not start, and says why" sh -c "[ $code -ne 0 ] && [ $code -lt 124 ] && grep -qi 'read.only' ro.log"
	mount -o remount,rw one/state
	serve_again one
	check "and starts when it is writable" wait_for 20 good
fi

# --- Database -----------------------------------------------------------------------------------------------------------------
if [ -z "${PABEAN_TEST_PG_DIR:-}" ]; then
	python3 - "$work/one/state/pabean.db" >locked 2>&1 <<'PY' &
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
c.execute("BEGIN EXCLUSIVE"); print("locked", flush=True); time.sleep(9); c.execute("ROLLBACK")
PY
	locker=$!
	wait_for 20 grep -q ^locked locked
	check "a locked database: pulls go on" good
	check "what is refused stays so" shut
	check "a push waits, or fails clearly" is "201 202 429 500 503" POST /v2/team/app/blobs/uploads/ -H 'Content-Length: 0'
	wait "$locker"
	check "afterwards pushes go on" wait_for 20 pushes 2
	check "and are admitted" wait_for 30 is 200 GET /v2/team/app/manifests/new2
else
	ctl() { (cd / && ${PABEAN_TEST_PG_AS:-} "$PABEAN_TEST_PG_BIN/pg_ctl" -D "$PABEAN_TEST_PG_DIR/data" -s -w -t 30 -m immediate "$@" >/dev/null 2>&1); }
	ctl stop
	check "PostgreSQL is away: a push fails clearly" fails_clearly POST /v2/team/app/blobs/uploads/
	check "nothing refused goes out" shut
	sleep 6
	check "nor anything gated, once the verdicts may be old" fails_clearly GET /v2/team/app/manifests/good
	check "the server lives" lives
	ctl start -l "$PABEAN_TEST_PG_DIR/server.log" -o "-k $PABEAN_TEST_PG_DIR -c listen_addresses= -c max_connections=100"
	check "PostgreSQL is back: pulls" wait_for 20 good
	check "and pushes" wait_for 20 pushes 2
	check "which are admitted" wait_for 60 is 200 GET /v2/team/app/manifests/new2
fi

# --- S3 -------------------------------------------------------------------------------------------------------------------------
if [ -n "${PABEAN_TEST_S3:-}" ]; then
	fault() { printf '[{"match": "%s", "fault": "%s", "count": %s}]' "$1" "$2" "$3" | curl -sf -X PUT --data-binary @- "$PABEAN_TEST_S3/faults" >/dev/null; }
	clean_layer=$(python3 -c 'import json; print(json.load(open("clean/manifest"))["layers"][0]["digest"])')
	fault . 500 1000
	check "S3 answers 500: a blob fails clearly" fails_clearly GET "/v2/team/app/blobs/$clean_layer"
	check "and a push" sh -c "! python3 '$here/inc/reg.py' blob '$url' scratch/app during >/dev/null 2>&1"
	check "manifests are served" good
	fault none 500 0
	check "S3 is well again" wait_for 20 is 200 GET "/v2/team/app/blobs/$clean_layer"
	check "and takes pushes" wait_for 20 reg blob "$url" scratch/app after
	fault 'GET .*blobs' stall 1
	began=$SECONDS
	status GET "/v2/team/app/blobs/$clean_layer" -m 80 >stalled
	check "S3 does not answer: the request ends" [ $((SECONDS - began)) -lt 75 ]
	check "others go on meanwhile" good
	fault none 500 0
fi

# --- Workers --------------------------------------------------------------------------------------------------------------------
workers() { pgrep -P "$(cat one.pid)" -f 'pabean worker'; }
workers >one.workers
pushes 3
kill -9 $(cat one.workers)
check "workers killed in the midst: others take their place" wait_for 20 sh -c "[ \$(pgrep -P $(cat one.pid) -f 'pabean worker' | wc -l) = $(wc -l <one.workers) ]"
check "what they had begun is inspected" wait_for 60 is 200 GET /v2/team/app/manifests/new3
workers >one.workers
kill -STOP $(cat one.workers)
pushes 4
check "workers that hang: 429, and again later" is 429 GET /v2/team/app/manifests/new4
check "what is admitted is served" good
check "what is refused is not" shut
kill -CONT $(cat one.workers)
check "and it goes on when they do" wait_for 60 is 200 GET /v2/team/app/manifests/new4

# --- The database is gone ---------------------------------------------------------------------------------------------------------
if [ -z "${PABEAN_TEST_PG_DIR:-}" ]; then
	rm -f one/state/pabean.db*
	check "the database is removed under it: nothing refused goes out" shut
	check "the server lives" lives
	serve_stop one
	serve_again one
	check "started anew it knows nothing, and gives nothing" is 404 GET /v2/team/app/manifests/good
	check "not even by digest" is 404 GET "/v2/team/app/blobs/$layer"
	check "and takes pushes" wait_for 20 pushes 5
	check "which are admitted" wait_for 60 is 200 GET /v2/team/app/manifests/new5
fi
serve_stop one
check "no fault of memory (sanitized builds)" sh -c "! grep -qE 'runtime error:|AddressSanitizer|LeakSanitizer' one.log"
[ -z "${KEEP_LOG:-}" ] || cp one.log "$KEEP_LOG"
