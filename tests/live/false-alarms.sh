#!/bin/bash
# What must not alarm (nothing of these kinds above low): this program, its sources, and the distribution's tools installed here.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

alarms() {	# name, directory
	"$PABEAN" scan --db "$work/db" --cache-dir "$work/cache" --format json "rootfs:$2" >"$work/out" 2>"$work/err"
	python3 - "$work/out" "$1" <<-'PY'
	import json, sys
	r = json.load(open(sys.argv[1]))
	bad = [(f['rule'], f['severity'], [e['path'] for e in f['evidence'][:3]]) for f in r['findings']
	       if f['kind'] in ('malware', 'miner', 'attack-tool') and f['severity'] not in ('info', 'low')]
	print('ok - ' + sys.argv[2] if not bad else 'not ok - %s: %s' % (sys.argv[2], bad[:8]))
	PY
}

mkdir -p "$work/own/usr/bin" "$work/own/usr/src/pabean" "$work/tools/usr/bin" "$work/tools/var/lib/apt"
cp "$PABEAN" "$work/own/usr/bin/"
alarms "the program itself" "$work/own"
for d in src docs bench tools packaging; do [ -d "$here/$d" ] && cp -r "$here/$d" "$work/own/usr/src/pabean/"; done
alarms "its sources and documentation" "$work/own"
for p in busybox nmap tor nc nc.traditional yara clamscan python3 perl node gcc-12 bash curl wget ssh hydra masscan openssl go; do
	f=$(command -v "$p") && cp -L "$f" "$work/tools/usr/bin/" 2>/dev/null
done
cp -r /var/lib/apt/lists "$work/tools/var/lib/apt/" 2>/dev/null
for d in /usr/lib/python3/dist-packages /usr/share/nmap /usr/lib/clamav; do [ -d $d ] && mkdir -p "$work/tools$d" && cp -r $d/. "$work/tools$d/"; done
alarms "tools of the distribution, its package lists and Python modules" "$work/tools"
