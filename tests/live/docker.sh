#!/bin/bash
# docker save and docker-daemon:, with a dockerd of our own in a network namespace of its own.
. "$(dirname "$0")/inc/images.sh"
need docker dockerd:docker.io umoci:umoci skopeo:skopeo python3:python3 ip:iproute2
[ "$(id -u)" = 0 ] || skip_all docker "not root"
cd "$work" || exit 1
ns=pabean$$
sock=unix://$work/D/sock
cleanup() {
	[ -f "$work/D/pid" ] && kill "$(cat "$work/D/pid")" 2>/dev/null
	wait 2>/dev/null
	ip netns del $ns 2>/dev/null
}
ip netns add $ns 2>/dev/null && ip -n $ns link set lo up || skip_all docker "no network namespaces"
mkdir D
background dockerd.log nsenter --net=/run/netns/$ns dockerd --data-root "$work/D/data" --exec-root "$work/D/exec" --pidfile "$work/D/pid" -H "$sock" \
	--storage-driver=overlay2
export DOCKER_HOST=$sock
wait_for 30 docker version || skip_all docker "dockerd does not start: $(tail -1 dockerd.log)"

make_layout L || skip_all docker "umoci makes no layout here"
scan oci:L:two
want=$(diffs)
skopeo --insecure-policy copy -q oci:L:two docker-archive:d.tar:app:1
docker load -q -i d.tar >/dev/null
mkdir ctx && echo hello >ctx/hello
printf 'FROM app:1\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n' >ctx/Dockerfile
DOCKER_BUILDKIT=0 docker build -q -t app:2 ctx >/dev/null 2>&1

docker save -o one.tar app:1
check "docker save" scan docker-archive:one.tar
check "docker save: the same content" [ "$(diffs)" = "$want" ]
docker save -o both.tar app:1 app:2
check "several images" scan docker-archive:both.tar
check "several images without REF: all" [ "$(field 'sorted(x["image"]["reference"] for x in r)')" = "['docker.io/library/app:1', 'docker.io/library/app:2']" ]
check "several images with REF: one" scan docker-archive:both.tar:app:2
check "the layers have their instructions" [ "$(field '"COPY" in r["image"]["layers"][-1]["created_by"]')" = True ]
whole=$(diffs)
check "a REF that is not there" refused "holds no image" docker-archive:both.tar:app:9
piped() { docker save app:2 | timeout 60 "$PABEAN" scan --no-cache --format json docker-archive:- >"$work/out" 2>"$work/err"; [ "$(diffs)" = "$whole" ]; }
check "docker save through a pipe" piped
check "docker-daemon" scan docker-daemon:app:2
check "docker-daemon: the same content" [ "$(diffs)" = "$whole" ]
check "docker-daemon: the config digest is the image's id" [ "$(field 'r["image"]["config_digest"]')" = "$(docker images -q --no-trunc app:2)" ]
check "docker-daemon by id" scan "docker-daemon:$(docker images -q --no-trunc app:2)"
check "docker-daemon: an image that is not there" refused "does not give" docker-daemon:nope
DOCKER_HOST=unix://$work/no-sock check "no daemon" refused "ask the Docker daemon" docker-daemon:app:1
DOCKER_HOST=ssh://host check "a daemon over ssh" refused "DOCKER_HOST" docker-daemon:app:1
check "rootfs of an unpacked tree" scan rootfs:ctx
exit 0
