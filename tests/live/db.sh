#!/bin/bash
# The advisory database from end to end: a server on the loopback stands in for the OSV bucket, KEV and EPSS.
set -u
. "$(dirname "$0")/inc/images.sh"
command -v python3 >/dev/null || skip_all db "no python3 here"
cd "$work" || exit 1
db=$work/db feed=$work/feed control=$work/control log=$work/log image=$work/image
mkdir -p "$feed"
: >"$log"

# --- What is served ---

zip_of() {	# ECOSYSTEM, JSON records
	local e=$1
	shift
	mkdir -p "$feed/$e"
	python3 -c 'import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:
    for r in sys.argv[2:]:
        z.writestr(zipfile.ZipInfo(json.loads(r)["id"] + ".json"), r)' "$feed/$e/all.zip" "$@"
}
debian_record() {	# CVE, source, fixed
	printf '{"id":"DEBIAN-%s","modified":"2025-01-01T00:00:00Z","published":"2024-02-01T00:00:00Z","upstream":["%s"],"details":"A flaw in %s.","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],"affected":[{"package":{"ecosystem":"Debian:12","name":"%s"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"%s"}]}]}]}' \
		"$1" "$1" "$2" "$2" "$3"
}
mal_record() {	# number, package
	printf '{"id":"MAL-2024-%s","modified":"2025-01-01T00:00:00Z","summary":"Malicious code in %s (npm)","affected":[{"package":{"ecosystem":"npm","name":"%s"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}' "$1" "$2" "$2"
}
kev() {	# CVE
	mkdir -p "$feed/lists"
	printf '{"title":"CISA Catalog of Known Exploited Vulnerabilities","catalogVersion":"2025.01.01","count":1,"vulnerabilities":[{"cveID":"%s","dateAdded":"2024-03-01","dueDate":"2024-03-22","knownRansomwareCampaignUse":"Known"}]}' "$1" >"$feed/lists/kev.json"
}
epss() {	# CVE
	mkdir -p "$feed/lists"
	printf '#model_version:v2025.03.14,score_date:2025-04-01T00:00:00+0000\ncve,epss,percentile\n%s,0.87654,0.98765\n' "$1" | gzip -n >"$feed/lists/epss.csv.gz"
}
zip_of Debian "$(debian_record CVE-2024-1111 hello 2.11-1)" "$(debian_record CVE-2024-2222 other 9)"
zip_of npm "$(mal_record 77 evil-package)"
kev CVE-2024-1111
epss CVE-2024-1111

# --- An image: dpkg's status with one package, and a node module ---

make_layer() {	# tar, further directory to pack
	mkdir -p root/etc root/var/lib/dpkg
	printf 'ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n' >root/etc/os-release
	printf 'Package: hello\nStatus: install ok installed\nMaintainer: X <x@example.org>\nArchitecture: amd64\nVersion: 2.10-3\nDescription: example\n' >root/var/lib/dpkg/status
	tar -C root --sort=name --owner=0 --group=0 -cf "$1" .
}
make_oci() {	# directory, tar
	local d=$1 l c m
	mkdir -p "$d/blobs/sha256"
	l=$(sha256sum "$2" | cut -d' ' -f1)
	cp "$2" "$d/blobs/sha256/$l"
	printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$l" >c
	c=$(sha256sum c | cut -d' ' -f1)
	printf '{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
		"$c" "$(stat -c %s c)" "$l" "$(stat -c %s "$2")" >m
	mv c "$d/blobs/sha256/$c"
	m=$(sha256sum m | cut -d' ' -f1)
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$m" "$(stat -c %s m)" >"$d/index.json"
	mv m "$d/blobs/sha256/$m"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$d/oci-layout"
}
make_layer clean.tar
make_oci "$image" clean.tar
mkdir -p root/app/node_modules/evil-package
echo '{"name":"evil-package","version":"1.0.0"}' >root/app/node_modules/evil-package/package.json
make_layer evil.tar
make_oci "$work/evil" evil.tar

# --- Helpers ---

update() { "$PABEAN" db update --db "$db" --source "http://127.0.0.1:$port" --kev-url "http://127.0.0.1:$port/lists/kev.json" \
	--epss-url "http://127.0.0.1:$port/lists/epss.csv.gz" "$@" >out 2>err; }
