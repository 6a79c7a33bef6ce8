#!/bin/bash
# What skopeo writes in every transport and compression is the same image to pabean.
. "$(dirname "$0")/inc/images.sh"
need skopeo skopeo:skopeo umoci:umoci python3:python3 zstd:zstd
cd "$work" || exit 1
make_layout L || skip_all skopeo "umoci makes no layout here"
copy() { skopeo --insecure-policy copy -q "$@"; }

check "umoci's layout" scan oci:L:two
want=$(diffs)
digest=$(field 'r["image"]["digest"]')
config=$(field 'r["image"]["config_digest"]')
ids=$(field '[f["id"] for f in r["findings"]]')
check "its digest is skopeo's" [ "$digest" = "$(skopeo inspect --format '{{.Digest}}' oci:L:two)" ]

same() {	# digest or None, reference: same layers, config, manifest
	scan "$2" && [ "$(diffs)" = "$want" ] && [ "$(field 'r["image"]["config_digest"]')" = "$config" ] &&
		[ "$(field 'r["image"]["digest"]')" = "$1" ]
}
copy oci:L:two docker-archive:d.tar:foo/bar:1.0
copy oci:L:two oci-archive:o.tar:v1
copy oci:L:two dir:dd
copy --dest-decompress oci:L:two dir:plain
check "docker-archive" same None docker-archive:d.tar
check "docker-archive with its tag" same None docker-archive:d.tar:foo/bar:1.0
check "its name is normalised" [ "$(field 'r["image"]["reference"]')" = docker.io/foo/bar:1.0 ]
check "the findings' ids are the same in docker-archive" [ "$(field '[f["id"] for f in r["findings"]]')" = "$ids" ]
check "oci-archive" same "$digest" oci-archive:o.tar:v1
check "oci-archive without tag" same "$digest" oci-archive:o.tar
check "dir" same "$digest" dir:dd
check "recognised by content: layout" same "$digest" ./L@"$digest"
check "recognised by content: dir" same "$digest" ./dd
check "recognised by content: docker archive" same None ./d.tar
check "recognised by content: OCI archive" same "$digest" ./o.tar
check "oci by digest" same "$digest" oci:L@"$digest"
for c in gzip zstd; do
	copy --dest-compress --dest-compress-format $c dir:plain oci:$c:x
	check "layers as $c" scan oci:$c:x
	check "layers as $c: the same content" [ "$(diffs)" = "$want" ]
done
copy --dest-decompress oci:L:two oci:none:x
check "plain layers" scan oci:none:x
copy --format v2s2 oci:L:two dir:s2
check "Docker schema 2" scan dir:s2
check "Docker schema 2: the same content" [ "$(diffs)" = "$want" ]

# standard input and whole archives compressed
stdin_same() { "$@" | timeout 120 "$PABEAN" scan --no-cache --format json "$ref" >"$work/out" 2>"$work/err"; [ "$(diffs)" = "$want" ]; }
for ref in - docker-archive:-; do
	check "docker archive through a pipe as $ref" stdin_same cat d.tar
	check "gzip of a docker archive through a pipe as $ref" stdin_same gzip -c d.tar
done
ref=-
check "OCI archive through a pipe" stdin_same cat o.tar
check "zstd of an OCI archive through a pipe" stdin_same zstd -qc o.tar
xz -k d.tar
check "docker archive as .xz" same None docker-archive:d.tar.xz

# every byte is checked
cp -r L bad
blob=$(field 'r["image"]["config_digest"]' | cut -d: -f2)
sed -i 's/linux/Linux/' "bad/blobs/sha256/$blob"
check "a changed config is refused" refused "damaged or replaced" oci:bad:two
rm -r bad; cp -r L bad
scan oci:bad:two
top=$(field 'r["image"]["layers"][-1]["digest"]' | cut -d: -f2)
bottom=$(field 'r["image"]["layers"][0]["digest"]' | cut -d: -f2)
size=$(stat -c %s "bad/blobs/sha256/$top")
cp "bad/blobs/sha256/$bottom" "bad/blobs/sha256/$top"
truncate -s "$size" "bad/blobs/sha256/$top"
check "another layer under its name is refused" refused "digest" oci:bad:two
rm "bad/blobs/sha256/$top"
check "a missing layer is named" refused "layer of" oci:bad:two
head -c 100000 d.tar >cut.tar
check "a truncated archive is refused" refused "ends in the middle" docker-archive:cut.tar
gzip -c d.tar | head -c 100000 >cut.tar.gz
check "a truncated compressed archive is refused" refused "cut.tar.gz" docker-archive:cut.tar.gz
check "a tag that is not there" refused "it has" oci:L:nope
check "a directory of no image" refused "rootfs:" "$work"
check "a platform that is not there" refused "linux/s390x" --platform linux/s390x oci:L:two
# one scan, swap a blob under its old name, scan again: with the cache on
cp -r L swap
timeout 60 "$PABEAN" scan --format json oci:swap:two >"$work/out" 2>"$work/err"
printf 'x' | dd of="swap/blobs/sha256/$top" bs=1 seek=1000 conv=notrunc status=none
swapped() { timeout 60 "$PABEAN" scan --format json oci:swap:two >"$work/out" 2>"$work/err"; [ $? = 2 ]; }
check "a blob swapped between two scans is refused" swapped
exit 0
