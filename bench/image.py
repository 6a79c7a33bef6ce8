#!/usr/bin/python3
"""Makes an OCI layout with gzip layers, or a plain docker-archive from one, without unpacking anything to disk.

  image.py layout OUT NAME LAYER...     LAYER: @OTHER (the layers of another layout), files:N, file:BYTES, or a shell command that prints a tar
  image.py archive OUT.tar NAME LAYOUT  the same image as an uncompressed docker-archive
"""
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zlib

CHUNK = 1 << 20
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Layer:
    """A blob being written: compressed on the way, both digests taken."""

    def __init__(self, layout):
        self.dir = os.path.join(layout, "blobs/sha256")
        self.path = os.path.join(self.dir, ".layer")
        self.file = open(self.path, "wb")
        self.stored, self.plain = hashlib.sha256(), hashlib.sha256()
        self.crc = self.n = self.stored_n = 0
        self.z = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.put(GZIP_HEADER)

    def put(self, b):
        self.file.write(b)
        self.stored.update(b)
        self.stored_n += len(b)

    def account(self, b):
        self.plain.update(b)
        self.crc = zlib.crc32(b, self.crc)
        self.n += len(b)

    def write(self, b):
        self.account(b)
        self.put(self.z.compress(b))

    def repeat(self, b, times):
        """The same bytes again and again, compressed only once (full flushes make the copies independent)."""
        self.put(self.z.flush(zlib.Z_FULL_FLUSH))
        packed = self.z.compress(b) + self.z.flush(zlib.Z_FULL_FLUSH)
        for _ in range(times):
            self.account(b)
            self.put(packed)

    def done(self):
        self.put(self.z.flush())
        self.put(self.crc.to_bytes(4, "little") + (self.n & 0xffffffff).to_bytes(4, "little"))
        self.file.close()
        os.rename(self.path, os.path.join(self.dir, self.stored.hexdigest()))
        return {"digest": "sha256:" + self.stored.hexdigest(), "size": self.stored_n,
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}, "sha256:" + self.plain.hexdigest()


def header(name, size, kind=tarfile.REGTYPE, mode=0o644):
    t = tarfile.TarInfo(name)
    t.size, t.type, t.mode, t.mtime, t.uname, t.gname = size, kind, mode, 1700000000, "root", "root"
    return t.tobuf(tarfile.GNU_FORMAT)


def many_files(layer, count):
    """COUNT small files, 1000 a directory; every second is empty, the others hold one line. Headers are made from one template."""
    template = header("srv/d0000/f000000000.txt", 0)
    for d in range((count + 999) // 1000):
        out = io.BytesIO()
        out.write(header("srv/d%04d/" % d, 0, tarfile.DIRTYPE, 0o755))
        for i in range(d * 1000, min(count, d * 1000 + 1000)):
            line = b"item %d of the catalogue\n" % i if i % 2 else b""
            h = bytearray(template)
            h[0:24] = b"srv/d%04d/f%09d.txt" % (d, i)
            h[124:135] = b"%011o" % len(line)
            h[148:154] = b"%06o" % (sum(h[:148]) + sum(h[156:]) + 256)
            out.write(h)
            if line:
                out.write(line + bytes(512 - len(line)))
        layer.write(out.getvalue())
    layer.write(bytes(1024))


def big_file(layer, size):
    """One file, half of it random bytes and half words: 64 MiB of that, repeated."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(4000)]
    parts, block = [], 64 << 20
    for _ in range(block // (2 << 20)):
        text = " ".join(rng.choices(words, k=200000)).encode()
        parts += [rng.randbytes(1 << 20), (text + text)[:1 << 20].ljust(1 << 20)]
    layer.write(header("srv/model.bin", size // block * block))
    layer.repeat(b"".join(parts), size // block)
    layer.write(bytes(1024))


def from_command(layer, command):
    with subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE) as p:
        while b := p.stdout.read(CHUNK):
            layer.write(b)
    if p.returncode:
        sys.exit("image.py: failed: " + command)


def read_layout(layout):
    def blob(digest):
        return os.path.join(layout, "blobs/sha256", digest[7:])
    with open(os.path.join(layout, "index.json")) as f:
        digest = json.load(f)["manifests"][0]["digest"]
    with open(blob(digest)) as f:
        manifest = json.load(f)
    with open(blob(manifest["config"]["digest"])) as f:
        config = json.load(f)
    return manifest, config, blob


def put_json(layout, value, media_type):
    b = json.dumps(value, separators=(",", ":")).encode()
    digest = hashlib.sha256(b).hexdigest()
    with open(os.path.join(layout, "blobs/sha256", digest), "wb") as f:
        f.write(b)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(b)}


def make_layout(out, name, specs):
    os.makedirs(os.path.join(out, "blobs/sha256"))
    layers, diff_ids, history = [], [], []
    for spec in specs:
        if spec.startswith("@"):
            manifest, config, blob = read_layout(spec[1:])
            for d in manifest["layers"]:
                shutil.copy(blob(d["digest"]), os.path.join(out, "blobs/sha256"))
            layers += manifest["layers"]
            diff_ids += config["rootfs"]["diff_ids"]
            history += config["history"]
            continue
        layer = Layer(out)
        kind, _, n = spec.partition(":")
        if kind == "files":
            many_files(layer, int(n))
        elif kind == "file":
            big_file(layer, int(n))
        else:
            from_command(layer, spec)
        descriptor, diff_id = layer.done()
        layers.append(descriptor)
        diff_ids.append(diff_id)
        history.append({"created": "2023-11-14T22:13:20Z", "created_by": "COPY " + name + " / # buildkit"})
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = {"architecture": arch, "os": "linux", "created": "2023-11-14T22:13:20Z",
              "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
              "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put_json(out, config, "application/vnd.oci.image.config.v1+json"), "layers": layers}
    descriptor = put_json(out, manifest, manifest["mediaType"])
    descriptor["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(os.path.join(out, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [descriptor]}, f)
    with open(os.path.join(out, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


class Counted:
    """A gzip stream read to its end once for its length, then again for its bytes."""

    @staticmethod
    def length(path):
        n = 0
        with gzip.open(path) as f:
            while b := f.read(CHUNK):
                n += len(b)
        return n


def make_archive(out, name, layout):
    manifest, config, blob = read_layout(layout)
    names = [d[7:] + ".tar" for d in config["rootfs"]["diff_ids"]]
    with open(blob(manifest["config"]["digest"]), "rb") as f:
        config_bytes = f.read()
    config_name = manifest["config"]["digest"][7:] + ".json"
    index = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": names}]).encode()
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        for descriptor, layer_name in zip(manifest["layers"], names):
            info = tarfile.TarInfo(layer_name)
            info.size = Counted.length(blob(descriptor["digest"]))
            with gzip.open(blob(descriptor["digest"])) as f:
                tar.addfile(info, f)
        for entry, b in ((config_name, config_bytes), ("manifest.json", index)):
            info = tarfile.TarInfo(entry)
            info.size = len(b)
            tar.addfile(info, io.BytesIO(b))


def main(argv):
    if len(argv) >= 5 and argv[1] == "layout":
        make_layout(argv[2], argv[3], argv[4:])
    elif len(argv) == 5 and argv[1] == "archive":
        make_archive(argv[2], argv[3], argv[4])
    else:
        sys.exit(__doc__)


main(sys.argv)
