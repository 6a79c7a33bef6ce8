#!/bin/bash
# A digest alone opens nothing: an upstream's manifest that names a blob which only a private push brought (ATTACKS.md 7).
. "$(dirname "$0")/inc/images.sh"
. "$here/inc/serve.sh"
need serve_private python3:python3 curl:curl
cd "$work" || exit 1
serve_data
cat >evil.py <<'P'
import http.server, json, os, sys
root = sys.argv[1]
read = lambda n: open(os.path.join(root, n), "rb").read()
manifest = read("manifest"); m = json.loads(manifest)
class H(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b"", kind="application/octet-stream"):
        self.send_response(status); self.send_header("Content-Type", kind); self.send_header("Content-Length", str(len(body))); self.end_headers()
        if self.command != "HEAD": self.wfile.write(body)
    def do_GET(self):
        print(self.command, self.path, flush=True)
        if self.path.startswith("/v2/x/app/manifests/"): self.answer(200, manifest, m["mediaType"])
        elif self.path == "/v2/x/app/blobs/" + m["config"]["digest"]: self.answer(200, read("config"))
        elif self.path == "/v2/x/app/blobs/" + m["layers"][0]["digest"] and os.path.exists("has-it"): self.answer(200, read("layer"))
        elif self.path == "/v2/": self.answer(200, b"{}", "application/json")
        else: self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}', "application/json")
    do_HEAD = do_GET
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), H)
s.serve_forever()
P
reg image secret --file "app/key=private" >/dev/null
upport=$(free_port)
background evil.log python3 evil.py secret "$upport"
serve_start one "upstreams: {ev: {url: \"http://127.0.0.1:$upport\", insecure: true, tag_ttl: 1s}}
pull_wait: 4s" || { echo "not ok - the server starts"; tail -5 one.log >&2; exit 1; }
layer=$(python3 -c 'import json; print(json.load(open("secret/manifest"))["layers"][0]["digest"])')
reg push "$url" team/secret 1 secret >/dev/null
check "the private image is admitted" [ "$(status GET /v2/team/secret/manifests/1)" = 200 ]
check "a manifest of an upstream that names its layer without having it does not go out" [ "$(status GET /v2/ev/x/app/manifests/1)" != 200 ]
check "nor does the layer" [ "$(status GET "/v2/ev/x/app/blobs/$layer")" = 404 ]
check "the upstream was asked for it" wait_for 5 grep -q "$layer" evil.log
touch has-it
check "once the upstream sends the same bytes itself, it does" wait_for 30 sh -c "[ \$(curl -s -o /dev/null -w '%{http_code}' $url/v2/ev/x/app/manifests/1) = 200 ]"
check "with the layer" [ "$(status GET "/v2/ev/x/app/blobs/$layer")" = 200 ]
