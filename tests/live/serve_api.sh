#!/bin/bash
# /api/v1 of a running registry against its own description; events as a feed and to a webhook; the commands; metrics; the audit log, also spoilt.
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need serve_api python3:python3 curl:curl jq:jq
cd "$work" || exit 1
serve_data
printf '0123456789abcdef-hook\n' >hook.key
cat >policy.yaml <<'P'
version: 1
rules:
  - name: miner
    when: { kind: [miner, malware] }
    then: refuse
    because: It mines
waivers: []
P
hook=$(free_port)
background hook.log python3 "$here/serve_api.py" hook "$hook" 0123456789abcdef-hook "$work/hook.seen"
touch hook.seen
serve_start api "policies: {default: $work/policy.yaml}
repositories: [{match: \"scratch/**\", gate: \"off\"}]
webhooks: [{url: \"http://127.0.0.1:$hook/in\", secret_file: $work/hook.key, events: [\"verdict.*\"]}]
log: json" || { echo "not ok - the server starts"; tail -5 api.log >&2; exit 1; }
sock=$work/api/state/pabean.sock
export PABEAN_STATE=$work/api/state
pb() { "$PABEAN" "$@" 2>>messages; }
is() { local want=$1 got; shift; pb "$@" >out; got=$?; [ $got = "$want" ] || { echo "$*: got $got" >&2; false; }; }
miner() { tr 'A-Za-z' 'N-ZA-Mn-za-m' <"$here/../../demo/miner.rot13"; }

reg image clean --file "app/hello=hello" >/dev/null
reg image bad --script "opt/app/start=$(miner)" --entrypoint '["/opt/app/start"]' >/dev/null
reg push "$url" team/app good clean >/dev/null && reg push "$url" team/app bad bad >/dev/null
host=127.0.0.1:$port
check "verdict: admitted is 0" is 0 verdict "$host/team/app:good" --wait 30s
check "verdict: refused is 1, with the reason" is 1 verdict team/app:bad --wait 30s
check "and its reason" grep -q "It mines" out
check "verdict: what is not there is 2" is 2 verdict team/app:none
check "verdict --format json" eval 'pb verdict team/app:bad --format json | jq -e ".state == \"refused\" and .reasons[0].rule == \"miner\"" >/dev/null'
check "verdict --report" eval 'pb verdict team/app:bad --report --color never | grep -qi min'
check "status shows what is not gated, loudly" eval 'pb status | grep -q "ATTENTION: the gate is OFF for scratch"'
check "fetch --wait of what is here" is 0 fetch team/app:good --wait
check "rejudge --dry-run says what would change" eval 'sed s/refuse/hold/ policy.yaml >soft.yaml && pb rejudge --dry-run --policy soft.yaml | grep -q "refused *-> *held"'
check "approve needs an end" is 2 approve team/app:bad --reason x
check "a request waits for approvers" eval 'pb request team/app:bad --reason please && pb request | grep -q please'
check "approve" is 0 approve team/app:bad --reason "a test" --until 1d
check "is then admitted" is 0 verdict team/app:bad
check "and its request answered" eval 'pb request --answered | grep -q granted'
check "revoke" is 0 revoke team/app:bad --reason "a test"
check "is then refused" is 1 verdict team/app:bad
check "a decision ends by its number" eval 'pb revoke --decision 2 --reason over && pb revoke --decision 1 --reason over'

check "the feed tells what happened" eval '[ "$(timeout 20 python3 "$here/serve_api.py" feed "$sock" 0 3 | sort -u | grep -c -e manifest.pushed -e verdict)" -ge 2 ]'
tried() { grep -q "^verdict.refused True 2 team/app@sha256:" hook.seen && grep -q "^verdict.admitted True 2 " hook.seen; }
check "webhooks come signed, again after a failure" wait_for 15 tried
check "and only those events that are wanted" eval '! grep -qv "^verdict\." hook.seen'

python3 "$here/serve_api.py" openapi "$sock" "$url" team/app:good team/app:bad

curl -s "$url/metrics" >metrics
for m in 'verdicts{state="admitted"}' 'verdicts{state="refused"}' 'jobs{state="waiting"}' 'store_up 1' 'gate_not_enforced{match="scratch/**",gate="off"} 1' \
	'request_seconds_bucket{handler="manifest.put"' queue_oldest_seconds upstream_errors_total; do
	check "metrics: $m" grep -qF "pabean_$m" metrics
done
check "metrics: each line is well formed" eval '! grep -vqE "^(# (HELP|TYPE) pabean_[a-z_]+ .+|pabean_[a-z0-9_]+(\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\})? [0-9.e+-]+)$" metrics'
check "readyz" [ "$(status GET /readyz)" = 200 ]
check "each line of the log is one JSON object" eval 'grep -v "^pabean: " api.log | jq -es "length > 5 and all(.time and .level and .msg)" >/dev/null'
curl -s -o /dev/null "$url/v2/x/manifests/%0A%7B%22level%22:%22fatal%22%7D"
check "nothing that is sent makes a line of its own" eval '! grep -q "^{\"level\":\"fatal" api.log'

check "the audit log is whole while the server runs" is 0 audit-log verify --config api.yaml
serve_stop api
check "and after it stopped" is 0 audit-log verify --config api.yaml
check "its signed head, too" grep -q "whole.*signed heads agree" out
cp api/state/audit.jsonl whole
head -n -2 whole >api/state/audit.jsonl
check "records cut off at the end are found" is 1 audit-log verify --config api.yaml --file api/state/audit.jsonl --heads api/state/audit-heads.jsonl --public-key api/state/audit.pub
sed 3d whole >api/state/audit.jsonl
check "a missing record is found" eval 'is 1 audit-log verify --config api.yaml && grep -q "record 3 is missing" out'
sed '3s/"time":"2/"time":"1/' whole >api/state/audit.jsonl
check "a changed record is found" eval 'is 1 audit-log verify --config api.yaml && grep -q "record 3 was changed" out'
cp whole api/state/audit.jsonl
if [ -z "${PABEAN_TEST_PG_DIR:-}" ]; then
	python3 -c 'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.execute("DELETE FROM audit WHERE seq = (SELECT MAX(seq) FROM audit)"); d.commit()' api/state/pabean.db
	check "a record missing in the database is found" is 1 audit-log verify --config api.yaml
fi
true
