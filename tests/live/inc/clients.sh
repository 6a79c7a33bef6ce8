# Clients of a registry, for serve_clients.sh and serve_docker.sh; sourced after serve.sh. R: the registry as clients name it.
# Each client has CLIENT_push DIR REF and CLIENT_pull REF; DIR is an image's directory of reg.py.

sum() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }
not() { ! "$@"; }
requests() { grep -c "path=[^ ]*$2" "$work/$1.log"; }	# server, part of a path

clients_images() {	# clean, miner: linux/amd64; arm, arm-miner: linux/arm64
	local hello='#!/bin/sh
echo hello
'
	echo 'name: app' >chart.yaml
	tr 'A-Za-z' 'N-ZA-Mn-za-m' <"$here/../../demo/miner.rot13" >miner.sh
	clean=$(reg image clean --script "usr/bin/app=$hello" --entrypoint '["/usr/bin/app"]')
	arm=$(reg image arm --script "usr/bin/app=$hello" --entrypoint '["/usr/bin/app"]' --platform linux/arm64)
	miner=$(reg image miner --script "opt/app/start=$(cat miner.sh)" --entrypoint '["/opt/app/start"]')
	reg image arm-miner --script "opt/app/start=$(cat miner.sh)" --entrypoint '["/opt/app/start"]' --platform linux/arm64 >/dev/null
	for d in clean arm miner arm-miner; do reg dir $d; done
	echo '{"default":[{"type":"insecureAcceptAnything"}]}' >accept.json
	mkdir -p said
}
asked() { grep -h -c "/manifests/" gate.log brief.log acc.log slow.log 2>/dev/null | awk '{ n += $1 } END { print n }'; }
# The command fails, and its output has these words; kept as said/CLIENT.CASE, with how often it asked and how long it took.
said() {	# client, case, words, command...
	local file=said/$1.$2 words=$3 before started=$SECONDS
	before=$(asked)
	shift 3
	if "$@" >"$file" 2>&1; then echo "it did not fail"; return 1; fi
	cat "$file"
	echo "($(($(asked) - before)) requests for manifests, $((SECONDS - started)) s)" >>"$file"
	[ -z "${PABEAN_RECORD:-}" ] || { mkdir -p "$PABEAN_RECORD" && cp "$file" "$PABEAN_RECORD/"; }
	grep -qF -- "$words" "$file"
}
digest_of() { curl -sI -H "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json" "http://${1%%/*}/v2/$(path=${1#*/}; echo "${path%:*}/manifests/${path##*:}")" | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'; }
upstream_config() {	# port, directory
	printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' "$2" "$1"
}

# At the end: what the servers wrote meanwhile.
clients_clean() {
	cat gate.log brief.log acc.log >servers.log 2>/dev/null
	check "no server failed inside" not grep -e 'status=500' -e AddressSanitizer -e 'runtime error:' servers.log
}

skopeo_push() { timeout 60 skopeo --insecure-policy copy -q --dest-tls-verify=false "dir:$1" "docker://$2"; }
skopeo_pull() { rm -rf sk; timeout 200 skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$1" dir:sk; }
skopeo_schema2() {
	skopeo --insecure-policy copy -q --format v2s2 --dest-tls-verify=false dir:clean "docker://$1" && skopeo_pull "$1" && grep -q docker.distribution.manifest.v2 sk/manifest.json
}
pod() { timeout 600 podman --root "$work/pod" --runroot "$work/podrun" --tmpdir "$work/podtmp" --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "$@"; }
podman_push() {
	local id
	id=$(pod pull -q --signature-policy accept.json "dir:$1") && pod push -q --signature-policy accept.json --tls-verify=false "${id%%$'\n'*}" "docker://$2"
}
podman_pull() { pod rmi -fa >/dev/null 2>&1; pod pull -q --signature-policy accept.json --tls-verify=false "$1"; }
bud() { timeout 600 buildah --root "$work/bud" --runroot "$work/budrun" --storage-driver vfs "$@"; }
buildah_push() { local id; id=$(bud pull -q --signature-policy accept.json "dir:$1") && bud push -q --signature-policy accept.json --tls-verify=false "$id" "docker://$2"; }
buildah_pull() { bud rmi -fa >/dev/null 2>&1; bud pull -q --signature-policy accept.json --tls-verify=false "$1"; }

curl_blob() {	# repository, file
	local where
	where=$(curl -sf -X POST -D - -o /dev/null "$url/v2/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
	case $where in /*) where=$url$where ;; esac
	case $where in *\?*) where="$where&" ;; *) where="$where?" ;; esac
	curl -sf -o /dev/null -X PUT --data-binary "@$2" -H 'Content-Type: application/octet-stream' "${where}digest=$(sum "$2")"
}
curl_push() {	# DIR, repository, tag
	curl_blob "$2" "$1/layer" && curl_blob "$2" "$1/config" &&
		curl -sf -o /dev/null -X PUT --data-binary "@$1/manifest" -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' "$url/v2/$2/manifests/$3"
}
curl_pull() { curl -s -S --fail-with-body "http://${1%%/*}/v2/$(path=${1#*/}; echo "${path%:*}/manifests/${path##*:}")"; }
curl_both_ways() {
	curl_push clean curl/app 1 && curl_push miner curl/openjdk 17 && curl -sf "$url/v2/curl/app/manifests/1" | cmp - clean/manifest &&
		curl -sf "$url/v2/curl/app/blobs/$(sum clean/layer)" | cmp - clean/layer &&
		curl -sf -H 'Range: bytes=10-19' "$url/v2/curl/app/blobs/$(sum clean/layer)" | cmp - <(tail -c +11 clean/layer | head -c 10) &&
		said curl refused "mines cryptocurrency" curl -s --fail-with-body "$url/v2/curl/openjdk/manifests/17"
}

# What is still being inspected: 429 with Retry-After, which clients of containers/image wait for.
clients_slow() {
	serve_start brief "pull_wait: 1s
upstreams: {slow: {url: \"http://127.0.0.1:$slow_port\", insecure: true}}"
	check "not ready in time: 429" [ "$(status GET /v2/slow/slow/app/manifests/1 -D head)" = 429 ]
	check "with Retry-After" grep -qi '^retry-after: [1-9]' head
	check "and a sentence" grep -q 'being inspected; ask again in' body
	if [ -n "${PABEAN_RECORD:-}" ]; then	# minutes: only for who writes the table
		for c in skopeo podman buildah curl; do
			check "$c: not ready" said $c wait "" ${c}_pull "localhost:$port/slow/slow/app:1"
			check "$c: a fault" said $c fault "" ${c}_pull "localhost:$slow_port/fault/app:1"
		done
	fi
	(sleep 3; touch "$work/release") &
	check "skopeo waits and gets it" skopeo_pull "localhost:$port/slow/slow/app:1"
	check "a fault at the upstream is a 5xx" eval '[ "$(status GET /v2/slow/fault/app/manifests/1)" -ge 500 ]'
	serve_stop brief
}

# Anonymous pull, then login and push; the second server has an account.
clients_accounts() {
	serve_start acc "anonymous: [pull]"
	echo 'battery staple' | "$PABEAN" user add alice --state "$work/acc/state" -g '**:pull,push,delete' --password-file - >/dev/null || return
	local A=localhost:$port c
	check "accounts: /v2/ asks for a token" [ "$(status GET /v2/)" = 401 ]
	reg push "$url" open/app 1 clean --user 'alice:battery staple' >/dev/null
	export REGISTRY_AUTH_FILE=$work/auth.json
	for c in skopeo podman buildah; do
		echo '{}' >auth.json
		check "$c: anonymous pull" ${c}_pull "$A/open/app:1"
		check "$c: push without login fails" said $c push-anonymous "" ${c}_push clean "$A/$c/app:1"
		check "$c: a wrong password fails" said $c login-wrong "" "${c}_login" wrong-password "$A"
		check "$c: login" "${c}_login" 'battery staple' "$A"
		check "$c: push" ${c}_push clean "$A/$c/app:1"
		check "$c: pull" ${c}_pull "$A/$c/app:1"
	done
	check "skopeo: a miner's pusher does not get its bytes back" said skopeo refused-pusher "" eval "skopeo_push miner $A/skopeo/openjdk:17 && skopeo_pull $A/skopeo/openjdk:17"
	check "skopeo: and learns the reason" said skopeo refused-login "mines cryptocurrency" skopeo_pull "$A/skopeo/openjdk:17"
	check "the anonymous do not see its blobs, not by HEAD either" [ "$(status HEAD "/v2/skopeo/openjdk/blobs/$(sum miner/layer)")" = 404 ]
	check "skopeo deletes a tag" skopeo delete --tls-verify=false "docker://$A/skopeo/app:1"
	check "and it is gone" [ "$(status HEAD /v2/skopeo/app/manifests/1)" = 404 ]
	unset REGISTRY_AUTH_FILE
	serve_stop acc
}
skopeo_login() { printf %s "$1" | skopeo login --tls-verify=false -u alice --password-stdin "$2"; }
podman_login() { printf %s "$1" | pod login --tls-verify=false -u alice --password-stdin "$2"; }
buildah_login() { printf %s "$1" | bud login --tls-verify=false -u alice --password-stdin "$2"; }
