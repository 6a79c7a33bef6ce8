#!/bin/bash
# `pabean serve` with Docker and containerd: push, pull, login, mirrors; and the way around it, first open, then closed. All of it in a
# network namespace of its own, where registry-1.docker.io is a registry of the test that must not be asked.
. "$(dirname "$0")/inc/images.sh"
. "$(dirname "$0")/inc/serve.sh"
. "$(dirname "$0")/inc/clients.sh"
need serve_docker docker dockerd:docker.io ctr:containerd containerd:containerd skopeo:skopeo docker-registry:docker-registry openssl:openssl python3:python3 \
	ip:iproute2 nft:nftables curl:curl jq:jq
[ "$(id -u)" = 0 ] || skip_all serve_docker "not root"
cd "$work" || exit 1
ns=pabeand$$
cleanup() {
	[ -f "$work/D/pid" ] && kill "$(cat "$work/D/pid")" 2>/dev/null
	wait 2>/dev/null
	ip netns del $ns 2>/dev/null
}
ip netns add $ns 2>/dev/null && ip -n $ns link set lo up || skip_all serve_docker "no network namespaces"
hub_ip=198.51.100.9
ip -n $ns addr add $hub_ip/32 dev lo
printf '127.0.0.1 localhost\n%s registry-1.docker.io auth.docker.io index.docker.io\n' $hub_ip >hosts
nsenter --net=/run/netns/$ns unshare -m --propagation private sh -c 'mount --bind "$0" /etc/hosts && touch "$0.ready" && exec sleep 900' "$work/hosts" &
inside=$!
pids="$pids $inside"
wait_for 5 test -e hosts.ready || skip_all serve_docker "no mount namespaces"
here_in() { nsenter -t "$inside" -n -m -w"$PWD" "$@"; }
printf '#!/bin/sh\nexec nsenter -t %s -n -m -w"$PWD" %s "$@"\n' "$inside" "$PABEAN" >pabean-inside
chmod +x pabean-inside
PABEAN=$work/pabean-inside
curl() { here_in curl "$@"; }
reg() { here_in python3 "$here/inc/reg.py" "$@"; }
clients_images
serve_data

# --- a Hub of our own, an upstream that is the same, the gate with its mirror, Docker -------------------------------------------------
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=registry-1.docker.io \
	-addext subjectAltName=DNS:registry-1.docker.io,DNS:auth.docker.io,DNS:index.docker.io 2>/dev/null
upstream_config 5200 "$work/hub" >up.yml
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s:443", tls: {certificate: %s, key: %s}}\n' \
	"$work/hub" $hub_ip "$work/cert.pem" "$work/key.pem" >hub.yml
