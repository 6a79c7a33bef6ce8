#!/bin/bash
# Package lists compared with those of the programs that own the databases: dpkg-query, rpm, pip, npm, go.
set -u
here=$(cd "$(dirname "$0")" && pwd)
pabean=${PABEAN:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOME=$work XDG_DATA_HOME=$work/data XDG_CACHE_HOME=$work/cache
bad=0

# Scans the directory and prints what packages.py makes of the report.
listed() {	# directory, type, further arguments of packages.py
	local dir=$1 type=$2 status
	shift 2
	"$pabean" scan --quiet --no-cache --format json "rootfs:$dir" >report.json 2>report.err
	status=$?
	case $status in
	0 | 1 | 3) ;;	# any verdict will do
	*) echo "# scan of $dir: status $status: $(tail -1 report.err)" >&2; return 1 ;;
	esac
	python3 "$here/packages/packages.py" "$type" "$@" report.json | LC_ALL=C sort -u
}

same() {	# name, minimum of lines; compares the files want and got
	if [ "$(wc -l <want)" -ge "$2" ] && cmp -s want got; then
		echo "ok - $1 ($(wc -l <want) packages)"
	else
		diff want got | head -10
		echo "not ok - $1"
		bad=1
	fi
}

dpkg_list() {	# root
	dpkg-query --admindir="$1/var/lib/dpkg" -W -f '${db:Status-Status}\t${binary:Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' |
		awk -F'\t' -v OFS='\t' '$1 == "installed" { sub(/:.*/, "", $2); print $2, $3, $4, $5, $6 }' | LC_ALL=C sort -u
}

dpkg_here() {
	[ -f /var/lib/dpkg/status ] || { echo "skip - dpkg-query: this is no Debian"; return; }
	mkdir -p here/var/lib here/etc && cp /etc/os-release here/etc/ && cp -r /var/lib/dpkg here/var/lib/ 2>/dev/null
	dpkg_list here >want
	listed here deb >got
	same "this machine's packages as dpkg-query lists them" 50
}

debootstrapped() {
	local why=
	[ -z "${SANITIZED:-}" ] || why="too slow with sanitizers"
	command -v debootstrap >/dev/null || why="not here"
	[ "$(id -u)" = 0 ] || why="not root"
	[ -n "$why" ] || timeout 400 debootstrap --variant=minbase bookworm root >debootstrap.log 2>&1 || why="does not work here: $(tail -1 debootstrap.log)"
	[ -z "$why" ] || { echo "skip - debootstrap: $why"; return; }
	dpkg_list root >want
	listed root deb >got
	same "a debootstrap image as dpkg-query lists it" 50
	# every file that dpkg installed is as its package says
	if ! python3 -c 'import json, sys
found = [f for f in json.load(open("report.json"))["findings"] if f["kind"] == "integrity"]
print(*(f["title"] for f in found[:3]), sep="\n", end="")
sys.exit(bool(found))'; then
		echo "not ok - a debootstrap image has no integrity finding"
		bad=1
	else
		echo "ok - a debootstrap image has no integrity finding"
	fi
	rm -rf root
}

rpm_spec() {	# name version epoch
	printf 'Name: %s\nVersion: %s\nRelease: 1.el9\n%sSummary: x\nLicense: MIT\nBuildArch: noarch\n%%description\nx\n' "$1" "$2" "${3:+Epoch: $3
}"
	printf '%%install\nmkdir -p %%{buildroot}/opt/%s\necho %s > %%{buildroot}/opt/%s/f\n%%files\n/opt/%s\n' "$1" "$1" "$1" "$1"
}

