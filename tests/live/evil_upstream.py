#!/usr/bin/env python3
"""An upstream for pull-through that behaves badly on purpose; the repository's first part says how. A line on standard output for each request.

usage: evil_upstream.py ADDRESS [FAR]     (FAR: "ADDRESS" of a second server that redirects lead to; prints "ports P Q")
       /_/set/NAME/VALUE changes what the next answers are: mode (ok, down, stall, error, limit), tag (a or b)
"""
import base64, functools, gzip, hashlib, io, json, random, socket, sys, tarfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OCI = "application/vnd.oci.image."

SET = {"mode": "ok", "tag": "a"}
ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
FAR = sys.argv[2] if len(sys.argv) > 2 else ADDRESS
PORTS = [0, 0]
count = {}
lock = threading.Lock()


def digest(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


class Repo:
    """Content of its own for each repository, so that no layer is shared."""

    def __init__(self, name):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as t:
            for path, data in (("etc/os-release", b"ID=debian\nVERSION_ID=12\n"), ("name", name.encode()), ("noise", random.Random(name).randbytes(300_000))):
                info = tarfile.TarInfo(path)
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
        self.layer = gzip.compress(out.getvalue(), 1, mtime=0)
        self.config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(out.getvalue())]}}).encode()
        self.a, self.b = self.manifest("a"), self.manifest("b")
        self.index = json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
            {"mediaType": OCI + "manifest.v1+json", "digest": digest(m), "size": len(m), "platform": {"os": "linux", "architecture": arch}}
            for m, arch in ((self.a, "amd64"), (self.b, "arm64"))]}).encode()
        self.referrer = json.dumps({
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "artifactType": "application/vnd.test.note",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2}, "layers": [],
            "subject": {"mediaType": OCI + "manifest.v1+json", "digest": digest(self.a), "size": len(self.a)}}).encode()
        self.by_digest = {digest(m): m for m in (self.a, self.b, self.index, self.referrer)}

    def manifest(self, variant):
        return json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "annotations": {"variant": variant},
                           "config": {"mediaType": OCI + "config.v1+json", "digest": digest(self.config), "size": len(self.config)},
                           "layers": [{"mediaType": OCI + "layer.v1.tar+gzip", "digest": digest(self.layer), "size": len(self.layer)}]}).encode()


repo_of = functools.lru_cache(None)(Repo)


