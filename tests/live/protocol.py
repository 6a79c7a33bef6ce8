#!/usr/bin/env python3
"""What clients with bad manners, bad luck or bad intentions send to a registry. protocol.py URL PASSWORD PART prints ok/not ok lines."""
import base64, hashlib, http.client, json, sys, threading, time, urllib.parse

url = urllib.parse.urlparse(sys.argv[1])
secret = sys.argv[2]

def sha(b, algo="sha256"): return algo + ":" + hashlib.new(algo, b).hexdigest()

def call(method, path, body=None, user="alice", headers=None, chunks=None):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    h = dict(headers or {})
    if user: h["Authorization"] = "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
    if chunks is not None:
        c.request(method, path, body=iter(chunks), headers=h, encode_chunked=True)
    else:
        c.request(method, path, body=body, headers=h)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, r.headers, data

failed = 0
def check(name, got, *want):
    global failed
    ok = got in want
    failed |= not ok
    print(("ok - " if ok else "not ok - ") + name + ("" if ok else f" (got {got}, wanted {want})"), flush=True)

def start(repo, user="alice", query=""):
    status, h, _ = call("POST", f"/v2/{repo}/blobs/uploads/{query}", b"", user)
    return h["Location"] if status == 202 else status

def put_blob(repo, data, user="alice"):
    d = sha(data)
    status, h, b = call("POST", f"/v2/{repo}/blobs/uploads/?digest={d}", data, user)
    return d if status == 201 else (status, b)

def image(repo, config, layers, user="alice", **more):
    """A manifest whose blobs are there already (or not)."""
    desc = lambda t, b: {"mediaType": t, "digest": sha(b), "size": len(b)}
    m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": desc("application/vnd.test.config", config),
         "layers": [desc("application/vnd.test.layer", l) for l in layers], **more}
    return json.dumps(m).encode()

MT = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}

def uploads():
    r = "team/app"
    where = start(r)
    check("out of order: 416", call("PATCH", where, b"abc", headers={"Content-Range": "5-7"})[0], 416)
    status, h, _ = call("PATCH", where, b"abc", headers={"Content-Range": "0-2"})
    check("in order: 202 with what is there", (status, h["Range"]), (202, "0-2"))
    check("length and range that differ: 400", call("PATCH", where, b"abcd", headers={"Content-Range": "3-5"})[0], 400)
    status, h, _ = call("PATCH", where, chunks=[b"de", b"f"])
    check("streamed: 202", (status, h["Range"]), (202, "0-5"))
    status, h, _ = call("GET", where)
    check("status: 204 with Location", (status, h["Range"], h["Location"]), (204, "0-5", where))
    check("another account's upload: 404", call("GET", where, user="bob")[0], 404)
    check("in another repository: 404", call("GET", where.replace("team/app", "team/other"))[0], 404)
    check("no digest: 400", call("PUT", where, b"")[0], 400)
    check("a digest of another kind: 400", call("PUT", where + "?digest=md5:d41d8cd98f00b204e9800998ecf8427e", b"")[0], 400)
    status, h, _ = call("PUT", where + "?digest=" + sha(b"abcdefgh"), b"gh")
    check("the rest with PUT: 201", (status, h["Docker-Content-Digest"]), (201, sha(b"abcdefgh")))
    check("gone afterwards: 404", call("GET", where)[0], 404)
    where = start(r)
    check("wrong digest: 400", call("PUT", where + "?digest=" + sha(b"x"), b"y")[0], 400)
    check("the upload is gone then: 404", call("GET", where)[0], 404)
    where = start(r)
    check("cancelled: 204", call("DELETE", where)[0], 204)
    check("and gone: 404", call("PATCH", where, b"x")[0], 404)
    check("made-up uploads: 404", {call("GET", f"/v2/{r}/blobs/uploads/{i}")[0] for i in ("0" * 32, "..%2f..%2fetc", "A" * 32, "x")} == {404}, True)
    data = b"z" * 100000
    check("sha512 in one request", call("POST", f"/v2/{r}/blobs/uploads/?digest={sha(data, 'sha512')}", data)[0], 201)
    check("too large: 413", call("PATCH", start(r), b"x" * (3 << 20))[0], 413)
    # two requests on one upload at once: never a mixture
    where = start(r)
    results, first = [], []
    def one(byte):
        status, headers = call("PATCH", where, chunks=(byte * 1000 for _ in range(200)))[:2]
        # which came first says the server, not the order in which these threads hear of it
        if status == 202 and headers["Range"] == "0-199999": first.append(byte)
        results.append(status)
    threads = [threading.Thread(target=one, args=(b,)) for b in (b"a", b"b")]
    for t in threads: t.start()
    for t in threads: t.join()
    check("two at once: one after the other, or 409", all(s in (202, 409, 416) for s in results), True)
    n = int(call("GET", where)[1]["Range"][2:]) + 1
    order = "ab" if first and first[0] == b"a" else "ba"
    data = "".join(c * 200000 for c in order).encode()[:n]
    check("and no bytes are mixed", (n in (200000, 400000), call("PUT", f"{where}?digest={sha(data)}", b"")[0]), (True, 201))

