#!/usr/bin/env python3
"""Attacks on `pabean serve` (ATTACKS.md 1-13 and others). serve_hostile.py URL PASSWORD WORK PART prints ok/not ok lines."""
import base64, gzip, hashlib, http.client, io, json, os, resource, socket, sys, tarfile, threading, time, urllib.parse

url = urllib.parse.urlparse(sys.argv[1])
secret, work = sys.argv[2], sys.argv[3]
OCI = "application/vnd.oci.image."
MT, IX = {"Content-Type": OCI + "manifest.v1+json"}, {"Content-Type": OCI + "index.v1+json"}
server = os.environ.get("SERVER", "one")
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
        self.sock.connect(work + "/" + server + "/state/pabean.sock")

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
    with open(work + "/" + server + ".pid") as f: pid = f.read().strip()
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

# --- Who may do what (8, 13, 17, 24; tokens) ---------------------------------------------------------------------------------------------

def token(scopes, user="alice"):
    s, _, b = call("GET", "/token?" + "&".join("scope=" + urllib.parse.quote(x) for x in scopes), user=user)
    return json.loads(b)["token"] if s == 200 else None

def bearer(t): return {"Authorization": "Bearer " + t}

def rights():
    m, layer = image("team/rights", {"d": b"q"})
    push("team/rights", "v", m), image("team/other", {"d": b"q"}), push("team/other", "v", m)
    check("admitted for others", pull("team/rights", "v", "root"), 200)
    t = token(["repository:team/rights:pull"])
    ask = lambda method, path, t: status(method, path, b"" if method == "POST" else None, None, bearer(t))
    check("a token where it was given", ask("GET", "/v2/team/rights/manifests/v", t), 200)
    check("a token on another repository", ask("GET", "/v2/team/other/manifests/v", t), 401, 403)
    check("a token to pull, pushing", ask("POST", "/v2/team/rights/blobs/uploads/", t), 401, 403)
    check("a token to pull, mounting from elsewhere", ask("POST", f"/v2/team/rights/blobs/uploads/?mount={sha(layer)}&from=team/other", t), 401, 403)
    check("a token to push, deleting", {ask("DELETE", f"/v2/team/rights/manifests/{r}", token(["repository:team/rights:push,delete"])) for r in ("v", sha(m))} <= {401, 403}, True)
    check("a token of patterns, paths or nothing gives nothing", {ask("GET", "/v2/private/app/manifests/v", token([x])) for x in
          ("repository:**:pull", "repository:*:pull", "repository:private/app:pull", "registry:catalog:*", "repository:team/../private/app:pull", "x")}, {401})
    head, body, mac = t.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["access"][0]["name"] = "team/other"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    check("forged tokens", {ask("GET", "/v2/team/other/manifests/v", x) for x in (f"{head}.{forged}.{mac}", f"{none}.{forged}.", f"{none}.{body}.{mac}", f"{head}.{body}.", t[:-2],
          t + "A", "." * 3, "A" * 20000, head)} <= {400, 401, 431}, True)
    check("a token gets no token", status("GET", "/token?scope=repository:team/other:pull", user=None, headers=bearer(t)) != 200, True)
    check("two credentials at once: 400", b" 400 " in raw(f"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic('bob')['Authorization']}\r\nAuthorization: {basic('root')['Authorization']}\r\n\r\n".encode())[:20], True)
    check("anonymous: no delete, approve, report, account", {call(v, p, b"{}", None)[0] for v, p in (("DELETE", "/v2/team/rights/manifests/v"), ("POST", "/api/v1/approve"), ("POST", "/api/v1/revoke"),
          ("POST", "/api/v1/waive"), ("POST", "/api/v1/rejudge"), ("GET", f"/api/v1/report?reference=team/rights@{sha(m)}"), ("GET", "/api/v1/accounts"), ("POST", "/api/v1/accounts"), ("GET", "/api/v1/events"))}, {401})
    check("a pusher approves nothing", call("POST", "/api/v1/approve", json.dumps({"reference": f"team/rights@{sha(m)}", "reason": "x", "until": "1d"}).encode())[0], 403)
    wide = lambda what, **k: call("POST", "/api/v1/" + what, json.dumps({"reference": f"team/rights@{sha(m)}", "reason": "wide", "until": "1d", **k}).encode(), "near")[0]
    check("who approves in team/* does not in team/**, **, or elsewhere", {wide(w, repositories=p, **k) for w, k in (("approve", {}), ("revoke", {}), ("waive", {"finding": "x"}))
          for p in ("team/**", "**", "*", "team/*/x", "private/app", "team/[a-z]*", "tea?/rights")}, {403})
    check("but does in team/*", wide("approve", repositories="team/*"), 201)
    check("a waiver for a digest holds where it was given", wide("waive", finding="miner"), 201)
    rows = json.loads(operator("GET", "/api/v1/decisions")[2])["decisions"]
    check("and says so", all("team/rights@sha256" in r["waiver"] for r in rows if r["kind"] == "waive"), True)
    check("decisions are shown to who may pull there", [len(json.loads(call("GET", "/api/v1/decisions", user=u)[2])["decisions"]) for u in ("bob", "near")], [0, 2])
    time.sleep(1.5)
    check("every decision is in the audit log", sum("decision.approve" in l or "decision.waive" in l for l in open(work + "/" + server + "/state/audit.jsonl")), 2)
    fixed = lambda seed: image("fixed/app", {"s": seed}, "fixer")[0]
    one, two = fixed(b"1"), fixed(b"2")
    check("a tag that does not change: set, not overwritten", (push("fixed/app", "latest", one, "fixer"), push("fixed/app", "latest", two, "fixer")), (201, 403))
    check("nor by its digest", push("fixed/app", sha(two) + "?tag=latest", two, "fixer"), 403)
    check("nor removed, by itself or with its manifest", {status("DELETE", f"/v2/fixed/app/manifests/{r}", user="fixer") for r in ("latest", sha(one))}, {403})
    check("it is what it was", sha(call("GET", "/v2/fixed/app/manifests/latest", user="fixer")[2]), sha(one))
    full = [call("POST", "/v2/team/uploads/blobs/uploads/", b"")[:2] for _ in range(70)]
    check("uploads open at once have a limit: 429", (30 < sum(s == 202 for s, _ in full) <= 64, full[-1][0]), (True, 429))
    check("which is the account's own", status("POST", "/v2/bob/x/blobs/uploads/", b"", "bob"), 202)
    for s, h in full:
        if s == 202: call("DELETE", h["Location"])
    # Quota: by blobs, by mounts, by manifests.
    big = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": desc("application/vnd.oci.empty.v1+json", b"{}"), "layers": [], "annotations": {"x": "y" * 9000}})
    put_blob("small/app", b"{}")
    many = [push("small/app", sha(b), b) for b in (big.replace('"y', f'"{i}').encode() for i in range(4))]
    check("a quota counts manifests", (many[0], many[-1]), (201, 403))
    put_blob("scratch/app", b"m" * 19000)
    check("and mounts", status("POST", f"/v2/small/app/blobs/uploads/?mount={sha(b'm' * 19000)}&from=scratch/app", b""), 202)

