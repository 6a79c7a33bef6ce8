#!/bin/bash
# Archives written by podman, layouts changed by umoci.
. "$(dirname "$0")/inc/images.sh"
need podman-umoci umoci:umoci podman:podman python3:python3
cd "$work" || exit 1
make_layout lay || skip_all podman-umoci "umoci makes no layout here"
check "every tag of a layout" scan oci:lay
check "several images are several reports" [ "$(field 'len(r)')" = 3 ]
scan oci:lay:two
want=$(diffs)
umoci config --image lay:two --tag three --config.entrypoint /bin/sh --config.user 1000
check "umoci's changed config" scan oci:lay:three
check "the layers are the same" [ "$(diffs)" = "$want" ]
umoci rm --image lay:base; umoci gc --layout lay
check "after umoci gc" scan oci:lay:two

pod() { podman --root "$work/store" --runroot "$work/runroot" --storage-driver vfs --events-backend file "$@" >"$work/podman" 2>&1; }
if ! pod pull oci:lay:two; then
	echo "skip - podman's archives: podman does not work here: $(tail -1 "$work/podman" | cut -c1-200)"
	exit 0
fi
id=$(podman --root "$work/store" --runroot "$work/runroot" --storage-driver vfs images -q --no-trunc | head -1)
pod tag "$id" example.org/app:1
for f in docker-archive oci-archive; do
	pod save --format $f -o "p-$f.tar" example.org/app:1
	check "podman save --format $f" scan "$f:p-$f.tar"
	check "podman save --format $f: the same content" [ "$(diffs)" = "$want" ]
done
for f in oci-dir docker-dir; do
	pod save --format $f -o "p-$f" example.org/app:1
	check "podman save --format $f" scan "./p-$f"
	check "podman save --format $f: the same content" [ "$(diffs)" = "$want" ]
done
pod tag "$id" example.org/other:2
pod save -m -o several.tar example.org/app:1 example.org/other:2
check "several tags of one image" scan docker-archive:several.tar
exit 0
