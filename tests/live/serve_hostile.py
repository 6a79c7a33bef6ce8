#!/usr/bin/env python3
"""Attacks on `pabean serve` (ATTACKS.md 1-13 and others). serve_hostile.py URL PASSWORD WORK PART prints ok/not ok lines."""
import base64, gzip, hashlib, http.client, io, json, os, resource, socket, sys, tarfile, threading, time, urllib.parse

url = urllib.parse.urlparse(sys.argv[1])
secret, work = sys.argv[2], sys.argv[3]
OCI = "application/vnd.oci.image."
MT, IX = {"Content-Type": OCI + "manifest.v1+json"}, {"Content-Type": OCI + "index.v1+json"}
slow = bool(os.environ.get("SANITIZED"))

def sha(b): return "sha256:" + hashlib.sha256(b).hexdigest()

def basic(user): return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}

def call(method, path, body=None, user="alice", headers=None, timeout=60, source=None):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout, source_address=(source, 0) if source else None)
    h = dict(headers or {})
    if user: h.update(basic(user))
    try:
        c.request(method, path, body=body, headers=h)
        r = c.getresponse()
        return r.status, r.headers, r.read()
    finally:
        c.close()

def status(*a, **k): return call(*a, **k)[0]

class unix(http.client.HTTPConnection):
    def __init__(self): super().__init__("localhost", timeout=60)
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(work + "/one/state/pabean.sock")

def operator(method, path, body=None):
    c = unix()
    c.request(method, path, body=json.dumps(body).encode() if body is not None else None)
    r = c.getresponse()
    return r.status, r.headers, r.read()

def raw(data, seconds=10):
    """What comes back for these very bytes; b"" where the connection just ends."""
    s = socket.create_connection((url.hostname, url.port), timeout=seconds)
    out = b""
    try:
        s.sendall(data)
        while len(out) < 65536:
            piece = s.recv(65536)
            if not piece: break
            out += piece
            if b"\r\n\r\n" in out: break
    except OSError:
        pass
    s.close()
    return out

failed = 0
def check(name, got, *want):
    global failed
    ok = got in want
    failed |= not ok
    print(("ok - " if ok else "not ok - ") + name + ("" if ok else f" (got {str(got)[:300]}, wanted {want})"), flush=True)

def put_blob(repo, data, user="alice"):
    s, _, b = call("POST", f"/v2/{repo}/blobs/uploads/?digest={sha(data)}", data, user)
    assert s == 201, (s, b)
    return sha(data)

def desc(kind, data, **more): return {"mediaType": kind, "digest": sha(data), "size": len(data), **more}

def layer_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, text in files.items():
            i = tarfile.TarInfo(name); i.size, i.mtime, i.mode = len(text), 1700000000, 0o755
            t.addfile(i, io.BytesIO(text))
    return out.getvalue()

RELEASE = {"etc/os-release": b'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'}

def image(repo, files, user="alice", extra=(), push=True, **more):
    """(manifest, gzipped layer); its blobs are pushed."""
    tar = layer_of({**RELEASE, **files})
    layer = gzip.compress(tar, mtime=0)
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha(tar)] + [sha(b"")] * len(extra)}}).encode()
    m = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": desc(OCI + "config.v1+json", config),
         "layers": [desc(OCI + "layer.v1.tar+gzip", layer), *extra], **more}
    if push: put_blob(repo, layer, user), put_blob(repo, config, user)
    return json.dumps(m).encode(), layer

def push(repo, ref, body, user="alice", headers=MT): return status("PUT", f"/v2/{repo}/manifests/{ref}", body, user, headers)

def pull(repo, ref, user="alice", tries=8):
    """The status once it is no longer "later"."""
    for _ in range(tries):
        s = status("GET", f"/v2/{repo}/manifests/{ref}", user=user)
        if s != 429: break
        time.sleep(1)
    return s

def index(children, **more):
    return json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
        {"mediaType": k, "digest": d, "size": n} for k, d, n in children], **more}).encode()

def rss():
    with open(work + "/one.pid") as f: pid = f.read().strip()
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"): return int(line.split()[1]) // 1024

def alive(): return call("GET", "/healthz", user=None, timeout=10)[0] == 200

# --- Whose blobs (7, 12) -------------------------------------------------------------------------------------------------------------

