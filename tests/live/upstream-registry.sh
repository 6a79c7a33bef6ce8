#!/bin/bash
# docker-registry as upstream of `pabean serve`, with TLS by a CA of its own: once with Basic, once with a token server.
. "$(dirname "$0")/inc/images.sh"
need upstream-registry docker-registry:docker-registry htpasswd:apache2-utils skopeo:skopeo umoci:umoci openssl:openssl python3:python3 curl:curl
cd "$work" || exit 1
make_layout L || skip_all upstream-registry "umoci makes no layout here"
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost 2>openssl.log
mkdir certs && cp cert.pem certs/ca.crt
htpasswd -Bbn joe secret >htpasswd 2>htpasswd.log
printf 'secret\n' >password
printf wrong >wrong
printf 'version: 1\nrules:\n  - name: malware\n    when: { kind: malware }\n    then: refuse\n    because: it is\n' >policy.yaml
basic=$(free_port) bearer=$(free_port) port=$(free_port)
background token.log python3 "$here/token_server.py" cert.pem key.pem
wait_for 20 grep -q ^port token.log || { echo "not ok - the token server starts"; exit 1; }
read -r _ T <token.log
registry() {	# name, port, auth
	printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: 127.0.0.1:%s, tls: {certificate: %s, key: %s}}\nauth: %s\n' \
		"$work/data" "$2" "$work/cert.pem" "$work/key.pem" "$3" >"$1.yml"
	background "$1.log" docker-registry serve "$1.yml"
}
registry basic "$basic" "{htpasswd: {realm: test, path: $work/htpasswd}}"
registry bearer "$bearer" "{token: {realm: \"https://127.0.0.1:$T/token\", service: registry, issuer: test, rootcertbundle: $work/cert.pem}}"
wait_for 20 skopeo --insecure-policy copy -q --dest-creds joe:secret --dest-cert-dir certs oci:L:two "docker://127.0.0.1:$basic/team/app:1" ||
	skip_all upstream-registry "docker-registry does not start: $(tail -1 basic.log)"
login="username: joe, password_file: $work/password"
cat >pabean.yaml <<END
serve:
  listen: 127.0.0.1:$port
  state: $work/state
  upstreams:
    basic: {url: "https://127.0.0.1:$basic", ca_file: $work/cert.pem, $login, tag_ttl: 1s}
    bearer: {url: "https://127.0.0.1:$bearer", ca_file: $work/cert.pem, $login, tag_ttl: 1s}
    anonymous: {url: "https://127.0.0.1:$basic", ca_file: $work/cert.pem}
    wrong: {url: "https://127.0.0.1:$bearer", ca_file: $work/cert.pem, username: joe, password_file: $work/wrong}
    untrusted: {url: "https://127.0.0.1:$basic", $login}
END
background serve.log "$PABEAN" serve --config pabean.yaml --policy policy.yaml --cache-dir "$work/facts" --db "$work/db"
wait_for 20 curl -sf -o v2 "http://127.0.0.1:$port/v2/" || { echo "not ok - pabean serve starts"; tail -3 serve.log >&2; exit 1; }
digest() { skopeo inspect "$@" --format '{{.Digest}}'; }
want=$(digest --creds joe:secret --cert-dir certs "docker://127.0.0.1:$basic/team/app:1")
pull() { rm -rf copy && skopeo --insecure-policy copy -q --src-tls-verify=false "docker://127.0.0.1:$port/$1" dir:copy; }
fails() { ! pull "$1"; }
check "skopeo pulls through TLS with its own CA and Basic" pull basic/team/app:1
check "through a token server" pull bearer/team/app:1
check "which was asked with the credentials" grep -q 'scope=repository%3Ateam%2Fapp%3Apull good' token.log
check "the digest is upstream's" [ "$(digest --tls-verify=false "docker://127.0.0.1:$port/bearer/team/app:1")" = "$want" ]
check "without credentials" fails anonymous/team/app:1
check "with wrong ones" fails wrong/team/app:1
check "without trust in the certificate" fails untrusted/team/app:1
check "a tag that is not there" fails basic/team/app:none
curl -s "http://127.0.0.1:$port/v2/basic/team/app/tags/list" >tags
check "its tags" grep -q '"1"' tags
skopeo --insecure-policy copy -q --dest-creds joe:secret --dest-cert-dir certs oci:L:one "docker://127.0.0.1:$basic/team/app:1"
new=$(digest --creds joe:secret --cert-dir certs "docker://127.0.0.1:$basic/team/app:1")
moved() { pull basic/team/app:1; [ "$(digest --tls-verify=false "docker://127.0.0.1:$port/basic/team/app:1")" = "$new" ]; }
check "a tag that moved is followed after tag_ttl" wait_for 20 moved
check "no password in the logs" sh -c "! grep -q secret serve.log"
exit 0
