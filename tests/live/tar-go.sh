#!/bin/bash
# The tar reader sees what Go's archive/tar sees: name, type, numbers, link and content, in thousands of mutated archives of all formats.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dump=${BUILD:?}/tests/live/tar_dump
count=4000
go=/usr/lib/go-1.19/bin/go	# Debian's: the reference must not change with whatever is on the PATH
[ -x $go ] || go=$(command -v go) || { echo "skip - tar-go: no Go here"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here"/tar-go/*.go "$work" && cd "$work" || exit 1
GO111MODULE=off GOFLAGS= GOTOOLCHAIN=local CGO_ENABLED=0 GOCACHE=${GOCACHE:-${HOME:-/tmp}/.cache/go-build} $go build -o main ./*.go || exit 1
./main archives $count >want || exit 1

bad=0
for how in "" chunked; do
	name="same as Go's archive/tar in $count archives${how:+, $how}"
	"$dump" archives $how >got
	status=$?
	if [ $status = 0 ] && cmp -s want got && [ "$(grep -c '^==' got)" = $count ]; then
		echo "ok - $name"
	else
		diff want got | head -20
		echo "not ok - $name (status $status)"
		bad=1
	fi
done
# the mutations must reach far: many archives with entries, many with errors
echo "# $(grep -c '^end ok' want) clean, $(grep -c '^end error' want) broken, $(grep -c '^c ' want) files"
exit $bad
