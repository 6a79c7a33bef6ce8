#!/bin/bash
# The parse worker is confined: what hostile code in it would try is refused by the kernel, and a worker that dies or hangs is told.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Starts the role by hand as the parent would: descriptors 0 to 5, then one probe behind the seal.
probe() {	# number
	: >"$work/scratch"
	"$PABEAN" parse memory=1073741824 expand-bytes=1000000 expand-entries=1000 expand-depth=4 yara-timeout=5 packages-only=0 pseudo=0 "probe=$1" \
		</dev/null >"$work/facts" 2>"$work/err" 3<>"$work/scratch" 4</dev/null 5</dev/null
	echo $?
}

is() { if [ "$2" = "$3" ]; then echo "ok - $1"; else echo "not ok - $1: expected $3, got $2"; fi; }

probe 1 >"$work/status"
if grep -aq 'probe 1 returned -1, errno 1$' "$work/facts" || grep -aqo 'probe 1 returned -1, errno 1' "$work/facts"; then
	echo "ok - open gives EPERM in the worker"
else
	echo "not ok - open in the worker: status $(cat "$work/status"), $(strings "$work/facts" | grep probe)"
fi
# 128 + SIGSYS
is "socket kills the worker" "$(probe 2)" 159
is "exec kills the worker" "$(probe 3)" 159
is "ptrace kills the worker" "$(probe 4)" 159
grep -aq 'seccomp on' "$work/facts" && echo "ok - the worker says that it is confined" || echo "not ok - no word of confinement"

# An image, its layer one small tar.
image() {	# directory, tar
	local d=$1 l c m
	mkdir -p "$d/blobs/sha256"
	l=$(sha256sum "$2" | cut -d' ' -f1)
	cp "$2" "$d/blobs/sha256/$l"
	printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$l" >"$d/c"
	c=$(sha256sum "$d/c" | cut -d' ' -f1)
	printf '{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
		"$c" "$(stat -c %s "$d/c")" "$l" "$(stat -c %s "$2")" >"$d/m"
	mv "$d/c" "$d/blobs/sha256/$c"
	m=$(sha256sum "$d/m" | cut -d' ' -f1)
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$m" "$(stat -c %s "$d/m")" >"$d/index.json"
	mv "$d/m" "$d/blobs/sha256/$m"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$d/oci-layout"
}
scan() { "$PABEAN" scan --db "$work/db" --cache-dir "$work/cache" --platform linux/amd64 "$@"; }

mkdir "$work/r"
echo hello >"$work/r/file"
tar -C "$work/r" -cf "$work/l.tar" file
image "$work/i" "$work/l.tar"
scan --verbose "oci:$work/i" >"$work/out" 2>"$work/err"
grep -q 'confined worker (seccomp on' "$work/err" && echo "ok - --verbose shows the confinement" || { cat "$work/err"; echo "not ok - --verbose does not show the confinement"; }

# A worker without enough memory, and one out of time, hold the image and say why; nothing is cached.
head -c 40000000 /dev/zero | tr '\0' 'x' >"$work/r/big"
(echo '#!/bin/sh'; cat "$work/r/big") >"$work/r/script"
tar -C "$work/r" -cf "$work/l2.tar" file script
image "$work/i2" "$work/l2.tar"
if [ -z "${SANITIZED:-}" ]; then
	scan --memory 3M --format json "oci:$work/i2" >"$work/out" 2>"$work/err"
	is "a worker out of memory holds the image" "$?" 3
	grep -q '"coverage.layer"' "$work/out" && echo "ok - the gap is a finding" || { cat "$work/out" "$work/err"; echo "not ok - no finding of the gap"; }
else
	echo "skip - a worker out of memory: the sanitizer needs terabytes of address space"
fi
scan --timeout 1ms --format json "oci:$work/i2" >"$work/out" 2>"$work/err"
is "a worker out of time holds the image" "$?" 3
grep -q '"timeout"' "$work/out" && echo "ok - the time-out is told" || { cat "$work/out" "$work/err"; echo "not ok - the time-out is not told"; }
scan --format json "oci:$work/i2" >"$work/out" 2>"$work/err"
grep -q '"timeout"' "$work/out" && echo "not ok - a time-out was cached" || echo "ok - a result with a time-out is not cached"

# SCAN.md 1: a blob swapped under its old name is found in a warm scan, too.
scan "oci:$work/i" >/dev/null 2>&1
blob=$(ls -S "$work/i/blobs/sha256"/* | head -1)
touch -r "$blob" "$work/stamp"
sed -i 's/hello/jello/' "$blob"
touch -r "$work/stamp" "$blob"
scan "oci:$work/i" >"$work/out" 2>"$work/err"
is "a blob swapped under its old name and time" "$?" 2
grep -q 'not what its digest says' "$work/err" && echo "ok - and says so" || { cat "$work/err"; echo "not ok - without a word"; }

# Signals: no temporary file stays, the shell sees the signal.
mkfifo "$work/fifo"
for sig in INT:130 TERM:143; do
	rm -rf "$work/cache2"
	(exec 9>"$work/fifo"; head -c 3000000 /dev/zero >&9; sleep 20) &
	feeder=$!
	env -i --default-signal=INT PATH="$PATH" ASAN_OPTIONS="${ASAN_OPTIONS:-}" "$PABEAN" scan --db "$work/db" --cache-dir "$work/cache2" --output "$work/report" - <"$work/fifo" >/dev/null 2>"$work/err" &
	pid=$!
	sleep 1
	kill -"${sig%:*}" $pid
	wait $pid
	status=$?
	kill $feeder 2>/dev/null
	is "SIG${sig%:*} ends it" "$status" "${sig#*:}"
	left=$(find "$work/cache2" "$work" -maxdepth 3 -name '*.tmp*' -o -maxdepth 1 -name 'report*' | head -3)
	is "SIG${sig%:*} leaves no temporary file" "$left" ""
done