background up.log here_in docker-registry serve up.yml
background hub.log here_in docker-registry serve hub.yml
background slow.log here_in python3 "$here/inc/slow_upstream.py" clean "$work/release"
wait_for 10 curl -sf http://127.0.0.1:5200/v2/
wait_for 10 grep -q ^port slow.log
read -r _ slow_port <slow.log
reg push http://127.0.0.1:5200 library/app 1 clean >/dev/null
reg push http://127.0.0.1:5200 library/openjdk 17 miner >/dev/null
serve_start gate "pull_wait: 20s
upstreams:
  docker.io: {url: \"http://127.0.0.1:5200\", insecure: true}
  slow: {url: \"http://127.0.0.1:$slow_port\", insecure: true}
mirrors: {docker.io: {listen: 127.0.0.1:5001}}" 5000 || { cat gate.log >&2; echo "not ok - the registry starts"; exit 1; }
R=localhost:5000
mkdir D
printf '{"registry-mirrors": ["http://127.0.0.1:5001"]}\n' >daemon.json
export DOCKER_HOST=unix://$work/D/sock SSL_CERT_FILE=$work/cert.pem
background dockerd.log here_in dockerd --config-file "$work/daemon.json" --data-root "$work/D/data" --exec-root "$work/D/exec" --pidfile "$work/D/pid" \
	-H "$DOCKER_HOST" --storage-driver=overlay2 --max-download-attempts 2
wait_for 30 docker version || skip_all serve_docker "dockerd does not start: $(tail -1 dockerd.log)"
hub_seen() { wc -l <hub.log; }
hub_silent() {	# command...: the Hub saw nothing meanwhile
	local before
	before=$(hub_seen)
	"$@"
	local rc=$?
	[ "$(hub_seen)" = "$before" ] || { echo "the Hub was asked:"; tail -n +$((before + 1)) hub.log; return 1; }
	return $rc
}

docker_load() { skopeo --insecure-policy copy -q "dir:$1" "docker-archive:$1.tar:pushed/$1:1" && docker load -q -i "$1.tar" && rm "$1.tar"; }
docker_push() { docker tag "pushed/$1:1" "$2" && timeout 60 docker push "$2"; }
docker_pull() { docker rmi -f "$1" >/dev/null 2>&1; timeout 100 docker pull "$1"; }
ctr_() { here_in ctr -a "$work/D/exec/containerd/containerd.sock" -n pabean "$@"; }
ctr_pull() {	# [options] reference; its progress, many lines a second, is left out
	ctr_ images rm "${@: -1}" >/dev/null 2>&1
	timeout 60 nsenter -t "$inside" -n -m ctr -a "$work/D/exec/containerd/containerd.sock" -n pabean images pull ${hosts:+--hosts-dir "$hosts"} "$@" >ctr.out 2>&1
	local rc=$?
	grep -v -e resolving -e '^elapsed' ctr.out
	return $rc
}
ctr_plain() { ctr_pull --plain-http "$1"; }
ctr_push() { ctr_ images push --plain-http "$2" "$1"; }

# --- Docker --------------------------------------------------------------------------------------------------------------------------
docker_load clean >/dev/null && docker_load miner >/dev/null || { echo "not ok - docker load"; exit 1; }
check "docker: a clean image is pushed" docker_push clean $R/docker/app:1
check "docker: and pulled" docker_pull $R/docker/app:1
check "docker: and by digest" docker_pull "$R/docker/app@$(digest_of $R/docker/app:1)"
check "docker: a miner is pushed" docker_push miner $R/docker/openjdk:17
check "docker: and refused, with the reason" said docker refused "mines cryptocurrency" docker_pull $R/docker/openjdk:17
check "docker: with the report's address" grep -qF "http://$R/api/v1/report?reference=docker/openjdk@" said/docker.refused
check "docker: and without advice to log in" not grep -q "docker login" said/docker.refused
check "docker: pushed again, after the verdict" docker_push miner $R/docker/openjdk:18
check "docker: OCI, as others push it" eval 'reg push $url oci/app 1 clean >/dev/null && docker_pull $R/oci/app:1'
reg push "$url" multi/app "" arm-miner >/dev/null
reg index "$url" multi/app bad "clean=linux/amd64" "arm-miner=linux/arm64" >/dev/null 2>&1 || { reg push "$url" multi/app "" clean >/dev/null; reg index "$url" multi/app bad \
	"clean=linux/amd64" "arm-miner=linux/arm64" >/dev/null; }
check "docker: an index with one that mines is refused" said docker index "mines cryptocurrency" docker_pull $R/multi/app:bad
reg artifact "$url" things/x 1 application/x-thing hello >/dev/null
check "docker: held, with a reason" said docker held "held until a person decides" docker_pull $R/things/x:1
check "docker: an image that is not there" said docker absent "not found" docker_pull $R/docker/none:1
check "docker: nobody pushes into an upstream's names" said docker upstream-push "belongs to an upstream" docker_push clean $R/docker.io/library/own:1
check "docker: a fault is said" said docker fault "" docker_pull "localhost:$slow_port/fault/app:1"

# --- Docker Hub's images: by their full names, and by the mirror -----------------------------------------------------------------------
check "docker: through the upstream's name" hub_silent docker_pull $R/docker.io/library/app:1
check "docker: refused through the upstream's name, the Hub is not asked" hub_silent said docker through "mines cryptocurrency" docker_pull $R/docker.io/library/openjdk:17
check "docker: through the mirror" hub_silent docker_pull app:1
check "docker falls back to the Hub when the mirror refuses" docker_pull openjdk:17
docker rmi -f openjdk:17 >/dev/null 2>&1
here_in nft add table inet egress	# these lines stand in docs/clients.md
here_in nft add chain inet egress out '{ type filter hook output priority 0; policy accept; }'
here_in nft add rule inet egress out ip daddr != '{ 127.0.0.0/8, 10.0.0.0/8 }' tcp dport '{ 80, 443 }' reject with tcp reset
check "docker: with egress blocked it gets nothing" hub_silent said docker mirror "" docker_pull openjdk:17
check "docker: and what is admitted still comes" hub_silent docker_pull app:1
here_in nft delete table inet egress

# --- containerd: `server` in hosts.toml is pabean itself --------------------------------------------------------------------------------
both=$work/hosts-open closed=$work/hosts-closed hosts=
mkdir -p "$both/docker.io" "$closed/docker.io"
printf 'server = "https://registry-1.docker.io"\n[host."http://127.0.0.1:5000"]\n  capabilities = ["pull", "resolve"]\n' >"$both/docker.io/hosts.toml"
printf 'server = "http://127.0.0.1:5000"\n[host."http://127.0.0.1:5000"]\n  capabilities = ["pull", "resolve"]\n' >"$closed/docker.io/hosts.toml"
check "ctr: pull" ctr_plain $R/docker/app:1
check "ctr: refused" said ctr refused "403" ctr_plain $R/docker/openjdk:17
check "ctr: push" ctr_push $R/docker/app:1 $R/ctr/app:1
check "ctr: and pull that" ctr_plain $R/ctr/app:1
hosts=$both
check "ctr falls back to the Hub when server is the Hub" ctr_pull docker.io/library/openjdk:17
hosts=$closed
ctr_ images rm docker.io/library/openjdk:17 >/dev/null 2>&1
check "ctr: with server = pabean, refused and the Hub is not asked" hub_silent said ctr mirror "403" ctr_pull docker.io/library/openjdk:17
check "ctr: with server = pabean, admitted" hub_silent ctr_pull docker.io/library/app:1
hosts=
check "ctr: a fault is said" said ctr fault "503" ctr_plain "localhost:$slow_port/fault/app:1"

# --- not ready in time, and accounts ------------------------------------------------------------------------------------------------------
serve_start brief "pull_wait: 1s
upstreams: {slow: {url: \"http://127.0.0.1:$slow_port\", insecure: true}}"
check "docker: not ready in time" said docker wait "being inspected; ask again in" docker_pull "localhost:$port/slow/slow/app:1"
check "ctr: not ready in time" said ctr wait "429" ctr_plain "localhost:$port/slow/slow/app:1"
touch release
check "docker: and then it is" wait_for 10 docker_pull "localhost:$port/slow/slow/app:1"
serve_stop brief
serve_start acc "anonymous: [pull]"
echo 'battery staple' | "$PABEAN" user add alice --state "$work/acc/state" -g '**:pull,push' --password-file - >/dev/null 2>&1
A=localhost:$port
reg push "$url" open/app 1 clean --user 'alice:battery staple' >/dev/null
export DOCKER_CONFIG=$work/dockercfg
check "docker: anonymous pull" docker_pull $A/open/app:1
check "docker: push without login fails" said docker push-anonymous "" docker_push clean $A/docker/app:1
check "docker: a wrong password fails" not eval "echo wrong-password | docker login -u alice --password-stdin $A"
check "docker: login" eval "echo 'battery staple' | docker login -u alice --password-stdin $A"
check "docker: push" docker_push clean $A/docker/app:1
check "docker: pull" docker_pull $A/docker/app:1
check "docker: a miner is pushed after login" docker_push miner $A/docker/openjdk:17
# until the verdict its pusher has the manifest, and docker the layers
check "docker: and its pusher learns the reason" wait_for 20 said docker refused-pusher "mines cryptocurrency" docker_pull $A/docker/openjdk:17
check "ctr: anonymous pull" ctr_plain $A/open/app:1
check "ctr: with a password" ctr_pull --plain-http --user 'alice:battery staple' $A/docker/app:1
clients_clean
exit 0