# --- Browsers, HTTP, logs (2, 6, 10, 17) -----------------------------------------------------------------------------------------------------

def browsers():
    host = f"{url.hostname}:{url.port}"
    rebind = lambda name: raw(f"GET /v2/ HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())[9:12]
    check("a name that was rebound: 421", {rebind(n) for n in ("evil.example", f"evil.example:{url.port}", "localhost.evil.example", "127.0.0.1.evil.example", "[::1].evil", "")} <= {b"421", b"400"}, True)
    check("no name at all", raw(b"GET /v2/ HTTP/1.0\r\n\r\n")[9:12], b"421")
    post = lambda **h: status("POST", "/v2/team/x/blobs/uploads/", b"", headers={k.replace("_", "-"): v for k, v in h.items()})
    check("another site's page changes nothing", {post(Origin=o) for o in ("http://evil.example", "null", f"http://{host}.evil.example", f"http://{url.hostname}:1")} | {post(Sec_Fetch_Site=s) for s in ("cross-site", "same-site")}, {403})
    check("one's own page may", post(Origin=f"http://{host}", Sec_Fetch_Site="same-origin"), 202)
    check("no page of another site reads anything", [k for k in call("GET", "/v2/", headers={"Origin": "http://evil.example"})[1] if k.lower().startswith("access-control")], [])
    auth = f"Authorization: {basic('alice')['Authorization']}\r\nHost: {host}\r\n"
    bad = {"two lengths": f"POST /v2/team/x/blobs/uploads/ HTTP/1.1\r\n{auth}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
           "length and chunks": f"POST /v2/team/x/blobs/uploads/ HTTP/1.1\r\n{auth}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "two hosts": f"GET /v2/ HTTP/1.1\r\n{auth}Host: evil.example\r\n\r\n",
           "a host in the target": f"GET http://evil.example/v2/ HTTP/1.1\r\n{auth}\r\n",
           "a header of 100 KB": f"GET /v2/ HTTP/1.1\r\n{auth}X: {'y' * 100000}\r\n\r\n",
           "10,000 headers": f"GET /v2/ HTTP/1.1\r\n{auth}" + "A: b\r\n" * 10000 + "\r\n",
           "a path of 100 KB": f"GET /v2/{'a/' * 50000} HTTP/1.1\r\n{auth}\r\n",
           "a folded line": f"GET /v2/ HTTP/1.1\r\n{auth}X: a\r\n b\r\n\r\n",
           "a negative length": f"POST /v2/team/x/blobs/uploads/ HTTP/1.1\r\n{auth}Content-Length: -1\r\n\r\n"}
    for name, text in bad.items():
        got = raw(text.encode())
        check(f"{name}: refused", got[9:12] in (b"400", b"413", b"414", b"421", b"431") or got == b"", True)
    check("digests that are none: 400, no file is looked for", {status(v, f"/v2/team/x/{k}/{d}") for v in ("GET", "HEAD") for k in ("blobs", "manifests") for d in
          ("sha256:..%2f..%2fetc%2fpasswd", "sha256:../../x", "sha256:" + "A" * 64, "sha256:abc", "sha1:" + "0" * 40, "sha256:" + "0" * 63 + "g", "sha256:" + "0" * 65)} <= {400, 404}, True)
    check("lists without bounds", [status("GET", p) for p in ("/v2/_catalog?n=2147483648", "/v2/_catalog?n=18446744073709551617", "/v2/_catalog?n=-1", "/v2/team/rights/tags/list?n=2147483648")], [200, 200, 400, 200])
    odd = ("'", "' OR 1=1 --", "%27%29%3b", "\\", "%00", "%ff", "*" * 300, "[" * 200, "{" * 200, "**/" * 60)
    paths = ("/v2/_catalog?last={}", "/v2/team/rights/tags/list?last={}", f"/v2/team/rights/referrers/{sha(b'x')}?artifactType={{}}", "/api/v1/search?package=aa{}", "/api/v1/search?cve={}", "/api/v1/catalogue?repository={}",
             "/api/v1/verdicts?repository={}&after={}", "/api/v1/queue?after={}", "/api/v1/verdict?reference=team/{}", "/api/v1/events?type={}", "/api/v1/decisions?digest={}")
    check("filters are data", {status("GET", p.format(o, o).replace(" ", "%20")) for p in paths for o in odd} <= {200, 400, 404}, True)
    check("what comes back is no page", {(h.get("Content-Type"), h.get("X-Content-Type-Options")) for h in [call("GET", "/api/v1/verdict?reference=<script>")[1]]}, {("application/json", "nosniff")})
    check("nobody sets where webhooks go", {status(v, "/api/v1/" + p, b"{}", "root") for v in ("POST", "PUT", "PATCH") for p in ("webhooks", "upstreams", "webhooks/test", "config")} <= {404, 405}, True)
    lines = "a%0atime=2026-01-01%20level=error%20msg=forged"
    status("GET", f"/v2/team/x/manifests/{lines}"), status("GET", "/v2/", headers={"User-Agent": "x\tlevel=error"})
    call("POST", "/api/v1/requests", json.dumps({"reference": "team/rights:v", "reason": "x\n{\"action\":\"forged\"}\u001b[2J"}).encode())
    time.sleep(1.2)
    log = open(work + "/" + server + ".log", "rb").read()
    check("no line of the log is forged", (b"\ntime=2026-01-01" in log, b"\x1b" in log), (False, False))
    check("nor one of the audit log", all(json.loads(l).get("action") != "forged" for l in open(work + "/" + server + "/state/audit.jsonl")), True)
    check("no secret is in the log", secret.encode() in log or b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.ey" in log, False)

# --- An upstream that names what is ours (7) ------------------------------------------------------------------------------------------------

def upstream():
    """A manifest of an upstream names the layer of a private repository, which the upstream does not have."""
    import http.server
    m, layer = image("private/app", {"private": b"for few"}, "root")
    push("private/app", "v", m, "root")
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha(gzip.decompress(layer))]}, "author": "somebody"}).encode()
    evil = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": desc(OCI + "config.v1+json", config), "layers": [desc(OCI + "layer.v1.tar+gzip", layer)]}).encode()
    class Server(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        has = False
        def do_GET(self):
            body = b"{}" if self.path == "/v2/" else evil if "/manifests/" in self.path else config if self.path.endswith(sha(config)) else layer if self.has and self.path.endswith(sha(layer)) else None
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", OCI + "manifest.v1+json" if "/manifests/" in self.path else "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET": self.wfile.write(body or b"")
        do_HEAD = do_GET
        def log_message(self, *a): pass
    s = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["EVIL"])), Server)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    got = pull("evil/x", "latest", "bob", 3)
    check("an upstream's manifest that names a private layer is not admitted", got, 403, 404, 429, 502)
    check("and opens it for nobody", {status(v, f"/v2/evil/x/blobs/{sha(layer)}", user="bob") for v in ("GET", "HEAD")}, {404})
    Server.has = True
    check("once upstream has it, it is", pull("evil/y", "latest", "bob", 15), 200)
    check("with its layer", sha(call("GET", f"/v2/evil/y/blobs/{sha(layer)}", user="bob")[2]), sha(layer))

