#!/bin/bash
# Pull-through of `pabean serve`: an upstream that stalls, truncates, lies and leads elsewhere; tags with time to live, roll-back, cool-down; local names that are never looked up upstream.
. "$(dirname "$0")/inc/images.sh"
need upstream curl:curl python3:python3
cd "$work" || exit 1
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
far=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m1 -E '^[0-9]+\.' || true)

background evil.log python3 "$here/evil_upstream.py" 127.0.0.1 "${far:-127.0.0.1}"
wait_for 20 grep -q ^ports evil.log || { echo "not ok - the evil upstream starts"; exit 1; }
read -r _ P Q <evil.log
port=$(free_port)
printf secret >password
printf 'version: 1\nrules:\n  - name: malware\n    when: { kind: malware }\n    then: refuse\n    because: it is\n' >policy.yaml
evil='url: "http://127.0.0.1:'$P'", insecure: true, timeout: 2s, platforms: [linux/amd64], max_image_bytes: 1G'
cat >pabean.yaml <<END
serve:
  listen: 127.0.0.1:$port
  state: $work/state
  pull_wait: 25s
  anonymous: [pull, push]
  upstreams:
    evil: {$evil, tag_ttl: 1s, refuse: ["secret/**"]}
    lazy: {$evil, tag_ttl: 1h}
    merged: {$evil, tag_ttl: 1h}
    login: {$evil, tag_ttl: 1s, username: joe, password_file: $work/password}
    cool: {$evil, tag_ttl: 1s, cool_down: 6s}
    cold: {$evil, tag_ttl: 1s, cool_down: 24h, watch: ["watched:latest"]}
    outside: {url: "https://$(hostname):$P", timeout: 2s}
    nobody: {url: "http://127.0.0.1:1", insecure: true, timeout: 2s}
END
last_serve=0
serve() {
	background serve.log "$PABEAN" serve --config pabean.yaml --policy policy.yaml --cache-dir "$work/facts" --db "$work/db"
	last_serve=$last
	wait_for 20 curl -sf -o "$work/null" "http://127.0.0.1:$port/v2/"
}
serve || { echo "not ok - pabean serve starts"; tail -3 serve.log >&2; exit 1; }
base=http://127.0.0.1:$port/v2
accept='Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json'
get() { code=$(curl -s -m 40 -H "$accept" -D head -o out -w '%{http_code}' "$@"); }
# Asks for a manifest until the answer is no "later": the status is in $code, the digest in $digest.
pull() {
	for _ in 1 2 3 4 5 6; do
		get "$base/$1"
		[ "$code" = 429 ] || break
		sleep 1
	done
	digest=$(sed -n 's/\r$//; s/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p' head)
}
gives() { pull "$1"; [ "$code" = 200 ]; }
denies() { pull "$1"; [ "$code" = "$2" ] && { [ -z "${3:-}" ] || grep -q "$3" out serve.log; }; }
not200() { pull "$1"; [ "$code" != 200 ] && [ "$code" != 000 ]; }
set_upstream() { curl -s "http://127.0.0.1:$P/_/set/$1"; }
warns() { grep -qi "^warning: 299 .*$1" head; }

# --- honest answers --------------------------------------------------------------------------------------------------------
check "a first pull is fetched, inspected and served" gives evil/ok/manifests/latest
a=$digest
check "its digest is that of its bytes" [ "$a" = "sha256:$(sha256sum out | cut -c1-64)" ]
layer=$(python3 -c 'import json; print(json.load(open("out"))["layers"][0]["digest"])')
get "$base/evil/ok/blobs/$layer"
check "its layer, with the right bytes" [ "$code sha256:$(sha256sum out | cut -c1-64)" = "200 $layer" ]
check "by digest" gives "evil/ok/manifests/$a"
check "an index of which one platform is of interest" gives evil/index/manifests/multi
check "a token server of the same host" gives evil/bearer/manifests/latest
check "a blob that breaks off is taken up again" gives evil/broken/manifests/latest
check "by Range" wait_for 5 grep -q 'blobs.*range=bytes=[1-9]' evil.log
get "$base/evil/ok/tags/list"
check "upstream's tags, page by page, sorted" grep -q '"a1", *"latest",.*"m1",.*"z1"' out
referred() { get "$base/evil/ok/referrers/$a"; grep -q application/vnd.test.note out; }
check "upstream's referrers, once they are inspected" wait_for 10 referred
for _ in 1 2 3; do pull lazy/lazy-one/manifests/latest; done
check "a tag is asked for once within tag_ttl" [ "$(grep -c 'GET /v2/lazy-one/manifests/latest' evil.log)" = 1 ]
for i in $(seq 20); do curl -s -m 40 -o "many.$i" -w '%{http_code}\n' -H "$accept" "$base/merged/many/manifests/latest" >"code.$i" & many="${many:-} $!"; done
wait $many
check "20 at once: one fetch of the manifest" [ "$(grep -c 'GET /v2/many/manifests/latest' evil.log)" = 1 ]
check "and of each blob" [ "$(grep 'GET /v2/many/blobs/' evil.log | sort | uniq -d | wc -l)" = 0 ]
check "and an answer for each" [ "$(cat code.* | sort -u | tr '\n' ' ')" = "200 " ]

