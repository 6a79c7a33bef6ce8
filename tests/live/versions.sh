#!/bin/bash
# `pabean db compare` against the programs that define the orders: dpkg, rpm, packaging, Gem::Version, npm's semver, golang.org/x/mod/semver.
set -u
here=$(cd "$(dirname "$0")" && pwd)/versions
pabean=${PABEAN:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
py=/usr/bin/python3		# the distribution's: it has the distribution's modules
[ -x $py ] || py=python3

ours() {	# kind, ecosystem, pairs
	$py "$here/versions.py" pairs "$1" "$3" >pairs
	"$pabean" db compare --ecosystem "$2" - <pairs >got
}

same() {	# name; compares want and got
	if [ -s want ] && cmp -s want got; then
		echo "ok - $1 ($(wc -l <pairs) pairs, $(grep -c '?' want) of them no versions)"
	else
		paste -d ' ' pairs want got | awk '$3 != $4 { print "#", $1, $2, "is", $3, "and we say", $4 }' | head -20
		echo "not ok - $1"
	fi
}

if command -v dpkg >/dev/null; then
	ours dpkg Debian 800
	paste -d ' ' pairs got | $py "$here/versions.py" order dpkg >want
	same "Debian's order is dpkg's"
else
	echo "skip - dpkg: not here"
fi

if $py -c 'import rpm' 2>/dev/null; then
	ours rpm AlmaLinux 6000
	$py "$here/versions.py" order rpm <pairs >want
	same "rpm's order is labelCompare's"
else
	echo "skip - rpm: no python3-rpm"
fi

if $py -c 'import packaging' 2>/dev/null; then
	ours pep440 PyPI 10000
	$py "$here/versions.py" order pep440 <pairs >want
	same "PyPI's order is packaging's"
else
	echo "skip - packaging: no python3-packaging"
fi

if command -v ruby >/dev/null; then
	ours gem RubyGems 10000
	ruby --disable=did_you_mean "$here/order.rb" <pairs >want
	same "RubyGems' order is Gem::Version's"
else
	echo "skip - Gem::Version: no ruby"
fi

npm_semver() {
	local d
	for d in /usr/share/nodejs/semver "$(realpath -m "$(command -v npm)")/../../node_modules/semver" /usr/lib/node_modules/npm/node_modules/semver; do
		[ -e "$d/package.json" ] && { echo "$d"; return; }
	done
}
if command -v node >/dev/null && [ -n "$(npm_semver)" ]; then
	ours semver npm 6000
	node "$here/order.js" "$(npm_semver)" <pairs >want
	same "npm's order is its semver's"
else
	echo "skip - npm's semver: not here"
fi

# Go carries golang.org/x/mod/semver in its own sources, so no module proxy is needed.
go=/usr/lib/go-1.19/bin/go
[ -x $go ] || go=$(command -v go)
export GOTOOLCHAIN=local GOFLAGS= GOPROXY=off GOCACHE=$work/gocache CGO_ENABLED=0
semver=$([ -n "$go" ] && echo "$($go env GOROOT)/src/cmd/vendor/golang.org/x/mod/semver/semver.go")
if [ -n "$go" ] && [ -f "$semver" ]; then
	mkdir -p mod/semver
	cp "$semver" mod/semver/
	cp "$here/order.go" mod/main.go
	printf 'module pabean.test/order\n\ngo 1.19\n' >mod/go.mod
	if (cd mod && $go build -buildvcs=false -o ../order . >../go.log 2>&1); then
		ours go Go 10000
		./order <pairs >want
		same "Go's order is golang.org/x/mod/semver's"
	else
		tail -5 go.log
		echo "not ok - go build"
	fi
else
	echo "skip - golang.org/x/mod/semver: no Go sources here"
fi