def quarantine():
    """quarantine_bytes is 1 MB here."""
    bad, layer = image("team/q", {"noise": os.urandom(1200000)})
    check("nobody inspects it", push("team/q", "v", bad), 201)
    for _ in range(20):
        s, h, b = call("POST", "/v2/team/q/blobs/uploads/", b"")
        if s == 429: break
        time.sleep(0.5)
    check("a full quarantine: 429 to pushes", (s, h["Retry-After"] is not None, b"quarantine" in b), (429, True, True))
    check("not where there is no gate", status("POST", "/v2/scratch/q/blobs/uploads/", b""), 202)

# --- Floods (memory, connections, waiters) --------------------------------------------------------------------------------------------------------

def many_files(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, n), hard))

def connect(n, text, each=1000):
    """n connections from several addresses of this machine, each having sent text."""
    got = []
    for i in range(n):
        s = socket.socket()
        s.bind((f"127.0.0.{20 + i // each}", 0))
        s.setblocking(True); s.settimeout(5)
        try:
            s.connect((url.hostname, url.port))
            s.sendall(text)
            got.append(s)
        except OSError:
            s.close()
    return got

def pulls_go_on(name, m, repo="scratch/flood", seconds=2):
    worst = 0
    for _ in range(5):
        began = time.time()
        good = status("GET", f"/v2/{repo}/manifests/v", timeout=30) == 200
        good = good and status("HEAD", f"/v2/{repo}/manifests/{sha(m)}", timeout=30) == 200
        worst = max(worst, time.time() - began if good else 99)
    check(name, worst < seconds * (5 if slow else 1), True)

