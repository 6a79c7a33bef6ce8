#!/bin/bash
# The gate on every door (issue: serve, section 3; ATTACKS.md 8, 12, 13): what is refused, held or not judged goes out by none of them.
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need serve_gate python3:python3 curl:curl jq:jq
cd "$work" || exit 1
serve_data
cat >policy.yaml <<'P'
version: 1
rules:
  - name: miner
    when: { kind: [miner, malware] }
    then: refuse
    because: It mines
  - name: marked
    when: { kind: [misconfiguration, integrity], rule: "artifact.unknown" }
    then: hold
    because: Nobody knows this artifact
waivers: []
P
serve_start one "repositories:
  - {match: \"scratch/**\", gate: \"off\"}
  - {match: \"warned/**\", gate: warn, policy: strict}
  - {match: \"loose/**\", policy: strict, tag_rollback: warn}
  - {match: \"**\", gate: enforce, policy: strict}
policies: {strict: $work/policy.yaml}
pull_wait: 20s" || { echo "not ok - the server starts"; tail -5 one.log >&2; exit 1; }
echo "ok - the server starts"
cli() { "$PABEAN" "$@" --state "$work/one/state"; }
miner() { tr 'A-Za-z' 'N-ZA-Mn-za-m' <"$here/../../demo/miner.rot13"; }

clean=$(reg image clean --file "app/hello=hello")
bad=$(reg image bad --script "opt/app/start=$(miner)" --entrypoint '["/opt/app/start"]')
reg push "$url" team/app good clean >/dev/null && reg push "$url" team/app bad bad >/dev/null && reg push "$url" other/app bad bad >/dev/null
check "a clean image is admitted after the first pull waited" [ "$(status GET /v2/team/app/manifests/good)" = 200 ]
check "the same by digest" [ "$(status GET "/v2/team/app/manifests/$clean")" = 200 ]
check "HEAD as well" [ "$(status HEAD "/v2/team/app/manifests/$clean")" = 200 ]
blob_of() { python3 -c 'import json,sys; m=json.load(open(sys.argv[1]+"/manifest")); print(m[sys.argv[2]]["digest"] if sys.argv[2]=="config" else m["layers"][0]["digest"])' "$1" "$2"; }
good_layer=$(blob_of clean layer) bad_layer=$(blob_of bad layer) bad_config=$(blob_of bad config)
check "its blobs go out" [ "$(status GET "/v2/team/app/blobs/$good_layer")" = 200 ]
check "a miner is refused: GET by tag" [ "$(status GET /v2/team/app/manifests/bad)" = 403 ]
check "with the reason" grep -q "PABEAN_REFUSED.*It mines.*api/v1/report" body
check "GET by digest" [ "$(status GET "/v2/team/app/manifests/$bad")" = 403 ]
check "HEAD by tag" [ "$(status HEAD /v2/team/app/manifests/bad)" = 403 ]
check "HEAD by digest" [ "$(status HEAD "/v2/team/app/manifests/$bad")" = 403 ]
check "GET of its layer is as if absent" [ "$(status GET "/v2/team/app/blobs/$bad_layer")" = 404 ]
# docker's push asks so for what it has just sent, and fails without; accounts see only their own (serve_clients_through.sh)
check "HEAD of its layer, for the anonymous who brought it within the hour and may push there" [ "$(status HEAD "/v2/team/app/blobs/$bad_layer")" = 200 ]
check "HEAD of its layer by another repository" [ "$(status HEAD "/v2/team/none/blobs/$bad_layer")" = 404 ]
check "GET of its config" [ "$(status GET "/v2/team/app/blobs/$bad_config")" = 404 ]
check "a range of its layer" [ "$(status GET "/v2/team/app/blobs/$bad_layer" -H 'Range: bytes=0-10')" = 404 ]
check "mounting its layer elsewhere gives an upload, no blob" [ "$(status POST "/v2/team/mine/blobs/uploads/?mount=$bad_layer&from=team/app")" = 202 ]
check "and does not make it readable there" [ "$(status GET "/v2/team/mine/blobs/$bad_layer")" = 404 ]
check "nor mounting into a repository without a gate" [ "$(status POST "/v2/scratch/mine/blobs/uploads/?mount=$bad_layer&from=team/app")" = 202 ]
check "the admitted layer mounts" [ "$(status POST "/v2/team/mine/blobs/uploads/?mount=$good_layer&from=team/app")" = 201 ]
check "whoever says to be a scanner gets no more" [ "$(status GET /v2/team/app/manifests/bad -H 'User-Agent: Trivy')" = 403 ]
check "the tag list does not hide that it exists" grep -q good <(curl -s "$url/v2/team/app/tags/list")

# An index is as good as its worst child of interest.
arm=$(reg image arm --file "app/hello=arm" --platform linux/arm64)
reg push "$url" team/multi "" clean >/dev/null && reg push "$url" team/multi "" arm >/dev/null && reg push "$url" team/multi "" bad >/dev/null
reg index "$url" team/multi fine clean=linux/amd64 arm=linux/arm64 >/dev/null
reg index "$url" team/multi mixed clean=linux/amd64 bad=linux/arm64 >/dev/null
check "an index of admitted images is served" [ "$(status GET /v2/team/multi/manifests/fine)" = 200 ]
check "one with a refused child is refused" [ "$(status GET /v2/team/multi/manifests/mixed)" = 403 ]
check "HEAD of it, too" [ "$(status HEAD /v2/team/multi/manifests/mixed)" = 403 ]
check "its honest child by itself is served" [ "$(status GET "/v2/team/multi/manifests/$clean")" = 200 ]

# Artifacts.
reg artifact "$url" team/app known application/vnd.cncf.notary.signature '{"payload":"x"}' --subject "$clean" >/dev/null
odd=$(reg artifact "$url" team/app odd application/x-odd 'whatever' --subject "$clean")
check "a known kind of artifact is served" [ "$(status GET /v2/team/app/manifests/known)" = 200 ]
check "an unknown one is held" [ "$(status GET /v2/team/app/manifests/odd)" = 403 ]
curl -s "$url/v2/team/app/referrers/$clean" >referrers
check "referrers list the signature" grep -q notary referrers
check "and not what is held" sh -c "! grep -q $odd referrers"

# Off and warn.
reg push "$url" scratch/app bad bad >/dev/null && reg push "$url" warned/app bad bad >/dev/null
check "gate: off serves at once" [ "$(status GET /v2/scratch/app/manifests/bad)" = 200 ]
wait_for 20 sh -c "curl -s -D- -o /dev/null $url/v2/warned/app/manifests/bad | grep -qi '^warning:.*It mines'"
check "gate: warn serves with a warning that says why" sh -c "curl -s -D- -o /dev/null $url/v2/warned/app/manifests/bad | grep -qi '^warning:.*It mines'"

# People.
check "approving needs a reason" sh -c '! "$0" approve "$1" --until 2999-01-01 --state "$2" 2>/dev/null' "$PABEAN" "localhost:$port/team/app@$bad" "$work/one/state"
soon=$(date -u -d '+10 days' +%Y-%m-%d)
check "a person approves" cli approve "localhost:$port/team/app@$bad" --reason "known test" --until "$soon"
check "now it is served" [ "$(status GET "/v2/team/app/manifests/$bad")" = 200 ]
check "with its layer" [ "$(status GET "/v2/team/app/blobs/$bad_layer")" = 200 ]
check "but not in another repository" [ "$(status GET "/v2/other/app/manifests/$bad")" = 403 ]
check "revoking beats the approval" cli revoke "localhost:$port/team/app@$bad" --reason "no longer"
check "and it is refused again" [ "$(status GET "/v2/team/app/manifests/$bad")" = 403 ]
check "its layer, too" [ "$(status GET "/v2/team/app/blobs/$bad_layer")" = 404 ]
check "verdict says so" sh -c '"$0" verdict "$1" --state "$2" | grep -qi revoked' "$PABEAN" "localhost:$port/team/app@$bad" "$work/one/state"

# A new policy withdraws within seconds, and the served tag stays shut.
check "before: served" [ "$(status GET /v2/team/app/manifests/good)" = 200 ]
sed -i 's/^rules:/rules:\n  - {name: all, when: {kind: [misconfiguration, coverage]}, then: refuse, because: "Everything is refused now"}/' policy.yaml
kill -HUP "$(cat one.pid)"
check "after a new policy the same image is refused within seconds" wait_for 8 sh -c "[ \$(curl -s -o /dev/null -w '%{http_code}' $url/v2/team/app/manifests/good) = 403 ]"
check "its blobs no longer go out" [ "$(status GET "/v2/team/app/blobs/$good_layer")" = 404 ]
check "an event tells of the withdrawal" wait_for 5 sh -c "curl -s --unix-socket $work/one/state/pabean.sock http://localhost/api/v1/events?once=1 | grep -q verdict.withdrawn || grep -q verdict.withdrawn $work/one/state/audit.jsonl"
sed -i '/name: all/d' policy.yaml
kill -HUP "$(cat one.pid)"
check "and the old policy lets it out again" wait_for 8 sh -c "[ \$(curl -s -o /dev/null -w '%{http_code}' $url/v2/team/app/manifests/good) = 200 ]"

# Tags: a refused push leaves the served one alone (GATE.md 3).
reg push "$url" team/app good bad >/dev/null
check "a refused push does not move the served tag" wait_for 10 sh -c "curl -s -D- -o /dev/null $url/v2/team/app/manifests/good | tr -d '\r' | grep -qi 'docker-content-digest: $clean'"
check "and a warning says what is newer" sh -c "curl -s -D- -o /dev/null $url/v2/team/app/manifests/good | grep -qi '^warning:'"

# A tag that is pushed back to a digest it served before (GATE.md 5).
serves() { curl -s -D- -o /dev/null "$url/v2/$1/manifests/v" | tr -d '\r' | grep -qi "docker-content-digest: $2"; }
rollbacks() { curl -s --unix-socket one/state/pabean.sock "http://localhost/api/v1/events?n=1000&type=tag.rollback" | grep -o '"tag.rollback"\|"followed":[a-z]*' | tr '\n' ' '; }
other=$(reg image other --file "app/other=other")
for repo in team/back loose/back; do
	reg push "$url" $repo v clean >/dev/null && wait_for 20 serves $repo "$clean" && reg push "$url" $repo v other >/dev/null && wait_for 20 serves $repo "$other" &&
		reg push "$url" $repo v clean >/dev/null
done
check "a tag pushed back to an older digest is held" wait_for 5 serves team/back "$other"
check "that digest can be pulled" [ "$(status GET "/v2/team/back/manifests/$clean")" = 200 ]
check "tag_rollback: warn follows" wait_for 5 serves loose/back "$clean"
serves team/back "$other"
check "each is told once" [ "$(rollbacks)" = '"tag.rollback" "followed":false "tag.rollback" "followed":true ' ]

# After a restart all of that still holds.
serve_stop one
check "stopped in good order" grep -q stopping one.log
serve_again one
check "after a restart: the admitted is served" [ "$(status GET "/v2/team/app/manifests/$clean")" = 200 ]
check "after a restart: the refused is not" [ "$(status GET "/v2/team/app/manifests/$bad")" = 403 ]
check "the audit log is whole" "$PABEAN" audit-log verify --config "$work/one.yaml"
