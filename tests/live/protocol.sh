#!/bin/bash
# The distribution protocol where clients are careless, unlucky or hostile: uploads in pieces and at once, ranges, manifests with two meanings, lists without bounds,
# blobs of others; and what the gate keeps back.
. "$(dirname "$0")/inc/images.sh"
need protocol python3:python3 openssl:openssl curl:curl
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
hash=$(openssl passwd -6 only-for-this-test)
cat >"$work/accounts.yaml" <<END
users:
  - {name: root, hash: "$hash", grants: ["**:pull,push,delete"]}
  - {name: alice, hash: "$hash", grants: ["team/**:pull,push,delete", "fixed/**:pull,push,delete", "small/**:pull,push", "closed/**:pull,push"]}
  - {name: bob, hash: "$hash", grants: ["bob/**:pull,push", "team/other:pull,push", "team/app:pull,push"]}
END
chmod 600 "$work/accounts.yaml"
cat >"$work/pabean.yaml" <<END
serve:
  listen: 127.0.0.1:$port
  state: $work/state
  workers: 0
  pull_wait: 1s
  anonymous: []
  max_blob_bytes: 2M
  accounts: {file: $work/accounts.yaml}
  repositories:
    - {match: "closed/**", gate: enforce}
    - {match: "fixed/**", gate: off, immutable_tags: true}
    - {match: "small/**", gate: off, quota: 4096}
    - {match: "**", gate: off}
END
serve() {
	"$PABEAN" serve --config "$work/pabean.yaml" >>"$work/log" 2>&1 &
	server=$!
	pids="$pids $server"
	wait_for 20 curl -s -o "$work/null" "$url/v2/"
}
part() { python3 "$here/protocol.py" "$url" only-for-this-test "$@"; }

serve
for p in uploads ranges manifests lists rights gated; do
	part $p || tail -3 "$work/log" >&2
done
where=$(part leave)
kill "$server"
wait "$server"
serve
part go-on <<<"$where"
check "one faults nothing: no 5xx in the log" sh -c "! grep -E 'status=5[0-9][0-9]' $work/log"
kill "$server"
wait "$server"