def blobs():
    private = put_blob("private/app", b"a secret of somebody else" * 40, "root")
    size = 25 * 40
    # A layer that need not be there (nondistributable) is not checked on push: naming it must not open it.
    for kind in (OCI + "layer.nondistributable.v1.tar+gzip", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"):
        foreign = {"mediaType": kind, "digest": private, "size": size, "urls": ["http://127.0.0.1:1/x"]}
        for repo in ("scratch/app", "warned/app", "team/app"):
            m, layer = image(repo, {"a": b"x" + kind.encode()}, extra=[foreign])
            check(f"a manifest may name a foreign layer ({repo})", push(repo, "foreign", m), 201)
            got = pull(repo, "foreign", "root")
            if repo.startswith("team/"): check("an image with a layer from elsewhere, which nobody saw, is not admitted", got, 403, 404, 429)
            check("and its digest opens nobody's blob", {status(v, f"/v2/{repo}/blobs/{private}") for v in ("GET", "HEAD")}, {404})
            check("nor mounts it", status("POST", f"/v2/team/mine/blobs/uploads/?mount={private}&from={repo}", b""), 202)
            plain = json.loads(m); plain["layers"][1]["mediaType"] = OCI + "layer.v1.tar+gzip"; del plain["layers"][1]["urls"]
            check("nor makes it usable for a manifest", push(repo, "plain", json.dumps(plain).encode()), 404)
    # Somebody's honest manifest, pushed again where its layer is not.
    tar = gzip.compress(layer_of({"only": b"mine"}), mtime=0)
    put_blob("private/app", tar, "root")
    extra = [desc(OCI + "layer.nondistributable.v1.tar+gzip", tar)]
    m, _ = image("private/app", {"b": b"y"}, "root", extra)
    check("a foreign layer that was uploaded", push("private/app", "v", m, "root"), 201)
    image("scratch/app", {"b": b"y"}, extra=extra)
    check("the same manifest by another, elsewhere", push("scratch/app", "v", m), 201)
    check("gives no right to that layer", status("GET", f"/v2/scratch/app/blobs/{sha(tar)}"), 404)
    put_blob("scratch/app", tar)
    check("who uploads it has it", status("GET", f"/v2/scratch/app/blobs/{sha(tar)}"), 200)
    # pull right only counts where it is
    mine = put_blob("team/app", b"pushed by alice")
    check("a right to push is none to see what others pushed", push("team/app", "x", json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
          "config": desc("application/vnd.oci.empty.v1+json", b"pushed by alice"), "layers": []}).encode(), "pusher"), 404)
    check("two names of one path are one name", {status("GET", p, user="bob") for p in (f"/v2/private%2fapp/blobs/{private}", f"/v2/bob/../private/app/blobs/{private}",
          f"/v2/bob/%2e%2e/private/app/blobs/{private}", f"/v2//private/app/blobs/{private}", f"/v2/private/app/blobs/{private}%00",
          f"/%76%32/private/app/blobs/{private}", f"/v2/PRIVATE/app/blobs/{private}", f"/v2/private/app/blobs/uploads/../{private}")} <= {400, 401, 403, 404, 405}, True)
    check("the look-up key ns= goes by the rights on the resolved name", {status("GET", f"/v2/app/blobs/{private}?ns={ns}", user="bob")
          for ns in ("private", "docker.io", "..", "127.0.0.1:1")} <= {400, 401, 403, 404}, True)

# --- Manifests as bombs (1, 5, and more) -------------------------------------------------------------------------------------------------

def manifests():
    r = "team/bombs"
    m, layer = image(r, {"c": b"z"})
    deep = b'{"schemaVersion":2,"x":' + b"[" * 500000 + b"]" * 500000 + b"}"
    check("deep JSON: 400", push(r, "deep", deep), 400)
    check("deep objects: 400", push(r, "deep", b'{"a":' * 100000 + b"1" + b"}" * 100000), 400)
    check("a key twice: 400", push(r, "dup", m[:-1] + b',"config":{}}'), 400)
    check("a key twice inside: 400", push(r, "dup", m.replace(b'"size"', b'"size": 1, "size"', 1)), 400)
    many = json.loads(m); many["layers"] = many["layers"] * 100000
    body = json.dumps(many).encode()
    check("100,000 layers: refused", push(r, "many", body), 400, 413)
    many["layers"] = many["layers"][:18000]
    check("as many as fit the size: 400", push(r, "many", json.dumps(many).encode()), 400)
    check("numbers out of range: 400", {push(r, "n", m.replace(b'"schemaVersion": 2', b'"schemaVersion": ' + v)) for v in (b"2e0", b"1e400", b"99999999999999999999", b"-2", b"true")}, {400})
    check("sizes that are none: 400", {push(r, "n", json.dumps({**json.loads(m), "layers": [{**json.loads(m)["layers"][0], "size": v}]}).encode())
          for v in (-1, 2**63, 2**64, 1.5, "5", None)}, {400})
    check("bad UTF-8: 400", push(r, "u", m[:-1] + b',"annotations":{"a":"\xff"}}'), 400)
    check("a body that is compressed: refused", status("PUT", f"/v2/{r}/manifests/z", gzip.compress(m), headers={**MT, "Content-Encoding": "gzip"}), 400, 415)
    check("the honest one: 201", push(r, "good", m), 201)
    # Indexes of indexes, each naming the other many times: 64^3 looks at one image from five small manifests.
    child = (OCI + "manifest.v1+json", sha(m), len(m))
    began = time.time()
    for depth in range(3):
        i = index([child] * 200)
        push(r, f"i{depth}", i, headers=IX)
        child = (OCI + "index.v1+json", sha(i), len(i))
    s = status("GET", f"/v2/{r}/manifests/i2", timeout=40)
    check("an index that multiplies itself costs no more than others", time.time() - began < (40 if slow else 12), True)
    check("and is not admitted by exhaustion", s != 500 and (s in (200, 400, 403, 404, 429)), True)
    # ... and upwards: many parents of one child
    began, parents = time.time(), [(OCI + "manifest.v1+json", sha(m), len(m))]
    for depth in range(3):
        parents = [(OCI + "index.v1+json", sha(i), len(i)) for i in (index(parents, annotations={"n": str(k)}) for k in range(20))
                   if push(r, sha(i), i, headers=IX) == 201]
    check("many parents of one image cost no more than their number", time.time() - began < (90 if slow else 25), True)
    check("the image is served", pull(r, "good"), 200)
    check("the server lives", alive(), True)

if __name__ == "__main__":
    globals()[sys.argv[4].replace("-", "_")]()
    sys.exit(failed)
