#!/usr/bin/env python3
"""A small registry client for tests: exact control over what is sent, which real clients do not give.

reg.py image DIR [--file PATH=TEXT]... [--script PATH=TEXT]... [--entrypoint JSON] [--platform OS/ARCH] [--seed TEXT]   makes a one-layer image in DIR, prints its digest
reg.py push URL REPO TAG DIR [--user U:P]      pushes blobs and manifest of DIR, prints digest
reg.py index URL REPO TAG DIGEST=OS/ARCH...    pushes an index of manifests that are there
reg.py artifact URL REPO TAG TYPE TEXT [--subject DIGEST] [--config TYPE=JSON] [--layer FILE]   pushes an artifact with one layer (TEXT, or FILE);
                                               with --config it has no artifactType, as Helm and cosign write it
reg.py dir DIR                                 adds what makes an image's DIR one that skopeo reads as dir:DIR
reg.py blob URL REPO TEXT                      pushes a blob, prints its digest
"""
import base64, gzip, hashlib, io, json, os, sys, tarfile, urllib.request, urllib.error, urllib.parse

OCI = "application/vnd.oci.image."

def digest(b): return "sha256:" + hashlib.sha256(b).hexdigest()

def options(args, names):
    found, rest = {n: [] for n in names}, []
    while args:
        a = args.pop(0)
        if a.startswith("--") and a[2:] in found: found[a[2:]].append(args.pop(0))
        else: rest.append(a)
    return found, rest

class Registry:
    def __init__(self, url, user=None):
        self.url, self.headers = url.rstrip("/"), {}
        if user: self.headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    def call(self, method, path, body=None, headers=None, ok=(200, 201, 202, 204)):
        url = path if path.startswith("http") else self.url + path
        q = urllib.request.Request(url, data=body, method=method, headers={**self.headers, **(headers or {})})
        try:
            with urllib.request.urlopen(q, timeout=120) as r: status, data, h = r.status, r.read(), r.headers
        except urllib.error.HTTPError as e: status, data, h = e.code, e.read(), e.headers
        if status not in ok:
            sys.exit(f"{method} {path}: {status} {data[:600].decode(errors='replace')}")
        return status, data, h
    def blob(self, repo, data):
        d = digest(data)
        _, _, h = self.call("POST", f"/v2/{repo}/blobs/uploads/", b"")
        where = urllib.parse.urljoin(self.url + "/", h["Location"])
        self.call("PUT", where + ("&" if "?" in where else "?") + "digest=" + d, data, {"Content-Type": "application/octet-stream"})
        return d
    def manifest(self, repo, ref, body, kind):
        self.call("PUT", f"/v2/{repo}/manifests/{ref}", body, {"Content-Type": kind})
        return digest(body)

def make_image(where, files, scripts, entrypoint, platform, seed):
    os.makedirs(where, exist_ok=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for mode, items in ((0o644, files), (0o755, scripts)):
            for item in items:
                name, text = item.split("=", 1)
                data = text.encode()
                i = tarfile.TarInfo(name.lstrip("/")); i.size, i.mode, i.mtime = len(data), mode, 1700000000
                t.addfile(i, io.BytesIO(data))
    tar = out.getvalue()
    layer = gzip.compress(tar, mtime=0)
    os_, arch = platform.split("/")[:2]
    config = json.dumps({"architecture": arch, "os": os_, "created": "2023-11-14T22:13:20Z", "author": seed, "config": {"Entrypoint": entrypoint},
                         "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
                         "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "COPY . / # test"}]}).encode()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                           "config": {"mediaType": OCI + "config.v1+json", "digest": digest(config), "size": len(config)},
                           "layers": [{"mediaType": OCI + "layer.v1.tar+gzip", "digest": digest(layer), "size": len(layer)}]}).encode()
    for name, data in (("layer", layer), ("config", config), ("manifest", manifest)):
        with open(os.path.join(where, name), "wb") as f: f.write(data)
    return digest(manifest)

def main():
    command, args = sys.argv[1], sys.argv[2:]
    o, rest = options(args, ["file", "script", "entrypoint", "platform", "seed", "user", "subject", "config", "layer"])
    user = o["user"][0] if o["user"] else None
    if command == "image":
        # /etc/os-release makes it an image of a system that the demonstration's advisories know
        release = "etc/os-release=ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\n"
        print(make_image(rest[0], [release] + o["file"], o["script"], json.loads(o["entrypoint"][0]) if o["entrypoint"] else None,
                         o["platform"][0] if o["platform"] else "linux/amd64", o["seed"][0] if o["seed"] else ""))
        return
    if command == "dir":
        for name in ("layer", "config"):
            data = open(os.path.join(rest[0], name), "rb").read()
            with open(os.path.join(rest[0], digest(data)[7:]), "wb") as f: f.write(data)
        with open(os.path.join(rest[0], "manifest.json"), "wb") as f: f.write(open(os.path.join(rest[0], "manifest"), "rb").read())
        with open(os.path.join(rest[0], "version"), "w") as f: f.write("Directory Transport Version: 1.1\n")
        return
    r, repo = Registry(rest[0], user), rest[1]
    if command == "push":
        tag, where = rest[2], rest[3]
        read = lambda n: open(os.path.join(where, n), "rb").read()
        r.blob(repo, read("layer")); r.blob(repo, read("config"))
        body = read("manifest")
        print(r.manifest(repo, tag or digest(body), body, OCI + "manifest.v1+json"))
    elif command == "index":
        children = []
        for item in rest[3:]:
            d, platform = item.split("=", 1)
            _, body, h = r.call("GET", f"/v2/{repo}/manifests/{d}") if not os.path.isdir(d) else (0, open(os.path.join(d, "manifest"), "rb").read(), {"Content-Type": OCI + "manifest.v1+json"})
            children.append({"mediaType": h["Content-Type"], "digest": digest(body), "size": len(body),
                             "platform": dict(zip(("os", "architecture", "variant"), platform.split("/")))})
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": children}).encode()
        print(r.manifest(repo, rest[2], body, OCI + "index.v1+json"))
    elif command == "artifact":
        tag, kind, text = rest[2], rest[3], rest[4].encode()
        if o["layer"]: text = open(o["layer"][0], "rb").read()
        config_type, config = o["config"][0].split("=", 1) if o["config"] else ("application/vnd.oci.empty.v1+json", "{}")
        empty = r.blob(repo, config.encode()); layer = r.blob(repo, text)
        m = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "artifactType": kind,
             "config": {"mediaType": config_type, "digest": empty, "size": len(config)},
             "layers": [{"mediaType": kind, "digest": layer, "size": len(text)}]}
        if o["config"]: del m["artifactType"]
        if o["subject"]:
            _, body, h = r.call("GET", f"/v2/{repo}/manifests/{o['subject'][0]}")
            m["subject"] = {"mediaType": h["Content-Type"], "digest": digest(body), "size": len(body)}
        body = json.dumps(m).encode()
        print(r.manifest(repo, tag or digest(body), body, OCI + "manifest.v1+json"))
    elif command == "blob":
        print(r.blob(repo, rest[2].encode()))
    else:
        sys.exit(__doc__)

main()
