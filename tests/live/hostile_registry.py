#!/usr/bin/env python3
"""A registry on loopback that behaves badly on purpose; the repository's name says how. Prints its two ports, then a line for each request.

usage: hostile_registry.py [CERT KEY]     (with a certificate: https on both ports)
"""
import base64, gzip, hashlib, io, json, ssl, sys, tarfile, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def digest(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


def make_layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data in (("etc/os-release", b"ID=debian\nVERSION_ID=12\n"), ("big", bytes((i * 7 + i // 251) & 255 for i in range(3_000_000)))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


TAR = make_layer()
LAYER = gzip.compress(TAR, 1, mtime=0)
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "config": {"User": "1000"}, "rootfs": {"type": "layers", "diff_ids": [digest(TAR)]}}).encode()
OCI = "application/vnd.oci.image."


def manifest(layer_size=len(LAYER)):
    return json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                       "config": {"mediaType": OCI + "config.v1+json", "digest": digest(CONFIG), "size": len(CONFIG)},
                       "layers": [{"mediaType": OCI + "layer.v1.tar+gzip", "digest": digest(LAYER), "size": layer_size}]}).encode()


MANIFEST = manifest()
count = {}
lock = threading.Lock()
PORTS = [0, 0]
SCHEME = "http"


def times(key):
    with lock:
        count[key] = count.get(key, 0) + 1
        return count[key]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self, body, at, status=200, headers=()):
        """Promises all, sends a part, hangs up."""
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:at])
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def challenge(self, realm):
        self.answer(401, b"{}", [("WWW-Authenticate", f'Bearer realm="{realm}",service="test",scope="repository:x:push,delete"')])

    def do_GET(self):
        second = self.server.server_port == PORTS[1]
        print("request", "second" if second else "first", self.path, "auth=" + self.headers.get("Authorization", "-").split(" ")[0],
              "range=" + self.headers.get("Range", "-"), flush=True)
        path = self.path.split("?")[0]
        if path.startswith("/token"):
            user = self.headers.get("Authorization", "")
            if path == "/token-login" and user != "Basic " + base64.b64encode(b"joe:secret").decode():
                return self.answer(401, b'{"details":"wrong password"}')
            return self.answer(200, json.dumps({"token": "good-token", "expires_in": 60}).encode())
        if path.startswith("/moved/"):
            return self.answer(200, LAYER)
        parts = path.split("/")
        if len(parts) != 5 or parts[1] != "v2":
            return self.answer(404, b"{}")
        return self.registry(parts[2], parts[3], parts[4])

    def registry(self, repo, what, name):
        auth = self.headers.get("Authorization", "")
        here, there = (f"{SCHEME}://127.0.0.1:{p}" for p in PORTS)
        realms = {"private": here + "/token-login", "anonymous": here + "/token", "realm-metadata": "http://169.254.169.254/token",
                  "realm-mapped": "http://[::ffff:169.254.169.254]/token", "realm-private": "http://10.255.255.1/token",
                  "realm-number": "http://2852039166/token", "realm-user": "http://joe:pw@127.0.0.1/token", "realm-file": "file:///etc/passwd",
                  "realm-localhost": f"{SCHEME}://localhost:{PORTS[1]}/token-login", "realm-plain": "http://127.0.0.1:%d/token" % PORTS[1]}
        if repo in realms and auth != "Bearer good-token":
            return self.challenge(realms[repo])
        if repo == "basic" and auth != "Basic " + base64.b64encode(b"joe:secret").decode():
            return self.answer(401, b"{}", [("WWW-Authenticate", 'Basic realm="test"')])
        if repo == "busy" and times(("busy", what)) <= 2:
            return self.answer(503, b"", [("Retry-After", "1")])
        if repo == "always-busy":
            return self.answer(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}')
        if what == "manifests":
            return self.manifest(repo, name)
        if name == digest(CONFIG):
            return self.answer(200, CONFIG + b" " if repo == "bad-config" else CONFIG)
        return self.blob(repo, there)

    def manifest(self, repo, name):
        t = ("Content-Type", OCI + "manifest.v1+json")
        body = MANIFEST
        if repo == "lying":
            return self.answer(200, body, [t, ("Docker-Content-Digest", "sha256:" + "0" * 64)])
        if repo == "other-bytes":
            return self.answer(200, body + b"\n", [t, ("Docker-Content-Digest", digest(body))])
        if repo == "both":
            m = json.loads(body)
            m["manifests"] = []
            body = json.dumps(m).encode()
        if repo == "twice":
            body = body.replace(b'"layers"', b'"Layers": [], "layers"')
        if repo == "duplicate":
            body = body.replace(b'"layers"', b'"layers": [], "layers"')
        if repo == "as-index":
            t = ("Content-Type", OCI + "index.v1+json")
        if repo == "schema1":
            body, t = b'{"schemaVersion":1,"name":"x","fsLayers":[]}', ("Content-Type", "application/vnd.docker.distribution.manifest.v1+json")
        if repo == "traversal":
            body = body.replace(digest(LAYER).encode(), b"sha256:../../etc/passwd")
        if repo == "huge-config":
            m = json.loads(body)
            m["config"]["size"] = 1 << 30
            body = json.dumps(m).encode()
        if repo == "long-blob":
            body = manifest(1000)
        if repo == "headers":
            return self.answer(200, body, [t] + [(f"X-{i}", "y" * 100) for i in range(5000)])
        if repo == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                self.close_connection = True
            return None
        return self.answer(200, body, [t, ("Docker-Content-Digest", digest(body))])

    def blob(self, repo, there):
        rng = self.headers.get("Range", "")
        start = int(rng[6:].split("-")[0]) if rng.startswith("bytes=") else 0
        etag = ("ETag", '"one"')
        part = ("Content-Range", f"bytes {start}-{len(LAYER) - 1}/{len(LAYER)}")
        if repo == "broken":
            n = times("broken")
            if n <= 3:
                return self.cut(LAYER[start:], len(LAYER) // 5, 206 if rng else 200, [etag] + ([part] if rng else []))
            return self.answer(206 if rng else 200, LAYER[start:], [etag] + ([part] if rng else []))
        if repo == "no-range":
            return self.cut(LAYER, len(LAYER) // 2) if times("no-range") <= 2 else self.answer(200, LAYER)
        if repo == "changes":
            n = times("changes")
            return self.cut(LAYER, len(LAYER) // 2, headers=[etag]) if n == 1 else self.answer(200, LAYER, [("ETag", '"two"')])
        if repo == "wrong-range":
            n = times("wrong-range")
            return self.cut(LAYER, len(LAYER) // 2) if n == 1 else self.answer(206, LAYER[:100], [("Content-Range", "bytes 0-99/100")])
        if repo == "never":
            return self.cut(LAYER, 0)
        if repo == "silent":
            self.send_response(200)
            self.send_header("Content-Length", str(len(LAYER)))
            self.end_headers()
            threading.Event().wait(30)
            return None
        moves = {"moved": there + "/moved/x", "moved-relative": "/moved/x", "moved-metadata": "http://169.254.169.254/latest/meta-data/",
                 "moved-zero": "http://0.0.0.0:%d/moved/x" % PORTS[1], "moved-plain": "http://127.0.0.1:%d/moved/x" % PORTS[1],
                 "moved-ftp": "ftp://127.0.0.1/x", "private": there + "/moved/x"}
        if repo == "moved-loop":
            return self.answer(307, b"", [("Location", self.path)])
        if repo in moves:
            return self.answer(307, b"", [("Location", moves[repo])])
        if repo == "wrong-layer":
            return self.answer(200, LAYER[:-20] + b"x" * 20)
        return self.answer(200, LAYER)


def main():
    global SCHEME
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    if len(sys.argv) > 2:
        SCHEME = "https"
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(sys.argv[1], sys.argv[2])
        for s in servers:
            s.socket = ctx.wrap_socket(s.socket, server_side=True)
    for i, s in enumerate(servers):
        s.daemon_threads = True
        PORTS[i] = s.server_port
    print("ports", *PORTS, flush=True)
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