def floods():
    many_files(7000)
    m, _ = image("scratch/flood", {"e": b"f"})
    push("scratch/flood", "v", m)
    bound = 2000 if slow else 96
    began = time.time()
    held = connect(5000, b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    check("5,000 slow connections are there", len(held) > 4900, True)
    pulls_go_on("pulls go on beside them", m)
    check(f"memory stays below {bound} MiB", rss() < bound or rss(), True)
    for s in held: s.close()
    # Bodies that are kept in memory, nearly complete, each dawdling.
    body = b" " * (4 << 20)
    text = f"PUT /v2/scratch/flood/manifests/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic('alice')['Authorization']}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    held = []
    for i in range(60):
        s = connect(1, text)[0]
        s.settimeout(2)
        try: s.sendall(body[:-1])
        except OSError: pass
        held.append(s)
    check("60 large manifests that never end: memory is bounded", rss() < (2000 if slow else 180) or rss(), True)
    pulls_go_on("pulls go on beside them", m)
    check("and small pushes", push("scratch/flood", "v2", m), 201)
    for s in held: s.close()

def waiters():
    """On a server whose images are never inspected."""
    many_files(7000)
    m, _ = image("scratch/flood", {"e": b"f"})
    push("scratch/flood", "v", m)
    w, _ = image("team/wait", {"g": b"h"})
    push("team/wait", "v", w)
    text = f"GET /v2/team/wait/manifests/v HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic('root')['Authorization']}\r\n\r\n".encode()
    held = connect(5000, text)
    pulls_go_on("5,000 who wait for one image do not stop pulls", m)
    check("pushes go on", push("scratch/flood", "v2", m), 201)
    check("memory", rss() < (2000 if slow else 110) or rss(), True)
    answers = {}
    for s in held:
        s.settimeout(60)
        try: a = s.recv(400)[9:12]
        except OSError: a = b"none"
        answers[a] = answers.get(a, 0) + 1
        s.close()
    check("each is told to come again", sum(n for a, n in answers.items() if a in (b"429", b"503")) > 4900 and not answers.get(b"200"), True)
    if failed: print("#", answers, file=sys.stderr)

if __name__ == "__main__":
    globals()[sys.argv[4].replace("-", "_")]()
    sys.exit(failed)
