#!/usr/bin/env python3
"""An upstream registry whose layers take their time, and one that fails: slow_upstream.py DIR FILE   DIR: from `reg.py image`.
Prints "port N". /v2/slow/... gives DIR's manifest and config at once and its layer only when FILE exists. /v2/fault/... answers 503, as pabean
does for faults. Every request is a line "METHOD PATH"."""
import hashlib, http.server, json, os, sys, time

where, release = sys.argv[1], sys.argv[2]
digest = lambda b: "sha256:" + hashlib.sha256(b).hexdigest()
read = lambda n: open(os.path.join(where, n), "rb").read()
manifest, blobs = read("manifest"), {digest(read(n)): (n, read(n)) for n in ("layer", "config")}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def say(self, status, body, **headers):
        self.send_response(status)
        for k, v in headers.items(): self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD": self.wfile.write(body)
    def do_GET(self):
        print(self.command, self.path, flush=True)
        if self.path in ("/v2", "/v2/"): return self.say(200, b"{}", Content_Type="application/json")
        if "/fault/" in self.path:
            body = {"errors": [{"code": "UNAVAILABLE", "message": "the registry cannot read or write its data at the moment; try again", "detail": None}]}
            return self.say(503, json.dumps(body).encode(), Content_Type="application/json", Retry_After="2")
        if "/manifests/" in self.path:
            return self.say(200, manifest, Content_Type="application/vnd.oci.image.manifest.v1+json", Docker_Content_Digest=digest(manifest))
        found = blobs.get(self.path.rsplit("/", 1)[1])
        if not found: return self.say(404, b"{}")
        if found[0] == "layer":
            for _ in range(600):
                if os.path.exists(release): break
                time.sleep(0.1)
        self.say(200, found[1], Content_Type="application/octet-stream")
    do_HEAD = do_GET

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_port, flush=True)
server.serve_forever()
