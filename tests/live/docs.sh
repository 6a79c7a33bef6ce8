#!/bin/bash
# What the documentation says against the program: links, keys of the configuration, commands and their options, metrics, events, API paths.
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need docs python3:python3 curl:curl
cd "$work" || exit 1
serve_data
printf '0123456789abcdef-hook\n' >hook.key
# every part of the configuration, so that every key is printed
cat >all.yaml <<'C'
serve:
  listen: [{address: "127.0.0.1:5000", tls: {cert: a, key: b, client_ca: c, client_required: true}}]
  mirrors: {docker.io: {listen: "127.0.0.1:5001"}}
  public_url: "https://registry.example"
  database: "postgresql://pabean@db/pabean"
  blobs: {s3: {endpoint: "https://s3.example", bucket: pabean, region: here, prefix: p, credentials_file: f, ca_file: g, redirect: true}}
  accounts: {file: accounts.yaml, htpasswd: htpasswd}
  upstreams: {partner: {url: "https://partner.example", ca_file: x, client_cert: x, client_key: x, proxy: "http://p:1", username: u, password_file: x}}
  repositories: [{match: "scratch/**", gate: "off"}]
  policies: {strict: strict.yaml}
  webhooks: [{url: "https://hook.example/", secret_file: hook.key, events: ["verdict.*"]}]
C
"$PABEAN" serve --config all.yaml --print-config >whole.yaml
echo "serve: {}" >none.yaml
"$PABEAN" serve --config none.yaml --print-config >standard.yaml
serve_start d "repositories: [{match: \"scratch/**\", gate: \"off\"}]" || { echo "not ok - the server starts"; tail -5 d.log >&2; exit 1; }
reg image clean --file "app/hello=hello" >/dev/null && reg push "$url" team/app good clean >/dev/null
curl -s -o /dev/null "$url/v2/team/app/manifests/good"
curl -s "$url/metrics" >metrics
curl -s "$url/api/v1/openapi.json" >openapi.json
python3 "$here/docs.py" "$here/../.." "$PABEAN" whole.yaml standard.yaml metrics openapi.json
