#!/bin/bash
# `pabean serve` and the clients that people have: podman, skopeo, buildah, umoci, curl. (Docker and containerd: serve_docker.sh.)
# With PABEAN_RECORD=DIR what each client said is kept there: docs/clients.md is written from it.
. "$(dirname "$0")/inc/images.sh"
. "$(dirname "$0")/inc/serve.sh"
. "$(dirname "$0")/inc/clients.sh"
need serve_clients podman:podman skopeo:skopeo buildah:buildah umoci:umoci curl:curl jq:jq python3:python3
cd "$work" || exit 1
clients_images
serve_data

serve_start gate "pull_wait: 20s" || { cat gate.log >&2; echo "not ok - the registry starts"; exit 1; }
R=localhost:$port

# --- push, then pull: the first pull waits for the verdict -------------------------------------------------------------------------
both_ways() {	# client: what is clean goes in and out, what mines goes in and stays there
	check "$1: a clean image is pushed" "$1_push" clean "$R/$1/app:1"
	check "$1: and pulled, by tag" "$1_pull" "$R/$1/app:1"
	check "$1: and by digest" "$1_pull" "$R/$1/app@$(digest_of "$R/$1/app:1")"
	check "$1: a miner is pushed" "$1_push" miner "$R/$1/openjdk:17"
	check "$1: and refused, with the reason" said "$1" refused "mines cryptocurrency" "$1_pull" "$R/$1/openjdk:17"
	check "$1: with the report's address" grep -qF "http://$R/api/v1/report?reference=$1/openjdk@" "said/$1.refused"
}
both_ways skopeo
both_ways podman
both_ways buildah
umoci_steps() {
	skopeo_push clean "$R/umoci/app:1" && skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$R/umoci/app:1" oci:U:1 &&
		umoci unpack --rootless --image U:1 ub >/dev/null && [ -x ub/rootfs/usr/bin/app ] && echo more >ub/rootfs/etc/more &&
		umoci repack --image U:2 ub >/dev/null && skopeo --insecure-policy copy -q --dest-tls-verify=false oci:U:2 "docker://$R/umoci/app:2" &&
		skopeo_pull "$R/umoci/app:2"
}
check "umoci: pulled, unpacked, changed, pushed, pulled" umoci_steps
check "curl: a clean image is pushed and pulled" curl_both_ways
check "curl: blobs of a refused image are not to be had" [ "$(status GET "/v2/curl/openjdk/blobs/$(sum miner/layer)")" = 404 ]
check "curl: HEAD of a refused manifest is 403" [ "$(status HEAD /v2/skopeo/openjdk/manifests/17)" = 403 ]
check "Docker schema 2 from skopeo" skopeo_schema2 "$R/skopeo/schema2:1"
check "an image that is not there" said skopeo absent "manifest unknown" skopeo_pull "$R/skopeo/none:1"
check "tags are listed" [ "$(skopeo list-tags --tls-verify=false "docker://$R/umoci/app" | jq -c .Tags)" = '["1","2"]' ]
check "refused by digest, too" said skopeo refused-digest "mines cryptocurrency" skopeo_pull "$R/skopeo/openjdk@$miner"
check "the anonymous delete nothing" not skopeo delete --tls-verify=false "docker://$R/skopeo/schema2:1"

# --- more than images -------------------------------------------------------------------------------------------------------------
helm_type=application/vnd.cncf.helm
tar -czf chart.tgz --transform 's,^,app/,' chart.yaml
check "a Helm chart is pushed" reg artifact "$url" charts/app 1.0.0 $helm_type.chart.content.v1.tar+gzip - --layer chart.tgz \
	--config "$helm_type.config.v1+json={\"name\":\"app\",\"version\":\"1.0.0\"}"
check "and pulled" sh -c "curl -sf '$url/v2/charts/app/manifests/1.0.0' -H 'Accept: application/vnd.oci.image.manifest.v1+json' | jq -r '.layers[0].digest' |
	xargs -I{} curl -sf '$url/v2/charts/app/blobs/{}' | cmp - chart.tgz"
check "something unknown is pushed" reg artifact "$url" things/x 1 application/x-thing hello
check "and held, with a reason" said curl held "neither an image nor a known kind of artifact" curl -s --fail-with-body "$url/v2/things/x/manifests/1"
for c in skopeo podman; do
	check "$c: held, with a reason" said $c held "neither an image nor a known kind" ${c}_pull "$R/things/x:1"
done
sig=sha256-${clean#sha256:}
printf '{"critical":{}}' >payload
check "a cosign signature's tag" reg artifact "$url" skopeo/app "$sig.sig" application/vnd.dev.cosign.simplesigning.v1+json '{"critical":{}}' \
	--config 'application/vnd.oci.image.config.v1+json={"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":["'"$(sum payload)"'"]}}'
check "can be pulled" curl -sf -o body "$url/v2/skopeo/app/manifests/$sig.sig"
printf '{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}' >payload
check "an attestation as BuildKit pushes it" reg artifact "$url" skopeo/app att application/vnd.in-toto+json - --layer payload \
	--config 'application/vnd.oci.image.config.v1+json={"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":["'"$(sum payload)"'"]}}'
check "can be pulled, too" curl -sf -o body "$url/v2/skopeo/app/manifests/att"
check "an image that says to be an attestation" reg artifact "$url" skopeo/app fake application/vnd.in-toto+json - --layer miner/layer \
	--config 'application/vnd.oci.image.config.v1+json={"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["'"$(sum miner/layer)"'"]}}'
check "is held" [ "$(status GET /v2/skopeo/app/manifests/fake)" = 403 ]
check "a bundle that refers to the image" reg artifact "$url" skopeo/app "" application/vnd.dev.sigstore.bundle.v0.3+json '{}' --subject "$clean"
check "is listed among its referrers" eval 'curl -sf "$url/v2/skopeo/app/referrers/$clean" | jq -e ".manifests|length == 1" >/dev/null'

# --- several platforms ------------------------------------------------------------------------------------------------------------
reg push "$url" multi/app "" clean >/dev/null
reg push "$url" multi/app "" arm >/dev/null
reg push "$url" multi/app "" arm-miner >/dev/null
check "an index of two clean images" reg index "$url" multi/app good "clean=linux/amd64" "arm=linux/arm64"
check "is pulled whole" skopeo --insecure-policy copy -q --all --src-tls-verify=false "docker://$R/multi/app:good" dir:whole
check "podman takes its own platform" podman_pull "$R/multi/app:good"
check "an index with one that mines" reg index "$url" multi/app bad "clean=linux/amd64" "arm-miner=linux/arm64"
check "is refused for all" said skopeo index "mines cryptocurrency" skopeo_pull "$R/multi/app:bad"
check "the clean child by itself is not" skopeo_pull "$R/multi/app@$clean"

clients_clean
exit 0
