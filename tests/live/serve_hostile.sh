#!/bin/bash
# `pabean serve` under attack: ATTACKS.md 1-13 (3, 4 and 9 against upstreams are in upstream.sh), browsers, uploads, bombs, floods.
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need serve_hostile python3:python3 curl:curl openssl:openssl
cd "$work" || exit 1
serve_data
secret=only-for-this-test
hash=$(openssl passwd -6 $secret)
cat >accounts.yaml <<END
users:
  - {name: root, hash: "$hash", grants: ["**:pull,push,delete,approve,admin"]}
  - {name: alice, hash: "$hash", grants: ["team/**:pull,push", "scratch/**:pull,push", "warned/**:pull,push", "small/**:pull,push"]}
  - {name: bob, hash: "$hash", grants: ["bob/**:pull,push", "evil/**:pull"]}
  - {name: pusher, hash: "$hash", grants: ["team/**:push", "scratch/**:push"]}
  - {name: fixer, hash: "$hash", grants: ["fixed/**:pull,push,delete"]}
  - {name: near, hash: "$hash", grants: ["team/*:pull,approve"]}
END
chmod 600 accounts.yaml
cat >policy.yaml <<'P'
version: 1
rules:
  - {name: miner, when: {kind: [miner, malware]}, then: refuse, because: "It mines"}
  - {name: unseen, when: {kind: coverage, skip: [layer, executable, budget]}, then: hold, because: "Not all of it was seen"}
P
EVIL=$(free_port)
export EVIL
rules="anonymous: []
accounts: {file: $work/accounts.yaml}
repositories:
  - {match: \"scratch/**\", gate: \"off\"}
  - {match: \"warned/**\", gate: warn, policy: strict}
  - {match: \"small/**\", gate: \"off\", quota: 20000}
  - {match: \"fixed/**\", gate: \"off\", immutable_tags: true}
  - {match: \"**\", gate: enforce, policy: strict}
policies: {strict: $work/policy.yaml}
upstreams: {evil: {url: \"http://127.0.0.1:$EVIL\", insecure: true, timeout: 3s}}"
serve_start one "$rules
pull_wait: 10s" || { echo "not ok - the server starts"; tail -5 one.log >&2; exit 1; }
part() { python3 "$here/serve_hostile.py" "$url" $secret "$work" "$@" || { echo "# $1: the server's last words" >&2; grep -E 'level=(error|warn)' one.log | tail -4 | cut -c1-400 >&2; }; }
for p in ${PARTS:-blobs manifests rights browsers upstream floods}; do part "$p"; done
check "the server is the one that was started" kill -0 "$(cat one.pid)"
check "nothing went wrong inside (no 500)" sh -c "! grep -q 'status=500' $work/one.log"
check "the audit log is whole" "$PABEAN" audit-log verify --state "$work/one/state"
serve_stop one
check "nor in memory (sanitized builds)" sh -c "! grep -qE 'runtime error:|AddressSanitizer|LeakSanitizer' $work/one.log"
[ -z "${KEEP_LOG:-}" ] || cp one.log "$KEEP_LOG"
# What nobody inspects is waited for.
serve_start two "$rules
workers: 0
quarantine_bytes: 1M
pull_wait: 6s"
SERVER=two part waiters
SERVER=two part quarantine
check "this one lives, too" kill -0 "$(cat two.pid)"
# Default credentials (11).
for user in admin:admin admin:password; do
	printf 'users:\n  - {name: %s, hash: "%s", grants: ["**:pull"]}\n' "${user%%:*}" "$(openssl passwd -6 "${user#*:}")" >accounts.yaml
	chmod 600 accounts.yaml
	sed "s|/two/|/three/|" two.yaml >three.yaml
	timeout 20 "$PABEAN" serve --config three.yaml --db "$serve_db" --cache-dir "$work/three/cache" >three.log 2>&1
	check "it does not start with $user" grep -q 'password that products ship with' three.log
done