scan_db() {	# status wanted, further arguments
	local want=$1 got
	shift
	"$PABEAN" scan --platform linux/amd64 --cache-dir "$work/cache" --format json "$@" >out 2>err
	got=$?
	[ $got = "$want" ] || { echo "status $got, not $want" >>err; return 1; }
}
finding() {	# expression over f that one finding must fulfil
	python3 -c 'import json, sys
sys.exit(not any(eval(sys.argv[1]) for f in json.load(open("out"))["findings"]))' "$1"
}
stat_of() { field "[s['value'] for s in r['stats'] if s['name']=='$1'][0]"; }
sum_of() { sha256sum <"$db/advisories.db"; }
# No file but those that stay: the database, its lock and what an update resumes.
tidy() { [ -z "$(find "$db" -type f ! -name advisories.db ! -name '.*lock' ! -path '*/download/*' -print)" ]; }
nothing_half() { [ -z "$(find "$db" -name '*.part*' -o -name '*.zip' -o -name '*.tmp*')" ]; }
logged() { grep -qE "^$1\$" "$log"; }
text() { grep -qF -- "$1" "$2"; }
fails() {	# status, words, command...
	local want=$1 words=$2 got
	shift 2
	"$@" >out 2>err
	got=$?
	[ $got = "$want" ] && grep -qF -- "$words" err
}

python3 "$here/db/server.py" "$feed" "$work/port" "$log" "$control" 2>server.err &
pids=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
port=$(cat "$work/port") || exit 1

# --- Without a database ---

check "no database holds the image and says what to do" scan_db 3 --db "$work/none" "oci:$image"
check "... in a finding" finding 'f["rule"] == "coverage.no-database" and "pabean db update" in f["advice"]'
check "status without a database" fails 2 "pabean db update" "$PABEAN" db status --db "$work/none"

# --- Update ---

check "update takes what the source has" update
check "an ecosystem that the source lacks is passed over" logged '/crates.io/all.zip 404 0 -'
check "KEV and EPSS are fetched" logged '/lists/epss.csv.gz 200 0 -'
check "nothing half is left" nothing_half
check "an ecosystem that was asked for and is not there" fails 2 "crates.io" "$PABEAN" db update --db "$db" --source "http://127.0.0.1:$port" --ecosystem crates.io
"$PABEAN" db status --db "$db" >out 2>err
check "status counts records" grep -qE '^records +3$' out
check "status names the sources" grep -qE "^Debian +2 +20.*http://127.0.0.1:$port" out
check "status counts KEV and EPSS" eval 'grep -qE "^KEV +1$" out && grep -qE "^EPSS +1$" out'
"$PABEAN" db status --db "$db" --releases --verify >out 2>err
check "status lists releases and verifies" eval 'grep -qE "^Debian:12 +2$" out && text "Every block has its checksum" out'
"$PABEAN" db lookup --db "$db" CVE-2024-1111 >out 2>err
check "lookup of a CVE tells KEV, EPSS and the fix" eval 'text 2.11-1 out && text 2024-03-01 out && text 87 out'
PABEAN_DB=$db "$PABEAN" db lookup 'pkg:deb/debian/hello@2.10-3?distro=debian-12' >out 2>err
check "lookup of a purl, the database by PABEAN_DB" text CVE-2024-1111 out
check "lookup of what is not known" fails 2 "CVE-1999-0001" "$PABEAN" db lookup --db "$db" CVE-1999-0001

: >"$log"
before=$(stat -c %Y "$db/advisories.db")
check "a second update" update
check "asks by ETag and gets 304" eval 'logged "/Debian/all.zip 304 0 if-none-match" && logged "/lists/kev.json 304 0 if-none-match" && ! grep -q " 200 " "$log"'
check "... says so" text "have not changed" err
check "... and keeps the records" eval '"$PABEAN" db status --db "$db" | grep -qE "^records +3$"'

# --- What a scan makes of it ---

