#!/bin/bash
# `pabean serve` and the clients that people have: podman, skopeo, buildah, through it from an upstream registry, and with accounts.
# With PABEAN_RECORD=DIR what each client said is kept there: docs/clients.md is written from it.
. "$(dirname "$0")/inc/images.sh"
. "$(dirname "$0")/inc/serve.sh"
. "$(dirname "$0")/inc/clients.sh"
need serve_clients_through podman:podman skopeo:skopeo buildah:buildah curl:curl jq:jq docker-registry:docker-registry python3:python3
cd "$work" || exit 1
clients_images
serve_data

# --- the servers: an upstream with a good and a bad image, one whose layers are slow, and the gate before them --------------------
upstream_port=$(free_port)
upstream_config "$upstream_port" "$work/updata" >up.yml
background up.log docker-registry serve up.yml
background slow.log python3 "$here/inc/slow_upstream.py" clean "$work/release"
wait_for 10 grep -q ^port slow.log
read -r _ slow_port <slow.log
wait_for 10 curl -sf "http://127.0.0.1:$upstream_port/v2/"
reg push "http://127.0.0.1:$upstream_port" library/app 1 clean >/dev/null
reg push "http://127.0.0.1:$upstream_port" library/openjdk 17 miner >/dev/null
mirror=$(free_port)
serve_start gate "pull_wait: 20s
upstreams:
  hub: {url: \"http://127.0.0.1:$upstream_port\", insecure: true}
  slow: {url: \"http://127.0.0.1:$slow_port\", insecure: true}
mirrors: {hub: {listen: 127.0.0.1:$mirror}}" || { cat gate.log >&2; echo "not ok - the registry starts"; exit 1; }
R=localhost:$port

# --- pull-through -----------------------------------------------------------------------------------------------------------------
for c in skopeo podman buildah; do
	check "$c: through the upstream's name" ${c}_pull "$R/hub/library/app:1"
	check "$c: through the mirror" ${c}_pull "localhost:$mirror/library/app:1"
	check "$c: refused through the upstream's name" said $c through "mines cryptocurrency" ${c}_pull "$R/hub/library/openjdk:17"
done
check "refused through the mirror" said skopeo mirror "mines cryptocurrency" skopeo_pull "localhost:$mirror/library/openjdk:17"
check "?ns= names the upstream" [ "$(status GET "/v2/library/app/manifests/1?ns=hub")" = 200 ]
check "?ns= is refused the same" [ "$(status GET "/v2/library/openjdk/manifests/17?ns=hub")" = 403 ]
check "?ns= of another host is unknown" [ "$(status GET "/v2/library/app/manifests/1?ns=127.0.0.1:$upstream_port")" = 404 ]
check "nobody pushes to a mirror" not skopeo_push clean "localhost:$mirror/library/own:1"
check "nor into an upstream's names" said skopeo upstream-push "belongs to an upstream" skopeo_push clean "$R/hub/library/own:1"
# as docs/clients.md has it: `location` replaces the name; with a mirror podman goes on to the registry itself
registries() { printf 'unqualified-search-registries = []\n[[registry]]\nprefix = "docker.io"\nlocation = "%s"\ninsecure = true\n' "$1" >registries.conf; export CONTAINERS_REGISTRIES_CONF=$work/registries.conf; }
registries "$R/hub"
check "podman with location: admitted" podman_pull docker.io/library/app:1
check "podman with location: refused" said podman location "mines cryptocurrency" podman_pull docker.io/library/openjdk:17
registries "127.0.0.1:$upstream_port"
printf '[[registry.mirror]]\nlocation = "localhost:%s"\ninsecure = true\n' "$mirror" >>registries.conf
check "podman with a mirror goes on to the registry when the mirror refuses" podman_pull docker.io/library/openjdk:17
unset CONTAINERS_REGISTRIES_CONF
pulled() { curl -s --unix-socket gate/state/pabean.sock "http://localhost/api/v1/pulls?reference=hub/library/app:1" | grep -q '"pulls":\[{'; }
check "who pulled is recorded" wait_for 5 pulled

clients_slow
clients_accounts
clients_clean
exit 0
