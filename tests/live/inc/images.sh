# Shared by the live tests of image sources: sourced, prints "ok - ", "not ok - ", "skip - " lines.
# PABEAN: the program. Every check is one line; details of failures go to standard error.
set -u
here=$(cd "$(dirname "$0")" && pwd)
PABEAN=${PABEAN:-$here/../../build/pabean}
work=$(mktemp -d)
pids=
finish() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	for p in $pids; do wait "$p" 2>/dev/null; done
	command -v cleanup >/dev/null && cleanup
	rm -rf "$work"
}
trap finish EXIT
export HOME=$work/home XDG_RUNTIME_DIR=$work/run XDG_CONFIG_HOME=$work/home/.config XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY DOCKER_HOST DOCKER_CONFIG REGISTRY_AUTH_FILE

skip_all() { echo "skip - $1: $2"; exit 0; }

need() {	# test name, then pairs program:package
	local name=$1 p
	shift
	for p in "$@"; do
		command -v "${p%%:*}" >/dev/null && continue
		skip_all "$name" "no ${p%%:*} here (\`make deps\` installs it: ${p##*:})"
	done
}

check() {	# name, command...
	local name=$1
	shift
	if "$@" >"$work/check.out" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		{ echo "# $name: $*"; tail -n 5 "$work/check.out" "$work/err" "$work/out" 2>/dev/null | cut -c1-600; } >&2
	fi
}

# A scan of which only the image part matters here: any verdict will do, exit 2 will not.
scan() {	# options and reference
	timeout 120 "$PABEAN" scan --no-cache --format json "$@" >"$work/out" 2>"$work/err"
	local rc=$?
	[ $rc = 0 ] || [ $rc = 1 ] || [ $rc = 3 ]
}

refused() {	# words, options and reference: exit 2 and these words
	local words=$1
	shift
	timeout 120 "$PABEAN" scan --no-cache --format json "$@" >"$work/out" 2>"$work/err"
	[ $? = 2 ] && grep -qF -- "$words" "$work/err"
}

field() {	# expression over r, the report (or the list of reports)
	python3 -c 'import json,sys; r=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$work/out" "$1"
}

diffs() { field '[l["diff_id"] for l in r["image"]["layers"]]'; }

background() {	# log, command...; the pid is in $last
	local log=$1
	shift
	"$@" >"$log" 2>&1 &
	last=$!
	pids="$pids $last"
}

wait_for() {	# seconds, command...
	local n=$(($1 * 10))
	shift
	while [ $n -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
		n=$((n - 1))
	done
	return 1
}

make_layout() {	# directory: an OCI layout with the tags one (1 layer) and two (2 layers)
	local L=$1 B=$work/bundle
	umoci init --layout "$L" && umoci new --image "$L:base" && umoci unpack --rootless --image "$L:base" "$B" >/dev/null 2>&1 || return 1
	mkdir -p "$B/rootfs/etc"
	printf 'ID=debian\nVERSION_ID="12"\n' >"$B/rootfs/etc/os-release"
	umoci repack --image "$L:one" "$B" >/dev/null 2>&1 || return 1
	rm -rf "$B"
	umoci unpack --rootless --image "$L:one" "$B" >/dev/null 2>&1 || return 1
	head -c 300000 /dev/urandom >"$B/rootfs/etc/blob"
	umoci repack --image "$L:two" "$B" >/dev/null 2>&1 || return 1
	rm -rf "$B"
}