check "a scan uses it: an exploited, fixable vulnerability refuses" scan_db 1 --db "$db" "oci:$image"
check "EPSS and KEV are in the report" finding 'f["kind"] == "vulnerability" and f["epss"] == {"score": 0.87654, "percentile": 0.98765, "date": "2025-04-01"} and f["kev"]["added"] == "2024-03-01" and f["kev"]["due"] == "2024-03-22" and f["kev"]["ransomware"] and f["exploited"]'
check "severity is the vector's, the fix is named" finding 'f["severity"] == "high" and f["fixed_version"] == "2.11-1" and f["cvss"]'
check "the data is named in the report" eval '[ "$(field "r[\"data\"][\"advisories\"][\"records\"]")" = 3 ]'
check "PABEAN_DB names the database, too" eval 'PABEAN_DB=$db scan_db 1 "oci:$image"'
check "malware by advisory refuses" scan_db 1 --db "$db" "oci:$work/evil"
check "... and is named" finding 'f["kind"] == "malware" and "MAL-2024-77" in json.dumps(f)'
check "an old database" scan_db 1 --db "$db" --now 2031-01-01T00:00:00Z --db-max-age 7d "oci:$image"
check "... is a finding" finding 'f["rule"] == "coverage.old-database" and f["kind"] == "coverage"'
check "... within --db-max-age it is none" eval 'scan_db 1 --db "$db" --db-max-age 30d "oci:$image" && ! finding "f[\"rule\"] == \"coverage.old-database\""'

# --- New advisories and the cached facts ---

scan_db 1 --db "$db" --stats "oci:$image"
zip_of Debian "$(debian_record CVE-2024-1111 hello 2.11-1)" "$(debian_record CVE-2024-2222 other 9)" "$(debian_record CVE-2024-3333 hello 2.12)"
: >"$log"
check "an update of what changed" update
check "... fetches only that" eval 'logged "/Debian/all.zip 200 0 if-none-match" && logged "/npm/all.zip 304 0 if-none-match"'
check "a scan after it" scan_db 1 --db "$db" --stats "oci:$image"
check "... sees the new advisory" finding 'f["kind"] == "vulnerability" and "CVE-2024-3333" in json.dumps(f)'
check "... and reads no layer" eval '[ "$(stat_of layers-from-cache)" = 1 ]'
mkdir -p older/Debian && python3 -c 'import json, sys, zipfile
with zipfile.ZipFile("older/Debian/all.zip", "w") as z: z.writestr("x.json", sys.argv[1])' "$(debian_record CVE-2020-1 hello 2.5)"
kev CVE-2020-1
cp "$feed/lists/kev.json" older/kev.json
kev CVE-2024-1111
check "older files imported by hand" eval '"$PABEAN" db import --db "$db" older >out 2>err && "$PABEAN" db status --db "$db" | grep -qE "^Debian +1 "'
: >"$log"
check "... give way to the next update, ETag or not" eval 'update && logged "/Debian/all.zip 200 0 -" && logged "/lists/kev.json 200 0 -" && logged "/npm/all.zip 304 0 if-none-match"'
check "... which brings what the source has" eval '"$PABEAN" db status --db "$db" | grep -qE "^Debian +3 " && "$PABEAN" db lookup --db "$db" CVE-2024-1111 | grep -q 2024-03-01'
mkdir -p other/PyPI && cp "$feed/npm/all.zip" other/PyPI/all.zip
check "an import keeps the other ecosystems" eval '"$PABEAN" db import --db "$db" other >out 2>err && "$PABEAN" db status --db "$db" | grep -qE "^Debian +3 "'

# --- Broken transfers ---

# Debian's zip large enough to be cut: other records beside. What has no ETag in the database is fetched.
python3 "$here/db/feed.py" feed "$work/more" 3000
cp "$work/more/Debian/all.zip" "$feed/Debian/all.zip"
bytes=$(stat -c %s "$feed/Debian/all.zip")
sum=$(sum_of)
: >"$log"
echo '{"cut": {"/Debian/all.zip": 20000}}' >"$control"
update --ecosystem Debian
broken=$?
if [ $broken = 0 ]; then
	check "a download that is cut again and again is resumed within one update" eval 'grep -qE "^/Debian/all.zip 206 20000 " "$log"'
else
	check "a download that is cut ends the update with status 2" eval '[ $broken = 2 ] && text Debian err'
	check "... the database stays" eval '[ "$(sum_of)" = "$sum" ] && tidy'
	check "... what came is kept" eval '[ "$(stat -c %s "$db/download/Debian/all.zip.part")" -ge 20000 ]'
	: >"$log"
	rm "$control"
	check "the next update" update --ecosystem Debian
	check "... resumes it" eval 'grep -qE "^/Debian/all.zip 206 [1-9][0-9]* " "$log" && ! grep -qE "^/Debian/all.zip 200 " "$log"'
