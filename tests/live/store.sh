#!/bin/bash
# What people do to the state: check and repair, garbage collection, export and import (ATTACKS.md 12: the gate holds there, too).
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need store python3:python3 curl:curl
cd "$work" || exit 1
serve_data
cat >policy.yaml <<'P'
version: 1
rules:
  - {name: miner, when: {kind: [miner, malware]}, then: refuse, because: It mines}
waivers: []
P
lines="policies: {strict: $work/policy.yaml}
repositories: [{match: \"**\", gate: enforce, policy: strict}]
anonymous: [pull, push, delete]
gc_every: 1h
gc_grace: 60s
keep_uploads: 60s
pull_wait: 20s"
serve_start a "$lines" || { echo "not ok - the server starts"; tail -5 a.log >&2; exit 1; }
url_a=$url port_a=$port
tool() { local name=$1 what=$2; shift 2; "$PABEAN" store "$what" --config "$work/$name.yaml" --db "$serve_db" "$@" >"$work/out" 2>"$work/err"; }
refused() { [ $? = "$1" ]; }

clean=$(reg image clean --file "app/hello=hello")
reg image arm --file "app/hello=arm" --platform linux/arm64 >/dev/null
bad=$(reg image bad --script "opt/app/start=$(tr 'A-Za-z' 'N-ZA-Mn-za-m' <"$here/../../demo/miner.rot13")" --entrypoint '["/opt/app/start"]')
for i in "v1 clean" "arm arm" "bad bad"; do reg push "$url" team/app ${i% *} ${i#* } >/dev/null; done
reg index "$url" team/app multi clean=linux/amd64 arm=linux/arm64 >/dev/null
sbom=$(reg artifact "$url" team/app "" application/vnd.cyclonedx+json '{"bomFormat":"CycloneDX","specVersion":"1.5","components":[]}' --subject "$clean")
wait_for 20 [ "$(status GET /v2/team/app/manifests/multi)" = 200 ]
status GET "/v2/team/app/manifests/$sbom" >/dev/null

check "a registry in use is clean" tool a check
check "also in JSON" sh -c '"$1" store check --config a.yaml -f json | python3 -c "import json,sys; d=json.load(sys.stdin); assert d[\"problems\"] == 0 and d[\"blobs\"] >= 6"' - "$PABEAN"

tool a export team/app:bad -o bad.tar
check "what the gate refuses is not exported" [ $? = 1 -a ! -e bad.tar ]
check "and the reason is given" grep -q "It mines" err
check "admitted images are" tool a export "127.0.0.1:$port/team/app:multi" team/app:v1 -o out.tar
check "with their verdicts and referrers" sh -c 'tar xOf out.tar index.json | grep -q "pabean.verdict.*cyclonedx\|cyclonedx.*pabean.verdict"'
check "the same as a directory" tool a export team/app:multi -o layout
check "each file in it has its digest" sh -c 'cd layout/blobs/sha256 && for f in *; do [ "$(sha256sum <$f | cut -c1-64)" = $f ] || exit 1; done'
! command -v skopeo >/dev/null || check "skopeo reads it" skopeo copy -q oci-archive:out.tar:v1 dir:copied

serve_start b "$lines" || { echo "not ok - a second registry starts"; exit 1; }
check "another registry takes the archive" tool b import out.tar
check "judges anew, and serves" [ "$(status GET /v2/team/app/manifests/multi)" = 200 ]
check "with the referrer" grep -q cyclonedx <(curl -s "$url/v2/team/app/referrers/$clean")
check "a registry that imported is clean" tool b check
# A layout with the refused image and a verdict that says it was admitted.
mkdir -p evil/blobs/sha256
for f in layer config manifest; do cp bad/$f "evil/blobs/sha256/$(sha256sum <bad/$f | cut -c1-64)"; done
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"annotations":{"io.pabean.repository":"team/evil","org.opencontainers.image.ref.name":"x","io.pabean.verdict":"admitted"}}]}' \
	"$bad" "$(stat -c %s bad/manifest)" >evil/index.json
