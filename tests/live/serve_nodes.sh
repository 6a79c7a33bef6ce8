#!/bin/bash
# Two servers and a worker of their own over one PostgreSQL and one S3: run by serve_pair.sh, which starts those.
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
[ -n "${PABEAN_TEST_PG_DIR:-}" ] && [ -n "${PABEAN_TEST_S3:-}" ] || skip_all serve_nodes "it needs PostgreSQL and S3: serve_pair.sh runs it with both"
need serve_nodes python3:python3 curl:curl docker-registry:docker-registry
cd "$work" || exit 1
serve_data
cat >policy.yaml <<'P'
version: 1
rules:
  - {name: miner, when: {kind: [miner, malware]}, then: refuse, because: It mines}
waivers: []
P
upport=$(free_port)
cat >up.yml <<END
version: 0.1
log: {accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $work/up}}
http: {addr: 127.0.0.1:$upport}
END
background up.log docker-registry serve up.yml
wait_for 15 curl -sf -o /dev/null "http://127.0.0.1:$upport/v2/"
lines="workers: 0
policies: {strict: $work/policy.yaml}
repositories: [{match: \"**\", gate: enforce, policy: strict}]
upstreams: {up: {url: \"http://127.0.0.1:$upport\", insecure: true}}
pull_wait: 30s"
cp -r "$serve_db" db-a && cp -r "$serve_db" db-b
serve_db=$work/db-a
serve_start a "$lines" || { echo "not ok - the first node starts"; tail -5 a.log >&2; exit 1; }
url_a=$url
port_b=$(free_port)
mkdir -p b
sed "s|127.0.0.1:${url_a##*:}|127.0.0.1:$port_b|; s|$work/a/state|$work/b/state|" a.yaml >b.yaml
serve_db=$work/db-b port=$port_b
serve_again b || { echo "not ok - the second node starts"; tail -5 b.log >&2; exit 1; }
url_b=http://127.0.0.1:$port_b
echo "ok - two nodes start on one database"
sed "s|$work/a/state|$work/w/state|" a.yaml >w.yaml
mkdir -p w
background w.log "$PABEAN" worker --config "$work/w.yaml" --db "$work/db-a" --cache-dir "$work/w/cache"
at() { url=$1; shift; status "$@"; }

clean=$(reg image clean --file "app/hello=hello")
bad=$(reg image bad --script "opt/app/start=$(tr 'A-Za-z' 'N-ZA-Mn-za-m' <"$here/../../demo/miner.rot13")" --entrypoint '["/opt/app/start"]')
reg push "$url_a" team/app good clean >/dev/null && reg push "$url_b" team/app bad bad >/dev/null
check "pushed to one, inspected by the worker, pulled from the other" [ "$(at "$url_b" GET /v2/team/app/manifests/good)" = 200 ]
check "refused on both" [ "$(at "$url_a" GET /v2/team/app/manifests/bad)$(at "$url_b" GET /v2/team/app/manifests/bad)" = 403403 ]
layer=$(python3 -c 'import json; print(json.load(open("clean/manifest"))["layers"][0]["digest"])')
check "the layer from the other" [ "$(at "$url_b" GET "/v2/team/app/blobs/$layer")" = 200 ]
check "its bytes" [ "sha256:$(curl -s "$url_b/v2/team/app/blobs/$layer" | sha256sum | cut -c1-64)" = "$layer" ]

# An upload that changes nodes on its way.
head -c 3000000 /dev/urandom >part1 && head -c 2000000 /dev/urandom >part2
whole=sha256:$(cat part1 part2 | sha256sum | cut -c1-64)
location=$(curl -s -D- -o /dev/null -X POST "$url_a/v2/team/app/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
curl -s -o /dev/null -X PATCH -H 'Content-Type: application/octet-stream' --data-binary @part1 "$url_a$location"
check "an upload begun on one node goes on at the other" [ "$(curl -s -o /dev/null -w '%{http_code}' -X PATCH -H 'Content-Type: application/octet-stream' -H "Content-Range: 3000000-4999999" --data-binary @part2 "$url_b$location")" = 202 ]
check "and ends there" [ "$(curl -s -o /dev/null -w '%{http_code}' -X PUT "$url_b$location?digest=$whole")" = 201 ]

# Decisions and policies count everywhere.
soon=$(date -u -d '+10 days' +%Y-%m-%d)
check "approved on one" "$PABEAN" approve "localhost:${url_a##*:}/team/app@$bad" --reason test --until "$soon" --state "$work/a/state"
check "served by the other" wait_for 5 sh -c "[ \$(curl -s -o /dev/null -w '%{http_code}' $url_b/v2/team/app/manifests/$bad) = 200 ]"
check "revoked on the other" "$PABEAN" revoke "localhost:$port_b/team/app@$bad" --reason test --state "$work/b/state"
check "refused by the first" wait_for 5 sh -c "[ \$(curl -s -o /dev/null -w '%{http_code}' $url_a/v2/team/app/manifests/$bad) = 403 ]"

# New advisories on one node reach the other through the store, and both judge by them.
"$PABEAN" db import --db "$work/db-a" "$here/../../demo/advisories" >/dev/null 2>&1
before=$(sha256sum <db-b/advisories.db)
check "the other node fetches the advisories that one proposed" wait_for 10 sh -c "[ \"\$(sha256sum <$work/db-a/advisories.db)\" = \"\$(sha256sum <$work/db-b/advisories.db)\" ]"
check "and both still serve" wait_for 15 sh -c "[ \$(curl -s -o /dev/null -w '%{http_code}' $url_b/v2/team/app/manifests/good)\$(curl -s -o /dev/null -w '%{http_code}' $url_a/v2/team/app/manifests/good) = 200200 ]"

# Many ask both nodes for what nobody has seen: one fetch.
other=$(reg image other --file "app/other=$RANDOM$RANDOM")
reg push "http://127.0.0.1:$upport" lib/app 1 other >/dev/null
seen=$(grep -c "GET /v2/lib/app/blobs" up.log)
askers=
for i in 1 2 3 4 5 6 7 8; do
	curl -s -o body.$i -w "%{http_code}\n" "$url_a/v2/up/lib/app/manifests/1" >>codes &
	askers="$askers $!"
	curl -s -o /dev/null -w '%{http_code}\n' "$url_b/v2/up/lib/app/manifests/1" >>codes &
	askers="$askers $!"
done
for p in $askers; do wait "$p"; done
check "sixteen clients at two nodes get an image that nobody had seen" [ "$(sort codes | uniq -c | tr -s ' ')" = " 16 200" ]
grep -q 200 codes || { cat body.1 a.log b.log w.log | grep -v "msg=request" | tail -20; } >&2
check "and upstream gave each blob once" [ "$(grep -o '"GET /v2/lib/app/blobs/[^ ]*' up.log | sort | uniq -d | wc -l)" = 0 ]
serve_stop a
check "with one node gone the other serves" [ "$(at "$url_b" GET /v2/team/app/manifests/good)" = 200 ]