fi
rm -f "$control"
check "nothing half is left of it" nothing_half
check "the result is whole" eval '"$PABEAN" db status --db "$db" --verify | grep -qE "^Debian +1800 "'

# A part of a file that has changed since is fetched anew.
cp "$work/more/npm/all.zip" "$feed/npm/all.zip"
echo '{"cut": {"/npm/all.zip": 5000, "/lists/kev.json": 10}}' >"$control"
python3 - "$db" <<'PY'
import os, sys
d = os.path.join(sys.argv[1], "download/npm")
open(os.path.join(d, "all.zip.part"), "wb").write(b"PK of an older file" * 100)
open(os.path.join(d, "all.zip.part.etag"), "w").write('"older"')
PY
rm -f "$control"
check "half a file that changed since" update --ecosystem npm
check "... is fetched anew" eval '"$PABEAN" db status --db "$db" --verify | grep -qE "^npm +1050 "'
printf '{"status": {"/npm/all.zip": 500}}' >"$control"
sum=$(sum_of)
cp "$work/more/PyPI/all.zip" "$feed/Debian/all.zip"	# anything else that is a zip
check "a server that fails" eval '! update --ecosystem npm --ecosystem Debian && [ "$(sum_of)" = "$sum" ] && tidy'
rm -f "$control"
: >"$log"
# As an update leaves it that ends between fetching and importing.
cp "$feed/Debian/all.zip" "$db/download/Debian/all.zip"
printf '"%s"' "$(md5sum <"$feed/Debian/all.zip" | cut -d' ' -f1)" >"$db/download/Debian/all.zip.part.etag"
check "what was fetched and not imported is not fetched again" eval 'update --ecosystem npm --ecosystem Debian && logged "/Debian/all.zip 304 0 if-none-match" && nothing_half && "$PABEAN" db status --db "$db" | grep -qE "^PyPI +150 "'
cp "$work/more/Debian/all.zip" "$feed/Debian/all.zip"
sum=$(sum_of)
head -c 60000 "$work/more/Debian/all.zip" >"$feed/npm/all.zip"
check "a broken zip ends the update" eval '! update --ecosystem npm && text npm err && [ "$(sum_of)" = "$sum" ] && tidy'
cp "$work/more/npm/all.zip" "$feed/npm/all.zip"
check "... and the next one takes the mended zip" eval 'update --ecosystem npm && nothing_half && tidy'

# --- Two at once ---