# --- local names stay local -----------------------------------------------------------------------------------------------
lines=$(wc -l <evil.log)
check "a local name is not looked up upstream" denies team/ok/manifests/latest 404
check "nor one that looks like a host" not200 quay.example/ok/manifests/latest
check "nor what is refused by pattern" denies evil/secret/x/manifests/latest 404
check "nor a digest that is a path" not200 "evil/ok/manifests/sha256:..%2f..%2fx"
get "$base/evil/../../_/set/mode/down"
check "no request went out for these" [ "$(wc -l <evil.log)" = "$lines" ]
get -X PUT --data-binary @many.1 -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' "$base/evil/ok/manifests/mine"
check "nothing is pushed into an upstream's repository" [ "$code" != 201 ]

pull lazy/other/manifests/latest
pinned=$digest
# --- lies ---------------------------------------------------------------------------------------------------------------------
check "a lying digest header" not200 evil/lying/manifests/latest
check "other bytes for a pinned digest" not200 "evil/other/manifests/$pinned"
check "manifests and layers in one body" not200 evil/both/manifests/latest
check "a key twice" not200 evil/duplicate/manifests/latest
check "schema 1" not200 evil/schema1/manifests/latest
check "a digest that is a path, in a manifest" not200 evil/traversal/manifests/latest
check "an endless manifest" not200 evil/endless/manifests/latest
check "a layer of 10 GB, said to be" not200 evil/huge/manifests/latest
check "nothing of it was asked for" [ "$(grep -c 'GET /v2/huge/blobs' evil.log)" = 0 ]
for how in wrong-blob long-blob endless-blob truncated stall-blob; do
	get -m 12 "$base/evil/$how/manifests/latest"
	check "$how: no manifest goes out" [ "$code" != 200 ]
	get "$base/evil/$how/blobs/$(sed -n "s/^near GET .v2.$how.blobs.\([^ ]*\).*/\1/p" evil.log | tail -1)"
	check "$how: nor the blob" [ "$code" != 200 ]
done
pull evil/swapped/manifests/latest
first=$digest
check "answers that differ: the one that was inspected is served" [ "$code sha256:$(sha256sum out | cut -c1-64)" = "200 $first" ]

# --- ways out -------------------------------------------------------------------------------------------------------------------
for how in moved-metadata moved-mapped moved-zero moved-loop realm-metadata realm-mapped; do
	check "$how" not200 "evil/$how/manifests/latest"
done
check "the address was refused at connect" grep -q 'may not lead to' serve.log
if [ -n "$far" ] && [ "$far" != 127.0.0.1 ]; then
	check "a redirect to another kind of address" not200 evil/moved-far/manifests/latest
	check "a token server there" not200 evil/realm-far/manifests/latest
	check "which were not reached" sh -c "! grep -q '^far' evil.log"
fi
check "a public upstream whose name leads to this machine" not200 outside/x/manifests/latest
check "credentials for their host (Basic)" gives login/basic/manifests/latest
pull login/realm-localhost/manifests/latest
check "none for a token server of another host" sh -c "! grep '/token' evil.log | grep -v 'auth=-' | grep -q ."
check "nor for an upstream without" not200 evil/basic/manifests/latest
check "no password in the log" sh -c "! grep -v secret/x serve.log | grep -q secret"

# --- time -----------------------------------------------------------------------------------------------------------------------
slow() { local t=$SECONDS; not200 "$1"; [ $((SECONDS - t)) -le "$2" ]; }
check "an upstream that never answers" slow evil/stall/manifests/latest 12
check "one that trickles" slow evil/trickle/manifests/latest 12
check "one that is not there" not200 nobody/a/manifests/latest
not200 nobody/b/manifests/latest
check "it is not asked again at once" slow nobody/c/manifests/latest 7
check "500" not200 evil/error/manifests/latest
set_upstream mode/limit
sleep 1.2
check "429 from upstream: what is known is served" gives evil/ok/manifests/latest
check "with a warning" warns "could not be asked"
get "$base/evil/new-one/manifests/latest"
check "and what is not known is 429" [ "$code" = 429 ]
set_upstream mode/down
sleep 4
check "upstream down: what is known is served" gives evil/ok/manifests/latest
check "with a warning, too" warns "could not be asked"
set_upstream mode/ok

# --- tags that move ----------------------------------------------------------------------------------------------------------------
pull cool/ok/manifests/latest
check "cool-down: a young image is held" [ "$code" = 403 ]
get "$base/cool/ok/manifests/$a"
check "by digest, too" [ "$code" = 403 ]
pull evil/roll/manifests/latest
old=$digest
set_upstream tag/b
sleep 1.2
moved() { pull evil/roll/manifests/latest; [ "$code" = 200 ] && [ "$digest" != "$old" ]; }
check "a tag that moves on is followed" wait_for 15 moved
b=$digest
set_upstream tag/a
sleep 1.2
pull evil/roll/manifests/latest
check "one that goes back is not" [ "$code $digest" = "200 $b" ]
check "with a warning that says so" warns "went back"
check "the older one by digest" gives "evil/roll/manifests/$old"
sleep 4
cooled() { pull cool/ok/manifests/latest; [ "$code" = 200 ]; }
check "cool-down ends" wait_for 15 cooled
check "a watched tag is known before anybody pulls" grep -q 'GET /v2/watched/manifests/latest' evil.log
rss=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$last_serve/status" 2>/dev/null || echo 0)
echo "# memory of the server at most: $rss MiB"
[ -z "${KEEP_LOG:-}" ] || cp serve.log evil.log many.* code.* "$KEEP_LOG"
exit 0
