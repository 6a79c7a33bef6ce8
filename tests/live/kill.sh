#!/bin/bash
# kill -9 at random points (kill.py says what): a few times in CI, KILLS=300 by hand; on PostgreSQL and S3 by PAIR=1 (serve_pair.sh starts both).
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need kill python3:python3 curl:curl
[ -z "${SANITIZED:-}" ] || skip_all kill "processes under a sanitizer take too long"
cd "$work" || exit 1
serve_data
tr 'A-Za-z' 'N-ZA-Mn-za-m' <"$here/../../demo/miner.rot13" >miner
cat >policy.yaml <<'P'
version: 1
rules:
  - {name: miner, when: {kind: [miner, malware]}, then: refuse, because: It mines}
waivers: []
P
port=$(free_port) upport=$(free_port)
rest="policies: {strict: $work/policy.yaml}
repositories: [{match: \"**\", gate: enforce, policy: strict}]
upstreams: {docker.io: off, ghcr.io: off, quay.io: off, gcr.io: off, registry.k8s.io: off, mcr.microsoft.com: off, up: {url: \"http://127.0.0.1:$upport\", insecure: true}}
anonymous: [pull, push, delete]
pull_wait: 20s
gc_every: 1s
gc_grace: 5s
keep_uploads: 60s"
{
	echo "serve:"
	echo "  listen: 127.0.0.1:$port"
	echo "  state: $work/state"
	pair_lines kill
	printf '%s\n' "$rest" | sed 's/^/  /'
} >serve.yaml
{ printf 'serve:\n  listen: 127.0.0.1:@PORT@\n  state: "@STATE@"\n'; printf '%s\n' "$rest" | sed 's/^/  /'; } >fresh.yaml
# Empty databases for deaths during the migration.
n=$((${KILLS:-22} / 6))
[ $n -gt 2 ] || n=2
if [ -n "${PABEAN_TEST_PG_DIR:-}" ]; then
	for i in $(seq 0 $((n - 1))); do
		(cd / && ${PABEAN_TEST_PG_AS:-} "$PABEAN_TEST_PG_BIN/createdb" -h "$PABEAN_TEST_PG_DIR" -U pabean "fresh_$$_$i")
	done
	echo "  database: \"postgresql://pabean@/fresh_$$_@N@?host=$PABEAN_TEST_PG_DIR\"" >>fresh.yaml
fi
[ -z "${PABEAN_TEST_S3:-}" ] || echo "  blobs: {s3: {endpoint: \"$PABEAN_TEST_S3\", bucket: pabean, prefix: \"fresh-$$-@N@\"}}" >>fresh.yaml
KILL_LOG=${KILL_LOG:-$work/log} timeout "${KILL_TIMEOUT:-100}" python3 -B "$here/kill.py" "$PABEAN" serve.yaml "$port" "$upport" "$serve_db" "$work/cache" "${KILLS:-22}" "$work/state" miner fresh.yaml \
	>out 2>err
status=$?
cat out
grep -v '^#' err >&2
grep '^#' err >&2
[ $status = 0 ] && grep -q "^ok - killed" out || { [ -s out ] || echo "not ok - kill -9 at random points: the driver ended with $status"; tail -20 log 2>/dev/null | cut -c1-400 >&2; }
exit 0