def ranges():
    r, data = "team/app", bytes(range(256)) * 8
    d = put_blob(r, data)
    g = lambda h: call("GET", f"/v2/{r}/blobs/{d}", headers=h)
    for text, want in (("bytes=0-0", data[:1]), ("bytes=100-", data[100:]), ("bytes=-5", data[-5:]), ("bytes=5-9999", data[5:])):
        status, h, b = g({"Range": text})
        check(f"Range {text}", (status, b), (206, want))
    status, h, _ = g({"Range": "bytes=9999-"})
    check("beyond the end: 416", (status, h["Content-Range"]), (416, "bytes */2048"))
    check("several ranges: everything", g({"Range": "bytes=0-1,4-5"})[2] == data, True)
    check("If-None-Match: 304", g({"If-None-Match": f'"{d}"'})[0], 304)
    status, h, b = call("HEAD", f"/v2/{r}/blobs/{d}")
    check("HEAD", (status, h["Content-Length"], h["Docker-Content-Digest"], b), (200, "2048", d, b""))

def manifests():
    r = "team/app"
    put_blob(r, b"{}"), put_blob(r, b"layer")
    good = image(r, b"{}", [b"layer"])
    status, h, _ = call("PUT", f"/v2/{r}/manifests/v1", good, headers=MT)
    check("a manifest", (status, h["Docker-Content-Digest"], h["Location"]), (201, sha(good), f"/v2/{r}/manifests/{sha(good)}"))
    for ref in ("v1", sha(good)):
        a, b = call("GET", f"/v2/{r}/manifests/{ref}"), call("HEAD", f"/v2/{r}/manifests/{ref}")
        check("GET and HEAD agree", all(a[1][k] == b[1][k] for k in ("Content-Type", "Content-Length", "Docker-Content-Digest", "ETag", "Cache-Control")) and
              a[2] == good and b[2] == b"" and a[0] == b[0] == 200, True)
        check("If-None-Match: 304", call("GET", f"/v2/{r}/manifests/{ref}", headers={"If-None-Match": a[1]["ETag"]})[0], 304)
    both = json.dumps({**json.loads(good), "manifests": []}).encode()
    check("manifests and layers in one body (CVE-2021-41190): 400", call("PUT", f"/v2/{r}/manifests/x", both, headers=MT)[0], 400)
    twice = good[:-1] + b', "layers": []}'
    check("a key twice (CVE-2014-8179): 400", call("PUT", f"/v2/{r}/manifests/x", twice, headers=MT)[0], 400)
    case = good[:-1] + b', "Layers": []}'
    check("a key in another case: 400", call("PUT", f"/v2/{r}/manifests/x", case, headers=MT)[0], 400)
    check("another media type: 400", call("PUT", f"/v2/{r}/manifests/x", good, headers={"Content-Type": "application/vnd.oci.image.index.v1+json"})[0], 400)
    check("schema 1: 400", call("PUT", f"/v2/{r}/manifests/x", b'{"schemaVersion":1,"fsLayers":[]}', headers=MT)[0], 400)
    check("another digest: 400", call("PUT", f"/v2/{r}/manifests/{sha(b'x')}", good, headers=MT)[0], 400)
    check("digests that are none (CVE-2024-3727)", {call("GET", f"/v2/{r}/{kind}/{d}")[0] for kind in ("manifests", "blobs") for d in
          ("sha256:..%2f..%2fx", "sha256:" + "A" * 64, "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + "g" * 64)} <= {400, 404}, True)
    check("a blob that is not here: 404", call("PUT", f"/v2/{r}/manifests/x", image(r, b"{}", [b"never seen"]), headers=MT)[0], 404)
    check("a size that lies: 400", call("PUT", f"/v2/{r}/manifests/x", good.replace(b'"size": 5', b'"size": 6'), headers=MT)[0], 400)
    check("too large: 413", call("PUT", f"/v2/{r}/manifests/x", b" " * (5 << 20), headers=MT)[0], 413)
    check("a child that is not here: 404", call("PUT", f"/v2/{r}/manifests/x", json.dumps({"schemaVersion": 2, "manifests": [
          {"mediaType": MT["Content-Type"], "digest": sha(b"x"), "size": 1}]}).encode(), headers={"Content-Type": "application/vnd.oci.image.index.v1+json"})[0], 404)
    check("a named blob is not removed: 405", call("DELETE", f"/v2/{r}/blobs/{sha(b'layer')}")[0], 405)
    status, h, _ = call("PUT", f"/v2/{r}/manifests/{sha(good)}?tag=a1&tag=a2", good, headers=MT)
    check("tags as parameters", (status, sorted(h.get_all("OCI-Tag") or [])), (201, ["a1", "a2"]))
    # a tag moves, and what is remembered of it goes at once
    put_blob(r, b"layer2")
    second = image(r, b"{}", [b"layer2"])
    for _ in range(3): call("GET", f"/v2/{r}/manifests/v1")
    call("PUT", f"/v2/{r}/manifests/v1", second, headers=MT)
    check("a tag that moved", call("GET", f"/v2/{r}/manifests/v1")[2] == second, True)
    check("a tag removed: 202", call("DELETE", f"/v2/{r}/manifests/v1")[0], 202)
    check("and gone: 404", call("GET", f"/v2/{r}/manifests/v1")[0], 404)
    check("immutable tags: first 201", call("PUT", "/v2/fixed/app/manifests/v1", setup("fixed/app", b"one"), headers=MT)[0], 201)
    check("immutable tags: then 403", call("PUT", "/v2/fixed/app/manifests/v1", setup("fixed/app", b"two"), headers=MT)[0], 403)
    check("quota: 403", put_blob("small/app", b"q" * 5000)[0], 403)

def setup(repo, layer, user="alice"):
    put_blob(repo, b"{}", user), put_blob(repo, layer, user)
    return image(repo, b"{}", [layer])

def lists():
    r = "team/lists"
    m = setup(r, b"l")
    for t in ("b", "a", "C", "_", "a.b"): call("PUT", f"/v2/{r}/manifests/{t}", m, headers=MT)
    tags = lambda q: call("GET", f"/v2/{r}/tags/list{q}")
    check("tags in byte order", json.loads(tags("")[2])["tags"], ["C", "_", "a", "a.b", "b"])
    status, h, b = tags("?n=2")
    seen = json.loads(b)["tags"]
    while h["Link"]:
        status, h, b = call("GET", h["Link"].split(">")[0][1:])
        seen += json.loads(b)["tags"]
    check("by pages of two", seen, ["C", "_", "a", "a.b", "b"])
    check("n=0: none", (json.loads(tags("?n=0")[2])["tags"], tags("?n=0")[1]["Link"]), ([], None))
    check("n of any size (CVE-2023-2253)", [tags(f"?n={n}")[0] for n in (2147483648, 10**30, -1, "x")], [200, 200, 400, 400])
    check("_catalog?n=2147483648", call("GET", "/v2/_catalog?n=2147483648")[0], 200)
    names = json.loads(call("GET", "/v2/_catalog")[2])["repositories"]
    check("the catalogue", r in names and names == sorted(names), True)
    put_blob("private/x", b"p", "root")
    call("PUT", "/v2/private/x/manifests/v", setup("private/x", b"p", "root"), "root", headers=MT)
    check("the catalogue shows what one may pull", ("private/x" in json.loads(call("GET", "/v2/_catalog", user="bob")[2])["repositories"],
          "private/x" in json.loads(call("GET", "/v2/_catalog", user="root")[2])["repositories"]), (False, True))
    subject = {"mediaType": MT["Content-Type"], "digest": sha(m), "size": len(m)}
    art = image(r, b"{}", [b"l"], subject=subject, artifactType="application/vnd.test.sig", annotations={"k": "v"})
    status, h, _ = call("PUT", f"/v2/{r}/manifests/{sha(art)}", art, headers=MT)
    check("a referrer: OCI-Subject", (status, h["OCI-Subject"]), (201, sha(m)))
    ref = lambda q="": call("GET", f"/v2/{r}/referrers/{sha(m)}{q}")
    check("referrers", [(e["digest"], e["artifactType"], e["annotations"]) for e in json.loads(ref()[2])["manifests"]], [(sha(art), "application/vnd.test.sig", {"k": "v"})])
    check("filtered", (len(json.loads(ref("?artifactType=a%2Fb")[2])["manifests"]), ref("?artifactType=a%2Fb")[1]["OCI-Filters-Applied"]), (0, "artifactType"))
    # the fallback tag of clients that do not know the list
    old = image(r, b"{}", [b"l"], artifactType="application/vnd.test.old")
    call("PUT", f"/v2/{r}/manifests/{sha(old)}", old, headers=MT)
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": MT["Content-Type"], "digest": sha(old), "size": len(old)}]}).encode()
    call("PUT", f"/v2/{r}/manifests/{sha(m).replace(':', '-')}", index, headers={"Content-Type": "application/vnd.oci.image.index.v1+json"})
    check("with those of the fallback tag", sorted(e["digest"] for e in json.loads(ref()[2])["manifests"]), sorted([sha(art), sha(old)]))

def rights():
    secret_blob = put_blob("private/x", b"nobody else's", "root")
    check("a blob of a repository one may not pull: HEAD 401 or 403", call("HEAD", f"/v2/private/x/blobs/{secret_blob}", user="bob")[0], 401, 403)
    check("the same through one's own repository: 404", call("HEAD", f"/v2/bob/y/blobs/{secret_blob}", user="bob")[0], 404)
    check("mounted from there (CVE-2024-39897): 202", call("POST", f"/v2/bob/y/blobs/uploads/?mount={secret_blob}&from=private/x", b"", "bob")[0], 202)
    check("mounted from anywhere: 202", call("POST", f"/v2/bob/y/blobs/uploads/?mount={secret_blob}", b"", "bob")[0], 202)
    put_blob("bob/y", b"{}", "bob")
    check("named in a manifest: 404", call("PUT", "/v2/bob/y/manifests/v", image("bob/y", b"{}", [b"nobody else's"]), "bob", headers=MT)[0], 404)
    put_blob("bob/y", b"nobody else's", "bob")
    check("after an upload of one's own: 200", call("HEAD", f"/v2/bob/y/blobs/{secret_blob}", user="bob")[0], 200)
    call("DELETE", f"/v2/bob/y/blobs/{secret_blob}", user="root")
    check("deleted here, there elsewhere (CVE-2026-35172): 404", call("HEAD", f"/v2/bob/y/blobs/{secret_blob}", user="bob")[0], 404)
    check("and still there: 200", call("HEAD", f"/v2/private/x/blobs/{secret_blob}", user="root")[0], 200)
    m = setup("bob/y", b"l", "bob")
    call("PUT", "/v2/bob/y/manifests/v", m, "bob", headers=MT)
    check("a right to push is none to delete: 401 or 403", {call("DELETE", f"/v2/bob/y/{p}", user="bob")[0] for p in ("manifests/v", f"manifests/{sha(m)}", f"blobs/{sha(b'l')}")} <= {401, 403}, True)
    check("existing and missing look alike without credentials", {call("GET", f"/v2/{p}", user=None)[0] for p in ("private/x/manifests/v", "private/none/manifests/v")}, {401})
    check("pushing into an upstream's names: 403", call("POST", "/v2/docker.io/library/x/blobs/uploads/", b"", "root")[0], 403)
    check("pulling what no upstream has as a name: 404", call("GET", "/v2/no.such.host/x/manifests/v", user="root")[0], 404)

def leave():
    where = start("team/app")
    call("PATCH", where, b"first half, ")
    print(where)

def go_on():
    where = sys.stdin.read().strip()
    data = b"first half, second half"
    status, h, _ = call("GET", where)
    check("an upload goes on after a restart", (status, h["Range"]), (204, "0-11"))
    check("and is completed", call("PUT", f"{where}?digest={sha(data)}", b"second half", headers={"Content-Range": "12-22"})[0], 201)
    check("with all its bytes", call("GET", f"/v2/team/app/blobs/{sha(data)}")[2], data)

def gated():
    r = "closed/app"
    d = put_blob(r, b"gated layer")
    put_blob(r, b"{}")
    check("its uploader may HEAD it: 200", call("HEAD", f"/v2/{r}/blobs/{d}")[0], 200)
    check("nobody else: 404", {call(m, f"/v2/{r}/blobs/{d}", user="root")[0] for m in ("HEAD", "GET")}, {404})
    m = image(r, b"{}", [b"gated layer"]).replace(b"application/vnd.test.config", b"application/vnd.oci.image.config.v1+json")
    check("pushed: 201", call("PUT", f"/v2/{r}/manifests/v", m, headers=MT)[0], 201)
    check("the pusher sees its manifest: 200", {call("GET", f"/v2/{r}/manifests/{ref}")[0] for ref in ("v", sha(m))}, {200})
    check("but not its layers' bytes", call("GET", f"/v2/{r}/blobs/{d}")[0], 404, 429)
    a, b = call("GET", f"/v2/{r}/manifests/v", user="root"), call("HEAD", f"/v2/{r}/manifests/v", user="root")
    check("others wait, then 429; HEAD alike", (a[0], b[0], a[1]["Retry-After"] is not None), (429, 429, True))
    check("mounting it elsewhere: 202", call("POST", f"/v2/team/app/blobs/uploads/?mount={d}&from={r}", b"", "root")[0], 202)

{"uploads": uploads, "ranges": ranges, "manifests": manifests, "lists": lists, "rights": rights, "leave": leave, "go-on": go_on, "gated": gated}[sys.argv[3]]()
sys.exit(failed)
