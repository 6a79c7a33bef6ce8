#!/bin/bash
# The distribution protocol where clients are careless, unlucky or hostile: uploads in pieces and at once, ranges, manifests with two meanings, lists without bounds,
# blobs of others; and what the gate keeps back.
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need protocol python3:python3 openssl:openssl curl:curl
hash=$(openssl passwd -6 only-for-this-test)
cat >"$work/accounts.yaml" <<END
users:
  - {name: root, hash: "$hash", grants: ["**:pull,push,delete"]}
  - {name: alice, hash: "$hash", grants: ["team/**:pull,push,delete", "fixed/**:pull,push,delete", "small/**:pull,push", "closed/**:pull,push"]}
  - {name: bob, hash: "$hash", grants: ["bob/**:pull,push", "team/other:pull,push", "team/app:pull,push"]}
END
chmod 600 "$work/accounts.yaml"
serve_start one "workers: 0
pull_wait: 1s
anonymous: []
max_blob_bytes: 2M
accounts: {file: $work/accounts.yaml}
repositories:
  - {match: \"closed/**\", gate: enforce}
  - {match: \"fixed/**\", gate: off, immutable_tags: true}
  - {match: \"small/**\", gate: off, quota: 4096}
  - {match: \"**\", gate: off}"
part() { python3 "$here/protocol.py" "$url" only-for-this-test "$@"; }

for p in uploads ranges manifests lists rights gated; do
	part $p || tail -3 "$work/one.log" >&2
done
where=$(part leave)
serve_stop one
serve_again one
part go-on <<<"$where"
check "no request failed inside" sh -c "! grep -E ' status=5[0-9][0-9] ' $work/one.log"
serve_stop one
