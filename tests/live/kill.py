#!/usr/bin/env python3
"""kill -9 at random points, many times: of the server, of its workers, of `pabean store gc`, at any point of pushes, pulls, pull-through, inspections, garbage collection
and (fresh databases) migrations. After each death of the server `pabean store check` must find nothing; what was admitted once must stay and be whole; the
refused one must never go out; at the end nothing is left over.

kill.py PABEAN CONFIG PORT UPSTREAM-PORT DB-DIR CACHE-DIR KILLS STATE MINER-TEXT-FILE [fresh-config template for migrations]
Prints "ok - "/"not ok - " lines."""
import gzip, hashlib, http.server, io, json, os, random, re, signal, socket, subprocess, sys, tarfile, threading, time
import http.client

PABEAN, CONFIG, PORT, UPPORT, DB, CACHE, KILLS, STATE, MINER = sys.argv[1:10]
PORT, UPPORT, KILLS = int(PORT), int(UPPORT), int(KILLS)
rnd = random.Random(int(os.environ.get("KILL_SEED", str(time.time_ns() & 0xffffff))))
OCI = "application/vnd.oci.image."
failures = []
trouble_lock = threading.Lock()
counts = dict(pushes=0, admitted=0, pulls=0, through=0, refused_seen=0, kills_serve=0, kills_worker=0, kills_tool=0, kills_migration=0, checks=0, deletes=0, broken=0)

def fail(text):
    with trouble_lock:
        failures.append(text)
        print("# " + text, file=sys.stderr, flush=True)

def count(what, n=1):
    with trouble_lock: counts[what] += n

def digest(b): return "sha256:" + hashlib.sha256(b).hexdigest()

def image(seed, size, script=None):
    out = io.BytesIO()
    r = random.Random(seed)
    with tarfile.open(fileobj=out, mode="w") as t:
        files = [("etc/os-release", b'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n', 0o644), ("data", r.randbytes(size), 0o644)]
        if script: files.append(("opt/app/start", script, 0o755))
        for name, data, mode in files:
            i = tarfile.TarInfo(name); i.size, i.mode, i.mtime = len(data), mode, 1700000000
            t.addfile(i, io.BytesIO(data))
    tar = out.getvalue()
    layer = gzip.compress(tar, 1, mtime=0)
    config = json.dumps({"architecture": "amd64", "os": "linux", "author": str(seed), "config": {"Entrypoint": ["/opt/app/start"]} if script else {},
                         "rootfs": {"type": "layers", "diff_ids": [digest(tar)]}}).encode()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": {"mediaType": OCI + "config.v1+json", "digest": digest(config), "size": len(config)},
                           "layers": [{"mediaType": OCI + "layer.v1.tar+gzip", "digest": digest(layer), "size": len(layer)}]}).encode()
    return dict(layer=layer, config=config, manifest=manifest, digest=digest(manifest), blobs=[digest(layer), digest(config)])

# --- The upstream: images made when asked for, by name, slowly ------------------------------------------------------------------------
class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cache, lock = {}, threading.Lock()
    def log_message(self, *a): pass
    def do_HEAD(self): self.do_GET()
    def do_GET(self):
        m = re.match(r"/v2/img/(\w+)/(manifests|blobs)/(.+)$", self.path)
        if self.path.rstrip("/") == "/v2": return self.give(b"{}", "application/json")
        if not m: return self.send_error(404)
        with self.lock:
            if m[1] not in self.cache: self.cache[m[1]] = image("up" + m[1], 60000)
            i = self.cache[m[1]]
        if m[2] == "manifests": return self.give(i["manifest"], OCI + "manifest.v1+json", i["digest"])
        for b in (i["layer"], i["config"]):
            if digest(b) == m[3]: return self.give(b, "application/octet-stream", m[3], slow=True)
        self.send_error(404)
    def give(self, body, kind, d=None, slow=False):
        self.send_response(200)
        self.send_header("Content-Type", kind); self.send_header("Content-Length", str(len(body)))
        if d: self.send_header("Docker-Content-Digest", d)
        self.end_headers()
        if self.command == "HEAD": return
        for at in range(0, len(body), 16384):
            self.wfile.write(body[at:at + 16384])
            if slow: time.sleep(0.02)

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *a): pass

# --- Clients ---------------------------------------------------------------------------------------------------------------------------------
class Gone(Exception): pass

def call(method, path, body=None, headers=None, timeout=30):
    try:
        c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
        c.request(method, path, body=body, headers=headers or {})
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, data, r.headers
    except (OSError, http.client.HTTPException): raise Gone()