rm -f "$db"/download/*/*.etag
echo '{"rate": 400000}' >"$control"
(update --ecosystem Debian; echo $? >s1) &
other=$!
"$PABEAN" db update --db "$db" --source "http://127.0.0.1:$port" --ecosystem Debian --ecosystem npm >o2 2>err2
echo $? >s2
wait $other
rm -f "$control"
check "two updates at once" eval '[ "$(cat s1 s2 | tr -d "\n")" = 00 ] && nothing_half && "$PABEAN" db status --db "$db" --verify | grep -qE "^Debian +1800 "'

# --- Killed in the middle ---

sum=$(sum_of)
echo '{"rate": 40000}' >"$control"
rm -f "$db/download/Debian/all.zip.etag"
"$PABEAN" db update --db "$db" --source "http://127.0.0.1:$port" --ecosystem Debian >out 2>err &
victim=$!
for _ in $(seq 100); do [ -s "$db/download/Debian/all.zip.part" ] && break; sleep 0.1; done
kill -KILL $victim
wait $victim 2>/dev/null
check "an update killed while it fetches leaves the database" eval '[ "$(sum_of)" = "$sum" ] && tidy'
rm -f "$control"
check "... and the next one completes" eval 'update --ecosystem Debian && nothing_half'

python3 "$here/db/feed.py" feed "$work/large" 20000
whole=0
for delay in 0.02 0.1 0.2 0.4 0.6; do
	sum=$(sum_of)
	"$PABEAN" db import --db "$db" "$work/large" >out 2>err &
	victim=$!
	sleep $delay
	kill -KILL $victim 2>/dev/null
	wait $victim 2>/dev/null && sum=$(sum_of)	# it was done before
	"$PABEAN" db status --db "$db" --verify >out 2>err && [ "$(sum_of)" = "$sum" ] && tidy && whole=$((whole + 1))
done
check "an import killed at five moments leaves the old file whole and no temporaries" [ $whole = 5 ]
check "and the next one completes" eval '"$PABEAN" db import --db "$db" "$work/large" >out 2>err && tidy && "$PABEAN" db status --db "$db" --verify >out'

# --- Scans meanwhile ---

"$PABEAN" db import --db "$db" "$feed" >out 2>err
(for i in 1 2 3; do "$PABEAN" db import --db "$db" "$work/large" && "$PABEAN" db import --db "$db" "$work/more" || touch import-failed; done; touch imports-done) >/dev/null 2>&1 &
importer=$!
scans=0 wrong=0
while [ ! -e imports-done ] && [ $scans -lt 400 ]; do
	"$PABEAN" scan --platform linux/amd64 --cache-dir "$work/cache" --db "$db" --format json "oci:$image" >scan.out 2>scan.err
	status=$?
	scans=$((scans + 1))
	case $status in 0 | 1 | 3) ;; *) wrong=$((wrong + 1)); cp scan.err err ;; esac
done
wait $importer
check "scans while the database is replaced six times" eval '[ $scans -ge 3 ] && [ $wrong = 0 ] && [ ! -e import-failed ]'
("$PABEAN" db import --db "$db" "$work/more" >o1 2>err; echo $? >s1) &
other=$!
"$PABEAN" db import --db "$db" other >o2 2>err2
echo $? >s2
wait $other
check "two imports at once: both come in" eval '[ "$(cat s1 s2 | tr -d "\n")" = 00 ] && "$PABEAN" db status --db "$db" --verify | grep -qE "^Debian +1800 "'

# --- Damage ---

rm -rf "$db"
update --ecosystem Debian || echo "# update failed: $(cat err)"
cp "$db/advisories.db" good
flip() {	# offset
	cp good "$db/advisories.db"
	python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([b ^ 0x10]))' "$db/advisories.db" "$1"
}
refused_everywhere() {
	local at
	for at in "$@"; do
		flip "$at"
		fails 2 "" "$PABEAN" db status --db "$db" --verify || { echo "byte $at"; return 1; }
	done
}
size=$(stat -c %s good)
index=$(python3 -c 'import struct; print(struct.unpack_from("<Q", open("good", "rb").read(), 32)[0])')
check "a byte wrong in the header" refused_everywhere 0 3 8 12 16 24 32 40 48 56 64 71
check "... in the index" refused_everywhere "$index" $((index + 9)) $((index + 16)) $(((index + size) / 2)) $((size - 1))
check "... in a block" refused_everywhere 72 73 76 90 $((index / 2)) $((index - 1))
for at in 20 $((index + 3)); do
	flip "$at"
	check "a scan with a damaged database (byte $at) ends with status 2" fails 2 "damaged" "$PABEAN" scan --db "$db" --cache-dir "$work/cache" --platform linux/amd64 "oci:$image"
done
python3 -c 'd = bytearray(open("good", "rb").read())
for i in range(72, int("'"$index"'"), 64): d[i] ^= 1
open("'"$db"'/advisories.db", "wb").write(d)'
check "... and so it does when blocks are damaged" fails 2 "damaged" "$PABEAN" scan --db "$db" --cache-dir "$work/cache" --platform linux/amd64 "oci:$image"
check "... and a lookup" fails 2 "damaged" "$PABEAN" db lookup --db "$db" CVE-2024-1111
short=0
for n in 0 1 71 72 1000 $((size - 1)); do
	head -c "$n" good >"$db/advisories.db"
	fails 2 "" "$PABEAN" db status --db "$db" && short=$((short + 1))
done
check "a truncated file is refused at every length" [ $short = 6 ]
cp good "$db/advisories.db" && echo x >>"$db/advisories.db"
check "so is one that is too long" fails 2 "damaged" "$PABEAN" db status --db "$db"
cp good "$db/advisories.db"
printf 'c' | dd of="$db/advisories.db" bs=1 seek=8 conv=notrunc 2>/dev/null
check "one of another format is told apart" fails 2 "has format" "$PABEAN" db status --db "$db"
rm -f "$db/advisories.db"
check "after its removal an update makes it anew" eval 'update --ecosystem Debian && "$PABEAN" db status --db "$db" --verify >out'
