#!/bin/bash
# Registries: docker-registry with TLS and Basic; a hostile one of our own for tokens, resumption, redirects and lies.
. "$(dirname "$0")/inc/images.sh"
need registry docker-registry:docker-registry htpasswd:apache2-utils skopeo:skopeo umoci:umoci openssl:openssl python3:python3
cd "$work" || exit 1
make_layout L || skip_all registry "umoci makes no layout here"
scan oci:L:two
want=$(diffs)
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	-addext subjectAltName=IP:127.0.0.1,DNS:localhost 2>/dev/null
mkdir certs && cp cert.pem certs/ca.crt
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# --- the real one -------------------------------------------------------------------------------------------------------
port=$(free_port)
htpasswd -Bbn joe secret >htpasswd 2>/dev/null
cat >reg.yml <<END
version: 0.1
storage: {filesystem: {rootdirectory: $work/regdata}}
http: {addr: 127.0.0.1:$port, tls: {certificate: $work/cert.pem, key: $work/key.pem}}
auth: {htpasswd: {realm: test, path: $work/htpasswd}}
END
background reg.log docker-registry serve reg.yml
auth_for() { printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf %s "$2" | base64)"; }
auth_for "127.0.0.1:$port" joe:secret >auth.json
auth_for "127.0.0.1:$port" joe:wrong >wrong.json
r=127.0.0.1:$port/team/app
if wait_for 15 skopeo --insecure-policy copy -q --dest-creds joe:secret --dest-cert-dir certs oci:L:two "docker://$r:1"; then
	check "docker-registry with TLS and Basic" scan --cert-dir certs --authfile auth.json "docker://$r:1"
	check "the same content" [ "$(diffs)" = "$want" ]
	digest=$(field 'r["image"]["digest"]')
	check "the digest is skopeo's" [ "$digest" = "$(skopeo inspect --authfile auth.json --cert-dir certs --format '{{.Digest}}' "docker://$r:1")" ]
	check "by digest, as a bare reference" scan --cert-dir certs --authfile auth.json "$r@$digest"
	check "--tls-verify=false" scan --tls-verify=false --authfile auth.json "$r:1"
	mkdir -p "$XDG_CONFIG_HOME/containers/certs.d/127.0.0.1:$port" && cp cert.pem "$XDG_CONFIG_HOME/containers/certs.d/127.0.0.1:$port/ca.crt"
	cp auth.json "$XDG_CONFIG_HOME/containers/auth.json"
	check "certificates and credentials from their usual places" scan "$r:1"
	rm -r "$XDG_CONFIG_HOME/containers"
	mkdir -p "$HOME/.docker" && cp auth.json "$HOME/.docker/config.json"
	check "Docker's config.json" scan --cert-dir certs "$r:1"
	mkdir bin
	printf '#!/bin/sh\nread s; [ "$s" = 127.0.0.1:%s ] && printf %s\n' "$port" \''{"Username":"joe","Secret":"secret"}'\' >bin/docker-credential-fake
	chmod +x bin/docker-credential-fake
	printf '{"credHelpers":{"127.0.0.1:%s":"fake"}}' "$port" >"$HOME/.docker/config.json"
	PATH=$work/bin:$PATH check "a credential helper" scan --cert-dir certs "$r:1"
	rm -r "$HOME/.docker"
	REGISTRY_AUTH_FILE=auth.json check "REGISTRY_AUTH_FILE" scan --cert-dir certs "$r:1"
	check "without trust" refused "is not trusted" --authfile auth.json "$r:1"
	check "without credentials" refused "log in" --cert-dir certs "$r:1"
	check "with wrong ones" refused "does not let" --cert-dir certs --authfile wrong.json "$r:1"
	check "a tag that is not there" refused "has no manifest" --cert-dir certs --authfile auth.json "$r:none"
else
	echo "skip - docker-registry: it does not start: $(tail -1 reg.log)"
fi

# --- the hostile one ------------------------------------------------------------------------------------------------------
background plain.log python3 "$here/hostile_registry.py"
background tls.log python3 "$here/hostile_registry.py" cert.pem key.pem
wait_for 15 grep -q ^ports plain.log && wait_for 15 grep -q ^ports tls.log || { echo "not ok - the hostile registry starts"; exit 1; }
read -r _ P _ <plain.log
read -r _ T second <tls.log
auth_for "127.0.0.1:$T" joe:secret >h.json
auth_for "127.0.0.1:$P" joe:secret >p.json
ok() { check "$1" scan --cert-dir certs --authfile h.json "127.0.0.1:$T/$2"; }
no() { check "$1" refused "$3" --cert-dir certs --authfile h.json "127.0.0.1:$T/$2"; }
ok "an honest answer" ok
good=$(diffs)
ok "a download that breaks three times is resumed" broken
check "resumed by Range" grep -q 'range=bytes=[1-9]' tls.log
check "what was resumed has the right digest" [ "$(diffs)" = "$good" ]
ok "a server that ignores Range" no-range
no "a file that changes under its ETag" changes "changed while it was downloaded"
no "a Content-Range that does not fit" wrong-range "changed while it was downloaded"
start=$(date +%s)
ok "503 with Retry-After" busy
check "Retry-After was waited for" [ $(($(date +%s) - start)) -ge 2 ]
ok "Bearer with credentials" private
check "the blob's other host got no credentials" sh -c "! grep 'second /moved' tls.log | grep -v auth=-"
ok "Bearer without credentials" anonymous
check "the scope is ours, not the server's" sh -c "grep -q 'scope=repository%3Aanonymous%3Apull ' tls.log && ! grep -q delete tls.log"
ok "Basic" basic
ok "a redirect to another port" moved
ok "a relative redirect" moved-relative
no "a redirect from https to http" moved-plain "https to http"
no "a redirect to the metadata service" moved-metadata "https to http"
no "a redirect in a circle" moved-loop "more than 10"
no "a redirect to ftp" moved-ftp "only http and https"
no "a token server without TLS" realm-plain "without TLS"
no "a token server at file:" realm-file "only http and https"
no "a realm with a password in it" realm-user "user name or password"
no "a realm as a number" realm-number "not valid"
no "a token server of another host" realm-localhost "does not belong to it"
check "which got no credentials" sh -c "! grep 'second /token' tls.log | grep -v auth=-"
no "a lying digest header" lying "announced with"
check "other bytes for a pinned digest" refused "other bytes" --cert-dir certs "127.0.0.1:$T/other-bytes@sha256:$(printf x | sha256sum | cut -c1-64)"
no "manifests and layers in one body" both "ambiguous"
no "keys that differ in case" twice "some programs read as"
no "a key twice" duplicate "duplicate"
no "a manifest served as an index" as-index "media type"
no "schema 1" schema1 "schema 1"
no "a digest that is a path" traversal "sha256:../../etc/passwd"
no "a config of 1 GB" huge-config "at most 8 MiB"
no "a config with other bytes" bad-config "bytes where"
no "a blob longer than it should be" long-blob "longer than"
no "a blob with other bytes" wrong-layer "digest"
no "5,000 headers" headers "more than 256 headers"
no "an endless manifest" endless "more than 4194304 bytes"
check "plain http on request" scan --tls-verify=false --authfile p.json "127.0.0.1:$P/private"
check "credentials need TLS" refused "without TLS" --authfile p.json "127.0.0.1:$P/basic"
for h in metadata mapped; do
	check "a token server at the metadata service ($h)" refused "may not lead to" --tls-verify=false --authfile p.json "127.0.0.1:$P/realm-$h"
done
check "a redirect to the metadata service over http" refused "may not lead to" --tls-verify=false "127.0.0.1:$P/moved-metadata"
check "a redirect to 0.0.0.0" refused "may not lead to" --tls-verify=false "127.0.0.1:$P/moved-zero"
http_proxy=http://127.0.0.1:$P check "a proxy from the environment" refused "has no manifest" --tls-verify=false 127.0.0.2:9/ok
http_proxy=http://127.0.0.1:9 no_proxy=127.0.0.0/8 check "no_proxy" scan --tls-verify=false "127.0.0.1:$P/ok"
exit 0