rpms() {
	command -v rpmbuild >/dev/null || { echo "skip - rpm: not here"; return; }
	local i rpm="rpm --nodeps --nosignature --justdb --ignorearch"
	mkdir -p top/SPECS sq/var/lib/rpm bdb/var/lib/rpm
	for i in $(seq 1 12); do
		rpm_spec "pkg-$i" "1.$i~rc$((i % 3))" "$([ $((i % 4)) = 0 ] && echo $i)" >top/SPECS/$i.spec
		rpmbuild -bb --define "_topdir $work/top" top/SPECS/$i.spec >rpmbuild.log 2>&1 || { tail -3 rpmbuild.log; echo "not ok - rpmbuild"; bad=1; return; }
	done
	$rpm --define '_db_backend sqlite' --dbpath "$work/sq/var/lib/rpm" -i top/RPMS/noarch/*.rpm 2>/dev/null
	rpm -qa --define '_db_backend sqlite' --dbpath "$work/sq/var/lib/rpm" --qf '%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' 2>/dev/null | LC_ALL=C sort >want
	listed sq rpm >got
	same "an rpm database in sqlite as rpm -qa lists it" 12
	# the older database, from the same headers
	command -v db5.3_load >/dev/null || { echo "skip - rpm in Berkeley DB: no db5.3_load"; return; }
	python3 "$here/packages/to_bdb.py" sq/var/lib/rpm/rpmdb.sqlite | db5.3_load -t hash bdb/var/lib/rpm/Packages
	rpm -qa --define '_db_backend bdb_ro' --dbpath "$work/bdb/var/lib/rpm" --qf '%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' 2>/dev/null | LC_ALL=C sort >want
	listed bdb rpm >got
	same "an rpm database in Berkeley DB as rpm -qa lists it" 12
}

pips() {
	mkdir -p py/opt
	python3 -m venv py/opt/venv >/dev/null 2>&1 || { echo "skip - pip: no venv"; return; }
	timeout 120 py/opt/venv/bin/pip install --quiet requests flask pyyaml >/dev/null 2>&1 || echo "# pip without network: pip and setuptools only"
	py/opt/venv/bin/pip list --format json --disable-pip-version-check 2>/dev/null >pip.json
	python3 -c 'import json; [print(p["name"], p["version"], sep="\t") for p in json.load(open("pip.json"))]' | LC_ALL=C sort -u >want
	listed py pypi --directly-in site-packages >got
	same "a virtual environment as pip lists it" 1
}

npm_package() {	# directory, name, version, further members
	mkdir -p "$1" && printf '{"name":"%s","version":"%s","license":"MIT"%s}\n' "$2" "$3" "${4:-}" >"$1/package.json" && echo 'module.exports = 1' >"$1/index.js"
}

npms() {
	command -v npm >/dev/null || { echo "skip - npm: not here"; return; }
	# two versions of one package: the older inside a bundle
	npm_package p/a-old a 1.0.0 && npm_package p/a a 2.0.0 && npm_package p/b @scope/b 1.2.3-beta.1
	npm_package p/c c 0.1.0 ',"dependencies":{"a":"1.0.0"},"bundleDependencies":["a"]' && mkdir -p p/c/node_modules && cp -r p/a-old p/c/node_modules/a
	mkdir -p js/app && echo '{"name":"app","version":"1.0.0"}' >js/app/package.json
	for i in a b c; do (cd js && npm pack --silent "../p/$i" >/dev/null 2>&1); done
	if ! (cd js/app && timeout 120 npm install --offline --silent --no-audit --no-fund ../a-2.0.0.tgz ../scope-b-1.2.3-beta.1.tgz ../c-0.1.0.tgz >/dev/null 2>&1); then
		echo "not ok - npm install of local packages"
		bad=1
		return
	fi
	(cd js/app && npm ls --all --parseable --long 2>/dev/null) | awk -F: 'NR > 1 { at = match($2, /@[^@]*$/); print substr($2, 1, at - 1) "\t" substr($2, at + 1) }' |
		LC_ALL=C sort -u >want
	rm -f js/*.tgz
	listed js npm >got
	same "node_modules as npm lists them" 4
}

gos() {
	local go=/usr/lib/go-1.19/bin/go
	[ -x $go ] || go=$(command -v go) || { echo "skip - go: not here"; return; }
	mkdir -p src/dep gobin/usr/bin
	printf 'package dep\n\nconst X = 1\n' >src/dep/dep.go
	printf 'module example.org/dep\n' >src/dep/go.mod
	printf 'package main\n\nimport "example.org/dep"\n\nfunc main() { println(dep.X) }\n' >src/main.go
	printf 'module example.org/app\n\ngo 1.19\n\nrequire example.org/dep v1.2.3\n\nreplace example.org/dep => ./dep\n' >src/go.mod
	export GOFLAGS= GOTOOLCHAIN=local GOCACHE=$work/gocache GOPROXY=off CGO_ENABLED=0
	(cd src && $go build -buildvcs=false -o ../gobin/usr/bin/app . && $go build -buildvcs=false -buildmode=pie -ldflags='-s -w' -o ../gobin/usr/bin/pie .) ||
		{ echo "not ok - go build"; bad=1; return; }
	cp "$(dirname "$(realpath $go)")/gofmt" "$(realpath $go)" gobin/usr/bin/ 2>/dev/null
	$go version -m gobin/usr/bin/* | python3 "$here/packages/go_want.py" | LC_ALL=C sort -u >want
	listed gobin golang --with-path >got
	same "Go programs as go version -m describes them" 8
}

dpkg_here
debootstrapped
rpms
pips
npms
gos
exit $bad