def times(key):
    with lock:
        count[key] = count.get(key, 0) + 1
        return count[key]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def answer(self, status, body=b"", headers=(), promise=None):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body) if promise is None else promise))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if promise is not None:
            self.wfile.flush()
            self.close_connection = True

    def endless(self, headers=()):
        self.send_response(200)
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b" " * 65536)
        except OSError:
            pass

    def handle_one(self):
        where = "far" if self.server.server_port == PORTS[1] and PORTS[1] != PORTS[0] else "near"
        path = self.path.split("?")[0]
        if path.startswith("/_/set/"):
            _, _, _, k, v = path.split("/")
            SET[k] = v
            return self.answer(200)
        print(where, self.command, self.path, "auth=" + self.headers.get("Authorization", "-").replace(" ", "_"),
              "range=" + self.headers.get("Range", "-"), flush=True)
        if SET["mode"] == "stall":
            time.sleep(30)
        if SET["mode"] == "down":
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if SET["mode"] == "error":
            return self.answer(500, b"{}")
        if SET["mode"] == "limit":
            return self.answer(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}', [("Retry-After", "3")])
        if path.startswith("/token"):
            return self.answer(200, b'{"token":"good","expires_in":300}')
        parts = path.split("/")
        if len(parts) < 5 or parts[1] != "v2":
            return self.answer(404, b"{}")
        return self.registry("/".join(parts[2:-2]), parts[-2], parts[-1])

    do_GET = do_HEAD = handle_one

    def registry(self, repo, what, name):
        near, far = f"http://{ADDRESS}:{PORTS[0]}", f"http://{FAR}:{PORTS[1]}"
        auth = self.headers.get("Authorization", "")
        realms = {"realm-metadata": "http://169.254.169.254/token", "realm-mapped": "http://[::ffff:169.254.169.254]/token",
                  "realm-far": far + "/token", "realm-localhost": f"http://localhost:{PORTS[0]}/token", "bearer": near + "/token"}
        if repo in realms and auth != "Bearer good":
            return self.answer(401, b"{}", [("WWW-Authenticate", f'Bearer realm="{realms[repo]}",service="test",scope="repository:x:push"')])
        if repo == "basic" and auth != "Basic " + base64.b64encode(b"joe:secret").decode():
            return self.answer(401, b"{}", [("WWW-Authenticate", 'Basic realm="test"')])
        moves = {"moved-metadata": "http://169.254.169.254/latest/", "moved-mapped": "http://[::ffff:169.254.169.254]/", "moved-far": far + "/secret",
                 "moved-zero": f"http://0.0.0.0:{PORTS[0]}/secret", "moved-loop": self.path}
        if repo in moves:
            return self.answer(307, b"", [("Location", moves[repo])])
        if repo == "stall":
            time.sleep(30)
        if repo == "error":
            return self.answer(500, b"{}")
        if what == "tags":
            return self.tags(repo)
        if what == "referrers":
            body = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": []}
            c = repo_of(repo)
            if name == digest(c.a):
                body["manifests"].append({"mediaType": OCI + "manifest.v1+json", "digest": digest(c.referrer), "size": len(c.referrer)})
            return self.answer(200, json.dumps(body).encode(), [("Content-Type", OCI + "index.v1+json")])
        return self.manifest(repo, name) if what == "manifests" else self.blob(repo, name)

    def tags(self, repo):
        if repo == "endless-tags":
            n = times("endless-tags")
            body = json.dumps({"name": repo, "tags": [f"t{n}-{i}" for i in range(5000)]}).encode()
            return self.answer(200, body, [("Link", f'</v2/{repo}/tags/list?last={n}>; rel="next"')])
        if repo == "tags-far":
            return self.answer(200, b'{"tags":["x"]}', [("Link", f'<http://{FAR}:{PORTS[1]}/v2/x/tags/list?last=x>; rel="next"')])
        if "last=" in self.path:
            return self.answer(200, b'{"tags":["z1","a1"]}')
        return self.answer(200, b'{"tags":["latest","m1"]}', [("Link", f'</v2/{repo}/tags/list?n=2&last=m1>; rel="next"')])

    def manifest(self, repo, name):
        t = ("Content-Type", OCI + "manifest.v1+json")
        c = repo_of(repo)
        body = c.by_digest.get(name)
        if name == "latest":
            body = c.a if SET["tag"] == "a" else c.b
        if repo == "swapped" and name == "latest" and self.command == "GET":
            body = c.a if times("swapped") == 1 else c.b
        if name in ("multi", digest(c.index)):
            body, t = c.index, ("Content-Type", OCI + "index.v1+json")
        if body is None:
            return self.answer(404, b"{}")
        if repo == "lying":
            return self.answer(200, body, [t, ("Docker-Content-Digest", "sha256:" + "0" * 64)])
        if repo == "other" and name.startswith("sha256:"):
            body = body + b"\n"
        if repo == "both":
            body = body.replace(b'"layers"', b'"manifests": [], "layers"')
        if repo == "duplicate":
            body = body.replace(b'"layers"', b'"layers": [], "layers"')
        if repo == "schema1":
            body, t = b'{"schemaVersion":1,"name":"x","fsLayers":[]}', ("Content-Type", "application/vnd.docker.distribution.manifest.v1+json")
        if repo == "traversal":
            body = body.replace(digest(c.layer).encode(), b"sha256:../../etc/passwd")
        if repo == "huge":
            m = json.loads(body)
            m["layers"][0]["size"] = 10 << 30
            body = json.dumps(m).encode()
        if repo == "long-blob":
            m = json.loads(body)
            m["layers"][0]["size"] = 1000
            body = json.dumps(m).encode()
        if repo == "endless":
            return self.endless([t])
        if repo == "trickle":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                for i in range(60):
                    self.wfile.write(body[i:i + 1])
                    time.sleep(0.5)
            except OSError:
                pass
            self.close_connection = True
            return None
        return self.answer(200, body, [t, ("Docker-Content-Digest", digest(body))])

    def blob(self, repo, name):
        c = repo_of("cdn" if repo == "cdn2" else repo)
        layer = c.layer
        if name == digest(c.config):
            return self.answer(200, c.config)
        if name == digest(b"{}"):
            return self.answer(200, b"{}")
        if name != digest(layer):
            return self.answer(404, b"{}")
        rng = self.headers.get("Range", "")
        start = int(rng[6:].split("-")[0]) if rng.startswith("bytes=") else 0
        part = [("Content-Range", f"bytes {start}-{len(layer) - 1}/{len(layer)}")] if rng else []
        status = 206 if rng else 200
        n = times((repo, "blob"))
        if repo == "broken" and n <= 3:
            return self.answer(status, layer[start:start + len(layer) // 5], part, promise=len(layer) - start)
        if repo == "truncated":
            return self.answer(status, b"", part, promise=len(layer) - start)
        if repo == "wrong-blob":
            return self.answer(200, layer[:-20] + b"x" * 20)
        if repo == "endless-blob":
            return self.endless()
        if repo == "stall-blob":
            self.send_response(200)
            self.send_header("Content-Length", str(len(layer)))
            self.end_headers()
            self.wfile.write(layer[:1000])
            self.wfile.flush()
            time.sleep(20)
            self.close_connection = True
            return None
        if repo == "cdn":
            return self.answer(307, b"", [("Location", f"http://{FAR}:{PORTS[1]}/v2/cdn2/blobs/{name}")])
        return self.answer(status, layer[start:], part)


def main():
    servers = [ThreadingHTTPServer((a, 0), Handler) for a in (ADDRESS, FAR)]
    for i, s in enumerate(servers):
        s.daemon_threads = True
        PORTS[i] = s.server_port
        threading.Thread(target=s.serve_forever, daemon=True).start()
    print("ports", *PORTS, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