check "what was refused is imported" tool b import evil
check "and refused again" [ "$(status GET /v2/team/evil/manifests/x)" = 403 ]
tool b import evil --into UPPER; check "a name that cannot be is said to be one" grep -q "cannot be" err
layer=$(python3 -c 'import json; print(json.load(open("arm/manifest"))["layers"][0]["digest"][7:])')
rm -rf torn && cp -r layout torn && printf x >>"torn/blobs/sha256/$layer"
serve_start c "$lines" || { echo "not ok - a third registry starts"; exit 1; }
tool c import torn; check "an archive whose bytes are others is not taken" [ $? = 2 ]
printf y | dd of="torn/blobs/sha256/$layer" conv=notrunc status=none && truncate -s -1 "torn/blobs/sha256/$layer"
tool c import torn; check "nor with the right size" [ $? = 2 ]
check "and leaves nothing" [ "$(status GET /v2/team/app/manifests/arm)" = 404 ]
check "but for what garbage collection takes" tool c check

# --- damage (a directory: where the bytes are)
if [ -z "${PABEAN_TEST_S3:-}" ]; then
	url=$url_a port=$port_a
	file=$(find a/state/blobs -name "$layer")
	cp "$file" kept && printf y | dd of="$file" conv=notrunc status=none
	tool a check; check "a changed byte is found" [ $? = 1 ]
	check "and named" grep -q "blob-damaged.*$layer" out
	check "repaired" tool a check --repair
	check "the broken blob is put aside" sh -c 'ls a/state/quarantine | grep -q .'
	check "all is well then" tool a check
	check "its image says what to do" [ "$(status GET /v2/team/app/manifests/arm)" = 403 ]
	check "in words" grep -q "pushed again" body
	check "the others go out" [ "$(status GET /v2/team/app/manifests/v1)" = 200 ]
	reg push "$url" team/app arm arm >/dev/null
	check "and it does after the next push" [ "$(status GET /v2/team/app/manifests/arm)" = 200 ]
fi

# --- garbage
url=$url_a
before=$(status GET /v2/team/app/manifests/v1)
curl -s -o /dev/null -X DELETE "$url/v2/team/app/manifests/$bad"
SOURCE_DATE_EPOCH=$(($(date +%s) + 4000)) tool a gc --dry-run
check "a deleted manifest's blobs would go" grep -q "would go.* 2 blobs" out
SOURCE_DATE_EPOCH=$(($(date +%s) + 4000)) tool a gc
check "and go" grep -q "gone.* 2 blobs" out
check "nothing else does" [ "$before$(status GET /v2/team/app/manifests/v1)$(status GET /v2/team/app/manifests/multi)" = 200200200 ]
check "all is well after it" tool a check

# --- what was pulled through goes when nobody pulls it, and comes again
layer=$(python3 -c 'import json; print(json.load(open("clean/manifest"))["layers"][0]["digest"])')
serve_start d "upstreams: {up: {url: \"$url_a\", insecure: true}}
$(printf '%s' "$lines" | sed 's/repositories: \[/&{match: "up\/team\/free", gate: "off"}, /')" || { echo "not ok - a mirror starts"; tail -3 d.log >&2; exit 1; }
reg push "$url_a" team/free v1 clean >/dev/null
for repo in app free; do
	check "pulled through: $repo" [ "$(status GET /v2/up/team/$repo/manifests/v1)$(status GET "/v2/up/team/$repo/blobs/$layer")" = 200200 ]
done
SOURCE_DATE_EPOCH=$(($(date +%s) + 91 * 86400)) tool d gc
check "after 90 days without a pull its layers go" grep -q "content of 2 more, 2 blobs" out
for repo in app free; do
	check "the next pull fetches them again: $repo" [ "$(status GET /v2/up/team/$repo/manifests/v1)$(status GET "/v2/up/team/$repo/blobs/$layer")" = 200200 ]
done
check "and all is well" tool d check
exit 0