def push_blob(repo, data):
    s, _, h = call("POST", f"/v2/{repo}/blobs/uploads/", b"")
    if s != 202: raise Gone()
    where = h["Location"]
    if rnd.random() < 0.4:      # in pieces
        half = len(data) // 2
        s, _, h = call("PATCH", where, data[:half], {"Content-Type": "application/octet-stream", "Content-Range": f"0-{half - 1}"})
        if s != 202: raise Gone()
        where, data_, = h["Location"], data[half:]
        s, body, _ = call("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest(data), data_, {"Content-Type": "application/octet-stream"})
    else:
        s, body, _ = call("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest(data), data, {"Content-Type": "application/octet-stream"})
    if s in (500, 503, 429, 404): raise Gone()
    if s != 201: fail(f"a blob's PUT says {s} {body[:200]}"); raise Gone()

def push(repo, tag, i):
    for d, name in zip(i["blobs"], ("layer", "config")):
        s, _, _ = call("HEAD", f"/v2/{repo}/blobs/{d}")
        if s != 200: push_blob(repo, i[name])
    s, body, _ = call("PUT", f"/v2/{repo}/manifests/{tag}", i["manifest"], {"Content-Type": OCI + "manifest.v1+json"})
    if s in (500, 503, 404): raise Gone()
    if s != 201: fail(f"a manifest's PUT says {s} {body[:200]}"); raise Gone()
    count("pushes")

def pull(repo, i, whole=True):
    """True: whole; False: not now."""
    s, body, _ = call("GET", f"/v2/{repo}/manifests/{i['digest']}")
    if s in (429, 503, 500): return False
    if s != 200: return s
    if body != i["manifest"]: fail(f"{repo}@{i['digest']}: other bytes"); return False
    for d, name in zip(i["blobs"], ("layer", "config")):
        s, body, _ = call("GET", f"/v2/{repo}/blobs/{d}")
        if s in (429, 503, 500): return False
        if s != 200: return s
        if body != i[name]: fail(f"{repo} {d}: {len(body)} other bytes")
    return True

stop = threading.Event()
admitted, admitted_lock = {}, threading.Lock()
bad = image("bad", 3000, open(MINER, "rb").read())

def pusher(k):
    n = 0
    while not stop.is_set():
        n += 1
        i = image(f"{k}.{n}.{rnd.random()}", rnd.choice((500, 20000, 200000)))
        repo = f"team/app{k}"
        try:
            push(repo, f"v{n % 5}", i)
            for _ in range(20):
                r = pull(repo, i)
                if r is True:
                    with admitted_lock: admitted[(repo, i["digest"])] = i
                    count("admitted")
                    break
                if r is not False and r != 403: fail(f"{repo}@{i['digest']}: pushed and then {r}"); break
                if r == 403: fail(f"{repo}@{i['digest']}: clean, but refused"); break
                if stop.wait(0.2): break
        except Gone:
            count("broken"); stop.wait(0.1)

def through():
    n = 0
    while not stop.is_set():
        n += 1
        name = f"i{rnd.randrange(10**9)}"
        i = image("up" + name, 60000)
        try:
            for _ in range(20):
                s, body, _ = call("GET", f"/v2/up/img/{name}/manifests/latest")
                if s == 200:
                    if pull(f"up/img/{name}", i) is True:
                        with admitted_lock: admitted[(f"up/img/{name}", i["digest"])] = i
                        count("through")
                        break
                elif s == 403: fail(f"up/img/{name}: refused: {body[:200]}"); break
                if stop.wait(0.2): break
        except Gone:
            count("broken"); stop.wait(0.1)

def sneak():
    """The refused image is pushed again and again, and asked for by everybody."""
    while not stop.is_set():
        try:
            push("team/bad", "bad", bad)
            for what in ("manifests/bad", "manifests/" + bad["digest"], "blobs/" + bad["blobs"][0], "blobs/" + bad["blobs"][1]):
                s, _, _ = call("GET", "/v2/team/bad/" + what)
                if s == 200: fail(f"the refused image's {what} went out")
                if s == 403: count("refused_seen")
        except Gone: count("broken")
        stop.wait(0.15)

def old_ones():
    while not stop.is_set():
        with admitted_lock: some = rnd.sample(sorted(admitted), min(3, len(admitted)))
        for repo, d in some:
            try:
                r = pull(repo, admitted[(repo, d)])
                if r is True: count("pulls")
                elif r is not False: fail(f"{repo}@{d} was admitted, and now {r}")
            except Gone: count("broken")
        if rnd.random() < 0.3:      # what is pushed for going again
            try:
                i = image(f"gone{rnd.random()}", 4000)
                push("team/going", "t", i)
                call("DELETE", f"/v2/team/going/manifests/{i['digest']}"); count("deletes")
                s, _, h = call("POST", "/v2/team/going/blobs/uploads/", b"")    # and an upload that nobody ends
                if s == 202: call("PATCH", h["Location"], b"x" * 5000, {"Content-Type": "application/octet-stream", "Content-Range": "0-4999"})
            except Gone: count("broken")
        stop.wait(0.1)

# --- Processes --------------------------------------------------------------------------------------------------------------------------------
log = open(os.environ.get("KILL_LOG", "/dev/null"), "ab")

def start(config=CONFIG):
    return subprocess.Popen([PABEAN, "serve", "--config", config, "--db", DB, "--cache-dir", CACHE], stdout=log, stderr=log)

def children(pid):
    try: return [int(x) for x in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    except OSError: return []

def ready(p, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if p.poll() is not None: return False
        try:
            if call("GET", "/healthz", timeout=2)[0] == 200: return True
        except Gone: time.sleep(0.02)
    return False

def gone(pids, seconds=15):
    end = time.time() + seconds
    while time.time() < end and any(os.path.exists(f"/proc/{p}") and open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[0] != "Z" for p in pids): time.sleep(0.05)

def tool(*args, env=None):
    return subprocess.run([PABEAN, "store", *args, "--config", CONFIG], capture_output=True, text=True, env={**os.environ, **(env or {})})

def check(when, *more):
    r = tool("check", "-f", "json", *more)
    count("checks")
    if r.returncode: fail(f"store check {when}: {r.returncode} {r.stdout[:1500]} {r.stderr[:500]}")

def kill(pid):
    try: os.kill(pid, signal.SIGKILL)
    except ProcessLookupError: pass

def migrations(n, template):
    """A server on an empty database, killed while it makes its tables; then it must start."""
    for i in range(n):
        where = f"{STATE}-fresh{i}"
        config = where + ".yaml"
        with open(config, "w") as f: f.write(template.replace("@STATE@", where).replace("@PORT@", str(PORT)).replace("@N@", str(i)))
        p = start(config)
        time.sleep(rnd.random() * 0.25)
        kill(p.pid); p.wait()
        count("kills_migration")
        p = start(config)
        if not ready(p): fail("after a death during the migration the server does not start")
        p.terminate(); p.wait()
        r = subprocess.run([PABEAN, "store", "check", "--config", config], capture_output=True, text=True)
        if r.returncode: fail(f"after a death during the migration: {r.stdout} {r.stderr}")

def main():
    upstream = Server(("127.0.0.1", UPPORT), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    if len(sys.argv) > 10: migrations(max(2, KILLS // 6), open(sys.argv[10]).read())
    p = start()
    if not ready(p): print("not ok - the server starts"); return
    push("team/bad", "bad", bad)        # judged once in peace: who dies over it later keeps it from being asked for until its lease ends
    call("GET", "/v2/team/bad/manifests/bad")
    threads = [threading.Thread(target=f, args=a, daemon=True) for f, a in ((pusher, (1,)), (pusher, (2,)), (through, ()), (sneak, ()), (old_ones, ()))]
    for t in threads: t.start()
    slowest = 0
    for n in range(KILLS):
        time.sleep(rnd.choice((0.05, 0.3, 0.8, 1.5)) * (0.5 + rnd.random()))
        what = rnd.random()
        workers = children(p.pid)
        if what < 0.3 and workers:
            kill(rnd.choice(workers)); count("kills_worker")
            continue
        if what < 0.45:
            t = subprocess.Popen([PABEAN, "store", "gc", "--config", CONFIG], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env={**os.environ, "SOURCE_DATE_EPOCH": str(int(time.time()) + 3)})     # most of the grace is over
            time.sleep(rnd.random() * 0.1)
            kill(t.pid); t.wait(); count("kills_tool")
            continue
        kill(p.pid)
        if rnd.random() < 0.5:
            for w in workers: kill(w)
        p.wait(); count("kills_serve")
        gone(workers)
        check(f"after kill {n + 1}", *([] if n % 5 == 0 or KILLS < 60 else ["--quick"]))
        began = time.time()
        p = start()
        if not ready(p): fail(f"the server does not start after kill {n + 1}"); break
        slowest = max(slowest, time.time() - began)
    stop.set()
    for t in threads: t.join(60)
    for key, i in list(admitted.items()):       # every single one
        for _ in range(100):
            try: r = pull(key[0], i)
            except Gone: r = False
            if r is not False: break
            time.sleep(0.2)
        if r is not True: fail(f"{key[0]}@{key[1]} was admitted, and at the end {r}")
    p.terminate(); p.wait()
    later = {"SOURCE_DATE_EPOCH": str(int(time.time()) + 3 * 86400)}
    r = tool("gc", env=later)
    if r.returncode: fail(f"gc at the end: {r.stderr}")
    check("at the end")
    r = tool("check", "-f", "json", env=later)
    notes = json.loads(r.stdout)["found"] if r.returncode == 0 else ["?"]
    left = sum(len(f) for _, _, f in os.walk(os.path.join(STATE, "uploads")))
    def result(name, good): print(("ok - " if good else "not ok - ") + name, flush=True)
    c = counts
    print("# " + json.dumps({**c, "slowest_start_s": round(slowest, 2)}), file=sys.stderr)
    total = c["kills_serve"] + c["kills_worker"] + c["kills_tool"] + c["kills_migration"]
    result(f"killed {total} times ({c['kills_serve']} servers, {c['kills_worker']} workers, {c['kills_tool']} collectors, {c['kills_migration']} migrations): "
           f"{c['checks']} checks are clean, nothing admitted is lost, nothing refused goes out", not failures)
    result(f"meanwhile {c['pushes']} pushes, {c['through']} images pulled through, {c['pulls']} pulls of admitted ones", c["admitted"] > 0 and c["through"] > 0 and c["refused_seen"] > 0)
    result("no upload and no bytes are left over", not notes and not left)
    if notes or left: print(f"# {left} files, {notes}", file=sys.stderr)

main()
