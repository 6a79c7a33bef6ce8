#!/bin/bash
# Reports against their schemas: JSON against docs/scan.schema.json, SARIF against the OASIS schema (from the module proxy of Go, or the file
# in $SARIF_SCHEMA) or, where there is none, against what code scanning services ask for.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=/usr/bin/python3
$python -c 'import jsonschema' 2>/dev/null || { echo "skip - report: no python3-jsonschema here"; exit 0; }

WRITE_SAMPLES=$work "${BUILD:?}/tests/unit/test_report_json" >"$work/log" 2>&1 || { cat "$work/log"; echo "not ok - report: no samples"; exit 1; }

schema=${SARIF_SCHEMA:-}
if [ -z "$schema" ] && command -v go >/dev/null; then
	(cd "$work" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod init x && timeout 60 go mod download -json github.com/owenrumney/go-sarif/v3@v3.3.1) \
		>"$work/go" 2>/dev/null
	dir=$(sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' "$work/go")
	[ -n "$dir" ] && schema=$dir/pkg/report/v210/sarif/schema.go
fi
$python "$here/report_check.py" "$here/../../docs/scan.schema.json" "$work" "$schema"
